"""Keras Tuner's tuners, which run the trials of this library in place of their own."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from collections.abc import Mapping

import keras_tuner
from keras_tuner.src.distribute import utils as distribution

from tfmetric._errors import expected
from tfmetric.tuning.json_files import write_json
from tfmetric.tuning.search.durable_oracle import durable

TUNERS = {
    "random": keras_tuner.RandomSearch,
    "bayesian": keras_tuner.BayesianOptimization,
    "hyperband": keras_tuner.Hyperband,
    "grid": keras_tuner.GridSearch,
}
# Arguments that margin_search has itself, and arguments about models that Keras Tuner would train.
_OURS = {
    "directory",
    "executions_per_trial",
    "hypermodel",
    "max_trials",
    "objective",
    "oracle",
    "overwrite",
    "project_name",
    "seed",
    "tuner_id",
}
_MODELS = {"distribution_strategy", "loss", "max_model_size", "metrics", "optimizer"}


def is_worker() -> bool:
    """Whether this process is a worker of a chief elsewhere."""
    return distribution.has_chief_oracle() and not distribution.is_chief_oracle()


def is_chief() -> bool:
    """Whether this process is the chief, which hands trials to workers."""
    return distribution.is_chief_oracle()


def as_tuner(tuner) -> tuple[type, dict]:
    """A class of Keras Tuner and its further arguments.

    Args:
        tuner: A name among :data:`TUNERS`, a class, or a pair of one of these and a dictionary.

    Raises:
        ValueError: If it is none of these, or the search has such an argument itself.

    >>> as_tuner(("random", {"tune_new_entries": False}))[1]
    {'tune_new_entries': False}
    """
    pair = isinstance(tuner, (tuple, list)) and len(tuner) == 2 and isinstance(tuner[1], Mapping)
    kind, options = (_kind_of(tuner[0]), dict(tuner[1])) if pair else (_kind_of(tuner), {})
    for names, why in (
        (_OURS, "margin_search has its own arguments"),
        (_MODELS, "settings and losses say what is trained"),
    ):
        taken = sorted(names & set(options))
        if taken:
            raise ValueError(expected(f"options of the tuner alone; {why}", options=taken))
    return kind, options


def _kind_of(tuner):
    kind = TUNERS.get(tuner, tuner) if isinstance(tuner, str) else tuner
    if not inspect.isclass(kind) or not issubclass(kind, (keras_tuner.Tuner, keras_tuner.Oracle)):
        raise ValueError(
            expected(
                f"tuner to be one of {', '.join(TUNERS)}, a class of Keras Tuner (a Tuner or an "
                "Oracle), or a pair of one of these and its options",
                tuner=tuner,
            )
        )
    return kind


def is_grid(kind) -> bool:
    """Whether a class tries all combinations of values."""
    return issubclass(kind, (keras_tuner.GridSearch, keras_tuner.oracles.GridSearchOracle))


def is_hyperband(kind) -> bool:
    """Whether a class decides itself how long each trial trains."""
    return issubclass(kind, (keras_tuner.Hyperband, keras_tuner.oracles.HyperbandOracle))


def run(tuner) -> None:
    """Runs the trials that are left; the chief of workers waits for them instead.

    Raises:
        Exception: An error of a trial that its setting has not caused.
    """
    try:
        with _silent() if is_chief() else contextlib.nullcontext():
            tuner.search()
    except keras_tuner.errors.FatalError as error:
        raise (error.__cause__ or error) from None
    if is_chief() and tuner.oracle.stopped:
        raise RuntimeError("Expected workers without an error. Received: a worker that failed")


def planned(tuner, space) -> int | None:
    """Returns the number of trials that a tuner will run at most; None if it is not known."""
    oracle = tuner.oracle
    most = getattr(oracle, "max_trials", None)
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle):
        brackets = range(oracle._get_num_brackets())
        sizes = (
            oracle._get_size(bracket, turn) for bracket in brackets for turn in range(bracket + 1)
        )
        return sum(sizes) * oracle.hyperband_iterations
    if isinstance(oracle, keras_tuner.oracles.GridSearchOracle):
        return min(space.size(), most or space.size())
    return most


def make_tuner(kind, options, *, space, run, files, objective, max_trials, epochs, seed):
    """Makes a tuner of Keras Tuner that runs the trials of this library.

    Args:
        kind: The class of the tuner, or of its oracle.
        options: Further arguments of that class.
        space: The :class:`~tfmetric.tuning.SearchSpace`.
        run: Function from a trial of Keras Tuner to its score.
        files: The search's directory.
        objective: Name of the retrieval figure.
        max_trials: The most trials; None for as many as the class itself chooses.
        epochs: Epochs of a training, for classes with that argument.
        seed: Seed of the values that the tuner draws.
    """
    is_oracle = issubclass(kind, keras_tuner.Oracle)
    known = inspect.signature(kind.__init__).parameters
    arguments = {
        "objective": keras_tuner.Objective(f"val_{objective}", "max"),
        "max_trials": max_trials,
        "max_epochs": epochs,
        # Keras Tuner reads 0 as no seed.
        "seed": seed + 1,
    }
    arguments = {key: value for key, value in arguments.items() if key in known}
    arguments |= options
    place = {
        "hypermodel": _Declared(space),
        "directory": str(files.directory.parent),
        "project_name": files.directory.name,
    }
    base = keras_tuner.Tuner if is_oracle else kind
    search = type("Search", (_Search, base), {"files": files, "run": staticmethod(run)})
    with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
        if is_oracle:
            return search(oracle=kind(**arguments), **place)
        return search(**arguments, **place)


class _Declared(keras_tuner.HyperModel):
    """Declares the search space where Keras Tuner would build a model, which takes seconds."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def build(self, hp):
        self.space.settings_of(hp)


class _Search(keras_tuner.Tuner):
    """Replaces how a tuner runs trials and keeps files; it is mixed in before the tuner's class."""

    @property
    def oracle(self):
        return self._oracle

    @oracle.setter
    def oracle(self, oracle):
        self._oracle = durable(oracle)

    def run_trial(self, trial, *args, **kwargs):
        name = self.oracle.objective.name
        try:
            return {name: self.run(trial)}
        except Exception as error:
            if self._is_worker():  # Else the chief would wait for this worker for ever.
                trial.status = "FAILED"
                with _silent():
                    self.oracle.end_trial(trial)
                    self.oracle.create_trial(self.tuner_id)
            raise keras_tuner.errors.FatalError(str(error)) from error

    def on_search_begin(self):
        self.save()

    def on_trial_end(self, trial):
        with _silent():
            super().on_trial_end(trial)

    def save(self):
        if not self._is_worker():  # A worker may start before its chief, without any state.
            self.oracle.save()
            write_json(self._get_tuner_fname(), self.get_state())

    def reload(self):
        self._populate_initial_space()
        if not self._is_worker():
            self.oracle.restore(self.files.outcomes(), self.oracle.objective.name)

    def _get_tuner_fname(self):
        # One process and a chief use one name, so that either goes on with the other's search.
        name = self.tuner_id if self._is_worker() else "tuner0"
        return os.path.join(str(self.project_dir), f"{name}.json")


@contextlib.contextmanager
def _silent():
    """Silences Keras Tuner, which prints each condition that it sends to a chief."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
