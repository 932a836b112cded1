"""Who is a positive and who a negative of whom, as matrices."""

from keras import ops


def label_masks(labels):
    """Who is a positive and who a negative of whom.

    Args:
        labels: ``(B,)`` class ids.

    Returns:
        ``(B, B)`` booleans: same class and not the anchor itself; another class.
    """
    same = ops.equal(labels[:, None], labels[None, :])
    index = ops.arange(ops.shape(labels)[0])
    itself = ops.equal(index[:, None], index[None, :])
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)
