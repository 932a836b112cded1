"""Who is a positive and who a negative of whom, as matrices."""

from typing import Any

from keras import ops

from tfmetric.typing import Array, Match, Tensor


def label_masks(
    labels: Array,
    others: Any = None,
    own: Any = None,
    match: Match | None = None,
    valid: Tensor | None = None,
) -> Any:
    """Who is a positive and who a negative of whom.

    Args:
        labels: ``(B,)`` class ids of the anchors, or ``(B, ...)`` whatever ``match`` compares.
        others: ``(N, ...)`` the same of those they are compared with; by default the anchors.
        own: ``(B,)`` index of each anchor among the others, which is no positive of itself. None,
            with ``others``, where the anchors are not among them.
        match: ``f(a, b)`` on labels ``(B, 1, ...)`` and ``(1, N, ...)`` that says ``(B, N)`` who
            belongs together; by default equal ids do.
        valid: ``(N,)`` booleans: which of the others exist; by default all.

    Returns:
        ``(B, N)`` booleans: belongs to the anchor and is not itself; does not belong to it. An
        anchor is not its own negative either.
    """
    if others is None:
        others, own = labels, ops.arange(ops.shape(labels)[0], dtype="int32")
    same = (match or ops.equal)(labels[:, None], others[None, :])
    size = ops.shape(others)[0]
    other = ops.ones_like(same)
    if own is not None:
        other = ops.not_equal(own[:, None], ops.arange(size, dtype="int32")[None, :])
    if valid is not None:
        other = ops.logical_and(other, valid[None, :])
    return ops.logical_and(same, other), ops.logical_and(ops.logical_not(same), other)
