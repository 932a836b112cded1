"""The examples that the anchors of a batch are compared with, if not only each other."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfmetric._errors import expected
from tfmetric._precision import widened
from tfmetric.losses import _inputs


class _References(NamedTuple):
    labels: Any
    embeddings: Any
    own: Any = None
    valid: Any = None
    across: Any = None


class References(_References):
    """The examples that the anchors of a batch are compared with, in place of each other.

    Use it for the other side of a pair, such as the answers to a batch of questions: ``loss(ids,
    questions, references=References(ids, answers))``.

    Attributes:
        labels: ``(N,)`` labels of the same kind as the anchors' labels.
        embeddings: ``(N, D)``; they receive a gradient too.
        own: ``(B,)`` index of each anchor among them: an anchor is no pair with itself. None where
            the anchors are not among them.
        valid: ``(N,)`` booleans: which references exist, as in a memory that is not yet full. The
            others are neither positives nor negatives. None if all exist.
        across: Function that turns a sum over this replica's anchors into the sum over all
            replicas, with a gradient; None on a single replica.

    Raises:
        ValueError: If the shapes do not fit, or an index of ``own`` is out of range.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> questions = np.array([[1.0, 0.0], [0.6, 0.8]], "float32")
    >>> answers = np.array([[0.8, 0.6], [0.0, 1.0]], "float32")
    >>> ids = np.arange(2)
    >>> loss = tm.losses.MultipleNegativesRankingLoss()
    >>> round(float(loss(ids, questions, references=References(ids, answers))), 4)
    1.62
    """

    __slots__ = ()

    def __new__(cls, labels, embeddings, own=None, valid=None, across=None):
        """Checks the shapes, and the indices where their values are known."""
        self = super().__new__(cls, labels, embeddings, own, valid, across)
        if labels is None or embeddings is None:
            return self
        counts = {
            "labels": _count(labels),
            "embeddings": _count(embeddings),
            "valid": None if valid is None else _count(valid),
        }
        if len({count for count in counts.values() if count is not None}) > 1:
            raise ValueError(expected("as many labels as embeddings of the references", **counts))
        _inputs.check_inside(own, counts["embeddings"])
        return self


def _count(values):
    return len(values) if isinstance(values, (list, tuple)) else values.shape[0]


class Memory(NamedTuple):
    """Examples of earlier batches that the anchors are also compared with.

    Attributes:
        labels: ``(M,)`` integer labels like ``y_true``; with ``match``, labels of the shape of
            ``y_true``.
        embeddings: ``(M, D)``.
        valid: ``(M,)`` booleans: which places of the memory are filled.
    """

    labels: Any
    embeddings: Any
    valid: Any


class Batch(NamedTuple):
    """A batch in the form that the formulas of a loss take.

    Attributes:
        labels: ``(B,)`` integer class ids of the anchors.
        embeddings: ``(B, D)`` float32 or float64.
        references: :class:`References`; None where the anchors are compared with each other.
        right: Boolean scalar: whether all values are valid.
    """

    labels: Any
    embeddings: Any
    references: Any
    right: Any


def read_batch(y_true, y_pred, read_labels, compute, replicas=None, memory=None, references=None):
    """Reads labels and embeddings of the batch, of all replicas and of the memory.

    Args:
        y_true: ``(B, ...)`` labels.
        y_pred: ``(B, D)`` embeddings.
        read_labels: Makes labels comparable: returns them, and whether all are distinguishable.
        compute: "float32" or "float64".
        replicas: :class:`tfmetric.losses._replicas.Replicas` whose batches are one batch; or None.
        memory: :class:`Memory` to compare with too, without a gradient; or None.
        references: :class:`References` to compare with in place of the batch; or None.

    Returns:
        :class:`Batch`.
    """
    if references is not None:
        return _on_two_sides(y_true, y_pred, read_labels, compute, replicas, memory, references)
    own, size = None, ops.shape(y_pred)[0]
    if replicas:
        own = replicas.rows(size)
        y_true, y_pred = _gathered(y_true, y_pred, compute, replicas, own)
        own = _inputs.at_least_one_row(own)
    _inputs.one_label_each(y_true, y_pred)
    y_true, y_pred = map(_inputs.at_least_one_row, (y_true, y_pred))
    whole_batch = ops.shape(y_pred)[0]
    if memory is not None:
        y_true = joined_labels(y_true, memory.labels)
    labels, whole = read_labels(y_true)
    kept = labels if memory is None else labels[:whole_batch]
    embeddings, right = _checked(y_pred, kept, compute, whole)
    # A label vector of another length must not broadcast.
    kept = ops.reshape(kept, (whole_batch, *kept.shape[1:]))
    if own is None and memory is None:
        return Batch(kept, embeddings, None, right)
    across = replicas and replicas.sum_with_gradient
    if own is None:
        own = ops.arange(whole_batch, dtype="int32")
    given = References._make((kept, embeddings, own, None, across))
    if replicas:
        kept, embeddings = (ops.take(each, own, axis=0) for each in (kept, embeddings))
    if memory is not None:
        given = _with_memory(given, labels[whole_batch:], memory)
    return Batch(kept, embeddings, given, right)


def _on_two_sides(y_true, y_pred, read_labels, compute, replicas, memory, references):
    """Reads the anchors and references other than the batch."""
    others, y, own, valid, _ = references
    others, y = _inputs.rows(others), ops.convert_to_tensor(_inputs.rows(y))
    _inputs.one_label_each(y_true, y_pred)
    if replicas:
        _one_type(y_true, [others], set(map(_dtype, (y_true, others))))
        # Gathered labels are comparable ones, and both sides must be alike.
        y_true = _inputs.comparable(ops.convert_to_tensor(y_true))
        rows = replicas.rows(ops.shape(y)[0])
        others, y = _gathered(others, y, compute, replicas, rows)
        own = None if own is None else ops.take(rows, own)
        if valid is not None:
            valid = ops.cast(replicas.gather(ops.cast(valid, "int32")), "bool")
    if _inputs.may_be_empty(y):
        size = ops.shape(y)[0]
        valid = ops.ones((size,), dtype="bool") if valid is None else valid
        valid = _inputs.at_least_one_row(ops.cast(valid, "int32")) > 0
        others, y = map(_inputs.at_least_one_row, (others, y))
    y_true, y_pred = map(_inputs.at_least_one_row, (y_true, y_pred))
    if own is not None:
        own = _inputs.at_least_one_row(own)
    size = ops.shape(y_pred)[0]
    parts = [others] if memory is None else [others, memory.labels]
    # Both are read in one call, because reading may renumber the labels.
    labels, whole = read_labels(joined_labels(y_true, *parts))
    number = size + ops.shape(y)[0]
    embeddings, right = _checked(y_pred, labels[:size], compute, whole)
    y, right = _checked(y, labels[size:number], compute, right)
    if embeddings.shape[1] != y.shape[1]:
        raise ValueError(
            expected(
                "anchors and references of one width",
                y_pred_shape=tuple(y_pred.shape),
                references_shape=tuple(y.shape),
            )
        )
    kept = ops.reshape(labels[:size], (size, *labels.shape[1:]))
    across = replicas and replicas.sum_with_gradient
    given = References._make((labels[size:number], y, own, valid, across))
    if memory is not None:
        given = _with_memory(given, labels[number:], memory)
    return Batch(kept, embeddings, given, right)


def _gathered(labels, embeddings, compute, replicas, rows):
    """Gathers labels and embeddings of all replicas; embeddings keep their gradient."""
    # TensorFlow cannot send some types.
    labels = replicas.gather(_inputs.comparable(ops.convert_to_tensor(labels)))
    return labels, replicas.gather_with_gradient(widened(embeddings, compute), rows)


def _checked(x, labels, compute, whole):
    embeddings, finite = _inputs.embeddings(x, labels, compute)
    _inputs.check(finite, whole)
    return embeddings, ops.logical_and(finite, whole)


def joined_labels(labels, *others):
    """Concatenates vectors of labels; NumPy arrays stay NumPy arrays.

    Raises:
        TypeError: If the labels are integers that no common integer type holds.
    """
    parts = [labels, *others]
    known = [_inputs.at_hand(each) for each in parts]
    if any(each is None for each in known):
        parts = [ops.convert_to_tensor(each) for each in parts]
        _one_type(labels, others, set(map(_dtype, parts)))
        # Keras takes uint32 for the common type of two uint64.
        parts = [_inputs.comparable(each) for each in parts]
        dtype = keras.backend.result_type(*(each.dtype for each in parts))
        join, cast = ops.concatenate, ops.cast
    else:
        parts = known
        _one_type(labels, others, set(map(_dtype, parts)))
        dtype = np.result_type(*(each.dtype for each in parts)).name
        join, cast = np.concatenate, np.ndarray.astype
    return join([cast(_column(each), dtype) for each in parts])


def _dtype(labels):
    return keras.backend.standardize_dtype(labels.dtype)


def _one_type(labels, others, dtypes):
    """Raises TypeError for uint64 beside signed integers, which float64 would have to hold."""
    signed = {"int8", "int16", "int32", "int64"}
    if "uint64" in dtypes and dtypes & signed:
        raise TypeError(
            expected(
                "labels of one integer type on both sides",
                y_true_dtype=labels.dtype,
                references_dtype=others[0].dtype,
            )
        )


def _column(labels):
    """Reshapes ``(B, 1)`` class ids to ``(B,)``."""
    return labels[:, 0] if tuple(labels.shape[1:]) == (1,) else labels


def _with_memory(references, labels, memory):
    """Concatenates the references and the memory."""
    size = ops.shape(references.embeddings)[0]
    # An empty place copies a reference, because zeros may lie far from all embeddings.
    first = references._replace(labels=references.labels[:1], embeddings=references.embeddings[:1])

    def kept(values, empty):
        valid = ops.reshape(memory.valid, (-1, *(1 for _ in values.shape[1:])))
        return ops.where(valid, ops.cast(values, empty.dtype), empty)

    exist = references.valid
    if exist is None:
        exist = ops.ones((size,), dtype="bool")
    return references._replace(
        labels=ops.concatenate([references.labels, kept(labels, first.labels)]),
        embeddings=ops.concatenate(
            [
                references.embeddings,
                ops.stop_gradient(kept(memory.embeddings, first.embeddings)),
            ]
        ),
        valid=ops.concatenate([exist, memory.valid]),
    )
