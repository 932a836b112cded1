"""The stored vectors of an exact index, with their lengths."""

from typing import Any

import numpy as np

from tfmetric.distances import NORM_FLOOR
from tfmetric.search.growing import GrowingArray
from tfmetric.search.storage import decode, encode


class Vectors:
    """Rows that decode to float32, with the length of each.

    Args:
        arrays: From :func:`tfmetric.search.storage.encode`.
        storage: Form of the stored values.
        dim: D.
    """

    def __init__(self, arrays: dict[str, np.ndarray], storage: str, dim: int):
        self.storage, self.dim = storage, dim
        self._parts = {name: GrowingArray(array) for name, array in arrays.items()}
        self._known: dict[str, Any] = {}
        if storage != "binary":
            self._parts["norms"] = GrowingArray(self._norms(arrays))

    @classmethod
    def of(cls, embeddings: np.ndarray, storage: str) -> "Vectors":
        """Encodes embeddings (N, D), float32."""
        return cls(encode(embeddings, storage), storage, embeddings.shape[1])

    def __len__(self) -> int:
        return len(self._parts["vectors"])

    @property
    def kept(self) -> np.ndarray:
        """(N, ...), the stored vectors."""
        return self._parts["vectors"].rows

    @property
    def norms(self) -> np.ndarray:
        """(N,), float64, the length of each."""
        return self._parts["norms"].rows

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return sum(part.rows.nbytes for part in self._parts.values())

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays for :meth:`__init__`."""
        return {name: part.rows for name, part in self._parts.items() if name != "norms"}

    def read(self, where) -> np.ndarray:
        """Decodes rows by a slice or an index array, float32."""
        scales = self._parts["scales"].rows[where] if "scales" in self._parts else None
        return decode(self.kept[where], scales, self.storage, self.dim)

    def append(self, embeddings: np.ndarray) -> None:
        """Adds embeddings (N, D), float32."""
        arrays = encode(embeddings, self.storage)
        if "norms" in self._parts:
            arrays["norms"] = self._norms(arrays)
        for name, array in arrays.items():
            self._parts[name].append(array)
        self._known = {}

    def keep(self, mask: np.ndarray) -> None:
        """Removes the rows where the mask is False."""
        for part in self._parts.values():
            part.keep(mask)
        self._known = {}

    @property
    def largest(self) -> float:
        """The largest of the lengths."""
        return self._once("largest", lambda: float(self.norms.max()))

    @property
    def squares(self) -> np.ndarray:
        """(N,), float32, the lengths squared."""
        return self._once("squares", lambda: (self.norms**2).astype(np.float32))

    @property
    def inverses(self) -> np.ndarray:
        """(N,), float32, factor of each vector under the cosine distance."""
        return self._once("inverses", lambda: (1 / floored(self.norms)).astype(np.float32))

    @property
    def copies(self) -> np.ndarray:
        """(N,), number of earlier rows equal to each."""
        return self._once("copies", self._copies)

    def _once(self, name, make):
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def _copies(self):
        rows = self.read(slice(None)) + np.float32(0)  # Turns −0.0 into 0.0.
        rows = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.strides[0])))[:, 0]
        _, group = np.unique(rows, return_inverse=True)
        order = np.argsort(group, kind="stable")
        sizes = np.bincount(group)
        found = np.empty(len(group), np.int64)
        found[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return found

    def _norms(self, arrays):
        parts = []
        for start in range(0, len(arrays["vectors"]), 4096):
            some = {name: array[start : start + 4096] for name, array in arrays.items()}
            rows = decode(some["vectors"], some.get("scales"), self.storage, self.dim)
            rows = rows.astype(np.float64)
            parts.append(np.sqrt(np.einsum("nd,nd->n", rows, rows)))
        return np.concatenate([np.empty(0), *parts])


def floored(norms):
    """Returns the divisors of vectors under the cosine distance."""
    return np.maximum(norms, NORM_FLOOR)
