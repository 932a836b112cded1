import keras
import numpy as np
import pytest
import tensorflow as tf
from support.exported import identity, images

from tfmetric import datasets, evaluation, export, models

# Three classes on a line, and one apart.
GALLERY = np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0], [5, 0, 0], [6, 0, 0], [90, 0, 0]], "float32")
LABELS = ["a", "a", "b", "b", "b", "far"]
CALIBRATION = evaluation.calibrate(
    [0.1, 0.2, 0.4, 0.9, 1.0, 3.1, 4.0, 5.0], [1, 1, 1, 0, 1, 0, 0, 0], distance="euclidean"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    directory = tmp_path_factory.mktemp("line")
    export.save(
        identity(), directory, gallery=GALLERY, labels=LABELS, calibration=CALIBRATION, top_k=5
    )
    return export.load(directory)


@pytest.fixture(scope="module")
def bytes_model():
    return models.embedder((12, 10, 3), embedding_dim=4, filters=4)


@pytest.fixture(scope="module")
def served_bytes(bytes_model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("bytes")
    x = np.random.default_rng(0).integers(0, 256, (9, 12, 10, 3)).astype("uint8")
    export.save(bytes_model, directory, gallery=(x, np.arange(9) // 3), inputs="image_bytes")
    return export.load(directory)


def encoded(size=(30, 25, 3), seed=0):
    x = np.random.default_rng(seed).integers(0, 256, size).astype("uint8")
    made = [tf.io.encode_jpeg(x), tf.io.encode_png(x), tf.io.encode_png(x[..., :1])]
    return [one.numpy() for one in made]


def test_verify_gives_the_distance_the_decision_and_the_probability(served):
    rng = np.random.default_rng(0)
    a, b = rng.normal(scale=1.5, size=(2, 50, 3)).astype("float32")
    b[:3] = a[:3]
    found = served.verify(a, b)
    np.testing.assert_allclose(found.distances, np.linalg.norm(a - b, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(found.same, CALIBRATION.decide(found.distances))
    assert 0 < found.same.sum() < 50
    probability = CALIBRATION.probability(found.distances)
    np.testing.assert_allclose(found.probabilities, probability, atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many a as b"):
        served.verify(a, b[:2])


def test_a_sigmoid_of_probabilities_and_none_at_all(tmp_path):
    far, same = np.linspace(0, 2, 40), np.arange(40) < 20
    for kind in ("platt", None):
        calibration = evaluation.calibrate(far, same, probability=kind)
        export.save(identity(), tmp_path, calibration=calibration)
        found = export.load(tmp_path).verify(GALLERY[:2], GALLERY[1:3])
        assert found.same.tolist() == calibration.decide(found.distances).tolist()
        if kind:
            expected = calibration.probability(found.distances)
            np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
        else:
            assert found.probabilities is None


def test_search_embedding_finds_what_search_finds(served):
    queries = GALLERY + np.float32(0.3)
    one, other = served.search(queries, k=3), served.search_embedding(queries, k=3)
    for name in ("ids", "distances", "labels", "same"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.ids.shape == (6, 3)
    assert served.search(queries, k=99).ids.shape == (6, 5)  # top_k


def test_neighbours_vote_as_in_evaluation_and_beyond_the_threshold_it_is_unknown(served):
    rng = np.random.default_rng(1)
    queries = np.concatenate([GALLERY, rng.uniform(-2, 9, (60, 3))]).astype("float32")
    for k in (1, 3, 5):
        found = served.classify(queries, k=k)
        judged = evaluation.knn(
            queries,
            ["query"] * len(queries),  # Without a class, so that no tie is decided against it.
            GALLERY,
            LABELS,
            k=k,
            threshold=CALIBRATION.threshold,
        )
        assert [
            label if known else None for label, known in zip(found.labels, found.known, strict=True)
        ] == list(judged.answers)
        assert set(found.labels[~found.known]) == {"unknown"}
        assert found.known.tolist() == CALIBRATION.decide(found.distances).tolist()
    # At 5 of the row of three b and two a.
    assert served.classify(GALLERY[:1], k=5).shares.tolist() == [pytest.approx(0.6)]
    assert served.classify(GALLERY[:1], k=5).labels.tolist() == ["b"]
    assert served.classify(GALLERY[:0], k=5).labels.shape == (0,)


def test_each_row_votes_by_its_own_k_whatever_it_is_batched_with(served):
    classify = served.model.signatures["classify"]
    alone = [classify(inputs=GALLERY[:1], k=tf.constant(k)) for k in (1, 5)]
    both = classify(inputs=np.repeat(GALLERY[:1], 2, axis=0), k=tf.constant([1, 5]))
    for name, values in both.items():
        expected = [one[name].numpy()[0] for one in alone]
        assert values.numpy().tolist() == expected


@pytest.mark.parametrize(("dtype", "unknown"), [("int64", -1), ("uint64", 2**64 - 1)])
def test_labels_that_are_integers(dtype, unknown, tmp_path):
    labels = np.array([7, 7, 2**40, 2**40, 2**40, 5], dtype)
    export.save(identity(), tmp_path, gallery=(GALLERY, labels), calibration=CALIBRATION)
    found = export.load(tmp_path).classify([[0.1, 0, 0], [4.0, 0, 0], [50, 0, 0]], k=1)
    assert found.labels.dtype == dtype
    assert found.labels.tolist() == [7, 2**40, unknown]


def test_bytes_become_the_pixels_that_training_sees(bytes_model, served_bytes):
    files = encoded()
    pixels = np.stack([datasets.decode_image(one, (12, 10), 3).numpy() for one in files])
    assert len(np.unique(pixels)) > 50
    np.testing.assert_allclose(
        served_bytes.embed_bytes(files), bytes_model(pixels), atol=1e-5, rtol=1e-5
    )
    alone = np.concatenate([served_bytes.embed_bytes([one]) for one in files])
    np.testing.assert_allclose(served_bytes.embed_bytes(files), alone, atol=1e-6)
    assert served_bytes.search_bytes(files, k=2).ids.shape == (3, 2)
    assert served_bytes.classify_bytes(files, k=3).labels.dtype == np.int64
    assert (served_bytes.verify_bytes(files, files).distances == 0).all()
    assert served_bytes.embed_bytes([]).shape == (0, 4)
    default = served_bytes.model.signatures["serving_default"]
    assert list(default.structured_input_signature[1]) == ["image_bytes"]


def test_pixels_of_grey_images_on_disk_are_those_of_the_data_set(tmp_path):
    for place, x in enumerate(images(8)):
        folder = tmp_path / "data" / f"class {place % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        tf.io.write_file(str(folder / f"{place}.jpg"), tf.io.encode_jpeg(x, quality=60))
    data, _ = datasets.load(tmp_path / "data", image_size=(5, 7))
    inputs = keras.Input((5, 7, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    export.save(model, tmp_path / "out", inputs=("tensor", "image_bytes"))
    served = export.load(tmp_path / "out")
    files = [(tmp_path / "data" / name).read_bytes() for name in data.ids.tolist()]
    np.testing.assert_array_equal(served.embed_bytes(files), served.embed(data.read()))


def test_a_cut_file_is_named(served_bytes):
    files = encoded()
    for bad, says in ((files[0][:-200], "JPEG"), (files[1][:300], "PNG"), (b"", "empty")):
        with pytest.raises(ValueError, match=f"the file at 1 is cut short .*{says}"):
            served_bytes.embed_bytes([files[0], bad, files[1]])
        # A client of a server sees this.
        with pytest.raises(tf.errors.InvalidArgumentError, match=says):
            served_bytes.model.signatures["embed_bytes"](image_bytes=tf.constant([bad]))


def test_a_model_of_texts(tmp_path):
    keras.utils.set_random_seed(0)
    vectorize = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    vectorize.adapt(["hello world", "good day sir", "the cat sat"])
    inputs = keras.Input((), dtype="string")
    x = keras.layers.Embedding(50, 8)(vectorize(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    texts = ["hello world", "the cat sat", "good day"]
    path = export.save(model, tmp_path, gallery=texts, ids=["x", "y", "z"], inputs="text")
    served = export.load(tmp_path)
    assert served.search(texts, k=1).ids[:, 0].tolist() == ["x", "y", "z"]
    np.testing.assert_allclose(served.embed(texts), model(tf.constant(texts)), atol=1e-5)
    # Its tables must be set up by the loader, also after the gallery has been replaced.
    again = export.update_gallery(tmp_path, ["a cat", "my world"])
    for version in (path, again):
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(version))
            signature = loaded.signature_def["embed"]
            feed = {signature.inputs["inputs"].name: texts}
            found = session.run(signature.outputs["embedding"].name, feed)
        np.testing.assert_allclose(found, served.embed(texts), atol=1e-6)
    assert export.load(tmp_path).search(["cat"], k=1).ids.tolist() == [[0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": "video"},
            "inputs to be one or several of tensor, text, image_bytes, wav_bytes",
        ),
        ({"inputs": ()}, "inputs to be one or several"),
        ({"inputs": "image_bytes"}, "a model of images of one size"),
        ({"inputs": ("tensor", "text")}, "a model that takes strings"),
        ({"top_k": 0}, "top_k to be an integer above 0"),
        ({"keep_last": 0}, "keep_last to be an integer above 0"),
        ({"gallery_storage": "int4"}, "gallery_storage to be one of float32, int8, binary"),
        (
            {"gallery_storage": "binary", "calibration": CALIBRATION},
            "approximate distances to a binary",
        ),
        ({"gallery": None, "labels": [1]}, "a gallery together with ids or labels"),
        ({"gallery": (np.eye(3), [1, 2, 3]), "labels": [1, 2, 3]}, "has no labels"),
    ],
)
def test_bad_arguments_are_named(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.save(identity(), tmp_path, **{"gallery": np.eye(3), **arguments})
    assert list(tmp_path.iterdir()) == []


def test_what_a_version_cannot_do_is_said(tmp_path, served, served_bytes):
    for call, message in (
        (lambda: served.embed_bytes([b""]), r'inputs="image_bytes" or "wav_bytes" to embed_bytes'),
        (lambda: served_bytes.embed(np.zeros((1, 12, 10, 3))), "with the signature embed"),
        (lambda: served_bytes.embed_bytes([1, 2]), "inputs to be all strings"),
        (lambda: served.search_embedding(np.zeros((1, 4))), r"embedding of shape \(None, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
