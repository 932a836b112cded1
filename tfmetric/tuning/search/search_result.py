"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.tuning.search.judgement import Judgement
from tfmetric.tuning.search.range_ends import at_the_ends
from tfmetric.tuning.search.search_directory import MODEL, RESULT, SEARCH, SearchDirectory
from tfmetric.tuning.search.trial import Trial, best_of, rank
from tfmetric.tuning.search.trial_tables import end_lines, table_lines


@dataclass(frozen=True, repr=False)
class TuningResult:
    """The trials of a search, the best of them, and what it is worth on the test classes.

    Attributes:
        trials: Every trial, in the order in which they began.
        objective: Name of the retrieval figure.
        directory: Where the search is written.
        validation: How trials were judged: "folds", "repeats" and "classes", how many classes a
            fold is judged on.
        final: The best setting, trained on all training classes and judged on the test classes;
            None before that.
        default: The same of the setting with nothing searched; None if it was not compared.
        space: What was searched, as plain values.
        model: The embedder of the best setting, trained on all training classes, or None.
    """

    trials: tuple[Trial, ...]
    objective: str
    directory: Path
    validation: Mapping
    final: Judgement | None = None
    default: Judgement | None = None
    space: Mapping = field(default_factory=dict, compare=False)
    model: keras.Model | None = field(default=None, repr=False, compare=False)

    def __repr__(self):
        best = best_of(self.trials, none=True)
        score = "none to its end" if best is None else f"best {self.objective} {best.score:.4f}"
        return f"<TuningResult: {len(self.trials)} trials, {score}, in {self.directory}>"

    @property
    def best(self) -> Trial:
        """The completed trial with the highest score.

        Raises:
            ValueError: If there is none.
        """
        return best_of(self.trials)

    @property
    def best_settings(self) -> Settings:
        """All settings of the best trial."""
        return self.best.settings

    @property
    def optimism(self) -> float | None:
        """Validation minus test of the best setting, on as many classes; None without a test."""
        return self.final.optimism if self.final else None

    @property
    def at_the_ends(self) -> dict[str, str]:
        """What of the best trial is at the "lower" or "upper" end of what was searched, by name."""
        return at_the_ends(self.best.values, self.best.settings.loss, self.space)

    @cached_property
    def embedder(self) -> keras.Model | None:
        """The best setting's embedder, trained on all training classes; None before that."""
        path = self.directory / MODEL
        if self.model is not None or not path.is_file():
            return self.model
        return keras.saving.load_model(path)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the searched values."""
        return tuple(dict.fromkeys(name for trial in self.trials for name in trial.values))

    def table(self) -> list[dict]:
        """A dictionary a trial, the best first: what pictures and data frames take.

        "trial", its number; "settings", the searched values; "score"; "runs", the best of each
        run; "status", "reason", "sign" (what looks like a collapse, or ""), "best_epoch" and
        "seconds".
        """
        return [
            {
                "trial": trial.number,
                "settings": dict(trial.values),
                "score": trial.score,
                "runs": [run.best for run in trial.runs],
                "status": trial.status,
                "reason": trial.reason,
                "sign": trial.sign,
                "best_epoch": trial.best_epoch,
                "seconds": trial.seconds,
            }
            for trial in sorted(self.trials, key=rank)
        ]

    def summary(self) -> str:
        """The trials as a table, the best first, and what the best is worth."""
        return "\n".join([*table_lines(self), "", *end_lines(self)])

    def to_dict(self) -> dict:
        """The result as plain values."""
        best = best_of(self.trials, none=True)
        return {
            "objective": self.objective,
            "validation": dict(self.validation),
            "best": best and best.number,
            "best_values": best and dict(best.values),
            "best_settings": best and best.settings.to_dict(),
            "final": self.final and self.final.to_dict(),
            "default": self.default and self.default.to_dict(),
            "optimism": self.optimism,
            "at_the_ends": self.at_the_ends if best else {},
            "trials": [trial.to_dict() for trial in self.trials],
        }


def read(directory) -> TuningResult:
    """Reads a search, finished or not.

    Args:
        directory: The directory of the search.

    Returns:
        The result so far; its embedder is loaded when it is first asked for.

    Raises:
        ValueError: If it is no directory of a search.
    """
    files = SearchDirectory(directory)
    config = files.read(SEARCH)
    if config is None:
        raise ValueError(
            expected(
                f"the directory of a search, as margin_search has it, which holds {SEARCH}",
                directory=str(directory),
            )
        )
    end = files.read(RESULT) or {}
    final, default = (
        Judgement.from_dict(end[name]) if end.get(name) else None for name in ("final", "default")
    )
    return TuningResult(
        read_trials(files),
        config["objective"],
        files.directory,
        config["validation"],
        final,
        default,
        {name: config[name] for name in ("arguments", "shared")},
    )


def read_trials(files: SearchDirectory) -> tuple[Trial, ...]:
    """The finished trials of a search, in the order of their numbers."""
    return tuple(Trial.from_dict(outcome["trial"]) for outcome in files.outcomes())
