"""Kill -9 in the middle of a trial, and go on; a chief and two workers."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.trainings import run_eagerly

import tfmetric as tm
from tfmetric.training import Settings
from tfmetric.tuning import Stopping, Validation, margin_search, read
from tfmetric.tuning.search import trial_runner

HERE = Path(__file__)


def search(directory, **arguments):
    """The search that is killed and gone on with: two folds of ten classes of vectors."""
    labels = np.arange(60) % 10
    data = tm.datasets.from_arrays(np.random.default_rng(0).normal(size=(60, 4)), labels)
    usual = {
        "settings": Settings("NTXentLoss", epochs=2, batches_per_epoch=1, embedding_dim=3),
        "search_space": {"temperature": [0.1, 0.2, 0.4], "learning_rate": None},
        "tuner": "grid",
        "validation": Validation("classes", folds=2),
        "stopping": Stopping(prune=False),
        "directory": Path(directory) / "vectors",
        "judged": (),
        "progress": False,
    }
    return margin_search(data, **{**usual, **arguments})


def kill_in_the_second_run_of_the_second_trial():
    """Ends this process as no `except` and no `finally` can know of."""
    done, run_once = [], trial_runner.run_once

    def run(*arguments, stop, **others):
        def each_epoch(curve):
            if len(done) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return stop(curve)

        done.append(run_once(*arguments, stop=each_epoch, **others))
        return done[-1]

    trial_runner.run_once = run


def start(*arguments, **environment):
    code = "import sys; sys.path[:0] = sys.argv[1:3]; import test_killed; test_killed.main()"
    paths = [str(HERE.parent), str(HERE.parents[2])]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *paths, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        cwd=HERE.parent.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main():
    """What the processes below do."""
    directory, what = sys.argv[3:]
    run_eagerly(pytest.MonkeyPatch())
    if what == "killed":
        kill_in_the_second_run_of_the_second_trial()
        search(directory)
    else:
        space = json.loads(what)
        end = {"judged": "best", "progress": True}
        result = search(directory, tuner="bayesian", max_trials=8, **end, **space)
        print("result", None if result is None else result.best.number)


@pytest.mark.slow
def test_killed_in_the_second_trial_it_goes_on_there(tmp_path, monkeypatch):
    process = start(tmp_path, "killed")
    _, error = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, error
    directory, ran, run_once = tmp_path / "vectors", [], trial_runner.run_once
    files = {path: path.read_text() for path in directory.rglob("*.json")}
    for text in files.values():
        json.loads(text)  # Nothing is half written.
    assert len(read(directory).trials) == 1
    run_eagerly(monkeypatch)
    monkeypatch.setattr(
        trial_runner, "run_once", lambda *a, **k: ran.append(a) or run_once(*a, **k)
    )
    result = search(tmp_path)
    assert len(ran) == 6 - 3  # Three trials of two folds.
    assert [len(trial.runs) for trial in result.trials] == [2, 2, 2]
    kept = [path for path in files if path.name.startswith(("run-", "outcome"))]
    assert len(kept) == 4
    assert all(path.read_text() == files[path] for path in kept)
    assert not list(directory.rglob(".*"))  # Nor is a draft left.


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def together(directory, space, names=("chief", "worker-1", "worker-2")):
    place = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": free_port()}
    processes = [
        start(directory, json.dumps(space), KERASTUNER_TUNER_ID=name, **place) for name in names
    ]
    answers = [process.communicate(timeout=500) for process in processes]
    return [
        (process.returncode, *answer) for process, answer in zip(processes, answers, strict=True)
    ]


@pytest.mark.slow
def test_a_chief_and_two_workers_share_the_trials(tmp_path):
    space = {
        "losses": ["NTXentLoss", "TripletLoss"],
        "search_space": {"learning_rate": [1e-3, 1e-2, 1e-4], "temperature": [0.1, 0.2, 0.5]},
    }
    chief, *workers = together(tmp_path, space)
    assert [code for code, *_ in (chief, *workers)] == [0, 0, 0], (chief, *workers)
    result = read(tmp_path / "vectors")
    assert len(result.trials) == 8
    assert len({str(trial.values) for trial in result.trials}) == 8
    assert chief[1].splitlines()[-1] == f"result {result.best.number}"
    lines = [line for _, out, _ in workers for line in out.splitlines()]
    assert sum(line.startswith("Trial ") for line in lines) == 8
    assert lines.count("result None") == 2
    assert all(any(line.startswith("Trial ") for line in out.splitlines()) for _, out, _ in workers)
    assert len(lines) == 10  # Keras Tuner prints nothing of its own.
    assert result.final is not None
    assert (tmp_path / "vectors/model.keras").is_file()
    # One process goes on with what the three did.
    assert len(search(tmp_path, tuner="bayesian", max_trials=8, **space).trials) == 8


@pytest.mark.slow
def test_a_worker_that_fails_ends_the_search_of_all(tmp_path):
    space = {"search_space": {"temperature": [0.1, 0.2, 0.5], "filters": [4, 8]}, "callbacks": [1]}
    chief, *workers = together(tmp_path, space)
    assert all(code == 1 for code, *_ in (chief, *workers)) or chief[0] == 1, (chief, *workers)
    assert "Received: a worker that failed" in chief[2]
