"""An embedding's figures beside those of the raw inputs and of the untrained embedder."""

import json
import math
import random
from dataclasses import dataclass, field

import keras
import numpy as np

from tfmetric.datasets.labeled import LabeledData
from tfmetric.evaluation.embedding import embed, inputs_of, labels_of
from tfmetric.evaluation.retrieval.retrieval import RetrievalResult, retrieval
from tfmetric.evaluation.statistics.group_table import GroupTable

# Comparing raw inputs is a matrix product as wide as the inputs: past this many multiplications
# (about 10 s on two cores) a sample of the queries must do, past this memory nothing does.
_RAW_PRODUCTS = 2.5e11
_RAW_BYTES = 2**31


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Retrieval figures of a model, with the two baselines that tell what they are worth.

    The figures of the model can be read here directly: ``result.recall_at[1]``,
    ``result.map_at_r``, ...

    Attributes:
        retrieval: Figures of the model's embeddings.
        raw: Figures of the flattened inputs, or None.
        untrained: Figures of the same architecture with fresh weights, or None. Its batch
            normalisation runs in inference mode with untouched moving averages.
        notes: Why a baseline is missing or rests on a sample of the queries.
        embeddings: (N, D) the model's embeddings in the order of the data, for other figures and
            pictures of them.
    """

    retrieval: RetrievalResult
    raw: RetrievalResult | None = None
    untrained: RetrievalResult | None = None
    notes: tuple[str, ...] = ()
    embeddings: np.ndarray | None = field(default=None, repr=False)

    @property
    def recall_at(self) -> dict[int, float]:
        """Recall@k of the model."""
        return self.retrieval.recall_at

    @property
    def precision_at(self) -> dict[int, float]:
        """Precision@k of the model."""
        return self.retrieval.precision_at

    @property
    def r_precision(self) -> float:
        """R-precision of the model."""
        return self.retrieval.r_precision

    @property
    def map_at_r(self) -> float:
        """MAP@R of the model."""
        return self.retrieval.map_at_r

    @property
    def mrr(self) -> float:
        """MRR of the model."""
        return self.retrieval.mrr

    @property
    def num_queries(self) -> int:
        """Queries that the model's figures are means over."""
        return self.retrieval.num_queries

    @property
    def num_left_out(self) -> int:
        """Queries without another example of their class."""
        return self.retrieval.num_left_out

    def figures(self) -> dict[str, float]:
        """All figures of the model by name."""
        return self.retrieval.figures()

    def interval(self, figure: str = "map_at_r") -> tuple[float, float]:
        """The 95 % interval of a figure of the model, for new classes like these."""
        return self.retrieval.interval(figure)

    def by_group(self, groups, figure: str = "map_at_r", **arguments) -> GroupTable:
        """A figure of the model by groups, as ``RetrievalResult.by_group`` has it."""
        return self.retrieval.by_group(groups, figure, **arguments)

    def verdict(self) -> str:
        """In plain words: is the learned embedding better than each baseline?

        "WORSE than" where MAP@R is lower, whatever recall says; "better than" where MAP@R and
        recall are both higher; else "no clear gain over".
        """
        baselines = (("raw inputs", self.raw), ("untrained embedder", self.untrained))
        sentences = [self._against(name, b) for name, b in baselines if b and b.num_queries]
        return "\n".join(sentences) or "There is no baseline to compare with."

    def _against(self, name, baseline):
        k = min(self.retrieval.ks)
        recall, other = self.recall_at[k], baseline.recall_at[k]
        if self.map_at_r < baseline.map_at_r:  # MAP@R sees the whole class, recall one hit.
            word = "WORSE than"
        elif recall > other and self.map_at_r > baseline.map_at_r:
            word = "better than"
        else:
            word = "no clear gain over"
        return (
            f"The learned embedding is {word} the {name}: recall@{k} {recall:.3f} against "
            f"{other:.3f}, MAP@R {self.map_at_r:.3f} against {baseline.map_at_r:.3f}."
        )

    def summary(self) -> str:
        """The figures of the model, a table with the baselines, and the verdict."""
        lines = [self.retrieval.summary()]
        if self.raw is not None or self.untrained is not None:
            k = min(self.retrieval.ks)
            lines += ["", f"{'':<16}{f'recall@{k}':>10}{'MAP@R':>10}{'queries':>10}"]
            rows = (("learned", self.retrieval), ("raw inputs", self.raw))
            for name, result in (*rows, ("untrained", self.untrained)):
                if result is not None:
                    lines.append(
                        f"  {name:<14}{result.recall_at[k]:>10.4f}{result.map_at_r:>10.4f}"
                        f"{result.num_queries:>10,}"
                    )
            if self.untrained is not None:
                lines.append("  (untrained: fresh weights, batch normalisation in inference mode)")
        lines += [f"  Note: {note}." for note in self.notes]
        return "\n".join([*lines, self.verdict()])

    def to_dict(self) -> dict:
        """All figures as plain Python values, the model's at the top."""
        return {
            **self.retrieval.to_dict(),
            "raw": self.raw and self.raw.to_dict(),
            "untrained": self.untrained and self.untrained.to_dict(),
            "notes": list(self.notes),
            "verdict": self.verdict(),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def evaluate(
    model,
    data,
    distance="euclidean",
    ks=(1, 5, 10),
    baselines: bool = True,
    batch_size: int = 256,
    seed: int = 0,
) -> Evaluation:
    """Embeds ``data`` and says how well its classes are found, against two baselines.

    Judge a model on classes that it has not been trained on. With few training classes a learned
    embedding can be worse on new ones than the raw inputs are, so the figures of the raw inputs
    come beside it, and those of the same architecture untrained.

    Args:
        model: An embedder, a ``keras.Model`` from inputs to (B, D).
        data: A ``LabeledData`` or a pair (inputs, labels).
        distance: Name or function, see :func:`tfmetric.distances.get`. The raw inputs are
            compared by the same one.
        ks: The k of recall@k and precision@k.
        baselines: Whether the two baselines are computed; False saves their time.
        batch_size: Examples embedded at a time.
        seed: Seed of the untrained weights and of the sample of queries for large raw inputs.

    Returns:
        An :class:`Evaluation`.

    Raises:
        ValueError: If the data has no labels, or an embedding is NaN or infinite.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x = np.random.default_rng(0).normal(size=(8, 6))
    >>> result = evaluate(tm.models.embedder((6,)), (x, [0, 0, 1, 1, 2, 2, 3, 3]), ks=(1,))
    >>> sorted(result.recall_at)
    [1]
    """
    labels = labels_of(data)
    embeddings = embed(model, data, batch_size)
    learned = retrieval(embeddings, labels, distance=distance, ks=ks)
    if not baselines:
        return Evaluation(learned, embeddings=embeddings)
    raw, raw_note = raw_inputs(data, labels, distance, ks, seed)
    untrained, untrained_note = _untrained(model, data, labels, distance, ks, batch_size, seed)
    notes = tuple(note for note in (raw_note, untrained_note) if note)
    return Evaluation(learned, raw, untrained, notes, embeddings)


def raw_inputs(data, labels, distance, ks, seed):
    """Figures of the flattened inputs, None where they would take too much; and a note on them."""
    if isinstance(data, LabeledData):
        width, size = math.prod(data.element_shape), np.dtype(data.dtype).itemsize
    else:
        inputs = inputs_of(data)
        if inputs.dtype.kind not in "fiub":
            return None, "no figure for raw inputs, which are not numbers"
        width, size = math.prod(inputs.shape[1:]), inputs.itemsize
    count = len(labels)
    if count * width * max(size, 4) > _RAW_BYTES:
        gib = count * width * 4 / 2**30
        return None, f"no figure for raw inputs, which would take {gib:.1f} GiB of memory"
    queries = max(100, int(_RAW_PRODUCTS / max(1, count * width)))
    sample, note = None, ""
    if queries < count:
        sample = np.sort(np.random.default_rng(seed).choice(count, queries, replace=False))
        note = f"the figures of the raw inputs rest on a random sample of {queries:,} queries"
    flat = inputs_of(data).reshape(count, -1)
    return retrieval(flat, labels, distance=distance, ks=ks, queries=sample), note


def _untrained(model, data, labels, distance, ks, batch_size, seed):
    try:
        twin = _fresh(model, seed)
    except Exception as error:  # A model of the user's own may not be clonable, for any reason.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, f"no figure for the untrained embedder, which cannot be cloned: {reason}"
    return retrieval(embed(twin, data, batch_size), labels, distance=distance, ks=ks), ""


def _fresh(model, seed):
    # Keras seeds initialisers that have no seed of their own from Python's random module.
    state = random.getstate()
    random.seed(seed)
    try:
        return keras.models.clone_model(model)
    finally:
        random.setstate(state)
