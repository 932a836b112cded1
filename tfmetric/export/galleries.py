"""Reads and checks the embeddings, ids and labels of a gallery."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric import values
from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.export.model_inputs import ModelInputs, size_of
from tfmetric.typing import Array

_GALLERY = "gallery to be a LabeledData, a tuple (inputs, labels) or an array of inputs"


@dataclass(frozen=True, eq=False)
class Gallery:
    """A gallery to search.

    Attributes:
        embeddings: (N, D), float32, finite.
        ids: (N,), int64, uint64 or bytes.
        labels: (N,), of the same types, or None.
    """

    embeddings: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


def read(gallery: Any, ids: Array | None, labels: Array, takes: ModelInputs, embed: Any) -> Gallery:
    """Embeds a gallery.

    Args:
        gallery: A ``LabeledData``; a pair (inputs, labels); inputs (N, ...), a dictionary of arrays
            for a model of several inputs.
        ids: (N,) integers or strings; None for the ids of the data, else 0 to N − 1.
        labels: (N,) integers or strings; None for the labels of the data, if any.
        takes: The inputs of the model.
        embed: Function from what ``takes.checked`` returns to embeddings (N, D).

    Raises:
        ValueError: If the arguments do not fit together.
    """
    data, own_labels = _parts(gallery)
    if labels is not None and own_labels is not None:
        raise ValueError(
            expected("labels only with a gallery that has no labels", gallery=type(gallery))
        )
    count = size_of(data)
    if not count:
        raise ValueError(expected("a gallery with at least one example", size=count))
    data = takes.checked(data, "a gallery")
    if ids is None and isinstance(gallery, LabeledData):
        ids = gallery.ids
    return made(lambda: embed(data), count, ids, own_labels if labels is None else labels)


def of_embeddings(
    embeddings: Array, ids: Array | None, labels: Array | None, width: int
) -> Gallery:
    """Makes a gallery of embeddings that the caller computed.

    Args:
        embeddings: (N, D), finite.
        ids: (N,) integers or strings; None for 0 to N − 1.
        labels: (N,) integers or strings, or None.
        width: D of the version.

    Raises:
        ValueError: If the arguments do not fit together.
    """
    found = check_embeddings(embeddings, "gallery embeddings").astype(np.float32)
    if found.shape[1] != width or not len(found):
        raise ValueError(
            expected(
                f"one or more gallery embeddings of {width} values, as the model gives",
                embeddings_shape=found.shape,
            )
        )
    return made(lambda: found, len(found), ids, labels)


def made(embed, count: int, ids, labels) -> Gallery:
    """Makes a gallery of ``count`` embeddings, computed only after the columns are checked."""
    ids = column("ids", np.arange(count) if ids is None else ids, count)
    if labels is not None:
        labels = column("labels", labels, count)
    embeddings = check_embeddings(embed(), "gallery embeddings")
    if count > 1 and (embeddings == embeddings[0]).all():
        warnings.warn(
            "all embeddings of the gallery are equal, so that a search cannot tell its examples "
            "apart; is it embedded by the model that was trained on such examples?",
            stacklevel=2,
        )
    return Gallery(embeddings, ids, labels)


def _parts(gallery):
    """Splits a gallery into inputs, and labels or None."""
    if isinstance(gallery, LabeledData):
        return gallery, np.asarray(gallery.class_names)[gallery.labels]
    if isinstance(gallery, tuple) and len(gallery) != 2:
        raise ValueError(expected(_GALLERY, parts=len(gallery)))
    inputs, labels = gallery if isinstance(gallery, tuple) else (gallery, None)
    if isinstance(inputs, Mapping) and inputs:
        return {name: np.asarray(array) for name, array in inputs.items()}, labels
    try:
        inputs = np.asarray(inputs)
    except ValueError as error:  # The rows have unequal shapes, as in a list [inputs, labels].
        raise ValueError(expected(_GALLERY, gallery=type(gallery).__name__)) from error
    if not inputs.ndim:
        raise ValueError(expected(_GALLERY, gallery=type(gallery).__name__))
    return inputs, labels


def column(name, given, count):
    """Reads a column as int64, uint64 or bytes (TensorFlow's strings)."""
    found = values.ids(given, count, name)
    return values.encoded(found, name) if found.dtype == object else found
