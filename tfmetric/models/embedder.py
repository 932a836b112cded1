"""The embedder: from raw inputs to embeddings, preprocessing included."""

import os
from numbers import Integral, Real
from pathlib import Path

import keras
from keras import layers

from tfmetric._errors import expected
from tfmetric.layers import GeMPooling2D, L2Normalization
from tfmetric.models import applications
from tfmetric.models.mlp import mlp
from tfmetric.models.small_cnn import small_cnn

# A map of at most this many positions is flattened by pooling="auto": where things are matters in
# small images. Larger maps are averaged, or the dense layer would outgrow the backbone.
_FLATTEN_UP_TO = 64
_POOLINGS = ("auto", "flatten", "average", "max", "gem")


def embedder(
    input_shape,
    embedding_dim: int = 64,
    backbone=None,
    weights=None,
    trainable: bool = True,
    normalize: bool = True,
    pooling: str = "auto",
    dropout: float = 0.0,
    filters: int = 24,
    preprocessing=None,
    name: str = "embedder",
) -> keras.Model:
    """Makes a model from raw inputs to embeddings.

    Train it with an embedding loss by ``model.fit``, evaluate it with
    :func:`tfmetric.evaluation.evaluate`, export it with ``tfmetric.export.save``. The
    preprocessing is inside, so images go in as they are stored, 0..255, in training and in
    serving alike.

    Args:
        input_shape: (H, W, C) for images, C = 1 or 3, channels last; (D,) for vectors.
        embedding_dim: Length of an embedding. Defaults to 64.
        backbone: None for ``"small_cnn"`` on images and a two-layer perceptron on vectors; a
            ``keras.Model``, which gets the inputs as they are; or the name of a
            ``keras.applications`` network, such as ``"MobileNetV2"``, which gets them in the form
            that its published weights expect.
        weights: None; the path of a weights file of the backbone (``.weights.h5``, ``.h5`` or
            ``.keras``); or ``"imagenet"`` for the published weights of a ``keras.applications``
            network, which Keras downloads unless they are in its cache.
        trainable: False freezes the backbone: its weights are not trained and its batch
            normalisation and dropout run in inference mode, also if you unfreeze it later.
        normalize: Whether embeddings are scaled to length 1. Defaults to True.
        pooling: How a feature map becomes a vector: ``"average"``, ``"max"``, ``"gem"`` (learned
            generalised mean), ``"flatten"``, or ``"auto"``, which flattens maps of at most 64
            positions and averages others.
        dropout: Fraction of the features dropped before the last dense layer. Defaults to 0.
        filters: Channels of the first block of the small_cnn; no other backbone looks at it.
            Defaults to 24.
        preprocessing: A Keras layer, or a list of them, that raw images go through first, such as
            :class:`tfmetric.layers.CropToInk`, or an augmentation, which acts in training alone.
            They must give values 0..255.
        name: Name of the model.

    Returns:
        A functional ``keras.Model`` from (B, \\*input_shape) to (B, embedding_dim), float32 also
        under a mixed-precision policy.

    Raises:
        ValueError: If an argument makes no sense; the message says which and what would.
        FileNotFoundError: If there is no file at ``weights``.
        RuntimeError: If the published weights cannot be had.

    Example:

    >>> import numpy as np
    >>> model = embedder(input_shape=(8, 8, 1), embedding_dim=16)
    >>> tuple(model(np.zeros((2, 8, 8, 1), "uint8")).shape)
    (2, 16)
    """
    input_shape = tuple(int(n) if isinstance(n, Integral) else n for n in input_shape)
    _check(input_shape, embedding_dim, pooling, dropout, filters)
    # Plain numbers: NumPy's would not be saved as JSON.
    embedding_dim, dropout, filters = int(embedding_dim), float(dropout), int(filters)
    inputs = keras.Input(input_shape, name="inputs")
    x = inputs
    for layer in preprocessing if isinstance(preprocessing, (list, tuple)) else [preprocessing]:
        x = x if layer is None else layer(x)
    network, x = _backbone(backbone, x, weights, filters)
    # Only ever frozen: setting True would unfreeze what the user froze inside the network.
    if not trainable:
        network.trainable = False
    # training=False is for batch normalisation: a frozen network must not follow the batches.
    x = network(x) if trainable else network(x, training=False)
    x = _pool(x, pooling)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    # Under a mixed policy the embedding itself stays in float32: neighbours differ in few bits.
    dtype = "float32" if keras.config.dtype_policy().compute_dtype.endswith("16") else None
    x = layers.Dense(embedding_dim, dtype=dtype, name="embedding")(x)
    if normalize:
        x = L2Normalization(dtype=dtype, name="normalize")(x)
    return keras.Model(inputs, x, name=name)


def _check(input_shape, embedding_dim, pooling, dropout, filters):
    image = len(input_shape) == 3 and input_shape[-1] in (1, 3)
    vector = len(input_shape) == 1 and input_shape[0] is not None
    if not (image or vector):
        raise ValueError(
            expected(
                "input_shape to be (height, width, 1 or 3) for images or (features,) for vectors",
                input_shape=input_shape,
            )
        )
    for name, value in (("embedding_dim", embedding_dim), ("filters", filters)):
        if isinstance(value, bool) or not (isinstance(value, Integral) and value > 0):
            raise ValueError(expected(f"{name} to be an int above 0", **{name: value}))
    if pooling not in _POOLINGS:
        raise ValueError(expected(f"pooling to be one of {', '.join(_POOLINGS)}", pooling=pooling))
    if not (isinstance(dropout, Real) and 0 <= dropout < 1):
        raise ValueError(expected("dropout to be at least 0 and below 1", dropout=dropout))
    if image and keras.config.image_data_format() != "channels_last":
        raise ValueError(
            expected(
                "the image data format 'channels_last' (keras.config.set_image_data_format)",
                image_data_format=keras.config.image_data_format(),
            )
        )


def _backbone(backbone, inputs, weights, filters):
    """The network, and the inputs in the form that it expects."""
    shape = tuple(inputs.shape[1:])
    x = inputs
    if isinstance(backbone, str) and backbone != "small_cnn":
        network, x = _application(backbone, inputs, weights)
    elif isinstance(backbone, keras.Model):
        network = backbone
        if len(getattr(network, "inputs", None) or ()) != 1 or len(network.outputs) != 1:
            raise ValueError(
                expected(
                    "a backbone with one input and one output whose shapes are known: a "
                    "functional model, or a Sequential that begins with keras.Input",
                    backbone=backbone,
                )
            )
        x = _three_channels(x) if network.input_shape[-1] == 3 else x
        if len(network.input_shape) != len(inputs.shape) or network.input_shape[-1] != x.shape[-1]:
            raise ValueError(
                expected(
                    f"a backbone for inputs of shape {shape}",
                    backbone_input_shape=network.input_shape,
                )
            )
        _load(network, weights)
    elif backbone is None and len(shape) == 1:
        network = mlp(shape)
        _load(network, weights)
    elif backbone in (None, "small_cnn"):
        if len(shape) != 3:
            raise ValueError(
                expected("an image input_shape for backbone 'small_cnn'", input_shape=shape)
            )
        network = small_cnn(shape, filters=filters)
        _load(network, weights)
        x = layers.Rescaling(1 / 255, name="rescaling")(x)
    else:
        raise ValueError(
            expected("backbone to be None, a name or a keras.Model", backbone=backbone)
        )
    return network, x


def _application(name, inputs, weights):
    if len(inputs.shape) != 4:
        raise ValueError(
            expected(f"an image input_shape for backbone {name!r}", input_shape=inputs.shape[1:])
        )
    published = weights == "imagenet"
    network = applications.build(
        name, (*inputs.shape[1:3], 3), weights="imagenet" if published else None
    )
    if not published:
        _load(network, weights)
    return network, applications.preprocess(name, _three_channels(inputs))


def _three_channels(x):
    return layers.Concatenate(name="to_rgb")([x, x, x]) if x.shape[-1] == 1 else x


def _load(network, weights):
    if weights is None:
        return
    if weights == "imagenet":
        raise ValueError(
            expected(
                "weights to be None or a path: there are published ones only for the networks of "
                "keras.applications",
                weights=weights,
            )
        )
    if not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            expected("weights to be None, 'imagenet' or the path of a file", weights=weights)
        )
    if not Path(weights).is_file():
        raise FileNotFoundError(
            expected(
                "weights to be None, 'imagenet' or the path of a weights file that exists",
                weights=str(weights),
            )
        )
    try:
        network.load_weights(weights)
    except Exception as error:  # h5py, zipfile and Keras each raise their own kind.
        raise ValueError(
            expected(
                f"a weights file that fits the backbone {network.name!r}", weights=str(weights)
            )
        ) from error


def _pool(x, pooling):
    if len(x.shape) == 2:
        return x
    if len(x.shape) != 4:
        raise ValueError(
            expected("a backbone whose output is (batch, h, w, c) or (batch, d)", shape=x.shape)
        )
    positions = None if None in x.shape[1:3] else x.shape[1] * x.shape[2]
    if pooling == "auto":
        small = positions is not None and positions <= _FLATTEN_UP_TO
        pooling = "flatten" if small else "average"
    if pooling == "flatten":
        if positions is None:
            raise ValueError(
                expected(
                    "a fixed image size for pooling='flatten'; give pooling='average' for images "
                    "of any size",
                    feature_map=x.shape,
                )
            )
        return layers.Flatten(name="pool")(x)
    pool = {
        "average": layers.GlobalAveragePooling2D,
        "max": layers.GlobalMaxPooling2D,
        "gem": GeMPooling2D,
    }[pooling]
    return pool(name="pool")(x)
