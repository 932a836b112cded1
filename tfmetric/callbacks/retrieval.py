"""Computes retrieval figures during fit."""

from numbers import Integral
from typing import Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.callbacks.each_epoch import EachEpoch
from tfmetric.evaluation import embed, retrieval
from tfmetric.evaluation.checked_arrays import check_ks
from tfmetric.evaluation.examples_and_labels import as_pair, labels_of, labels_of_both
from tfmetric.evaluation.model_distance import judging_distance
from tfmetric.evaluation.retrieval.figures import figure_names, find_figure
from tfmetric.typing import Distance


class RetrievalEvaluation(EachEpoch):
    """Embeds ``data`` after an epoch and writes its retrieval figures into the logs.

    The progress bar, the history and every later callback in the list see ``val_recall_at_1``,
    ``val_precision_at_1``, ..., ``val_r_precision``, ``val_map_at_r`` and ``val_mrr``: put it
    before EarlyStopping, ModelCheckpoint and TensorBoard, and use ``mode="max"`` there. Judge a
    search by ``val_map_at_r``, not by ``val_loss``: a margin rescales the loss.

    With ``known`` it also evaluates training classes separately: if ``known_map_at_r`` rises while
    ``val_map_at_r`` falls, the embedding overfits its classes. With ``known_prefix=""`` TensorBoard
    draws both in one chart.

    The figures are written every epoch: with ``every`` above 1, an epoch without an evaluation
    repeats the last figures, so that other callbacks can monitor them. The first epoch is always
    evaluated.

    It can be deep-copied, as Keras Tuner does, and used in several fits. A copy shares the data and
    the ``embedder``.

    Args:
        data: A ``LabeledData`` or a pair (inputs, labels), preferably of classes not used in
            training.
        every: Number of epochs between evaluations. Defaults to 1.
        gallery: The examples to search, in the form of ``data``: the training part, or some of it,
            for a closed set. Defaults to None: each example is searched among all others.
        distance: Name or function, see :func:`tfmetric.distances.get`. Defaults to None: the
            distance of the model's compiled loss, or euclidean if the loss has none.
        ks: The k of recall@k and precision@k, one or several. Defaults to (1, 5).
        prefix: Prefix of the names in the logs. Defaults to ``"val_"``.
        batch_size: Examples embedded at a time. Defaults to 256.
        max_queries: Size of a random sample of queries, the same in each epoch; all examples stay
            in the gallery. Defaults to None: all.
        embedder: The model to evaluate. Defaults to None: the trained model. Pass it when training
            a siamese or triplet model.
        gallery_embedder: The model that embeds the gallery, such as ``model.candidate`` of two
            towers, with ``embedder=model.query``. Defaults to None: the same model.
        seed: Seed of the sample of queries.
        known: Data of training classes, in the form of ``data``; a subset of the training data is
            enough. Defaults to None: not evaluated.
        known_prefix: What the names of the figures of ``known`` begin with. Defaults to
            ``"known_"``.
        figures: Names of the figures to write, of those that
            :meth:`tfmetric.evaluation.RetrievalResult.figures` gives, such as
            ``("recall_at_1", "map_at_r")``. Defaults to None: recall@k, precision@k, R-precision,
            MAP@R, MRR, and what :func:`tfmetric.evaluation.register_figure` has added.

    Attributes:
        result: The last :class:`tfmetric.evaluation.RetrievalResult`, None before the first.
        known_result: That of ``known``.

    Raises:
        ValueError: If an argument makes no sense; during fit, if an embedding is NaN or infinite.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 4
    >>> model = tm.models.embedder((3,), embedding_dim=2)
    >>> model.compile("adam", loss=tm.losses.TripletLoss())
    >>> judge = RetrievalEvaluation((x, labels), ks=(1,))
    >>> sorted(model.fit(x, labels, verbose=0, callbacks=[judge]).history)[1:]
    ['val_map_at_r', 'val_mrr', 'val_precision_at_1', 'val_r_precision', 'val_recall_at_1']
    """

    def __init__(
        self,
        data: Any,
        every: int = 1,
        *,
        gallery: Any = None,
        distance: Distance | None = None,
        ks: Any = (1, 5),
        prefix: str = "val_",
        batch_size: int = 256,
        max_queries: int | None = None,
        embedder: keras.Model | None = None,
        gallery_embedder: keras.Model | None = None,
        seed: int = 0,
        known: Any = None,
        known_prefix: str = "known_",
        figures: Any = None,
    ):
        super().__init__(every)
        whole = isinstance(max_queries, Integral) and not isinstance(max_queries, bool)
        if max_queries is not None and not (whole and max_queries > 0):
            raise ValueError(
                expected("max_queries to be an integer above 0", max_queries=max_queries)
            )
        if gallery_embedder is not None and gallery is None:
            raise ValueError(expected("a gallery with gallery_embedder", gallery=None))
        self.data = as_pair(data)
        self.distance = None if distance is None else distances.get(distance)
        self.gallery = as_pair(gallery)
        self.labels, self.gallery_labels = labels_of_both(data, gallery)
        self.ks = check_ks(ks)
        self.prefix = prefix
        self.batch_size = batch_size
        self.embedder, self.gallery_embedder = embedder, gallery_embedder
        self.queries = _sample(len(self.labels), max_queries, seed)
        self.known = as_pair(known)
        self.known_prefix = known_prefix
        if known is not None:
            if known_prefix == prefix:
                raise ValueError(
                    expected("another known_prefix than prefix", known_prefix=known_prefix)
                )
            self.known_labels = labels_of(known)
            self.known_queries = _sample(len(self.known_labels), max_queries, seed)
        self.wanted = _check_figures(figures, self.ks)
        self.result = self.known_result = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Resets the figures of an earlier fit."""
        super().on_train_begin(logs)
        self.result = self.known_result = None

    def evaluated(self, epoch: int) -> dict[str, float]:
        """Returns the figures of the data and of the known classes."""
        self.result = self._evaluate(
            epoch, self.data, self.labels, self.queries, self.gallery, self.gallery_labels
        )
        figures = self._named(self.prefix, self.result)
        if self.known is not None:
            self.known_result = self._evaluate(
                epoch, self.known, self.known_labels, self.known_queries
            )
            figures |= self._named(self.known_prefix, self.known_result)
        return figures

    def _named(self, prefix, result):
        figures = result.figures()
        return {f"{prefix}{name}": figures[name] for name in self.wanted}

    def _evaluate(self, epoch, data, labels, queries, gallery=None, gallery_labels=None):
        return retrieval(
            self._embedded(epoch, data, self.embedder),
            labels,
            None
            if gallery is None
            else self._embedded(epoch, gallery, self.gallery_embedder or self.embedder),
            gallery_labels,
            distance=judging_distance(self.model, self.distance)[0],
            ks=self.ks,
            queries=queries,
            progress=False,
        )

    def _embedded(self, epoch, data, embedder):
        model = self.model if embedder is None else embedder
        embeddings = embed(model, data, self.batch_size)
        bad = ~np.isfinite(embeddings).all(axis=1)
        if bad.any():
            raise ValueError(
                expected(
                    "finite embeddings; training has diverged: lower the learning rate, clip the "
                    "gradients (clipnorm=1.0), or check the inputs for NaN",
                    epoch=epoch + 1,
                    rows_not_finite=int(bad.sum()),
                    of=len(bad),
                )
            )
        return embeddings


def _sample(count, most, seed):
    """Returns the same queries in each epoch; None for all."""
    if most is None or most >= count:
        return None
    return np.sort(np.random.default_rng(seed).choice(count, most, False))


def _check_figures(figures, ks):
    all_names = figure_names(ks)
    if figures is None:
        return [name for name in all_names if find_figure(name)[0].logged]
    chosen = [figures] if isinstance(figures, str) else list(figures)
    if not chosen or not set(chosen) <= set(all_names):
        raise ValueError(expected(f"figures to be some of {', '.join(all_names)}", figures=figures))
    return chosen
