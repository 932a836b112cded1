"""The honest protocol: losses × seeds × folds, equal budgets, test classes that choose nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric._version import __version__
from tfmetric.datasets.arguments import require_seed
from tfmetric.datasets.fingerprint import fingerprint
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.training import Settings
from tfmetric.tuning.benchmark.benchmark_directory import BenchmarkDirectory
from tfmetric.tuning.benchmark.benchmark_result import BenchmarkResult
from tfmetric.tuning.benchmark.benchmark_steps import FOLD_SEED, BenchmarkSteps
from tfmetric.tuning.benchmark.contenders import BUDGET, contenders
from tfmetric.tuning.held_out_folds import validation_folds
from tfmetric.tuning.many_trainings import FreshEmbedder, without_advice_on_retracing
from tfmetric.tuning.retrieval_objective import check_objective
from tfmetric.typing import PathLike


@renamed(verbose="progress")
def benchmark(
    train: Any,
    test: Any,
    losses: Any,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    folds: int = 4,
    max_trials: int = 0,
    search_space: Mapping | str | None = None,
    settings: Settings | None = None,
    build_embedder: Callable[[int], keras.Model] | None = None,
    objective: str = "map_at_r",
    figures: Sequence[str] = ("map_at_r", "recall_at_1", "r_precision"),
    concatenated: bool = False,
    patience: int | None = None,
    directory: PathLike = "benchmark",
    name: str = "",
    overwrite: bool = False,
    callbacks: Sequence = (),
    progress: bool = True,
) -> BenchmarkResult:
    """Compares losses fairly: equal budgets, several seeds, and classes that no training sees.

    Each loss is trained with each seed on all but one fold of the training classes, each fold left
    out in turn. The epoch that is best on the fold left out is judged on the test classes, which
    choose nothing and are not read before. The figure of a seed is the mean over the folds' models;
    the result is the mean over the seeds with the 95 % interval of Student's t. All losses have the
    same epochs, batches, initial weights and number of trials in a search. Raw inputs and the
    untrained embedder are judged beside them. A training that diverges or collapses counts as 0.

    It takes losses × seeds × folds trainings, and losses × ``max_trials`` × folds before them. Each
    finished training is written: after a kill the same call goes on. Seeds and losses may be added
    in the same directory; any other change is an error. ``results.json`` and ``results.md`` are
    there after each seed, ``results.png`` at the end.

    Args:
        train: The training data, a ``LabeledData`` or (x, labels).
        test: Data of other classes, to judge on.
        losses: The losses to compare: names, see :func:`tfmetric.training.loss_names`; pairs (name,
            arguments) or (label, ``Settings``); or a dictionary by label of any of these.
        seeds: Seeds of weights and batches; two at least for an interval.
        folds: The number of folds of the training classes, 2 or more.
        max_trials: The trials of a :func:`margin_search` for each loss before, on the same folds of
            the training classes. Defaults to 0: the settings as they are.
        search_space: As in :func:`margin_search`, with arguments of any of the losses;
            ``"TripletLoss/margin"`` is for one loss alone.
        settings: The settings for all that ``losses`` leave open; defaults to ``Settings()``.
        build_embedder: From the length of an embedding to an embedder of one's own, a new one each
            time; by default :func:`tfmetric.models.embedder` with the settings.
        objective: The retrieval figure that chooses epochs and settings.
        figures: The retrieval figures to judge on the test classes.
        concatenated: Whether to judge the concatenated embeddings of a seed's models too.
        patience: The number of epochs without a better one after which a training stops. Defaults
            to None: never.
        directory: The directory of the benchmark.
        name: The name of the data in the table. Defaults to the source that it was loaded from.
        overwrite: Whether to begin again where there is a benchmark already.
        callbacks: Keras callbacks; each training gets copies.
        progress: Whether to print a line for each training.

    Returns:
        A :class:`BenchmarkResult`.

    Raises:
        ValueError: If an argument is out of its range, a class is in both parts, budgets differ,
            or the directory holds another benchmark.
        TypeError: If an argument has a former name; the message says the present one.

    Example:

    >>> import numpy as np, tempfile, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(48, 3)), np.arange(48) % 16
    >>> data = tm.datasets.from_arrays(x, labels)
    >>> result = benchmark(
    ...     data.subset(labels < 10),
    ...     data.subset(labels >= 10),
    ...     ["NTXentLoss", ("TripletLoss", {"mining": "hard"})],
    ...     seeds=[0],
    ...     folds=2,
    ...     settings=tm.training.Settings(epochs=1, batches_per_epoch=1),
    ...     directory=tempfile.mkdtemp(),
    ...     progress=False,
    ... )
    >>> sorted(row["label"] for row in result.table())
    ['NTXentLoss', 'TripletLoss', 'raw inputs', 'untrained embedder']

    Reference: Musgrave, Belongie, Lim: A Metric Learning Reality Check, ECCV 2020, section 3.
    """
    train, test = as_labeled(train), as_labeled(test)
    seeds = tuple(seeds) if np.iterable(seeds) else (seeds,)
    figures = (figures,) if isinstance(figures, str) else tuple(figures)
    _check_arguments(seeds, folds, max_trials)
    _check_parts(train, test)
    objective = check_objective(objective)
    figures = tuple(dict.fromkeys((objective, *map(check_objective, figures))))
    given = contenders(losses, settings)
    parts = validation_folds(train, "classes", folds=folds, seed=FOLD_SEED)
    # One budget that fits the smallest fold: a loss that is added later has the same one.
    fitted = next(iter(given.values())).fitted(min((part for part, _ in parts), key=len))
    protocol = {
        "seeds": [int(seed) for seed in seeds],  # JSON has no integers of NumPy.
        "folds": folds,
        "objective": objective,
        "figures": list(figures),
        "concatenated": bool(concatenated),
        "budget": {field: getattr(fitted, field) for field in BUDGET},
        "patience": patience,
        "max_trials": max_trials,
        "search_space": repr(search_space) if max_trials else None,
        "build_embedder": None if build_embedder is None else _name_of(build_embedder),
        "data": {
            "name": name or getattr(train.report, "source", None) or "data",
            # The labels of the test data alone: nothing reads an example before it is judged.
            "train": _about(train, examples=True),
            "test": _about(test, examples=False),
        },
    }
    files = BenchmarkDirectory(directory)
    if overwrite:
        files.clear()
    files.begin(protocol, {label: own.to_dict() for label, own in given.items()}, _versions())
    work = BenchmarkSteps(
        train=train,
        test=test,
        parts=parts,
        files=files,
        protocol=protocol,
        build=None if build_embedder is None else FreshEmbedder(build_embedder),
        callbacks=callbacks,
        say=(lambda text: None) if not progress else lambda text: print(text, flush=True),
    )
    with without_advice_on_retracing():
        return work.do(given, search_space, progress)


def _check_arguments(seeds, folds, max_trials):
    for seed in seeds:
        require_seed(seed)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(expected("one seed at least, each once", seeds=seeds))
    for name, value, least in (("folds", folds, 2), ("max_trials", max_trials, 0)):
        if isinstance(value, bool) or not (isinstance(value, int) and value >= least):
            raise ValueError(expected(f"{name} to be an int of at least {least}", **{name: value}))


def _check_parts(train, test):
    if train.element_shape != test.element_shape:
        raise ValueError(
            expected(
                "examples of one shape to train on and to judge on",
                train=train.element_shape,
                test=test.element_shape,
            )
        )
    names = {train.class_names[label] for label in train.classes}
    shared = sorted(names & {test.class_names[label] for label in test.classes})
    if shared:
        raise ValueError(
            expected(
                "test classes that are not trained on; datasets.load and datasets.split_classes "
                "part them. Other classes need other labels",
                in_both=shared[:5],
                classes_in_both=len(shared),
            )
        )
    if test.num_classes < 2 or np.unique(test.labels, return_counts=True)[1].max() < 2:
        raise ValueError(
            expected(
                "two test classes at least, one of two examples or more",
                classes=test.num_classes,
                examples=len(test),
            )
        )


def _about(data, examples):
    return {
        "examples": len(data),
        "classes": data.num_classes,
        "fingerprint": fingerprint(data, examples),
    }


def _name_of(build):
    return getattr(build, "__qualname__", type(build).__name__)


def _versions():
    backend = keras.config.backend()
    return {
        "tfmetric": __version__,
        "keras": keras.__version__,
        backend: getattr(sys.modules.get(backend), "__version__", "of an unknown version"),
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }
