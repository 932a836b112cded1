"""The result of a benchmark: figures of losses on test data, with intervals over seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.tuning.benchmark.seed_intervals import overlap, summarize, t_interval
from tfmetric.tuning.json_files import read_json
from tfmetric.typing import PathLike

RESULTS = "results.json"
RAW, UNTRAINED = "raw inputs", "untrained embedder"


@dataclass(frozen=True)
class BenchmarkResult:
    """Figures of losses on test data: means over seeds, with intervals.

    Attributes:
        protocol: The values that all losses share: "seeds", "folds", "objective", "figures",
            "max_trials", "data" and so on.
        settings: The :class:`~tfmetric.training.Settings` of each label, as a search chose them.
        trainings: A dictionary for each training: "label", "seed", "fold", "validation" (the
            objective in the best epoch, on the held-out fold), "best_epoch", "figures" (on the
            test classes), "status", "reason", "seconds", ...
        concatenated: A dictionary for the concatenated models of a label and seed: "label",
            "seed", "figures".
        baselines: "raw", the "figures" of raw inputs and a "note"; "untrained", a list with "seed",
            "fold" and "figures" of the untrained embedder.
        searches: The trials and the choice of the search of each label; empty without a search.
        versions: The versions of the packages; several if it was continued with others.
        directory: The directory of the benchmark.
    """

    protocol: Mapping
    settings: Mapping[str, Settings]
    trainings: tuple[Mapping, ...]
    concatenated: tuple[Mapping, ...] = ()
    baselines: Mapping = field(default_factory=dict)
    searches: Mapping[str, Mapping] = field(default_factory=dict)
    versions: tuple[Mapping, ...] = ()
    directory: Path | None = None

    @property
    def objective(self) -> str:
        """The figure that epochs and settings were chosen by and that the table is sorted by."""
        return self.protocol["objective"]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds with which all losses have been trained on all folds."""
        done = {(row["label"], row["seed"], row["fold"]) for row in self.trainings}
        folds = range(self.protocol["folds"])
        return tuple(
            seed
            for seed in self.protocol["seeds"]
            if all((label, seed, fold) in done for label in self.settings for fold in folds)
        )

    def values(self, label: str, figure: str | None = None, concatenated: bool = False) -> Any:
        """Returns a figure on the test data for each seed: the mean over the folds' models.

        Args:
            label: The label of the loss.
            figure: The name of the figure. Defaults to the objective.
            concatenated: Whether to take the figure of the folds' models together.

        Raises:
            ValueError: If there is no such label or figure.
        """
        figure = figure or self.objective
        if label not in self.settings or figure not in self.protocol["figures"]:
            raise ValueError(
                expected(
                    f"a label among {', '.join(self.settings)} and a figure among "
                    f"{', '.join(self.protocol['figures'])}",
                    label=label,
                    figure=figure,
                )
            )
        rows = self.concatenated if concatenated else self.trainings
        return self._by_seed([row for row in rows if row["label"] == label], figure)

    def table(self) -> list[dict]:
        """Returns a dictionary for each loss, the best first, then for each baseline.

        The keys are "label"; "baseline"; "figures" and "concatenated" with "mean", "interval"
        (95 %, Student's t over the seeds) and "values" of each figure; "validation", the objective
        on the held-out folds; "behind", how far the objective is behind the best, seed by seed;
        "trainings", "failed", "best_epoch" and "seconds".
        """
        return [*self._compared, *self._baseline_rows]

    @property
    def best(self) -> str:
        """The label with the highest mean of the objective."""
        return self._compared[0]["label"]

    @property
    def best_interval(self) -> tuple[float, float] | None:
        """The interval of the best; None with one seed."""
        return self._compared[0]["figures"][self.objective]["interval"]

    def level_with_best(self) -> tuple[str, ...]:
        """Returns the labels whose interval overlaps the best one's, without the best."""
        return tuple(
            row["label"]
            for row in self._compared[1:]
            if overlap(row["figures"][self.objective]["interval"], self.best_interval)
        )

    def verdict(self) -> str:
        """Returns in plain words which losses are the best, and which may be as good."""
        from tfmetric.tuning.benchmark.results_page import verdict

        return verdict(self)

    def summary(self) -> str:
        """Returns the table as text, and the verdict."""
        from tfmetric.tuning.benchmark.results_page import text_table

        return f"{text_table(self)}\n{self.verdict()}"

    def to_markdown(self) -> str:
        """Returns a page of Markdown with the table, the verdict, and the method."""
        from tfmetric.tuning.benchmark.results_page import markdown

        return markdown(self)

    def figure(self, figure: str | None = None, title: str | None = None) -> Any:
        """Draws the means with their intervals.

        Args:
            figure: The name of the figure. Defaults to the objective.
            title: Title of the picture.

        Returns:
            A ``matplotlib.figure.Figure``, see :func:`tfmetric.visualization.intervals`.
        """
        from tfmetric.visualization import intervals
        from tfmetric.visualization.groups import figure_title

        figure = figure or self.objective
        rows = [
            {"name": row["label"], "baseline": row["baseline"], **row["figures"][figure]}
            for row in self.table()
        ]
        return intervals(rows, title, f"{figure_title(figure)} on test data")

    def to_dict(self) -> dict:
        """Returns the result as plain values, as ``results.json`` holds it."""
        return {
            "protocol": dict(self.protocol),
            "table": self.table(),
            "verdict": self.verdict(),
            "settings": {label: own.to_dict() for label, own in self.settings.items()},
            "searches": dict(self.searches),
            "trainings": list(self.trainings),
            "concatenated": list(self.concatenated),
            "baselines": dict(self.baselines),
            "versions": list(self.versions),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def _by_seed(self, rows, figure):
        found = []
        for seed in self.seeds:
            own = [row["figures"][figure] for row in rows if row["seed"] == seed]
            if own:
                found.append(float(np.mean(own)))
        return found

    @cached_property
    def _compared(self):
        rows = [self._row(label) for label in self.settings] if self.seeds else []
        if not rows:
            raise ValueError(
                expected(
                    "one seed at least that every loss has been trained with on all folds",
                    trainings=len(self.trainings),
                )
            )
        rows.sort(key=lambda row: -row["figures"][self.objective]["mean"])
        first = rows[0]["figures"][self.objective]["values"]
        for row in rows[1:]:
            own = row["figures"][self.objective]["values"]
            apart = [best - value for best, value in zip(first, own, strict=True)]
            row["behind"] = {"mean": float(np.mean(apart)), "interval": t_interval(apart)}
        return rows

    def _row(self, label):
        own = [r for r in self.trainings if r["label"] == label and r["seed"] in self.seeds]
        together = [r for r in self.concatenated if r["label"] == label]
        figures = self.protocol["figures"]
        fine = [row for row in own if row["status"] != "collapsed"]
        return {
            "label": label,
            "baseline": False,
            "figures": {name: summarize(self._by_seed(own, name)) for name in figures},
            "concatenated": {
                name: summarize(self._by_seed(together, name)) for name in figures if together
            },
            "validation": float(np.mean([row["validation"] for row in own])),
            "behind": None,
            "trainings": len(own),
            "failed": len(own) - len(fine),
            "reasons": sorted({row["reason"] for row in own if row["status"] == "collapsed"}),
            "best_epoch": float(np.mean([row["best_epoch"] for row in fine])) if fine else None,
            "seconds": float(np.mean([row["seconds"] for row in own])),
        }

    @property
    def _baseline_rows(self):
        rows, figures = [], self.protocol["figures"]
        if untrained := self.baselines.get("untrained"):
            rows.append((UNTRAINED, {f: self._by_seed(untrained, f) for f in figures}))
        if raw := self.baselines.get("raw", {}).get("figures"):
            rows.append((RAW, {name: [raw[name]] for name in figures}))
        return [
            {
                "label": label,
                "baseline": True,
                "figures": {name: summarize(values) for name, values in found.items()},
            }
            for label, found in rows
            if found[self.objective]
        ]


def read_benchmark(directory: PathLike) -> BenchmarkResult:
    """Reads the result of a benchmark.

    Args:
        directory: The directory of the benchmark, which holds ``results.json``.

    Raises:
        ValueError: If the directory holds no result.
    """
    path = Path(directory) / RESULTS
    held = read_json(path)
    if not isinstance(held, dict) or "trainings" not in held:
        raise ValueError(
            expected(f"the directory of a benchmark, which holds {RESULTS}", path=str(path))
        )
    return BenchmarkResult(
        protocol=held["protocol"],
        settings={label: Settings.from_dict(own) for label, own in held["settings"].items()},
        trainings=tuple(held["trainings"]),
        concatenated=tuple(held["concatenated"]),
        baselines=held["baselines"],
        searches=held["searches"],
        versions=tuple(held["versions"]),
        directory=Path(directory),
    )
