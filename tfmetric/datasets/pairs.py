"""Makes explicit pairs and triplets for Siamese models."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_positive, require_seed
from tfmetric.datasets.batch_columns import columns_of
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.pipeline import sampled_batches
from tfmetric.datasets.sampling import ClassTable, anchor_stream, partners, strangers


def pairs(
    data: LabeledData | tuple,
    batch_size: int = 64,
    positive_fraction: float = 0.5,
    batches_per_epoch: int | None = None,
    augment: Callable | None = None,
    seed: int = 0,
    fixed: bool = False,
) -> Any:
    """Makes random pairs of examples, for a Siamese model with a pair loss.

    Use it with `models.siamese` and `SiameseContrastiveLoss`. For a loss on embeddings,
    `balanced_batches` gives far more pairs for the same work. In each round, every example of a
    class of two or more is the first of a positive pair once, and every example is the first of a
    negative pair once; the second is drawn at random.

    Args:
        data: The training data, `LabeledData` or arrays `(x, labels)`.
        batch_size: Pairs in a batch, B.
        positive_fraction: The share of pairs of one class, 0 to 1; each batch has
            round(B · positive_fraction) of them, in random places.
        batches_per_epoch: By default ceil(N / B).
        augment: As for `balanced_batches`; it gets the images of both sides in one batch.
        seed: Seed of the pairs, combined with the number of the epoch; an integer from 0.
        fixed: Whether every iteration gives the same pairs in the same order. Use it to judge a
            model: what `predict` returns and labels read afterwards belong together.

    Returns:
        A `tf.data.Dataset` of known length with elements `((a, b), same)`: twice `(B,
        *element_shape)`, and `(B,)` `float32`, 1 for similar. It has `set_epoch`, like the dataset
        of `balanced_batches`.

    Raises:
        ValueError: If positive pairs are requested but no class has two examples, or negative pairs
            but there is one class only.

    >>> from tfmetric import datasets
    >>> train, _ = datasets.load("digits")
    >>> (a, b), same = next(iter(datasets.pairs(train, batch_size=4)))
    >>> a.shape.as_list(), float(sum(same))
    ([4, 8, 8, 1], 2.0)
    >>> judged = datasets.pairs(train, batch_size=4, fixed=True)
    >>> [bool((x == y).numpy().all()) for (_, x), (_, y) in zip(judged, judged)][:3]
    [True, True, True]
    """
    require_positive(batch_size=batch_size)
    require_seed(seed)
    data = as_labeled(data)
    if not 0 <= positive_fraction <= 1:
        raise ValueError(
            expected("a positive_fraction from 0 to 1", positive_fraction=positive_fraction)
        )
    batches = math.ceil(len(data) / batch_size) if batches_per_epoch is None else batches_per_epoch
    require_positive(batches_per_epoch=batches)
    similar = round(batch_size * positive_fraction)
    table, eligible = _table(data, similar > 0, similar < batch_size)

    def epoch(rng):
        positive = anchor_stream(eligible, similar, rng) if similar else None
        negative = anchor_stream(np.arange(len(data)), batch_size - similar, rng)
        same = np.zeros(batch_size, np.float32)
        same[:similar] = 1
        for _ in range(batches):
            first = next(positive) if similar else np.empty(0, np.int64)
            other = next(negative)
            a = np.concatenate([first, other])
            b = np.concatenate([partners(table, first, rng), strangers(table, other, rng)])
            mixed = rng.permutation(batch_size)
            places = np.concatenate([a[mixed], b[mixed]])
            yield table.order[places], np.tile(same[mixed], 2)

    return sampled_batches(
        data.source,
        data.positions,
        epoch,
        num_batches=batches,
        num_examples=2 * batch_size,
        target_dtype="float32",
        finish=lambda x, same: (columns_of(x, batch_size, 2), same[:batch_size]),
        augment=augment,
        seed=seed,
        fixed=fixed,
    )


def triplets(
    data: LabeledData | tuple,
    batch_size: int = 64,
    batches_per_epoch: int | None = None,
    augment: Callable | None = None,
    seed: int = 0,
    fixed: bool = False,
) -> Any:
    """Makes random triplets of an anchor, a positive and a negative example.

    Use it with `models.triplet` and `SiameseTripletLoss`. For `TripletLoss`, which mines its
    triplets, use `balanced_batches`. Every example of a class of two or more is the anchor once in
    each round; the positive and the negative are drawn at random.

    Args:
        data: The training data, `LabeledData` or arrays `(x, labels)`.
        batch_size: Triplets in a batch, B.
        batches_per_epoch: By default ceil(N / B).
        augment: As for `balanced_batches`; it gets the images of all three in one batch.
        seed: Seed of the triplets, combined with the number of the epoch; an integer from 0.
        fixed: Whether every iteration gives the same triplets in the same order.

    Returns:
        A `tf.data.Dataset` of known length with elements `((a, p, n), zeros)`: three times `(B,
        *element_shape)`, and `(B,)` `float32` zeros, a target that the loss ignores. It has
        `set_epoch`, like the dataset of `balanced_batches`.

    Raises:
        ValueError: If no class has two examples, or there is one class only.

    >>> from tfmetric import datasets
    >>> train, _ = datasets.load("digits")
    >>> (a, p, n), _ = next(iter(datasets.triplets(train, batch_size=4)))
    >>> n.shape.as_list()
    [4, 8, 8, 1]
    """
    require_positive(batch_size=batch_size)
    require_seed(seed)
    data = as_labeled(data)
    batches = math.ceil(len(data) / batch_size) if batches_per_epoch is None else batches_per_epoch
    require_positive(batches_per_epoch=batches)
    table, eligible = _table(data, True, True)

    def epoch(rng):
        anchors = anchor_stream(eligible, batch_size, rng)
        zeros = np.zeros(3 * batch_size, np.float32)
        for _ in range(batches):
            a = next(anchors)
            places = np.concatenate([a, partners(table, a, rng), strangers(table, a, rng)])
            yield table.order[places], zeros

    return sampled_batches(
        data.source,
        data.positions,
        epoch,
        num_batches=batches,
        num_examples=3 * batch_size,
        target_dtype="float32",
        finish=lambda x, zeros: (columns_of(x, batch_size, 3), zeros[:batch_size]),
        augment=augment,
        seed=seed,
        fixed=fixed,
    )


def _table(data, positives, negatives):
    """Returns the class table, and the places of examples that have a partner."""
    table = ClassTable(data.labels)
    eligible = np.flatnonzero(table.count[table.rank_of] > 1)
    if positives and not len(eligible):
        raise ValueError(
            expected(
                "at least one class with two examples, to make a positive pair",
                largest_class=int(table.count.max(initial=0)),
            )
        )
    if negatives and len(table.classes) < 2:
        raise ValueError(
            expected(
                "at least two classes, to make a negative pair", num_classes=len(table.classes)
            )
        )
    return table, eligible
