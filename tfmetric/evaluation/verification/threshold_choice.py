"""Chooses a threshold by error rate, precision, F1 or accuracy on known pairs."""

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.verification import operating_points as points
from tfmetric.evaluation.verification.operating_points import Counts

RATES = ("fmr", "precision", "recall")
MODES = ("eer", "f1", "accuracy")


def check_target(target) -> tuple[str, float | None]:
    """Returns a target as its name and its rate, None where it has none.

    Raises:
        ValueError: If it is no target.
    """
    if isinstance(target, str) and target in MODES:
        return target, None
    if isinstance(target, (tuple, list)) and len(target) == 2 and target[0] in RATES:
        return target[0], points.check_rate(target[1], target[0])
    raise ValueError(
        expected(
            'target to be "eer", "f1", "accuracy", ("fmr", rate), ("precision", rate) or'
            ' ("recall", rate)',
            target=target,
        )
    )


def choose(counts: Counts, name: str, rate: float | None, exact: bool = True) -> float:
    """Returns the threshold for a target, half-way to the next distance.

    Half-way, because recomputing a distance may change its last digit. If distances lie on a grid,
    the threshold is a grid point, because values between are unknown.

    Raises:
        ValueError: If either kind of pairs is missing, or no threshold reaches the target.
    """
    if not (counts.num_positives and counts.num_negatives):
        raise ValueError(
            expected(
                "genuine and impostor pairs",
                genuine=int(counts.num_positives),
                impostors=int(counts.num_negatives),
            )
        )
    place = {
        "eer": _eer,
        "fmr": _fmr,
        "precision": _precision,
        "recall": _recall,
        "f1": _f1,
        "accuracy": _accuracy,
    }[name](counts, rate)
    values = counts.values
    if place == 0:
        return float(np.nextafter(np.float32(values[0]), np.float32(-np.inf)))
    return float(values[place - 1 : place + 1].mean() if exact else values[place - 1])


# Each function returns the number of values up to the threshold.


def _eer(counts, _):
    return int(np.searchsorted(counts.values, points.eer(counts)[1], side="right"))


def _fmr(counts, rate):
    if rate * counts.num_negatives * (1 + 1e-12) < 1:
        raise ValueError(
            expected(
                f"at least {round(1 / rate):,} impostor pairs for FMR {rate:g}",
                impostors=int(counts.num_negatives),
            )
        )
    place = points.place_at_fmr(counts, rate)
    if not place:
        raise ValueError(
            expected(
                f"a threshold whose FMR is at most {rate:g}; too many impostors tie at the "
                "smallest distance of all",
                fmr_at_smallest=float(counts.negatives[1] / counts.num_negatives),
            )
        )
    return place


def _precision(counts, rate):
    called = counts.positives[1:] + counts.negatives[1:]
    reached = np.flatnonzero(counts.positives[1:] >= rate * called * (1 - 1e-12))
    if not reached.size:
        raise ValueError(
            expected(
                f"a threshold whose precision is {rate:g} or more",
                best_precision=float((counts.positives[1:] / called).max()),
            )
        )
    return int(reached[-1]) + 1


def _recall(counts, rate):
    # The first entry is the threshold below all pairs.
    wanted = rate * counts.num_positives * (1 - 1e-12)
    return int(np.searchsorted(counts.positives, wanted, side="left"))


def _f1(counts, _):
    called = counts.positives[1:] + counts.negatives[1:]
    return int(np.argmax(2 * counts.positives[1:] / (called + counts.num_positives))) + 1


def _accuracy(counts, _):
    right = counts.positives + (counts.num_negatives - counts.negatives)
    best = np.flatnonzero(right == right.max())
    return int(best[len(best) // 2])
