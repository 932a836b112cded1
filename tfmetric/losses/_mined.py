"""Chooses one positive or negative for each anchor and computes its distance with a gradient."""

from functools import cached_property

from keras import ops

from tfmetric.losses._pairs import all_pairs
from tfmetric.mining import label_masks, one_of_each, one_triplet


class Mined:
    """A batch of anchors, compared with itself or with references.

    A batch compared with itself is mined tile by tile, and its matrix is built only on request.
    References (possibly far more than the anchors) and ``match`` are mined on the full matrix.

    Args:
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        distance: A :class:`tfmetric.distances.Distance`.
        references: The examples to compare the anchors with; by default each other.
        match: Which pairs are positive; see :mod:`tfmetric.losses.matching`.
    """

    def __init__(self, labels, x, distance, references=None, match=None):
        self._labels, self._x, self._distance, self._match = labels, x, distance, match
        self._references = references
        self._others = x if references is None else references.embeddings

    def chosen(self, positive, negative, fallback=None):
        """Returns positives and negatives, :class:`tfmetric.mining.Chosen` or None if unneeded."""
        if self._references is None and self._match is None:
            constant = ops.stop_gradient(self._x)
            return one_triplet(self._labels, constant, self._distance, positive, negative, fallback)
        return one_of_each(self.ranking, *self.masks, positive, negative, fallback)

    def paired(self, chosen):
        """Returns each anchor's distance ``(B,)`` to its chosen example, by direct difference."""
        return self._distance.paired(self._x, ops.take(self._others, chosen.index, axis=0))

    def differences(self, chosen):
        """Returns d(a,p) − d(a,n) of each anchor's triplet, and whether the triplet exists."""
        to_positive, to_negative = map(self.paired, chosen)
        return to_positive - to_negative, ops.logical_and(chosen[0].found, chosen[1].found)

    @cached_property
    def matrix(self):
        """``(B, N)`` distances."""
        if self._match is not None:
            return self._distance.pairwise(self._x, self._others)
        return all_pairs(self._labels, self._x, self._distance, self._references)

    @cached_property
    def ranking(self):
        """Returns ``(B, N)`` constants that order each anchor's row as the distance does."""
        if self._references is None and self._match is None:
            return self._distance.ranking(ops.stop_gradient(self._x))
        return ops.stop_gradient(self.matrix)

    @cached_property
    def masks(self):
        """Positives and negatives, ``(B, N)`` booleans each."""
        if self._references is None:
            return label_masks(self._labels, match=self._match)
        others, _, own, valid, _ = self._references
        return label_masks(self._labels, others, own, self._match, valid)

    def across(self, value):
        """Returns the sum over all anchors, from a constant sum over this replica's anchors."""
        across = self._references and self._references.across
        return across(value) if across else value
