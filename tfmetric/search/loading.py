"""Reads a saved index of any class."""

from pathlib import Path
from typing import Any

from tfmetric.search.base import Index


def load(path: str | Path, **connection: Any) -> Index:
    """Reads an index written by ``save``.

    The file's checksums, format, width, distance and counts are checked. No code in the file is
    run, but Faiss parses its own format: load Faiss files only from sources you trust.

    Args:
        path: The file.
        **connection: For a file of a :class:`QdrantIndex`: arguments of ``QdrantClient`` that are
            not saved, such as ``api_key``; likewise for your own classes.

    Returns:
        An :class:`Index` of the class that wrote it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an index, is cut short or changed, or if its class is not
            registered.

    Example:

    >>> import pathlib, tempfile
    >>> from tfmetric.search import ExactIndex
    >>> index = ExactIndex()
    >>> index.add([[0.0, 1.0], [3.0, 4.0]], [2**60 + 1, -5])
    >>> file = index.save(pathlib.Path(tempfile.mkdtemp()) / "two.npz")
    >>> load(file).query([[0.0, 0.0]], k=1).ids.tolist()
    [[1152921504606846977]]
    """
    return Index.load(path, **connection)
