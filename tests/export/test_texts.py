"""Models that take strings: every form of text, and a warm-up that a masked mean can answer."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfmetric import export

TEXTS = ["a cup of tea", "a pot of tea", "rain and snow"]


@pytest.fixture(scope="module")
def model():
    """Words under a mask, averaged: no words give 0 / 0."""
    inputs = keras.Input((), dtype="string")
    vectorize = keras.layers.TextVectorization(max_tokens=50)
    vectorize.adapt(TEXTS)
    x = keras.layers.Embedding(50, 4, mask_zero=True)(vectorize(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))


@pytest.fixture(scope="module")
def directory(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("texts") / "texts"
    export.save(
        model, directory, gallery=(np.array(TEXTS), np.array(["t", "t", "w"])), inputs="text"
    )
    return directory


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, object),
        np.array(TEXTS, "T"),
        np.array([text.encode() for text in TEXTS]),
        pd.Series(TEXTS),
        tf.constant(TEXTS),
    ],
    ids=["list", "tuple", "U", "object", "StringDType", "S", "pandas", "tensor"],
)
def test_texts_in_every_form(directory, model, tmp_path, texts):
    servable = export.load(directory)
    wanted = model.predict(tf.constant(TEXTS), verbose=0)
    np.testing.assert_allclose(servable.embed(texts), wanted, atol=1e-6)
    export.save(model, tmp_path, gallery=(texts, [1, 2, 3]), inputs="text")
    found = export.load(tmp_path).search(texts, 1)
    assert found.labels[:, 0].tolist() == [1, 2, 3]


def test_the_version_warms_up_and_serves(directory):
    pytest.importorskip("tensorflow_serving.apis", reason="needs the extra serve")
    from tfmetric.serving.loaded import Loaded

    loaded = Loaded("texts", directory / "1")
    found = loaded.predict("embed", {"inputs": np.array([b"tea", b"rain"], object)})
    assert np.isfinite(found["embedding"]).all()
    loaded.close()


def test_an_embedding_that_is_no_number_is_refused_by_its_row(directory):
    servable = export.load(directory)
    for ask in (servable.embed, servable.search, servable.classify):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"are numbers.*\[1 2\]"):
            ask(["tea", "", "  "])
    with pytest.raises(ValueError, match=r"inputs to be all strings.*row=1"):
        servable.embed(["tea", 3])
