"""The fair baseline of each kind, against the plain definition."""

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.ragged import RaggedSource
from tfmetric.datasets.sources import ArraySource
from tfmetric.elements import KINDS, Element
from tfmetric.evaluation.comparison.baselines import BY_KIND, baseline_of
from tfmetric.layers import LogMelSpectrogram

RNG = np.random.default_rng(0)
LENGTHS = np.array([3, 7, 1, 5])


def ragged(width, dtype="float32"):
    return [RNG.normal(size=(n, *width)).astype(dtype) for n in LENGTHS]


def padded(examples):
    found = np.zeros((len(examples), max(map(len, examples)), *examples[0].shape[1:]), "float32")
    for row, example in zip(found, examples, strict=True):
        row[: len(example)] = example
        row[len(example) :] = 99.0  # What lies beyond the length must not count.
    return {"values": found, "length": np.array(list(map(len, examples)), "int32")}


def standardised(vectors):
    vectors = np.asarray(vectors, float)
    deviation = vectors.std(axis=0)
    return (vectors - vectors.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def test_every_kind_has_one():
    assert set(BY_KIND) == set(KINDS)


def test_vectors_are_standardised_by_the_gallery():
    own, others = RNG.normal(5, 3, (6, 4)), RNG.normal(2, 9, (30, 4))
    others[:, 2] = 1.0  # A constant column says nothing.
    found = BY_KIND["vector"].vectors(own, others, None)
    deviation = np.where(np.arange(4) == 2, 1.0, others.std(axis=0))
    np.testing.assert_allclose(found, (own - others.mean(axis=0)) / deviation, rtol=1e-5)


def test_sequences_by_mean_and_deviation_without_the_padding():
    examples = ragged((2,))
    inputs = padded(examples)
    found = BY_KIND["sequence"].vectors(inputs, inputs, None)
    want = [np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in examples]
    np.testing.assert_allclose(found, standardised(want), rtol=1e-4, atol=1e-5)


def test_videos_by_their_mean_frame():
    examples = ragged((2, 3, 1))
    inputs = padded(examples)
    found = BY_KIND["video"].vectors(inputs, inputs, None)
    np.testing.assert_allclose(found, [x.mean(axis=0).ravel() for x in examples], rtol=1e-5)


def test_recordings_by_their_mel_spectrum():
    examples = [RNG.normal(size=n).astype("float32") for n in (400, 1000, 640)]
    inputs = padded(examples)
    inputs["values"][inputs["values"] == 99.0] = 0.0
    element = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
    found = BY_KIND["audio"].vectors(inputs, inputs, element)
    want = []
    for example in examples:
        rows = np.asarray(LogMelSpectrogram(8000)(example[None]))[0]
        want.append(np.concatenate([rows.mean(axis=0), rows.std(axis=0)]))
    assert found.shape == (3, 80)
    np.testing.assert_allclose(found, standardised(want), rtol=1e-2, atol=5e-3)


def test_texts_by_tf_idf():
    from sklearn.metrics.pairwise import cosine_similarity

    texts = np.array(["good morning", "good evening", "fare well", ""], object)
    found = BY_KIND["text"].vectors(texts, texts, None)
    near = cosine_similarity(found)
    assert near[0, 1] > 0.2 > near[0, 2]
    blank = np.array(["", " "], object)
    assert BY_KIND["text"].vectors(blank, blank, None).shape == (2, 1)


def test_a_record_has_all_its_fields():
    inputs = {"name": np.array(["anna", "anne", "bob"], object), "age": np.array([[1.0], [1], [9]])}
    found = BY_KIND["record"].vectors(inputs, inputs, None)
    near = (found @ found.T).toarray()
    assert near[0, 1] > near[0, 2]
    assert near[0, 0] == pytest.approx(2.0)


def test_data_take_the_baseline_of_their_kind():
    labels, names = np.arange(4) % 2, ("a", "b")
    element = Element("sequence", (None, 2), "float32")
    source = RaggedSource.of_examples(ragged((2,)), element, "x", None)
    sequences = LabeledData(source, labels, names)
    assert baseline_of(sequences).title == "mean and deviation over time"
    vectors = LabeledData(ArraySource(np.eye(4, dtype="float32")), labels, names)
    assert baseline_of(vectors).title == "standardised columns"
    assert baseline_of((np.eye(4), labels)).title == "raw inputs"
    assert baseline_of((np.array(["a", "b"]), [0, 1])).title.startswith("TF-IDF")


def test_a_baseline_is_judged_in_a_gallery_too():
    labels = np.arange(12) % 3
    x = RNG.normal(size=(12, 4)) + 9 * np.eye(4)[labels]
    train = tm.datasets.from_arrays(x[:6], labels[:6])
    test = tm.datasets.from_arrays(x[6:], labels[6:])
    result = tm.evaluation.evaluate(tm.models.embedder((4,)), test, gallery=train, ks=1)
    assert result.raw_title == "standardised columns"
    assert result.raw.recall_at[1] == result.raw_knn.accuracy == 1.0
