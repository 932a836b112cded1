import json
import shutil
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from support.exported import identity, images

from tfmetric import export, models
from tfmetric.datasets import LabeledData
from tfmetric.datasets.sources import ArraySource
from tfmetric.export import writing


def test_it_answers_like_the_keras_model_where_neither_keras_nor_tfmetric_is(
    model, directory, tmp_path
):
    x = images(5, seed=1)
    np.save(tmp_path / "x.npy", x)
    script = textwrap.dedent(
        """
        import sys

        # TensorFlow imports Keras by itself where it finds it: let there be none.
        sys.modules["keras"] = sys.modules["tfmetric"] = None

        import numpy as np
        import tensorflow as tf

        folder, out = sys.argv[1:]
        x = np.load(out + "/x.npy").astype("float32")
        loaded = tf.saved_model.load(folder)
        for name in ("serving_default", "embed"):
            embedding = loaded.signatures[name](inputs=tf.constant(x))["embedding"]
            np.save(f"{out}/{name}.npy", embedding.numpy())
        found = loaded.signatures["search"](inputs=tf.constant(x), k=tf.constant(4))
        print(sorted(found), [value.shape.as_list() for value in found.values()])
        np.save(out + "/distances.npy", found["distances"].numpy())
        embedding = loaded.signatures["embed"](inputs=tf.constant(x))["embedding"]
        again = loaded.signatures["search_embedding"](embedding=embedding, k=tf.constant(4))
        np.testing.assert_array_equal(found["ids"].numpy(), again["ids"].numpy())
        voted = loaded.signatures["classify"](inputs=tf.constant(x), k=tf.constant(1))
        np.testing.assert_array_equal(found["labels"].numpy()[:, 0], voted["label"].numpy())
        same = loaded.signatures["verify"](a=tf.constant(x), b=tf.constant(x))
        np.testing.assert_array_equal(same["distance"].numpy(), 0)
        files = [tf.io.encode_png(tf.constant(one, tf.uint8)).numpy() for one in x]
        decoded = loaded.signatures["embed_bytes"](image_bytes=tf.constant(files))["embedding"]
        np.testing.assert_allclose(decoded.numpy(), embedding.numpy(), atol=1e-6)

        # And the way a server loads it, into a session.
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            signatures = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def
            signature = signatures["embed_bytes"]
            feed = {signature.inputs["image_bytes"].name: files}
            of_files = session.run(signature.outputs["embedding"].name, feed)
            signature = signatures["search"]
            feed = {signature.inputs["inputs"].name: x, signature.inputs["k"].name: 4}
            ids = session.run(signature.outputs["ids"].name, feed)
        np.testing.assert_array_equal(ids, found["ids"].numpy())
        np.testing.assert_allclose(of_files, embedding.numpy(), atol=1e-6)
        assert not [name for name in sys.modules if name.startswith(("keras.", "tfmetric."))]
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory / "1"), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "['distances', 'ids', 'labels'] [[5, 4], [5, 4], [5, 4]]" in done.stdout
    for name in ("serving_default", "embed"):
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), model(x), atol=1e-5)
    here = export.load(directory).search(x, 4)
    np.testing.assert_allclose(np.load(tmp_path / "distances.npy"), here.distances, atol=1e-5)


def test_ids_and_labels_come_back_as_given(directory, tmp_path):
    x = images(40)
    ids, _ = export.load(directory).search(x[:3], k=1)
    labels = export.load(directory).search(x[:3], k=1).labels
    assert ids.dtype.kind == labels.dtype.kind == "U"
    for number in (0, 1, 2):
        assert labels[number, 0] == f"class {int(ids[number, 0][1:]) % 7}"
    gallery = np.eye(3, dtype="float32")
    for given in ([2**62 + 1, -5, 0], np.array([2**64 - 1, 1, 2], "uint64")):
        export.save(identity(), tmp_path, gallery=gallery, ids=given)
        found = export.load(tmp_path).search(gallery, k=1)
        assert found.ids[:, 0].tolist() == list(given)
        assert found.labels is None


def test_a_labelled_data_gallery_brings_its_ids_and_class_names(tmp_path):
    x = np.eye(3, dtype="float32")
    ids = np.array(["a/1.png", "b/1.png", "b/2.png"])
    source = ArraySource(x, ids=ids)
    data = LabeledData(source, np.array([0, 2, 2]), ("a", "unused", "b"))
    export.save(identity(), tmp_path, gallery=data)
    found = export.load(tmp_path).search(x, k=1)
    assert found.ids[:, 0].tolist() == ids.tolist()
    assert found.labels[:, 0].tolist() == ["a", "b", "b"]


def test_without_a_gallery_it_embeds_only(model, tmp_path):
    assert export.save(model, tmp_path) == tmp_path / "1"
    servable = export.load(tmp_path)
    x = images(3)
    np.testing.assert_allclose(servable.embed(x), model(x), atol=1e-5)
    with pytest.raises(ValueError, match="Expected a version with a gallery"):
        servable.search(x)
    with pytest.raises(ValueError, match="Expected inputs of shape"):
        servable.embed(np.zeros((3, 9, 9, 1)))


def test_metadata_says_what_was_exported(directory):
    servable = export.load(directory)
    assert servable.version == 1
    assert servable.metadata["gallery_size"] == 40
    assert servable.metadata["embedding_dim"] == 6
    assert servable.metadata["distance"] == "euclidean"
    path = directory / "1" / "assets.extra" / "tfmetric.json"
    assert json.loads(path.read_text()) == servable.metadata


def test_a_half_written_export_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    (tmp_path / "1").mkdir()
    monkeypatch.setattr(writing, "_extras", fail)
    with pytest.raises(KeyboardInterrupt):
        export.save(identity(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": ["a"]}, r"ids of shape \(3,\)"),
        ({"ids": [1.0, 2.5, 3.0]}, "ids to be whole numbers"),
        ({"ids": np.array(["a", 1, 2], object)}, "all integers or all strings"),
        ({"gallery": None, "ids": [1]}, "a gallery together with ids"),
        ({"gallery": np.zeros((0, 3))}, "at least one example"),
        ({"gallery": (np.eye(3), [1, 2, 3], [1, 2, 3])}, r"tuple \(inputs, labels\).*parts=3"),
        ({"gallery": [np.eye(3), [1, 2, 3]]}, "gallery to be a LabeledData.*gallery='list'"),
        ({"gallery": [np.eye(3), np.eye(3)]}, r"inputs of shape \(3,\)"),
        ({"gallery": "images"}, "gallery to be a LabeledData"),
        ({"gallery": np.eye(4)}, r"inputs of shape \(3,\).*shape=\(4,\)"),
        ({"gallery": (np.eye(3), [1, 2])}, r"labels of shape \(3,\)"),
        ({"model": keras.Sequential([keras.layers.Dense(2)])}, "to be a built keras.Model"),
        ({"gallery": np.array([[0, 0, 1], [0, np.nan, 0.0]])}, r"rows=\[1\]"),
        ({"distance": "far"}, "distance to be one of"),
        ({"model": "model"}, "model to be a built keras.Model with one output"),
    ],
)
def test_bad_arguments_are_named_and_leave_no_version(arguments, message, tmp_path):
    defaults = {"model": identity(), "directory": tmp_path, "gallery": np.eye(3)}
    with pytest.raises(ValueError, match=message):
        export.save(**{**defaults, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_a_siamese_model_and_another_backend_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="for a siamese or triplet model, pass the embedder"):
        export.save(models.siamese(identity()), tmp_path)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"Expected the TensorFlow backend.*backend='jax'"):
        export.save(identity(), tmp_path)


def test_loading_says_which_versions_there_are(directory, tmp_path):
    with pytest.raises(FileNotFoundError, match="there are: 1"):
        export.load(directory, version=2)
    with pytest.raises(FileNotFoundError, match="there are: none"):
        export.load(tmp_path / "nothing")
    (tmp_path / "3").mkdir()
    with pytest.raises(FileNotFoundError, match="there are: none"):
        export.load(tmp_path)
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"a whole version from export\.save"):
        export.load(tmp_path)


def test_broken_versions_are_named(directory, tmp_path):
    def breaking(name, change):
        version = tmp_path / name / "1"
        shutil.copytree(directory / "1", version)
        change(version)
        with pytest.raises(ValueError, match=r"Expected a whole version .*error="):
            export.load(tmp_path / name)

    def cut(path, size):
        path.write_bytes(path.read_bytes()[:size])

    breaking("empty", lambda path: cut(path / "saved_model.pb", 0))
    breaking("half", lambda path: cut(path / "saved_model.pb", 500))
    breaking("values", lambda path: cut(next(path.glob("variables/*.data*")), 50))
    breaking("metadata", lambda path: cut(path / "assets.extra" / "tfmetric.json", 50))


@pytest.mark.parametrize("inputs", [None, [["a"]], [[1, 2, 3], [1]]])
def test_what_is_no_array_is_named(inputs, directory):
    with pytest.raises(ValueError, match="Expected inputs to be an array of numbers"):
        export.load(directory).embed(inputs)
