"""Pairs that a caller lists: the checks of their columns, and the comparison of each."""

from dataclasses import replace

import numpy as np

from tfmetric import distances as distances_module
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.verification.pair_counting import read_only
from tfmetric.evaluation.verification.pair_sources import PairSource, joint_codes
from tfmetric.evaluation.verification.result import VerificationResult


def compare_given(
    embeddings, labels, gallery, gallery_labels, distance, pairs
) -> VerificationResult:
    """Compares the pairs that ``verification(pairs=...)`` lists, after checking them."""
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
            check_same(same, classes[0] == classes[1])
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
    measured = np.concatenate(found) if found else np.zeros(0, np.float32)
    examples = (len(embeddings), 0 if gallery is embeddings else len(gallery))
    source = PairSource(
        read_only(left, right, measured, same),
        classes,
        distances_module.get(distance).name,
        examples,
    )
    itself = int((left == right).sum()) if gallery is embeddings else 0
    if not itself:
        return source.result()
    note = f"{itself:,} pairs compare an example with itself, which is no evidence: leave them out"
    return replace(source.result(), given_notes=(note,))


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


def check_same(same, by_class) -> None:
    """Raises a ValueError where a pair is called the same and its classes differ, or vice versa."""
    wrong = np.flatnonzero(same != by_class)
    if wrong.size:
        raise ValueError(
            expected(
                f"same to agree with the classes; {wrong.size} pairs do not",
                first_pair=int(wrong[0]),
                same=bool(same[wrong[0]]),
            )
        )


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
