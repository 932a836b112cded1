"""The result of a search: its trials, the best of them, and its figures on the test data."""

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
from tfmetric.typing import PathLike


@dataclass(frozen=True, repr=False)
class TuningResult:
    """The trials of a search, the best of them, and its figures on the test data.

    Attributes:
        trials: All trials, in the order in which they began.
        objective: Name of the retrieval figure.
        directory: Where the search is written.
        validation: How trials were judged: "by" (the unit that folds split), "folds", "repeats",
            and "classes", "examples" and by groups "groups", the mean numbers that a fold is
            judged on.
        final: The :class:`Judgement` of the best setting, trained on all training data; None
            before it was judged.
        default: The :class:`Judgement` of the default setting; None if it was not judged.
        space: The search space as plain values.
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
        """The settings of the best trial, searched or not."""
        return self.best.settings

    @property
    def optimism(self) -> float | None:
        """Validation minus test of the best setting, on as many classes; None without test data."""
        return self.final.optimism if self.final else None

    @property
    def at_the_ends(self) -> dict[str, str]:
        """The values of the best trial at an end of their range: "lower" or "upper" by name."""
        return at_the_ends(self.best.values, self.best.settings.loss, self.space)

    @cached_property
    def embedder(self) -> keras.Model | None:
        """The embedder of the best setting, trained on all training data; None before that."""
        path = self.directory / MODEL
        if self.model is not None or not path.is_file():
            return self.model
        return keras.saving.load_model(path)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the searched values."""
        return tuple(dict.fromkeys(name for trial in self.trials for name in trial.values))

    def table(self) -> list[dict]:
        """Returns a dictionary for each trial, the best first, for pictures and data frames.

        The keys are "trial", its number; "settings", the searched values; "score"; "runs", the
        best objective of each run; "status", "reason", "sign" (a sign of collapse, or ""),
        "best_epoch" and "seconds".
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
        """Returns the trials as a table, the best first, and the figures of the best."""
        return "\n".join([*table_lines(self), "", *end_lines(self)])

    def to_dict(self) -> dict:
        """Returns the result as plain values."""
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


def read(directory: PathLike) -> TuningResult:
    """Reads a search, finished or not.

    Args:
        directory: The directory of the search.

    Returns:
        The result so far; its embedder is loaded when it is first used.

    Raises:
        ValueError: If the directory holds no search.
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
    """Returns the finished trials of a search, in the order of their numbers."""
    return tuple(Trial.from_dict(outcome["trial"]) for outcome in files.outcomes())
