"""Importing TensorFlow without its messages about processors and drivers."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def quiet_start() -> Iterator[None]:
    """Holds back what is written to the standard error stream inside the block.

    TensorFlow logs its start from C++, before any setting of a log level counts. If the block
    raises, what was held back is shown: it may say why. Not so where an argument or a file is
    wrong, which the error says itself. ``TF_CPP_MIN_LOG_LEVEL=0`` shows all.
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
