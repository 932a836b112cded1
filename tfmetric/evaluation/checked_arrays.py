"""Checks of embeddings and labels on their way into an evaluation."""

from contextlib import suppress
from numbers import Integral

import numpy as np

from tfmetric._errors import expected


def check_embeddings(embeddings, name: str = "embeddings") -> np.ndarray:
    """Returns the embeddings as a finite (N, D) array of numbers.

    Raises:
        ValueError: If they are not, with the rows that hold a NaN or an infinity.
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
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
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


def check_labels(labels, count: int, name: str = "labels") -> np.ndarray:
    """Returns the labels as an array (N,) of integers or strings, never of floats or objects.

    Raises:
        ValueError: If there are not ``count`` of them or they are not such values.
    """
    array = as_given(labels, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (count,):
        raise ValueError(
            expected(
                f"{name} of shape ({count},), one for each embedding",
                **{f"{name}_shape": array.shape},
            )
        )
    if array.dtype.kind == "f":
        whole = np.isfinite(array).all() and (array == np.floor(array)).all()
        if not whole or np.abs(array).max(initial=0) > 2**53:
            raise ValueError(expected(f"{name} to be whole numbers", dtype=str(array.dtype)))
        return array.astype(np.int64)
    if array.dtype.kind in "OST":
        return _texts(array, name)
    if array.dtype.kind not in "iubU":
        raise ValueError(expected(f"{name} to be integers or strings", dtype=str(array.dtype)))
    return array


def as_given(values, name: str) -> np.ndarray:
    """Labels or ids as an array, each as it was given.

    From a list NumPy makes floats, which are not exact, of integers on both sides of 2**63, and
    the text "1" of the integer beside a text.

    Raises:
        ValueError: If they are of different lengths, or texts and others.
    """
    array = _array(values, name)
    if array.ndim != 1 or not isinstance(values, (list, tuple, range)):
        return array
    if array.dtype.kind == "f" and all(isinstance(value, Integral) for value in values):
        with suppress(OverflowError):  # Of negative ones beside those: no type holds both.
            return np.array([int(value) for value in values], np.uint64)
    if array.dtype.kind in "SU":
        wrong = [value for value in values if not isinstance(value, (str, bytes))]
        if wrong:
            raise ValueError(expected(f"{name} to be all integers or all strings", first=wrong[:3]))
    return array


def _array(values, name):
    """The values as an array; NumPy's message of ragged rows does not say whose they are."""
    try:
        return np.asarray(values)
    except ValueError as error:
        lengths = sorted({np.size(row) for row in values}) if np.iterable(values) else None
        raise ValueError(
            expected(f"{name} with rows of one length, none ragged", lengths=lengths)
        ) from error


def _texts(array, name):
    """Columns of pandas and string tensors are arrays of Python objects; bytes become text."""
    values = array.tolist()
    if not all(isinstance(value, (str, bytes)) for value in values):
        wrong = next(value for value in values if not isinstance(value, (str, bytes)))
        raise ValueError(
            expected(f"{name} to be all integers or all strings", dtype=str(array.dtype), one=wrong)
        )
    texts = [v.decode(errors="surrogateescape") if isinstance(v, bytes) else v for v in values]
    return np.array(texts, np.str_)


def check_ks(ks) -> tuple[int, ...]:
    """Returns the k of recall@k as a tuple of ints; one integer stands for itself.

    Raises:
        ValueError: If there is none, or one is no integer above 0.
    """
    several = (ks,) if isinstance(ks, Integral) or not np.iterable(ks) else tuple(ks)
    if not several or not all(
        isinstance(k, Integral) and not isinstance(k, bool) and k > 0 for k in several
    ):
        raise ValueError(expected("ks to be one or more integers above 0", ks=ks))
    return tuple(int(k) for k in several)


def common_codes(labels: np.ndarray, gallery_labels: np.ndarray):
    """Numbers the classes of the gallery; a query whose class is not among them gets −1.

    Classes are compared as Python values: an int64 and a uint64 array put together by NumPy would
    turn into floats, in which large labels fall together.

    Returns:
        The codes of the queries and the codes of the gallery, both int64.
    """
    classes, gallery_codes = np.unique(gallery_labels, return_inverse=True)
    number = {value: code for code, value in enumerate(classes.tolist())}
    own, inverse = np.unique(labels, return_inverse=True)
    codes = np.array([number.get(value, -1) for value in own.tolist()], np.int64)
    return codes[inverse], gallery_codes.astype(np.int64)
