"""One suite for the tower of every kind: a new kind or backbone joins by a line in a table."""

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.elements import KINDS, TEXT, Element
from tfmetric.models.towers import TOWERS

RNG = np.random.default_rng(0)
LENGTH = np.array([9, 1, 0, 6, 9, 3], "int32")
WORDS = ["a cup of tea", "a pot of coffee", "", "rain and snow", "snow", "wind and rain and hail"]


def free(shape, scale=1.0):
    """Six examples of free length, padded with zeros."""
    x = RNG.normal(0, scale, (6, 9, *shape)).astype("float32")
    present = np.arange(9) < LENGTH[:, None]
    return {"values": np.where(present.reshape(6, 9, *[1] * len(shape)), x, 0.0), "length": LENGTH}


def recordings():
    length = LENGTH * 100
    x = RNG.normal(0, 0.1, (6, 900)).astype("float32")
    return {"values": np.where(np.arange(900) < length[:, None], x, 0.0), "length": length}


SOUND = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
STEPS = Element("sequence", (None, 3), "float32")
VIDEO = Element("video", (None, 8, 8, 1), "uint8")
COLUMNS = Element("vector", (4,), "float32")
IDS = Element("vector", (2,), "int64")
PICTURE = Element("image", (8, 8, 1), "uint8")
RECORD = Element(
    "record",
    (),
    "",
    {"title": TEXT, "price": COLUMNS, "cover": PICTURE, "history": STEPS, "shop": IDS},
)
ROWS = {
    "title": np.array(WORDS, object),
    "price": RNG.normal(size=(6, 4)).astype("float32"),
    "cover": RNG.integers(0, 256, (6, 8, 8, 1)).astype("uint8"),
    "history": free((3,))["values"],
    "history_length": LENGTH,
    "shop": RNG.integers(0, 2**40, (6, 2)),
}

CASES = {
    "image": (PICTURE, None, ROWS["cover"]),
    "image of floats": (
        Element("image", (8, 8, 1), "float32", options={"range": (0.0, 1.0)}),
        None,
        ROWS["cover"] / 255,
    ),
    "text": (TEXT, None, ROWS["title"]),
    "text gru": (TEXT, "gru", ROWS["title"]),
    "text lstm": (TEXT, "lstm", ROWS["title"]),
    "text cnn": (TEXT, "cnn", ROWS["title"]),
    "text transformer": (TEXT, "transformer", ROWS["title"]),
    "audio": (SOUND, None, recordings()),
    "audio gru": (SOUND, "gru", recordings()),
    "audio of one length": (
        Element("audio", (900,), "int16", options={"sampling_rate": 8000}),
        None,
        (recordings()["values"] * 32768).astype("int16"),
    ),
    "vector": (COLUMNS, None, ROWS["price"]),
    "vector linear": (COLUMNS, "linear", ROWS["price"]),
    "vector ids": (IDS, "ids", ROWS["shop"]),
    "sequence": (STEPS, None, free((3,))),
    "sequence gru": (STEPS, "gru", free((3,))),
    "sequence lstm": (STEPS, "lstm", free((3,))),
    "sequence transformer": (STEPS, "transformer", free((3,))),
    "sequence of one length": (Element("sequence", (9, 3), "float32"), None, free((3,))["values"]),
    "video": (VIDEO, None, free((8, 8, 1), 50.0)),
    "record": (RECORD, {"shop": "ids"}, ROWS),
}


@pytest.fixture(scope="module")
def made():
    """Every tower once: the element, the model and its inputs."""
    keras.utils.set_random_seed(0)
    models = {}
    for name, (element, backbone, x) in CASES.items():
        adapt = x if element.kind in ("text", "record") else None
        model = tm.models.embedder(element, 8, backbone=backbone, filters=4, adapt=adapt)
        models[name] = (element, model, tensors(x))
    return models


def tensors(x):
    import tensorflow as tf

    if isinstance(x, dict):
        return {name: tensors(value) for name, value in x.items()}
    return tf.constant(x)


def rows(x, places):
    import tensorflow as tf

    if isinstance(x, dict):
        return {name: rows(value, places) for name, value in x.items()}
    return tf.gather(x, places)


def as_declared(model, x):
    """The inputs in the dtypes that the model declares."""
    import tensorflow as tf

    if isinstance(x, dict):
        return {name: tf.cast(value, model.input[name].dtype) for name, value in x.items()}
    return tf.cast(x, model.input.dtype)


def test_every_kind_has_a_tower():
    assert set(TOWERS) == set(KINDS) == {element.kind for element, _, _ in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_embeddings_are_unit_vectors_whatever_is_in_the_batch(made, name):
    _, model, x = made[name]
    together = np.asarray(model(x))
    assert together.shape == (6, 8)
    assert np.isfinite(together).all()
    lengths = np.linalg.norm(together, axis=1)
    # An empty text or recording has no features: its embedding is the zero vector until training
    # has moved the bias.
    empty = [2] if name.startswith(("text", "audio", "sequence", "video")) else []
    np.testing.assert_allclose(np.delete(lengths, empty), 1.0, rtol=1e-5)
    alone = np.concatenate([model(rows(x, [i])) for i in range(6)])
    np.testing.assert_allclose(alone, together, atol=2e-5)


@pytest.mark.parametrize("name", [n for n, (e, _, _) in CASES.items() if e.free_length])
def test_padding_and_what_it_holds_change_nothing(made, name):
    _, model, x = made[name]
    values, length = np.asarray(x["values"]), np.asarray(x["length"])
    longer = np.full((6, values.shape[1] + 350, *values.shape[2:]), 77.0, "float32")
    for row, kept, n in zip(longer, values, length, strict=True):
        row[:n] = kept[:n]
    got = model({"values": longer, "length": length})
    np.testing.assert_allclose(got, model(x), atol=2e-5)


COMPILED = [pytest.param(name, True, marks=pytest.mark.slow) for name in CASES]


@pytest.mark.parametrize(("name", "compiled"), [*((name, False) for name in CASES), *COMPILED])
def test_a_step_of_training_is_finite_and_the_model_comes_back_from_a_file(
    made, name, compiled, tmp_path
):
    element, _, x = made[name]
    backbone = CASES[name][1]
    adapt = CASES[name][2] if element.kind in ("text", "record") else None
    model = tm.models.embedder(element, 8, backbone=backbone, filters=4, adapt=adapt)
    before = [np.array(w) for w in model.trainable_weights]
    # Compiling takes most of the time; tests/kinds compiles the tower of each kind.
    model.compile("adam", loss=tm.losses.SupConLoss(), run_eagerly=not compiled)
    history = model.fit(x, np.arange(6) % 3, batch_size=6, verbose=0, epochs=1 + compiled)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(w).all() for w in map(np.asarray, model.weights))
    assert any(
        not np.array_equal(a, b) for a, b in zip(before, model.trainable_weights, strict=True)
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-5)
    if compiled:
        np.testing.assert_allclose(model.predict(x, verbose=0), model(x), atol=2e-5)


SERVED = ("image", "text", "audio", "video", "record", "sequence", "vector ids")
ALL_SERVED = [
    pytest.param(name, marks=() if name in SERVED else pytest.mark.slow) for name in CASES
]


@pytest.mark.parametrize("name", ALL_SERVED)
def test_the_exported_model_takes_raw_inputs(made, name, tmp_path):
    import tensorflow as tf

    _, model, x = made[name]
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(as_declared(model, x)), model(x), atol=2e-5)


@pytest.mark.parametrize("name", ["audio", "sequence gru", "video", "text", "text cnn"])
def test_mixed_precision_gives_float32_embeddings(name):
    element, backbone, x = CASES[name]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        adapt = x if element.kind == "text" else None
        model = tm.models.embedder(element, 8, backbone=backbone, filters=4, adapt=adapt)
        y = model(tensors(x))
        assert y.dtype == model.output.dtype == "float32"
        assert np.isfinite(y).all()
    finally:
        keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("name", ["audio", "sequence", "vector", "video"])
def test_compiled_with_xla_it_gives_the_same(made, name):
    import tensorflow as tf

    _, model, x = made[name]
    compiled = tf.function(lambda x: model(x), jit_compile=True)
    x = as_declared(model, x)
    np.testing.assert_allclose(compiled(x), model(x), atol=5e-5)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "statistics", "attention"])
def test_steps_are_pooled_as_asked(pooling):
    model = tm.models.embedder(STEPS, 8, pooling=pooling)
    y = np.asarray(model(free((3,))))
    assert np.isfinite(y).all()
    assert model.get_layer("pool").output.shape[1] == (256 if pooling == "statistics" else 128)


def test_data_stands_for_its_element():
    data = tm.datasets.from_arrays(ROWS["cover"], np.arange(6) % 3)
    assert tm.models.embedder(data, 4, filters=4).input_shape == (None, 8, 8, 1)


def test_a_token_network_with_named_inputs_is_pooled_under_its_mask():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    steps = keras.layers.Embedding(50, 4)(ids)
    pooled = keras.layers.Dense(2)(steps[:, 0])
    network = keras.Model(
        {"token_ids": ids, "padding_mask": mask},
        {"sequence_output": steps, "pooled_output": pooled},
    )
    x = {
        "token_ids": RNG.integers(1, 50, (3, 5)).astype("int32"),
        "padding_mask": (np.arange(5) < np.array([[5], [2], [0]])).astype("int32"),
    }
    model = tm.models.embedder(backbone=network, embedding_dim=3)
    assert sorted(model.input) == ["padding_mask", "token_ids"]
    inner = keras.Model(model.input, model.get_layer("pool").output)
    table = next(layer for layer in network.layers if "embedding" in layer.name).get_weights()[0]
    want = [
        table[row[present > 0]].mean(0) if present.any() else np.zeros(4)
        for row, present in zip(x["token_ids"], x["padding_mask"], strict=True)
    ]
    np.testing.assert_allclose(inner(x), want, atol=1e-6)
    assert np.isfinite(model(x)).all()
    as_record = Element(
        "record",
        (),
        "",
        {name: Element("vector", (5,), "int32") for name in ("token_ids", "padding_mask")},
    )
    same = tm.models.embedder(as_record, 3, backbone=network)
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(same(x), model(x), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"element": TEXT, "backbone": "bert"}, "one of 'ngrams', .*'gru'"),
        ({"element": SOUND, "backbone": "VGG16"}, "'cnn', 'gru' or a keras.Model"),
        ({"element": STEPS, "pooling": "gem"}, "pooling to be one of auto, mean"),
        ({"element": RECORD, "backbone": "gru"}, "a mapping from fields"),
        ({"element": RECORD, "backbone": {"colour": None}}, "the fields are title, price"),
        ({"element": RECORD, "weights": "x.h5"}, "one field's own backbone"),
        (
            {"element": Element("image", (4, 8, 8, 1), "uint8")},
            "a keras.Model as the backbone of vol",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        tm.models.embedder(**arguments)
