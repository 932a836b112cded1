"""Makes the searches of a version: TensorFlow functions of embeddings, over its gallery."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.export import gallery_storage, search_graph
from tfmetric.export.core import Core
from tfmetric.export.finite import finite_rows
from tfmetric.export.galleries import Gallery

MOST_EXCLUDED = 4096
"""The most ids that a row excludes where ``save`` is given ``exclude=True``."""


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


def nearest(distance, gallery: Searchable):
    """Makes the function of (B, D) and k that returns places (B, k) and distances (B, k)."""
    import tensorflow as tf

    def nearest(queries, k):
        with tf.control_dependencies(
            [tf.debugging.assert_positive(k, message="Expected k to be at least 1.")]
        ):
            # One k for the request or one for each row; an empty request may have none.
            most = tf.clip_by_value(tf.reduce_max(k), 1, gallery.top_k)
        queries = finite_embeddings(queries)
        return search_graph.search(queries, most, gallery.parts, gallery.count, distance)

    return nearest


def finite_embeddings(embeddings):
    """Returns embeddings (B, D) unchanged, or fails with a message that names the rows."""
    return finite_rows(embeddings, "inputs whose embeddings are numbers")


def search(nearest, gallery: Searchable):
    """Makes the search from :func:`nearest`: ``ids``, ``distances`` and perhaps ``labels``."""

    def search(embedding, k):
        return _answers(gallery, *nearest(embedding, k))

    return search


def _answers(gallery, found, far):
    import tensorflow as tf

    outputs = {"ids": tf.gather(gallery.ids, found), "distances": far}
    if gallery.codes is not None:
        outputs["labels"] = tf.gather(gallery.classes, tf.gather(gallery.codes, found))
    return outputs


def most_excluded(exclude: bool | int) -> int:
    """Returns the most ids that a row may exclude, from the setting ``exclude``; 0 for none."""
    return MOST_EXCLUDED if exclude is True else int(exclude)


def search_except(distance, gallery: Searchable, most: int):
    """Makes the search that leaves ids out, of (B, D), k and ids (B, E).

    k results remain for each row whenever that many are left for all rows.

    Args:
        distance: The distance of the version.
        gallery: The gallery.
        most: The largest E, which bounds what a request costs.
    """
    import tensorflow as tf

    def search(embedding, k, exclude):
        width = tf.shape(exclude)[1]
        checks = [
            tf.debugging.assert_positive(k, message="Expected k to be at least 1."),
            tf.debugging.assert_less_equal(
                width, most, message=f"Expected at most {most} ids to exclude in a row."
            ),
            tf.debugging.assert_equal(
                tf.shape(exclude)[0],
                tf.shape(embedding)[0],
                message="Expected a row of exclude each.",
            ),
        ]
        with tf.control_dependencies(checks):
            k = tf.clip_by_value(tf.reduce_max(k), 1, gallery.top_k)
        wanted = tf.cast(k, tf.int64) + tf.cast(width, tf.int64) * gallery.copies
        wanted = tf.cast(tf.minimum(wanted, gallery.count), tf.int32)
        queries = finite_embeddings(embedding)
        found, far = search_graph.search(queries, wanted, gallery.parts, gallery.count, distance)
        left_out = _is_among(tf.gather(gallery.ids, found), exclude)
        # Unknown and repeated ids exclude nothing, so that a row may be padded by them.
        left = tf.reduce_min(wanted - tf.reduce_sum(tf.cast(left_out, tf.int32), axis=1))
        message = "Expected fewer to exclude than there are."
        with tf.control_dependencies([tf.debugging.assert_positive(left, message=message)]):
            k = tf.minimum(k, left)
        # A stable sort keeps the order and moves excluded examples to the end.
        order = tf.argsort(tf.cast(left_out, tf.int32), axis=1, stable=True)[:, :k]
        return _answers(gallery, *(tf.gather(part, order, batch_dims=1) for part in (found, far)))

    return search


def _is_among(ids, exclude):
    """Returns whether each id (B, K) is among those of its row (B, E).

    Sorting takes O(K + E) memory for a row, where comparing each with each takes O(K · E).
    """
    import tensorflow as tf

    both = tf.concat([exclude, ids], axis=1)
    _, codes = tf.unique(tf.reshape(both, (-1,)), out_idx=tf.int64)
    codes = tf.reshape(codes, tf.shape(both))
    rows = tf.range(tf.shape(both, tf.int64)[0])[:, None] * tf.size(both, tf.int64)
    excluded, asked = tf.split(rows + codes, [tf.shape(exclude)[1], tf.shape(ids)[1]], axis=1)
    excluded = tf.sort(tf.reshape(excluded, (-1,)))
    asked = tf.reshape(asked, (-1,))
    place = tf.searchsorted(excluded, asked)
    nothing = tf.constant([-1], tf.int64)
    among = tf.equal(tf.gather(tf.concat([excluded, nothing], axis=0), place), asked)
    return tf.reshape(among, tf.shape(ids))
