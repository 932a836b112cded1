"""Imports TensorFlow without its messages about processors and drivers."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def quiet_start() -> Iterator[None]:
    """Holds back the standard error stream inside the block.

    TensorFlow logs its start from C++, before log levels apply. If the block raises, the held text
    is shown, because it may have the reason, except for wrong arguments or files, which the error
    describes. ``TF_CPP_MIN_LOG_LEVEL=0`` shows all.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (click.ClickException, FileNotFoundError, ValueError, KeyboardInterrupt):
            raise
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
