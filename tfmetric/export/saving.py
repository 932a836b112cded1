"""Writing a version: the signatures, the gallery, the metadata and the warm-up requests."""

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric._version import __version__
from tfmetric.evaluation.calibration import Calibration
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.inputs import check_embeddings
from tfmetric.export import search_graph, warmup
from tfmetric.export.versions import new_version


@dataclass(frozen=True)
class _Gallery:
    embeddings: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


def save(
    model,
    directory,
    gallery=None,
    ids=None,
    distance="euclidean",
    batch_size: int = 256,
    calibration=None,
) -> Path:
    """Writes the model as the next version under ``directory``, ready for TensorFlow Serving.

    The version appears complete or not at all, and none is overwritten. Its signatures:

    ``serving_default`` and ``embed``: ``inputs`` (B, ...) to ``embedding`` (B, D), float32.

    ``search``, if there is a gallery: ``inputs`` (B, ...) and ``k`` to ``ids`` (B, k) and
    ``distances`` (B, k), nearest first, and ``labels`` (B, k) if the gallery has labels. At equal
    distance the one that stands first in the gallery comes first. ``k`` is an int32, one for the
    request or one for each row (B,), as a server that batches requests needs it; the largest
    counts, clipped to the size of the gallery. k ≤ 0 is an error. The answer to a query does not
    depend on the others in its request.

    It uses plain TensorFlow ops: it loads and answers where neither Keras nor tfmetric is.
    ``assets.extra`` holds ``tf_serving_warmup_requests``, ``tfmetric.json``, which says what
    was exported, and, if there is one, ``calibration.json``.

    Args:
        model: An embedder with one input, from (B, ...) to (B, D).
        directory: The parent of the versions, made if it does not exist.
        gallery: What is searched: a ``LabeledData``; a pair (inputs, labels); an array of
            inputs (N, ...). None for a model that only embeds.
        ids: (N,) integers or strings, what ``search`` returns. By default the ``ids`` of a
            ``LabeledData``, else 0 to N − 1.
        distance: Name, or function on ``keras.ops``; see :func:`tfmetric.distances.get`. Take
            the one the model was trained with.
        batch_size: Examples of the gallery embedded at a time.
        calibration: A :class:`tfmetric.evaluation.Calibration` of this model under this distance.
            A loaded version then says which of the found are the same, and how likely.

    Returns:
        The path of the new version, ``directory/<n>``.

    Raises:
        ValueError: If ``directory`` is a file or cannot be written to, if the model is no
            embedder, if the gallery is empty, does not fit the model or has embeddings that are
            not finite, or if the calibration is of another distance.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    >>> import tempfile
    >>> import numpy as np, tfmetric as tm
    >>> folder = tempfile.mkdtemp()
    >>> x = np.eye(4, dtype="float32")
    >>> path = save(tm.models.embedder((4,)), folder, gallery=x, ids=["a", "b", "c", "d"])
    >>> path.name
    '1'
    >>> ids, distances = tm.export.load(folder).search(x[:2], k=1)
    >>> ids.tolist()
    [['a'], ['b']]
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            expected(
                "the TensorFlow backend: save the model to a .keras file and load it where "
                "KERAS_BACKEND=tensorflow",
                backend=keras.backend.backend(),
            )
        )
    _check_model(model)
    distance = distances.get(distance)
    _check_calibration(calibration, distance)
    if gallery is None and ids is not None:
        raise ValueError(expected("a gallery together with ids", gallery=gallery))
    with new_version(directory) as draft:  # First, so that a bad directory costs no embedding.
        found = None if gallery is None else _gallery(model, gallery, ids, batch_size)
        _write(model, draft.path, found, distance, calibration)
    return draft.published


def _check_model(model):
    # A model that has not been built has no inputs, a subclassed one never has any.
    single = isinstance(model, keras.Model) and len(getattr(model, "inputs", None) or ()) == 1
    if not single or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise ValueError(
            expected(
                "model to be a built keras.Model with one input and one output (batch, dim); of a "
                "siamese or triplet model give the embedder that it was made of",
                model=model,
            )
        )


def _check_calibration(calibration, distance):
    if calibration is not None and not isinstance(calibration, Calibration):
        raise ValueError(
            expected(
                "calibration to be a Calibration; Calibration.load reads one from a file",
                calibration=type(calibration).__name__,
            )
        )
    # "given": of pairs whose distance nobody named.
    if calibration is not None and calibration.distance not in (distance.name, "given"):
        raise ValueError(
            expected(
                f"a calibration of {distance.name} distance, as is exported",
                calibrated=calibration.distance,
            )
        )


def _gallery(model, gallery, ids, batch_size):
    data, labels, shape = _parts(gallery)
    count = len(data)
    if not count:
        raise ValueError(expected("a gallery with at least one example", size=count))
    wanted = tuple(model.inputs[0].shape[1:])
    # Keras adds the last axis of one channel by itself.
    if not any(_fits(given, wanted) for given in (shape, (*shape, 1))):
        raise ValueError(
            expected(f"a gallery of inputs of shape {wanted}, as the model takes", shape=shape)
        )
    if ids is None:
        ids = gallery.ids if hasattr(gallery, "ids") else np.arange(count)
    ids = _column("ids", ids, count)
    if labels is not None:
        labels = _column("labels", labels, count)
    embeddings = check_embeddings(embed(model, data, batch_size), "gallery embeddings")
    return _Gallery(embeddings, ids, labels)


def _parts(gallery):
    """The inputs, the labels or None, and the shape of one input."""
    if hasattr(gallery, "class_names"):
        return gallery, np.asarray(gallery.class_names)[gallery.labels], gallery.element_shape
    if isinstance(gallery, tuple) and len(gallery) != 2:
        raise ValueError(expected(_GALLERY, parts=len(gallery)))
    inputs, labels = gallery if isinstance(gallery, tuple) else (gallery, None)
    try:
        inputs = np.asarray(inputs)
    except ValueError as error:  # Of unequal shapes, such as a list [inputs, labels].
        raise ValueError(expected(_GALLERY, gallery=type(gallery).__name__)) from error
    if not inputs.ndim:
        raise ValueError(expected(_GALLERY, gallery=type(gallery).__name__))
    return inputs, labels, inputs.shape[1:]


_GALLERY = "gallery to be a LabeledData, a tuple (inputs, labels) or an array of inputs"


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        want in (None, side) for side, want in zip(shape, wanted, strict=True)
    )


def _column(name, values, count):
    """As int64 (uint64 where it must be) or as bytes, which are what TensorFlow calls strings."""
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != count or array.dtype.kind not in "iuUSOT":
        raise ValueError(
            expected(
                f"{name} to be {count} integers or strings, one for each of the gallery",
                **{f"{name}_shape": array.shape, "dtype": str(array.dtype)},
            )
        )
    if array.dtype.kind in "iu":
        return array.astype(np.uint64 if array.dtype == np.uint64 else np.int64)
    texts = array.tolist()
    if not all(isinstance(text, (str, bytes)) for text in texts):
        raise ValueError(expected(f"{name} to be all integers or all strings", first=texts[:3]))
    return np.array([t.encode() if isinstance(t, str) else t for t in texts], object)


def _write(model, path, gallery, distance, calibration):
    import tensorflow as tf

    inputs = model.inputs[0]
    like = tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype, name="inputs")
    archive = keras.export.ExportArchive()
    archive.track(model)

    def embedding(x):
        # TensorFlow's oneDNN convolution fails on an empty batch: embed one dummy and drop it.
        count = tf.shape(x)[0]
        dummy = tf.concat([[1], tf.shape(x)[1:]], axis=0)
        x = tf.ensure_shape(
            tf.cond(count > 0, lambda: x, lambda: tf.zeros(dummy, x.dtype)), like.shape
        )
        return tf.cast(model(x, training=False), tf.float32)[:count]

    def embed_signature(inputs):
        return {"embedding": embedding(inputs)}

    archive.add_endpoint("embed", embed_signature, [like])
    if gallery is not None:
        endpoint, variables = _search_signature(embedding, gallery, distance)
        k = tf.TensorSpec(None, tf.int32, name="k")
        # Not by add_endpoint, which takes no input of unknown rank.
        function = tf.function(endpoint, input_signature=[like, k], autograph=False)
        function.get_concrete_function()
        archive.add_endpoint("search", function)
        archive.add_variable_collection("gallery_variables", variables)
    archive.write_out(str(path), verbose=False)
    _write_extras(path, inputs, gallery, distance, model.outputs[0].shape[-1], calibration)


def _search_signature(embedding, gallery, distance):
    import tensorflow as tf

    parts = search_graph.prepare(gallery.embeddings, distance)
    # Variables, as a constant would be part of the graph, whose size is limited to 2 GB.
    parts = {name: tf.Variable(value, trainable=False, name=name) for name, value in parts.items()}
    with tf.device("CPU"):  # Strings live nowhere else.
        columns = {"ids": tf.Variable(gallery.ids, trainable=False, name="ids")}
        if gallery.labels is not None:
            columns["labels"] = tf.Variable(gallery.labels, trainable=False, name="labels")
    count = len(gallery.ids)

    def search_signature(inputs, k):
        checks = [
            tf.debugging.assert_positive(k, message="Expected k to be at least 1."),
        ]
        with tf.control_dependencies(checks):
            k = tf.clip_by_value(tf.reduce_max(k), 1, count)
        queries = tf.debugging.check_numerics(
            embedding(inputs), "Expected inputs whose embeddings are finite."
        )
        found, nearest = search_graph.search(queries, k, **parts, count=count, distance=distance)
        outputs = {name: tf.gather(column, found) for name, column in columns.items()}
        return {**outputs, "distances": nearest}

    return search_signature, [*parts.values(), *columns.values()]


def _write_extras(path, inputs, gallery, distance, width, calibration):
    import tensorflow as tf

    extra = path / "assets.extra"
    extra.mkdir()
    metadata = {
        "format": 1,
        "tfmetric": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "distance": distance.name,
        "embedding_dim": width,
        "input_shape": list(inputs.shape[1:]),
        "input_dtype": inputs.dtype,
        "gallery_size": 0 if gallery is None else len(gallery.ids),
        "ids": None if gallery is None else ("integer", "string")[gallery.ids.dtype == object],
        "has_labels": gallery is not None and gallery.labels is not None,
        "threshold": None if calibration is None else calibration.threshold,
    }
    (extra / "tfmetric.json").write_text(json.dumps(metadata, indent=2) + "\n")
    if calibration is not None:
        calibration.save(extra / "calibration.json")
    # An axis of free length gets some length: warming up needs any request, not a real one.
    example = np.zeros((1, *(32 if n is None else n for n in inputs.shape[1:])), inputs.dtype)
    requests = [("serving_default", {"inputs": example}), ("embed", {"inputs": example})]
    if gallery is not None:
        k = np.int32(min(10, len(gallery.ids)))
        requests.append(("search", {"inputs": example, "k": k}))
    warmup.write(extra / "tf_serving_warmup_requests", requests)
