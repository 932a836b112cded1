"""Sums and extremes over the negatives of each anchor, strip by strip, and their gradient.

A strip is computed, summed and dropped, so no matrix of all pairs is held; the backward pass
computes the strips again. With W the derivative of the loss with respect to the pairs of a strip, W
· right goes to the anchors and Wᵀ · left to the others. For a batch compared with itself, a pair
serves both of its ends, so forward and backward together take two products of all pairs, where a
matrix in memory takes three.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from tfmetric.losses.streaming.backends import times_transposed, transposed_times
from tfmetric.losses.streaming.layout import each_block, part

FAR = 1e30


class Total(NamedTuple):
    """A sum over the negatives of an anchor.

    Attributes:
        value: ``f(argument, *anchor)``, element by element.
        slope: Its derivative with respect to the argument; None for a constant.
        anchor: ``(B,)`` constants.
        limit: ``(B,)``: only arguments on one side of the limit count; None for all.
        below: Whether that side is below.
    """

    value: Callable
    slope: Callable | None
    anchor: tuple = ()
    limit: object = None
    below: bool = True

    def begin(self):
        """Returns the initial value of the sum."""
        return 0.0

    def both(self, one, other):
        """Adds the results of two pieces."""
        return one + other


class Edge(NamedTuple):
    """The largest, or the smallest, argument of an anchor; −1e30 or 1e30 without a negative."""

    largest: bool
    slope: None = None
    anchor: tuple = ()
    limit: None = None

    def begin(self):
        """Returns the bound that no argument exceeds."""
        return -FAR if self.largest else FAR

    def both(self, one, other):
        """Combines the results of two pieces."""
        return (ops.maximum if self.largest else ops.minimum)(one, other)


class Labelled(NamedTuple):
    """Classes and existence of the anchors and the others.

    Attributes:
        anchors: ``(B,)`` int32 numbers of their classes.
        others: ``(N,)`` int32.
        exists: ``(N,)`` booleans: which of the others exist.
    """

    anchors: object
    others: object
    exists: object


class _Pairs(NamedTuple):
    """One piece of a strip."""

    left: object
    right: object
    argument: object
    same: object
    exists: object
    at: object
    width: object


class Strips:
    """The negatives of each anchor of a layout.

    Args:
        layout: A :class:`~tfmetric.losses.streaming.layout.Circle` or ``Table``.
        factors: :class:`~tfmetric.losses.streaming.factors.Factors`; ``left`` may be scaled.
        labelled: :class:`Labelled`.
        shift: Added to a product to give the argument of the functions.
        negated: Whether ``left`` is scaled by a negative number.
    """

    def __init__(self, layout, factors, labelled, shift, negated=False):
        self._given = factors, labelled, shift, negated
        self.layout, self.shift, self.negated = layout, shift, negated
        self.root, self.squares = factors.root, factors.squares
        self.dtype = factors.left.dtype
        self.class_rows = layout.rows(labelled.anchors, -1)
        self.class_columns = layout.columns(labelled.others, -2)
        self.column_exists = layout.columns(labelled.exists, False)
        self.row_exists = layout.rows(ops.ones_like(labelled.anchors, dtype="bool"), False)

    def reduce(self, left, right, asked, once):
        """Returns one ``(B,)`` tensor for each :class:`Total` or :class:`Edge` of a list.

        Args:
            left: ``(B, E)``; ``left`` and ``right`` receive the gradient.
            right: ``(N, E)``.
            asked: The list; entries without a slope are constants.
            once: Takes a function without arguments and the number of its tensors; returns recorded
                tensors if known, else calls the function.
        """

        # Kept outside the differentiated function, which must have no side effects on JAX.
        constant = ops.stop_gradient(left), ops.stop_gradient(right)
        found = once(lambda: self._forward(*constant, asked), len(asked))

        @ops.custom_gradient
        def reduced(left, right):
            def gradient(*upstream):
                upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
                upstream = [ops.convert_to_tensor(each) for each in upstream]
                # XLA needs sizes from shapes in this function, not from the forward pass.
                layout = self.layout.of(ops.shape(left)[0], ops.shape(right)[0])
                return Strips(layout, *self._given)._backward(left, right, asked, upstream)

            return tuple(found), gradient

        return reduced(left, right)

    def _anchors(self, asked):
        """Returns the row and column constants of each query: its anchors, then its limit."""
        known = []
        for each in asked:
            constants = [*each.anchor, *([] if each.limit is None else [each.limit])]
            constants = [ops.stop_gradient(constant) for constant in constants]
            both = self.layout.both_ways
            columns = [self.layout.columns(c) for c in constants] if both else []
            known.append(([self.layout.rows(c) for c in constants], columns))
        return known

    def _pairs(self, i, piece, rows, columns):
        layout = self.layout
        left = part(rows, i * layout.block, layout.block)
        at, width = layout.first_column(i) + piece.start, piece.stop - piece.start
        right = part(columns, at, width)
        product = times_transposed(left, right)
        if self.squares:
            # Rounding may change the sign of a small square.
            product = ops.minimum(product, 0.0) if self.negated else ops.relu(product)
        argument = ops.sqrt(product) if self.root else product
        if self.shift:
            argument = argument + self.shift
        same = None
        if piece.near:
            own = part(self.class_rows, i * layout.block, layout.block)
            same = own[:, None] == part(self.class_columns, at, width)[None, :]
        return _Pairs(left, right, argument, same, part(self.column_exists, at, width), at, width)

    def _of_rows(self, constants, i):
        return tuple(part(x, i * self.layout.block, self.layout.block)[:, None] for x in constants)

    def _of_columns(self, constants, pairs):
        return tuple(part(x, pairs.at, pairs.width)[None, :] for x in constants)

    def _beyond_own(self, values, piece, blank):
        """Returns the values of columns whose anchors the strip serves, excluding its own block."""
        block = self.layout.block
        if isinstance(piece.start, int) and isinstance(block, int) and piece.start >= block:
            return values
        column = ops.arange(piece.stop - piece.start, dtype="int32") + piece.start
        return ops.where(column < block, ops.cast(blank, values.dtype), values)

    def _forward(self, left, right, asked):
        layout = self.layout
        rows, columns = layout.rows(left), layout.columns(right)
        known = self._anchors(asked)

        def step(i, *state):
            here = [each.begin() for each in asked]
            runs = [[] for _ in asked]
            own = part(self.row_exists, i * layout.block, layout.block)
            for piece in layout.pieces:
                pairs = self._pairs(i, piece, rows, columns)
                for k, each in enumerate(asked):
                    over_rows, over_columns = self._over(each, pairs, known[k], i, own)
                    here[k] = each.both(here[k], over_rows)
                    if layout.both_ways:
                        runs[k].append(self._beyond_own(over_columns(), piece, each.begin()))
            state = list(state)
            for k, each in enumerate(asked):
                state[2 * k] = put(state[2 * k], i * layout.block, here[k])
                if layout.both_ways:
                    at = layout.first_column(i)
                    state[2 * k + 1] = joined(state[2 * k + 1], at, runs[k], each.both)
            return tuple(state)

        state = []
        for each in asked:
            for line in (self.row_exists, self.column_exists):
                state.append(ops.full_like(line, each.begin(), dtype=self.dtype))
        state = each_block(layout.number, step, tuple(state))
        found = []
        for k, each in enumerate(asked):
            value = state[2 * k]
            if layout.both_ways:
                value = each.both(value, layout.folded(state[2 * k + 1], each.both))
            found.append(value[: layout.size])
        return tuple(found)

    def _over(self, asked, pairs, known, i, own):
        """Answers the queries for the rows of a piece; returns also a function for its columns."""
        if isinstance(asked, Edge):
            edge = ops.max if asked.largest else ops.min
            value, worst = pairs.argument, ops.cast(asked.begin(), self.dtype)
            if pairs.same is not None:
                value = ops.where(pairs.same, worst, value)
            if self.layout.is_padded:
                value = ops.where(pairs.exists[None, :], value, worst)
            over_columns = value
            if self.layout.is_padded and self.layout.both_ways:
                over_columns = ops.where(own[:, None], value, worst)
            return edge(value, axis=1), lambda: edge(over_columns, axis=0)
        here, there = (self._of_rows(known[0], i), lambda: self._of_columns(known[1], pairs))
        exists = ops.cast(pairs.exists, self.dtype)[:, None]
        value = _masked(asked.value(pairs.argument, *here[: len(asked.anchor)]), pairs.same)
        over_rows = ops.matmul(_limited(asked, value, pairs.argument, here), exists)[:, 0]

        def over_columns():
            constants, shared = there(), value
            if asked.anchor:
                shared = asked.value(pairs.argument, *constants[: len(asked.anchor)])
                shared = _masked(shared, pairs.same)
            shared = _limited(asked, shared, pairs.argument, constants)
            return ops.matmul(ops.cast(own, self.dtype)[None, :], shared)[0]

        return over_rows, over_columns

    def _backward(self, left, right, asked, upstream):
        layout = self.layout
        rows, columns = layout.rows(left), layout.columns(right)
        kept = [k for k, each in enumerate(asked) if each.slope is not None]
        known = self._anchors(asked)
        row_pull = {k: layout.rows(upstream[k]) for k in kept}
        column_pull = {k: layout.columns(upstream[k]) for k in kept} if layout.both_ways else {}

        def step(i, to_left, to_right):
            pull, runs = 0.0, []
            for piece in layout.pieces:
                pairs = self._pairs(i, piece, rows, columns)
                weight = 0.0
                for k in kept:
                    row = part(row_pull[k], i * layout.block, layout.block)
                    column = None
                    if layout.both_ways:
                        column = part(column_pull[k], pairs.at, pairs.width)
                        column = self._beyond_own(column, piece, 0.0)[None, :]
                    weight += self._weight(asked[k], pairs, known[k], i, row[:, None], column)
                weight = _masked(weight, pairs.same)
                if not layout.both_ways:
                    # Rows of padding are zeros; rows that do not exist may hold any value.
                    weight = weight * ops.cast(pairs.exists, self.dtype)[None, :]
                if self.root:
                    apart = pairs.argument > 0
                    distance = ops.where(apart, pairs.argument, 1.0)
                    weight = ops.where(apart, weight * 0.5 / distance, 0.0)
                pull += ops.matmul(weight, pairs.right)
                runs.append(transposed_times(weight, pairs.left))
            to_left = put(to_left, i * layout.block, pull)
            return to_left, joined(to_right, layout.first_column(i), runs, ops.add)

        state = ops.zeros_like(rows), ops.zeros_like(columns)
        to_left, to_right = each_block(layout.number, step, state)
        return to_left[: layout.size], layout.folded(to_right)[: ops.shape(right)[0]]

    def _weight(self, asked, pairs, known, i, row, column):
        """Returns the derivative of the loss with respect to the arguments of a piece."""
        number = len(asked.anchor)
        here = self._of_rows(known[0], i)
        slope = asked.slope(pairs.argument, *here[:number])
        if column is None:
            return slope * _limited(asked, row, pairs.argument, here)
        there = self._of_columns(known[1], pairs)
        row = _limited(asked, row, pairs.argument, here)
        column = _limited(asked, column, pairs.argument, there)
        if number:
            return slope * row + asked.slope(pairs.argument, *there[:number]) * column
        return slope * (row + column)


def _masked(value, same):
    return value if same is None else ops.where(same, 0.0, value)


def _limited(asked, value, argument, constants):
    """Keeps values whose argument is on the right side of the limit, the last constant."""
    if asked.limit is None:
        return value
    limit = constants[-1]
    return ops.where(argument < limit if asked.below else argument > limit, value, 0.0)


def put(x, at, values):
    """Replaces rows of ``x`` from ``at`` on."""
    return ops.slice_update(x, (at, *(0 for _ in x.shape[1:])), values)


def joined(x, at, runs, both):
    """Writes the results of consecutive runs into ``x`` from ``at`` on."""
    run = ops.concatenate(runs) if len(runs) > 1 else runs[0]
    return put(x, at, both(part(x, at, ops.shape(run)[0]), run))
