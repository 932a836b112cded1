"""Sums over the triplets of a batch whose distances are all held, in the order of its labels.

The sums are found without a gradient, and with them how much each distance weighs in its anchor's
sum: that carries the gradient, exactly, wherever the weights are the derivatives.
"""

from keras import ops

from tfmetric.losses._pairs import all_pairs
from tfmetric.losses.base import Terms
from tfmetric.mining import by_class


class ByClass:
    """The distances of a batch in the order of its labels.

    Attributes:
        classes: :class:`tfmetric.mining.Classes`.
        embeddings: ``(B, D)``, in order, constant.
        constant: ``(B, B)`` distances without a gradient.
        away: The same, infinite within a class.
        negatives: ``(B,)`` how many negatives an anchor has.
    """

    def __init__(self, labels, x, distance):
        self.classes = by_class(labels)
        x = ops.take(x, self.classes.order, axis=0)
        self.embeddings = ops.stop_gradient(x)
        self._matrix = all_pairs(self.classes.start, x, distance)
        self.constant = ops.stop_gradient(self._matrix)
        start = self.classes.start
        same = ops.equal(start[:, None], start[None, :])
        self.away = ops.where(same, float("inf"), self.constant)
        self.negatives = ops.shape(x)[0] - self.classes.count

    def terms(self, total, count, active, weight) -> Terms:
        """Puts the sums in the order of the batch, and the gradient into them.

        Args:
            total: ``(B,)``, as the next two, without a gradient.
            count: ``(B,)``.
            active: ``(B,)``.
            weight: ``(B, B)`` derivative of each anchor's total with respect to its distances.
        """
        total, weight = ops.stop_gradient(total), ops.stop_gradient(weight)
        total = total + ops.sum(weight * (self._matrix - self.constant), axis=1)
        kind = total.dtype
        return Terms(
            *(ops.take(ops.cast(x, kind), self.classes.back) for x in (total, count, active))
        )
