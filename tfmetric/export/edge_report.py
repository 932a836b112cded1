"""Measures models for the edge: size, latency and retrieval."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.evaluation import retrieval
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.examples_and_labels import inputs_of, labels_of
from tfmetric.typing import Distance, PathLike

_WARM_UP = 3


class EdgeModel:
    """Runs a LiteRT or ONNX file written by :func:`litert` or :func:`onnx`.

    LiteRT runs on the interpreter of ``ai-edge-litert`` (the extra ``edge``), else on the one in
    TensorFlow; ONNX on ``onnxruntime``.

    Args:
        path: The file, ``.tflite`` or ``.onnx``.
        num_threads: Number of threads.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another ending, or is not such a model.
        ImportError: If the package that runs it is not installed.
    """

    def __init__(self, path: PathLike, num_threads: int = 1):
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(expected("a file", path=str(path)))
        runners = {".tflite": _litert, ".onnx": _onnx}
        if self.path.suffix not in runners:
            raise ValueError(expected("a file that ends in .tflite or .onnx", path=str(path)))
        try:
            self._run, self.input_shape, self.dtype = runners[self.path.suffix](
                self.path, num_threads
            )
        except ImportError:
            raise
        except Exception as error:  # Each runtime raises different classes.
            raise ValueError(
                expected("a model of tfmetric.export", path=str(path), error=str(error)[:200])
            ) from error

    def embed(self, inputs: Any) -> np.ndarray:
        """Embeds (N, ...) in batches of the file's size: (N, D), float32."""
        x = np.asarray(inputs)
        size, shape = self.input_shape[0], self.input_shape[1:]
        if x.ndim == len(shape):
            x = x[..., None]
        if x.ndim != len(shape) + 1 or not len(x):
            raise ValueError(
                expected(f"one or more inputs of shape {shape}", inputs_shape=np.shape(inputs))
            )
        x, size = x.astype(self.dtype), size or len(x)
        whole = np.resize(x, (-(-len(x) // size) * size, *x.shape[1:]))
        found = [self._run(whole[i : i + size]) for i in range(0, len(whole), size)]
        return np.concatenate(found)[: len(x)].astype(np.float32)


def _litert(path, num_threads):
    try:
        made = require("ai_edge_litert.interpreter", "edge").Interpreter
    except ImportError:
        import tensorflow as tf

        made = tf.lite.Interpreter
    with warnings.catch_warnings():
        # TensorFlow's interpreter is deprecated, so it comes second.
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
        interpreter = made(model_content=path.read_bytes(), num_threads=num_threads)
    runner = interpreter.get_signature_runner("embed")
    detail = runner.get_input_details()["inputs"]
    shape = [None if side < 0 else int(side) for side in detail["shape_signature"]]
    return lambda x: runner(inputs=x)["embedding"].copy(), tuple(shape), detail["dtype"]


def _onnx(path, num_threads):
    runtime = require("onnxruntime", "edge")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = num_threads
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)
    name = session.get_outputs()[0].name
    # "tensor(float)" is float32; other types have their NumPy names.
    kind = given.type[len("tensor(") : -1]
    dtype = np.dtype({"float": "float32"}.get(kind, kind))
    return lambda x: session.run([name], {given.name: x})[0], shape, dtype


@dataclass(frozen=True)
class EdgeFigures:
    """One model of a report.

    Attributes:
        name: ``"keras"``, or the name of the file.
        bytes: Size of the file, or of the Keras model's weights.
        milliseconds: Median time of one example.
        recall_at_1: On the data of the report.
        map_at_r: Likewise.
        largest_difference: Largest difference of an embedding's value from the Keras model's.
    """

    name: str
    bytes: int
    milliseconds: float
    recall_at_1: float
    map_at_r: float
    largest_difference: float


@dataclass(frozen=True)
class EdgeReport:
    """The Keras model first, then the files; see :func:`edge_report`.

    Attributes:
        rows: An :class:`EdgeFigures` each.
        examples: How many the figures are of.
        classes: Of how many classes.
    """

    rows: tuple[EdgeFigures, ...]
    examples: int
    classes: int

    def to_dict(self) -> dict:
        """Returns all figures as plain values for JSON."""
        return asdict(self)

    def summary(self) -> str:
        """Returns a table, with the loss against the Keras model."""
        first = self.rows[0]
        lines = [
            f"{self.examples:,} examples of {self.classes:,} classes; one example at a time",
            f"{'':24}{'size':>10}{'latency':>11}{'recall@1':>10}{'drop':>8}{'MAP@R':>8}{'drop':>8}",
        ]
        for row in self.rows:
            lines.append(
                f"{row.name[:23]:24}{row.bytes / 1e6:>7.2f} MB{row.milliseconds:>8.2f} ms"
                f"{row.recall_at_1:>10.4f}{first.recall_at_1 - row.recall_at_1:>8.4f}"
                f"{row.map_at_r:>8.4f}{first.map_at_r - row.map_at_r:>8.4f}"
            )
        return "\n".join(lines)


def edge_report(
    model: keras.Model,
    paths: Sequence[PathLike],
    data: Any,
    distance: Distance = "euclidean",
    runs: int = 30,
    num_threads: int = 1,
) -> EdgeReport:
    """Compares files for the edge with their Keras model.

    Latencies are measured on this machine, one example per call; measure on the target device.

    Args:
        model: The Keras model.
        paths: A ``.tflite`` or ``.onnx`` file, or several.
        data: A ``LabeledData``, or a pair (inputs, labels), of classes not used in training.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        runs: Number of calls; the latency is their median.
        num_threads: Number of threads of a file's runtime.

    Returns:
        An :class:`EdgeReport`; print its ``summary()``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is not such a model, or an argument does not fit.
    """
    if not (isinstance(runs, int) and runs > 0):
        raise ValueError(expected("runs to be an integer above 0", runs=runs))
    several = [paths] if isinstance(paths, (str, Path)) else list(paths)
    files = [EdgeModel(path, num_threads) for path in several]
    x, labels = inputs_of(data), labels_of(data)
    reference = embed(model, x)
    size = sum(np.asarray(weight).nbytes for weight in model.weights)
    rows = [_row("keras", size, _keras(model, x), reference, reference, labels, distance, runs)]
    for file in files:
        one = x[: file.input_shape[0] or 1]
        rows.append(
            _row(
                file.path.name,
                file.path.stat().st_size,
                lambda file=file, one=one: file.embed(one),
                file.embed(x),
                reference,
                labels,
                distance,
                runs,
            )
        )
    return EdgeReport(tuple(rows), len(x), len(np.unique(labels)))


def _keras(model, x):
    import tensorflow as tf

    called = tf.function(lambda one: model(one, training=False))
    one = tf.constant(x[:1])
    return lambda: called(one).numpy()


def _row(name, size, call, embeddings, reference, labels, distance, runs):
    times = []
    for _ in range(runs + _WARM_UP):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    found = retrieval(embeddings, labels, ks=(1,), distance=distance)
    return EdgeFigures(
        name=name,
        bytes=size,
        milliseconds=1000 * float(np.median(times[_WARM_UP:])),
        recall_at_1=float(found.recall_at[1]),
        map_at_r=float(found.map_at_r),
        largest_difference=float(np.abs(embeddings - reference).max()),
    )
