"""The distances of all pairs of a batch, as the losses need them."""

from keras import ops

from tfmetric.mining import by_class


def all_pairs(labels, x, distance, references=None, members=None):
    """``(B, N)`` distances, those within a class free of the cancellation of a matrix product.

    ‖a‖² + ‖b‖² − 2a·b loses what a and b have in common: at a distance of 1e-3 on the unit sphere
    a tenth of it is rounding, and so is the direction of its gradient. Positives come close in
    any successful training, so their distances are taken around a member of their own class,
    where the common part is gone. Between classes the error is at most about
    1e-6 · (‖a − c‖² + ‖b − c‖²) in the square, c being some embedding of the batch.

    Args:
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        distance: A :class:`tfmetric.distances.Distance`.
        references: What they are compared with; by default each other.
        members: What :func:`class_members` says of the references, where that is known.
    """
    if references is None:
        own, others, y = None, labels, x
    else:
        own, others, y = references.own, references.labels, references.embeddings
    if distance.within is None:
        return distance.pairwise(x, y)
    same = ops.equal(labels[:, None], others[None, :])
    y_member = class_members(others, y) if members is None else members
    x_member = y_member if own is None else ops.take(y_member, own)
    return distance.within(x, y, same, x_member, y_member)


def class_members(labels, x):
    """``(N,)`` index of an embedding that stands for the class of each.

    The member of median size: an outlier would be far from all the others.
    """
    by_size = ops.argsort(ops.max(ops.abs(ops.stop_gradient(x)), axis=1))
    classes = by_class(ops.take(labels, by_size))
    middle = ops.take(classes.order, classes.start + classes.count // 2)
    middle = ops.take(ops.take(by_size, middle), classes.back)
    return ops.scatter(by_size[:, None], middle, ops.shape(middle))
