"""Everything public that Keras can save keeps every argument, and joins this test by itself."""

import inspect

import keras
import numpy as np
import pytest

import tfmetric as tm

# Another value than the default for arguments that are not numbers, by name.
OTHER = {
    "fallback": "easy",
    "distance": "squared_euclidean",
    "match": "any_shared",
    "gather": "global",
    "reduction": "sum",
    "name": "renamed",
    "dtype": "float64",
    "data_format": "channels_first",
    "fill_mode": "reflect",
    "axis": -2,
    "seed": 7,
    "num_classes": 4,
    "sampled_classes": 3,
    "rank": 2,
    "k": (3, 5),
    "mode": "max",
    "characters": (3, 5),
    "words": 1,
    "sampling_rate": 8000,
    "highest": 3000.0,
    "dim": 3,
    "buckets": 50,
    "power": 2,
    "symbols": 3,
    "tokens": 9,
    "merges": 4,
    "longest": 2,
    "nodes": 9,
    "children": 2,
    "mu": 0.25,
    "balance": 0.25,
    "similarity": "inner_product",
    "top_k_negatives": 2,
    # Not beside top_k_negatives; the tests of losses on two sides save a loss with it.
    "false_negative_margin": None,
    "false_negative_rule": "relative",
    "bias": -3.0,
}

# Warm-up is for the hardest negatives only, and contrastive mining is no pair.
MINING = {"TripletLoss": ("easy", "hard")}

# Degrees, of which twice the default is beyond the range.
ALPHA = {"AngularLoss": 50.0}

# Losses on scores and a teacher's numbers: the sides of y_pred, and the columns of y_true.
ON_SIDES = {
    tm.losses.AngleLoss: (2, 1),
    tm.losses.CoSENTLoss: (2, 1),
    tm.losses.CosineRegressionLoss: (2, 1),
    tm.losses.DistillationLoss: (4, 3),
    tm.losses.EmbeddingMSELoss: (1, 4),
    tm.losses.MarginMSELoss: (4, 3),
}


def public_classes():
    rooms = (tm.losses, tm.layers, tm.metrics, tm.datasets, tm.models)
    bases = (keras.Layer, keras.losses.Loss, keras.metrics.Metric)
    found = {value for room in rooms for name in room.__all__ if (value := getattr(room, name))}
    classes = [value for value in found if isinstance(value, type) and issubclass(value, bases)]
    # Bases, and what is made of other losses or models, whose own tests look at the parts too.
    left_out = {tm.losses.EmbeddingLoss, tm.losses.PairLoss, tm.losses.ProxyLoss}
    left_out |= {tm.losses.MatryoshkaLoss, tm.losses.WeightedSum}
    left_out |= {tm.losses.TwoSidedLoss, tm.losses.OnTwoSides}
    left_out |= {tm.layers.PerStep, tm.layers.InferenceMode}
    left_out |= {cls for cls in classes if issubclass(cls, keras.Model)}
    return sorted(set(classes) - left_out, key=lambda cls: cls.__name__)


def other_arguments(cls):
    arguments = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name == "self":
            continue
        default = parameter.default
        if name == "mining":
            arguments[name] = MINING.get(cls.__name__, "all")
        elif name == "alpha" and cls.__name__ in ALPHA:
            arguments[name] = ALPHA[cls.__name__]
        elif name in OTHER:
            arguments[name] = OTHER[name]
        elif isinstance(default, bool):
            arguments[name] = not default
        elif isinstance(default, (int, float)):
            arguments[name] = default + 1 if isinstance(default, int) else default * 2 + 0.125
        elif isinstance(default, tuple):
            arguments[name] = tuple(value * 0.5 for value in default)
        else:
            raise AssertionError(f"add a value for the argument {name!r} of {cls} to OTHER")
    arguments.setdefault("name", "renamed")
    if issubclass(cls, (keras.Layer, keras.losses.Loss)):
        arguments["dtype"] = "float64"
    return arguments


@pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)
def test_config_keeps_every_argument(cls):
    arguments = other_arguments(cls)
    config = cls(**arguments).get_config()
    for name, value in arguments.items():
        kept = config[name]
        kept = kept["config"]["name"] if isinstance(kept, dict) and name == "dtype" else kept
        kept = tuple(kept) if isinstance(value, tuple) else kept
        assert kept == value, f"{cls.__name__} forgets {name}"
    assert cls.from_config(config).get_config() == config


@pytest.mark.parametrize("cls", public_classes(), ids=lambda cls: cls.__name__)
def test_registered_under_our_name(cls):
    assert keras.saving.get_registered_name(cls) == f"tfmetric>{cls.__name__}"
    parameters = inspect.signature(cls.__init__).parameters.values()
    required = {each.name for each in parameters if each.default is each.empty} & set(OTHER)
    made = cls(**{name: OTHER[name] for name in required})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is cls


def losses_and_metrics():
    return [cls for cls in public_classes() if not issubclass(cls, keras.Layer)]


@pytest.mark.parametrize("cls", losses_and_metrics(), ids=lambda cls: cls.__name__)
def test_compiled_into_a_saved_model(cls, tmp_path):
    """Trained, saved and loaded without custom_objects, it says the same of the same batch."""
    siamese = cls.__name__.startswith(("Siamese", "Pair"))
    one = ("SiameseContrastiveLoss", "SiameseCosineEmbeddingLoss", "PairAccuracy")
    explicit = {**dict.fromkeys(one, 1), "SiameseTripletLoss": 2}.get(cls.__name__, 3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 5)).astype("float32")
    y = np.arange(12) % (2 if siamese else 4)
    arguments = {k: v for k, v in other_arguments(cls).items() if k not in ("dtype", "reduction")}
    kind = "loss" if issubclass(cls, keras.losses.Loss) else "metrics"
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(explicit)])
    if issubclass(cls, tm.losses.TwoSidedLoss):
        # Two sides of three numbers, and two columns of what is learned beside them.
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(10)])
        model.add(keras.layers.Reshape((2, 5)))
    if cls in ON_SIDES:
        sides, targets = ON_SIDES[cls]
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4 * sides)])
        model.add(keras.layers.Reshape((sides, 4) if sides > 1 else (4,)))
        y = rng.uniform(size=(12, targets)).astype("float32")
    if issubclass(cls, tm.losses.ProxyLoss):
        model.add(tm.layers.ProxyHead(num_classes=4, centers_per_class=2))
    compiled = cls(**arguments)
    settings = {"loss": tm.ContrastiveLoss()} | {kind: compiled if kind == "loss" else [compiled]}
    # Compiling takes seconds; tests/losses and tests/metrics do so with all others.
    model.compile("sgd", **settings, run_eagerly=not siamese)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    if kind == "loss":
        assert loaded.loss.get_config() == compiled.get_config()


def test_a_registered_function_as_distance_survives_saving():
    @keras.saving.register_keras_serializable(package="tests")
    def halved(x, y):
        return keras.ops.sum(keras.ops.abs(x - y), axis=-1) / 2

    loss = tm.TripletLoss(distance=halved)
    again = tm.TripletLoss.from_config(loss.get_config())
    x, y = np.random.default_rng(0).normal(size=(8, 3)).astype("float32"), np.arange(8) % 2
    np.testing.assert_allclose(again(y, x), loss(y, x))


def test_embedder_siamese_and_triplet_models_load_without_custom_objects(tmp_path):
    embedder = tm.models.embedder((8, 8, 1), embedding_dim=4)
    x = np.random.default_rng(0).integers(0, 255, (6, 8, 8, 1)).astype("float32")
    for model, inputs in (
        (embedder, x),
        (tm.models.siamese(embedder, "cosine"), (x, x[::-1])),
        (tm.models.triplet(embedder), (x, x[::-1], x[::2].repeat(2, axis=0))),
    ):
        path = tmp_path / f"{model.name}.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        np.testing.assert_allclose(
            loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0), rtol=1e-6
        )
