"""One trial: one setting on all folds and repetitions, each finished run written down at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.tuning import pruning
from tfmetric.tuning.records import RunRecord
from tfmetric.tuning.runs import run_once, run_seed


@dataclass(frozen=True)
class Trial:
    """A setting that was tried.

    Attributes:
        number: Which one, from 1.
        values: The searched values by name, such as "margin".
        settings: All settings.
        score: The objective: the mean of the best epochs of its runs; of a pruned trial an estimate
            of what that would have been.
        runs: A :class:`RunRecord` for each fold and repetition.
        status: "completed"; "pruned": stopped as hopeless, and no candidate for the best;
            "collapsed": scored 0.0, as NaN, all embeddings at one point, or out of memory.
        reason: Why it was stopped or is worthless.
        seconds: How long it took.
    """

    number: int
    values: Mapping
    settings: Settings
    score: float
    runs: tuple[RunRecord, ...]
    status: str = "completed"
    reason: str = ""
    seconds: float = 0.0

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, that was best, in the mean over the runs; 0 if there is none."""
        epochs = [run.best_epoch for run in self.runs if run.status != "collapsed"]
        return round(sum(epochs) / len(epochs)) if epochs else 0

    def to_dict(self) -> dict:
        """The trial as plain values."""
        return {
            "number": self.number,
            "values": dict(self.values),
            "settings": self.settings.to_dict(),
            "score": self.score,
            "runs": [run.to_dict() for run in self.runs],
            "status": self.status,
            "reason": self.reason,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> Trial:
        """The trial that :meth:`to_dict` gave."""
        return cls(
            **{
                **values,
                "values": {
                    k: tuple(v) if isinstance(v, list) else v for k, v in values["values"].items()
                },
                "settings": Settings.from_dict(values["settings"]),
                "runs": tuple(RunRecord.from_dict(run) for run in values["runs"]),
            }
        )


def best_of(trials, none: bool = False) -> Trial | None:
    """The completed trial with the highest score, the first of equals.

    Args:
        trials: The trials.
        none: Whether None is an answer.

    Raises:
        ValueError: If there is none.
    """
    complete = [trial for trial in trials if trial.status == "completed"]
    if not complete and not none:
        reasons = sorted({f"{t.status}: {t.reason}" for t in trials if t.status != "completed"})
        raise ValueError(
            expected(
                "a trial that went to its end; look at the data, the learning rate and the search "
                "space",
                trials=len(trials),
                reasons=reasons[:3],
            )
        )
    return min(complete, key=rank, default=None)


def rank(trial):
    """Completed trials first, the best of them first."""
    return trial.status != "completed", -trial.score, trial.number


class Runner:
    """Runs trials of Keras Tuner.

    Args:
        journal: Where finished runs and trials are written and looked up.
        space: The :class:`~tfmetric.tuning.SearchSpace`.
        folds: Pairs of data to train on and to judge on.
        repeats: Trainings on each fold.
        known: What the search is, as its chief has written it down.
        seed: Of all: each run's own is made of it, the fold and the repetition.
        prune: Whether hopeless trials are stopped.
        report: Called with the trial at its begin, each epoch and its end.
        **run: Further arguments of :func:`run_once`.
    """

    def __init__(self, journal, space, folds, repeats, *, known, seed, prune, report, **run):
        self.journal, self.space, self.folds = journal, space, folds
        self.plan = [(fold, repeat) for repeat in range(repeats) for fold in range(len(folds))]
        self.known, self.seed, self.prune, self.report, self.run = known, seed, prune, report, run

    def __call__(self, trial) -> float:
        """Runs what is not yet done of a trial, and returns its score."""
        self.journal.check(self.known)
        values = dict(trial.hyperparameters.values)
        known = self.journal.outcome(trial.trial_id, values)
        if known is None:
            done = self._run(trial.trial_id, values, trial.hyperparameters)
            outcome = {"trial_id": trial.trial_id, "values": values, "trial": done.to_dict()}
            self.journal.write_outcome(trial.trial_id, outcome)
        else:
            done = Trial.from_dict(known["trial"])
        self.report.finished(done, new=known is None)
        return done.score

    def _run(self, trial_id, values, hp):
        number = int(trial_id) + 1
        try:
            settings = self.space.settings_of(hp)
        except ValueError as error:  # Values that are possible alone, but not together.
            fixed = self.space.default_settings()
            return Trial(number, values, fixed, 0.0, (), "collapsed", str(error))
        settings = settings.replace(epochs=values.get("tuner/epochs", settings.epochs))
        searched = self.space.values_of(settings)
        if "tuner/epochs" in values:
            searched["epochs"] = settings.epochs
        self.report.begin(number, searched, len(self.plan) * settings.epochs)
        others = [
            Trial.from_dict(outcome["trial"]).runs
            for outcome in self.journal.outcomes()
            if outcome["trial_id"] != trial_id
        ]
        runs = []
        for fold, repeat in self.plan:
            known = self.journal.run(trial_id, values, fold, repeat)
            if known is None:
                record = self._run_once(settings, fold, repeat, runs, others)
                self.journal.write_run(trial_id, values, record.to_dict())
            else:
                record = RunRecord.from_dict(known)
            runs.append(record)
            if record.status != "completed":
                break
        return Trial(
            number,
            searched,
            settings,
            pruning.score(runs, len(self.plan), others),
            tuple(runs),
            runs[-1].status,
            runs[-1].reason if runs[-1].status != "completed" else "",
            sum(run.seconds for run in runs),
        )

    def _run_once(self, settings, fold, repeat, runs, others):
        last = (fold, repeat) == self.plan[-1]
        rule = pruning.median_rule(runs, others, settings.epochs, last) if self.prune else None

        def each_epoch(curve):
            self.report.epoch()
            return rule(curve) if rule else None

        seed = run_seed(self.seed, fold, repeat)
        record = run_once(*self.folds[fold], settings, seed, stop=each_epoch, **self.run)
        return record.replace(fold=fold, repeat=repeat)
