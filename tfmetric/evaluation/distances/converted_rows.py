"""Converts rows of a large array to another dtype and scale, a part at a time."""

from collections.abc import Iterator

import numpy as np

# Arrays up to this size are converted once and kept. Larger arrays are converted in parts for each
# block of queries, at a few percent of the cost of the matrix product.
_HELD_BYTES = 2**27
_PART_BYTES = 2**24


class ConvertedRows:
    """Rows of an array in a chosen order, converted when they are read.

    Args:
        source: (N, D), numbers.
        order: (M,) indexes of the rows.
        dtype: The dtype of the converted rows.
        factor: Factor of all values.
        divisor: (M,), divisor of each row; None for no division.
        shift: Number added to all values before scaling.
        columns: Numbers, or arrays (M,), appended as further columns.
    """

    def __init__(self, source, order, dtype, factor=1.0, divisor=None, shift=0.0, columns=()):
        self._source, self._order, self._dtype = source, order, np.dtype(dtype)
        self._factor, self._divisor, self._shift = factor, divisor, shift
        self._columns = [np.broadcast_to(np.asarray(c, np.float64), len(order)) for c in columns]

    def __len__(self):
        return len(self._order)

    @property
    def width(self) -> int:
        """The number of columns of a converted row."""
        return self._source.shape[1] + len(self._columns)

    @property
    def nbytes(self) -> int:
        """The size of all converted rows together."""
        return len(self) * self.width * self._dtype.itemsize

    def __getitem__(self, index) -> np.ndarray:
        """The converted rows at an index array or a slice, (B, width)."""
        part = self._source[self._order[index]]
        out = np.empty((len(part), self.width), self._dtype)
        values = out[:, : part.shape[1]]
        if self._divisor is None and not self._shift and self._dtype == np.float64:
            np.multiply(part, self._factor, out=values, dtype=np.float64)
        else:
            part = part.astype(np.float64)
            part += self._shift
            part *= self._factor
            if self._divisor is not None:
                part /= self._divisor[index][:, None]
            values[:] = part
        for place, column in enumerate(self._columns, part.shape[1]):
            out[:, place] = column[index]
        return out

    def step(self) -> int:
        """Number of rows to read at a time."""
        return max(16, _PART_BYTES // (8 * max(self.width, 1)))

    def squares(self) -> np.ndarray:
        """The squared norm of each row without its further columns, (M,), float64."""
        width = self._source.shape[1]
        found = np.empty(len(self))
        for start in range(0, len(self), self.step()):
            part = self[start : start + self.step()][:, :width]
            np.einsum("nd,nd->n", part, part, out=found[start : start + len(part)])
        return found

    def held(self) -> "np.ndarray | ConvertedRows":
        """Returns all rows as one array if it is small, else these rows unchanged."""
        return self[:] if self.nbytes <= _HELD_BYTES else self


def tiles(rows: "np.ndarray | ConvertedRows", most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields parts of up to ``most`` rows: the index of the first row, the part."""
    step = min(most, rows.step()) if isinstance(rows, ConvertedRows) else most
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def product(left: np.ndarray, rows: "np.ndarray | ConvertedRows", index: np.ndarray) -> np.ndarray:
    """Returns the products (B, M) of (B, D) vectors with the rows at an index array (M,)."""
    if not isinstance(rows, ConvertedRows):
        return left @ rows[index].T
    found = np.empty((len(left), len(index)), left.dtype)
    for start in range(0, len(index), rows.step()):
        some = rows[index[start : start + rows.step()]]
        np.matmul(left, some.T, out=found[:, start : start + len(some)])
    return found
