"""Finds the k smallest of each row of a table that is computed tile by tile."""

import numpy as np

_SAMPLE = 1024
_TILE_VALUES = 2**18  # A tile is compared while still in the processor's cache.
_LEAST_COLUMNS, _MOST_COLUMNS = 256, 2**14


def scan(tile, rows: int, count: int, k: int, allowance=None, most: int | None = None):
    """Finds columns that include the k smallest values of each row.

    A sample of the columns gives a first bound, which is at least the k-th smallest value. Larger
    values are dropped at once; the bound falls during the scan.

    Args:
        tile: Function from a slice of the columns to the values (rows, n), floats or signed
            integers; NaN for columns to ignore. The array may be reused for the next tile.
        rows: Number of rows.
        count: Number of columns.
        k: 1 to ``count``.
        allowance: Function from a value for each row to the amount by which a value among the k
            smallest may exceed it, as values are rounded. None for exact values: then the first
            columns win at ties.
        most: Limit of found columns beyond which a row is given up; None for no limit.

    Returns:
        Three arrays (row, column, value), sorted by row, value and column; and which rows were
        given up (rows,).
    """
    exact = allowance is None
    bound = _first_bound(tile, rows, count, k)
    if not exact:
        bound = bound + allowance(bound)
    crowded = np.zeros(rows, bool)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    step = min(max(_LEAST_COLUMNS, _TILE_VALUES // max(rows, 1)), _MOST_COLUMNS)
    merge_at, limit = 4 * max(_SAMPLE, k), None
    for start in range(0, count, step):
        end = min(start + step, count)
        values = tile(slice(start, end))
        if limit is None:
            limit = _in_type(bound, values.dtype)[:, None]
        flat = np.flatnonzero(values <= limit)
        row, column = np.divmod(flat, end - start)
        found.append((row, column + start, values.ravel()[flat]))
        if end < merge_at and end < count:
            continue
        merge_at, limit = 4 * end, None
        row, column, value = (np.concatenate(part) for part in zip(*found[1:], strict=True))
        order = _order(row, value)  # The sort is stable, and columns come in order.
        row, column, value = row[order], column[order], value[order]
        counts = np.bincount(row, minlength=rows)
        starts = np.cumsum(counts) - counts
        full = np.flatnonzero(counts >= k)
        kth = value[starts[full] + k - 1]
        if exact:
            keep = np.arange(len(row)) - starts[row] < k
            bound[full] = _below(kth)  # A later column with an equal value comes after these.
        else:
            ceiling = np.full(rows, np.inf)
            ceiling[full] = kth + allowance(kth, full)
            bound = np.where(crowded, -np.inf, np.minimum(bound, ceiling))
            keep = value <= bound[row]
        if most is not None:
            crowded |= np.bincount(row[keep], minlength=rows) > most
            bound[crowded] = -np.inf
            keep &= ~crowded[row]
        found = [found[0], (row[keep], column[keep], value[keep])]
    return found[-1], crowded


def _first_bound(tile, rows, count, k):
    """Returns the k-th smallest value of a spread sample of columns; infinity if all tie."""
    stride = count // _SAMPLE
    if stride < 2 or count // stride < 2 * k:
        return np.full(rows, np.inf)
    sample = np.array(tile(slice(0, count, stride)), np.float64)
    sample[np.isnan(sample)] = np.inf
    return np.partition(sample, k - 1, axis=1)[:, k - 1]


def _in_type(bound, dtype):
    """Converts the bound to the type of the values, rounding up, so that no tile is converted."""
    if dtype.kind == "i":
        limits = np.iinfo(dtype)
        return np.clip(np.floor(bound), limits.min, limits.max).astype(dtype)
    with np.errstate(over="ignore"):
        near = bound.astype(dtype)
    return np.where(near < bound, np.nextafter(near, dtype.type(np.inf)), near)


def _below(values):
    """Returns the next smaller number."""
    if values.dtype.kind in "iu":
        return values.astype(np.float64) - 1
    return np.nextafter(values, values.dtype.type(-np.inf)).astype(np.float64)


def _order(row, value):
    """Computes ``np.lexsort((value, row))``, by a single quick sort if values are short enough."""
    if value.dtype == np.float32:
        bits = (value + np.float32(0)).view(np.int32)  # Turns −0.0 into 0.0.
        bits = bits ^ ((bits >> 31) & np.int32(2**31 - 1))  # Negative floats sort in reverse.
    elif value.dtype.kind in "iu" and value.dtype.itemsize < 4:
        bits = value.astype(np.int32)
    else:
        return np.lexsort((value, row))
    return np.argsort((row << 32) + bits, kind="stable")
