"""Makes embedders: models from raw inputs to embeddings, preprocessing included."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import keras
from keras import layers

from tfmetric._errors import expected
from tfmetric.elements import Element, element_of_shape
from tfmetric.layers import L2Normalization
from tfmetric.models.adapting import adapt as adapt_to
from tfmetric.models.towers import TOWERS, pooling, several_inputs
from tfmetric.models.towers.options import Options


def embedder(
    element: Element | tuple | Any = None,
    embedding_dim: int = 64,
    backbone: Any = None,
    weights: Any = None,
    trainable: bool = True,
    normalize: bool = True,
    pooling: str = "auto",
    dropout: float = 0.0,
    filters: int = 24,
    preprocessing: Any = None,
    name: str = "embedder",
    *,
    input_shape: tuple | None = None,
    adapt: Any = None,
) -> keras.Model:
    """Makes a model from raw inputs to embeddings, for any kind of example.

    Train it with an embedding loss by ``model.fit``, evaluate it with
    :func:`tfmetric.evaluation.evaluate`, export it with ``tfmetric.export.save``. The preprocessing
    is inside the model: it takes images as stored, texts as strings and recordings as samples, in
    training and in serving alike.

    Args:
        element: Description of one example: the ``element`` of the data
            (:class:`tfmetric.elements.Element`), or the data itself. A shape describes an image,
            (H, W, C) with C = 1 or 3, or a vector, (D,). Omit it where ``backbone`` is a
            ``keras.Model``; the model then takes the backbone's inputs.
        embedding_dim: Length of an embedding. Defaults to 64; texts gain from 256.
        backbone: None for the default of the kind, a name, or a ``keras.Model``, which gets the raw
            inputs.

            - image: ``"small_cnn"``, or the name of a ``keras.applications`` network, such as
              ``"MobileNetV2"``, which gets images preprocessed as its published weights expect;
            - text: ``"ngrams"``, hashed words and character n-grams; ``"static"``, pretrained
              vectors of words from the folder ``weights`` beside them; ``"gru"``, ``"lstm"``,
              ``"cnn"`` and ``"transformer"`` over words of a vocabulary (give ``adapt``);
            - audio: ``"cnn"`` or ``"gru"`` over a log-mel spectrum;
            - vector: ``"mlp"``; ``"linear"``; ``"ids"``, whole numbers that are looked up;
            - sequence: ``"cnn"``, ``"gru"``, ``"lstm"`` or ``"transformer"``;
            - video: the backbone of a frame, as for images;
            - record: a mapping from fields to the backbone of each, or a ``keras.Model`` whose
              inputs have the names of the fields.
        weights: None; the path of a weights file of the backbone (``.weights.h5``, ``.h5`` or
            ``.keras``); or ``"imagenet"`` for the published weights of a ``keras.applications``
            network, which Keras downloads unless they are in its cache. With ``backbone="static"``
            a folder with one ``.npy`` or ``.safetensors`` matrix beside ``tokenizer.json`` (kinds
            WordPiece, or BPE as Llama's) or ``vocabulary.txt`` (a word a line), as wordllama and
            model2vec ship them; or a file in word2vec's or GloVe's text form.
        trainable: False freezes the backbone: its weights are not trained, and its batch
            normalisation and dropout run in inference mode, also if you unfreeze it later. The
            network is then inside a layer :class:`tfmetric.layers.InferenceMode`.
        normalize: Whether embeddings are scaled to length 1. Defaults to True.
        pooling: How the output of the backbone becomes a vector. Maps of images: ``"average"``,
            ``"max"``, ``"gem"`` (learned generalised mean) or ``"flatten"``. A vector a step
            (texts, sound, sequences, frames, the tokens of a Transformer): ``"mean"``, ``"max"``,
            ``"cls"`` (the first), ``"statistics"`` (mean and deviation) or ``"attention"``, under
            the mask. ``"auto"`` flattens maps of at most 64 positions and averages others, takes
            statistics of sound and sequences and the mean of other steps.
        dropout: Fraction of the features dropped before the last dense layer. Defaults to 0.
        filters: Channels of the first block of the small_cnn; no other backbone looks at it.
            Defaults to 24.
        preprocessing: A Keras layer, or a list of them, that raw examples go through first, such as
            :class:`tfmetric.layers.CropToInk`, or an augmentation, which acts in training alone.
            They must give what the tower expects: images of values 0..255, samples, strings.
        name: Name of the model.
        input_shape: The shape, as ``element``.
        adapt: Training data from which vocabularies and word weights are learned, see
            :func:`tfmetric.models.adapt`. Give the training part alone: words of the test part are
            not to be known.

    Returns:
        A functional ``keras.Model`` to (B, embedding_dim), float32 also under a mixed-precision
        policy. Its input is one array, or a dictionary of arrays where ``element.named``.

    Raises:
        ValueError: If an argument makes no sense; the message says which and what would.
        FileNotFoundError: If there is no file at ``weights``.
        RuntimeError: If the published weights cannot be had.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = embedder((8, 8, 1), embedding_dim=16)
    >>> tuple(model(np.zeros((2, 8, 8, 1), "uint8")).shape)
    (2, 16)
    >>> texts = ["a cup of tea", "a pot of tea", "rain", "snow"]
    >>> model = embedder(tm.elements.TEXT, embedding_dim=8, adapt=texts)
    >>> model.predict(np.array(texts, object), verbose=0).shape
    (4, 8)
    """
    element, shape = _element(element, input_shape, backbone)
    _check(embedding_dim, pooling, dropout, filters)
    # Converts to Python numbers: NumPy's cannot be saved as JSON.
    embedding_dim, dropout, filters = int(embedding_dim), float(dropout), int(filters)
    before = preprocessing if isinstance(preprocessing, (list, tuple)) else [preprocessing]
    options = Options(
        embedding_dim,
        backbone,
        weights,
        trainable,
        pooling,
        filters,
        tuple(layer for layer in before if layer is not None),
    )
    inputs, features = _features(element, shape, options)
    x = features.values
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    # The embedding stays in float32 under a mixed policy, because neighbours differ in few bits.
    dtype = "float32" if keras.config.dtype_policy().compute_dtype.endswith("16") else None
    if not features.finished:
        x = layers.Dense(embedding_dim, dtype=dtype, name="embedding")(x)
    if normalize:
        x = L2Normalization(dtype=dtype, name="normalize")(x)
    model = keras.Model(inputs, x, name=name)
    if adapt is not None:
        adapt_to(model, adapt)
    return model


def _features(element, given_shape, options):
    """Returns the inputs of the model, and the features that the kind's tower computes."""
    own = isinstance(options.backbone, keras.Model)
    if element is None:
        inputs = several_inputs.fresh_inputs(options.backbone)
        features = several_inputs.tower(inputs, options)
        return (inputs if len(inputs) > 1 else next(iter(inputs.values()))), features
    inputs = {
        name: keras.Input(shape, dtype=_dtype(dtype), name=name)
        for name, (shape, dtype) in element.inputs.items()
        if element.named
    }
    if not element.named:
        shape, dtype = element.inputs["values"]
        values = keras.Input(given_shape or shape, dtype=_dtype(dtype), name="inputs")
        return values, TOWERS[element.kind]({"values": values}, element, options)
    if element.kind == "record" and own:
        return inputs, several_inputs.tower(inputs, options)
    return inputs, TOWERS[element.kind](inputs, element, options)


def _dtype(dtype):
    """Returns the dtype of an input: floats for measurements, whole numbers for ids and lengths."""
    if dtype == "string" or dtype in ("int32", "int64"):
        return dtype
    return keras.config.floatx()


def _element(element, input_shape, backbone):
    """Returns the element, if any, and the shape that was given in its place."""
    given = input_shape if element is None else element
    if isinstance(given, Element):
        return given, None
    if isinstance(getattr(given, "element", None), Element):
        return given.element, None
    if given is None:
        if isinstance(backbone, keras.Model) and getattr(backbone, "inputs", None):
            return None, None
        raise ValueError(
            expected(
                "an element, a shape, or a built keras.Model as the backbone",
                element=element,
                backbone=backbone,
            )
        )
    return _of_shape(given)


def _of_shape(shape):
    """Returns the element for a bare shape: an image or a vector."""
    try:
        shape = tuple(None if n is None else int(n) for n in shape)
    except (TypeError, ValueError):
        shape = (shape,)
    element = element_of_shape(shape)
    if element is not None:
        return element, shape
    raise ValueError(
        expected(
            "input_shape to be (height, width, 1 or 3) for images or (features,) for vectors; give "
            "a tfmetric.elements.Element for every other kind",
            input_shape=shape,
        )
    )


def _check(embedding_dim, pooling_name, dropout, filters):
    for name, value in (("embedding_dim", embedding_dim), ("filters", filters)):
        if isinstance(value, bool) or not (isinstance(value, Integral) and value > 0):
            raise ValueError(expected(f"{name} to be an int above 0", **{name: value}))
    pooling.check(pooling_name)
    if not (isinstance(dropout, Real) and 0 <= dropout < 1):
        raise ValueError(expected("dropout to be at least 0 and below 1", dropout=dropout))
