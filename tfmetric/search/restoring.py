"""Restores an index from its file."""

from typing import Any

from tfmetric._errors import expected
from tfmetric.search import backends, files


def restore(path, connection: dict[str, Any]) -> Any:
    """Reads a file of :func:`tfmetric.search.files.write` by the class named in its header.

    Args:
        path: The file.
        connection: Arguments that no file holds.

    Returns:
        The index.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an index, or its parts do not fit together.
    """
    header, arrays = files.read(path)
    cls = backends.named(header.get("index"), path)
    try:
        dim, count = header["dim"], header["count"]
        index = cls.from_saved(
            backends.Saved(header["distance"], dim, count, header["settings"], arrays, connection)
        )
        # A database may change after its address was saved.
        if (len(index) != count and not index.elsewhere) or index.dim != dim:
            raise ValueError(
                expected(f"{count} embeddings of width {dim}", count=len(index), dim=index.dim)
            )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            expected(
                "a file of an index whose parts fit together", path=str(path), error=str(error)
            )
        ) from error
    return index
