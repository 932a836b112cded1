"""``tfmetric embed``, and ``index build`` and ``export`` on a run, an export and a .keras file."""

import json

import click.testing
import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.cli import cli


def tfmetric(*arguments):
    return click.testing.CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A small .npz of vectors, a .keras file of an embedder, and a run on the data."""
    place = tmp_path_factory.mktemp("embed")
    rng = np.random.default_rng(0)
    y = np.arange(48) % 8
    np.savez(place / "data.npz", x=rng.normal(size=(48, 5)).astype("float32") + y[:, None], y=y)
    settings = {"epochs": 1, "batches_per_epoch": 1, "embedding_dim": 3}
    tm.runs.train(str(place / "data.npz"), settings, place / "run", report=False, progress=False)
    return place


def expected(place):
    train, test = tm.datasets.load(str(place / "data.npz"), split_seed=0)
    model = keras.saving.load_model(place / "run" / "model.keras", compile=False)
    return model, train, test


@pytest.mark.parametrize("part", ["all", "test"])
def test_embeddings_ids_and_labels_are_those_of_the_data(place, part):
    out = place / f"{part}.npz"
    done = tfmetric("embed", place / "run", out, "--part", part)
    assert done.exit_code == 0, done.output
    assert f"tfmetric index build {out}" in done.output
    model, train, test = expected(place)
    parts = [train, test] if part == "all" else [test]
    with np.load(out) as found:
        wanted = np.concatenate([tm.evaluation.embed(model, each) for each in parts])
        np.testing.assert_allclose(found["embeddings"], wanted, rtol=1e-5, atol=1e-6)
        assert found["ids"].tolist() == [key for each in parts for key in each.ids.tolist()]
        names = [each.class_names[label] for each in parts for label in each.labels]
        assert found["labels"].tolist() == names


def test_a_keras_file_needs_its_data(place):
    alone = place / "alone"
    alone.mkdir(exist_ok=True)
    (alone / "model.keras").write_bytes((place / "run" / "model.keras").read_bytes())
    done = tfmetric("embed", alone / "model.keras", place / "x.npz")
    assert done.exit_code == 2
    assert "Expected --dataset" in done.output
    done = tfmetric(
        "embed", alone / "model.keras", place / "x.npz", "--dataset", place / "data.npz"
    )
    assert done.exit_code == 0, done.output


def test_the_output_is_an_archive(place):
    done = tfmetric("embed", place / "run", place / "x.npy")
    assert done.exit_code == 2
    assert "Expected an output that ends in .npz" in done.output


def test_an_index_is_built_of_a_run_and_of_an_export(place):
    done = tfmetric("export", place / "run", place / "served/data", "--json")
    assert done.exit_code == 0, done.output
    served = tm.export.load(place / "served/data")
    assert json.loads(done.stdout.splitlines()[-1])["path"] == str(served.path)
    _, train, test = expected(place)
    # The gallery is the unseen classes, with the threshold that is calibrated on them.
    assert served.metadata["gallery_size"] == len(test)
    assert served.calibration is not None
    for model, options in (
        (place / "run", []),
        (place / "served/data", ["--dataset", place / "data.npz"]),
    ):
        out = place / "index.npz"
        done = tfmetric("index", "build", model, "-o", out, *options)
        assert done.exit_code == 0, done.output
        index = tm.search.load(out)
        assert len(index) == len(train) + len(test)
        assert index.distance == served.metadata["distance"]
        ids = index.query(served.embed(test.read([0, 1])), k=1).ids[:, 0]
        assert ids.tolist() == test.ids[:2].tolist()


def test_options_of_data_go_with_a_model(place):
    np.save(place / "rows.npy", np.eye(3, dtype="float32"))
    done = tfmetric("index", "build", place / "rows.npy", "-o", "x.npz", "--dataset", "digits")
    assert done.exit_code == 2
    assert "Expected a model with --dataset" in done.output
    done = tfmetric("index", "build", place / "run", "-o", "x.npz", "--ids", place / "rows.npy")
    assert done.exit_code == 2
    assert "--ids with a file of embeddings" in done.output
