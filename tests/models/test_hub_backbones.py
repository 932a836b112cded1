"""Networks of keras-hub as backbones, with random weights and tiny sizes."""

import keras
import numpy as np
import pytest

import tfmetric as tm

keras_hub = pytest.importorskip("keras_hub")

IMAGE = {"image_shape": (16, 16, 3)}
VISION = {**IMAGE, "patch_size": 8, "hidden_dim": 8, "num_layers": 1, "num_heads": 2}
TEXT = {
    "vocabulary_size": 50,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 8,
    "max_sequence_length": 16,
}
CASES = {
    "ViTBackbone": {**VISION, "mlp_dim": 8},
    "DINOV2Backbone": {**VISION, "intermediate_dim": 8, "layer_scale_init_value": 1.0},
    "SigLIPVisionEncoder": {**VISION, "intermediate_dim": 8},
    "CLIPVisionEncoder": {**VISION, "intermediate_dim": 8},
    "BertBackbone": TEXT,
    "DistilBertBackbone": TEXT,
}


def made(name, **options):
    keras.utils.set_random_seed(0)
    network = getattr(keras_hub.models, name)(**CASES[name])
    return tm.models.embedder(backbone=network, embedding_dim=3, **options)


def examples(model, count=4):
    rng = np.random.default_rng(0)
    if len(model.inputs) == 1:
        return rng.uniform(0, 255, (count, 16, 16, 3)).astype("float32")
    present = np.arange(6) < np.array([6, 3, 1, 0])[:, None]
    x = {name: np.zeros((count, 6), "int32") for name in model.input}
    x["token_ids"] = np.where(present, rng.integers(1, 50, (count, 6)), 0).astype("int32")
    x["padding_mask"] = present.astype("int32")
    return x


@pytest.mark.slow
# BERT has a second output, a pooled one, which a network of tokens leaves unused.
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", CASES)
def test_a_backbone_of_keras_hub_trains_and_comes_back_from_a_file_and_an_export(name, tmp_path):
    import tensorflow as tf

    # DINOv2 of keras-hub derives one weight from another when it is loaded, not when it is trained.
    model = made(name, trainable=name != "DINOV2Backbone")
    x = examples(model)
    model.compile("sgd", loss=tm.losses.SupConLoss())
    before = np.asarray(model(x))
    loss = model.fit(x, np.array([0, 0, 1, 1]), batch_size=4, verbose=0).history["loss"]
    after = np.asarray(model(x))
    assert np.isfinite(loss).all()
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() > 1e-6
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), after, atol=1e-5)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(x), after, atol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_tokens_behind_the_padding_mask_change_nothing(pooling):
    model = made("DistilBertBackbone", pooling=pooling)
    x = examples(model)
    other = dict(x, token_ids=np.where(x["padding_mask"] > 0, x["token_ids"], 7).astype("int32"))
    some = x["padding_mask"].any(axis=1)
    got, same = np.asarray(model(x)), np.asarray(model(other))
    assert np.isfinite(got).all()
    assert np.isfinite(same).all()
    np.testing.assert_allclose(got[some], same[some], atol=1e-5)


def test_an_image_encoder_with_a_named_input_takes_an_image_element():
    network = keras_hub.models.CLIPVisionEncoder(**CASES["CLIPVisionEncoder"])
    model = tm.models.embedder((16, 16, 3), 3, backbone=network, trainable=False)
    y = np.asarray(model(examples(model)))
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1.0, rtol=1e-5)
    assert len(model.trainable_weights) == 2
