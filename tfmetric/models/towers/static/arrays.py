"""Reads tables of vectors: .npy, .safetensors, and the text form of word2vec and GloVe."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfmetric._errors import expected

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MOST_HEADER = 10**8  # Bytes.


def read_npy(path: Path) -> np.ndarray:
    """Reads an array that NumPy saved."""
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(expected("an array that NumPy can read", file=str(path))) from error


def read_safetensors(path: Path) -> np.ndarray:
    """Reads the one matrix of a .safetensors file.

    The file begins with the length of a JSON header, which gives the type, the shape and the place
    of each array.
    """
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    try:
        if not 0 < size <= min(len(data) - 8, _MOST_HEADER):
            raise ValueError("cut off")
        header = json.loads(data[8 : 8 + size])
        found = {
            name: item
            for name, item in header.items()
            if name != "__metadata__" and len(item["shape"]) == 2
        }
        if len(found) == 1:
            ((_, item),) = found.items()
            begin, end = item["data_offsets"]
            values = np.frombuffer(data[8 + size + begin : 8 + size + end], _TYPES[item["dtype"]])
            values = values.reshape(item["shape"])
            if item["dtype"] == "BF16":  # The upper half of a float32.
                values = (values.astype("uint32") << 16).view("float32")
            return values
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            expected("a whole .safetensors file of floating numbers", file=str(path))
        ) from error
    raise ValueError(
        expected("one matrix in the .safetensors file", matrices=sorted(found)[:5], file=str(path))
    )


def read_text(path: Path) -> tuple[dict[str, int], np.ndarray, Path]:
    """Reads a word and its numbers from each line, after an optional first line of two counts.

    Returns:
        The number of each word, the vectors, and the path. A word that occurs twice keeps its
        first vector.
    """
    words: dict[str, int] = {}
    rows: list[np.ndarray] = []
    width = None
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            parts = line.rstrip("\r\n ").split(" ")
            if number == 1 and len(parts) == 2 and all(p.isdigit() for p in parts):
                width = int(parts[1])
                continue
            width = width or len(parts) - 1
            # A word may hold spaces itself, so the numbers are counted from the end.
            word, values = " ".join(parts[:-width]), parts[-width:]
            try:
                row = np.array(values, "float32")
            except ValueError:
                row = np.zeros(0, "float32")
            if not word or len(row) != width or not width:
                raise ValueError(
                    expected(
                        f"a word and {width} numbers in each line of word2vec's or GloVe's text "
                        "form",
                        line=number,
                        text=line[:60],
                        file=str(path),
                    )
                )
            if word not in words:
                words[word] = len(rows)
                rows.append(row)
    if not rows:
        raise ValueError(expected("at least one word with its vector", file=str(path)))
    return words, checked(np.stack(rows), path), path


def checked(vectors: np.ndarray, path: Path) -> np.ndarray:
    """Returns a matrix as float32.

    Raises:
        ValueError: If it is not a matrix of finite floating numbers.
    """
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not math.prod(vectors.shape):
        raise ValueError(
            expected(
                "vectors as a matrix of floating numbers",
                shape=vectors.shape,
                dtype=vectors.dtype.name,
                file=str(path),
            )
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise ValueError(expected("finite vectors", row=int(finite.argmin()), file=str(path)))
    return vectors.astype("float32")


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".npy": read_npy,
    ".safetensors": read_safetensors,
}
