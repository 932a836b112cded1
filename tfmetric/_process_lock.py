"""A lock that keeps other processes out of a directory, and goes with the process that holds it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfmetric._errors import expected

try:
    import fcntl
except ImportError:  # Windows: two processes are not kept apart there.
    fcntl = None  # type: ignore[assignment]

# Paths that this process has locked.
_held: set[Path] = set()


@contextmanager
def locked(
    path: str | os.PathLike, run: str | os.PathLike, *, again: bool = False
) -> Iterator[None]:
    """Keeps other processes out for the block, by a lock on a file.

    The system frees the lock when the process ends, killed or not.

    Args:
        path: The file; its directory is made.
        run: The directory that is locked, for the message.
        again: Whether a block of this process that has the lock already lets this one in.

    Raises:
        ValueError: If another process, or another block of this one, has it.
    """
    path = Path(path).absolute()
    if again and path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ValueError(
                    expected(
                        "a run that no other process works on",
                        run=str(run),
                        held_by=file.read().strip(),
                    )
                ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
