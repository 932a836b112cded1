"""gRPC, by the stubs that TensorFlow Serving publishes."""

import numpy as np
import pytest
import tensorflow as tf
from support.served import pngs, square

grpc = pytest.importorskip("grpc", reason="needs the extra serve")
pytest.importorskip("tensorflow_serving.apis", reason="needs the extra serve")
from tensorflow_serving.apis import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

NO_LIMIT = [("grpc.max_send_message_length", -1)]


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc_url.removeprefix("grpc://"), NO_LIMIT) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="", name="glyphs", version=None, **inputs):
    made = predict_pb2.PredictRequest()
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    for key, value in inputs.items():
        made.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return made


def refused(call, message, wanted, *parts):
    with pytest.raises(grpc.RpcError) as info:
        call(message, timeout=30)
    assert info.value.code().name == wanted, info.value.details()
    for part in parts:
        assert part in info.value.details()


def test_predict(stub, servable):
    x = square(3)
    answer = stub.Predict(request(inputs=x), timeout=30)
    spec = answer.model_spec
    assert (spec.name, spec.version.value) == ("glyphs", 1)
    assert spec.signature_name == "serving_default"
    found = tf.make_ndarray(answer.outputs["embedding"])
    np.testing.assert_allclose(found, servable.embed(x), rtol=1e-5, atol=1e-5)

    wanted = servable.search_bytes(pngs(2), k=4)
    for k in (np.int32(4), np.int32([4, 4])):
        answer = stub.Predict(
            request("search_bytes", version=1, image_bytes=np.array(pngs(2), object), k=k),
            timeout=30,
        )
        ids = [i.decode() for i in tf.make_ndarray(answer.outputs["ids"]).ravel()]
        assert ids == wanted.ids.ravel().tolist()
    some = request("search", inputs=x, k=np.int32(1))
    some.output_filter.append("distances")
    assert list(stub.Predict(some, timeout=30).outputs) == ["distances"]


def test_status_and_metadata(channel, stub, servable):
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    ask = get_model_status_pb2.GetModelStatusRequest()
    ask.model_spec.name = "glyphs"
    (entry,) = models.GetModelStatus(ask, timeout=30).model_version_status
    assert (entry.version, entry.state, entry.status.error_code) == (1, 30, 0)
    ask.model_spec.version.value = 9
    refused(models.GetModelStatus, ask, "NOT_FOUND", "Could not find version 9 of model glyphs")

    ask = get_model_metadata_pb2.GetModelMetadataRequest()
    ask.model_spec.name = "glyphs"
    refused(stub.GetModelMetadata, ask, "INVALID_ARGUMENT", "at least one metadata_field")
    ask.metadata_field.append("signature_def")
    answer = stub.GetModelMetadata(ask, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) >= set(servable.metadata["signatures"])
    assert answer.model_spec.version.value == 1
    ask.metadata_field[0] = "other"
    refused(stub.GetModelMetadata, ask, "INVALID_ARGUMENT", "Metadata field other")


def test_bad_requests(stub):
    x = square(1)
    predict = stub.Predict
    refused(predict, request(name=""), "INVALID_ARGUMENT", "no name")
    refused(predict, request(name="no", inputs=x), "NOT_FOUND", "Latest(no)")
    refused(predict, request(version=4, inputs=x), "NOT_FOUND", "Specific(glyphs, 4)")
    labelled = request(inputs=x)
    labelled.model_spec.version_label = "canary"
    refused(predict, labelled, "INVALID_ARGUMENT", "Unrecognized servable version label: canary")
    refused(predict, request("no", inputs=x), "FAILED_PRECONDITION", 'signature key "no" not found')
    refused(predict, request(input=x), "INVALID_ARGUMENT", "Sent extra: {input}")
    refused(predict, request(inputs=x[0]), "INVALID_ARGUMENT", "shape (None, 8, 8, 1)")
    refused(predict, request(inputs=x.astype("float64")), "INVALID_ARGUMENT", "type float32")
    refused(predict, request(inputs=np.array([b"x"], object)), "INVALID_ARGUMENT", "float32")
    cut = np.array([pngs(1)[0][:40]], object)
    refused(predict, request("embed_bytes", image_bytes=cut), "INVALID_ARGUMENT")
    some = request(inputs=x)
    some.output_filter.append("no")
    refused(predict, some, "INVALID_ARGUMENT", "output tensor alias not found", "{embedding}")
    refused(predict, request(inputs=square(5000)), "RESOURCE_EXHAUSTED", "larger than max")
    refused(stub.Classify, classification_pb2.ClassificationRequest(), "UNIMPLEMENTED")


def test_tensors_that_are_none(stub):
    for change in (
        lambda tensor: tensor.tensor_shape.dim.add(size=-1),
        lambda tensor: tensor.tensor_shape.dim.add(size=2**62),
        lambda tensor: setattr(tensor, "dtype", 9999),
        lambda tensor: setattr(tensor, "dtype", 0),
        lambda tensor: setattr(tensor, "tensor_content", b"abc"),
        lambda tensor: setattr(tensor.tensor_shape, "unknown_rank", True),
    ):
        made = request(inputs=square(1))
        change(made.inputs["inputs"])
        refused(stub.Predict, made, "INVALID_ARGUMENT", "tensor parsing error: inputs")
    # Ten bytes that stand for a gigabyte.
    made = request(inputs=np.float32(1.0))
    for _ in range(3):
        made.inputs["inputs"].tensor_shape.dim.add(size=2**10)
    refused(stub.Predict, made, "INVALID_ARGUMENT", "tensor parsing error: inputs")
    # A kilobyte that stands for three gigabytes.
    made = request("embed_bytes", image_bytes=np.array([b"x" * 1000], object))
    made.inputs["image_bytes"].tensor_shape.dim[0].size = 3_000_000
    refused(stub.Predict, made, "INVALID_ARGUMENT", "tensor parsing error: image_bytes")


def test_signatures_of_tensorflow_itself_are_not_served(stub):
    made = request("__saved_model_init_op")
    refused(stub.Predict, made, "FAILED_PRECONDITION", "__saved_model_init_op")


def test_an_input_that_is_no_number_is_refused_by_its_row(stub):
    x = square(3).astype("float32")
    x[1, 0, 0] = np.nan
    refused(stub.Predict, request(inputs=x), "INVALID_ARGUMENT", "NaN or infinity", "[1]")


def test_bytes_that_are_no_message(channel, stub):
    raw = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    refused(raw, b"\xff\xff\xff", "INTERNAL")
    assert stub.Predict(request(inputs=square(1)), timeout=30).outputs
