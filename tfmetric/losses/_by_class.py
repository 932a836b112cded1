"""Sums over triplets on a full matrix of distances, in the order of the labels.

The sums are computed without a gradient, together with the weight of each distance in its anchor's
sum. The weights then carry the gradient, which is exact because they are the derivatives.
"""

from keras import ops

from tfmetric.losses._pairs import all_pairs
from tfmetric.losses.base import Terms
from tfmetric.losses.references import References
from tfmetric.mining import Anchors, among, by_class


class ByClass:
    """The distances of a batch to itself, or to references, in the order of their labels.

    N is the number of compared examples. Anchors that are compared with each other are in that
    order too.

    Attributes:
        anchors: :class:`tfmetric.mining.Anchors`.
        embeddings: ``(B, D)`` anchors and ``(N, D)`` others, without a gradient.
        constant: ``(B, N)`` distances without a gradient.
        negative: ``(B, N)`` booleans.
        away: ``constant`` for negatives, infinite elsewhere.
        negatives: ``(B,)`` number of negatives of each anchor.
    """

    def __init__(self, labels, x, distance, references=None):
        if references is None:
            classes = by_class(labels)
            x = y = ops.take(x, classes.order, axis=0)
            self._back, number = classes.back, ops.shape(x)[0]
            place = ops.arange(number, dtype="int32")
            self.anchors = Anchors(place, classes.start, classes.count, number)
            self._matrix = all_pairs(classes.start, x, distance)
            mine, members = classes.start, classes.count
        else:
            own, valid = references.own, references.valid
            found = among(labels, references.labels, own, valid)
            classes, number, self.anchors, mine, members = found
            y = ops.take(references.embeddings, classes.order, axis=0)
            place = None if own is None else self.anchors.place
            self._back = None
            others = References._make((classes.start, y, place, None, None))
            self._matrix = all_pairs(mine, x, distance, others)
        self.embeddings = ops.stop_gradient(x), ops.stop_gradient(y)
        self.constant = ops.stop_gradient(self._matrix)
        self.negative = ops.not_equal(mine[:, None], classes.start[None, :])
        if references is not None and references.valid is not None:
            exists = ops.arange(ops.shape(y)[0], dtype="int32") < number
            self.negative = ops.logical_and(self.negative, exists[None, :])
        self.away = ops.where(self.negative, self.constant, float("inf"))
        self.negatives = number - members

    def terms(self, total, count, active, weight) -> Terms:
        """Puts the sums in the order of the batch and attaches their gradient.

        Args:
            total: ``(B,)``; this and the next two have no gradient.
            count: ``(B,)``.
            active: ``(B,)``.
            weight: ``(B, N)`` derivative of each anchor's total with respect to its distances.
        """
        total, weight = ops.stop_gradient(total), ops.stop_gradient(weight)
        total = total + ops.sum(weight * (self._matrix - self.constant), axis=1)
        sums = (ops.cast(x, total.dtype) for x in (total, count, active))
        return Terms(*(x if self._back is None else ops.take(x, self._back) for x in sums))
