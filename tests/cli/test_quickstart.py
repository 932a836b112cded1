"""The command, from the outside: what it prints, what it leaves behind, how it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tfmetric.cli import cli

ROOT = Path(__file__).parents[2]
ORL = ROOT.parent / "shared/data/orl_faces"


def tfmetric(*arguments, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Some package sets it in this process; a user's shell does not.
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, "-m", "tfmetric", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
        env=environment,
    )


def metrics(output, name, version=1):
    return json.loads((output / "runs" / name / str(version) / "metrics.json").read_text())


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    output = tmp_path_factory.mktemp("digits")
    command = ("quickstart", "--dataset", "digits", "--epochs", "2", "--output", output)
    return output, [tfmetric(*command), tfmetric(*command, "--no-report")]


def test_it_runs_through_and_says_where_everything_is(digits):
    output, (first, _) = digits
    assert first.returncode == 0, first.stdout + first.stderr
    for text in ("raw inputs", "untrained", "Try next:", "runs/digits/1", "saved_models/digits/1"):
        assert text in first.stdout
    for name in ("neighbours.png", "training.png", "model.keras", "metrics.json"):
        assert (output / "runs/digits/1" / name).stat().st_size > 100
    found = metrics(output, "digits")
    assert found["result"]["recall_at_1"] > 0.8
    assert found["served"]["queries"] == 5
    again = f"tfmetric quickstart --dataset digits --output {output} --epochs 2 --seed 0"
    assert found["command"] == again
    report = (output / "runs/digits/1/report.html").read_text(encoding="utf-8")
    assert again in report
    assert f"{found['result']['map_at_r']:.4f}" in report
    assert "as the exported model answers them" in report
    assert set(found["result"]["raw"]) == set(found["result"]["untrained"])


def test_nothing_is_printed_that_is_no_news(digits):
    _, (first, _) = digits
    assert first.stderr == ""


def test_same_seed_same_figures_and_a_version_of_its_own(digits):
    output, (_, second) = digits
    assert second.returncode == 0, second.stdout + second.stderr
    one, two = metrics(output, "digits", 1), metrics(output, "digits", 2)
    assert one["result"] == two["result"]
    assert one["history"] == two["history"]
    assert not (output / "runs/digits/2/report.html").exists()


def test_vectors_from_an_npz(tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(12), 8)
    x = rng.normal(size=(12, 20))[y] + 0.5 * rng.normal(size=(96, 20))
    np.savez(tmp_path / "people.npz", x=x.astype("float32"), y=y)
    command = ("quickstart", "--dataset", "people.npz", "--epochs", "1", "--no-report")
    done = tfmetric(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert metrics(tmp_path, "people")["test"]["classes"] == 6


@pytest.mark.slow
@pytest.mark.skipif(not ORL.is_dir(), reason="needs the face photographs beside the project")
def test_a_folder_of_faces(tmp_path):
    done = tfmetric("quickstart", "--dataset", ORL, "--output", tmp_path, "--epochs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert metrics(tmp_path, "orl_faces")["test"]["classes"] == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "empty"], "Expected"),
        (["--dataset", "one"], "Expected"),
        (["--dataset", "digits", "--one-shot", "file.txt"], "Expected a zip file"),
        (["--output", "file.txt/x", "--dataset", "digits", "--epochs", "1"], "file.txt"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(arguments, message, tmp_path, monkeypatch):
    (tmp_path / "file.txt").write_text("in the way")
    (tmp_path / "empty").mkdir()
    (tmp_path / "one/only").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["quickstart", *arguments])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_bad_input_is_all_that_the_process_says(tmp_path):
    (tmp_path / "empty.npz").write_bytes(b"")
    done = tfmetric("quickstart", "empty.npz", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Expected")
    assert done.stderr.count("\n") == 1
    assert done.stdout.strip().startswith("1/5  Data:")
    assert [path.name for path in tmp_path.rglob("*")] == ["empty.npz", "runs", "empty"]


def test_a_source_that_is_not_there_is_wrong_usage_before_tensorflow_loads(tmp_path):
    for command in ("quickstart", "train", "tune"):
        code = (
            "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
            f"sys.argv = ['tfmetric', {command!r}, 'no-such-place']\n"
            "from tfmetric.cli import main; main()"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 2
        assert "Received: no-such-place" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--margin", "wide"],
        ["--margin", "-1"],
        ["--seed", "-1"],
        ["--epochs", "0"],
        ["--no-such-option"],
        ["--output", "f"],
    ],
)
def test_usage_errors_are_exit_code_2(arguments, tmp_path, monkeypatch):
    (tmp_path / "f").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["quickstart", *arguments])
    assert done.exit_code == 2
    assert "Usage:" in done.stderr
