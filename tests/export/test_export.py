import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tfmetric import export, models
from tfmetric.export import saving, search_graph


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1)).astype("uint8")


@pytest.fixture(scope="module")
def model():
    return models.embedder((8, 8, 1), embedding_dim=6, filters=4)


def identity(width=3):
    """A model whose embedding is its input, so that a test can choose the embeddings."""
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Identity()(inputs))


@pytest.fixture(scope="module")
def directory(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported") / "deep" / "name"
    labels = [f"class {i % 7}" for i in range(40)]
    ids = [f"é{i}" for i in range(40)]
    export.save(model, directory, gallery=(images(40), labels), ids=ids)
    return directory


def naive(name, a, b):
    a, b = a.astype("float64"), b.astype("float64")
    return {
        "euclidean": lambda: np.sqrt(((a - b) ** 2).sum()),
        "squared_euclidean": lambda: ((a - b) ** 2).sum(),
        "manhattan": lambda: np.abs(a - b).sum(),
        "inner_product": lambda: -(a * b).sum(),
        "cosine": lambda: 1 - (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()),
        "chebyshev": lambda: np.abs(a - b).max(),
    }[name]()


def chebyshev(x, y):
    return ops.max(ops.abs(x - y), axis=-1)


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

        # And the way a server loads it, into a session.
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            signature = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def[
                "search"
            ]
            feed = {signature.inputs["inputs"].name: x, signature.inputs["k"].name: 4}
            ids = session.run(signature.outputs["ids"].name, feed)
        np.testing.assert_array_equal(ids, found["ids"].numpy())
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


@pytest.mark.parametrize(
    "distance",
    ["euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan", chebyshev],
)
def test_search_finds_what_a_plain_loop_finds(distance, tmp_path, monkeypatch):
    # Small chunks: several passes, the last one shorter.
    monkeypatch.setattr(search_graph, "_SCORES_PER_CHUNK", 256 * 4)
    monkeypatch.setattr(search_graph, "_VALUES_PER_CHUNK", 256 * 3 * 4)
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(700, 3)).astype("float32") + 5
    queries = rng.normal(size=(4, 3)).astype("float32") + 5
    export.save(identity(), tmp_path, gallery=gallery, distance=distance)
    ids, distances = export.load(tmp_path).search(queries, k=6)
    assert ids.dtype == np.int64
    name = getattr(distance, "__name__", distance)
    for query, found, values in zip(queries, ids, distances, strict=True):
        row = [naive(name, query, other) for other in gallery]
        np.testing.assert_allclose(values, sorted(row)[:6], rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose([row[i] for i in found], values, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_ties_come_in_the_order_of_the_gallery(distance, tmp_path):
    gallery = np.tile(np.random.default_rng(0).normal(size=(1, 13)), (1001, 1))
    export.save(identity(13), tmp_path, gallery=gallery.astype("float32"), distance=distance)
    servable = export.load(tmp_path)
    for count in (1, 2, 5, 64):
        ids, _ = servable.search(np.random.default_rng(1).normal(size=(count, 13)), k=7)
        np.testing.assert_array_equal(ids, np.tile(np.arange(7), (count, 1)))


def test_the_answer_does_not_depend_on_the_rest_of_the_request(tmp_path):
    rng = np.random.default_rng(0)
    gallery = (rng.normal(size=(900, 16)) + 30).astype("float32")
    gallery[450:] = gallery[:450] + np.float32(1e-5)
    queries = gallery[::7] + np.float32(1e-6)
    export.save(identity(16), tmp_path, gallery=gallery)
    servable = export.load(tmp_path)
    together = servable.search(queries, k=5)
    for i in range(0, len(queries), 11):
        alone = servable.search(queries[i : i + 1], k=5)
        np.testing.assert_array_equal(alone.ids[0], together.ids[i])
        np.testing.assert_array_equal(alone.distances[0], together.distances[i])


def test_a_function_with_the_name_of_a_builtin_is_not_taken_for_it(tmp_path):
    def euclidean(x, y):
        return ops.max(ops.abs(x - y), axis=-1)

    gallery = np.array([[0.0, 0.0, 3.0], [2.0, 2.0, 2.0]], "float32")
    export.save(identity(), tmp_path, gallery=gallery, distance=euclidean)
    ids, distances = export.load(tmp_path).search(np.zeros((1, 3)), k=2)
    assert ids.tolist() == [[1, 0]]
    assert distances.tolist() == [[2.0, 3.0]]


def test_no_queries_give_no_answers(directory):
    servable = export.load(directory)
    assert servable.search(images(0), k=3).ids.shape == (0, 3)
    assert servable.embed(images(0)).shape == (0, 6)


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
    class Data:
        ids = np.array(["a/1.png", "b/1.png", "b/2.png"])
        labels = np.array([0, 2, 2])
        class_names = ("a", "unused", "b")
        x = np.eye(3, dtype="float32")
        element_shape = (3,)

        def __len__(self):
            return 3

        def batches(self, batch_size=256):
            return tf.data.Dataset.from_tensor_slices((self.x, self.labels)).batch(2)

    export.save(identity(), tmp_path, gallery=Data())
    found = export.load(tmp_path).search(Data.x, k=1)
    assert found.ids[:, 0].tolist() == Data.ids.tolist()
    assert found.labels[:, 0].tolist() == ["a", "b", "b"]


def test_k_is_clipped_to_the_gallery_and_must_be_positive(directory):
    servable = export.load(directory)
    assert servable.search(images(2), k=1000).ids.shape == (2, 40)
    for k in (0, -1, 2.5):
        with pytest.raises(ValueError, match="Expected k to be an integer above 0"):
            servable.search(images(2), k=k)
    # A client of a server has no such wrapper: the graph itself must refuse.
    search = tf.saved_model.load(str(directory / "1")).signatures["search"]
    x = tf.zeros((2, 8, 8, 1))
    for k in (0, -1, [3, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Expected k to be at least 1"):
            search(inputs=x, k=tf.constant(k))
    # One k a row, as a server that batches requests sends it.
    assert search(inputs=x, k=tf.constant([2, 3]))["ids"].shape == (2, 3)


def test_an_input_that_is_nan_is_refused(tmp_path):
    export.save(identity(), tmp_path, gallery=np.eye(3, dtype="float32"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="embeddings are finite"):
        export.load(tmp_path).search(np.full((1, 3), np.nan), k=1)


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


def prediction_log():
    """The message classes, made from the published field numbers and not from our encoder."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from tensorflow.core.framework import tensor_pb2

    string, message = 9, 11
    file = descriptor_pb2.FileDescriptorProto(
        name="warmup_test.proto", package="warmup_test", syntax="proto3"
    )
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)

    def add(parent, name, *fields):
        entry = parent.add(name=name)
        for field, number, kind, type_name, label in fields:
            entry.field.add(name=field, number=number, type=kind, type_name=type_name, label=label)
        return entry

    def one(name, number, type_name=None):
        return name, number, message if type_name else string, type_name, 1

    add(file.message_type, "ModelSpec", one("name", 1), one("signature_name", 3))
    add(file.message_type, "PredictLog", one("request", 1, ".warmup_test.PredictRequest"))
    add(file.message_type, "PredictionLog", one("predict_log", 6, ".warmup_test.PredictLog"))
    request = add(
        file.message_type,
        "PredictRequest",
        one("model_spec", 1, ".warmup_test.ModelSpec"),
        ("inputs", 2, message, ".warmup_test.PredictRequest.InputsEntry", 3),
    )
    entry = add(
        request.nested_type,
        "InputsEntry",
        one("key", 1),
        one("value", 2, ".tensorflow.TensorProto"),
    )
    entry.options.map_entry = True
    pool = descriptor_pool.Default()
    pool.Add(file)
    found = pool.FindMessageTypeByName("warmup_test.PredictionLog")
    return message_factory.GetMessageClass(found)


def test_the_warm_up_requests_are_prediction_logs_that_the_model_answers(directory):
    path = directory / "1" / "assets.extra" / "tf_serving_warmup_requests"
    loaded = tf.saved_model.load(str(directory / "1"))
    kind, names = prediction_log(), []
    for record in tf.data.TFRecordDataset(str(path)):
        request = kind.FromString(record.numpy()).predict_log.request
        names.append(request.model_spec.signature_name)
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        assert loaded.signatures[names[-1]](**inputs)
    assert names == ["serving_default", "embed", "search"]


def test_a_half_written_export_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    (tmp_path / "1").mkdir()
    monkeypatch.setattr(saving, "_write_extras", fail)
    with pytest.raises(KeyboardInterrupt):
        export.save(identity(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": ["a"]}, "ids to be 3 integers or strings"),
        ({"ids": [1.0, 2.0, 3.0]}, "ids to be 3 integers or strings"),
        ({"ids": np.array(["a", 1, 2], object)}, "all integers or all strings"),
        ({"gallery": None, "ids": [1]}, "a gallery together with ids"),
        ({"gallery": np.zeros((0, 3))}, "at least one example"),
        ({"gallery": (np.eye(3), [1, 2, 3], [1, 2, 3])}, r"tuple \(inputs, labels\).*parts=3"),
        ({"gallery": [np.eye(3), [1, 2, 3]]}, "gallery to be a LabeledData.*gallery='list'"),
        ({"gallery": [np.eye(3), np.eye(3)]}, r"inputs of shape \(3,\)"),
        ({"gallery": "images"}, "gallery to be a LabeledData"),
        ({"gallery": np.eye(4)}, r"inputs of shape \(3,\).*shape=\(4,\)"),
        ({"gallery": (np.eye(3), [1, 2])}, "labels to be 3 integers"),
        ({"model": keras.Sequential([keras.layers.Dense(2)])}, "to be a built keras.Model"),
        ({"gallery": np.array([[0, 0, 1], [0, np.nan, 0.0]])}, "rows 1"),
        ({"distance": "far"}, "distance to be one of"),
        ({"model": "model"}, "model to be a built keras.Model with one input"),
    ],
)
def test_bad_arguments_are_named_and_leave_no_version(arguments, message, tmp_path):
    defaults = {"model": identity(), "directory": tmp_path, "gallery": np.eye(3)}
    with pytest.raises(ValueError, match=message):
        export.save(**{**defaults, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_a_siamese_model_and_another_backend_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="of a siamese or triplet model give the embedder"):
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
    with pytest.raises(ValueError, match=r"a version that export\.save has written"):
        export.load(tmp_path)
