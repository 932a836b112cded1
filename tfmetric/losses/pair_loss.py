"""The base of the losses that depend only on a matrix of distances."""

from typing import Any

from keras import ops

from tfmetric import distances
from tfmetric.losses import _inputs, matching
from tfmetric.losses._pairs import all_pairs, class_members
from tfmetric.losses.base import EmbeddingLoss, Terms
from tfmetric.losses.references import References
from tfmetric.losses.streaming import FACTORS, Held, in_blocks, streamed_or_held
from tfmetric.mining import label_masks
from tfmetric.typing import Array, Distance, Match, Tensor


class PairLoss(EmbeddingLoss):
    """Base of the losses that depend only on the distances of pairs.

    A subclass implements :meth:`pair_terms`. This class handles labels of any kind, references and
    every distance.

    Args:
        distance: "euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan", "snr",
            "hamming", "jaccard" or a function; see :func:`tfmetric.distances.get`.
        match: Which pairs are positive. None: equal class ids. "any_shared": labels ``(B, L)`` of
            zeros and ones that share a one. "given": ``y_true`` ``(B, B)`` says so pair by pair, by
            1 for a positive, -1 for a negative and 0 for neither; see :func:`given_pairs`. Or a
            function of labels ``(B, 1, ...)`` and ``(1, N, ...)`` that returns ``(B, N)`` booleans,
            or signed numbers: 1, -1 and 0 for neither. With a function ``y_true`` may have any
            shape ``(B, ...)``.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
        gather: As in :class:`EmbeddingLoss`.
    """

    def __init__(
        self,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = None,
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype, gather=gather)
        self.distance = distances.get(distance)
        self.match = matching.get(match)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """Computes the terms of each anchor from sums and extremes over its negatives.

        A loss in this form holds no matrix of all pairs: its negatives are reduced strip by strip,
        at about two matrix products for forward and backward together.

        Args:
            positives: :class:`tfmetric.losses.streaming.Held`: the distances of each anchor's
                positives, a matrix ``distance`` with a ``mask``, and their ``number``.
            negatives: The same ``number``, and ``reduce``, which takes any of
                :class:`~tfmetric.losses.streaming.Sum`, ``Count``, ``LogSumExp``, ``Smallest`` and
                ``Largest`` and returns a ``(B,)`` tensor for each. Reduce all independent
                quantities in one call to save matrix products.
        """
        raise NotImplementedError

    def pair_terms(self, matrix: Tensor, positives: Tensor, negatives: Tensor) -> Terms:
        """Computes the terms of each anchor from a matrix of all pairs.

        A loss overrides this method or :meth:`anchor_terms`, which this method calls by default.

        Args:
            matrix: ``(B, N)`` distances.
            positives: ``(B, N)`` booleans: matches the anchor and is not the anchor itself.
            negatives: ``(B, N)`` booleans: does not match the anchor.
        """
        return self.anchor_terms(Held(matrix, positives), Held(matrix, negatives))

    def terms(
        self, labels: Array, embeddings: Array, references: References | None = None
    ) -> Terms:
        """See :class:`EmbeddingLoss`."""
        if not self.streams():
            return self._by_rows(labels, embeddings, references)
        return Terms(
            *streamed_or_held(
                self.anchor_terms,
                lambda x, references: self._by_rows(labels, x, references),
                labels,
                embeddings,
                references,
                self.distance,
            )
        )

    def streams(self) -> bool:
        """Returns whether the loss and its distance need no matrix of all pairs."""
        kind = type(self)
        return (
            self.match is None
            and self.distance.builtin in FACTORS
            and kind.pair_terms is PairLoss.pair_terms
            and kind.anchor_terms is not PairLoss.anchor_terms
        )

    def _by_rows(self, labels, embeddings, references):
        """Computes the terms from whole rows of the matrix, a block of anchors at a time."""
        if references is None:
            own = ops.arange(ops.shape(embeddings)[0], dtype="int32")
            references = References._make((labels, embeddings, own, None, None))
        members = None
        if self.match is None and self.distance.within is not None:
            members = class_members(references.labels, references.embeddings)

        def some(x, y, labels, *own):
            given = references._replace(embeddings=y, own=own[0] if own else None)
            return tuple(self.row_terms(labels, x, given, members))

        rows = (labels,) if references.own is None else (labels, references.own)
        return Terms(*in_blocks(some, embeddings, references.embeddings, rows))

    def row_terms(
        self,
        labels: Array,
        embeddings: Array,
        references: References | None = None,
        members: Any = None,
    ) -> Terms:
        """Computes :meth:`terms` from whole rows of the matrix held in memory."""
        return self.pair_terms(*self.pairs(labels, embeddings, references, members))

    def pairs(
        self,
        labels: Array,
        embeddings: Array,
        references: References | None = None,
        members: Any = None,
    ) -> Any:
        """Converts the arguments of :meth:`terms` to the matrix and masks of :meth:`pair_terms`."""
        if references is None:
            positives, negatives = label_masks(labels, match=self.match)
        else:
            others, _, own, valid, _ = references
            positives, negatives = label_masks(labels, others, own, self.match, valid)
        if self.match is None:
            matrix = all_pairs(labels, embeddings, self.distance, references, members)
        else:
            others = embeddings if references is None else references.embeddings
            matrix = self.distance.pairwise(embeddings, others)
        return matrix, positives, negatives

    def read_labels(self, y_true: Tensor) -> Any:
        """Returns class ids, or unchanged labels with ``match``."""
        if self.match is None:
            return super().read_labels(y_true)
        return _inputs.labels_as_given(y_true)

    def get_config(self) -> dict[str, Any]:
        """Returns every argument; a named ``match`` is stored by its name."""
        config = super().get_config()
        return {**config, "match": matching.serialize(self.match)} if "match" in config else config


def similarities(matrix, distance):
    """Converts distances to similarities: 1 − d for the cosine distance, −d for every other."""
    return ops.subtract(1.0, matrix) if distance.builtin == "cosine" else ops.negative(matrix)
