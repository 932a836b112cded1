"""Pairs and triplets given by their indices, as labels of a batch."""

from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _inputs
from tfmetric.typing import Array, Tensor


def given_pairs(
    size: int,
    positives: Array | None = None,
    negatives: Array | None = None,
    triplets: Array | None = None,
) -> Tensor:
    """Returns the labels of a batch whose pairs are given by their indices.

    Use them with a pair loss that has ``match="given"``, where class ids do not say which examples
    belong together, or where your own code has chosen the pairs. Each pair counts once, however
    often it is given, and all pairs that are not given are left out.

    Args:
        size: Number B of examples in the batch.
        positives: ``(M, 2)`` indices of anchor and positive, or None. The first is the anchor: give
            the pair both ways for two anchors.
        negatives: ``(M, 2)`` indices of anchor and negative, or None.
        triplets: ``(M, 3)`` indices of anchor, positive and negative, or None: each gives its pair
            with the positive and its pair with the negative.

    Returns:
        ``(B, B)`` int32: 1 for a positive, -1 for a negative, 0 for neither.

    Raises:
        ValueError: If nothing is given, a shape differs, an index is out of range, or a pair is
            given as positive and as negative.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> labels = given_pairs(3, positives=[[0, 1]], negatives=[[0, 2]])
    >>> np.asarray(labels).tolist()
    [[0, 1, -1], [0, 0, 0], [0, 0, 0]]
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> loss = tm.losses.ContrastiveLoss(margin=1.0, match="given")
    >>> round(float(loss(labels, embeddings)), 4)
    0.205
    """
    if positives is None and negatives is None and triplets is None:
        raise ValueError(expected("positives, negatives or triplets", triplets=None))
    near, far = _read("positives", positives, 2, size), _read("negatives", negatives, 2, size)
    three = _read("triplets", triplets, 3, size)
    near = ops.concatenate([near, three[:, :2]])
    far = ops.concatenate([far, ops.stack([three[:, 0], three[:, 2]], axis=1)])
    positive, negative = _marked(near, size), _marked(far, size)
    _inputs.require(ops.logical_not(ops.any(ops.logical_and(positive, negative))), _BOTH)
    return ops.cast(positive, "int32") - ops.cast(negative, "int32")


_BOTH = (
    "Expected each pair to be positive or negative. Received: a pair among the positives and among "
    "the negatives"
)


def _read(name, indices, width, size):
    """Returns ``(M, width)`` int32 indices, none for None."""
    if indices is None:
        return ops.zeros((0, width), dtype="int32")
    given = ops.convert_to_tensor(indices)
    if len(given.shape) != 2 or given.shape[1] != width:
        raise ValueError(
            expected(f"{name} of shape (number, {width})", **{f"{name}_shape": tuple(given.shape)})
        )
    indices = ops.cast(given, "int32")
    inside = ops.all(ops.logical_and(indices >= 0, indices < size))
    _inputs.require(inside, expected(f"indices from 0 to {size} - 1", **{name: "others"}))
    return indices


def _marked(pairs, size):
    """Returns ``(size, size)`` booleans: which pairs are among the given ones."""
    ones = ops.ones_like(pairs[:, 0])
    return ops.scatter(pairs, ones, (size, size)) > 0
