"""``tfmetric evaluate``: the figures of a saved model."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric.cli import cli
from tfmetric.cli.trained_model import config_for, run_of
from tfmetric.runs import RunConfig


def invoke(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on vectors: model.keras, metrics.json, and the data beside it."""
    directory = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(12), 6)
    x = (rng.normal(size=(12, 10))[y] + 0.5 * rng.normal(size=(72, 10))).astype("float32")
    np.savez(directory / "people.npz", x=x, y=y)
    tm.models.embedder((10,), embedding_dim=4).save(directory / "model.keras")
    metrics = {
        "dataset": str(directory / "people.npz"),
        "seed": 3,
        "result": {"distance": "squared_euclidean"},
    }
    (directory / "metrics.json").write_text(json.dumps(metrics))
    return directory


@pytest.fixture(scope="module")
def bare(run, tmp_path_factory):
    """The same model, with nothing beside it."""
    path = tmp_path_factory.mktemp("bare") / "model.keras"
    path.write_bytes((run / "model.keras").read_bytes())
    return path


def test_of_a_run_it_knows_the_data_the_split_and_the_distance(run, tmp_path):
    output = tmp_path / "deep/figures.json"
    done = invoke(run, "--json", "--verification", "--ks", "5,1", "--output", output)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert json.loads(output.read_text()) == figures
    assert done.stderr == f"Wrote {output}\n"
    _, test = tm.datasets.load(run / "people.npz", split_seed=3)
    import keras

    model = keras.saving.load_model(run / "model.keras", compile=False)
    result = tm.evaluation.evaluate(model, test, distance="squared_euclidean", ks=(1, 5), seed=3)
    verified = tm.evaluation.verification(
        result.embeddings, test.labels, distance="squared_euclidean", seed=3
    )
    expected = {
        "model": str(run / "model.keras"),
        "dataset": str(run / "people.npz"),
        "part": "test",
        "seed": 3,
        **result.to_dict(),
        "verification": verified.to_dict(),
    }
    assert figures == expected
    assert figures["raw"]["recall_at_1"] > 0.5


def test_options_come_before_what_the_run_says(run):
    done = invoke(
        run / "model.keras",
        *(
            "--part",
            "train",
            "--distance",
            "cosine",
            "--seed",
            "1",
            "--no-baselines",
            "--json",
        ),
    )
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    given = (figures["part"], figures["distance"], figures["seed"], figures["raw"])
    assert given == ("train", "cosine", 1, None)
    assert done.stderr == ""


def test_the_text_is_the_summary_and_warns_of_classes_that_may_be_seen(run, bare):
    done = invoke(bare, "--dataset", run / "people.npz", "--no-baselines", "--verification")
    assert done.exit_code == 0, done.output
    for text in ("Test part of ", "36 examples of 6 classes", "MAP@R", "Verification: 90 genuine"):
        assert text in done.stdout
    assert "Unless the model was trained with --split-seed 0 too" in done.stderr
    assert "Unless" not in invoke(run, "--no-baselines").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{bare}"], "Expected --dataset"),
        (["{bare}", "--ks", "1,none"], "such as 1,5,10"),
        (["{bare}", "--ks", "0"], "such as 1,5,10"),
        (["{tmp}"], "a directory with model.keras"),
        (["{tmp}/none"], "does not exist"),
    ],
)
def test_usage_errors(bare, tmp_path, arguments, said):
    done = invoke(*(text.format(bare=bare, tmp=tmp_path) for text in arguments))
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "digits"], "model_takes=(10,), examples_are='images of 8×8×1 uint8'"),
        (["--distance", "near"], "distance to be one of"),
    ],
)
def test_errors_are_one_line(run, arguments, said):
    done = invoke(run, "--no-baselines", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_siamese_model_is_no_embedder(run, tmp_path):
    tm.models.siamese(tm.models.embedder((10,), embedding_dim=4)).save(tmp_path / "model.keras")
    done = invoke(tmp_path, "--dataset", run / "people.npz")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: Expected an embedder, a model of one input")


def run_with(directory, dataset, **values):
    """A run that has begun, with a config."""
    directory.mkdir(exist_ok=True)
    RunConfig(tm.training.Settings(), dataset, **values).write(directory / "config.toml")
    return tm.runs.open(directory)


def test_data_are_those_of_the_run_however_their_path_is_spelled(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    run = run_with(
        tmp_path / "run", str(tmp_path / "digits"), split_seed=3, split="examples", color="grey"
    )
    monkeypatch.chdir(tmp_path)

    def options(run, source, **given):
        return config_for(run, source, given).load_options()

    known = options(run, "./digits")
    assert (known["split"], known["split_seed"], known["color"]) == ("examples", 3, "grey")
    assert options(run, "./digits", split_seed=0)["split_seed"] == 0
    for other in (options(run, "digits"), options(run, "none"), options(None, "none")):
        assert (other["split"], other["split_seed"]) == ("auto", 0)


def test_a_model_is_of_the_run_that_its_directory_is(tmp_path):
    path = tmp_path / "model.keras"
    assert run_of(path) is None
    run_with(tmp_path, "tfds:x", seed=7, test_fraction=0.25)
    found = run_of(path).config
    assert (found.dataset, found.data_dir, found.seed) == ("tfds:x", None, 7)
    assert found.test_fraction == 0.25
    (tmp_path / "config.toml").rename(tmp_path / "best.toml")  # As a former version had it.
    (tmp_path / "metrics.json").write_text('{"result": {}}')
    assert run_of(path).config == found
    (tmp_path / "best.toml").unlink()
    (tmp_path / "metrics.json").write_text("[]")
    with pytest.raises(ValueError, match=r"metrics\.json"):
        run_of(path)
