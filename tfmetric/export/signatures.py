"""Makes the signatures of a version: TensorFlow functions with named inputs and outputs."""

from typing import Any

from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.evaluation.verification.probability_curves import Platt
from tfmetric.export import searches
from tfmetric.export.core import Core
from tfmetric.export.finite import finite_rows
from tfmetric.export.searches import Searchable, finite_embeddings
from tfmetric.export.sides import answering, asking, read_sides

UNKNOWN = "unknown"


def build(core: Core, settings: dict, found: Searchable | None, calibration: Calibration | None):
    """Returns the functions by the names of their signatures.

    Args:
        core: The embedders of the sides and their distance.
        settings: Settings of the version: those of the sides, ``embedding_dim``, ``exclude``.
        found: The gallery, or None.
        calibration: Or None.
    """
    import tensorflow as tf

    like = tf.TensorSpec((None, settings["embedding_dim"]), name="embedding")
    k = tf.TensorSpec(None, tf.int32, name="k")
    # Each function is traced once and shared by the signatures of all sides and kinds of input.
    verify = _traced(_verify(core.distance, calibration), like, like)
    search: dict[str, Any] = {}
    classify: dict[str, Any] = {}
    if found is not None:
        nearest = _traced(searches.nearest(core.distance, found), like, k)
        search = {"": (_traced(searches.search(nearest, found), like, k), (k,))}
        if found.codes is not None:
            classify = {"": (_traced(_classify(nearest, found, calibration), like, k), (k,))}
        if settings["exclude"]:
            exclude = tf.TensorSpec((None, None), found.ids.dtype, name="exclude")
            most = searches.most_excluded(settings["exclude"])
            function = searches.search_except(core.distance, found, most)
            search["_except"] = _traced(function, like, k, exclude), (k, exclude)
    sides = {name: _kinds(core, side) for name, side in read_sides(settings).items()}
    queries, candidates = asking(sides), answering(sides)
    made: dict[str, Any] = {}
    for name, kinds in sides.items():
        made |= _of_kinds(f"embed_{name}" if name else "embed", kinds, _embedding)
    made |= _of_pairs(verify, queries, candidates)
    for verb, kinds, functions in (
        ("search", queries, search),
        ("similar", candidates, search if candidates is not queries else {}),
        ("classify", queries, classify),
    ):
        for ending, (function, more) in functions.items():
            made |= _of_kinds(verb + ending, kinds, _of_inputs(function), more)
    made |= {f"search_embedding{ending}": function for ending, (function, _) in search.items()}
    return {"serving_default": next(iter(made.values())), **made}


def _traced(function, *inputs):
    import tensorflow as tf

    return tf.function(function, input_signature=inputs, autograph=False)


def _kinds(core, side):
    """Returns input specs and embedding functions, by the suffix of the signatures' names."""
    import tensorflow as tf

    kinds = {}
    if side.takes_arrays:  # The first is the default.
        kinds[""] = (
            side.takes.specs,
            lambda *x: core.embed(side, *(finite_rows(one, "inputs") for one in x)),
        )
    if side.encoding is not None:
        kinds["_bytes"] = (
            lambda name=side.encoding.name: [tf.TensorSpec((None,), tf.string, name=name)],
            lambda files: core.embed(side, *side.decode(files)),
        )
    return kinds


def _of_kinds(name, kinds, wrapped, more=()):
    """Returns a signature for each kind of input of a side.

    Args:
        name: Name of the signature, without the suffix of the kind.
        kinds: From :func:`_kinds`.
        wrapped: Function of an embedding function and its number of inputs that returns a function
            of these inputs and of ``more``.
        more: Specs of the further inputs.
    """
    made = {}
    for ending, (specs, embed) in kinds.items():
        given = specs()
        made[name + ending] = _traced(wrapped(embed, len(given)), *given, *more)
    return made


def _of_pairs(verify, queries, candidates):
    """Returns ``verify`` of arrays, and ``verify_bytes`` with files for each side that has them."""
    pairs = {"": (queries.get(""), candidates.get(""))}
    if "_bytes" in queries or "_bytes" in candidates:
        pairs["_bytes"] = tuple(side.get("_bytes", side.get("")) for side in (queries, candidates))
    made = {}
    for ending, both in pairs.items():
        if all(both):
            (a, embed_a), (b, embed_b) = both
            first, second = a("a"), b("b")
            made["verify" + ending] = _traced(
                _of_pair(verify, embed_a, embed_b, len(first)), *first, *second
            )
    return made


def _embedding(embed, count):
    return lambda *inputs: {"embedding": finite_embeddings(embed(*inputs))}


def _of_inputs(function):
    """Wraps a function of an embedding to take the inputs of a side instead."""
    return lambda embed, count: lambda *given: function(embed(*given[:count]), *given[count:])


def _of_pair(function, embed_a, embed_b, count):
    """Wraps a function of two embeddings to take inputs, ``count`` of them for the first."""
    import tensorflow as tf

    def pair(*inputs):
        message = "Expected as many a as b."
        sizes = [tf.shape(one)[0] for one in inputs]
        with tf.control_dependencies(
            [tf.debugging.assert_equal(sizes[0], size, message=message) for size in sizes[1:]]
        ):
            inputs = [tf.identity(one) for one in inputs]
        return function(embed_a(*inputs[:count]), embed_b(*inputs[count:]))

    return pair


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
        far = distance.paired(finite_embeddings(a), finite_embeddings(b))
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
