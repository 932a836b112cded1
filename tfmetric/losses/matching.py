"""Rules for positive pairs other than equal class ids."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.typing import Match


def any_shared(a: Any, b: Any) -> Any:
    """Matches rows of zeros and ones that share a one, for examples with several labels.

    Args:
        a: ``(B, 1, L)``, 1 where a label applies.
        b: ``(1, N, L)``.

    Returns:
        ``(B, N)`` booleans. An example without any label matches no example.

    Example:

    >>> import numpy as np
    >>> labels = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 0]])
    >>> np.asarray(any_shared(labels[:, None], labels[None, :])).astype(int).tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    return ops.any(ops.logical_and(ops.cast(a, "bool"), ops.cast(b, "bool")), axis=-1)


def given(a: Any, b: Any) -> Any:
    """Returns the anchors' labels themselves: they say of each compared example how it matches.

    Args:
        a: ``(B, 1, N)`` signed numbers: 1 for a positive, -1 for a negative, 0 for neither.
        b: ``(1, N, ...)``, not used.

    Returns:
        ``(B, N)``.
    """
    if a.shape[2] is not None and b.shape[1] is not None and a.shape[2] != b.shape[1]:
        raise ValueError(
            expected(
                'y_true (batch, compared examples) with match="given", as losses.given_pairs makes '
                "it",
                y_true_width=a.shape[2],
                compared=b.shape[1],
            )
        )
    return a[:, 0]


_NAMED = {"any_shared": any_shared, "given": given}


def get(match: Match) -> Callable | None:
    """Returns the function for a name; functions and None (equal ids) are returned unchanged.

    Raises:
        ValueError: If ``match`` is not None, a known name or a function.
    """
    if isinstance(match, dict):
        match = keras.saving.deserialize_keras_object(match)
    if match is None or callable(match):
        return match
    if isinstance(match, str) and match in _NAMED:
        return _NAMED[match]
    names = ", ".join(_NAMED)
    raise ValueError(expected(f"match to be None, a function, or one of {names}", match=match))


def serialize(match: Match) -> Any:
    """Returns the entry for ``get_config``, from which :func:`get` restores the function."""
    for name, function in _NAMED.items():
        if match is function:
            return name
    return None if match is None else keras.saving.serialize_keras_object(match)
