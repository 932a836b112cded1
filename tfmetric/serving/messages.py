"""Status and metadata as the messages of TensorFlow Serving, which REST writes as JSON.

Reference: tensorflow_serving/apis/get_model_status.proto and get_model_metadata.proto.
"""

from tfmetric.serving.refusals import Refused, invalid
from tfmetric.serving.registry import Registry

_FIELD = "signature_def"


def status(registry: Registry, name: str, version: int | None = None):
    """GetModelStatusResponse of a model, or of a version of it.

    Raises:
        Refused: If there is none.
    """
    from tensorflow_serving.apis import get_model_status_pb2

    states = registry.states(name)
    if version is not None and version not in states:
        raise Refused("NOT_FOUND", f"Could not find version {version} of model {name}")
    if not states:
        raise Refused("NOT_FOUND", f"Could not find any versions of model {name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    kinds = get_model_status_pb2.ModelVersionStatus.State
    for number, state in states.items():
        if version in (None, number):
            entry = response.model_version_status.add()
            entry.version = number
            entry.state = kinds.Value(state.name)
            entry.status.error_code = state.code
            entry.status.error_message = state.message
    return response


def metadata(registry: Registry, name: str, version: int | None = None, fields=(_FIELD,)):
    """Returns the GetModelMetadataResponse with the signatures.

    Raises:
        Refused: If the model is not served, or other fields are requested.
    """
    from tensorflow_serving.apis import get_model_metadata_pb2

    if not fields:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in fields:
        if field != _FIELD:
            raise invalid(f"Metadata field {field} is not supported")
    with registry.use(name, version) as loaded:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = name
        response.model_spec.version.value = loaded.version
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, signature in loaded.signatures.items():
            signatures.signature_def[key].CopyFrom(signature)
    response.metadata[_FIELD].Pack(signatures)
    return response


def status_json(response) -> dict:
    """Returns the message as REST writes it."""
    return _plain(response)


def metadata_json(response) -> dict:
    """Returns the message as REST writes it."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[_FIELD].Unpack(signatures)
    return {
        "model_spec": _plain(response.model_spec),
        "metadata": {_FIELD: _plain(signatures)},
    }


def _plain(message):
    from google.protobuf import json_format

    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
