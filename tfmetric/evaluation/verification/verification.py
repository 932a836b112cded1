"""Verification: measures whether the distance of two examples shows that they are of one class."""

from dataclasses import replace
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.queries_and_gallery import (
    FORMER_NAMES,
    count_found_again,
    require_other_rows,
)
from tfmetric.evaluation.verification.given_pairs import check_pairs, check_same, compare_given
from tfmetric.evaluation.verification.pair_counting import Sets, read_only
from tfmetric.evaluation.verification.pair_sources import (
    PairSource,
    SetSource,
    joint_codes,
    two_columns,
)
from tfmetric.evaluation.verification.result import VerificationResult
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels

_MAX_PAIRS = 5_000_000


@renamed(**FORMER_NAMES, match_groups="within")
def verification(
    embeddings: Array,
    labels: Array | None = None,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    distance: Distance = "euclidean",
    pairs: Any = None,
    within: Any = None,
    genuine: str = "all",
    max_pairs: int | None = None,
    seed: int = 0,
) -> VerificationResult:
    """Compares pairs of examples and measures how well distances separate same from different.

    Use it where the question is "same or different": faces, signatures, speakers, duplicates.

    One set is compared in all its pairs: each two examples once, none with itself. With a gallery
    each query is compared with each gallery example, even if the same example is in both. ``pairs``
    lists the pairs explicitly.

    A pair is called the same where its distance is at most the threshold. Pairs are processed in
    blocks, so any number fits in memory. Up to ``max_pairs`` pairs are kept. Above that, all pairs
    are still counted, at distances rounded up to 16 significant binary digits (1.5·10⁻⁵ of the
    distance), and a sample is kept for the intervals.

    Impostors are only as hard as the data provides. ``within`` restricts them to pairs that share
    another attribute, for figures on hard impostors: the same name by another writer, or another
    person of the same sex and age. :func:`tfmetric.evaluation.calibrate` on such a result chooses a
    threshold for such impostors.

    Args:
        embeddings: (N, D), finite.
        labels: (N,), integers of any size or strings; None if ``pairs`` include ``same``.
        gallery: (M, D), a second set; None for pairs within one.
        gallery_labels: (M,), with ``gallery``.
        distance: Name, function or ``Distance``; see :func:`tfmetric.distances.get`. It must be
            symmetric.
        pairs: ``(left, right)`` or ``(left, right, same)``: indexes (P,) into the embeddings (of
            ``right`` into the gallery, if there is one), and whether they are of one class,
            which otherwise follows from the labels.
        within: (N,) integers or strings; with a gallery a tuple of two columns (N,) and (M,).
            Impostor pairs count only where both examples have the same value.
        genuine: "all": genuine pairs count regardless of ``within``; "within": genuine pairs also
            count only where both examples have the same value.
        max_pairs: The number of kept pairs; None for 5,000,000, about 100 MB.
        seed: Seed of the sample.

    Returns:
        A :class:`VerificationResult`. Without genuine or without impostor pairs its figures are
        NaN, and its notes report it.

    Raises:
        ValueError: If shapes do not fit, embeddings hold NaN or infinity (the message names the
            rows), or the gallery is the queries.

    Example:

    >>> result = verification([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1])
    >>> result.num_positives, result.num_negatives, result.auc, result.eer
    (2, 4, 1.0, 0.0)
    >>> result.at_threshold(0.5).accuracy
    1.0
    >>> names = ["Ann", "Bob", "Ann", "Eve"]  # Only the first and the third are hard to tell apart.
    >>> verification([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1], within=names).num_negatives
    1

    Reference: Phillips, Moon, Rizvi, Rauss: The FERET evaluation methodology, TPAMI 2000 (FAR and
    verification rate); ISO/IEC 19795-1 (FMR and FNMR).
    """
    embeddings = check_embeddings(embeddings)
    limit = _check_limit(max_pairs)
    if genuine not in ("all", "within") or (genuine == "within" and within is None):
        raise ValueError(
            expected('genuine as "all", or as "within" where within is given', genuine=genuine)
        )
    if labels is not None or pairs is None:
        if labels is None:
            raise ValueError(expected("labels, or pairs with what is the same", labels=labels))
        labels = read_labels(labels, len(embeddings))
    gallery, gallery_labels = _check_gallery(embeddings, labels, gallery, gallery_labels)
    one = gallery is embeddings
    if pairs is not None:
        if within is not None:
            raise ValueError(expected("within or pairs, not both", within=within))
        return compare_given(embeddings, labels, gallery, gallery_labels, distance, pairs)
    notes = () if one else _notes_of_repeated(embeddings, gallery)
    codes, gallery_codes, _ = joint_codes(labels, gallery_labels)
    match = None
    if within is not None:
        left, right = (
            (within, within)
            if one
            else two_columns(within, "within, of the queries and of the gallery,")
        )
        left = read_labels(left, len(embeddings), "within")
        right = read_labels(right, len(gallery), "within")
        match = joint_codes(left, right)[:2]
    sets = Sets(embeddings, codes, gallery, gallery_codes, match, genuine == "within")
    return replace(SetSource(sets, distance, limit, seed).result(), given_notes=notes)


def verification_from_distances(
    distances: Array, same: Array | None, classes: Any = None, *, distance: str = "given"
) -> VerificationResult:
    """Computes verification figures from the distances of pairs.

    Args:
        distances: (P,), finite; smaller is more similar. Negate similarities.
        same: (P,), booleans or 0 and 1: whether the pair is of one class.
        classes: A pair of columns, the classes of the left and the right sides, as integers or
            strings. With classes, intervals draw classes; otherwise pairs.
        distance: Name of the distance, for the summary.

    Returns:
        A :class:`VerificationResult`; ``left`` and ``right`` of its pairs are the pair's number.

    Raises:
        ValueError: If shapes do not fit, or a distance is NaN or infinite (the message names the
            pairs).

    Example:

    >>> verification_from_distances([0.1, 0.4, 0.3, 0.9], [1, 1, 0, 0]).auc
    0.75
    """
    found, same = check_pairs(distances, same)
    codes = None
    if classes is not None:
        left, right = two_columns(classes, "classes, of the left and of the right,")
        left = read_labels(left, len(found), "classes")
        right = read_labels(right, len(found), "classes")
        codes = joint_codes(left, right)[:2]
        check_same(same, codes[0] == codes[1])
    index = np.arange(len(found))
    pairs = read_only(index, index, found.copy(), same.copy())
    return PairSource(pairs, codes, str(distance)).result()


def _notes_of_repeated(queries, gallery):
    """Returns a warning about the queries that stand in the gallery too; none without any."""
    require_other_rows(queries, gallery)
    again = count_found_again(queries, gallery)
    if not again:
        return ()
    return (
        f"{again:,} of {len(queries):,} queries have an identical row in the gallery; where that "
        "is the same example, the pair is genuine at distance 0: list the pairs without it",
    )


def _check_gallery(embeddings, labels, gallery, gallery_labels):
    if gallery is None and gallery_labels is None:
        return embeddings, labels
    if gallery is None or (gallery_labels is None) != (labels is None):
        raise ValueError(
            expected(
                "gallery and gallery_labels together, or neither",
                gallery=_shape(gallery),
                gallery_labels=_shape(gallery_labels),
            )
        )
    gallery = check_embeddings(gallery, "gallery")
    if gallery.shape[1] != embeddings.shape[1]:
        raise ValueError(
            expected(
                "embeddings and gallery of the same width",
                embeddings_shape=embeddings.shape,
                gallery_embeddings_shape=gallery.shape,
            )
        )
    # Take a view, so that a set passed as its own gallery still counts as two sets.
    if gallery_labels is not None:
        gallery_labels = read_labels(gallery_labels, len(gallery), "gallery_labels")
    return gallery.view(), gallery_labels


def _check_limit(max_pairs):
    if max_pairs is None:
        return _MAX_PAIRS
    if isinstance(max_pairs, bool) or not isinstance(max_pairs, (int, np.integer)) or max_pairs < 2:
        raise ValueError(expected("max_pairs to be an integer of 2 or more", max_pairs=max_pairs))
    return int(max_pairs)


def _shape(array):
    return None if array is None else np.shape(array)
