"""Makes the signatures of a version: TensorFlow functions with named inputs and outputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.evaluation.verification.probability_curves import Platt
from tfmetric.export import gallery_storage, search_graph
from tfmetric.export.core import Core
from tfmetric.export.encoded_inputs import of_kinds
from tfmetric.export.finite import finite_rows
from tfmetric.export.galleries import Gallery
from tfmetric.export.model_inputs import ModelInputs

UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Searchable:
    """A gallery as tensors.

    Attributes:
        parts: From :func:`tfmetric.export.gallery_storage.prepare`, as variables.
        ids: Variable (N,).
        classes: Variable (C,), the distinct labels, or None.
        codes: Variable (N,), int32, index in ``classes`` of each label, or None.
        count: N.
        top_k: Largest number of neighbors in a request.
        copies: Largest number of gallery examples with one id.
    """

    parts: dict
    ids: Any
    classes: Any
    codes: Any
    count: int
    top_k: int
    copies: int

    @property
    def variables(self) -> list:
        """Returns all variables, for the SavedModel to keep."""
        columns = [c for c in (self.ids, self.classes, self.codes) if c is not None]
        return [*self.parts.values(), *columns]


def searchable(gallery: Gallery, core: Core, storage: str, top_k: int | None) -> Searchable:
    """Makes variables, because constants would be part of the graph, which is limited to 2 GB."""
    import tensorflow as tf

    def variable(name, value):
        return tf.Variable(value, trainable=False, name=name)

    arrays = gallery_storage.prepare(gallery.embeddings, core.distance, storage)
    parts = {name: variable(name, arrays.pop(name)) for name in list(arrays)}
    classes = codes = None
    with tf.device("CPU"):  # Strings exist only on the CPU.
        ids = variable("ids", gallery.ids)
        if gallery.labels is not None:
            distinct, place = np.unique(gallery.labels, return_inverse=True)
            classes = variable("classes", distinct)
            codes = variable("codes", place.astype(np.int32))
    count = len(gallery.ids)
    copies = int(np.unique(gallery.ids, return_counts=True)[1].max())
    return Searchable(parts, ids, classes, codes, count, min(top_k or count, count), copies)


def build(core: Core, settings: dict, found: Searchable | None, calibration: Calibration | None):
    """Returns the functions by the names of their signatures.

    Args:
        core: The embedder and its distance.
        settings: Settings of the version: those of ``ModelInputs``, ``inputs``, ``preprocessing``,
            ``embedding_dim``, ``exclude``.
        found: The gallery, or None.
        calibration: Or None.
    """
    import tensorflow as tf

    like = tf.TensorSpec((None, settings["embedding_dim"]), name="embedding")
    k = tf.TensorSpec(None, tf.int32, name="k")

    def traced(function, *inputs):
        return tf.function(function, input_signature=inputs, autograph=False)

    # Each function is traced once and shared by the signatures of all kinds of input.
    verify = traced(_verify(core.distance, calibration), like, like)
    searches = {}
    if found is not None:
        nearest = traced(_nearest(core.distance, found), like, k)
        searches["search"] = traced(_search(nearest, found), like, k)
        if found.codes is not None:
            searches["classify"] = traced(_classify(nearest, found, calibration), like, k)
    without = None
    if found is not None and settings["exclude"]:
        exclude = tf.TensorSpec((None, None), found.ids.dtype, name="exclude")
        without = traced(_search_except(core.distance, found), like, k, exclude)
    made = {}
    for ending, (specs, embed) in _kinds(core, settings).items():
        given = specs()
        made["embed" + ending] = traced(_embedding(embed), *given)
        made["verify" + ending] = traced(_of_pair(verify, embed), *specs("a"), *specs("b"))
        for name, function in searches.items():
            made[name + ending] = traced(_of_inputs(function, embed, len(given)), *given, k)
        if without is not None:
            function = _of_inputs(without, embed, len(given))
            made["search_except" + ending] = traced(function, *given, k, exclude)
    if searches:
        made["search_embedding"] = searches["search"]
    if without is not None:
        made["search_embedding_except"] = without
    return {"serving_default": next(iter(made.values())), **made}


def _kinds(core, settings):
    """Returns input specs and embedding functions, by the suffix of the signatures' names."""
    import tensorflow as tf

    takes, kinds = ModelInputs.read(settings), {}
    if set(settings["inputs"]) & {"tensor", "text"}:  # The first is the default.
        kinds[""] = (takes.specs, lambda *x: core.embed(*(finite_rows(one, "inputs") for one in x)))
    encoding = of_kinds(settings["inputs"])
    if encoding is not None:
        about = settings["preprocessing"][encoding.name]
        kinds["_bytes"] = (
            lambda name=encoding.name: [tf.TensorSpec((None,), tf.string, name=name)],
            lambda files: core.embed(*encoding.decode(files, takes, about)),
        )
    return kinds


def _embedding(embed):
    return lambda *inputs: {"embedding": _finite(embed(*inputs))}


def _of_inputs(function, embed, count):
    """Wraps a function of an embedding to take ``count`` inputs instead."""
    return lambda *given: function(embed(*given[:count]), *given[count:])


def _of_pair(function, embed):
    import tensorflow as tf

    def pair(*inputs):
        half = len(inputs) // 2
        message = "Expected as many a as b."
        sizes = [tf.shape(one)[0] for one in inputs]
        with tf.control_dependencies(
            [tf.debugging.assert_equal(sizes[0], size, message=message) for size in sizes[1:]]
        ):
            inputs = [tf.identity(one) for one in inputs]
        return function(embed(*inputs[:half]), embed(*inputs[half:]))

    return pair


def _nearest(distance, gallery):
    import tensorflow as tf

    def nearest(queries, k):
        with tf.control_dependencies(
            [tf.debugging.assert_positive(k, message="Expected k to be at least 1.")]
        ):
            # One k for the request or one for each row; an empty request may have none.
            most = tf.clip_by_value(tf.reduce_max(k), 1, gallery.top_k)
        queries = _finite(queries)
        return search_graph.search(queries, most, gallery.parts, gallery.count, distance)

    return nearest


def _finite(embeddings):
    return finite_rows(embeddings, "inputs whose embeddings are numbers")


def _search(nearest, gallery):
    def search(embedding, k):
        return _found(gallery, *nearest(embedding, k))

    return search


def _found(gallery, found, far):
    import tensorflow as tf

    outputs = {"ids": tf.gather(gallery.ids, found), "distances": far}
    if gallery.codes is not None:
        outputs["labels"] = tf.gather(gallery.classes, tf.gather(gallery.codes, found))
    return outputs


def _search_except(distance, gallery):
    import tensorflow as tf

    def search(embedding, k, exclude):
        more = tf.shape(exclude)[1] * gallery.copies
        room = gallery.count - more
        checks = [
            tf.debugging.assert_positive(k, message="Expected k to be at least 1."),
            tf.debugging.assert_positive(room, message="Expected fewer to exclude than there are."),
            tf.debugging.assert_equal(
                tf.shape(exclude)[0],
                tf.shape(embedding)[0],
                message="Expected a row of exclude each.",
            ),
        ]
        with tf.control_dependencies(checks):
            k = tf.minimum(tf.clip_by_value(tf.reduce_max(k), 1, gallery.top_k), room)
        queries = _finite(embedding)
        found, far = search_graph.search(queries, k + more, gallery.parts, gallery.count, distance)
        ids = tf.gather(gallery.ids, found)
        left_out = tf.reduce_any(tf.equal(ids[:, :, None], exclude[:, None, :]), axis=2)
        # A stable sort keeps the order and moves excluded examples to the end.
        order = tf.argsort(tf.cast(left_out, tf.int32), axis=1, stable=True)[:, :k]
        return _found(gallery, *(tf.gather(part, order, batch_dims=1) for part in (found, far)))

    return search


def _classify(nearest, gallery, calibration):
    import tensorflow as tf

    def classify(embedding, k):
        found, far = nearest(embedding, k)
        batch, width = tf.shape(found)[0], tf.shape(found)[1]
        # Use each row's k, or its answer would depend on the others of its batch.
        k = tf.broadcast_to(tf.minimum(tf.reshape(k, (-1,)), gallery.top_k), (batch,))
        votes = tf.cast(tf.range(width) < k[:, None], tf.int32)
        codes = tf.gather(gallery.codes, found)
        classes = gallery.classes.shape[0]
        flat = tf.range(batch)[:, None] * classes + codes
        counts = tf.math.unsorted_segment_sum(votes, flat, batch * classes)
        # At equal votes the first label wins, which is the nearest.
        counts = tf.gather(counts, flat) * votes
        first = tf.argmax(counts, axis=1, output_type=tf.int32)[:, None]
        label = tf.gather(gallery.classes, tf.gather(codes, first, batch_dims=1)[:, 0])
        known = tf.ones_like(far[:, 0], tf.bool)
        if calibration is not None:
            known = _same(far[:, 0], calibration)
            unknown = {tf.string: UNKNOWN, tf.uint64: 2**64 - 1}.get(label.dtype, -1)
            label = tf.where(known, label, tf.constant(unknown, label.dtype))
        share = tf.gather(counts, first, batch_dims=1)[:, 0] / k
        share = tf.cast(share, tf.float32)
        return {"label": label, "known": known, "share": share, "distance": far[:, 0]}

    return classify


def _verify(distance, calibration):
    def verify(a, b):
        far = distance.paired(_finite(a), _finite(b))
        outputs = {"distance": far}
        if calibration is not None:
            outputs["same"] = _same(far, calibration)
            if calibration.curve is not None:
                outputs["probability"] = _probability(far, calibration.curve)
        return outputs

    return verify


def _same(far, calibration):
    """Matches ``Calibration.decide`` in double precision."""
    import tensorflow as tf

    return tf.cast(far, tf.float64) <= tf.constant(calibration.threshold, tf.float64)


def _probability(far, curve):
    """Matches the curves of :mod:`tfmetric.evaluation.verification.probability_curves`."""
    import tensorflow as tf

    far = tf.cast(far, tf.float64)
    if isinstance(curve, Platt):
        found = 0.5 - 0.5 * tf.tanh(0.5 * (curve.slope * far + curve.intercept))
        return tf.cast(found, tf.float32)
    x, y = (tf.constant(v, tf.float64) for v in (curve.distances, curve.probabilities))
    if len(curve.distances) == 1:
        return tf.cast(tf.fill(tf.shape(far), y[0]), tf.float32)
    far = tf.clip_by_value(far, x[0], x[-1])
    right = tf.clip_by_value(tf.searchsorted(x, far, side="right"), 1, len(curve.distances) - 1)
    (x0, x1), (y0, y1) = ((tf.gather(v, right - 1), tf.gather(v, right)) for v in (x, y))
    return tf.cast(y0 + (far - x0) * (y1 - y0) / (x1 - x0), tf.float32)
