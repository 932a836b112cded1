"""Two towers as one version: each side by its own tower, and searches on the candidates."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.exported import images

import tfmetric as tm
from tfmetric import export

RNG = np.random.default_rng(5)
COUNT = 30
CANDIDATES = RNG.normal(size=(COUNT, 3)).astype("float32")
QUERIES = RNG.normal(size=(9, 5)).astype("float32")
IDS = np.array([f"item {i}" for i in range(COUNT)])


def tower(width, seed, dim=4):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Dense(dim, activation="tanh")(inputs), name="tower")


@pytest.fixture(scope="module")
def model():
    made = tm.models.two_tower(tower(5, 1), tower(3, 2))
    made.compile("adam", loss=tm.losses.InBatchSoftmaxLoss(similarity="inner_product"))
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("both") / "towers"
    export.save(model, path, gallery=CANDIDATES, ids=IDS, top_k=20, exclude=6)
    return path


@pytest.fixture(scope="module")
def served(folder):
    return export.load(folder)


def by_hand(queries, candidates, k, exclude=()):
    """The places of the k largest inner products, without those left out, in float64."""
    scores = queries.astype(float) @ candidates.astype(float).T
    order = np.argsort(-scores, kind="stable", axis=1)
    gone = list(exclude) or [()] * len(order)
    return [
        [int(i) for i in row if i not in set(out)][:k] for row, out in zip(order, gone, strict=True)
    ]


def test_each_side_is_embedded_by_its_own_tower(model, served):
    for found, wanted in (
        (served.embed_query(QUERIES), model.query(QUERIES)),
        (served.embed_candidate(CANDIDATES), model.candidate(CANDIDATES)),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert served.metadata["distance"] == "inner_product"  # That of the loss.
    assert [*served.metadata["sides"]] == ["query", "candidate"]
    default = served.model.signatures["serving_default"](inputs=QUERIES)
    np.testing.assert_allclose(default["embedding"], model.query(QUERIES), atol=1e-6)


def test_search_and_similar_are_those_by_hand(model, served):
    q, c = np.asarray(model.query(QUERIES)), np.asarray(model.candidate(CANDIDATES))
    for answer, rows in (
        (served.search(QUERIES, 7), q),
        (served.search_embedding(q, 7), q),
        (served.similar(CANDIDATES[:9], 7), c[:9]),
    ):
        places = by_hand(rows, c, 7)
        assert answer.ids.tolist() == IDS[places].tolist()
        wanted = -np.take_along_axis(rows @ c.T, np.array(places), 1)
        np.testing.assert_allclose(answer.distances, wanted, atol=1e-5)
    pairs = served.verify(QUERIES, CANDIDATES[:9])
    np.testing.assert_allclose(pairs.distances, -(q * c[:9]).sum(1), atol=1e-5)


def test_excluded_ids_are_left_out_and_the_others_remain(model, served):
    q, c = np.asarray(model.query(QUERIES)), np.asarray(model.candidate(CANDIDATES))
    near = by_hand(q, c, 4)
    # As many as there are, unknown and repeated ones, and none.
    lists = [row[: i % 5] for i, row in enumerate(near)]
    exclude = [[*IDS[row], *["nobody"] * (i % 2)] for i, row in enumerate(lists)]
    found = served.search(QUERIES, 20, exclude=exclude)
    assert found.ids.tolist() == IDS[by_hand(q, c, 20, lists)].tolist()
    own = served.similar(CANDIDATES, 3, exclude=IDS)
    assert own.ids.tolist() == IDS[by_hand(c, c, 3, [[i] for i in range(COUNT)])].tolist()
    by_embedding = served.search_embedding(q, 20, exclude=exclude)
    assert by_embedding.ids.tolist() == found.ids.tolist()
    with pytest.raises(Exception, match="Expected at most 6 ids to exclude in a row"):
        served.search(QUERIES[:1], exclude=IDS[None, :7])


def test_a_process_without_keras_embeds_and_searches(model, folder):
    code = f"""
import json, sys
sys.modules["keras"] = None  # An import fails.
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load({str(folder / "1")!r})
ask = loaded.signatures
q = np.array({QUERIES.tolist()}, "float32")
c = np.array({CANDIDATES[:2].tolist()}, "float32")
k = tf.constant(3)
out = {{
    "q": ask["embed_query"](inputs=q)["embedding"].numpy().tolist(),
    "c": ask["embed_candidate"](inputs=c)["embedding"].numpy().tolist(),
    "search": ask["search"](inputs=q, k=k)["ids"].numpy().astype(str).tolist(),
    "similar": ask["similar"](inputs=c, k=k)["ids"].numpy().astype(str).tolist(),
    "except": ask["similar_except"](
        inputs=c, k=k, exclude=tf.constant([["item 0"], ["item 1"]])
    )["ids"].numpy().astype(str).tolist(),
}}
print(json.dumps(out))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    out = json.loads(answer.stdout.splitlines()[-1])
    q, c = np.asarray(model.query(QUERIES)), np.asarray(model.candidate(CANDIDATES))
    np.testing.assert_allclose(out["q"], q, atol=1e-6)
    np.testing.assert_allclose(out["c"], c[:2], atol=1e-6)
    assert out["search"] == IDS[by_hand(q, c, 3)].tolist()
    assert out["similar"] == IDS[by_hand(c[:2], c, 3)].tolist()
    assert out["except"] == IDS[by_hand(c[:2], c, 3, [[0], [1]])].tolist()


def test_texts_find_images_and_files_find_images(tmp_path):
    """A side of texts and a side of images, in arrays and in files."""
    import tensorflow as tf

    model = tm.models.two_tower(_texts(), tm.models.embedder((8, 8, 1), embedding_dim=6, filters=2))
    x, names = images(12), [f"name {i}" for i in range(12)]
    kinds = {"query": "text", "candidate": ("tensor", "image_bytes")}
    more = {"distance": "cosine", "inputs": kinds, "exclude": False}
    export.save(model, tmp_path, gallery=x, ids=names, **more)
    served = export.load(tmp_path)
    files = [tf.io.encode_png(image).numpy() for image in x]
    np.testing.assert_allclose(
        served.embed_candidate_bytes(files), served.embed_candidate(x), atol=1e-5
    )
    np.testing.assert_allclose(
        served.embed_query(names), model.query(np.array(names, object)), atol=1e-5
    )
    assert served.similar_bytes(files, 1).ids[:, 0].tolist() == names
    by_file = served.verify_bytes(names, files).distances
    np.testing.assert_allclose(by_file, served.verify(names, x).distances, atol=1e-5)
    with pytest.raises(ValueError, match=r"image_bytes to be whole JPEG.*the file at 1"):
        served.similar_bytes([files[0], files[1][:20]])
    with pytest.raises(ValueError, match=r"images of one size.*give each side its own: inputs="):
        export.save(model, tmp_path, inputs="image_bytes")


def _texts():
    inputs = keras.Input((), dtype="string")
    vectorize = keras.layers.TextVectorization(max_tokens=50)
    vectorize.adapt([f"name {i}" for i in range(12)])
    x = keras.layers.Embedding(50, 6)(vectorize(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))


def test_inputs_by_name_on_either_side(tmp_path):
    """A user of an id and an age, and an item of an id."""
    user, age = keras.Input((), name="user", dtype="int32"), keras.Input((1,), name="age")
    features = keras.layers.Embedding(9, 3)(user)
    query = keras.Model(
        {"user": user, "age": age}, keras.layers.Dense(4)(keras.layers.concatenate([features, age]))
    )
    item = keras.Input((), dtype="int32")
    candidate = keras.Model(item, keras.layers.Embedding(20, 4)(item))
    model = tm.models.two_tower(query, candidate)
    export.save(model, tmp_path, gallery=np.arange(20), ids=np.arange(100, 120))
    served = export.load(tmp_path)
    x = {"user": np.arange(5), "age": RNG.normal(size=(5, 1)).astype("float32")}
    q, c = np.asarray(query(x)), np.asarray(candidate(np.arange(20)))
    np.testing.assert_allclose(served.embed_query(x), q, atol=1e-6)
    far = np.linalg.norm(q[:, None].astype(float) - c[None], axis=2)
    wanted = 100 + np.argsort(far, axis=1, kind="stable")[:, :4]
    assert served.search(x, 4).ids.tolist() == wanted.tolist()
    # A user who has seen nothing, beside some who have.
    seen = [[], *wanted[1:, :2].tolist()]
    found = served.search(x, 2, exclude=seen).ids
    assert found.tolist() == [wanted[0, :2].tolist(), *wanted[1:, 2:].tolist()]
    np.testing.assert_allclose(served.verify(x, np.arange(5)).distances, far[range(5), range(5)])
    with pytest.raises(ValueError, match="a dictionary of age, user"):
        served.search(np.arange(5))


def test_one_tower_on_both_sides_and_a_new_gallery(tmp_path):
    model = tm.models.two_tower(tower(3, 0))
    export.save(model, tmp_path, exclude=False)
    served = export.load(tmp_path)
    both = served.embed_query(CANDIDATES), served.embed_candidate(CANDIDATES)
    np.testing.assert_array_equal(*both)
    with pytest.raises(ValueError, match="a version with a gallery: give export"):
        served.similar(CANDIDATES)
    tm.export.update_gallery(tmp_path, CANDIDATES[:8], ids=IDS[:8])
    served = export.load(tmp_path)
    assert served.search(CANDIDATES[:8], 1).ids[:, 0].tolist() == IDS[:8].tolist()
    assert served.similar(CANDIDATES[:8], 2).ids[:, 0].tolist() == IDS[:8].tolist()


def test_embeddings_in_place_of_a_gallery_are_those_of_the_gallery(model, served, tmp_path):
    given = np.asarray(model.candidate(CANDIDATES))
    near = {"gallery_embeddings": given, "ids": IDS, "distance": "inner_product"}
    export.save(model.query, tmp_path, **near)
    wanted, found = served.search(QUERIES, 5), export.load(tmp_path).search(QUERIES, 5)
    assert found.ids.tolist() == wanted.ids.tolist()
    np.testing.assert_allclose(found.distances, wanted.distances, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gallery_embeddings": np.ones((4, 3))}, "gallery embeddings of 4 values, as the model"),
        ({"gallery_embeddings": np.full((2, 4), np.nan)}, "finite|NaN"),
        ({"gallery_embeddings": np.ones((2, 4)), "ids": [1]}, "ids"),
        ({"gallery_embeddings": np.ones((0, 4))}, "one or more gallery embeddings"),
        ({"gallery_embeddings": np.eye(4), "gallery": CANDIDATES}, "either a gallery or gallery_"),
        ({"gallery": QUERIES}, "shape"),  # This is the other side.
        ({"inputs": {"left": "tensor"}}, "inputs for the sides query, candidate.*left"),
        ({"element": {"item": None}}, "element for the sides query, candidate.*item"),
        ({"inputs": {"query": "text"}}, "of the query side that takes strings"),
        ({"exclude": 0}, "exclude to be True, False, or the most ids"),
        ({"exclude": 2.5}, "exclude to be True, False, or the most ids"),
    ],
)
def test_what_cannot_be_saved_leaves_no_version(model, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        export.save(model, tmp_path, **arguments)
    assert not list(tmp_path.glob("[0-9]*"))


def test_what_a_version_of_the_other_kind_lacks_is_said(served, tmp_path):
    with pytest.raises(ValueError, match="embed_query or embed_candidate for a version of two tow"):
        served.embed(QUERIES)
    with pytest.raises(ValueError, match="embed_query_bytes"):
        served.embed_query_bytes([b""])
    export.save(tower(3, 0), tmp_path, gallery=CANDIDATES)
    one = export.load(tmp_path)
    for ask in (one.embed_query, one.embed_candidate, one.similar):
        with pytest.raises(ValueError, match=r"a version of two towers, from models\.two_tower"):
            ask(CANDIDATES)
    with pytest.raises(ValueError, match="inputs by side only for a models"):
        export.save(tower(3, 0), tmp_path, inputs={"query": "tensor"})


def test_a_gallery_of_equal_embeddings_is_doubted(tmp_path):
    """As the wrong tower gives them."""
    with pytest.warns(UserWarning, match="all embeddings of the gallery are equal"):
        export.save(tower(3, 0), tmp_path, gallery=np.ones((5, 3)))
