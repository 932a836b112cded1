"""Version directories: numbers under one parent, written atomically."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from numbers import Integral
from pathlib import Path

from tfmetric._errors import expected
from tfmetric._files import scratch_beside, sync, sync_directory
from tfmetric._model_name import model_name
from tfmetric._whole_numbers import LARGEST, whole_number

_STEM = "export"


def versions(directory) -> list[int]:
    """Returns the versions under ``directory`` in ascending order; none if it does not exist.

    A version is a directory that holds a SavedModel and whose name is a plain number (not ``007``,
    and not too large for TensorFlow Serving).
    """
    directory = Path(directory)
    if not directory.is_dir():
        return []
    return sorted(
        n for n in _numbers(directory) if (directory / str(n) / "saved_model.pb").is_file()
    )


class Draft:
    """A version in progress.

    Attributes:
        path: Where to write it; a hidden name that a server takes for no version.
        published: Where it went, once it is complete; its own path until then.
    """

    def __init__(self, path: Path):
        self.path = path
        self.published = path


@contextmanager
def new_version(directory) -> Iterator[Draft]:
    """Yields a draft that becomes the next version when the block succeeds.

    A version appears by one rename, complete and on disk. No version is overwritten: of two exports
    at the same time the second takes the next number. If the block raises, nothing is left. If the
    process is killed, a hidden directory stays, which servers and this package ignore and the next
    export removes.

    Raises:
        ValueError: If ``directory`` is a file, cannot be made or written to, or has a name that no
            server can serve.
    """
    directory = Path(directory)
    model_name(directory)
    with ExitStack() as held:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            scratch = held.enter_context(scratch_beside(directory, _STEM))
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(
                expected("a directory, or a path where one can be made", directory=str(directory))
            ) from error
        except OSError as error:
            raise ValueError(
                expected(
                    f"a directory that can be written to ({error.strerror})",
                    directory=str(directory),
                )
            ) from error
        # The scratch directory is private, but a server may run as another user.
        draft = Draft(scratch / "version")
        yield draft
        sync(draft.path)
        draft.published = _publish(draft.path, directory)
        sync_directory(directory)


def _numbers(directory: Path) -> set[int]:
    found = (whole_number(path.name) for path in directory.iterdir())
    return {number for number in found if number is not None}


def _publish(path: Path, directory: Path) -> Path:
    while True:
        # A file named by a number occupies that number too.
        number = max(_numbers(directory), default=0) + 1
        if number > LARGEST:
            raise ValueError(
                expected(
                    f"room for a version after {number - 1}; a server takes none above it",
                    directory=str(directory),
                )
            )
        target = directory / str(number)
        try:
            os.rename(path, target)
            return target
        except OSError:
            if not target.exists():
                raise
            # Another export took the number meanwhile; try the next.


def check_keep_last(keep_last) -> None:
    """Refuses a number of versions to keep that is none.

    Raises:
        ValueError: If it is neither None nor an integer above 0.
    """
    whole = isinstance(keep_last, Integral) and not isinstance(keep_last, bool)
    if keep_last is not None and not (whole and keep_last > 0):
        raise ValueError(
            expected("keep_last to be an integer above 0, or None", keep_last=keep_last)
        )


def keep_newest(directory, keep_last: int | None) -> list[int]:
    """Removes all but the newest versions.

    A version is renamed before its files are deleted, so a server never finds half a version.

    Args:
        directory: The parent of the versions.
        keep_last: Number of versions to keep; None for all.

    Returns:
        The numbers of the removed versions.
    """
    check_keep_last(keep_last)
    found = versions(directory)
    old = [] if keep_last is None else found[:-keep_last]
    for number in old:
        # Another process may be removing it too.
        with scratch_beside(directory, _STEM) as scratch, suppress(FileNotFoundError):
            os.rename(Path(directory) / str(number), scratch / "version")
    return old
