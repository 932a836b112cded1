"""The positives and the negatives of a batch without a matrix of all pairs."""

from keras import ops

from tfmetric._errors import expected
from tfmetric.distances import safe_sqrt
from tfmetric.losses._masked import LOG_ZERO
from tfmetric.losses.streaming.backends import derivative, reordered
from tfmetric.losses.streaming.class_pairs import class_pairs
from tfmetric.losses.streaming.factors import FACTORS, missing_length
from tfmetric.losses.streaming.layout import Circle, Table
from tfmetric.losses.streaming.reductions import Count, Held, Largest, LogSumExp, Smallest
from tfmetric.losses.streaming.strips import FAR, Edge, Labelled, Strips, Total
from tfmetric.mining import Anchors, among, by_class

# Exponents up to this absolute value neither overflow in a sum nor vanish.
_SAFE = 70.0
# The largest exponent that does not overflow.
_FINITE = 80.0


class Order:
    """The order by label of a batch and its references.

    Args:
        labels: ``(B,)`` class ids.
        references: :class:`tfmetric.losses.References`; None for the batch itself.
    """

    def __init__(self, labels, references=None):
        self.symmetric = references is None
        if self.symmetric:
            self.classes = by_class(labels)
            self.existing = ops.shape(labels)[0]
            place = ops.arange(self.existing, dtype="int32")
            self.anchors = Anchors(place, *self.classes[2:], self.existing)
            self.numbers, self.members = self.classes.start, self.classes.count
            return
        found = among(labels, references.labels, references.own, references.valid)
        self.classes, self.existing, self.anchors, self.numbers, self.members = found

    def sorted(self, x, y=None):
        """Sorts anchors and references by label; without references both are the anchors."""
        if self.symmetric:
            x = reordered(x, self.classes.order, self.classes.back)
            return x, x
        return x, reordered(y, self.classes.order, self.classes.back)

    def unsorted(self, value):
        """Restores the order of the batch for values of the anchors."""
        return ops.take(value, self.classes.back) if self.symmetric else value


class Found:
    """Records results of the forward pass in order, so that the backward pass can reuse them.

    Args:
        known: Recorded results; None in the forward pass.
    """

    def __init__(self, known=None):
        self._known, self.all = None if known is None else list(known), []

    def __call__(self, find, number):
        """Returns ``number`` recorded tensors if known, else the result of ``find()``."""
        if self._known is None:
            values = tuple(find())
            self.all += values
            return values
        values, self._known = self._known[:number], self._known[number:]
        return tuple(values)


def sides(order: Order, x, y, distance, once: Found):
    """Returns each anchor's positives as a :class:`Held`, and its :class:`Negatives`.

    Args:
        order: :class:`Order`.
        x: ``(B, D)`` anchors, sorted by label if they are compared with themselves.
        y: ``(N, D)`` references, sorted by label.
        distance: A :class:`tfmetric.distances.Distance` of ``FACTORS``.
        once: :class:`Found`.
    """
    factors = FACTORS[distance.builtin](x, None if order.symmetric else y)
    name, vectors = distance.builtin, factors.vectors
    product = name == "inner_product"
    pairs, exists, place = class_pairs(
        vectors[0], vectors[1], order.anchors, product, order.symmetric, once
    )
    if name == "cosine":
        short = missing_length(y)
        mine = short if order.symmetric else missing_length(x)
        pairs = 0.5 * (pairs + mine[:, None] + ops.take(short, place))
    elif name == "euclidean":
        pairs = safe_sqrt(pairs)
    elif product:
        pairs = -pairs
    return Held(pairs, exists), Negatives(order, factors, once)


class Negatives:
    """The negatives of each anchor, reduced strip by strip; see :class:`Strips`.

    Attributes:
        number: ``(B,)`` number of negatives of each anchor, in the dtype of the embeddings.
    """

    def __init__(self, order: Order, factors, once: Found):
        self._factors, self._once = factors, once
        size, others = ops.shape(factors.left)[0], ops.shape(factors.right)[0]
        self._layout = Circle(size) if order.symmetric else Table(size, others)
        exists = ops.arange(others, dtype="int32") < order.existing
        self._labelled = Labelled(order.numbers, order.classes.start, exists)
        self.number = ops.cast(order.existing - order.members, factors.left.dtype)

    def reduce(self, *asked):
        """Returns one ``(B,)`` tensor for each reduction, in one pass over the strips."""
        terms = [self._term(each, self._scale(asked)) for each in asked]
        found = self._pass([term for term, _ in terms], self._scale(asked), self._once)
        return tuple(finish(value) for (_, finish), value in zip(terms, found, strict=True))

    def _scale(self, asked):
        """Returns the factor that makes the product itself the exponent."""
        sums = [each for each in asked if not isinstance(each, (Smallest, Largest))]
        if self._factors.root or len(sums) != 1 or not isinstance(sums[0], LogSumExp):
            return None
        return None if callable(sums[0].value) else sums[0].value

    def _pass(self, terms, scale, once):
        factors = self._factors
        left, shift = factors.left, factors.shift
        if scale is not None:
            left, shift = left * scale, 0.0
        negated = scale is not None and scale < 0
        strips = Strips(self._layout, factors, self._labelled, shift, negated)
        return strips.reduce(left, factors.right, terms, once)

    def _argument(self, distance, scale):
        """Converts a distance to the argument of the strips."""
        return distance if scale is None else scale * (distance - self._factors.shift)

    def _term(self, asked, scale):
        """Returns the queries for the strips, and the function that turns results into answers."""
        if isinstance(asked, (Smallest, Largest)):
            largest = isinstance(asked, Largest) != (scale is not None and scale < 0)

            def distance(edge):
                value = edge if scale is None else edge / scale + self._factors.shift
                missing = -FAR if isinstance(asked, Largest) else FAR
                return ops.stop_gradient(ops.where(ops.abs(edge) < FAR, value, missing))

            return Edge(largest), distance
        if isinstance(asked, Count):

            def counted(argument, *anchor):
                return ops.cast(asked.where(argument, *anchor), argument.dtype)

            return Total(counted, None, asked.anchor), ops.stop_gradient
        if isinstance(asked, LogSumExp):
            return self._exponential(asked, scale)
        slope = asked.slope or (lambda *given: derivative(asked.value, *given))
        return Total(asked.value, slope, asked.anchor), lambda total: total

    def _exponential(self, asked, scale):
        """Returns Σ exp(exponent − offset), and its logarithm."""
        factors, value, slope = self._factors, asked.value, asked.slope
        middle, reach, shift = 0.0, asked.reach, 0.0
        if not callable(value):
            number, half = value, 0.5 if factors.squares else 1.0
            middle = number * (half * factors.reach if factors.squares else factors.shift)
            reach = abs(number) * half * factors.reach
            shift = 0.0 if scale is None else scale * factors.shift
            middle = middle - shift
            if scale is None:
                value, slope = (lambda d: number * d), (lambda d: number)
            else:
                value, slope = (lambda exponent: exponent), None
        elif slope is None:
            given = value
            slope = lambda d: derivative(given, d)  # noqa: E731
        safe = isinstance(reach, float) and isinstance(middle, float) and reach <= _SAFE
        offset = middle if safe else self._offset(asked, middle, reach, scale)
        if asked.farther is not None and not safe:
            # The exponents that count are below this one, and may be far below the largest of all.
            offset = ops.minimum(offset, ops.stop_gradient(asked.value * asked.farther) - shift)
        anchor = () if safe else (offset,)

        def exponential(argument, *anchor):
            exponent = value(argument)
            if anchor:
                # Padding and pairs of the other kind may exceed every negative.
                exponent = ops.minimum(exponent - anchor[0], _FINITE)
            elif middle:
                exponent = exponent - middle
            return ops.exp(exponent)

        def its_slope(argument, *anchor):
            found = exponential(argument, *anchor)
            return found if slope is None else found * slope(argument)

        def logarithm(total):
            found = total > 0
            whole = ops.log(ops.where(found, total, 1.0)) + (offset + shift)
            return ops.where(found, whole, LOG_ZERO)

        bound = asked.nearer if asked.farther is None else asked.farther
        limit = None if bound is None else self._argument(bound, scale)
        below = (scale is None or scale > 0) == (asked.farther is None)
        return Total(exponential, its_slope, anchor, limit, below), logarithm

    def _offset(self, asked, middle, reach, scale):
        """Returns ``(B,)``: each anchor's largest exponent; the middle of all if they are close."""

        def largest():
            top = scale is not None or (not callable(asked.value) and asked.value > 0)
            # Uses the same product as the exponents, so that rounding puts no exponent above it.
            (edge,) = self._pass([Edge(top)], scale, Found())
            edge = ops.where(ops.abs(edge) < FAR, edge, 0.0)
            if scale is not None:
                return ops.stop_gradient(edge)
            if not callable(asked.value):
                return ops.stop_gradient(asked.value * edge)
            if asked.ceiling is None:
                raise ValueError(expected("a ceiling or a reach of a function", value=asked.value))
            return ops.stop_gradient(asked.ceiling(edge))

        if reach is None or isinstance(reach, float):
            return self._once(lambda: (largest(),), 1)[0]
        near = ops.zeros_like(self.number) + middle
        return self._once(lambda: (ops.cond(reach <= _SAFE, lambda: near, largest),), 1)[0]
