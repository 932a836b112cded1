"""``tfmetric tune``: what it prints and leaves behind, and that it goes on where it was stopped."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric._process_lock import locked
from tfmetric.cli import cli
from tfmetric.cli.search_space import Span, parse_search, searchable_names
from tfmetric.training.losses import loss_arguments

ROOT = Path(__file__).parents[2]
# What a search of vectors needs to be over in seconds.
QUICK = ("--epochs", 1, "--batches-per-epoch", 2, "--trials", 2, "--no-report")


def tune(*arguments):
    return CliRunner().invoke(cli, ["tune", *map(str, arguments)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("tune")
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(16), 6)
    x = rng.normal(size=(16, 8))[y] + 0.7 * rng.normal(size=(96, 8))
    np.savez(place / "people.npz", x=x.astype("float32"), y=y)
    return place


@pytest.fixture(scope="module")
def searched(place):
    done = tune("--dataset", place / "people.npz", "--output", place, *QUICK)
    assert done.exit_code == 0, done.output
    return place / "tuning/people", done


def test_it_says_what_the_best_is_worth_and_writes_it_down(searched):
    directory, done = searched
    for text in ("Trial 2 of 2", "Optimism", "validation", "test, all 8 classes", "default"):
        assert text in done.output
    files = "best.json result.json trials.csv temperature.png parallel_coordinates.png model.keras"
    for name in (*files.split(), "metrics.json", "evidence.npz", "tune.toml", "config.toml"):
        assert (directory / name).stat().st_size > 20, name
    found = tm.tuning.read(directory)
    assert len(found.trials) == 2
    metrics = json.loads((directory / "metrics.json").read_text())
    np.testing.assert_allclose(metrics["result"]["map_at_r"], found.final.figures["map_at_r"])


def test_resuming_adds_trials_and_keeps_those_there_are(searched):
    directory, _ = searched
    before = {path: path.read_bytes() for path in directory.glob("trial_*/run-*.json")}
    done = tune("--resume", directory, "--trials", 3, "--no-report", "--json")
    assert done.exit_code == 0, done.output
    page = tm.report.write(directory).read_text(encoding="utf-8")
    assert "The search" in page
    assert "of the best and the default setting, trained on all training data" in page
    assert "the thick orange line is the best" in page
    assert "Optimism" in page
    assert "--dataset" in page
    found = json.loads(done.stdout)
    assert len(found["trials"]) == 3
    assert found["path"] == str(directory)
    assert before == {path: path.read_bytes() for path in before}


def test_another_search_in_the_same_directory_is_an_error(searched):
    directory, _ = searched
    again = ("--dataset", directory.parents[1] / "people.npz", "--output", directory.parents[1])
    done = tune(*again, *QUICK, "--loss", "NTXentLoss")
    assert done.exit_code == 1
    assert "losses" in done.output
    kept = (directory / "tune.toml").read_text()
    assert "NTXentLoss" not in kept


def test_two_processes_do_not_work_on_one_search(searched):
    directory, _ = searched
    with locked(directory.parent / ".people.lock", directory):
        done = tune("--resume", directory)
    assert done.exit_code == 1
    assert "no other process works on" in done.output


def test_words_of_a_search_space():
    words = ["margin=0.1..1", "scale=8 .. 16", "learning_rate=1e-3", "mining=hard,easy+semi-hard"]
    assert parse_search([*words, "batch=8x4,4x8", "temperature=default", "power=1..20:linear"]) == {
        "margin": Span(0.1, 1, True),
        "scale": Span(8, 16, False),
        "learning_rate": 1e-3,
        "mining": ["hard", ("easy", "semi-hard")],
        "batch": [(8, 4), (4, 8)],
        "temperature": None,
        "power": Span(1, 20, False),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--search", "margin"),
        ("--search", "margin=2..1"),
        ("--search", "margin=a..b"),
        ("--search", "margin=0..1:log"),
        ("--search", "batch=32"),
        ("--search", "margn=0.1..1"),
        ("--search", "epochs=1,2"),
        ("--loss", "NTXentLoss", "--search", "margin=0.1..1"),
        ("--loss", "NTXentLoss", "--search", "NTXentLoss/temperature=0.1..1"),
        ("--validation", "writers"),
        ("--resume", "."),
        ("--trials", "0"),
        ("--validation-fraction", "1"),
    ],
)
def test_wrong_usage(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = tune(*arguments)
    assert done.exit_code == 2, done.output
    assert list(tmp_path.iterdir()) == []


def test_names_of_a_search_space_are_read_without_tensorflow():
    code = (
        "import sys; sys.argv = ['tfmetric']\n"
        "sys.modules.update(dict.fromkeys(('keras', 'tensorflow', 'numpy')))\n"
        "from click.testing import CliRunner; from tfmetric.cli import cli\n"
        "done = CliRunner().invoke(cli, ['tune', '--search', 'margn=0.1..1'])\n"
        "assert done.exit_code == 2, done.output\n"
        "assert 'Did you mean margin' in ' '.join(done.output.split()), done.output"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_of_a_search_space_are_those_that_a_search_takes():
    for loss in tm.training.loss_names():
        names = searchable_names([loss])
        arguments = set(loss_arguments(loss)) - {"reduction"}
        assert arguments <= names, loss
        space = tm.tuning.default_space(loss, everything=True)
        assert set(space) <= names, loss
    several = searchable_names(["TripletLoss", "NTXentLoss"])
    assert {"TripletLoss/margin", "NTXentLoss/temperature", "margin", "batch"} <= several
    fields = {field.name for field in dataclasses.fields(tm.training.Settings)}
    unknown = searchable_names(["NTXentLoss"]) - set(loss_arguments("NTXentLoss"))
    assert unknown - fields == {"batch"}


def test_nothing_but_trials_may_be_given_with_resume(searched):
    done = tune("--resume", searched[0], "--epochs", 2)
    assert done.exit_code == 2
    assert "--epochs" in done.output


@pytest.mark.slow
def test_killed_and_resumed_with_two_workers(place):
    """SIGKILL in the middle of a trial; two workers go on, one of them killed too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tfmetric", "tune"]
    start = [*command, "--dataset", place / "people.npz", "--output", place, "--name", "killed"]
    budget = ["--epochs", "40", "--batches-per-epoch", "20", "--trials", "6", "--no-report"]
    directory = place / "tuning/killed"
    first = subprocess.Popen([*start, *budget], env=environment, stdout=subprocess.DEVNULL)
    _until(lambda: (directory / "trial_0/outcome.json").exists() and _trials(directory) > 1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = (directory / "trial_0/outcome.json").read_bytes()
    resume = [*command, "--resume", directory, "--no-report", "--workers", "2"]
    second = subprocess.Popen(
        resume, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _until(lambda: _trials(directory) > 2)
    workers = Path(f"/proc/{second.pid}/task/{second.pid}/children").read_text().split()
    os.kill(int(workers[0]), signal.SIGKILL)
    output, errors = second.communicate(timeout=600)
    assert second.returncode == 0, output + errors
    assert "started again" in errors
    found = tm.tuning.read(directory)
    assert [trial.number for trial in found.trials] == [1, 2, 3, 4, 5, 6]
    assert found.final is not None
    assert (directory / "trial_0/outcome.json").read_bytes() == before
    assert not list(directory.glob("**/.*.tmp"))


def _trials(directory):
    return len(list(directory.glob("trial_*")))


def _until(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
