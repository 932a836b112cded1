"""Checks the two sides of a search: queries and a gallery, or one set."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.values import labels as read_labels

FORMER_NAMES = {"reference_embeddings": "gallery", "reference_labels": "gallery_labels"}


class Sides(NamedTuple):
    """Both sides of a search.

    Attributes:
        queries: (Q, D).
        labels: (Q,).
        gallery: (M, D).
        gallery_labels: (M,).
        one_set: Whether the queries are the gallery, so that a query must not find itself.
    """

    queries: np.ndarray
    labels: np.ndarray
    gallery: np.ndarray
    gallery_labels: np.ndarray
    one_set: bool


def check_sides(embeddings, labels, gallery=None, gallery_labels=None) -> Sides:
    """Checks the arguments common to every search.

    Raises:
        ValueError: If shapes or kinds do not fit, embeddings hold NaN or infinity, or the gallery
            equals the queries.
    """
    embeddings = check_embeddings(embeddings)
    labels = read_labels(labels, len(embeddings))
    if (gallery is None) != (gallery_labels is None):
        raise ValueError(
            expected(
                "gallery and gallery_labels together, or neither",
                gallery=shape_of(gallery),
                gallery_labels=shape_of(gallery_labels),
            )
        )
    if gallery is None:
        return Sides(embeddings, labels, embeddings, labels, True)
    gallery = check_embeddings(gallery, "gallery")
    gallery_labels = read_labels(gallery_labels, len(gallery), "gallery_labels")
    if gallery.shape[1] != embeddings.shape[1]:
        raise ValueError(
            expected(
                "embeddings and gallery of the same width",
                embeddings_shape=embeddings.shape,
                gallery_shape=gallery.shape,
            )
        )
    if not comparable(labels, gallery_labels):
        raise ValueError(
            expected(
                "labels and gallery_labels to be both integers or both strings",
                labels=str(labels.dtype),
                gallery_labels=str(gallery_labels.dtype),
            )
        )
    require_other_rows(embeddings, gallery)
    return Sides(embeddings, labels, gallery, gallery_labels, False)


def require_other_rows(queries: np.ndarray, gallery: np.ndarray) -> None:
    """Refuses a gallery that is the queries, row for row.

    Raises:
        ValueError: If it is; the message says what to do.
    """
    if _is_repeated(queries, gallery):
        raise ValueError(
            expected(
                "a gallery that differs from the queries: these are the same rows, so each query "
                "would be compared with itself. To compare each example with all others, omit the "
                "gallery",
                gallery_shape=gallery.shape,
            )
        )


def count_found_again(queries: np.ndarray, gallery: np.ndarray) -> int:
    """Counts the queries that have an identical row in the gallery."""
    dtype = np.result_type(queries, gallery)
    held = {_digest(row) for row in _chunks(gallery, dtype)}
    return sum(_digest(row) in held for row in _chunks(queries, dtype))


def _digest(row):
    """Returns 16 bytes for the row: wide rows themselves would be a second copy of the gallery."""
    return blake2b(row.tobytes(), digest_size=16).digest()


def _chunks(rows, dtype):
    """Yields the rows in a common dtype, −0.0 as 0.0, without copying all."""
    for start in range(0, len(rows), 1024):
        part = rows[start : start + 1024].astype(dtype)
        yield from (part + 0.0 if dtype.kind == "f" else part)


def _is_repeated(queries, gallery):
    """Returns whether both have the same rows in order; all-equal rows are a collapse instead."""
    if queries is gallery:
        return len(queries) > 0
    if queries.shape != gallery.shape or not len(queries):
        return False
    steps = range(0, len(queries), 1024)
    same = all(np.array_equal(queries[i : i + 1024], gallery[i : i + 1024]) for i in steps)
    return same and not all((queries[i : i + 1024] == queries[0]).all() for i in steps)


def comparable(*labels: np.ndarray) -> bool:
    """Returns whether labels are comparable: a text never equals a number. Empty labels are."""
    return len({array.dtype.kind == "U" for array in labels if array.size}) < 2


def shape_of(array) -> tuple[int, ...] | None:
    """Returns the shape of an array for a message; None for None."""
    return None if array is None else np.shape(array)
