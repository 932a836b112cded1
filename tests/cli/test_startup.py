"""What TensorFlow writes at its start is held back."""

import os

import click
import pytest

from tfmetric.cli.startup import quiet_start


def start(error=None):
    with quiet_start():
        os.write(2, b"noise\n")
        if error is not None:
            raise error


def test_it_is_shown_only_if_the_start_itself_fails(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    start()
    for error in (
        ValueError("x"),
        FileNotFoundError("x"),
        click.UsageError("x"),
        KeyboardInterrupt(),
    ):
        with pytest.raises(type(error)):
            start(error)
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError):
        start(ImportError("x"))
    assert capfd.readouterr().err == "noise\n"
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    start()
    assert capfd.readouterr().err == "noise\n"
