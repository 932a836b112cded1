import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from support.exported import identity, images

from tfmetric import evaluation, export

CALIBRATION = evaluation.calibrate([0.1, 0.2, 0.4, 0.9], [1, 1, 0, 0])
COMMITTED = Path(__file__).parents[2] / "saved_models" / "characters"


def test_another_gallery_same_model(model, directory, tmp_path):
    x, new = images(5, seed=1), images(30, seed=2)
    served = export.load(directory)
    copy = tmp_path / "copy"
    export.save(model, copy, gallery=images(3), ids=["a", "b", "c"], calibration=CALIBRATION)
    path = export.update_gallery(copy, new, ids=np.arange(30) + 100, labels=np.arange(30) % 3)
    assert path == copy / "2"
    updated = export.load(copy)
    np.testing.assert_allclose(updated.embed(x), served.embed(x), atol=1e-6)
    assert updated.calibration == CALIBRATION
    assert updated.search(new[:4], k=1).ids[:, 0].tolist() == [100, 101, 102, 103]
    assert updated.classify(new[:4], k=1).labels.tolist() == [0, 1, 2, 0]
    assert updated.metadata["gallery_size"] == 30
    # The embeddings at hand give the same, and the old gallery is not carried along.
    export.update_gallery(copy, embeddings=updated.embed(new), keep_last=1)
    third = export.load(copy)
    assert third.version == 3
    assert export.versions.versions(copy) == [3]
    np.testing.assert_array_equal(third.search(x, k=4).ids + 100, updated.search(x, k=4).ids)
    sizes = [v.shape[0] for v in third.model.gallery_variables if v.shape.rank == 2]
    assert max(sizes) == 256  # One lane, as padded, and no other gallery.


def test_a_distance_of_the_users_own_stays_where_its_code_is_not(tmp_path):
    def chebyshev(x, y):
        return ops.max(ops.abs(x - y), axis=-1)

    gallery = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    export.save(identity(), tmp_path, gallery=gallery, distance=chebyshev)
    export.update_gallery(tmp_path, gallery[::-1].copy())
    first, second = export.load(tmp_path, 1), export.load(tmp_path, 2)
    np.testing.assert_array_equal(
        19 - first.search(gallery[:4], k=5).ids, second.search(gallery[:4], k=5).ids
    )
    expected = np.abs(gallery[:4] - gallery[4:8]).max(axis=1)
    np.testing.assert_allclose(second.verify(gallery[:4], gallery[4:8]).distances, expected)


@pytest.mark.skipif(not COMMITTED.is_dir(), reason="the committed model is not there")
def test_a_version_of_the_first_format_takes_a_gallery_too(tmp_path):
    (tmp_path / "1").symlink_to(COMMITTED / "1")
    x = np.random.default_rng(0).integers(0, 256, (6, 32, 32)).astype("uint8")
    export.update_gallery(tmp_path, x, ids=list("abcdef"), gallery_storage="int8")
    old, new = export.load(tmp_path, 1), export.load(tmp_path, 2)
    np.testing.assert_allclose(old.embed(x[..., None]), new.embed(x[..., None]), atol=1e-6)
    assert new.search(x[..., None], k=1).ids[:, 0].tolist() == list("abcdef")
    assert new.metadata["gallery_storage"] == "int8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either a gallery or embeddings"),
        ({"gallery": np.eye(3), "embeddings": np.eye(3)}, "either a gallery or embeddings"),
        ({"embeddings": np.eye(4)}, "embeddings of 3 values"),
        ({"embeddings": np.zeros((0, 3))}, "embeddings"),
        ({"embeddings": np.eye(3) * np.nan}, "without NaN"),
        ({"embeddings": np.eye(3), "ids": [1]}, r"ids of shape \(3,\)"),
        ({"gallery": np.eye(4)}, r"inputs of shape \(3,\)"),
        ({"embeddings": np.eye(3), "gallery_storage": "half"}, "gallery_storage to be one of"),
        ({"embeddings": np.eye(3), "gallery_storage": "binary"}, "approximate distances"),
        ({"embeddings": np.eye(3), "keep_last": -1}, "keep_last to be an integer"),
    ],
)
def test_bad_arguments_are_named_and_leave_no_version(arguments, message, line):
    with pytest.raises(ValueError, match=message):
        export.update_gallery(line, **arguments)
    assert [path.name for path in line.iterdir()] == ["1"]


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    directory = tmp_path_factory.mktemp("line")
    export.save(identity(), directory, calibration=CALIBRATION)
    return directory


def test_there_must_be_a_version(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are: none"):
        export.update_gallery(tmp_path, np.eye(3))


@pytest.mark.slow
def test_the_command_line_tool_of_tensorflow_runs_an_updated_version(line):
    export.update_gallery(line, embeddings=np.eye(3), ids=["x", "y", "z"], labels=["A", "B", "C"])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"),
            *("--dir", str(line / "2"), "--tag_set", "serve", "--signature_def", "classify"),
            *("--input_exprs", "inputs=[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];k=1"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "output key label:\n[b'B' b'C']" in done.stdout
