"""Stops a long command on Ctrl-C or SIGTERM."""

import contextlib
import signal
import threading
from collections.abc import Callable

import click

from tfmetric.cli import exit_codes


class _Terminated(BaseException):
    """Raised on SIGTERM."""


@contextlib.contextmanager
def interruptible(advice: Callable[[], str]):
    """Ends the block on Ctrl-C or SIGTERM, with the advice as the last line.

    Args:
        advice: Gives the words that follow "Interrupted: ", which say how to go on.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if main else None
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(advice()) from None
    except _Terminated:
        click.echo(": ".join(filter(None, ("Terminated", advice()))), err=True)
        raise click.exceptions.Exit(exit_codes.TERMINATED) from None
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def _terminate(number, frame):
    raise _Terminated
