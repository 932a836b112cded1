import keras
import numpy as np

import tfmetric as tm


def test_means_vocabularies_and_word_weights_stay_and_trained_weights_are_fresh():
    keras.utils.set_random_seed(1)  # The untrained copy has seed 0.
    norm = keras.layers.Normalization()
    norm.adapt(np.array([[994.0, 1.0], [996.0, 3.0]]))
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3)(norm(inputs)))
    copy = tm.models.untrained_copy(model)
    np.testing.assert_allclose(copy.layers[1].mean, [[995.0, 2.0]])
    assert not np.allclose(copy.layers[2].kernel, model.layers[2].kernel)
    again = tm.models.untrained_copy(model)
    np.testing.assert_array_equal(copy.layers[2].kernel, again.layers[2].kernel)
    other = tm.models.untrained_copy(model, seed=1)
    assert not np.allclose(copy.layers[2].kernel, other.layers[2].kernel)


def test_text_towers_keep_what_they_learned_of_words():
    import tensorflow as tf

    texts = ["a cup of tea", "a pot of tea", "rain"]
    for backbone in (None, "cnn"):
        model = tm.models.embedder(tm.elements.TEXT, 4, backbone=backbone, adapt=texts)
        copy = tm.models.untrained_copy(model)
        x = tf.constant(texts)
        assert np.isfinite(copy(x)).all()
        assert not np.allclose(copy(x), model(x))
        if backbone is None:
            np.testing.assert_array_equal(
                copy.get_layer("ngrams").rarity, model.get_layer("ngrams").rarity
            )
        else:
            words = copy.get_layer("words").get_vocabulary()
            assert words == model.get_layer("words").get_vocabulary()


def test_a_frozen_backbone_stays_as_it_is():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    model = tm.models.embedder((3,), 2, backbone=inner, trainable=False)
    copy = tm.models.untrained_copy(model)
    network = next(x.network for x in copy.layers if isinstance(x, tm.layers.InferenceMode))
    np.testing.assert_array_equal(network.layers[0].kernel, inner.layers[0].kernel)
    assert not np.allclose(copy.get_layer("embedding").kernel, model.get_layer("embedding").kernel)


def test_statistics_of_batches_begin_anew():
    model = tm.models.embedder((3,), 2)
    model.compile("sgd", loss=tm.losses.SupConLoss())
    model.fit(np.random.default_rng(0).normal(9, 1, (8, 3)), np.arange(8) % 2, verbose=0)
    norm = tm.models.untrained_copy(model).get_layer("mlp").layers[1]
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(3))
    assert float(norm.steps) == 0
