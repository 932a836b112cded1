"""Evaluates a finished training on the test part and writes its figures."""

import keras
import numpy as np

from tfmetric._files import filling
from tfmetric._run_files import METRICS, MODEL
from tfmetric.evaluation import evaluate, one_shot
from tfmetric.runs.collapse import note_collapse
from tfmetric.runs.metrics import run_metrics, write_metrics
from tfmetric.runs.protocol import judged


def judge(run, config, ready, fitted, parts, progress, one_shot_runs=None) -> np.ndarray:
    """Evaluates the embedder, and writes model.keras and then metrics.json.

    Args:
        run: The :class:`~tfmetric.runs.directory.RunDirectory`.
        config: Its config.
        ready: The result of :func:`~tfmetric.runs.fitting.prepared`.
        fitted: The result of :func:`~tfmetric.runs.fitting.fit`.
        parts: (train, test), all of the data.
        progress: Prints the figures.
        one_shot_runs: One-shot runs to evaluate on too, or None.

    Returns:
        The embeddings of the test part.
    """
    training, (test, gallery) = ready.training, _sides(parts)
    progress.heading(
        f"Judging on all {test.num_classes:,} unseen classes"
        if gallery is None
        else f"Judging {len(test):,} test examples by the training part (a closed set)"
    )
    # From here on a resumed run draws the same random numbers as an uninterrupted run.
    keras.utils.set_random_seed(config.seed)
    result = evaluate(
        training.embedder, test, gallery=gallery, distance=training.distance, seed=config.seed
    )
    progress.say(result.summary())
    shots = one_shot_runs and one_shot(training.embedder, one_shot_runs)
    if shots:
        progress.say(shots.summary())
    progress.lap("evaluate")
    found = run_metrics(
        config,
        parts,
        training.settings,
        training.embedder,
        result.to_dict(),
        fitted.history,
        progress.seconds,
    )
    found["stopped_early"] = fitted.stopped
    note_collapse(found, training.model.loss, result.embeddings)
    found["one_shot"] = shots and shots.to_dict()
    if ready.held_out is not None:
        found["validation"] = {
            "examples": len(ready.held_out),
            "classes": ready.held_out.num_classes,
            "best_epoch": fitted.best_epoch,
        }
        found["training"] += _about_stopping(config, ready.watched, ready.held_out, fitted)
    with filling(run.path, METRICS) as draft:
        training.embedder.save(draft / MODEL)
        write_metrics(draft, found)
    assert result.embeddings is not None  # evaluate keeps them.
    return result.embeddings


def _sides(parts):
    found = judged(*parts)
    return found.data, found.gallery


def _about_stopping(config, watched, held_out, fitted):
    of = (
        f"{held_out.num_classes:,} classes"
        if watched.gallery is None
        else (f"{len(held_out):,} examples")
    )
    words = (
        f"; judged each epoch on {of} held out of the training ones, "
        f"patience {config.patience}, the weights of epoch {fitted.best_epoch}"
    )
    return words + (f", stopped after {fitted.epochs_done}" if fitted.stopped else "")
