"""Finds the smallest values of each row of a large table without sorting the rows."""

import numpy as np

# A row's bound is estimated from every 31st value; an odd stride, since tables often come in runs
# of 2, 10 or 32.
_STRIDE = 31


def place_in_sample(depth: int, stride: int = _STRIDE) -> int:
    """Position in a sample of every ``stride``-th value that most likely exceeds ``depth``."""
    in_sample = depth / stride
    return int(in_sample + 3 * in_sample**0.5 + 2)


def bound_by_sample(values, depth: int):
    """For each row a value that most likely exceeds ``depth`` others; None for all values."""
    place = place_in_sample(depth)
    if place * _STRIDE > values.shape[1] // 2:
        return None
    return np.partition(values[:, ::_STRIDE], place, axis=1)[:, place]


def smallest(values, depth: int):
    """Finds, in each row, at least its ``depth`` smallest values, and all up to the last of them.

    Args:
        values: (B, N), no NaN.
        depth: At least 1; more than N means all.

    Returns:
        Indexes into the flattened table, row after row, and the end of each row's indexes; or None
        if sorting whole rows is cheaper.
    """
    bound = bound_by_sample(values, depth)
    if bound is None:
        return None
    flat, ends = _below(values, bound)
    misled = np.flatnonzero(np.diff(ends, prepend=0) < depth)
    if misled.size:
        bound[misled] = np.partition(values[misled], depth - 1, axis=1)[:, depth - 1]
        flat, ends = _below(values, bound)
    return flat, ends


def _below(values, bound):
    flat = np.flatnonzero(values <= bound[:, None])
    return flat, np.searchsorted(flat, np.arange(1, len(values) + 1) * values.shape[1])
