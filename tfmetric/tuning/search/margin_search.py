"""The margin search: Keras Tuner proposes settings, and classes that training never sees judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_seed
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.training import Settings
from tfmetric.tuning import validation_folds
from tfmetric.tuning.many_trainings import FreshEmbedder, without_advice_on_retracing
from tfmetric.tuning.retrieval_objective import check_objective
from tfmetric.tuning.search.judge_best import judge_best
from tfmetric.tuning.search.progress_lines import ProgressLines
from tfmetric.tuning.search.search_directory import SearchDirectory
from tfmetric.tuning.search.search_identity import search_identity
from tfmetric.tuning.search.search_result import TuningResult
from tfmetric.tuning.search.search_space import SearchSpace
from tfmetric.tuning.search.tensorboard_hparams import HParams
from tfmetric.tuning.search.trial_runner import TrialRunner

# Trials where nothing is said: a few for each of the two or three values of the default space.
MAX_TRIALS = 20


def margin_search(
    train,
    test=None,
    *,
    build_embedder: Callable[[int], keras.Model] | None = None,
    losses: str | Sequence[str] | None = None,
    search_space: Mapping | str | None = None,
    settings: Settings | None = None,
    tuner="bayesian",
    tuner_options: Mapping | None = None,
    max_trials: int | None = None,
    objective="map_at_r",
    validation_fraction: float = 0.25,
    class_folds: int = 1,
    executions_per_trial: int = 1,
    patience: int | None = None,
    prune: bool = True,
    directory="tuning",
    project_name: str | None = None,
    overwrite: bool = False,
    seed: int = 0,
    callbacks: Sequence = (),
    retrain: bool = True,
    compare_default: bool = True,
    tensorboard: bool = False,
    verbose: int | str = "auto",
) -> TuningResult | None:
    """Searches the margin and what goes with it, and says honestly what the best is worth.

    Each trial trains a setting on some of the training classes and is judged by retrieval among
    the others, never by a validation loss, which a margin rescales. All trials have the same folds
    of the classes, batches and initial weights, and the first one is the setting as it stands. The
    best is then trained on all training classes and judged once on the test classes, which nothing
    before has touched; the difference is the optimism of the search.

    A setting that diverges, collapses or does not fit into memory scores 0. A search that was
    killed goes on where it stood when it is called again in the same way. For several processes,
    set ``KERASTUNER_TUNER_ID`` ("chief", and a name for each worker), ``KERASTUNER_ORACLE_IP`` and
    ``KERASTUNER_ORACLE_PORT``, give them one directory, and start the same call in each.

    Args:
        train: The training classes, a ``LabeledData`` or (x, labels).
        test: The test classes, or None to judge later.
        build_embedder: From the length of an embedding to an embedder of one's own, a new one each
            time; by default :func:`tfmetric.models.embedder` with the settings.
        losses: Name of a loss, see :func:`tfmetric.training.loss_names`, or several to choose
            from. Defaults to that of the settings, a TripletLoss.
        search_space: What is searched: None for :func:`default_space` - margin, temperature or
            scale, and the learning rate, as the best margin is another one at another rate;
            ``"all"`` for mining, distance, P×K and the embedding's length too; or a dictionary
            that is laid over the default, of :class:`Range`, lists of choices, values to fix, and
            None for what is to be as in the settings.
        settings: What is not searched, epochs among it; defaults to ``Settings()``.
        tuner: "bayesian", "random", "hyperband" or "grid" (five values of each range); or a class
            of Keras Tuner, a ``Tuner`` or an ``Oracle``. Hyperband trains a setting from scratch
            in each round, with a schedule of that length: a model that goes on would have been
            chosen by the classes it is judged on, a little more each round.
        tuner_options: Further arguments of that class, such as ``{"num_initial_points": 5}``.
        max_trials: How many settings to try; more than in an earlier call to go on. Defaults to
            20, and to the whole grid for "grid"; Hyperband has a number of its own.
        objective: The retrieval figure to maximise: "map_at_r", "r_precision", "mrr",
            "recall_at_1" or another k, and so on.
        validation_fraction: The share of the training classes that trials are judged on.
        class_folds: With 2 or more, trials are judged on each of so many folds of the classes in
            turn instead, and each class counts once.
        executions_per_trial: Trainings on each fold, with other batches and initial weights.
        patience: Stop a training after so many epochs without a better one. Defaults to never: the
            learning rate falls until the end, and often the figures rise with it.
        prune: Whether a trial is stopped where it is below the median of the others at the same
            epoch and fold; after a third of the epochs and four trials. Not by Hyperband, which
            does so itself.
        directory: Where searches are written.
        project_name: Name of this one's directory therein. Defaults to the names of the losses.
        overwrite: Whether to begin again, if there is one.
        seed: Of the folds, the batches, the weights and the tuner.
        callbacks: Keras callbacks; each training gets copies.
        retrain: Whether to train and judge the best at the end.
        compare_default: Whether to do the same with the setting with nothing searched.
        tensorboard: Whether to write trials for the HParams page of TensorBoard, into
            ``tensorboard/`` there.
        verbose: 0 for silence, 1 for a line a trial, "auto" for a bar in a terminal too.

    Returns:
        A :class:`TuningResult`; None in a worker: its chief has it.

    Raises:
        ValueError: If an argument makes no sense, or the directory holds another search.

    Example:

    >>> import numpy as np, tempfile, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 15
    >>> data = tm.datasets.from_arrays(x, labels)
    >>> result = margin_search(
    ...     data,
    ...     settings=tm.training.Settings(epochs=1, batches_per_epoch=1),
    ...     max_trials=1,
    ...     directory=tempfile.mkdtemp(),
    ...     retrain=False,
    ...     verbose=0,
    ... )
    >>> result.best.values
    {'margin': 0.2, 'learning_rate': 0.003}

    Reference: Musgrave, Belongie, Lim: A Metric Learning Reality Check (2020), on why test classes
    must not choose.
    """
    from tfmetric.tuning.search import keras_tuners

    train, test = as_labeled(train), None if test is None else as_labeled(test)
    _check(executions_per_trial, max_trials, verbose, train, test)
    require_seed(seed)
    objective, kind = check_objective(objective), keras_tuners.kind_of(tuner)
    parts = validation_folds.class_folds(train, class_folds, validation_fraction, seed)
    space = SearchSpace(losses, search_space, settings, min(part.num_classes for part, _ in parts))
    if not space.searched:
        raise ValueError(expected("something to search; all is fixed", search_space=search_space))
    grid, own_pruning = keras_tuners.is_grid(kind), keras_tuners.is_hyperband(kind)
    if grid:
        space = space.on_grid()
    elif max_trials is None:
        max_trials = MAX_TRIALS
    files = SearchDirectory(Path(directory) / (project_name or "-".join(space.losses)[:80]))
    worker = keras_tuners.is_worker()
    if overwrite and not worker:
        files.clear()
    known = search_identity(
        train,
        space,
        parts,
        objective=objective,
        repeats=executions_per_trial,
        patience=patience,
        prune=prune,
        seed=seed,
        tuner=kind,
        tuner_options=tuner_options,
        build_embedder=build_embedder,
    )
    # A worker may come before its chief.
    files.check(known) if worker else files.begin(known)
    report = ProgressLines(
        files,
        objective,
        verbose,
        HParams(files.path("tensorboard"), objective) if tensorboard else None,
    )
    build = None if build_embedder is None else FreshEmbedder(build_embedder)
    run = TrialRunner(
        files,
        space,
        parts,
        executions_per_trial,
        known=known,
        seed=seed,
        prune=prune and not own_pruning,
        report=report,
        objective=objective,
        build_embedder=build,
        callbacks=callbacks,
        patience=patience,
    )
    search = keras_tuners.make_tuner(
        kind,
        dict(tuner_options or {}),
        space=space,
        run=run,
        files=files,
        objective=objective,
        max_trials=max_trials,
        epochs=space.settings.epochs,
        seed=seed,
    )
    report.total = keras_tuners.planned(search, space)
    with without_advice_on_retracing():
        keras_tuners.run(search)
        if worker:
            return None
        return judge_best(
            files,
            train if retrain else None,
            test,
            default=space.default_settings() if compare_default else None,
            objective=objective,
            seed=seed,
            build_embedder=build,
            say=print if verbose else lambda text: None,
        )


def _check(executions_per_trial, max_trials, verbose, train, test):
    for name, value, none in (
        ("executions_per_trial", executions_per_trial, False),
        ("max_trials", max_trials, True),
    ):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not ((whole and value > 0) or (none and value is None)):
            raise ValueError(expected(f"{name} to be an int above 0", **{name: value}))
    if verbose not in (0, 1, "auto"):
        raise ValueError(expected("verbose to be 0, 1 or 'auto'", verbose=verbose))
    if test is None:
        return
    names = {train.class_names[label] for label in train.classes}
    shared = sorted(names & {test.class_names[label] for label in test.classes})
    if shared:
        raise ValueError(expected("test classes that are not trained on", in_both=shared[:5]))
