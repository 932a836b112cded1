"""The result of an embedding's health check: figures, a collapse flag, and advice."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_interval
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.typing import Array
from tfmetric.values import plain

# Share of the mean squared length that varies: below this share, distances are under 1 % of the
# lengths.
_LEAST_SPREAD = 1e-4
_MEANS = ("norm_mean", "orphans", "intra_class_distance", "inter_class_distance")
_PER_EXAMPLE = ("norm", "k_occurrence", "intra_class_distance", "inter_class_distance")


@dataclass(frozen=True, eq=False)
class HealthResult:
    """Figures of an embedding's geometry.

    Attributes:
        width: D, the width of the embedding.
        distance: Name of the distance between examples.
        k: Number of neighbours for the hubness.
        norm: (N,) length of each example, read-only.
        spectrum: (D,) eigenvalues of the covariance, largest first, read-only.
        spread: Variance over mean squared length: from 0, all embeddings equal, to 1.
        alignment: Mean squared distance of two examples of a class, scaled to length 1; NaN
            without labels.
        uniformity: log mean exp(−2 · squared distance) of two examples scaled to length 1: 0 if all
            embeddings are equal; lower values fill the sphere more evenly.
        sample: (S,) indexes of the sampled examples, read-only.
        k_occurrence: (S,) number of others that have the example among their k nearest, read-only.
        intra_class_distance: (S,) mean distance to the others of its class, NaN without others.
        inter_class_distance: (S,) mean distance to the other classes, NaN without other classes.
        sample_classes: (S,) number of each example's class.
    """

    width: int
    distance: str
    k: int
    norm: np.ndarray
    spectrum: np.ndarray
    spread: float
    alignment: float
    uniformity: float
    sample: np.ndarray
    k_occurrence: np.ndarray
    intra_class_distance: np.ndarray
    inter_class_distance: np.ndarray
    sample_classes: np.ndarray

    @property
    def effective_dimension(self) -> float:
        """Number of directions in use, 1 to D: exp of the entropy of the spectrum."""
        total = self.spectrum.sum()
        if total <= 0:
            return 0.0
        share = self.spectrum / total
        share = share[share > 0]
        return float(np.exp(-(share * np.log(share)).sum()))

    @property
    def participation_ratio(self) -> float:
        """Number of directions in use, with less weight on weak directions: (Σλ)² / Σλ²."""
        square = (self.spectrum**2).sum()
        return float(self.spectrum.sum() ** 2 / square) if square > 0 else 0.0

    @property
    def hubness(self) -> float:
        """Skewness of the k-occurrence: about 0 without hubs; above 2 a few are near all."""
        deviation = self.k_occurrence - self.k_occurrence.mean()
        variance = (deviation**2).mean()
        return float((deviation**3).mean() / variance**1.5) if variance > 0 else 0.0

    @property
    def orphans(self) -> float:
        """Share of examples that are never among the k nearest of another example."""
        return float((self.k_occurrence == 0).mean())

    @property
    def distance_ratio(self) -> float:
        """Mean intra-class over mean inter-class distance: should be below 1, smaller is better."""
        figures = self.figures()
        inter = figures["inter_class_distance"]
        return figures["intra_class_distance"] / inter if inter else float("nan")

    @property
    def collapsed(self) -> bool:
        """Whether all examples are nearly one point, or more than two classes lie on one line."""
        line = self.width > 2 and self.effective_dimension < 1.2
        return self.spread < _LEAST_SPREAD or bool(line and self.sample_classes.max() > 1)

    def advice(self) -> tuple[str, ...]:
        """Returns the problems found, each with a remedy."""
        found, figures = [], self.figures()
        if self.collapsed:
            where = "one point" if self.spread < _LEAST_SPREAD else "one line"
            found.append(
                f"COLLAPSED: all examples lie on {where}. Lower the learning rate, mine "
                "semi-hard or all triplets before hard ones, or use the soft margin"
            )
        elif self.effective_dimension < 0.1 * self.width:
            found.append(
                f"Only about {self.effective_dimension:.0f} of {self.width} dimensions are in "
                "use: a narrower embedding would do as well"
            )
        if not self.collapsed and self.hubness > 2:
            found.append(
                "A few examples are near everything (hubs): scale embeddings to length 1, or "
                "subtract their mean first"
            )
        if figures["intra_class_distance"] >= figures["inter_class_distance"]:
            found.append(
                "Classes are as wide as their distances: the embedding does not separate them"
            )
        return tuple(found)

    def figures(self) -> dict[str, float]:
        """Returns all figures by name; NaN without the labels or the second example they need."""
        return {
            "norm_mean": _mean(self.norm),
            "norm_std": float(self.norm.std()),
            "spread": self.spread,
            "effective_dimension": self.effective_dimension,
            "participation_ratio": self.participation_ratio,
            "alignment": self.alignment,
            "uniformity": self.uniformity,
            "hubness": self.hubness,
            "orphans": self.orphans,
            "intra_class_distance": _mean(self.intra_class_distance),
            "inter_class_distance": _mean(self.inter_class_distance),
        }

    def interval(self, figure: str = "intra_class_distance") -> tuple[float, float]:
        """95 % interval of a figure for other classes, by 1000 bootstrap draws of classes.

        Args:
            figure: ``"norm_mean"``, ``"intra_class_distance"``, ``"inter_class_distance"`` or
                ``"orphans"``; NaN for the other figures, which are not means over examples. The
                interval of the norm uses the sample.
        """
        if figure not in self.figures():
            raise ValueError(
                expected(f"figure to be one of {', '.join(self.figures())}", figure=figure)
            )
        if figure not in _MEANS:
            return float("nan"), float("nan")
        if figure == "norm_mean":
            values = self.norm[self.sample]
        else:
            values = self.k_occurrence == 0 if figure == "orphans" else getattr(self, figure)
        there = np.isfinite(values)
        return bootstrap_interval(values[there], self.sample_classes[there])

    def by_group(
        self, groups: Array | None, figure: str = "intra_class_distance", **arguments: Any
    ) -> GroupTable:
        """Returns a value by groups of the examples, and the gap between the best and the worst.

        A smaller intra-class distance counts as better; for other values, larger is better.

        Args:
            groups: (N,), integers or strings, one for each example.
            figure: ``"norm"``, ``"k_occurrence"``, ``"intra_class_distance"`` or
                ``"inter_class_distance"``.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.
        """
        groups = np.asarray(groups)
        if figure not in _PER_EXAMPLE or groups.shape[:1] != self.norm.shape:
            raise ValueError(
                expected(
                    f"figure to be one of {', '.join(_PER_EXAMPLE)} and groups of shape "
                    f"{self.norm.shape}",
                    figure=figure,
                    groups_shape=groups.shape,
                )
            )
        values = self.norm[self.sample] if figure == "norm" else getattr(self, figure)
        there = np.isfinite(values)
        chosen, classes = groups[self.sample][there], self.sample_classes[there]
        arguments.setdefault("higher_is_better", figure != "intra_class_distance")
        return group_table(figure, values[there], chosen, classes, **arguments)

    def summary(self) -> str:
        """Returns the figures as a few lines of text, and the advice."""
        lines = [f"Embedding: {len(self.norm):,} examples, {self.width} dimensions"]
        if len(self.sample) < len(self.norm):
            lines.append(
                f"  uniformity, hubness and class distances of a sample of {len(self.sample):,}"
            )
        for name, value in self.figures().items():
            if np.isfinite(value):
                line = f"  {name.replace('_', ' '):<22}{value:>10.4f}"
                low, high = self.interval(name)
                if np.isfinite(low):
                    line += f"  (95 % interval {low:.4f} to {high:.4f})"
                lines.append(line)
        return "\n".join([*lines, *(f"  ! {line}." for line in self.advice())])

    def to_dict(self) -> dict:
        """Returns figures, intervals and advice as plain Python values; NaN becomes None."""
        figures = self.figures()
        return plain(
            {
                "num_examples": len(self.norm),
                "num_sampled": len(self.sample),
                "width": self.width,
                "distance": self.distance,
                "k": self.k,
                **figures,
                "intervals": {name: self.interval(name) for name in _MEANS},
                "collapsed": self.collapsed,
                "advice": self.advice(),
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def _mean(values):
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
