import keras
import numpy as np
import pytest
from support.exported import identity, images

from tfmetric import export, models


@pytest.fixture(scope="module")
def labelled():
    """Five noisy views each of eight pictures."""
    rng = np.random.default_rng(0)
    x = np.repeat(images(8), 5, axis=0).astype("float32")
    x = np.clip(x + rng.normal(scale=25, size=x.shape), 0, 255).astype("uint8")
    return x, np.repeat(np.arange(8), 5)


@pytest.fixture(scope="module")
def files(model, labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge")
    made = {}
    for kind in (None, "float16", "int8"):
        representative = labelled[0][::2] if kind == "int8" else None
        made[kind] = export.litert(model, folder / f"{kind}.tflite", kind, representative)
    return made


@pytest.mark.parametrize(("kind", "tolerance"), [(None, 1e-5), ("float16", 1e-2), ("int8", 0.1)])
def test_a_file_embeds_like_the_keras_model(kind, tolerance, files, model, labelled):
    x, _ = labelled
    edge = export.EdgeModel(files[kind])
    assert edge.input_shape == (1, 8, 8, 1)
    found = edge.embed(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model(x), atol=tolerance)
    # The largest error of eight bits depends on the weights; the usual one is far smaller.
    assert np.abs(found - model(x)).mean() < tolerance / 5
    np.testing.assert_array_equal(edge.embed(x[3:4, ..., 0]), found[3:4])


def test_the_report_says_what_it_costs(files, model, labelled):
    report = export.edge_report(model, files.values(), labelled, runs=2)
    assert (report.examples, report.classes) == (40, 8)
    assert [row.name for row in report.rows] == [
        "keras",
        "None.tflite",
        "float16.tflite",
        "int8.tflite",
    ]
    keras_row, exact, half, small = report.rows
    assert exact.recall_at_1 == keras_row.recall_at_1
    assert exact.map_at_r == pytest.approx(keras_row.map_at_r)
    assert keras_row.largest_difference == 0
    assert exact.largest_difference < half.largest_difference < small.largest_difference
    assert half.bytes < exact.bytes
    assert all(row.milliseconds > 0 for row in report.rows)
    lines = report.summary().splitlines()
    assert lines[0] == "40 examples of 8 classes; one example at a time"
    assert [line.split()[0] for line in lines[2:]] == [row.name for row in report.rows]


@pytest.mark.slow
def test_a_batch_of_a_size_and_of_any(tmp_path):
    model = models.embedder((6,), embedding_dim=3)
    x = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    for size in (4, None):
        edge = export.EdgeModel(export.litert(model, tmp_path / "m.tflite", batch_size=size))
        assert edge.input_shape == (size, 6)
        np.testing.assert_allclose(edge.embed(x), model(x), atol=1e-5)


def test_onnx_embeds_like_the_keras_model(model, labelled, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    edge = export.EdgeModel(export.onnx(model, tmp_path / "m.onnx"))
    assert edge.input_shape == (None, 8, 8, 1)
    np.testing.assert_allclose(edge.embed(labelled[0]), model(labelled[0]), atol=1e-5)


def test_without_the_packages_it_is_said_which_extra_brings_them(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"tfmetric\[edge\]"):
        export.onnx(identity(), tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(ImportError, match=r"tfmetric\[edge\]"):
        export.EdgeModel(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantization": "int4"}, "quantization to be None"),
        ({"quantization": "int8"}, "representative inputs with"),
        ({"representative": np.eye(3)}, "representative inputs with"),
        ({"quantization": "int8", "representative": np.eye(4)}, r"shape \(N, 3,\)"),
        ({"quantization": "int8", "representative": np.zeros((0, 3))}, r"shape \(N, 3,\)"),
        ({"batch_size": 0}, "batch_size to be an integer above 0"),
        ({"model": models.siamese(identity())}, "to be a built keras.Model with one input"),
        ({"path": "."}, "the path of a file"),
    ],
)
def test_bad_arguments_are_named(arguments, message, tmp_path):
    defaults = {"model": identity(), "path": tmp_path / "m.tflite"}
    with pytest.raises(ValueError, match=message):
        export.litert(**{**defaults, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_texts_is_refused(tmp_path):
    vectorize = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    inputs = keras.Input((), dtype="string")
    x = keras.layers.Embedding(9, 4)(vectorize(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    for function in (export.litert, export.onnx):
        with pytest.raises(ValueError, match="vectorize"):
            function(model, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_model_is_named(tmp_path):
    for name, content, error, message in (
        ("m.tflite", b"junk", ValueError, r"a model of tfmetric\.export"),
        ("m.h5", b"", ValueError, r"ends in \.tflite or \.onnx"),
        ("none.tflite", None, FileNotFoundError, "Expected a file"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(error, match=message):
            export.EdgeModel(tmp_path / name)
    with pytest.raises(ValueError, match="runs to be an integer above 0"):
        export.edge_report(identity(), [], (np.eye(3), [1, 2, 3]), runs=0)
