"""Verification: measures whether the distance of two examples shows that they are of one class."""

from typing import Any

import numpy as np

from tfmetric import distances as distances_module
from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.queries_and_gallery import FORMER_NAMES
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
        ValueError: If shapes do not fit, or embeddings hold NaN or infinity (the message names the
            rows).

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
        return _given(embeddings, labels, gallery, gallery_labels, distance, pairs)
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
    return SetSource(sets, distance, limit, seed).result()


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
        _check_same(same, codes[0] == codes[1])
    index = np.arange(len(found))
    pairs = read_only(index, index, found.copy(), same.copy())
    return PairSource(pairs, codes, str(distance)).result()


def check_pairs(distances, same) -> tuple[np.ndarray, np.ndarray]:
    """Returns distances as finite float64 (float32 stays) and ``same`` as booleans.

    Raises:
        ValueError: If they are not; the message names pairs with NaN or infinite distance.
    """
    found = np.asarray(distances)
    if found.ndim != 1 or found.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                "distances to be numbers of shape (P,)",
                distances_shape=found.shape,
                dtype=str(found.dtype),
            )
        )
    if found.dtype != np.float32:
        found = found.astype(np.float64)
    check_embeddings(found[:, None], "distances")
    if np.abs(found).max(initial=0) > np.finfo(np.float32).max:
        raise ValueError(expected("distances within float32", largest=float(np.abs(found).max())))
    found = found + 0.0  # Turns −0.0 into 0.0.
    return found, check_booleans(same, len(found))


def _given(embeddings, labels, gallery, gallery_labels, distance, pairs):
    if not isinstance(pairs, (tuple, list)) or len(pairs) not in (2, 3):
        raise ValueError(
            expected("pairs to be (left, right) or (left, right, same)", pairs=type(pairs).__name__)
        )
    left = _check_indexes(pairs[0], len(embeddings), "left")
    right = _check_indexes(pairs[1], len(gallery), "right")
    if len(left) != len(right):
        raise ValueError(expected("as many left as right", left=len(left), right=len(right)))
    classes = None
    if labels is not None:
        codes, others, _ = joint_codes(labels, gallery_labels)
        classes = codes[left], others[right]
    if len(pairs) == 3:
        same = check_booleans(pairs[2], len(left))
        if classes is not None:
            _check_same(same, classes[0] == classes[1])
    elif classes is None:
        raise ValueError(expected("labels, or pairs (left, right, same)", labels=labels))
    else:
        same = classes[0] == classes[1]
    step = 2**16
    found = [
        pair_distances.paired(
            distance,
            embeddings[left[start : start + step]],
            gallery[right[start : start + step]],
        )
        for start in range(0, len(left), step)
    ]
    found = np.concatenate(found) if found else np.zeros(0, np.float32)
    examples = (len(embeddings), 0 if gallery is embeddings else len(gallery))
    source = PairSource(
        read_only(left, right, found, same),
        classes,
        distances_module.get(distance).name,
        examples,
    )
    return source.result()


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


def _check_indexes(values, count, name):
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            expected(
                f"{name} to be indexes of shape (P,)", shape=array.shape, dtype=str(array.dtype)
            )
        )
    if array.size and not (array.min() >= 0 and array.max() < count):
        raise ValueError(
            expected(f"{name} to be in 0..{count - 1}", min=int(array.min()), max=int(array.max()))
        )
    return array.astype(np.int64)


def check_booleans(same, count: int) -> np.ndarray:
    """Returns ``same`` as booleans (``count``,).

    Raises:
        ValueError: If they are neither booleans nor 0 and 1.
    """
    array = np.asarray(same)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (count,):
        raise ValueError(expected(f"same of shape ({count},), one each", same_shape=array.shape))
    if array.dtype.kind not in "fiub" or not np.isin(array, (0, 1)).all():
        raise ValueError(expected("same to be booleans, or 0 and 1", first=array[:3].tolist()))
    return array.astype(bool)


def _check_same(same, by_class):
    wrong = np.flatnonzero(same != by_class)
    if wrong.size:
        raise ValueError(
            expected(
                f"same to agree with the classes; {wrong.size} pairs do not",
                first_pair=int(wrong[0]),
                same=bool(same[wrong[0]]),
            )
        )


def _shape(array):
    return None if array is None else np.shape(array)
