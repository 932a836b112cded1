"""Sends requests by gRPC."""

import numpy as np

from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.serving.errors import RequestError, Unavailable

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The channel waits between attempts to connect, and refuses requests meanwhile; limit the wait
    # to the time of the retries.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class OverGrpc:
    """A channel to a server, like ``OverRest``; safe to use from several threads."""

    def __init__(self, target: str, model: str, version: int | None, timeout: float):
        self._grpc = require("grpc", "serve")
        prediction = require("tensorflow_serving.apis.prediction_service_pb2_grpc", "serve")
        models = require("tensorflow_serving.apis.model_service_pb2_grpc", "serve")
        self._target = target
        self._model, self._version, self._timeout = model, version, timeout
        self._channel = self._grpc.insecure_channel(target, options=_OPTIONS)
        self._prediction = prediction.PredictionServiceStub(self._channel)
        self._models = models.ModelServiceStub(self._channel)

    def status(self) -> list[dict]:
        """Returns the server's state of each version."""
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_status_pb2

        request = self._for(get_model_status_pb2.GetModelStatusRequest())
        found = self._ask(self._models.GetModelStatus, request)
        return json_format.MessageToDict(
            found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )["model_version_status"]

    def metadata(self) -> tuple[int, dict]:
        """Returns the version, and the signatures by name."""
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = self._for(get_model_metadata_pb2.GetModelMetadataRequest())
        request.metadata_field.append("signature_def")
        found = self._ask(self._prediction.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        found.metadata["signature_def"].Unpack(signatures)
        plain = json_format.MessageToDict(
            signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return found.model_spec.version.value, plain["signature_def"]

    def predict(self, signature: str, inputs: dict, outputs: dict) -> dict:
        """Runs a signature, like ``OverRest.predict``."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = self._for(predict_pb2.PredictRequest())
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        found = self._ask(self._prediction.Predict, request)
        return {name: _texts(tf.make_ndarray(value)) for name, value in found.outputs.items()}

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _for(self, request):
        request.model_spec.name = self._model
        if self._version is not None:
            request.model_spec.version.value = self._version
        return request

    def _ask(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            if code == "UNAVAILABLE":
                raise Unavailable(details) from error
            if code == "DEADLINE_EXCEEDED":
                raise TimeoutError(
                    expected(f"an answer of {self._target} in time", timeout=self._timeout)
                ) from error
            raise RequestError(self._target, code, details) from error


def _texts(array):
    """Decodes bytes that are text, as REST does."""
    if array.dtype != object:
        return array
    try:
        flat = [value.decode() for value in array.ravel()]
    except UnicodeDecodeError:
        return array
    return np.array(flat, dtype=np.str_).reshape(array.shape)
