"""Files of an index: a NumPy archive without pickled objects, and a header with checksums."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.typing import PathLike

FORMAT = 1
_HEADER = "header"


def write(path: PathLike, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays under a header; the file replaces ``path`` once it is complete."""
    header = {"tfmetric_index": FORMAT, **header}
    header["sha256"] = {name: _digest(array) for name, array in arrays.items()}
    header["header_sha256"] = _header_digest(header)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    if Path(path).is_dir():
        raise IsADirectoryError(expected("path to be a file to write", path=str(path)))
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: text}, **arrays)


def read(path: PathLike) -> tuple[dict, dict[str, np.ndarray]]:
    """Reads and checks the header and the arrays of a file of :func:`write`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a file of an index, of a newer format, cut short or changed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(expected("the file of a saved index", path=str(path)))
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(archive[_HEADER].tobytes())
            version = header["tfmetric_index"]
            if version == FORMAT:
                arrays = {name: archive[name] for name in archive.files if name != _HEADER}
    except (
        # Errors of NumPy, zipfile and json for a broken archive.
        *(AttributeError, EOFError, IndexError, KeyError, OSError, TypeError, ValueError),
        *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(
            expected("a whole file that Index.save has written", path=str(path))
        ) from error
    if version != FORMAT:
        raise ValueError(
            expected(
                f"an index of format {FORMAT}; a newer tfmetric may read it",
                path=str(path),
                format=version,
            )
        )
    sums = {name: _digest(array) for name, array in arrays.items()}
    written = header.get("sha256", {})
    wrong = [name for name in {*sums, *written} if written.get(name) != sums.get(name)]
    if header.get("header_sha256") != _header_digest(header):
        wrong.append(_HEADER)
    if wrong:
        raise ValueError(
            expected(
                "an unchanged file of Index.save; its checksums show a change",
                path=str(path),
                changed=sorted(wrong),
            )
        )
    return header, arrays


def _digest(array):
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _header_digest(header):
    kept = {name: value for name, value in header.items() if name != "header_sha256"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
