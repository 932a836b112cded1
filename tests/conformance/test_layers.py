"""Every public layer by Keras's own layer test, under each dtype policy."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras.src import testing

import tfmetric as tm

# The arguments, and the shape and dtype of an input, where they are not a batch of vectors.
ARGUMENTS = {
    "LearnedMargin": {"num_classes": 2},
    "ProxyHead": {"num_classes": 5},
    "NGramBag": {"dim": 4, "buckets": 32},
    "GeMPooling2D": {"p": 2.0},
    "LogMelSpectrogram": {"sampling_rate": 8000},
}
IMAGES = {"shape": (2, 8, 8, 3)}
INPUTS = {
    "CropToInk": IMAGES,
    "GeMPooling2D": IMAGES,
    "RandomAffine": IMAGES,
    "PairwiseDistance": {"shape": [(2, 3), (2, 3)]},
    "MaskedPooling": {"shape": (2, 4, 3)},
    "AttentionPooling": {"shape": (2, 4, 3)},
    "SpecAugment": {"shape": (2, 8, 4)},
    "AudioAugmentation": {"shape": (2, 400)},
    "LogMelSpectrogram": {"shape": (2, 4000)},
    "ZeroPadding": {"shape": [(2, 4, 3), (2, 4)]},
    "PositionalEncoding": {"shape": (2, 4, 3)},
}
# Layers on ids, texts or n-grams, of masks, or around a network of the user's: see tests/layers.
ELSEWHERE = {
    "BytePairs",
    "CodePoints",
    "HashedIds",
    "HashedNGrams",
    "InferenceMode",
    "NGramBag",
    "PerStep",
    "StepMask",
    "StreamingLogQ",
    "WordPieces",
}
# Steps on the way to an embedding, in the dtype of the policy.
OF_THE_POLICY = {"PositionalEncoding", "PromptBatchNormalization", "SpecAugment", "ZeroPadding"}
# They resample in float32 under every policy.
ALWAYS_FLOAT32 = {
    "AudioAugmentation",
    "CropToInk",
    "LogMelSpectrogram",
    "RandomAffine",
}


def layers():
    found = (getattr(tm.layers, name) for name in tm.layers.__all__)
    classes = [x for x in found if inspect.isclass(x) and issubclass(x, keras.layers.Layer)]
    return [cls for cls in classes if cls.__name__ not in ELSEWHERE]


def made(cls, **more):
    return cls(**ARGUMENTS.get(cls.__name__, {}), **more)


def an_input(cls, dtype="float32"):
    shape = INPUTS.get(cls.__name__, {"shape": (2, 3)})["shape"]
    rng = np.random.default_rng(0)
    if isinstance(shape, list):
        return [rng.uniform(size=each).astype(dtype) for each in shape]
    return rng.uniform(size=shape).astype(dtype)


@pytest.mark.parametrize("cls", layers(), ids=lambda cls: cls.__name__)
def test_shape_dtype_and_saving(cls):
    layer = made(cls, dtype="float32")
    x = an_input(cls)
    shape = [a.shape for a in x] if isinstance(x, list) else x.shape
    y = layer(x)
    assert tuple(layer.compute_output_shape(shape)) == tuple(y.shape)
    symbolic = [keras.KerasTensor(a.shape, "float32") for a in x] if isinstance(x, list) else None
    spec = layer.compute_output_spec(symbolic or keras.KerasTensor(shape, "float32"))
    assert (tuple(spec.shape), spec.dtype) == (tuple(y.shape), "float32")
    testing.TestCase().run_class_serialization_test(made(cls))
    json.dumps({k: v for k, v in layer.get_config().items() if k != "dtype"})


@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cls", layers(), ids=lambda cls: cls.__name__)
def test_dtype_policies(cls, policy):
    """In float32 at least; in float64 where the layer is told so."""
    layer, x = made(cls, dtype=policy), an_input(cls)
    y = layer(x)
    wide = policy == "float64" and cls.__name__ not in ALWAYS_FLOAT32
    wanted = "float64" if wide else "float32"
    if cls.__name__ in OF_THE_POLICY:
        wanted = layer.compute_dtype
    assert keras.backend.standardize_dtype(y.dtype) == wanted
    assert np.isfinite(keras.ops.convert_to_numpy(y)).all()


def test_numbers_of_numpy_are_saved_as_json():
    made_of_numpy = [
        tm.layers.LearnedMargin(np.int64(3), nu=np.float32(0.5)),
        tm.layers.RandomAffine(translation=np.float32(0.1), seed=np.int64(3)),
        tm.layers.ProxyHead(np.int32(4), seed=np.int64(1)),
        tm.layers.GeMPooling2D(np.float32(2), keepdims=np.bool_(True)),
        tm.layers.CropToInk(np.int64(8)),
        tm.losses.ContrastiveLoss(np.float32(0.5), power=np.int64(2)),
        tm.losses.TripletLoss(np.float64(0.5), warmup=np.bool_(False)),
        tm.losses.RecallAtKLoss(k=(np.int64(1), 2)),
        tm.metrics.MiningStatistics(np.float32(0.25)),
        tm.metrics.PairAccuracy(np.float32(0.25)),
    ]
    for each in made_of_numpy:
        json.dumps(keras.saving.serialize_keras_object(each)["config"])


def test_a_mask_passes_through_the_learned_metric():
    x = keras.Input((4, 3))
    y = tm.layers.Mahalanobis()(keras.layers.Masking()(x))
    assert keras.src.backend.get_keras_mask(y) is not None


@pytest.mark.parametrize("cls", [tm.layers.CropToInk, tm.layers.RandomAffine])
def test_channels_first_is_refused(cls):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_last"):
            cls()
    finally:
        keras.config.set_image_data_format("channels_last")
