"""Writes the warm-up requests that TensorFlow Serving runs before a version gets traffic.

They are a TFRecord file of ``PredictionLog`` messages.

Their Python classes are in tensorflow-serving-api, which depends on all of TensorFlow again, so the
few fields are written in the protocol-buffer wire format here.

Reference: tensorflow_serving/apis/prediction_log.proto, predict.proto and model.proto.
"""

from pathlib import Path
from typing import Any


def write(path: Path, requests: Any) -> None:
    """Writes the requests as ``tf_serving_warmup_requests``.

    Args:
        path: The file.
        requests: Pairs of a signature name and its inputs, a dictionary of tensors by name.
    """
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(_prediction_log(signature, inputs))


def _prediction_log(signature, inputs):
    import tensorflow as tf

    # ModelSpec.signature_name = 3; PredictRequest.model_spec = 1, .inputs = 2, a map, which on
    # the wire is a repeated message with key = 1 and value = 2.
    request = _field(1, _field(3, signature.encode()))
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    # PredictionLog.predict_log = 6; PredictLog.request = 1.
    return _field(6, _field(1, request))


def _field(number, payload):
    """Returns a length-delimited field (wire type 2)."""
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
