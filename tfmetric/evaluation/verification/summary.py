"""A verification in words: its figures as lines of text, and the warnings about them."""

from collections.abc import Mapping
from typing import Any

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
# With fewer than ten impostors below the threshold, a TAR depends on these few pairs.
_FEW = 10


def notes_of(result: Any) -> tuple[str, ...]:
    """Returns warnings about the figures of a ``VerificationResult``."""
    found = []
    if not result.num_positives:
        found.append("There are no genuine pairs: no class has two examples")
    if not result.num_negatives:
        found.append("There are no impostor pairs: there is one class only")
    for far in FARS if result.num_negatives else ():
        if result.num_negatives * far * (1 + 1e-12) < _FEW:
            found.append(
                f"{result.num_negatives:,} impostor pairs are too few for FAR {far:g}: it takes "
                f"{round(_FEW / far):,} for a reliable figure, {round(1 / far):,} for any"
            )
    if not result.exact:
        found.append(
            "All pairs are counted, at distances rounded up to 16 binary digits; per_pair and "
            f"the intervals rest on a random sample of {len(result.per_pair):,}"
        )
    return tuple(found)


def summary_of(result: Any, intervals: Mapping[str, tuple[float, float]]) -> str:
    """Returns the figures of a ``VerificationResult`` as a few lines of text.

    Args:
        result: The result.
        intervals: The ends of the intervals by the names of figures.
    """
    lines = [
        f"Verification: {result.num_positives:,} genuine and {result.num_negatives:,} impostor "
        f"pairs, {result.distance} distance; the same where distance <= threshold"
    ]
    for name, value in result.figures().items():
        if name.startswith("fnmr"):
            continue
        line = f"  {_title(name):<16}{value:.4f}"
        if name in intervals:
            line += "  (95 % interval {:.4f} to {:.4f})".format(*intervals[name])
        if name == "eer":
            line += f" at threshold {result.eer_threshold:.6g}"
        lines.append(line)
    lines += [f"  Note: {note}." for note in result.notes]
    return "\n".join(lines)


def _title(name):
    return {"auc": "AUC", "eer": "EER"}.get(name) or name.replace("tar_at_far_", "TAR@FAR ")
