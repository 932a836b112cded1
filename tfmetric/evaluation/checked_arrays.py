"""Checks embeddings and the k of figures; numbers the classes of two columns of labels."""

from numbers import Integral

import numpy as np

from tfmetric._errors import expected

# Rows checked at once: booleans for all rows would take a quarter of the embeddings' memory.
_ROWS = 4096


def check_embeddings(embeddings, name: str = "embeddings") -> np.ndarray:
    """Returns the embeddings as a finite (N, D) array of numbers.

    Raises:
        ValueError: If they are not; the message names the rows with NaN or infinity.
    """
    array = _array(embeddings, name)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                f"{name} to be numbers of shape (N, D)",
                **{f"{name}_shape": array.shape, "dtype": str(array.dtype)},
            )
        )
    if array.dtype.kind == "f":
        steps = range(0, len(array), _ROWS)
        finite = [np.isfinite(array[start : start + _ROWS]).all(axis=1) for start in steps]
        bad = np.flatnonzero(~np.concatenate(finite)) if finite else np.zeros(0, np.int64)
        if bad.size:
            rows = ", ".join(map(str, bad[:10])) + (", ..." if bad.size > 10 else "")
            raise ValueError(
                expected(
                    f"{name} without NaN or infinity; {bad.size} of {len(array)} rows have some: "
                    f"rows {rows}. If they come from a model, its training has diverged: lower "
                    "the learning rate or clip the gradients",
                    first_row=array[bad[0]][:5].tolist(),
                )
            )
    return array


def check_ks(ks) -> tuple[int, ...]:
    """Returns the k of recall@k as a tuple of ints; one integer stands for itself.

    Raises:
        ValueError: If there is no k, or a k is not an integer above 0.
    """
    several = (ks,) if isinstance(ks, Integral) or not np.iterable(ks) else tuple(ks)
    if not several or not all(
        isinstance(k, Integral) and not isinstance(k, bool) and int(k) > 0 for k in several
    ):
        raise ValueError(expected("ks to be one or more integers above 0", ks=ks))
    return tuple(int(k) for k in several)


def common_codes(labels: np.ndarray, gallery_labels: np.ndarray):
    """Numbers the classes of the gallery; a query whose class is not in the gallery gets −1.

    Classes are compared as Python values: NumPy would join an int64 and a uint64 array as floats,
    in which large labels become equal.

    Returns:
        The codes of the queries and the codes of the gallery, both int64.
    """
    classes, gallery_codes = np.unique(gallery_labels, return_inverse=True)
    number = {value: code for code, value in enumerate(classes.tolist())}
    own, inverse = np.unique(labels, return_inverse=True)
    codes = np.array([number.get(value, -1) for value in own.tolist()], np.int64)
    return codes[inverse], gallery_codes.astype(np.int64)


def _array(values, name):
    """Returns the values as an array; NumPy's error for ragged rows would not name the argument."""
    try:
        return np.asarray(values)
    except ValueError as error:
        lengths = sorted({np.size(row) for row in values}) if np.iterable(values) else None
        raise ValueError(
            expected(f"{name} with rows of one length, none ragged", lengths=lengths)
        ) from error
