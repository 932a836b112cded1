"""Losses on scores and on a teacher's numbers, each beside its definition in float64.

Run as a module on JAX, it prints how far each is from its definition, as one line of JSON.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfmetric import losses

SCORES = np.array([0.1, 0.9, 0.4, 0.4, 0.7, 0.1, 1.0, 0.35])


@dataclass(frozen=True)
class Case:
    """A loss and its definition.

    Attributes:
        name: Unique.
        make: Makes the loss; takes ``reduction`` and the like by keyword.
        value: ``(targets, y_pred) -> number`` of a batch.
        shape: Of ``y_pred`` without the batch.
        targets: Columns of ``y_true``; 0 for scores.
        order: Whether the loss compares the pairs with each other.
    """

    name: str
    make: Callable
    value: Callable
    shape: tuple = (2, 4)
    targets: int = 0
    order: bool = False


def given(case):
    """``y_true`` and ``y_pred`` in float64."""
    rng = np.random.default_rng(3)
    targets = rng.normal(size=(8, case.targets)) if case.targets else SCORES.copy()
    return targets, rng.normal(size=(8, *case.shape))


def length(x):
    # Vectors below the floor of the normalisation are not stretched to 1.
    return np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-4)


def cosine(x, y):
    return np.sum(x / length(x) * (y / length(y)), axis=-1)


def angle(x, y):
    """As in Sentence-Transformers: the complex quotient over the quotient of the lengths."""
    values = []
    for one, other in zip(x, y, strict=True):
        z, w = one[:2] + 1j * one[2:], other[:2] + 1j * other[2:]
        square = length(other)[0] ** 2
        quotient = z * w.conj() / square / (length(one)[0] / length(other)[0])
        values.append(abs(np.sum(quotient.real) + np.sum(quotient.imag)))
    return np.array(values)


def in_order(similarity, scale=20.0):
    def value(scores, x):
        s, total = similarity(x[:, 0], x[:, 1]), 1.0
        for i in range(len(s)):
            for j in range(len(s)):
                if scores[i] > scores[j]:
                    total += np.exp(scale * (s[j] - s[i]))
        return np.log(total)

    return value


def products(x):
    return np.array([[row[0] @ other for other in row[1:]] for row in x]).reshape(len(x), -1)


def cosines(x):
    return np.stack([cosine(x[:, 0], x[:, c]) for c in range(1, x.shape[1])], axis=1)


def margin_mse(scores_of):
    def value(teacher, x):
        s = scores_of(x)
        return np.mean(((s[:, :1] - s[:, 1:]) - (teacher[:, :1] - teacher[:, 1:])) ** 2)

    return value


def divergence(scores_of, temperature):
    def log_softmax(x):
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))

    def value(teacher, x):
        p, r = log_softmax(teacher / temperature), log_softmax(scores_of(x) / temperature)
        return np.mean(np.sum(np.exp(p) * (p - r), axis=1)) * temperature**2

    return value


CASES = [
    Case("cosent", losses.CoSENTLoss, in_order(cosine), order=True),
    Case("angle", losses.AngleLoss, in_order(angle), order=True),
    Case(
        "angle-scaled",
        lambda **more: losses.AngleLoss(2.0, **more),
        in_order(angle, 2.0),
        order=True,
    ),
    Case(
        "cosine-regression",
        losses.CosineRegressionLoss,
        lambda scores, x: np.mean((cosine(x[:, 0], x[:, 1]) - scores) ** 2),
    ),
    Case("margin-mse", losses.MarginMSELoss, margin_mse(products), (4, 3), 3),
    Case(
        "margin-mse-cosine",
        lambda **more: losses.MarginMSELoss("cosine", **more),
        margin_mse(cosines),
        (3, 3),
        2,
    ),
    Case(
        "embedding-mse",
        losses.EmbeddingMSELoss,
        lambda teacher, x: np.mean((x - teacher) ** 2),
        (5,),
        5,
    ),
    Case("distillation", losses.DistillationLoss, divergence(products, 1.0), (4, 3), 3),
    Case(
        "distillation-cosine",
        lambda **more: losses.DistillationLoss(0.1, "cosine", **more),
        divergence(cosines, 0.1),
        (4, 3),
        3,
    ),
]
NAMED = {case.name: case for case in CASES}


def on_jax():
    """Each case under a jitted step."""
    sys.modules["tensorflow"] = None
    import jax

    from support.loss_suite import gradient_of

    wrong = {}
    for case in CASES:
        targets, x = given(case)
        loss = case.make()
        step = jax.jit(jax.value_and_grad(lambda x, y, loss=loss: loss(y, x)))
        value, gradient = step(x.astype("float32"), targets.astype("float32"))
        slope = gradient_of(lambda x, c=case, y=targets: c.value(y, x), x)
        wanted = case.value(targets, x)
        far = [abs(float(value) / wanted - 1), np.abs(gradient - slope).max() / np.abs(slope).max()]
        wrong[case.name] = max(map(float, far))
    return wrong


if __name__ == "__main__":
    print(json.dumps(on_jax()))
