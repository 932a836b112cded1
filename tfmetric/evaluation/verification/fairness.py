"""Verification by groups of examples, with error rates at one shared threshold."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.group_table import GroupTable, percentiles, table_of_replicates
from tfmetric.evaluation.verification import bootstrap as bootstrap
from tfmetric.evaluation.verification.operating_points import (
    figure_function,
    higher_is_better,
    ratio,
)
from tfmetric.typing import Array
from tfmetric.values import plain

# Groups are compared by the intervals of their error rates.
_AT_THRESHOLD = ("fmr", "fnmr")


@dataclass(frozen=True)
class Differential:
    """The difference of an error rate between groups, at one threshold.

    Small groups are excluded. If a group has no error, ``ratio`` and ``over_mean`` are NaN: there
    are too few pairs for so strict a threshold.

    Attributes:
        highest: The group with the most errors.
        lowest: The group with the fewest.
        difference: Highest rate minus lowest.
        ratio: Highest rate over lowest.
        over_mean: Highest rate over the geometric mean of all.
        ratio_interval: 95 % bootstrap interval of the ratio between these two groups.
    """

    highest: str | int | None
    lowest: str | int | None
    difference: float
    ratio: float
    over_mean: float
    ratio_interval: tuple[float, float]


@dataclass(frozen=True)
class FairnessResult:
    """The results of a verification for each group.

    Attributes:
        threshold: The shared threshold of ``fmr`` and ``fnmr`` of all groups.
        target_fmr: The FMR over all pairs that the threshold was chosen for, None if it was given.
        overall_fmr: FMR of all pairs at this threshold.
        overall_fnmr: FNMR of all pairs at this threshold.
        tables: A :class:`GroupTable` by figure: ``fmr`` and ``fnmr`` at the threshold, then the
            figures of ``VerificationResult.figures``, with a separate threshold in each group.
        differentials: :class:`Differential` of ``fmr`` and of ``fnmr``.
        num_pairs: Genuine and impostor pairs by group.
    """

    threshold: float
    target_fmr: float | None
    overall_fmr: float
    overall_fnmr: float
    # A dict is not hashable.
    tables: dict[str, GroupTable] = field(hash=False)
    differentials: dict[str, Differential] = field(hash=False)
    num_pairs: dict[str | int, tuple[int, int]] = field(hash=False)

    def summary(self) -> str:
        """Returns error rates at the shared threshold, their differences, and the EER by group."""
        chosen = "given" if self.target_fmr is None else f"for FMR {self.target_fmr:g} of all pairs"
        lines = [
            f"One threshold for all groups: {self.threshold:.6g} ({chosen}); all pairs: FMR "
            f"{self.overall_fmr:.2g}, FNMR {self.overall_fnmr:.4f}",
            "A pair belongs to a group if both examples do.",
        ]
        for name, differential in self.differentials.items():
            lines += ["", self.tables[name].summary()]
            if differential.highest is not None:
                low, high = differential.ratio_interval
                lines.append(
                    f"  Differential of {name}: {differential.highest} has "
                    f"{differential.ratio:.2f} times ({low:.2f} to {high:.2f}) that of "
                    f"{differential.lowest}, {differential.over_mean:.2f} times the geometric "
                    f"mean, {differential.difference:.2g} more"
                )
        if "eer" in self.tables:
            lines += ["", self.tables["eer"].summary()]
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns everything as plain Python values; NaN becomes None."""
        return plain(
            {
                **vars(self),
                "tables": {name: table.to_dict() for name, table in self.tables.items()},
                "differentials": {k: vars(v) for k, v in self.differentials.items()},
                "num_pairs": {str(group): both for group, both in self.num_pairs.items()},
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def fairness(
    result: Any,
    groups: Array | None,
    threshold: float | None = None,
    fmr: float = 1e-3,
    figures: Any = None,
    small: int = 30,
    repeats: int = 200,
    seed: int = 0,
) -> FairnessResult:
    """Computes all figures by group, and the error rates of each group at one shared threshold.

    A system in use has one threshold, so a group with nearer impostors has more false matches,
    independent of its own EER. The differentials are the usual ones of demographic reports on face
    recognition: highest error rate over lowest, and over the geometric mean.

    Args:
        result: A ``VerificationResult``.
        groups: The group of each example, see ``VerificationResult.by_group``.
        threshold: The shared threshold, such as a calibrated threshold; None to derive it from
            ``fmr``.
        fmr: Target FMR over all pairs of the result, at which the threshold is chosen.
        figures: Names of further figures by group; None for all of ``result.figures()``.
        small: Groups with fewer examples are marked small and not compared.
        repeats: Draws of the bootstrap.
        seed: Seed of the draws.

    Returns:
        A :class:`FairnessResult`.

    Raises:
        ValueError: If there are too few impostor pairs to choose a threshold for ``fmr``.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(np.arange(40), 5)
    >>> x = rng.normal(size=(40, 8))[labels] + rng.normal(size=(200, 8)) * 0.3
    >>> result = tm.evaluation.verification(x, labels)
    >>> fair = fairness(result, np.where(labels < 20, "a", "b"), fmr=0.01, repeats=20)
    >>> sorted(fair.differentials), fair.tables["fnmr"].rows[0].count
    (['fmr', 'fnmr'], 100)

    Reference: Grother, Ngan, Hanaoka: Face recognition vendor test, part 3: demographic effects,
    NISTIR 8280, 2019; Grother: part 8, summarizing demographic differentials, NISTIR 8429, 2022
    (ratio of the highest to the geometric mean).
    """
    target = None if threshold is not None else fmr
    if threshold is None:
        threshold = result.threshold_at_fmr(fmr)
        if not np.isfinite(threshold):
            raise ValueError(
                expected(
                    "a target FMR that some threshold reaches; give a larger fmr or a threshold",
                    fmr=fmr,
                    impostor_pairs=result.num_negatives,
                )
            )
    overall = result.at_threshold(threshold)
    functions = {name: rate_at(threshold, name) for name in _AT_THRESHOLD}
    for name in result.figures() if figures is None else figures:
        functions[name] = figure_function(name)
    parts = _parts(result, groups)
    found, replicates = _tables(parts, functions, small, repeats, seed)
    return FairnessResult(
        float(threshold),
        target,
        overall.fmr,
        overall.fnmr,
        found,
        {
            name: _differential(found[name], replicates[..., list(functions).index(name)])
            for name in _AT_THRESHOLD
        },
        {name: (part.num_positives, part.num_negatives) for name, _, part in parts},
    )


def tables(result, groups, functions, small, repeats, seed) -> dict[str, GroupTable]:
    """Returns a :class:`GroupTable` for each function of counts, by name."""
    return _tables(_parts(result, groups), functions, small, repeats, seed)[0]


def _parts(result, groups):
    return [(name, count, source.result()) for name, count, source in result.source.split(groups)]


def _tables(parts, functions, small, repeats, seed):
    names, counts, results = zip(*parts, strict=True) if parts else ((), (), ())
    samples = [(part.per_pair, part.source.units(part.per_pair)) for part in results]
    replicates = bootstrap.replicates(samples, list(functions.values()), repeats, seed)
    found = {}
    for j, (figure, function) in enumerate(functions.items()):
        for i, part in enumerate(results):
            replicates[:, i, j] += part.shift(function)
        found[figure] = table_of_replicates(
            figure,
            names,
            counts,
            [function(part.counts) for part in results],
            np.clip(replicates[..., j], 0.0, 1.0),
            small=small,
            higher_is_better=higher_is_better(figure),
        )
    return found, replicates


def rate_at(threshold: float, name: str):
    """Returns the function of counts for ``"fmr"`` or ``"fnmr"`` at a threshold."""
    if name not in _AT_THRESHOLD:
        raise ValueError(expected("figure to be fmr or fnmr", figure=name))

    def rate(counts):
        place = np.searchsorted(counts.values, threshold, side="right")
        if name == "fnmr":
            return ratio(counts.num_positives - counts.positives[place], counts.num_positives)
        return ratio(counts.negatives[place], counts.num_negatives)

    return rate


def _differential(table, replicates):
    nan = float("nan")
    if table.best is None:
        return Differential(None, None, nan, nan, nan, (nan, nan))
    rates = np.array([row.value for row in table.rows if not row.small])
    names = [row.group for row in table.rows]
    high, low = names.index(table.worst), names.index(table.best)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = replicates[:, high] / replicates[:, low]
        mean = np.exp(np.log(rates).mean())
    return Differential(
        table.worst,
        table.best,
        table.gap,
        ratio(rates.max(), rates.min()),
        ratio(rates.max(), mean),
        percentiles(ratios) if rates.min() > 0 else (nan, nan),
    )
