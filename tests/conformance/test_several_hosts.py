"""Several operating-system processes, each with its share of a batch, train as one process does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.loss_cases import CASES

TESTS = Path(__file__).parents[1]
FEW = ["triplet", "ntxent"]


def start(index, count, port, names):
    paths = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "support.one_of_several_hosts"),
            *map(str, (index, count, port)),
            *names,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(count, names):
    """What the first of so many processes found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(index, count, port, names) for index in range(count)]
    try:
        said = [process.communicate(timeout=1500) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, said, strict=True):
        assert process.returncode == 0, error[-3000:]
    return json.loads(said[0][0].splitlines()[-1])


def assert_as_one_process(count, names):
    one, several = together(1, names), together(count, names)
    for name, wanted in one.items():
        scale = max(np.abs(wanted).max(), 1.0)
        np.testing.assert_allclose(
            np.divide(several[name], scale), np.divide(wanted, scale), atol=1e-6, err_msg=name
        )


@pytest.mark.slow
def test_two_processes_are_one():
    pytest.importorskip("jax", reason="jax is not installed")
    assert_as_one_process(2, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_every_loss_on_several_processes(count):
    pytest.importorskip("jax", reason="jax is not installed")
    assert_as_one_process(count, ["triplet", *(case.name for case in CASES)])
