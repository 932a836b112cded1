import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from support import oracles
from support.exported import identity, images

from tfmetric import export
from tfmetric.export import search_graph


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


@pytest.mark.parametrize("distance", ["snr", "hamming", "jaccard"])
def test_search_by_the_other_distances(distance, tmp_path):
    rng = np.random.default_rng(0)
    gallery = rng.uniform(size=(300, 7)).astype("float32")
    export.save(identity(7), tmp_path, gallery=gallery, distance=distance)
    ids, found = export.load(tmp_path).search(gallery[:3] + 0.01, k=4)
    for query, places, values in zip(gallery[:3] + 0.01, ids, found, strict=True):
        row = [oracles.distance(distance, query.astype(float), g.astype(float)) for g in gallery]
        np.testing.assert_allclose(values, sorted(row)[:4], rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose([row[i] for i in places], values, rtol=1e-4, atol=2e-6)


@pytest.mark.filterwarnings("ignore:all embeddings of the gallery are equal:UserWarning")
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


def test_k_is_clipped_to_the_gallery_and_must_be_positive(directory):
    servable = export.load(directory)
    assert servable.search(images(2), k=1000).ids.shape == (2, 40)
    for k in (0, -1, 2.5, True):
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
    servable = export.load(tmp_path)
    for wrong in (np.nan, np.inf, -np.inf):
        x = np.eye(3, dtype="float32")
        x[1, 2] = wrong
        for ask in (servable.embed, servable.search, lambda x: servable.verify(x, x)):
            with pytest.raises(
                tf.errors.InvalidArgumentError,
                match=r"(?s)inputs without NaN or infinity. Received some in rows.*\[1\]",
            ):
                ask(x)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"embeddings are numbers.*\[1\]"):
            servable.search_embedding(x)
        with pytest.raises(ValueError, match=r"gallery of inputs without NaN.*rows=\[4\]"):
            export.save(identity(), tmp_path, gallery=np.concatenate([np.eye(3), x]), batch_size=2)


def test_a_fused_relu_hides_no_nan(tmp_path):
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    export.save(model, tmp_path)
    x = np.zeros((3, 8, 8, 1), "float32")
    x[2, 4, 4] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"rows.*\[2\]"):
        export.load(tmp_path).embed(x)
