"""The base of the losses that are a function of one matrix of distances."""

from keras import ops

from tfmetric import distances
from tfmetric.losses import _inputs, matching
from tfmetric.losses._pairs import all_pairs
from tfmetric.losses.base import EmbeddingLoss, References, Terms
from tfmetric.mining import label_masks


class PairLoss(EmbeddingLoss):
    """Base of the losses that see nothing but the distances of pairs.

    A subclass implements :meth:`pair_terms`; labels of any kind, other references than the batch,
    and every distance are then handled here.

    Args:
        distance: "euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan", "snr",
            "hamming", "jaccard" or a function; see :func:`tfmetric.distances.get`.
        match: Who belongs together: None, equal class ids; "any_shared", labels ``(B, L)`` of
            zeros and ones that have a one in common; or a function of labels ``(B, 1, ...)`` and
            ``(1, N, ...)`` that returns ``(B, N)`` booleans. With a function ``y_true`` may have
            any shape ``(B, ...)``.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
        gather: As in :class:`EmbeddingLoss`.
    """

    def __init__(
        self,
        distance="cosine",
        match=None,
        reduction="auto",
        name=None,
        dtype=None,
        gather="local",
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype, gather=gather)
        self.distance = distances.get(distance)
        self.match = matching.get(match)

    def pair_terms(self, matrix, positives, negatives) -> Terms:
        """The terms of each anchor.

        Args:
            matrix: ``(B, N)`` distances.
            positives: ``(B, N)`` booleans: belongs to the anchor and is not itself.
            negatives: ``(B, N)`` booleans: does not belong to the anchor.
        """
        raise NotImplementedError

    def terms(self, labels, embeddings, references=None):
        """See :class:`EmbeddingLoss`."""
        return self.pair_terms(*self.pairs(labels, embeddings, references))

    def pairs(self, labels, embeddings, references=None):
        """The matrix and the masks that :meth:`pair_terms` takes, of what :meth:`terms` takes."""
        other = references or References(None, None, None)
        positives, negatives = label_masks(labels, other.labels, other.own, self.match, other.valid)
        if self.match is None:
            matrix = all_pairs(labels, embeddings, self.distance, references)
        else:
            others = embeddings if references is None else references.embeddings
            matrix = self.distance.pairwise(embeddings, others)
        return matrix, positives, negatives

    def read_labels(self, y_true):
        """Class ids, or with ``match`` the labels as they are."""
        if self.match is None:
            return super().read_labels(y_true)
        return _inputs.labels_as_given(y_true)

    def get_config(self):
        """Every argument; a ``match`` that has a name by its name."""
        config = super().get_config()
        return {**config, "match": matching.serialize(self.match)} if "match" in config else config


def similarities(matrix, distance):
    """Similarities of a matrix of distances: 1 − d for the cosine distance, −d for every other."""
    return ops.subtract(1.0, matrix) if distance.builtin == "cosine" else ops.negative(matrix)
