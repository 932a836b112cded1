"""The margin search: Keras Tuner proposes settings, and data that training never sees judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tfmetric._errors import expected
from tfmetric._process_lock import locked
from tfmetric._renamed import renamed
from tfmetric.datasets.arguments import require_seed
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.training import Settings
from tfmetric.tuning.held_out_folds import rule_of_split, searched_gallery, validation_folds
from tfmetric.tuning.many_trainings import FreshEmbedder, without_advice_on_retracing
from tfmetric.tuning.retrieval_objective import check_objective
from tfmetric.tuning.search.judge_best import judge_best
from tfmetric.tuning.search.progress_lines import ProgressLines
from tfmetric.tuning.search.search_directory import SearchDirectory
from tfmetric.tuning.search.search_identity import search_identity
from tfmetric.tuning.search.search_options import (
    Stopping,
    Validation,
    as_validation,
    require_count,
)
from tfmetric.tuning.search.search_result import TuningResult
from tfmetric.tuning.search.search_space import SearchSpace
from tfmetric.tuning.search.tensorboard_hparams import HParams
from tfmetric.tuning.search.trial_runner import TrialRunner
from tfmetric.typing import PathLike

# The default number of trials: a few for each of the two or three values of the default space.
MAX_TRIALS = 20
_JUDGED = ("best", "default")


@renamed(
    tuner_options="tuner=(NAME, OPTIONS)",
    validation_fraction="validation=tfmetric.tuning.Validation(fraction=...)",
    class_folds="validation=tfmetric.tuning.Validation(folds=...)",
    executions_per_trial="validation=tfmetric.tuning.Validation(repeats=...)",
    patience="stopping=tfmetric.tuning.Stopping(patience=...)",
    prune="stopping=tfmetric.tuning.Stopping(prune=...)",
    project_name="directory=DIRECTORY/NAME, the search's own directory,",
    retrain='judged=(), or judged=("best",)',
    compare_default='judged=("best", "default")',
    verbose="progress",
)
def margin_search(
    train: Any,
    test: Any = None,
    *,
    losses: str | Sequence[str] | None = None,
    search_space: Mapping | str | None = None,
    settings: Settings | None = None,
    build_embedder: Callable[[int], keras.Model] | None = None,
    objective: str = "map_at_r",
    validation: Validation | str | None = None,
    tuner: Any = "bayesian",
    max_trials: int | None = None,
    stopping: Stopping | None = None,
    judged: str | Sequence[str] = _JUDGED,
    directory: PathLike | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
    seed: int = 0,
    callbacks: Sequence = (),
    progress: bool = True,
) -> TuningResult | None:
    """Searches the margin and the values beside it, and judges the best on the test data.

    Each trial trains a setting on one part of the training data and is judged by retrieval on the
    other part, never by a validation loss, which a margin rescales. All trials have the same folds,
    batches and initial weights, and the first trial is the setting as it stands. The best setting
    is then trained on all training data and judged once on the test data, which nothing before has
    touched. The difference is the optimism of the search.

    A setting that diverges, collapses or does not fit into memory scores 0. A search that was
    killed goes on where it stood when it is called again in the same way; one process works on a
    search at a time. For several processes, set ``KERASTUNER_TUNER_ID`` ("chief", and a name for
    each worker), ``KERASTUNER_ORACLE_IP`` and ``KERASTUNER_ORACLE_PORT``, give them one directory,
    and start the same call in each.

    Args:
        train: The training data, a ``LabeledData`` or (x, labels).
        test: The test data, or None to judge later. Its classes are either all new, or all among
            those of ``train``: then its examples are looked for among the training examples.
        losses: Name of a loss, see :func:`tfmetric.training.loss_names`, or several to choose
            from. Defaults to that of the settings, a TripletLoss.
        search_space: The values to search: None for :func:`default_space` - margin, temperature or
            scale, and the learning rate, as another rate has another best margin; ``"all"`` for
            mining, distance, P×K and the embedding's length too; or a dictionary that is laid over
            the default, of :class:`Range`, lists of choices, values to fix, and None for a value
            that stays as the settings have it.
        settings: The values that are not searched, epochs among them; defaults to ``Settings()``.
        build_embedder: From the length of an embedding to an embedder of one's own, a new one each
            time; by default :func:`tfmetric.models.embedder` with the settings.
        objective: The retrieval figure to maximise: "map_at_r", "r_precision", "mrr",
            "recall_at_1" or another k, and so on.
        validation: How trials are judged: "classes", "groups" or "examples", or a
            :class:`Validation` for folds, repeats and the share to judge on. Defaults to None: as
            the split into training and test data was made.
        tuner: "bayesian", "random", "hyperband" or "grid" (five values of each range); or a class
            of Keras Tuner, a ``Tuner`` or an ``Oracle``; or a pair of one of these and further
            arguments, such as ``("bayesian", {"num_initial_points": 5})``. Hyperband trains a
            setting from scratch in each round, with a schedule of that length: a model that goes
            on would have been chosen by the data it is judged on, a little more each round.
        max_trials: The number of settings to try; with more than in an earlier call the search goes
            on from there. Defaults to 20, and to the whole grid for "grid"; Hyperband has a number
            of its own.
        stopping: When a trial ends early, a :class:`Stopping`. Defaults to None: at its last
            epoch, or where it is below the median of the others.
        judged: The settings that are trained on all training data and judged on the test data at
            the end: "best", and "default" beside it, the setting with nothing searched. ``()``
            leaves it at the trials.
        directory: The directory of the search. Defaults to ``tuning/`` and the names of the losses.
        overwrite: Whether to begin again where there is a search already.
        tensorboard: Whether to write trials for the HParams page of TensorBoard, into
            ``tensorboard/`` in the directory.
        seed: Seed of the folds, the batches, the weights and the tuner.
        callbacks: Keras callbacks; each training gets copies.
        progress: Whether to print a line for each trial, and in a terminal a bar of its epochs.

    Returns:
        A :class:`TuningResult`; None in a worker: its chief has it.

    Raises:
        ValueError: If an argument is out of its range, the directory holds another search, or
            another process works on it.
        TypeError: If an argument has a former name; the message says the present one.

    Example:

    >>> import numpy as np, tempfile, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 15
    >>> data = tm.datasets.from_arrays(x, labels)
    >>> result = margin_search(
    ...     data,
    ...     settings=tm.training.Settings(epochs=1, batches_per_epoch=1),
    ...     max_trials=1,
    ...     directory=tempfile.mkdtemp(),
    ...     judged=(),
    ...     progress=False,
    ... )
    >>> result.best.values
    {'margin': 0.2, 'learning_rate': 0.003}

    Reference: Musgrave, Belongie, Lim: A Metric Learning Reality Check (2020), on why test classes
    must not choose.
    """
    from tfmetric.tuning.search import keras_tuners

    train, test = as_labeled(train), None if test is None else as_labeled(test)
    require_count("max_trials", max_trials, optional=True)
    require_seed(seed)
    validation, stopping = as_validation(validation), stopping or Stopping()
    judged = _check_judged(judged)
    _check_parts(train, test)
    kind, options = keras_tuners.as_tuner(tuner)
    objective = check_objective(objective)
    by = rule_of_split(train, test) if validation.by == "auto" else validation.by
    parts = validation_folds(
        train, by, folds=validation.folds, fraction=validation.fraction, seed=seed
    )
    space = SearchSpace(losses, search_space, settings, min(part.num_classes for part, _ in parts))
    if not space.searched:
        raise ValueError(expected("something to search; all is fixed", search_space=search_space))
    grid, own_pruning = keras_tuners.is_grid(kind), keras_tuners.is_hyperband(kind)
    if grid:
        space = space.on_grid()
    elif max_trials is None:
        max_trials = MAX_TRIALS
    files = SearchDirectory(directory or Path("tuning", "-".join(space.losses)[:80]))
    build = None if build_embedder is None else FreshEmbedder(build_embedder)
    known = search_identity(
        train,
        space,
        parts,
        objective=objective,
        by=by,
        repeats=validation.repeats,
        patience=stopping.patience,
        prune=stopping.prune,
        seed=seed,
        tuner=kind,
        tuner_options=options,
        build_embedder=build_embedder,
    )

    def tried() -> None:
        """Runs the trials that are left."""
        report = ProgressLines(
            files,
            objective,
            progress,
            HParams(files.path("tensorboard"), objective) if tensorboard else None,
        )
        run = TrialRunner(
            files,
            space,
            parts,
            validation.repeats,
            known=known,
            seed=seed,
            prune=stopping.prune and not own_pruning,
            report=report,
            objective=objective,
            build_embedder=build,
            callbacks=callbacks,
            patience=stopping.patience,
        )
        search = keras_tuners.make_tuner(
            kind,
            options,
            space=space,
            run=run,
            files=files,
            objective=objective,
            max_trials=max_trials,
            epochs=space.settings.epochs,
            seed=seed,
        )
        report.total = keras_tuners.planned(search, space)
        keras_tuners.run(search)

    with without_advice_on_retracing():
        if keras_tuners.is_worker():  # Its chief has the lock, and may come later.
            files.check(known)
            tried()
            return None
        with locked(files.lock, files.directory, again=True):
            if overwrite:
                files.clear()
            files.begin(known)
            tried()
            return judge_best(
                files,
                train if judged else None,
                test,
                default=space.default_settings() if "default" in judged else None,
                objective=objective,
                seed=seed,
                build_embedder=build,
                say=print if progress else lambda text: None,
            )


def _check_judged(judged):
    names = (judged,) if isinstance(judged, str) else tuple(judged)
    if names not in ((), _JUDGED[:1], _JUDGED):
        raise ValueError(
            expected('judged to be ("best", "default"), ("best",) or ()', judged=judged)
        )
    return names


def _check_parts(train, test):
    """Raises a ValueError where the test data has some classes of the training data, not all."""
    if test is None or searched_gallery(train, test) is not None:
        return
    names = {train.class_names[label] for label in train.classes}
    shared = sorted(names & {test.class_names[label] for label in test.classes})
    if shared:
        raise ValueError(
            expected(
                "test classes that are all new, or all among the training classes",
                in_both=shared[:5],
                only_in_test=test.num_classes - len(shared),
            )
        )
