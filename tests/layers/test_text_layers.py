import itertools
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfmetric import layers
from tfmetric.layers.hashed_ngrams import mix

TEXTS = ["a tea", "", "Ünïcode is FUN, isn't it?", "  spaced   out  ", "你好，世界", "a", "x" * 90]


def grams(text, characters, words):
    """The n-grams by their definition, of a text in small letters, as strings."""
    parts = re.findall(r"[a-z0-9'ªµº\u00c0-\u1fff\u2070-\u2fff\u3005-\u3007\u3021-\uff00]+", text)
    found = []
    for n in characters:
        row = []
        for word in parts:
            whole = f" {word} "
            row += [whole[i : i + n] for i in range(len(whole) - n + 1)]
        # A space between two words is the end of one n-gram and the begin of another.
        found.append([gram for gram in row if n > 1 or gram != " "])
    if words:
        found.append(parts)
    if words == 2:
        found.append(list(itertools.pairwise(parts)))
    return found


def test_code_points_are_those_of_python():
    points = np.asarray(layers.CodePoints()(TEXTS))
    for row, text in zip(points, TEXTS, strict=True):
        want = [ord(letter) for letter in text.lower()]
        assert row[: len(want)].tolist() == want
        assert not row[len(want) :].any()


def test_code_points_of_nothing_of_too_much_and_of_no_text():
    assert np.asarray(layers.CodePoints()(["", ""])).tolist() == [[0], [0]]
    assert np.asarray(layers.CodePoints(max_length=3)(["éÉéé" * 10**6])).tolist() == [[233] * 3]
    assert np.asarray(layers.CodePoints(lowercase=False)(["A"])).tolist() == [[65]]
    assert np.asarray(layers.CodePoints()(np.array([b"\xff!"], object))).tolist() == [[0xFFFD, 33]]
    with pytest.raises(ValueError, match="max_length to be a whole number"):
        layers.CodePoints(0)


@pytest.mark.parametrize("make", [list, np.array, lambda t: np.array(t, object)])
def test_strings_of_any_kind_are_taken(make):
    layer = layers.CodePoints()
    np.testing.assert_array_equal(layer(make(["ab", "c"])), [[97, 98], [99, 0]])
    np.testing.assert_array_equal(layer.encode(make(["ab", "c"])), [[97, 98], [99, 0]])


@pytest.mark.parametrize("characters", [(2, 3, 4), (1, 5), ()])
def test_every_ngram_has_its_number_and_equal_ones_the_same(characters):
    layer = layers.HashedNGrams(2**30, characters, words=2)
    ids = np.asarray(layer(layers.CodePoints()(TEXTS)))
    number = {}
    for row, text in zip(ids, TEXTS, strict=True):
        for kind, (have, want) in enumerate(
            zip(row, grams(text.lower(), characters, 2), strict=True)
        ):
            have = have[have > 0].tolist()
            assert len(have) == len(want)
            for one, gram in zip(have, want, strict=True):
                assert number.setdefault((kind, gram), one) == one
    # Different n-grams, of different kinds too, have different numbers: 2³⁰ is far more than these.
    assert len(set(number.values())) == len(number)
    if characters:
        assert len(number) > 50


def test_a_word_pair_is_ordered_and_not_a_long_word():
    layer = layers.HashedNGrams(2**30, (), words=2)
    ids = np.asarray(layer(layers.CodePoints()(["good day", "day good", "goodday"])))[:, 1]
    pairs = [row[row > 0].tolist() for row in ids]
    assert [len(pair) for pair in pairs] == [1, 1, 0]
    assert pairs[0] != pairs[1]


def test_the_numbers_of_a_text_do_not_depend_on_the_batch():
    points, ngrams = layers.CodePoints(), layers.HashedNGrams()
    together = np.asarray(ngrams(points(TEXTS)))
    for row, text in zip(together, TEXTS, strict=True):
        alone = np.asarray(ngrams(points([text])))[0]
        np.testing.assert_array_equal(row[:, : alone.shape[1]], alone)
        assert not row[:, alone.shape[1] :].any()


def test_numbers_spread_evenly():
    words = [f"w{i}" for i in range(20000)]
    ids = np.asarray(layers.HashedNGrams(64, (), 1)(layers.CodePoints()(words)))
    counts = np.bincount(ids[ids > 0], minlength=65)[1:]
    # 64 numbers with 312 words each, all within six deviations.
    assert np.abs(counts - 312.5).max() < 6 * 312.5**0.5
    assert np.asarray(mix(np.arange(-5, 5, dtype="int32"))).min() >= 0


def test_compiled_it_gives_the_same():
    import tensorflow as tf

    points = layers.CodePoints().encode(TEXTS)
    layer = layers.HashedNGrams()
    compiled = tf.function(layer, jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(points)), layer(points))


def test_jax_gives_the_same_numbers():
    pytest.importorskip("jax")
    points = layers.CodePoints().encode(TEXTS)
    ids = np.asarray(layers.HashedNGrams()(points))
    code = (
        "import numpy as np, sys; from tfmetric.layers import HashedNGrams; "
        f"x = np.array({points.tolist()}, 'int32'); "
        "y = np.asarray(HashedNGrams()(x)).astype('int64'); "
        "print((y * (1 + np.arange(y.size).reshape(y.shape) % 97)).sum())"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    ids = ids.astype("int64")
    want = (ids * (1 + np.arange(ids.size).reshape(ids.shape) % 97)).sum()
    assert done.stdout.split() == [str(want)], done.stderr[-2000:]


def bag_oracle(layer, ids):
    table, rarity = (np.asarray(w, "float64") for w in (layer.table, layer.rarity))
    rows = []
    for row in ids.reshape(len(ids), -1):
        kept = row[row > 0]
        length = np.sqrt((rarity[kept] ** 2).sum()) if len(kept) else 1.0
        rows.append((rarity[kept, None] * table[kept]).sum(0) / length)
    return np.array(rows)


def test_the_bag_is_the_weighted_sum():
    ids = np.asarray(layers.HashedNGrams(50)(layers.CodePoints()(TEXTS)))
    layer = layers.NGramBag(8, buckets=50)
    np.testing.assert_allclose(layer(ids), bag_oracle(layer, ids), atol=3e-5)
    layer.adapt(ids)
    np.testing.assert_allclose(layer(ids), bag_oracle(layer, ids), atol=3e-5)
    assert not np.asarray(layer(ids))[1].any()  # The empty text.
    # In how many of the texts a number occurs, however often in each.
    holding = np.array([[(row == i).any() for i in range(51)] for row in ids]).sum(0)
    want = np.log((1 + len(TEXTS)) / (1 + holding[1:])) + 1
    np.testing.assert_allclose(np.asarray(layer.rarity)[1:], want, rtol=1e-6)
    again = layers.NGramBag(8, buckets=50)
    again.adapt([ids[:3], ids[3:]])
    np.testing.assert_allclose(again.rarity, layer.rarity)
    with pytest.raises(ValueError, match="at least one text"):
        again.adapt([])


def test_untrained_it_is_near_the_cosines_of_tfidf():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 5)) for _ in range(60)]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(40)]
    ids = np.asarray(layers.HashedNGrams()(layers.CodePoints()(texts)))
    keras.utils.set_random_seed(0)
    layer = layers.NGramBag(2048)
    layer.adapt(ids)
    rarity = np.asarray(layer.rarity, "float64")
    tfidf = np.zeros((len(ids), len(rarity)))
    for row, found in zip(ids.reshape(len(ids), -1), tfidf, strict=True):
        np.add.at(found, row[row > 0], rarity[row[row > 0]])

    def cosines(x):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return x @ x.T

    error = cosines(np.asarray(layer(ids), "float64")) - cosines(tfidf)
    assert np.sqrt((error**2).mean()) < 1.2 / 2048**0.5


def test_a_model_of_all_three_takes_strings_and_saves(tmp_path):
    inputs = keras.Input((), dtype="string")
    ids = layers.HashedNGrams(100)(layers.CodePoints(max_length=32)(inputs))
    model = keras.Model(inputs, layers.NGramBag(4, 100)(ids))
    model.layers[-1].adapt(layers.HashedNGrams(100)(layers.CodePoints()(TEXTS)))
    import tensorflow as tf

    texts = tf.constant(TEXTS)
    model.compile("adam", "mse")
    model.fit(texts, np.zeros((7, 4)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(texts), model(texts), atol=1e-6)
    np.testing.assert_allclose(model.predict(texts, verbose=0), model(texts), atol=1e-5)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(texts), model(texts), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.HashedNGrams(0), "buckets to be a whole number"),
        (lambda: layers.HashedNGrams(characters=(17,)), "characters to be a whole number"),
        (lambda: layers.HashedNGrams(characters=(), words=0), "characters or words"),
        (lambda: layers.NGramBag(0), "dim to be a whole number"),
    ],
)
def test_arguments_that_make_no_sense_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
