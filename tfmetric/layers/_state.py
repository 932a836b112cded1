"""Weights that hold the state of a layer or a model and are not trained."""


def state_weight(owner, name, shape, dtype):
    """Adds a weight of zeros that keeps its dtype under every policy.

    Args:
        owner: The layer or model.
        name: Name of the weight.
        shape: Its shape.
        dtype: Its dtype.
    """
    return owner.add_weight(
        shape=shape,
        dtype=dtype,
        initializer="zeros",
        trainable=False,
        autocast=False,
        name=name,
    )
