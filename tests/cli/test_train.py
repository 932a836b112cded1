"""A training as a run: killed and resumed, repeated, refused."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric._files import SUFFIX
from tfmetric.cli import cli, exit_codes
from tfmetric.cli.option_types import assigned
from tfmetric.runs.config import RunConfig, resolved
from tfmetric.runs.config_values import read_toml
from tfmetric.runs.directory import RunDirectory

train = import_module("tfmetric.cli.train")  # The package has the command under this name.
ROOT = Path(__file__).parents[2]
# Class proxies, dropout and early stopping: all that could begin anew when it should go on.
OPTIONS = [
    "--loss=arcface",
    "--loss-argument=scale=16",
    "--dropout=0.3",
    "--patience=9",
    "--epochs=3",
    "--batches-per-epoch=4",
    "--classes-per-batch=4",
    "--examples-per-class=3",
    "--embedding-dim=4",
    "--mixed-precision",
]


def tfmetric(*arguments):
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def figures(run):
    found = metrics(run)
    return found["result"], found["history"], found["training"], found["validation"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Vectors of 16 classes."""
    path = tmp_path_factory.mktemp("data") / "people.npz"
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(16), 6)
    x = rng.normal(size=(16, 8))[y] + 0.8 * rng.normal(size=(96, 8))
    np.savez(path, x=x.astype("float32"), y=y)
    return path


@pytest.fixture(scope="module")
def straight(data, tmp_path_factory):
    """A run that nothing stopped."""
    output = tmp_path_factory.mktemp("straight")
    done = tfmetric("--dataset", data, "--output", output, "--json", *OPTIONS)
    assert done.exit_code == 0, done.output
    return output / "runs/people/1", done


def test_a_run_holds_everything(straight, data):
    run, done = straight
    told = json.loads(done.stdout)
    assert told["run"] == str(run)
    assert told["epochs"] == 3
    assert told["result"] == metrics(run)["result"]
    assert "Epoch 3/3" in done.stderr
    names = {"checkpoints", "config.toml", "evidence.npz", "logs", "metrics.json", "model.keras"}
    pictures = {"neighbours.png", "report.html", "training.png"}
    assert {path.name for path in run.iterdir()} == names | pictures
    with (run / "logs/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == metrics(run)["history"]["loss"]
    assert list(run.glob("logs/**/events.out.*"))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "ArcFaceLoss" in page
    command = metrics(run)["command"]
    assert command in page
    assert command.startswith(f"tfmetric train --dataset {data}")
    assert "--loss-argument scale=16" in command


def test_the_config_says_all_that_counts(straight, data):
    run, _ = straight
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["data"]["dataset"] == str(data)
    assert config["training"]["loss"] == {
        "name": "ArcFaceLoss",
        "margin": 0.5,
        "scale": 16,
        "reduction": "auto",
    }
    assert config["training"]["backbone"] == "none"
    assert (config["seed"], config["mixed_precision"]) == (0, "bfloat16")
    assert set(config["versions"]) >= {"tfmetric", "keras", "tensorflow"}


def test_mixed_precision_holds_for_the_run_alone(straight):
    model = keras.saving.load_model(straight[0] / "model.keras")
    assert "mixed_bfloat16" in {layer.dtype_policy.name for layer in model._flatten_layers()}
    assert keras.config.dtype_policy().name == "float32"


def test_stopping_is_judged_on_training_classes_that_are_held_out(straight):
    found = metrics(straight[0])
    # A fifth of 8 training classes, but at least two; all test classes are left for the end.
    assert found["validation"]["classes"] == 2
    assert found["result"]["num_queries"] == 8 * 6
    assert "6 classes" not in found["training"]
    assert "2 classes held out" in found["training"]


def test_killed_and_resumed_it_is_the_run_that_nothing_stopped(straight, data, tmp_path):
    command = [
        sys.executable,
        "-m",
        "tfmetric",
        "train",
        "--dataset",
        data,
        *OPTIONS,
        "--no-report",
    ]
    process = subprocess.Popen(
        [*map(str, command), "--output", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = []
    for line in process.stdout:  # Piped: a line an epoch.
        seen.append(line)
        if "Epoch 2/3" in line:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL, seen
    process.stdout.close()
    run = tmp_path / "runs/people/1"
    told = CliRunner().invoke(cli, ["report", str(run)])
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert f"`tfmetric train --resume {run}` goes on" in told.stderr
    (run / f"logs/.history.csv.killed{SUFFIX}").mkdir()  # What it may have been writing.
    done = tfmetric("--resume", run)
    assert done.exit_code == 0, done.output
    assert "Epoch 1/3" not in done.stdout
    assert figures(run) == figures(straight[0])
    assert not list(run.rglob(".*"))
    history = (run / "logs/history.csv").read_text()
    assert history == (straight[0] / "logs/history.csv").read_text()
    one, two = (keras.saving.load_model(path / "model.keras") for path in (run, straight[0]))
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(np.array(a), np.array(b))
    # Once more: there is nothing to do.
    done = tfmetric("--resume", run)
    assert (done.exit_code, "is finished" in done.stdout) == (0, True)


def test_killed_while_the_end_is_written_it_is_written_again(straight, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(straight[0], run)
    (run / "metrics.json").unlink()
    (run / f".files.x{SUFFIX}/files").mkdir(parents=True)
    (run / f".files.x{SUFFIX}/files/metrics.json").write_text("{}")
    (run / f".files.x{SUFFIX}/lock").write_text("")
    text = (run / "config.toml").read_text().replace("report = true", "report = false")
    (run / "config.toml").write_text(text)
    done = tfmetric("--resume", run)
    assert done.exit_code == 0, done.output
    assert "3 of 3 epochs are done" in done.stdout
    assert figures(run) == figures(straight[0])
    assert list(run.glob(".files*")) == []


@pytest.mark.parametrize(
    ("number", "code", "sign"),
    [(signal.SIGINT, 130, "checkpoints/checkpoint.npz"), (signal.SIGTERM, 143, "logs/history.csv")],
)
def test_a_signal_says_how_to_go_on(number, code, sign, data, tmp_path):
    """Ctrl-C after an epoch, SIGTERM before the first one is over."""
    # A shell has its background jobs ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = tmp_path / "runs/people/1"
    ended = threading.Event()

    def send():
        while not (run / sign).is_file() and not ended.is_set():
            time.sleep(0.02)
        if not ended.is_set():
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        done = tfmetric("--dataset", data, "--output", tmp_path, *OPTIONS, "--epochs", 10_000)
    finally:
        ended.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert done.exit_code == code, done.output
    assert done.stderr.endswith(f"go on with `tfmetric train --resume {run}`\n")
    assert (run / "checkpoints").is_dir()
    assert not (run / "metrics.json").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_config_repeats_a_run_and_options_change_it(straight, tmp_path):
    run, _ = straight
    again = tfmetric("--config", run / "config.toml", "--output", tmp_path, "--no-report")
    assert again.exit_code == 0, again.output
    repeated = tmp_path / "runs/people/1"
    assert figures(repeated) == figures(run)
    assert not (repeated / "report.html").exists()
    config = tomllib.loads((repeated / "config.toml").read_text())
    first = tomllib.loads((run / "config.toml").read_text())
    for key in ("data", "training", "stopping", "seed"):
        assert config[key] == first[key]


def test_a_part_of_a_config_is_enough(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('seed = 3\n[data]\ndataset = "digits"\n[training.loss]\nmargin = "none"\n')
    config = resolved(read_toml(path), {"seed": 4}, {"epochs": 7}, {"mining": "all"})
    assert (config.seed, config.settings.epochs, config.dataset) == (4, 7, "digits")
    assert config.settings.loss == "TripletLoss"
    wanted = {"margin": None, "mining": "all", "distance": "euclidean"}
    assert config.settings.loss_arguments == wanted
    assert config.settings.classes_per_batch == 5  # That of the data set's recipe.
    path.write_text('[training.loss]\nname = "RecallAtKLoss"\nk = [1, 2]\n')
    config = resolved(read_toml(path), {}, {}, {})
    config.write(tmp_path / "written.toml")
    assert resolved(read_toml(tmp_path / "written.toml"), {}, {}, {}) == config


def test_the_page_names_all_commands_codes_and_keys(tmp_path):
    page = (ROOT / "docs/command_line.md").read_text(encoding="utf-8")
    assert [name for name in cli.commands if not re.search(rf"`(tfmetric )?{name}\b", page)] == []
    codes = {value for name, value in vars(exit_codes).items() if isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)} == codes
    example = re.search(r"```toml\n(.*?)```", page, re.S)[1]
    (tmp_path / "page.toml").write_text(example)
    config = resolved(read_toml(tmp_path / "page.toml"), {}, {}, {})
    config.write(tmp_path / "written.toml")
    # All that a run writes but what it finds out itself, and what no loss needs to be told.
    written = tomllib.loads((tmp_path / "written.toml").read_text())
    for key in ("command", "versions"):
        written.pop(key)
    written["data"].pop("fingerprint")
    assert written == tomllib.loads(example)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = ", "a file of TOML"),
        ("sed = 1", r"command, seed, .*unknown=\['sed'\]"),
        ("data = 1", r"a table \[data\]"),
        ("[data]\nname = 'digits'", r"dataset, .*in \[data\]. Received: .*unknown=\['name'\]"),
        ("seed = 1.5", "seed to be a whole number"),
        ("[data]\ntest_fraction = 1", r"between 0 and 1 or .none. in \[data\]"),
        (
            "[stopping]\npatience = true",
            'patience to be a whole number from 1 to 2147483647 or "none"',
        ),
        ("[stopping]\npatience = 0", "patience to be a whole number from 1"),
        ("seed = 4294967296", "a whole number from 0 to 4294967295"),
        ("mixed_precision = 'half'", "bfloat16 or float16"),
        ("[training]\nrate = 1", r"\[training\] among .*learning_rate"),
        ("[training]\nepochs = 'many'", "epochs to be an int above 0"),
        ("[training]\nepochs = 9223372036854775808", "epochs to be an int above 0"),
        ("[training]\nloss = [1]", r"loss in \[training\] as a name"),
        ('[training]\nweights = "a\\u0000b"', "weights to be a str"),
        ('[data]\ndataset = "a\\u0000b"', "dataset to be text"),
        ("[data]\ncolumns = [1]", "columns to be a list of texts"),
        ("[data]\nimage_size = 2147483648", "image_size to be a whole number"),
        ("[data]\ndataset = 2020-01-01", "dataset to be text"),
        ("seed = " + "[" * 5000, "not nested deeply"),
        ("[" + ".".join("a" * 5000) + "]", "not nested deeply"),
        ("versions = 1", r"a table \[versions\]"),
        ("[training]\nloss = 'Triplet'", "such as TripletLoss"),
        ("[training.loss]\nscale = 1", r"arguments of TripletLoss.*unknown=\['scale'\]"),
    ],
)
def test_a_config_that_cannot_be_is_one_line(text, words, tmp_path):
    (tmp_path / "bad.toml").write_text(text)
    done = tfmetric("--config", tmp_path / "bad.toml", "--output", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert re.search(words, done.stderr), done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", ".", "--epochs", 3], "--resume without other options.*--epochs"),
        (["--resume", "."], "config.toml"),
        (["--resume", "nowhere"], "does not exist"),
        (["--loss", "tripel"], "TripletLoss"),
        (["--margin", "wide"], "at least 0, or 'soft'"),
        (["--loss-argument", "scale"], "expected name=value"),
        (["--image-size", "small"], "not a valid integer"),
        (["--patience", 0], "x>=1"),
        (["nowhere"], "an existing folder or file"),
        (["--dataset", "nowhere"], "an existing folder or file"),
        (["glyfs"], "Did you mean glyphs"),
        (["digits", "--dataset", "glyphs"], "SOURCE or --dataset, not both"),
        (["digits", "--split", "new"], "not one of"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = tfmetric(*arguments)
    assert done.exit_code == 2
    assert re.search(words, " ".join(done.stderr.split())), done.stderr


@pytest.fixture
def begun(straight, data, tmp_path):
    """A run that has been killed before its first epoch, as far as files go."""
    run = RunDirectory.next_in(tmp_path / "runs/people")
    run.config.write_text((straight[0] / "config.toml").read_text())
    return run


def test_one_process_at_a_time(begun):
    with begun.locked():
        done = tfmetric("--resume", begun.path)
    assert done.exit_code == 1
    assert f"held_by='process {os.getpid()} on " in done.stderr
    assert RunDirectory.next_in(begun.path.parent).path.name == "2"


def test_other_data_are_refused_and_other_versions_named(begun, data, tmp_path):
    config = tomllib.loads(begun.config.read_text())
    begun.config.write_text(
        begun.config.read_text()
        .replace(config["data"]["fingerprint"], "other")
        .replace(f'keras = "{keras.__version__}"', 'keras = "3.0"')
    )
    done = tfmetric("--resume", begun.path)
    assert done.exit_code == 1
    assert f"keras is {keras.__version__} now and was 3.0" in done.stderr
    assert "the data that the run began with" in done.stderr
    assert "classes=(8, 8)" in done.stderr


def test_a_checkpoint_that_does_not_fit_the_config_is_refused(begun, straight):
    begun.checkpoints.mkdir()
    kept = (straight[0] / "checkpoints/checkpoint.npz").read_bytes()
    (begun.checkpoints / "checkpoint.npz").write_bytes(kept)
    text = begun.config.read_text()
    begun.config.write_text(text.replace("embedding_dim = 4", "embedding_dim = 5"))
    done = tfmetric("--resume", begun.path)
    assert done.exit_code == 1
    assert "Expected the model that the checkpoint was made with" in done.stderr


@pytest.mark.parametrize("text", ["scale", "=3", "a b=1", "k=[1", "x=", "m='a"])
def test_assignments_that_are_none(text):
    with pytest.raises(ValueError, match="expected"):
        assigned(text)


def test_every_option_has_a_place():
    """Options that neither the config nor the settings know would be dropped without a word."""
    config, settings, loss = (
        {option.name for option in options}
        for options in (train._CONFIG, train._SETTINGS, train._LOSS)
    )
    assert config <= set(RunConfig.__dataclass_fields__)
    assert settings == set(tm.training.Settings.__dataclass_fields__) - {"loss_arguments"}
    others = {"source", "dataset", "loss_argument", "config", "resume", "output", "as_json"}
    assert {option.name for option in train.train.params} == config | settings | loss | others
