"""The end of a search: the chosen setting trained on all training classes, and judged once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfmetric.evaluation import evaluate, retrieval
from tfmetric.training import Settings, Training, prepare
from tfmetric.tuning.many_trainings import given_back
from tfmetric.tuning.one_training import blame, run_seed
from tfmetric.tuning.retrieval_objective import ks_for

# So many random subsets of the test classes have as many classes as the validation had.
DRAWS = 10


@dataclass(frozen=True)
class Judgement:
    """What a setting is worth, trained on all training classes and judged on the test classes.

    Attributes:
        settings: The setting.
        epochs: How many epochs of its schedule it was trained for.
        validation: Its score in the search; None where it was no trial.
        figures: Retrieval figures on all test classes by name; empty if there is no test data.
        interval: The 95 % interval of the objective on them, for new classes like these.
        same_size: The objective on as few test classes as the validation had: the mean over
            ten random draws. Among fewer classes there are fewer to be mistaken for.
        classes: Test classes, and how many of them a draw has.
        baselines: The objective of raw inputs and of the untrained embedder on all test classes.
        evaluation: What :func:`tfmetric.evaluation.evaluate` gave on them, as plain values.
        reason: Why there are no figures though there is test data: the training has diverged.
    """

    settings: Settings
    epochs: int
    validation: float | None = None
    figures: Mapping[str, float] = dataclasses.field(default_factory=dict)
    interval: tuple[float, float] | None = None
    same_size: float | None = None
    classes: tuple[int, int] | None = None
    baselines: Mapping[str, float] = dataclasses.field(default_factory=dict)
    evaluation: Mapping = dataclasses.field(default_factory=dict)
    reason: str = ""

    @property
    def optimism(self) -> float | None:
        """How much better the search made it look: validation minus test, of as many classes."""
        if self.validation is None or self.same_size is None:
            return None
        return self.validation - self.same_size

    def to_dict(self) -> dict:
        """The judgement as plain values."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**plain, "settings": self.settings.to_dict(), "optimism": self.optimism}

    @classmethod
    def from_dict(cls, values: Mapping) -> Judgement:
        """The judgement that :meth:`to_dict` gave."""
        values = {key: value for key, value in values.items() if key != "optimism"}
        for name in ("interval", "classes"):
            values[name] = None if values[name] is None else tuple(values[name])
        return cls(**{**values, "settings": Settings.from_dict(values["settings"])})


def train_all(train, settings, epochs, seed, build_embedder) -> Training | str:
    """Trains a setting without judging it on the way.

    Args:
        train: All training classes.
        settings: The setting; its schedule is that of the search.
        epochs: After how many epochs of the schedule to stop.
        seed: Of weights and batches.
        build_embedder: As in :func:`tfmetric.training.prepare`.

    Returns:
        The training; or why it has failed, where the setting is to blame.
    """
    seed = run_seed(seed)
    with given_back():
        keras.utils.set_random_seed(seed)
        try:
            training = prepare(train, settings, seed, build_embedder)
            training.model.fit(training.batches, epochs=epochs, shuffle=False, verbose=0)
        except Exception as error:
            reason = blame(error)
            if reason is None:
                raise
            return reason
    return training


def judge(training, test, objective, epochs, validation, num_classes, seed, baselines):
    """Judges a training on the test classes: on all, and on as few as the validation had.

    Args:
        training: The training.
        test: The test classes, or None.
        objective: The figure.
        epochs: How long it was trained.
        validation: Its score in the search.
        num_classes: Classes of a validation.
        seed: Of the draws.
        baselines: Whether raw inputs and the untrained embedder are judged too.
    """
    known = {"settings": training.settings, "epochs": epochs, "validation": validation}
    if test is None:
        return Judgement(**known)
    ks, distance = tuple(sorted({1, 5, *ks_for(objective)})), training.distance
    result = evaluate(training.embedder, test, distance, ks, baselines=baselines)
    rng, drawn = np.random.default_rng(seed), min(num_classes, test.num_classes)
    figures = []
    for _ in range(DRAWS if drawn < test.num_classes else 1):
        chosen = np.isin(test.labels, rng.choice(test.classes, drawn, replace=False))
        part = retrieval(
            result.embeddings[chosen],
            test.labels[chosen],
            distance=distance,
            ks=ks,
            progress=False,
        )
        figures.append(part.figures()[objective])
    others = {"raw inputs": result.raw, "untrained embedder": result.untrained}
    return Judgement(
        **known,
        figures=result.figures(),
        interval=result.interval(objective),
        same_size=float(np.mean(figures)),
        classes=(test.num_classes, drawn),
        baselines={name: r.figures()[objective] for name, r in others.items() if r is not None},
        evaluation=result.to_dict(),
    )
