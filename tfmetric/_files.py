"""Writes files and directories atomically, so that a reader never sees half of one.

A writer works in a scratch directory beside its target and renames the result into place. It holds
a lock on the scratch while it runs, and the system frees that lock when the process ends for any
reason. The next writer in the same directory removes scratch whose lock is free. Ages are not used,
because clocks differ between machines and a long export is not dead.
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
except ImportError:  # Windows has no such locks, so the scratch of a killed process stays there.
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".tfmetric.tmp"
_LOCK, _NO_LOCK = "lock", "unlockable"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary name beside ``path`` that replaces ``path`` when the block succeeds.

    Write a file, or make a directory, at the yielded name. It is synced to disk and then renamed to
    ``path`` (an existing file is replaced, an existing non-empty directory is an error). It is
    removed if the block raises. A killed process leaves ``path`` unchanged.

    Args:
        path: The file or directory to write; its parents are made.

    Yields:
        Where to write it.

    Raises:
        OSError: If it cannot be written; for a full disk the message names ``path``.
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
        last: Name of the file that moves last; a reader that finds it finds all files.

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

    It first removes scratch of killed processes in ``directory``.

    Args:
        directory: An existing directory.
        stem: A word in the hidden name that describes the contents.

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
    """Syncs a file, or a directory and everything in it, to disk.

    Without this, a power failure may keep the new name but not the contents.
    """
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            sync(entry)
        sync_directory(path)
    elif path.is_file():
        with suppress(PermissionError), path.open("r+b") as file:
            os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Syncs the names in a directory to disk if the system supports it."""
    with suppress(OSError):  # Windows cannot open directories; some file systems cannot sync them.
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _locked_scratch(directory, stem):
    """Makes a scratch directory; returns it and the open file of its lock (None without locks)."""
    while True:
        # A server that polls the parent ignores hidden names.
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
        except OSError:  # No locks: mark the scratch as this process's.
            os.close(lock)
            os.replace(scratch / _LOCK, scratch / _NO_LOCK)
            return scratch, None
        if os.fstat(lock).st_nlink:
            return scratch, lock
        os.close(lock)  # Another writer took the lock first and removed the scratch.


def _remove_if_free(scratch):
    try:
        lock = os.open(scratch / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        with suppress(OSError):
            scratch.rmdir()  # A process killed before it took its lock leaves an empty scratch.
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
    """Removes scratch, the lock last, so that the next writer can finish a removal."""
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
        wanted = "room on the disk; free some and call this again; nothing was changed"
        raise OSError(error.errno, expected(wanted, path=str(path))) from error
