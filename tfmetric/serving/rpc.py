"""TensorFlow Serving's gRPC over a registry: PredictionService and ModelService.

Reference: tensorflow_serving/apis/prediction_service.proto and model_service.proto.
"""

import logging
import math
from concurrent.futures import Executor
from typing import Any

from tfmetric._optional import require
from tfmetric.serving import messages
from tfmetric.serving.loaded import DEFAULT
from tfmetric.serving.refusals import Refused, invalid
from tfmetric.serving.registry import Registry

LOG = logging.getLogger("tfmetric.serving")
# gRPC limits the status message to some kilobytes.
_DETAILS = 2000
_STRING = 24  # Bytes of a TensorFlow string besides its contents.


def server(registry: Registry, pool: Executor, max_bytes: int):
    """Makes a ``grpc.Server`` without a port, not started.

    Args:
        registry: What is served.
        pool: Where requests are answered.
        max_bytes: The largest request.
    """
    grpc = require("grpc", "serve")
    model_service: Any = require("tensorflow_serving.apis.model_service_pb2_grpc", "serve")
    prediction: Any = require("tensorflow_serving.apis.prediction_service_pb2_grpc", "serve")

    class Prediction(prediction.PredictionServiceServicer):
        def Predict(self, request, context):
            return _answered(grpc, context, lambda: _predict(registry, request, max_bytes))

        def GetModelMetadata(self, request, context):
            def found():
                fields = list(request.metadata_field)
                return messages.metadata(registry, *_asked(request.model_spec), fields=fields)

            return _answered(grpc, context, found)

    class Models(model_service.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            return _answered(
                grpc, context, lambda: messages.status(registry, *_asked(request.model_spec))
            )

    options = [
        ("grpc.max_receive_message_length", max_bytes),
        ("grpc.max_send_message_length", -1),
        # A second server on the port must fail instead of taking half of the requests.
        ("grpc.so_reuseport", 0),
    ]
    made = grpc.server(pool, options=options)
    prediction.add_PredictionServiceServicer_to_server(Prediction(), made)
    model_service.add_ModelServiceServicer_to_server(Models(), made)
    return made


def _answered(grpc, context, answer):
    try:
        return answer()
    except Refused as error:
        refused = error
    except MemoryError:
        refused = Refused("RESOURCE_EXHAUSTED", "Out of memory")
    except Exception:
        LOG.exception("A request by gRPC failed")
        refused = Refused("INTERNAL", "Internal error; the log of the server says more")
    return context.abort(grpc.StatusCode[refused.code], refused.message[:_DETAILS])


def _asked(spec):
    """Returns the name and the version, which may be None."""
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    if spec.version_label:
        raise invalid(f"Unrecognized servable version label: {spec.version_label}")
    return spec.name, spec.version.value if spec.HasField("version") else None


def _predict(registry, request, max_bytes):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    name, version = _asked(request.model_spec)
    asked = request.model_spec.signature_name
    with registry.use(name, version) as loaded:
        inputs = {key: _array(key, value, max_bytes) for key, value in request.inputs.items()}
        outputs = loaded.predict(asked, inputs, request.output_filter)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = name
        response.model_spec.version.value = loaded.version
        response.model_spec.signature_name = asked or DEFAULT
    for key, value in outputs.items():
        response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
    return response


def _array(name, proto, max_bytes):
    import tensorflow as tf

    dims = [dim.size for dim in proto.tensor_shape.dim]
    try:
        size = _expanded(tf.dtypes.as_dtype(proto.dtype), proto, math.prod(dims))
        if proto.tensor_shape.unknown_rank or min(dims, default=0) < 0 or size > max_bytes:
            raise invalid(f"tensor parsing error: {name}")
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise invalid(f"tensor parsing error: {name}") from error


def _expanded(dtype, proto, count):
    """Returns the bytes of a tensor once it is decoded.

    The last value of a message repeats for all following values, so a message of a kilobyte can
    request all memory.
    """
    if dtype.name != "string":
        return count * max(dtype.size or 1, 1)
    given = [len(value) for value in proto.string_val[:count]]
    repeated = (count - len(given)) * given[-1] if given else 0
    return _STRING * count + sum(given) + repeated
