"""The cost of a triplet: the hinge, its square, or the soft margin."""

from numbers import Real

from keras import ops

from tfmetric._errors import expected
from tfmetric.losses.base import check_margin, gather_terms


class Penalty:
    """max(0, t + margin)^power of a difference t = d(a,p) − d(a,n), or log(1 + exp(t)).

    Args:
        margin: At least 0, or None for the soft margin.
        power: 1 or 2; must be 1 with the soft margin.
    """

    def __init__(self, margin, power=1):
        self.margin = check_margin(margin, optional=True)
        if isinstance(power, bool) or not isinstance(power, Real) or power not in (1, 2):
            raise ValueError(expected("power to be 1 (hinge) or 2 (squared hinge)", power=power))
        self.soft, self.power = self.margin is None, int(power)
        if self.soft and self.power != 1:
            raise ValueError(expected("power to be 1 with the soft margin", power=power))

    @property
    def offset(self):
        """The number added to a difference."""
        return 0.0 if self.soft else self.margin

    def value(self, t):
        """Returns the cost of a difference that includes the offset."""
        if self.soft:
            return ops.softplus(t)
        return ops.relu(t) if self.power == 1 else ops.square(ops.relu(t))

    def slope(self, t):
        """Returns the derivative of :meth:`value`."""
        if self.soft:
            return ops.sigmoid(t)
        return ops.cast(t > 0, t.dtype) if self.power == 1 else 2.0 * ops.relu(t)

    def terms(self, difference, valid):
        """Returns the :class:`Terms` of ``(B, n)`` differences, counting those marked ``valid``."""
        t = difference + self.offset
        active = valid if self.soft else ops.logical_and(valid, t > 0)
        return gather_terms(self.value(t), valid, active)
