"""The steps of a benchmark: searches, trainings and baselines, each written when it is done."""

from __future__ import annotations

import time

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation import embed, retrieval
from tfmetric.evaluation.comparison.evaluate import fair_baseline
from tfmetric.training import prepare
from tfmetric.training.losses import make_loss
from tfmetric.tuning.benchmark.benchmark_result import BenchmarkResult
from tfmetric.tuning.benchmark.contenders import own_space
from tfmetric.tuning.one_training import run_once, run_seed
from tfmetric.tuning.retrieval_objective import ks_for
from tfmetric.tuning.search.margin_search import margin_search
from tfmetric.tuning.search.search_options import Stopping, Validation

# All seeds have the same folds: they differ in the chance of training alone.
FOLD_SEED = 0
# Searches train with repetition 0: no setting is judged by the weights it was chosen with.
_REPEAT = 1


class BenchmarkSteps:
    """Does the steps that are not yet done.

    Args:
        train: The training data.
        test: The test data.
        parts: The folds: pairs of data to train on and to choose the epoch by.
        files: The :class:`~tfmetric.tuning.benchmark.benchmark_directory.BenchmarkDirectory`.
        protocol: The values that all losses share.
        build: As ``build_embedder`` of :func:`tfmetric.training.prepare`.
        callbacks: Keras callbacks for each training.
        say: Called with a line of text.
    """

    def __init__(self, **known):
        self.__dict__ |= known
        self.ks = tuple(sorted({k for figure in self.protocol["figures"] for k in ks_for(figure)}))
        self.trainings, self.concatenated, self.searches = [], [], {}

    def do(self, given, search_space, progress):
        """Does all steps and returns the result."""
        chosen = {
            label: self.search(label, own, given, search_space, progress)
            if self.protocol["max_trials"]
            else own
            for label, own in given.items()
        }
        folds = range(len(self.parts))
        # All losses of a seed come before the next seed: if it is stopped, all have as many seeds.
        plan = {
            seed: [(label, own, fold) for fold in folds for label, own in chosen.items()]
            for seed in self.protocol["seeds"]
        }
        known = {
            (seed, label, fold): self.known(label, own, seed, fold)
            for seed, rows in plan.items()
            for label, own, fold in rows
        }
        self.total, self.left = len(known), sum(row is None for row in known.values())
        self.begun, self.new = time.perf_counter(), 0
        if self.left < self.total:
            self.say(f"{self.total - self.left} of {self.total} trainings are there already")
        for seed, rows in plan.items():
            before = self.new
            for label, own, fold in rows:
                row = known[seed, label, fold] or self.training(label, own, seed, fold)
                self.trainings.append(row)
            if self.protocol["concatenated"]:
                for label, own in chosen.items():
                    self.concatenated.append(self.together(label, own, seed))
            if self.new > before:
                self.files.write_results(self.result(chosen))
        first = next(iter(chosen.values()))
        result = self.result(chosen, self.baselines(first))
        self.files.write_results(result)
        self.files.write_picture(result)
        return result

    def result(self, chosen, baselines=None):
        """Returns the result so far."""
        return BenchmarkResult(
            protocol=self.protocol,
            settings=chosen,
            trainings=tuple(self.trainings),
            concatenated=tuple(self.concatenated),
            baselines=baselines or {},
            searches=self.searches,
            versions=tuple(self.files.versions),
            directory=self.files.directory,
        )

    def search(self, label, settings, given, search_space, progress):
        """Returns the settings that a search on the training data chooses."""
        names = {own.loss for own in given.values()}
        self.say(f"Search for {label}")
        found = margin_search(
            self.train,
            build_embedder=self.build,
            losses=settings.loss,
            search_space=own_space(search_space, settings.loss, names),
            settings=settings,
            max_trials=self.protocol["max_trials"],
            objective=self.protocol["objective"],
            validation=Validation("classes", folds=len(self.parts)),
            # A pruned trial would have had less training than others.
            stopping=Stopping(self.protocol["patience"], prune=False),
            seed=FOLD_SEED,
            judged=(),
            callbacks=self.callbacks,
            progress=progress,
            directory=self.files.search_directory(label),
        )
        self.searches[label] = {
            "trials": len(found.trials),
            "failed": sum(trial.status == "collapsed" for trial in found.trials),
            "values": dict(found.best.values),
            "score": found.best.score,
        }
        return found.best_settings

    def known(self, label, settings, seed, fold):
        """Returns the row of a training of an earlier call; None if a part of it is missing."""
        row = self.files.training(label, settings.to_dict(), seed, fold)
        there = (
            row is None
            or not self.protocol["concatenated"]
            or row["status"] == "collapsed"
            or self.files.training(label, settings.to_dict(), seed, None) is not None
            or self.files.embeddings(label, seed, fold) is not None
        )
        return row if there else None

    def training(self, label, settings, seed, fold):
        """Trains and judges a setting, and writes and returns its row."""
        record = run_once(
            *self.parts[fold],
            settings,
            run_seed(seed, fold, _REPEAT),
            build_embedder=self.build,
            objective=self.protocol["objective"],
            callbacks=self.callbacks,
            patience=self.protocol["patience"],
            after=lambda training: self.judge(training, label, seed, fold),
        )
        failed = record.status == "collapsed"
        figures = dict.fromkeys(self.protocol["figures"], 0.0)
        row = {
            "label": label,
            "seed": seed,
            "fold": fold,
            "validation": record.best,
            "best_epoch": record.best_epoch,
            "figures": figures if failed else dict(record.figures),
            "status": record.status,
            "reason": record.reason,
            "curve": list(record.curve),
            "seconds": round(record.seconds, 3),
        }
        self.files.write_training(settings.to_dict(), row)
        self.say(self._line(row))
        return row

    def judge(self, training, label, seed, fold):
        """Returns the figures of a training on the test data."""
        embeddings = embed(training.embedder, self.test)
        if not np.isfinite(embeddings).all():
            raise ValueError(expected("finite embeddings of the test data", loss=label))
        if self.protocol["concatenated"]:
            self.files.write_embeddings(label, seed, fold, embeddings)
        return self.figures_of(embeddings, training.distance)

    def figures_of(self, embeddings, distance):
        """Returns the figures of embeddings of the test data."""
        found = retrieval(
            embeddings, self.test.labels, distance=distance, ks=self.ks, progress=False
        ).figures()
        return {figure: found[figure] for figure in self.protocol["figures"]}

    def together(self, label, settings, seed):
        """Returns the figures of the concatenated embeddings of a seed's models."""
        known = self.files.training(label, settings.to_dict(), seed, None)
        if known is None:
            models = range(len(self.parts))
            embeddings = [self.files.embeddings(label, seed, fold) for fold in models]
            loss = make_loss(settings.loss, settings.loss_arguments)
            distance = getattr(loss, "distance", "euclidean")
            rows = [row for row in self.trainings if (row["label"], row["seed"]) == (label, seed)]
            fine = [row["fold"] for row in rows if row["status"] != "collapsed"]
            # A failed training is left out: zeros in its place would not change a distance.
            figures = dict.fromkeys(self.protocol["figures"], 0.0)
            if fine:
                joined = concatenate([embeddings[fold] for fold in fine], distance)
                figures = self.figures_of(joined, distance)
            known = {"label": label, "seed": seed, "figures": figures}
            self.files.write_training(settings.to_dict(), known)
        self.files.forget_embeddings(label, seed, len(self.parts))
        return known

    def baselines(self, settings):
        """Returns the figures of raw inputs, and of the embedders with which trainings begin."""
        found = self.files.baselines()
        if "raw" not in found:
            raw, _, note = fair_baseline(
                self.test, self.test.labels, distance="euclidean", ks=self.ks, seed=0
            )
            figures = raw and {f: raw.figures()[f] for f in self.protocol["figures"]}
            found["raw"] = {"figures": figures, "note": note}
            self.files.write_baselines(found)
        rows = found.setdefault("untrained", [])
        for seed in self.protocol["seeds"]:
            for fold, (part, _) in enumerate(self.parts):
                if any((row["seed"], row["fold"]) == (seed, fold) for row in rows):
                    continue
                own = run_seed(seed, fold, _REPEAT)
                keras.backend.clear_session()
                keras.utils.set_random_seed(own)
                embedder = prepare(part, settings, own, self.build).embedder
                figures = self.figures_of(embed(embedder, self.test), "euclidean")
                rows.append({"seed": seed, "fold": fold, "figures": figures})
                self.files.write_baselines(found)
        return found

    def _line(self, row):
        """Returns a line without test figures, which must not decide when to stop."""
        self.new += 1
        self.left -= 1
        done = self.total - self.left
        text = f"{done}/{self.total}  seed {row['seed']}, fold {row['fold']}, {row['label']}: "
        if row["status"] == "collapsed":
            text += f"failed ({row['reason']})"
        else:
            text += (
                f"{self.protocol['objective']} {row['validation']:.4f} on the held-out fold, epoch "
                f"{row['best_epoch']} of {len(row['curve'])}"
            )
        each = (time.perf_counter() - self.begun) / self.new
        return f"{text}; {row['seconds']:.0f} s, about {_time(each * self.left)} to go"


def concatenate(embeddings, distance) -> np.ndarray:
    """Concatenates the embeddings of several models, scaled to the same weight.

    Args:
        embeddings: An array (N, D) for each model.
        distance: The distance to compare by. For the cosine distance each embedding is scaled to
            length 1; for others all of a model to a root mean square length of 1.

    Returns:
        (N, sum of D), float32.

    >>> concatenate([np.array([[3.0, 4.0], [0.0, 5.0]]), np.array([[2.0], [2.0]])], "euclidean")
    array([[0.6, 0.8, 1. ],
           [0. , 1. , 1. ]], dtype=float32)
    """
    parts = []
    for array in embeddings:
        array = np.asarray(array, np.float64)
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        if getattr(distance, "name", distance) != "cosine":
            lengths = np.sqrt(np.mean(lengths**2))
        parts.append(array / np.maximum(lengths, 1e-12))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _time(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
