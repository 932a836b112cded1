"""An array with cheap appending and removing of rows."""

import numpy as np


class GrowingArray:
    """Rows in contiguous memory, with room at the end so that appending is cheap.

    Args:
        first: The first rows, (N, ...). They decide the type and shape of all rows.
    """

    def __init__(self, first: np.ndarray):
        # Kept without spare room, because most indexes are built at once.
        self._rows, self._count = np.ascontiguousarray(first), len(first)

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> np.ndarray:
        """(N, ...), a view that is valid until the next change."""
        return self._rows[: self._count]

    def append(self, rows: np.ndarray) -> None:
        """Appends rows."""
        end = self._count + len(rows)
        if end > len(self._rows):
            room = np.empty((max(end, len(self._rows) * 3 // 2), *self._rows.shape[1:]), rows.dtype)
            room[: self._count] = self.rows
            self._rows = room
        self._rows[self._count : end] = rows
        self._count = end

    def keep(self, mask: np.ndarray) -> None:
        """Removes the rows where the mask (N,) is False, keeping the order."""
        self._rows = self.rows[mask]
        self._count = len(self._rows)
