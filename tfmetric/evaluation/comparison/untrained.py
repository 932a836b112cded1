"""A twin of a model with fresh weights, which sees inputs as the model does."""

import random
import tempfile

import keras


def untrained_twin(model: keras.Model, seed: int) -> keras.Model:
    """Makes a model of the same architecture that has not been trained.

    Preprocessing keeps its state: a layer that was adapted to data (``Normalization``,
    ``TextVectorization``, any layer with ``adapt``) is no part of the training, and without its
    state the twin would see other inputs. Everything else has fresh weights.

    Args:
        model: The model, left as it is.
        seed: Seed of the fresh weights.

    Raises:
        Exception: Whatever Keras raises for a model that it cannot clone.
    """
    # Keras seeds initialisers that have no seed of their own from Python's random module.
    state = random.getstate()
    random.seed(seed)
    try:
        twin = keras.models.clone_model(model)
    finally:
        random.setstate(state)
    own = model._flatten_layers(include_self=False)
    for layer, fresh in zip(own, twin._flatten_layers(include_self=False), strict=True):
        if hasattr(layer, "adapt"):
            _copy_state(layer, fresh)
    return twin


def _copy_state(layer, fresh):
    """Copies the variables and assets of an adapted layer, as saving and loading it would."""
    store: dict = {}
    layer.save_own_variables(store)
    if store:
        fresh.load_own_variables(store)
    if not hasattr(layer, "save_assets"):  # A lookup layer has its vocabulary as an asset.
        getattr(fresh, "finalize_state", lambda: None)()
        return
    with tempfile.TemporaryDirectory() as directory:
        layer.save_assets(directory)
        fresh.load_assets(directory)
