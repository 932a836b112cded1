"""Runs several processes for one search, by the variables of Keras Tuner."""

import _thread
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import click

# Number of restarts of a killed worker; more failures mean that it is broken.
_RESTARTS = 3
# Seconds for a worker to end after the last trial.
_PATIENCE = 30


@contextmanager
def workers(arguments, count: int, quiet: bool = False):
    """Makes this process the chief of so many workers for the block.

    A worker that is killed is started again and gets its trial back.

    Args:
        arguments: Of ``tfmetric`` in a worker.
        count: How many; 0 for none, and this process does all itself.
        quiet: Whether what workers print is left out.
    """
    if not count:
        yield
        return
    place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    before = {name: os.environ.get(name) for name in (*place, "KERASTUNER_TUNER_ID")}
    os.environ.update(place, KERASTUNER_TUNER_ID="chief")
    ended = threading.Event()
    crew = [_Worker(arguments, f"worker{n}", quiet) for n in range(1, count + 1)]
    guard = threading.Thread(target=_guard, args=(crew, ended), daemon=True)
    guard.start()
    patience = 0
    try:
        yield
        patience = _PATIENCE
    finally:
        ended.set()
        for worker in crew:
            worker.end(patience)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Worker:
    """A worker process with its number of restarts."""

    def __init__(self, arguments, name, quiet):
        self.command = [sys.executable, "-m", "tfmetric", *arguments]
        self.environment = {**os.environ, "KERASTUNER_TUNER_ID": name}
        self.name, self.quiet, self.restarts = name, quiet, 0
        self.start()

    def start(self):
        """Starts the process."""
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if self.quiet else None,
        )

    def check(self) -> bool:
        """Restarts a killed process; returns whether the search can continue."""
        code = self.process.poll()
        if code is None or code == 0:
            return True
        self.restarts += 1
        if code > 0 or self.restarts > _RESTARTS:  # The worker has printed its error.
            return False
        click.echo(f"{self.name} was killed by signal {-code}; it is started again", err=True)
        self.start()
        return True

    def end(self, patience):
        """Ends the process; its trial is repeated when the search continues."""
        try:
            self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _guard(crew, ended):
    while not ended.wait(1.0):
        if not all(worker.check() for worker in crew):
            _thread.interrupt_main()
            return


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
