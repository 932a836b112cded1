"""Queries and references, checked: two sets, or one in which each is searched among the others."""

from typing import NamedTuple

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.values import labels as read_labels


class Sides(NamedTuple):
    """Both sides of a search.

    Attributes:
        queries: (Q, D).
        labels: (Q,).
        references: (M, D).
        reference_labels: (M,).
        one_set: Whether the references are the queries.
    """

    queries: np.ndarray
    labels: np.ndarray
    references: np.ndarray
    reference_labels: np.ndarray
    one_set: bool


def check_sides(embeddings, labels, reference_embeddings=None, reference_labels=None) -> Sides:
    """Checks the arguments that every search has.

    Raises:
        ValueError: If shapes or kinds do not fit, or embeddings hold NaN or infinity.
    """
    embeddings = check_embeddings(embeddings)
    labels = read_labels(labels, len(embeddings))
    if (reference_embeddings is None) != (reference_labels is None):
        raise ValueError(
            expected(
                "reference_embeddings and reference_labels together, or neither",
                reference_embeddings=shape_of(reference_embeddings),
                reference_labels=shape_of(reference_labels),
            )
        )
    if reference_embeddings is None:
        return Sides(embeddings, labels, embeddings, labels, True)
    references = check_embeddings(reference_embeddings, "reference_embeddings")
    reference_labels = read_labels(reference_labels, len(references), "reference_labels")
    if references.shape[1] != embeddings.shape[1]:
        raise ValueError(
            expected(
                "embeddings and reference_embeddings of the same width",
                embeddings_shape=embeddings.shape,
                reference_embeddings_shape=references.shape,
            )
        )
    if not comparable(labels, reference_labels):
        raise ValueError(
            expected(
                "labels and reference_labels to be both integers or both strings",
                labels=str(labels.dtype),
                reference_labels=str(reference_labels.dtype),
            )
        )
    return Sides(embeddings, labels, references, reference_labels, False)


def comparable(*labels) -> bool:
    """Whether they can be equal at all: text never equals a number. Nothing equals anything."""
    return len({array.dtype.kind == "U" for array in labels if array.size}) < 2


def shape_of(array):
    """Its shape for a message, None of None."""
    return None if array is None else np.shape(array)
