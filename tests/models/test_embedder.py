import importlib

import keras
import numpy as np
import pytest

from tfmetric import layers, models
from tfmetric.models.towers import applications


def images(shape, count=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (1, 5, 1), (105, 105, 1), (None, None, 3)]
)
def test_the_small_cnn_takes_images_of_any_size(shape):
    model = models.embedder(shape, embedding_dim=5, filters=4)
    out = model(images(tuple(n or 20 for n in shape)))
    assert out.shape == (3, 5)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, rtol=1e-5)


def test_vectors_go_through_a_perceptron_and_stay_unnormalised_on_request():
    model = models.embedder((6,), embedding_dim=4, normalize=False, dropout=0.5)
    out = model(np.random.default_rng(0).normal(size=(9, 6)))
    assert out.shape == (9, 4)
    assert np.abs(np.linalg.norm(out, axis=1) - 1).max() > 1e-3


@pytest.mark.parametrize("pooling", ["auto", "flatten", "average", "max", "gem"])
def test_embedders_load_from_a_keras_file_without_custom_objects(pooling, tmp_path):
    model = models.embedder((16, 16, 1), embedding_dim=3, pooling=pooling, filters=4, name="mine")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = images((16, 16, 1))
    np.testing.assert_array_equal(model(x), loaded(x))
    assert loaded.name == "mine"


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("VGG16", "vgg16"),
        ("ResNet50", "resnet"),
        ("ResNet50V2", "resnet_v2"),
        ("MobileNet", "mobilenet"),
        ("MobileNetV2", "mobilenet_v2"),
        ("MobileNetV3Small", "mobilenet_v3"),
        ("DenseNet121", "densenet"),
        ("EfficientNetB0", "efficientnet"),
        ("EfficientNetV2B0", "efficientnet_v2"),
        ("ConvNeXtTiny", "convnext"),
        ("NASNetMobile", "nasnet"),
        ("Xception", "xception"),
        ("InceptionV3", "inception_v3"),
        ("InceptionResNetV2", "inception_resnet_v2"),
    ],
)
def test_the_preprocessing_is_the_one_keras_has_for_the_network(name, module):
    x = images((4, 4, 3)).astype("float32")
    keras_module = importlib.import_module(f"keras.applications.{module}")
    np.testing.assert_allclose(
        applications.preprocess(name, x), keras_module.preprocess_input(x.copy()), atol=1e-5
    )


def test_a_frozen_application_network_keeps_its_weights_and_statistics(tmp_path):
    model = models.embedder((32, 32, 1), embedding_dim=4, backbone="MobileNet", trainable=False)
    backbone = next(x.network for x in model.layers if isinstance(x, layers.InferenceMode))
    before = [np.array(value) for value in backbone.get_weights()]
    x = images((32, 32, 1), count=4)
    # The head alone is trained, and a training step leaves the statistics of the rest alone.
    assert len(model.trainable_weights) == 2
    np.testing.assert_allclose(model(x, training=True), model(x, training=False), atol=1e-5)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model(x), loaded(x), atol=1e-6)


def test_a_model_of_the_users_own_gets_the_inputs_as_they_are():
    backbone = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    model = models.embedder((4, 4, 1), backbone=backbone, embedding_dim=2)
    inner = keras.Model(model.inputs[0], model.get_layer("embedding").input)
    x = images((4, 4, 1))
    np.testing.assert_array_equal(inner(x), np.repeat(x, 3, axis=-1).reshape(3, -1))


def test_weights_from_a_file_go_into_the_backbone(tmp_path):
    first = models.embedder((8, 8, 1), filters=4)
    backbone = first.get_layer("small_cnn")
    backbone.save_weights(tmp_path / "b.weights.h5")
    second = models.embedder((8, 8, 1), filters=4, weights=tmp_path / "b.weights.h5")
    for a, b in zip(backbone.weights, second.get_layer("small_cnn").weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.raises(ValueError, match="Expected a weights file that fits"):
        models.embedder((8, 8, 1), filters=5, weights=tmp_path / "b.weights.h5")
    (tmp_path / "junk.weights.h5").write_bytes(b"junk")
    with pytest.raises(ValueError, match="Expected a weights file that fits"):
        models.embedder((8, 8, 1), weights=tmp_path / "junk.weights.h5")
    with pytest.raises(FileNotFoundError, match="weights file that exists"):
        models.embedder((8, 8, 1), weights=tmp_path / "none.weights.h5")


def test_imagenet_weights_without_a_network_say_what_to_do(monkeypatch):
    def failing(**kwargs):
        if kwargs["weights"] == "imagenet":
            raise Exception("URL fetch failure on https://example.org: nothing there")

    monkeypatch.setattr(keras.applications, "MobileNetV2", failing)
    with pytest.raises(RuntimeError, match="give its path as weights"):
        models.embedder((32, 32, 3), backbone="MobileNetV2", weights="imagenet")
    with pytest.raises(ValueError, match="only the networks of"):
        models.embedder((32, 32, 3), weights="imagenet")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "mobilenetv2"}, "did you mean 'MobileNetV2'"),
        ({"backbone": "nothing like it"}, "Xception"),
        ({"backbone": 3}, "backbone to be None, a name or a keras.Model"),
        ({"backbone": keras.Sequential([keras.layers.Flatten()])}, "begins with keras.Input"),
        ({"embedding_dim": 0}, "embedding_dim"),
        ({"pooling": "sum"}, "pooling to be one of auto"),
        ({"pooling": "attention"}, "pooling to be one of auto, flatten"),
        ({"dropout": 1.0}, "dropout"),
        ({"input_shape": (8, 8)}, "input_shape"),
        ({"input_shape": (8, 8, 4)}, "input_shape"),
        ({"input_shape": (6,), "backbone": "small_cnn"}, "one of 'mlp', 'linear', 'ids'"),
        ({"input_shape": (6,), "backbone": "VGG16"}, "a keras.Model for a vector tower"),
        ({"input_shape": None}, "an element, a shape, or a built keras.Model"),
        ({"input_shape": (None, None, 1), "pooling": "flatten"}, "fixed image size"),
        ({"weights": 3}, "weights to be None"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.embedder(**{"input_shape": (8, 8, 1), **arguments})


def test_embeddings_are_float32_under_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for normalize in (True, False):
            model = models.embedder((8, 8, 1), normalize=normalize, filters=4)
            assert model.output.dtype == "float32"
            assert model(images((8, 8, 1))).dtype == "float32"
    finally:
        keras.config.set_dtype_policy(policy)


def test_gem_is_the_layer_of_this_package():
    model = models.embedder((16, 16, 1), pooling="gem", filters=4)
    assert isinstance(model.get_layer("pool"), layers.GeMPooling2D)


def test_what_the_user_froze_in_a_backbone_stays_frozen():
    inputs = keras.Input((6,))
    frozen = keras.layers.Dense(5, trainable=False)
    backbone = keras.Model(inputs, keras.layers.Dense(4)(frozen(inputs)))
    model = models.embedder((6,), embedding_dim=3, backbone=backbone)
    assert not frozen.trainable
    assert len(model.trainable_weights) == 4
    backbone.trainable = False
    assert len(models.embedder((6,), embedding_dim=3, backbone=backbone).trainable_weights) == 2
    assert not backbone.trainable


def test_numpy_scalars_are_taken_for_numbers(tmp_path):
    shape = np.array([8, 8, 1])
    model = models.embedder(
        shape, embedding_dim=np.int64(4), filters=np.int32(2), dropout=np.float32(0.5)
    )
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").output_shape == (None, 4)
