"""A setting trained on all training data and judged once on the test data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from tfmetric.callbacks.collapse import stuck_at_margin
from tfmetric.evaluation import evaluate, retrieval
from tfmetric.training import Settings, Training, prepare
from tfmetric.tuning.held_out_folds import searched_gallery
from tfmetric.tuning.many_trainings import given_back
from tfmetric.tuning.one_training import blame, run_seed
from tfmetric.tuning.retrieval_objective import ks_for

# The k that are judged, beside that of the objective.
KS = (1, 5, 10)
# The number of random draws of as many test classes as the validation had.
DRAWS = 10


@dataclass(frozen=True)
class Judgement:
    """The figures of a setting, trained on all training data and judged on the test data.

    Attributes:
        settings: The setting.
        epochs: The number of epochs of its schedule that it was trained for.
        validation: Its score in the search; None if no trial had this setting.
        figures: Retrieval figures on all test data by name; empty without test data.
        interval: The 95 % interval of the objective on the test data, for new classes like these.
        same_size: The objective among as few test classes as the validation had, the mean over
            ten random draws: the fewer classes, the fewer an example is mistaken for.
        classes: The number of test classes, and the number of classes in a draw.
        baselines: The objective of the fair baseline of the kind and of the untrained embedder on
            all test data.
        evaluation: The result of :func:`tfmetric.evaluation.evaluate` on the test data, as plain
            values.
        reason: Why figures are missing though there is test data, such as a diverged training.
        sign: A sign of collapse in that training though its figures count, or "".
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
    sign: str = ""

    @property
    def optimism(self) -> float | None:
        """Validation minus test on as many classes: how much better the search made it look."""
        if self.validation is None or self.same_size is None:
            return None
        return self.validation - self.same_size

    def to_dict(self) -> dict:
        """Returns the judgement as plain values."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**plain, "settings": self.settings.to_dict(), "optimism": self.optimism}

    @classmethod
    def from_dict(cls, values: Mapping) -> Judgement:
        """Returns the judgement of the values of :meth:`to_dict`."""
        values = {key: value for key, value in values.items() if key != "optimism"}
        for name in ("interval", "classes"):
            values[name] = None if values[name] is None else tuple(values[name])
        return cls(**{**values, "settings": Settings.from_dict(values["settings"])})


def train_all(train, settings, epochs, seed, build_embedder) -> tuple[Training | None, str]:
    """Trains a setting on all training data.

    Args:
        train: All training data.
        settings: The setting; its schedule is as long as in the search.
        epochs: The number of epochs of the schedule after which to stop.
        seed: Seed of weights and batches.
        build_embedder: As in :func:`tfmetric.training.prepare`.

    Returns:
        The training, and a sign of its collapse or ""; or None, and how the setting made the
        training fail.
    """
    seed = run_seed(seed)
    with given_back():
        keras.utils.set_random_seed(seed)
        try:
            training = prepare(train, settings, seed, build_embedder)
            done = training.model.fit(training.batches, epochs=epochs, shuffle=False, verbose=0)
        except Exception as error:
            reason = blame(error)
            if reason is None:
                raise
            return None, reason
    return training, stuck_at_margin(done.history["loss"], training.model.loss) or ""


def judge(training, train, test, objective, epochs, score, validation, seed, baselines):
    """Judges a training on the test data: on all of it, and among as few classes as trials were.

    Args:
        training: The training.
        train: The training data: the gallery, where the test data has no classes but those.
        test: The test data, or None.
        objective: The figure.
        epochs: How long it was trained.
        score: Its score in the search, or None.
        validation: How trials were judged, as :attr:`TuningResult.validation` says.
        seed: Seed of the draws.
        baselines: Whether the two baselines are judged too.
    """
    known = {"settings": training.settings, "epochs": epochs, "validation": score}
    if test is None:
        return Judgement(**known)
    ks = tuple(sorted({*KS, *ks_for(objective)}))
    gallery = searched_gallery(train, test)
    result = evaluate(
        training.embedder,
        test,
        gallery=gallery,
        distance=training.distance,
        ks=ks,
        baselines=baselines,
    )
    figures, drawn = result.figures(), test.num_classes
    same_size = figures[objective]
    if gallery is None:
        drawn = min(validation["classes"], test.num_classes)
        by = validation.get("by", "classes")
        same_size = _among_fewer(result, test, training.distance, objective, drawn, by, seed)
    others = {result.raw_title: result.raw, "untrained embedder": result.untrained}
    return Judgement(
        **known,
        figures=figures,
        interval=result.interval(objective),
        same_size=same_size,
        classes=(test.num_classes, drawn),
        baselines={name: r.figures()[objective] for name, r in others.items() if r is not None},
        evaluation=result.to_dict(),
    )


def _among_fewer(result, test, distance, objective, count, by, seed):
    """Returns the objective among fewer test classes, the mean over draws."""
    rng, figures = np.random.default_rng(seed), []
    for _ in range(DRAWS if count < test.num_classes else 1):
        chosen = np.isin(test.labels, draw_classes(test, count, by, rng))
        part = retrieval(
            result.embeddings[chosen],
            test.labels[chosen],
            distance=distance,
            ks=ks_for(objective),
            progress=False,
        )
        figures.append(part.figures()[objective])
    return float(np.mean(figures))


def draw_classes(test, count: int, by: str, rng) -> np.ndarray:
    """Draws random classes of the test data, as many as a validation has.

    Args:
        test: The test data.
        count: How many classes.
        by: How trials were validated. By "groups" classes come group by group: those of one
            alphabet are easier to mistake for each other than as many of all alphabets.
        rng: The ``numpy.random.Generator`` to draw with.
    """
    if by != "groups" or test.groups is None:
        return rng.choice(test.classes, count, replace=False)
    chosen: list = []
    for group in rng.permutation(np.unique(test.groups)):
        own = np.unique(test.labels[test.groups == group])
        new = rng.permutation(np.setdiff1d(own, chosen))
        chosen += new[: count - len(chosen)].tolist()
    return np.array(chosen)
