"""Judges two towers on the links or grades of a relation during fit."""

from typing import Any

from tfmetric._errors import expected
from tfmetric.callbacks.each_epoch import EachEpoch
from tfmetric.datasets.relation import Relation
from tfmetric.evaluation import RelationEvaluation, evaluate_relation
from tfmetric.evaluation.checked_arrays import check_ks
from tfmetric.evaluation.ranking.figures import figure_names
from tfmetric.typing import Distance

_GRADED = ("spearman", "pearson")
_SHOWN = ("recall_at_", "ndcg_at_", "mrr")


class LinkEvaluation(EachEpoch):
    """Judges the two towers on ``relation`` after an epoch and writes the figures into the logs.

    The progress bar, the history and every later callback see ``val_recall_at_10``,
    ``val_ndcg_at_10``, ``val_mrr``, or ``val_spearman`` and ``val_pearson`` for grades: put it
    before EarlyStopping and ModelCheckpoint, and use ``mode="max"`` there.

    Args:
        relation: Links that are in no training batch, as for
            :func:`tfmetric.evaluation.evaluate_relation`; its ``seen`` links are not ranked.
        every: Number of epochs between evaluations.
        graded: Whether scores of links are grades; None for whether the loss of the model is one
            on graded pairs.
        distance: Name or function; None for that of the model's loss.
        ks: The k of the figures at k, one or several.
        prefix: Prefix of the names in the logs.
        batch_size: Elements embedded at a time.
        figures: Names of the figures to write, of those that the result has; None for recall@k,
            nDCG@k and MRR, or both correlations.

    Attributes:
        result: The last :class:`tfmetric.evaluation.RelationEvaluation`, None before the first.

    Raises:
        ValueError: If an argument makes no sense; during fit, if an embedding is NaN or infinite.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> users, items = (tm.datasets.from_arrays(np.eye(n, 8), np.arange(n)) for n in (6, 5))
    >>> links = [[0, 0], [1, 1], [2, 4], [3, 1], [4, 2], [5, 3]]
    >>> train, test = tm.datasets.Relation(users, items, links).split("links", test_fraction=0.3)
    >>> model = tm.models.two_tower(tm.models.embedder((8,), embedding_dim=4))
    >>> model.compile("adam", loss=tm.losses.InBatchSoftmaxLoss())
    >>> judge = LinkEvaluation(test, ks=3)
    >>> sorted(model.fit(train.batches(4), verbose=0, shuffle=False, callbacks=[judge]).history)
    ['loss', 'val_mrr', 'val_ndcg_at_3', 'val_recall_at_3']
    """

    def __init__(
        self,
        relation: Relation,
        every: int = 1,
        *,
        graded: bool | None = None,
        distance: Distance | None = None,
        ks: Any = (1, 10),
        prefix: str = "val_",
        batch_size: int = 256,
        figures: Any = None,
    ):
        super().__init__(every)
        if not isinstance(relation, Relation):
            raise ValueError(expected("a datasets.Relation", relation=type(relation).__name__))
        self.relation, self.graded, self.distance = relation, graded, distance
        self.ks, self.prefix, self.batch_size = check_ks(ks), prefix, batch_size
        self.wanted = None if figures is None else _checked(figures, self.ks)
        self.result: RelationEvaluation | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Resets the figures of an earlier fit."""
        super().on_train_begin(logs)
        self.result = None

    def evaluated(self, epoch: int) -> dict[str, float]:
        """Returns the figures of the model as it is."""
        self.result = evaluate_relation(
            self.model,
            self.relation,
            graded=self.graded,
            distance=self.distance,
            ks=self.ks,
            baselines=False,
            batch_size=self.batch_size,
            progress=False,
        )
        found = self.result.figures()
        wanted = self.wanted
        if wanted is None:
            wanted = [name for name in found if name in _GRADED or name.startswith(_SHOWN)]
            wanted = [name for name in wanted if not name.startswith("mrr_at")]
        if not set(wanted) <= set(found):
            raise ValueError(
                expected(f"figures to be some of {', '.join(found)}", figures=list(wanted))
            )
        return {f"{self.prefix}{name}": found[name] for name in wanted}


def _checked(figures, ks):
    chosen = [figures] if isinstance(figures, str) else list(figures)
    known = {*figure_names(ks), *_GRADED}
    if not chosen or not set(chosen) <= known:
        raise ValueError(
            expected(f"figures to be some of {', '.join(sorted(known))}", figures=figures)
        )
    return chosen
