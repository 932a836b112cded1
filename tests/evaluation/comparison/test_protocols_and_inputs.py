"""Closed sets, the distance of the model, and inputs of every form."""

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.callbacks import RetrievalEvaluation
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.sources import ArraySource
from tfmetric.evaluation import embed, evaluate, knn, retrieval

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 6
X = (RNG.normal(size=(6, 5))[LABELS] + RNG.normal(size=(60, 5))).astype("float32")
TRAIN, TEST = (X[:40], LABELS[:40]), (X[40:], LABELS[40:])


@pytest.fixture(scope="module")
def model():
    return tm.models.embedder((5,), embedding_dim=3)


@pytest.mark.parametrize("labeled", [False, True])
def test_queries_against_a_gallery(model, labeled):
    test, train = TEST, TRAIN
    if labeled:
        test, train = (tm.datasets.from_arrays(*side) for side in (TEST, TRAIN))
    result = evaluate(model, test, gallery=train, ks=(1, 5))
    own, among = embed(model, TEST), embed(model, TRAIN)
    want = retrieval(own, TEST[1], among, TRAIN[1], ks=(1, 5))
    assert result.figures() == want.figures()
    assert result.knn.accuracy == knn(own, TEST[1], among, TRAIN[1], k=5).accuracy
    assert result.protocol == "against a gallery of 40 examples"
    assert result.raw.num_gallery == result.untrained.num_gallery == 40
    assert result.raw_knn is not None
    for words in ("against a gallery of 40 examples", "5 nearest neighbors: accuracy", "k-NN"):
        assert words in result.summary()
    assert result.to_dict()["knn"]["accuracy"] == result.knn.accuracy
    if not labeled:
        assert result.raw.figures() == retrieval(*TEST, *TRAIN, ks=(1, 5)).figures()
        assert result.raw_knn.accuracy == knn(*TEST, *TRAIN, k=5).accuracy


def test_classes_numbered_differently_are_compared_by_name(model):
    one = tm.datasets.from_arrays(TEST[0], np.array(list("abcdef"))[TEST[1]])
    other = tm.datasets.from_arrays(
        np.concatenate([TRAIN[0], X[:2] + 9]), [*np.array(list("abcdef"))[TRAIN[1]], "A", "A"]
    )
    assert one.class_names != other.class_names
    result = evaluate(model, one, gallery=other, baselines=False)
    plain = evaluate(model, TEST, gallery=(other.read(), [*TRAIN[1], 9, 9]), baselines=False)
    assert result.figures() == plain.figures()


def test_the_data_once_more_are_no_gallery(model):
    with pytest.raises(ValueError, match="a gallery that differs from the queries"):
        evaluate(model, TEST, gallery=TEST)


def test_a_callback_searches_the_gallery():
    model = tm.models.embedder((5,), embedding_dim=3)
    model.compile("adam", loss=tm.losses.ContrastiveLoss(distance="cosine"))
    judge = RetrievalEvaluation(TEST, gallery=TRAIN, ks=1)
    history = model.fit(*TRAIN, verbose=0, callbacks=[judge]).history
    want = evaluate(model, TEST, gallery=TRAIN, ks=1, baselines=False)
    assert judge.result.num_gallery == 40
    assert judge.result.distance == want.retrieval.distance == "cosine"
    assert history["val_map_at_r"][-1] == pytest.approx(want.map_at_r)


@pytest.mark.parametrize(
    ("loss", "distance", "source"),
    [
        (tm.losses.TripletLoss(distance="manhattan"), "manhattan", "that of the model's loss"),
        (tm.losses.ArcFaceLoss(), "cosine", "that of the model's loss"),
        (
            tm.losses.MatryoshkaLoss(tm.losses.ContrastiveLoss(distance="cosine"), dims=(2, 3)),
            "cosine",
            "that of the model's loss",
        ),
        ("mse", "euclidean", "the default"),
        (None, "euclidean", "the default"),
    ],
)
def test_the_distance_is_that_of_the_loss(loss, distance, source):
    model = tm.models.embedder((5,), embedding_dim=3)
    if loss is not None:
        model.compile("sgd", loss=loss)
    result = evaluate(model, TEST, baselines=False)
    assert (result.retrieval.distance, result.distance_source) == (distance, source)
    assert f"Distance: {distance}, {source}" in result.summary()
    given = evaluate(model, TEST, distance="inner_product", baselines=False)
    assert (given.retrieval.distance, given.distance_source) == ("inner_product", "as given")
    assert "Distance:" not in given.summary()


def test_a_list_of_inputs_and_labels_is_taken_as_a_pair(model):
    assert evaluate(model, list(TEST)).to_dict() == evaluate(model, TEST).to_dict()
    np.testing.assert_array_equal(embed(model, list(TEST)), embed(model, TEST[0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("labeled", [False, True])
def test_inputs_that_are_not_finite_are_named(model, value, labeled):
    x = X.copy()
    x[37, 2] = value
    data = (x, LABELS)
    if labeled:
        data = LabeledData(ArraySource(x), LABELS, tuple("abcdef"))
    with pytest.raises(ValueError, match=r"inputs without NaN or infinity.*row=37"):
        embed(model, data, batch_size=16)


def text_model():
    words = keras.layers.TextVectorization(max_tokens=30, output_sequence_length=4)
    words.adapt(["a b", "c d e"])
    inputs = keras.Input((), dtype="string")
    ids = keras.layers.Embedding(30, 4)(words(inputs))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(ids))


TEXTS = ["a b", "a b c", "d e", "d e a", "b ä", "b ä c"]


def test_texts_of_every_numpy_kind(tmp_path):
    model = text_model()
    want = embed(model, (np.array(TEXTS, object), None))
    for texts in (
        np.array(TEXTS),
        np.array(TEXTS, np.dtypes.StringDType()),
        np.array([text.encode() for text in TEXTS], object),
        TEXTS,
    ):
        np.testing.assert_array_equal(embed(model, (texts, [0, 0, 1, 1, 2, 2])), want)
    assert embed(model, np.array([], str)).shape == (0, 4)


def test_texts_stand_beside_tf_idf_and_an_untrained_twin_with_the_vocabulary():
    result = evaluate(text_model(), (np.array(TEXTS), [0, 0, 1, 1, 2, 2]), ks=1)
    assert result.raw_title == "TF-IDF of character 2-5-grams"
    assert result.raw.distance == "cosine"
    assert "TF-IDF of character" in result.verdict()
    assert result.untrained is not None
    assert not result.notes


def test_the_untrained_twin_keeps_adapted_layers():
    from tfmetric.models import untrained_copy

    normal = keras.layers.Normalization()
    x = RNG.normal(994, 7, size=(50, 3)).astype("float32")
    normal.adapt(x)
    inputs = keras.Input((3,))
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Normalization()])
    inner.layers[0].adapt(x / 2)
    out = keras.layers.Dense(2)(inner(normal(inputs)))
    model = keras.Model(inputs, out)
    twin = untrained_copy(model, 0)
    for layer, fresh in zip(
        model._flatten_layers(include_self=False),
        twin._flatten_layers(include_self=False),
        strict=True,
    ):
        if isinstance(layer, keras.layers.Normalization):
            np.testing.assert_array_equal(np.asarray(layer(x)), np.asarray(fresh(x)))
        if isinstance(layer, keras.layers.Dense):
            assert not np.array_equal(layer.kernel, fresh.kernel)
    assert abs(np.asarray(twin(x))).max() < 1e4


def two_inputs():
    one, other = keras.Input((3,), name="one"), keras.Input((2,), name="other")
    joined = keras.layers.Concatenate()([one, other])
    return keras.Model({"one": one, "other": other}, keras.layers.Dense(2)(joined))


def test_models_with_several_inputs():
    model = two_inputs()
    x = {"one": X[:, :3], "other": X[:, 3:]}
    found = embed(model, (x, LABELS))
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)
    result = evaluate(model, (x, LABELS), ks=1)
    assert result.raw_title == "all fields beside each other"
    assert result.untrained.num_queries == 60
    assert embed(model, ({"one": X[:0, :3], "other": X[:0, 3:]}, [])).shape == (0, 2)
    x["other"] = x["other"].copy()
    x["other"][5, 0] = np.nan
    with pytest.raises(ValueError, match=r"row=5, field='other'"):
        embed(model, x)


def test_a_list_of_arrays_for_a_model_with_a_list_of_inputs():
    one, other = keras.Input((3,)), keras.Input((2,))
    joined = keras.layers.Concatenate()([one, other])
    model = keras.Model([one, other], keras.layers.Dense(2)(joined))
    x = [X[:, :3], X[:, 3:]]
    found = embed(model, (x, LABELS))
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)
    assert evaluate(model, (x, LABELS), ks=1).raw_title == "all fields beside each other"


@pytest.mark.parametrize("form", [list, tuple])
@pytest.mark.parametrize("plain", [np.asarray, np.ndarray.tolist])
def test_a_pair_is_a_list_or_a_tuple_of_arrays_or_lists(model, form, plain):
    given, among = (form([plain(part) for part in side]) for side in (TEST, TRAIN))
    asked = {"gallery": among, "ks": 1, "baselines": False}
    assert evaluate(model, given, **asked).figures() == (
        evaluate(model, TEST, **{**asked, "gallery": TRAIN}).figures()
    )
    judge = RetrievalEvaluation(given, gallery=among)
    np.testing.assert_array_equal(judge.labels, TEST[1])


def test_a_stream_of_batches_has_no_labels_to_judge_by(model):
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(TEST).batch(4)
    with pytest.raises(ValueError, match="the arrays or the LabeledData that it reads"):
        evaluate(model, stream)
