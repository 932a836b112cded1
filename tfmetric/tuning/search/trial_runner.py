"""Runs a trial of Keras Tuner: one setting on all folds and repetitions.

Each finished run is written down at once, so that a killed trial goes on after its last run.
"""

from __future__ import annotations

from tfmetric.tuning.held_out_folds import searched_gallery
from tfmetric.tuning.one_training import run_once, run_seed
from tfmetric.tuning.run_record import RunRecord
from tfmetric.tuning.search.median_pruning import median_rule, score
from tfmetric.tuning.search.trial import Trial


class TrialRunner:
    """Runs trials of Keras Tuner.

    Args:
        files: The search's directory, for finished runs and trials.
        space: The :class:`~tfmetric.tuning.SearchSpace`.
        folds: Pairs of data to train on and to judge on.
        repeats: Trainings on each fold.
        known: The identity of the search, as its chief has written it.
        seed: The seed of the search; each run derives its own from it, the fold and the repetition.
        prune: Whether to stop hopeless trials.
        report: The :class:`ProgressLines` to tell of each trial and epoch.
        **run: Arguments of :func:`~tfmetric.tuning.run_once` for every run.
    """

    def __init__(self, files, space, folds, repeats, *, known, seed, prune, report, **run):
        self.files, self.space, self.folds = files, space, folds
        self.plan = [(fold, repeat) for repeat in range(repeats) for fold in range(len(folds))]
        self.known, self.seed, self.prune, self.report, self.run = known, seed, prune, report, run

    def __call__(self, trial) -> float:
        """Does the runs of a trial that are missing, and returns its score."""
        self.files.check(self.known)
        values = dict(trial.hyperparameters.values)
        known = self.files.outcome(trial.trial_id, values)
        if known is None:
            done = self._run(trial.trial_id, values, trial.hyperparameters)
            outcome = {"trial_id": trial.trial_id, "values": values, "trial": done.to_dict()}
            self.files.write_outcome(trial.trial_id, outcome)
        else:
            done = Trial.from_dict(known["trial"])
        self.report.finished(done, new=known is None)
        return done.score

    def _run(self, trial_id, values, hp):
        number = int(trial_id) + 1
        try:
            settings = self.space.settings_of(hp)
        except ValueError as error:  # Each value is possible alone, but not all together.
            fixed = self.space.default_settings()
            return Trial(number, values, fixed, 0.0, (), "collapsed", str(error))
        settings = settings.replace(epochs=values.get("tuner/epochs", settings.epochs))
        searched = self.space.values_of(settings)
        if "tuner/epochs" in values:
            searched["epochs"] = settings.epochs
        self.report.begin(number, searched, len(self.plan) * settings.epochs)
        others = [
            Trial.from_dict(outcome["trial"]).runs
            for outcome in self.files.outcomes()
            if outcome["trial_id"] != trial_id
        ]
        runs = []
        for fold, repeat in self.plan:
            known = self.files.run(trial_id, values, fold, repeat)
            if known is None:
                record = self._run_once(settings, fold, repeat, runs, others)
                self.files.write_run(trial_id, values, record.to_dict())
            else:
                record = RunRecord.from_dict(known)
            runs.append(record)
            if record.status != "completed":
                break
        return Trial(
            number,
            searched,
            settings,
            score(runs, len(self.plan), others),
            tuple(runs),
            runs[-1].status,
            runs[-1].reason if runs[-1].status != "completed" else "",
            sum(run.seconds for run in runs),
        )

    def _run_once(self, settings, fold, repeat, runs, others):
        last = (fold, repeat) == self.plan[-1]
        rule = median_rule(runs, others, settings.epochs, last) if self.prune else None

        def each_epoch(curve):
            self.report.epoch()
            return rule(curve) if rule else None

        seed = run_seed(self.seed, fold, repeat)
        gallery = searched_gallery(*self.folds[fold])
        record = run_once(
            *self.folds[fold], settings, seed, gallery=gallery, stop=each_epoch, **self.run
        )
        return record.replace(fold=fold, repeat=repeat)
