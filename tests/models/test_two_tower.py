"""Two towers: trained by plain fit, saved, wrapped, with what a loss learns beside them."""

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.layers import LearnedTemperature, StreamingLogQ
from tfmetric.losses import InBatchSoftmaxLoss, OnTwoSides, SigmoidPairLoss, TripletLoss
from tfmetric.models import CachedGradients, CrossBatchMemory, two_tower

RNG = np.random.default_rng(0)
IDS = np.arange(24) % 20
# The candidate of a query is its first three numbers, turned round.
QUERIES = RNG.normal(size=(20, 5)).astype("float32")[IDS]
CANDIDATES = QUERIES[:, 2::-1].copy()


def tower(width, dim=4):
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Dense(dim)(inputs), name="tower")


def towers(**more):
    keras.utils.set_random_seed(0)
    return two_tower(tower(5), tower(3), **more)


def _slow(arguments, loss):
    return pytest.param(arguments, loss, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("arguments", "loss"),
    [
        ({}, InBatchSoftmaxLoss(0.2)),
        _slow({}, OnTwoSides(TripletLoss(0.2), symmetric=True)),
        _slow({"negatives": 1}, InBatchSoftmaxLoss(0.2, symmetric=True)),
        _slow({"log_q": "given"}, InBatchSoftmaxLoss(0.2, log_q=True)),
        (
            {"log_q": "estimated", "temperature": LearnedTemperature(0.2)},
            InBatchSoftmaxLoss(log_q=True, learned_temperature=True),
        ),
        _slow(
            {"temperature": LearnedTemperature(0.2, bias=-3.0)},
            SigmoidPairLoss(learned_temperature=True),
        ),
    ],
)
def test_fit_learns_who_belongs_together_and_a_saved_model_goes_on(arguments, loss, tmp_path):
    temperature = arguments.get("temperature")
    if temperature is not None:
        arguments = {**arguments, "temperature": LearnedTemperature(**_config(temperature))}
    model = towers(**arguments)
    inputs = [QUERIES, CANDIDATES, *[CANDIDATES[::-1]] * arguments.get("negatives", 0)]
    more = {"given": np.zeros(24, "float32"), "estimated": IDS}
    inputs += [more[arguments["log_q"]]] if "log_q" in arguments else []
    model.compile(keras.optimizers.Adam(0.03), loss=loss)
    history = model.fit(tuple(inputs), IDS, batch_size=12, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    width = 4 + len(_columns(arguments))
    wanted = model.predict(tuple(inputs), verbose=0)
    assert wanted.shape == (24, 2 + arguments.get("negatives", 0), width)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.predict(tuple(inputs), verbose=0), wanted)
    np.testing.assert_array_equal(copy.query(QUERIES), model.query(QUERIES))
    np.testing.assert_array_equal(copy.candidate(CANDIDATES), model.candidate(CANDIDATES))
    assert copy.fit(tuple(inputs), IDS, verbose=0).history["loss"][0] < history[0]


def _config(layer):
    return {key: getattr(layer, key) for key in ("temperature", "lowest", "bias")}


def _columns(arguments):
    temperature = arguments.get("temperature")
    number = 0 if temperature is None else 1 + (temperature.bias is not None)
    return ["column"] * (number + ("log_q" in arguments))


def test_one_tower_for_both_sides_stays_one(tmp_path):
    model = two_tower(tower(3))
    assert model.query is model.candidate
    assert len(model.trainable_variables) == 2
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.query is copy.candidate
    np.testing.assert_array_equal(copy.query(CANDIDATES), model.query(CANDIDATES))


def test_a_clone_gives_the_same_shape():
    assert keras.models.clone_model(towers()).output_shape == (None, 2, 4)


def test_cached_gradients_are_those_of_the_whole_batch():
    weights = []
    for wrap in (lambda model: model, lambda model: CachedGradients(model, 5)):
        model = towers()
        trained = wrap(model)
        trained.compile(keras.optimizers.SGD(0.1), loss=InBatchSoftmaxLoss(0.2, symmetric=True))
        trained.fit((QUERIES, CANDIDATES), IDS, batch_size=24, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    with pytest.raises(ValueError, match="log_q='given'"):
        CachedGradients(towers(log_q="estimated"))


def test_a_memory_remembers_the_candidates():
    model = towers()
    trained = CrossBatchMemory(model, 30, warmup_steps=0)
    trained.compile(keras.optimizers.SGD(0.0), loss=InBatchSoftmaxLoss(0.2))
    given = {"batch_size": 24, "shuffle": False, "verbose": 0}
    first = trained.fit((QUERIES, CANDIDATES), IDS, **given).history["loss"][0]
    remembered = np.asarray(trained.memory_embeddings)[:24]
    np.testing.assert_allclose(remembered, model.candidate(CANDIDATES), rtol=1e-5)
    # Twice as many candidates, those of the own id left out.
    assert trained.fit((QUERIES, CANDIDATES), IDS, **given).history["loss"][0] > first


def test_weights_leave_links_out():
    values = []
    for weight in (np.ones(24), np.r_[np.ones(12), np.zeros(12)]):
        model = towers()
        model.compile("sgd", loss=InBatchSoftmaxLoss(0.2, reduction="sum"))
        links = (QUERIES, CANDIDATES)
        history = model.fit(links, IDS, sample_weight=weight, batch_size=24, verbose=0)
        values.append(history.history["loss"][0])
    assert 0 < values[1] < values[0]


def test_the_frequency_of_ids_is_estimated_while_they_stream():
    layer = StreamingLogQ(buckets=1000, tables=3, rate=0.02)
    rng = np.random.default_rng(0)
    chance = {1: 1.0, 2: 0.5, 3: 0.1}
    for _ in range(600):
        layer(np.array([id for id, p in chance.items() if rng.random() < p]), training=True)
    found = np.exp(np.asarray(layer(np.array([1, 2, 3]), training=True)))
    np.testing.assert_allclose(found, [1.0, 0.5, 0.1], rtol=0.4)
    assert not np.asarray(layer(np.array([1, 2, 3]))).any()


def test_a_temperature_falls_no_lower_than_it_may():
    layer = LearnedTemperature(0.02, lowest=0.01)
    layer.build((None, 3))
    layer.log_scale.assign(20.0)
    assert np.asarray(layer(np.ones((1, 3), "float32")))[0, -1] == pytest.approx(100.0, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: two_tower(tower(3, 4), tower(3, 5)), "query_dim=4, candidate_dim=5"),
        (lambda: two_tower(tower(3), log_q="yes"), "log_q='yes'"),
        (lambda: two_tower(tower(3), negatives=-1), "negatives=-1"),
        (lambda: two_tower(tower(3), temperature=0.1), "layers.LearnedTemperature"),
        (lambda: two_tower(keras.layers.Dense(3)), "query to be a built keras.Model"),
        (lambda: LearnedTemperature(0.001), "temperature of at least lowest"),
        (lambda: LearnedTemperature(bias="b"), "bias='b'"),
        (lambda: StreamingLogQ(buckets=0), "buckets=0"),
        (lambda: StreamingLogQ(rate=0.0), "rate=0.0"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_models_of_one_embedding_refuse_two_towers():
    with pytest.raises(ValueError, match="one output"):
        tm.models.siamese(towers())
