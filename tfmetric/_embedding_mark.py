"""A mark on tensors that are embeddings, so that a loss on cosines can refuse them.

No values are looked at: an embedding and a row of cosines can hold the same numbers.
"""

import contextlib
from typing import Any

_NAME = "_tfmetric_embedding"


def mark_embedding(x: Any) -> Any:
    """Marks a tensor, where the backend's tensors take attributes, and returns it."""
    with contextlib.suppress(AttributeError):  # Tensors of other backends are C types.
        setattr(x, _NAME, True)
    return x


def is_marked(x: Any) -> bool:
    """Returns whether this tensor is known to be embeddings."""
    return bool(getattr(x, _NAME, False))
