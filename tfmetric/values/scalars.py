"""Recognises numbers of Python and NumPy; booleans are none."""

from numbers import Integral, Real
from typing import Any


def is_whole(value: Any) -> bool:
    """Returns whether the value is a whole number, of Python or of NumPy.

    >>> import numpy as np
    >>> is_whole(np.int32(3)), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Returns whether the value is a real number, of Python or of NumPy.

    >>> import numpy as np
    >>> is_number(np.float32(3)), is_number(3), is_number("3"), is_number(False)
    (True, True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)
