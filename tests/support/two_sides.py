"""Losses on two sides, each beside its formula in naive float64 loops."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tfmetric import losses

IDS = np.array([5, 2**40, 5, -1, 2**40 + 1, 8])
_RNG = np.random.default_rng(0)


def similarity(x, y, name):
    if name == "inner_product":
        return x @ y
    return x @ y / max(np.linalg.norm(x), 1e-4) / max(np.linalg.norm(y), 1e-4)


@dataclass(frozen=True)
class Case:
    """A loss and its formula.

    Attributes:
        name: Unique.
        loss: Makes the loss; takes ``reduction`` and the like by keyword.
        formula: ``(logits, own, negatives) -> number`` of an anchor.
        scale: Of the similarities, without a learned one.
        bias: Of the logits.
        similarity: Its name.
        columns: Names of the columns beside the embeddings.
        negatives: Explicit negatives of each query.
        given: Whether those have ids.
        masked: Whether accidental hits are left out.
        symmetric: Whether both directions count.
    """

    name: str
    loss: Callable
    formula: Callable
    scale: float = 1.0
    bias: float = 0.0
    similarity: str = "cosine"
    columns: tuple = ()
    negatives: int = 0
    given: bool = False
    masked: bool = True
    symmetric: bool = False
    arguments: dict = field(default_factory=dict)

    def make(self, **more):
        return self.loss(**self.arguments, **more)

    def batch(self):
        """``y_true`` and ``y_pred`` in float64."""
        rng = np.random.default_rng(1)
        sides = 2 + self.negatives
        x = rng.normal(size=(6, sides, 3))
        columns = {"scale": np.full((6, sides), 2.5), "bias": np.full((6, sides), -0.7)}
        columns["log_q"] = rng.uniform(-3, 0, (6, sides))
        beside = [columns[name][..., None] for name in self.columns]
        labels = IDS
        if self.given:
            others = np.array([[8, 1], [2, 2**40], [3, 4], [5, -1], [9, 9], [0, 7]])
            labels = np.concatenate([IDS[:, None], others], axis=1)
        return labels, np.concatenate([x, *beside], axis=-1)

    def rows(self, labels, y_pred):
        """The formula of each link."""
        ids = labels if labels.ndim == 1 else labels[:, 0]
        number = y_pred.shape[1] - 2
        others = [
            labels[i, 1 + k] if self.given else object() for i in range(6) for k in range(number)
        ]
        candidates = np.concatenate([y_pred[:, 1], y_pred[:, 2:].reshape(-1, y_pred.shape[2])])
        forward = self._direction(y_pred[:, 0], candidates, ids, [*ids, *others], True)
        if not self.symmetric:
            return forward
        back = self._direction(y_pred[:, 1], y_pred[:, 0], ids, list(ids), False)
        return (forward + back) / 2

    def _direction(self, anchors, others, ids, other_ids, forward):
        dim = anchors.shape[1] - len(self.columns)
        values = []
        for i, x in enumerate(anchors):
            beside = dict(zip(self.columns, x[dim:], strict=True))
            logits = []
            for y in others:
                z = similarity(x[:dim], y[:dim], self.similarity)
                z = z * beside.get("scale", self.scale) + beside.get("bias", self.bias)
                log_q = dict(zip(self.columns, y[dim:], strict=True)).get("log_q", 0.0)
                logits.append(z - (log_q if forward else 0.0))
            negatives = [
                j
                for j in range(len(others))
                if j != i and not (self.masked and other_ids[j] == ids[i])
            ]
            values.append(self.formula(np.array(logits), i, negatives))
        return np.array(values)


def softmax(logits, own, negatives):
    return np.log(np.exp(logits[[own, *negatives]]).sum()) - logits[own]


def hardest(logits, own, negatives):
    return softmax(logits, own, sorted(negatives, key=lambda j: -logits[j])[:2])


def sigmoid(logits, own, negatives):
    return np.log1p(np.exp(-logits[own])) + np.log1p(np.exp(logits[negatives])).sum()


def without_similar(margin, relative=False):
    def formula(logits, own, negatives):
        bound = logits[own] - margin * (abs(logits[own]) if relative else 1.0)
        return softmax(logits, own, [j for j in negatives if logits[j] < bound])

    return formula


def in_batch(name, formula=softmax, **more):
    names = ("temperature", "symmetric", "top_k_negatives", "similarity", "learned_temperature")
    names += ("log_q", "false_negative_margin", "false_negative_rule")
    arguments = {key: more.pop(key) for key in names if key in more}
    columns = ("scale",) * arguments.get("learned_temperature", False)
    columns += ("log_q",) * arguments.get("log_q", False)
    more.setdefault("symmetric", arguments.get("symmetric", False))
    arguments["mask_accidental_hits"] = more.get("masked", True)
    return Case(
        name,
        losses.InBatchSoftmaxLoss,
        formula,
        1 / arguments.get("temperature", 0.05),
        similarity=arguments.get("similarity", "cosine"),
        columns=columns,
        arguments=arguments,
        **more,
    )


CASES = [
    in_batch("softmax"),
    in_batch("softmax-symmetric", symmetric=True, temperature=0.3),
    in_batch("softmax-hits-not-masked", masked=False, temperature=0.3),
    in_batch("softmax-hardest", hardest, top_k_negatives=2, temperature=0.3),
    in_batch("softmax-inner-product", similarity="inner_product", temperature=1.0),
    in_batch("softmax-learned", learned_temperature=True),
    in_batch("softmax-log-q", log_q=True, learned_temperature=True, symmetric=True),
    in_batch("softmax-negatives", negatives=2, temperature=0.3),
    in_batch("softmax-negatives-with-ids", negatives=2, given=True, symmetric=True),
    in_batch(
        "softmax-without-similar",
        without_similar(0.2 / 0.3),
        temperature=0.3,
        symmetric=True,
        false_negative_margin=0.2,
    ),
    in_batch(
        "softmax-without-relatively-similar",
        without_similar(0.3, relative=True),
        negatives=2,
        temperature=0.1,
        false_negative_margin=0.3,
        false_negative_rule="relative",
    ),
    in_batch(
        "softmax-without-similar-learned",
        without_similar(0.5 * 2.5),
        learned_temperature=True,
        false_negative_margin=0.5,
    ),
    Case("sigmoid", losses.SigmoidPairLoss, sigmoid, 10.0, -10.0),
    Case(
        "sigmoid-learned",
        losses.SigmoidPairLoss,
        sigmoid,
        columns=("scale", "bias"),
        negatives=1,
        arguments={"learned_temperature": True},
    ),
    Case(
        "sigmoid-hits-not-masked",
        losses.SigmoidPairLoss,
        sigmoid,
        2.0,
        0.5,
        masked=False,
        arguments={"temperature": 0.5, "bias": 0.5, "mask_accidental_hits": False},
    ),
    Case(
        "multiple-negatives-ranking",
        lambda **more: losses.OnTwoSides(
            losses.MultipleNegativesRankingLoss(2.0, **more), symmetric=True
        ),
        lambda logits, own, negatives: softmax(logits, own, negatives),
        2.0,
        masked=False,
        symmetric=True,
    ),
]
NAMED = {case.name: case for case in CASES}


def given(case):
    """``y_true`` and ``y_pred`` of a case, in float64."""
    labels, y_pred = case.batch()
    if case.name == "multiple-negatives-ranking":
        # Every candidate of the id of a query is a positive there.
        labels = np.arange(len(labels))
    return labels, y_pred
