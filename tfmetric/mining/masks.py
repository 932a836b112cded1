"""Matrices that mark each anchor's positives and negatives."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.typing import Array, Tensor


def label_masks(
    labels: Array,
    others: Any = None,
    own: Any = None,
    match: Callable[[Any, Any], Tensor] | None = None,
    valid: Tensor | None = None,
) -> Any:
    """Returns the masks of each anchor's positives and negatives.

    Args:
        labels: ``(B,)`` class ids of the anchors, or ``(B, ...)`` labels for ``match``.
        others: ``(N, ...)`` labels of the compared examples; by default the anchors.
        own: ``(B,)`` index of each anchor among the others, excluded from its positives. None, with
            ``others``, where the anchors are not among them.
        match: ``f(a, b)`` on labels ``(B, 1, ...)`` and ``(1, N, ...)`` that returns ``(B, N)``
            booleans, true for positives; or signed numbers, above 0 for positives, below 0 for
            negatives, 0 for pairs that are neither. By default equal ids match.
        valid: ``(N,)`` booleans: which of the others exist; by default all.

    Returns:
        ``(B, N)`` booleans: matches the anchor and is not the anchor; does not match the anchor. An
        anchor is not its own negative either.
    """
    if others is None:
        others, own = labels, ops.arange(ops.shape(labels)[0], dtype="int32")
    same, apart = _signs((match or ops.equal)(labels[:, None], others[None, :]))
    size = ops.shape(others)[0]
    other = ops.ones_like(same)
    if own is not None:
        other = ops.not_equal(own[:, None], ops.arange(size, dtype="int32")[None, :])
    if valid is not None:
        other = ops.logical_and(other, valid[None, :])
    return ops.logical_and(same, other), ops.logical_and(apart, other)


def _signs(found):
    """Returns which pairs match and which do not, from booleans or signed numbers."""
    found = ops.convert_to_tensor(found)
    dtype = keras.backend.standardize_dtype(found.dtype)
    if dtype == "bool":
        return found, ops.logical_not(found)
    if dtype.startswith("uint"):
        raise TypeError(
            expected("match to return booleans, or signed numbers 1, 0 and -1", dtype=dtype)
        )
    return found > 0, found < 0
