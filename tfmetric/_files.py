"""Writing files and directories so that a reader never sees half of one.

A writer works in a scratch directory beside its target and renames the result into place. It holds
a lock on the scratch while it runs, and the system frees that lock when the process ends, however
it ends. The next writer in the same directory removes scratch whose lock is free. Ages play no
part: clocks differ between machines, and a long export is no dead one.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfmetric._errors import expected

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, scratch of a killed process stays.
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".tfmetric.tmp"
_LOCK, _NO_LOCK = "lock", "unlockable"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary name beside ``path`` that takes its place when the block succeeds.

    Write a file, or make a directory, at the yielded name. It is put on the disk and then renamed
    to ``path`` (an existing file is replaced, an existing non-empty directory is an error). It is
    removed if the block raises. A process that is killed leaves ``path`` as it was.

    Args:
        path: The file or directory to write; its parents are made.

    Yields:
        Where to write it.

    Raises:
        OSError: If it cannot be written; the message of a full disk names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_beside(path.parent, path.name) as scratch:
        with _room_for(path):
            yield scratch / path.name
            sync(scratch / path.name)
        os.replace(scratch / path.name, path)
        sync_directory(path.parent)


@contextmanager
def filling(directory: str | os.PathLike, last: str) -> Iterator[Path]:
    """Yields a temporary directory whose files move into ``directory`` when the block succeeds.

    Args:
        directory: An existing directory; files of the same names in it are replaced.
        last: The name of the file that moves after the others; a reader who finds it finds all.

    Yields:
        Where to write the files.
    """
    directory = Path(directory)
    with scratch_beside(directory, "files") as scratch:
        draft = scratch / "files"
        draft.mkdir()
        with _room_for(directory):
            yield draft
            sync(draft)
        for file in sorted(draft.iterdir(), key=lambda file: (file.name == last, file.name)):
            if file.name == last:
                sync_directory(directory)
            os.replace(file, directory / file.name)
        sync_directory(directory)


@contextmanager
def scratch_beside(directory: str | os.PathLike, stem: str) -> Iterator[Path]:
    """Yields a new directory in ``directory`` that is locked while the block runs, then removed.

    Scratch that killed processes have left in ``directory`` is removed first.

    Args:
        directory: An existing directory.
        stem: A word for the hidden name, which tells a reader what was being written.

    Yields:
        The scratch directory; it holds the file of the lock.
    """
    remove_abandoned(directory)
    scratch, lock = _locked_scratch(Path(directory), stem)
    try:
        yield scratch
    finally:
        _remove(scratch)
        if lock is not None:
            os.close(lock)


def remove_abandoned(directory: str | os.PathLike) -> None:
    """Removes the scratch in ``directory`` that no running process holds.

    Args:
        directory: Where writers of this package have worked; it need not exist.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for name in os.listdir(directory):
            if name.startswith(".") and name.endswith(SUFFIX):
                _remove_if_free(Path(directory, name))


def sync(path: Path) -> None:
    """Puts a file, or a directory and everything in it, on the disk.

    Without this a machine that loses power may keep the new name and not the contents.
    """
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            sync(entry)
        sync_directory(path)
    elif path.is_file():
        with suppress(PermissionError), path.open("r+b") as file:
            os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Puts the names in a directory on the disk, where the system can do so."""
    with suppress(OSError):  # Windows opens no directory; some file systems sync none.
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _locked_scratch(directory, stem):
    """A new scratch directory, and the open file of its lock or None where there are no locks."""
    while True:
        # A server that polls the parent takes a hidden name for no version.
        scratch = Path(tempfile.mkdtemp(prefix=f".{stem}.", suffix=SUFFIX, dir=directory))
        if fcntl is None:
            (scratch / _NO_LOCK).touch()
            return scratch, None
        try:
            lock = os.open(scratch / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:
            continue  # Another writer removed the scratch while it was still empty.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue  # Another writer is about to remove it.
        except OSError:  # The file system has no locks. Say so, and nobody removes it but us.
            os.close(lock)
            os.replace(scratch / _LOCK, scratch / _NO_LOCK)
            return scratch, None
        if os.fstat(lock).st_nlink:
            return scratch, lock
        os.close(lock)  # Another writer took the lock first, removed the scratch and let go.


def _remove_if_free(scratch):
    try:
        lock = os.open(scratch / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        with suppress(OSError):
            scratch.rmdir()  # Killed before it took its lock: then it is empty.
        return
    except OSError:
        return
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(scratch)
    finally:
        os.close(lock)


def _remove(scratch):
    """Removes scratch, the lock last: if this is cut short, the next writer can go on."""
    with suppress(OSError):
        for entry in list(scratch.iterdir()):
            if entry.name == _LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        (scratch / _LOCK).unlink(missing_ok=True)
        scratch.rmdir()


@contextmanager
def _room_for(path):
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        wanted = "room on the disk; make some and call this again, nothing was changed"
        raise OSError(error.errno, expected(wanted, path=str(path))) from error
