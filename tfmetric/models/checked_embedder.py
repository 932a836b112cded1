"""The one check of what an embedder is."""

from typing import Any

import keras

from tfmetric._errors import expected


def check_embedder(model: Any, name: str = "embedder", several_inputs: bool = True) -> None:
    """Refuses a model that is no embedder: built, from a batch to one output (B, D).

    Args:
        model: The model.
        name: What the caller knows it as, for the message.
        several_inputs: Whether it may have several inputs.

    Raises:
        ValueError: If it is none.

    Example:

    >>> check_embedder(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    """
    # A model that has not been built has no inputs, a subclassed one never has any.
    inputs = getattr(model, "inputs", None) or ()
    outputs = getattr(model, "outputs", None) or ()
    built = isinstance(model, keras.Model) and len(inputs) >= 1
    right = built and len(outputs) == 1 and len(outputs[0].shape) == 2
    if right and (several_inputs or len(inputs) == 1):
        return
    single = "" if several_inputs else "one input and "
    raise ValueError(
        expected(
            f"{name} to be a built keras.Model with {single}one output (batch, dim); of a siamese "
            "or triplet model give the embedder that it was made of",
            **{name: model},
        )
    )
