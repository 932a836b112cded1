"""Keras Tuner's oracles, made to survive a kill at any moment.

Keras Tuner writes its state into several files in place. A kill leaves half a file, or files that
do not belong together, and a grid search cannot go on at all. Here the state is one file that is
replaced as a whole, and a state that cannot be read is rebuilt from the finished trials.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import keras_tuner
import numpy as np
import threadpoolctl
from keras_tuner.src.engine import metrics_tracking
from keras_tuner.src.engine import trial as trials
from keras_tuner.src.tuners import gridsearch
from sklearn.exceptions import ConvergenceWarning

from tfmetric._errors import expected
from tfmetric.tuning.json_files import read_json, write_json
from tfmetric.tuning.search.search_directory import ORACLE


def durable(oracle):
    """Makes an oracle durable; a worker's client, which is no oracle, is returned unchanged."""
    if isinstance(oracle, keras_tuner.Oracle) and not isinstance(oracle, _Durable):
        kind = type(oracle)
        oracle.__class__ = type(kind.__name__, (_Durable, kind), {})
        oracle.verbose = 0  # Else Keras Tuner prints tables of its own for each trial.
    return oracle


class _Durable(keras_tuner.Oracle):
    # True after a trial has failed: its error has another cause than the setting, so all stop.
    stopped = False

    def save(self):
        trial_states = [trial.get_state() for trial in self.trials.values()]
        write_json(self._get_oracle_fname(), {**self.get_state(), "trials": trial_states})

    def _save_trial(self, trial):
        # For people who open the directory or load it with Keras Tuner; it is not read here.
        write_json(f"{self._get_trial_dir(trial.trial_id)}/trial.json", trial.get_state())

    def _get_oracle_fname(self):
        return f"{self._project_dir}/{ORACLE}"

    def restore(self, outcomes, objective: str) -> None:
        """Restores the state from its file, or without one from the finished trials.

        Args:
            outcomes: The outcomes of finished trials, in their order.
            objective: Name of the objective.
        """
        state = read_json(self._get_oracle_fname())
        if state is None:
            self._rebuild(outcomes, objective)
        else:
            found = [trials.Trial.from_state(trial) for trial in state["trials"]]
            self.trials = {trial.trial_id: trial for trial in found}
            self.set_state(state)
            broken = [t.trial_id for t in found if t.status != trials.TrialStatus.COMPLETED]
            self.ongoing_trials: dict[str, Any] = {}
            self._retry_queue = broken[::-1]
            self.end_order: list[str] = [id_ for id_ in self.end_order if id_ not in broken]
            for trial_id in broken:
                self.trials[trial_id].metrics = metrics_tracking.MetricsTracker()
        if isinstance(self, gridsearch.GridSearchOracle):
            self._restore_grid()

    def _rebuild(self, outcomes, objective):
        if isinstance(self, keras_tuner.oracles.HyperbandOracle) and outcomes:
            raise ValueError(
                expected(
                    f"a readable {ORACLE}, as finished trials alone do not say in which round "
                    "Hyperband is; give overwrite=True or another directory",
                    path=self._get_oracle_fname(),
                )
            )
        for outcome in outcomes:
            space = self.hyperparameters.copy()
            space.values = dict(outcome["values"])
            trial = trials.Trial(space, outcome["trial_id"], trials.TrialStatus.COMPLETED)
            trial.metrics.register(objective, direction="max")
            trial.metrics.update(objective, outcome["trial"]["score"], step=0)
            self.trials[trial.trial_id] = trial
            self.score_trial(trial)
            self._record_values(trial)
            self._run_times[trial.trial_id] += 1
            self.start_order.append(trial.trial_id)
            self.end_order.append(trial.trial_id)
        # Without another seed the oracle would propose the same trials again.
        self._seed_state += 1000 * len(outcomes)

    def _restore_grid(self):
        # Keras Tuner does not save these two attributes.
        values = {id_: self.trials[id_].hyperparameters.values for id_ in self.start_order}
        order = functools.cmp_to_key(lambda a, b: self._compare(values[a], values[b]))
        self._ordered_ids = gridsearch.LinkedList()
        for trial_id in sorted(values, key=order):
            self._ordered_ids.insert(trial_id)
        self._populate_next = list(self.start_order)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        if self.stopped:
            self.ongoing_trials.pop(tuner_id, None)
            self.tuner_ids.discard(tuner_id)
            return trials.Trial(self.get_space(), status=trials.TrialStatus.STOPPED)
        return super().create_trial(tuner_id)

    @keras_tuner.synchronized
    def end_trial(self, trial):
        self.stopped = self.stopped or trial.status == trials.TrialStatus.FAILED
        # A chief that was started again has handed out the trial a second time.
        self._retry_queue = [id_ for id_ in self._retry_queue if id_ != trial.trial_id]
        return super().end_trial(trial)

    def populate_space(self, trial_id):
        if hasattr(self, "_random_state"):  # It is not saved: a resumed search would differ.
            self._random_state = np.random.RandomState(self.seed + len(self.trials))
        # The matrices of a Gaussian process are tiny here: threads would wait for each other.
        with warnings.catch_warnings(), threadpoolctl.threadpool_limits(1):
            # A Gaussian process on a few points warns, and no user can do anything about it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)

    def _random_values(self):
        if self.start_order:
            return super()._random_values()
        # The first trial is the setting as it stands, which the others must beat.
        space = self.hyperparameters.copy()
        space.values = {}
        for parameter in space.space:  # A parameter comes after those it depends on.
            if space.is_active(parameter):
                space.values[parameter.name] = parameter.default
        return space.values
