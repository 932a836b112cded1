"""The smallest values of each row of a large table, without sorting the rows."""

import numpy as np

# A row's bound is what every 31st of its values suggests: an odd number, since a table is often
# made in runs of 2, 10 or 32.
_STRIDE = 31


def smallest(values, depth: int):
    """Finds, in each row, at least its ``depth`` smallest values, and all up to the last of them.

    Args:
        values: (B, N), no NaN.
        depth: At least 1; more than N means all.

    Returns:
        Indexes into the flattened table, row after row, and for each row where its own end; or
        None where so many are asked for that sorting whole rows is cheaper.
    """
    total = values.shape[1]
    in_sample = depth / _STRIDE
    place = int(in_sample + 3 * in_sample**0.5 + 2)
    if place * _STRIDE > total // 2:
        return None
    bound = np.partition(values[:, ::_STRIDE], place, axis=1)[:, place]
    flat, ends = _below(values, bound)
    misled = np.flatnonzero(np.diff(ends, prepend=0) < depth)
    if misled.size:
        bound[misled] = np.partition(values[misled], depth - 1, axis=1)[:, depth - 1]
        flat, ends = _below(values, bound)
    return flat, ends


def _below(values, bound):
    flat = np.flatnonzero(values <= bound[:, None])
    return flat, np.searchsorted(flat, np.arange(1, len(values) + 1) * values.shape[1])
