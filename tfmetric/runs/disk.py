"""A disk that is full: the message says where, and how to go on once there is room."""

import contextlib
import errno
import os
from collections.abc import Iterator

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def room_on_the_disk(path: os.PathLike, command: str) -> Iterator[None]:
    """Says how to go on where the disk was full.

    Args:
        path: What was written to, where the error does not say.
        command: The command that goes on.

    Raises:
        OSError: With the place and the command, in place of an error of a full disk.
    """
    try:
        yield
    except Exception as error:
        # h5py and TensorFlow say it in words.
        number = getattr(error, "errno", None)
        if number not in _FULL and os.strerror(errno.ENOSPC) not in str(error):
            raise
        place = getattr(error, "filename", None) or path
        text = f"No space is left on the disk of {place}: make room, and go on with `{command}`"
        raise OSError(number or errno.ENOSPC, text) from error
