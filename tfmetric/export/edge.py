"""Models for phones, small computers and other runtimes: LiteRT (once TensorFlow Lite) and ONNX."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._optional import require
from tfmetric.datasets.labeled import LabeledData
from tfmetric.export.core import spec
from tfmetric.export.saving import check_model
from tfmetric.typing import PathLike

QUANTIZATIONS = (None, "float16", "int8")
_REPRESENTATIVE = 500
# LiteRT's names of the operations of x / max(‖x‖, ε).
_IN_FLOATS = (
    *("ABS", "REDUCE_MAX", "DIV", "SELECT", "SELECT_V2", "SQUARE", "SUM", "RSQRT", "SQRT", "MUL"),
    *("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "SUB", "POW", "L2_NORMALIZATION"),
)


def litert(
    model: keras.Model,
    path: PathLike,
    quantization: str | None = None,
    representative: Any = None,
    batch_size: int | None = 1,
) -> Path:
    """Writes an embedder as a LiteRT file (``.tflite``).

    Its one signature is ``embed``: ``inputs`` to ``embedding``, both floats under every
    quantization. :func:`edge_report` measures the cost of the quantization.

    Args:
        model: An embedder with one input, from (B, ...) to (B, D).
        path: The file; an existing file is replaced.
        quantization: None for float32; ``"float16"`` for weights of half the size; ``"int8"`` for
            weights of a quarter and convolutions and products in integers, the fastest on small
            processors. The normalisation of the embedding stays in floats, because 8 bits would
            lose most of it.
        representative: Typical inputs, (N, ...) or a ``LabeledData``, such as training examples;
            500 of them set the ranges of the int8 arithmetic. Only for ``"int8"``, which requires
            it.
        batch_size: Examples in a call; None for any number, which not all runtimes support.

    Returns:
        The path.

    Raises:
        ValueError: If the model is not an embedder, if LiteRT lacks one of its operations, or if an
            argument does not fit.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    >>> import tempfile
    >>> import tfmetric as tm
    >>> path = litert(tm.models.embedder((4,), embedding_dim=2), tempfile.mkdtemp() + "/m.tflite")
    >>> path.name
    'm.tflite'
    """
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            expected('quantization to be None, "float16" or "int8"', quantization=quantization)
        )
    if (quantization == "int8") != (representative is not None):
        raise ValueError(
            expected(
                'representative inputs with quantization="int8", and only then',
                quantization=quantization,
                representative=type(representative).__name__,
            )
        )
    if batch_size is not None and not (isinstance(batch_size, int) and batch_size > 0):
        raise ValueError(
            expected("batch_size to be an integer above 0, or None", batch_size=batch_size)
        )
    check_model(model, several_inputs=False)
    examples = None if representative is None else _examples(model, representative, batch_size or 1)
    path = _file(path)
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        # Convert a SavedModel, because the converter does not freeze the variables of a bare
        # function.
        _saved(model, batch_size, scratch)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=["embed"])
        if quantization is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            made = converter.convert() if examples is None else _integers(converter, examples)
        except Exception as error:  # The converter's error class is not public.
            if type(error).__name__ != "ConverterError":
                raise
            raise ValueError(
                expected(
                    "a model of operations that LiteRT supports (it has no texts: vectorize them "
                    "before)",
                    error=str(error).strip().splitlines()[0][:200],
                )
            ) from error
    with replacing(path) as draft:
        draft.write_bytes(made)
    return Path(path)


def onnx(model: keras.Model, path: PathLike, opset: int = 17) -> Path:
    """Writes an embedder as an ONNX file, with a free batch size, by way of tf2onnx.

    Its input is ``inputs`` (B, ...) and its output ``embedding`` (B, D). The extra ``edge``
    brings tf2onnx.

    Args:
        model: An embedder with one input, from (B, ...) to (B, D).
        path: The file; an existing file is replaced.
        opset: Version of the ONNX operators that the runtime supports.

    Returns:
        The path.

    Raises:
        ImportError: If tf2onnx is not installed.
        ValueError: If the model is not an embedder, or takes texts.
        RuntimeError: If Keras does not run on the TensorFlow backend.
    """
    check_model(model, several_inputs=False)
    if model.inputs[0].dtype == "string":
        raise ValueError(
            expected("a model that takes numbers: vectorize texts before", input_dtype="string")
        )
    path = _file(path)
    tf2onnx = require("tf2onnx", "edge")
    import tensorflow as tf

    like = _like(model, None)
    function = tf.function(
        lambda inputs: {"embedding": _embedding(model, inputs)},
        input_signature=[like],
        autograph=False,
    )
    made, _ = tf2onnx.convert.from_function(function, input_signature=[like], opset=opset)
    with replacing(path) as draft:
        draft.write_bytes(made.SerializeToString())
    return Path(path)


def _integers(converter, examples):
    """Converts to int8 all operations except those of a normalisation."""
    import tensorflow as tf

    def batches():
        return ([one] for one in examples)

    converter.representative_dataset = batches
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(_IN_FLOATS))
    with warnings.catch_warnings():
        # TensorFlow warns that its interpreter will be replaced by ai-edge-litert.
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=batches, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def _file(path):
    path = Path(path)
    if path.is_dir():
        raise ValueError(expected("the path of a file", path=str(path)))
    return path


def _like(model, batch_size):
    import tensorflow as tf

    like = spec(model.inputs[0].shape[1:], model.inputs[0].dtype)
    return tf.TensorSpec((batch_size, *like.shape[1:]), like.dtype, name=like.name)


def _embedding(model, inputs):
    import tensorflow as tf

    return tf.cast(model(inputs, training=False), tf.float32)


def _saved(model, batch_size, directory):
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "embed",
        lambda inputs: {"embedding": _embedding(model, inputs)},
        [_like(model, batch_size)],
    )
    archive.write_out(directory, verbose=False)


def _examples(model, data, batch_size):
    """Yields batches of the model's size."""
    count = min(_REPRESENTATIVE, len(data))
    # Spread over all examples, which may be sorted by class.
    places = np.linspace(0, len(data) - 1, count).astype(np.int64)
    x = data.read(places) if isinstance(data, LabeledData) else np.asarray(data)[places]
    shape = model.inputs[0].shape[1:]
    if x.ndim == len(shape):  # Add a channel axis, as Keras does.
        x = x[..., None]
    fits = x.ndim == len(shape) + 1 and all(
        want in (None, side) for side, want in zip(x.shape[1:], shape, strict=True)
    )
    if not count or not fits:
        raise ValueError(
            expected(f"representative inputs of shape (N, {str(shape)[1:]}", shape=x.shape)
        )
    x = x.astype(model.inputs[0].dtype)
    # The last batch repeats examples to be full.
    return [
        np.resize(x[i : i + batch_size], (batch_size, *x.shape[1:]))
        for i in range(0, count, batch_size)
    ]
