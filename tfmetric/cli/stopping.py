"""Stopping a long command: Ctrl-C, and SIGTERM, which a machine gets before it is taken away."""

import contextlib
import signal
import threading

import click

from tfmetric.cli import exit_codes


class _Terminated(BaseException):
    """SIGTERM has come."""


@contextlib.contextmanager
def interruptible(advice: str):
    """Ends the block on Ctrl-C or SIGTERM, with the advice as the last line.

    Args:
        advice: How to go on, in words that follow "Interrupted: ".
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if main else None
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(advice) from None
    except _Terminated:
        click.echo(f"Terminated: {advice}", err=True)
        raise click.exceptions.Exit(exit_codes.TERMINATED) from None
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def _terminate(number, frame):
    raise _Terminated
