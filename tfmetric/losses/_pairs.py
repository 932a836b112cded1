"""The distances of all pairs of a batch, exact for close and for equal embeddings."""

from keras import ops

from tfmetric.mining import by_class, row_hash


def all_pairs(labels, x, distance, references=None, members=None):
    """Returns ``(B, N)`` distances, without cancellation errors within a class.

    ‖a‖² + ‖b‖² − 2a·b cancels the common part of a and b: at a distance of 1e-3 on the unit sphere
    a tenth of the result is rounding, and so is the direction of its gradient. Successful training
    brings positives close, so their distances are taken relative to a member of their class, which
    removes the common part. Between classes the error of the square is at most about 1e-6 · (‖a −
    c‖² + ‖b − c‖²) for some embedding c of the batch.

    Args:
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        distance: A :class:`tfmetric.distances.Distance`.
        references: The examples to compare the anchors with; by default each other.
        members: The result of :func:`class_members` for the references, if already computed.
    """
    if references is None:
        own, others, y = None, labels, x
    else:
        own, others, y = references.own, references.labels, references.embeddings
    if distance.within is None:
        return distance.pairwise(x, y)
    same = ops.equal(labels[:, None], others[None, :])
    y_member = class_members(others, y) if members is None else members
    if references is None:
        x_member = y_member
    elif own is None:
        # Any member of the anchor's class serves; without a member there is no pair within the
        # class.
        x_member = ops.take(y_member, ops.argmax(ops.cast(same, "int32"), axis=1))
    else:
        x_member = ops.take(y_member, own)
    matrix = distance.within(x, y, same, x_member, y_member)
    return _twins_alike(matrix, same, others, y)


def _twins_alike(matrix, same, others, y):
    """Returns the matrix with equal distances for equal embeddings of different classes.

    Rounding differs within a class and between classes. Where a positive and a negative of an
    anchor are equal, or a negative equals the anchor, both get the exact distance within the class.

    Args:
        matrix: ``(B, N)`` distances.
        same: ``(B, N)`` booleans: one class.
        others: ``(N,)`` classes.
        y: ``(N, D)`` embeddings.
    """
    twin = twins(y)
    apart = ops.any(ops.not_equal(others, ops.take(others, twin)))
    constant = ops.stop_gradient(matrix)
    size = ops.shape(y)[0]

    def corrected():
        inside = ops.transpose(ops.where(same, constant, -_FAR))
        by_twin = ops.segment_max(inside, twin, num_segments=size)
        alike = ops.transpose(ops.take(by_twin, twin, axis=0))
        return ops.where(alike > -_FAR / 2, alike - constant, ops.zeros_like(constant))

    return matrix + ops.stop_gradient(ops.cond(apart, corrected, lambda: ops.zeros_like(constant)))


_FAR = 1e30


def twins(x):
    """Returns ``(N,)`` int32: for each row the index of one equal row, shared by all equal rows."""
    x = ops.stop_gradient(x) + 0.0
    size = ops.shape(x)[0]
    code = row_hash(x)
    order = ops.cast(ops.argsort(code), "int32")
    x = ops.take(x, order, axis=0)
    other = ops.any(ops.not_equal(x[1:], x[:-1]), axis=1)
    other = ops.concatenate([ops.zeros((1,), dtype="int32"), ops.cast(other, "int32")])
    group = ops.cumsum(other)
    place = ops.arange(size, dtype="int32")
    first = -ops.segment_max(-place, group, num_segments=size)
    representative = ops.take(order, ops.take(first, group))
    return ops.scatter(order[:, None], representative, (size,))


def class_members(labels, x):
    """Returns the ``(N,)`` index of one embedding that represents the class of each row.

    The member of median size is chosen, since an outlier would be far from all the others.
    """
    by_size = ops.argsort(ops.max(ops.abs(ops.stop_gradient(x)), axis=1))
    classes = by_class(ops.take(labels, by_size))
    middle = ops.take(classes.order, classes.start + classes.count // 2)
    middle = ops.take(ops.take(by_size, middle), classes.back)
    return ops.scatter(by_size[:, None], middle, ops.shape(middle))
