"""P×K batches: P classes, K examples of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_positive, require_seed
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.pipeline import sampled_batches
from tfmetric.datasets.sampling import ClassTable, balanced_indices, batch_within

_SMALL_CLASSES = ("repeat", "drop", "error")


def balanced_batches(
    data: LabeledData | tuple,
    classes_per_batch: int = 32,
    examples_per_class: int = 4,
    batches_per_epoch: int | None = None,
    augment: Callable | None = None,
    small_classes: str = "repeat",
    seed: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> Any:
    """Batches of P classes with exactly K different examples each (Hermans et al., 2017).

    Use it to train every loss that mines or compares within the batch. An epoch visits every class
    equally often, and no class is in a batch twice. Each epoch is shuffled again. Batches,
    augmentation included, are a function of `seed` and the epoch's number.

    Only the examples of a batch are read. If classes differ in size, an epoch shows part of the
    large classes and repeats the small ones; `batches.distinct_examples` is the average number of
    different examples in an epoch.

    Each iteration draws the next epoch, from 0. `batches.set_epoch(number)` sets the epoch of the
    next iteration, also for datasets derived by `map` and the like, so that a stopped training
    continues as if uninterrupted; see :class:`tfmetric.callbacks.Checkpoint`.
    `batches.next_epoch()` returns the next epoch's number.

    Args:
        data: The training data, `LabeledData` or arrays `(x, labels)`.
        classes_per_batch: P, from 2. With fewer classes, P is their number, and K grows to keep the
            batch size, up to the size of a median class.
        examples_per_class: K. Within an epoch, a class shows different examples until all have
            been seen.
        batches_per_epoch: By default enough to visit every class, and to hold as many examples as
            there are: max(ceil(C / P), N // (P·K)).
        augment: A function from a batch of examples, such as images `(P·K, height, width,
            channels)`, to one: `datasets.augmentation()`, a Keras layer such as
            :class:`tfmetric.layers.AudioAugmentation`, or a function. It runs in the pipeline, on
            the CPU. If it takes an argument `seed`, it gets an `int64` tensor of shape (2,), new
            for each batch, and batches are augmented in parallel. Otherwise batches are augmented
            sequentially; random Keras layers are copied and reseeded for each batch (chain several
            by `keras.layers.Pipeline`). A function without an argument `seed` controls its own
            randomness.
        small_classes: What to do with classes of fewer than K examples: "repeat" examples as
            evenly as possible, "drop" the classes, or raise an "error".
        seed: What the batches are a function of, with the number of the epoch; an integer from 0.
        shard: `(index, count)` for a training on several processes, see docs/scaling.md: the
            process `index`, from 0, of `count` gets its P / count classes of each batch. All
            draw the same batches from the same seed, so together they see what one would.

    Returns:
        A `tf.data.Dataset` of known length with elements `(x, labels)`: `(P·K, *element_shape)`,
        values as stored (images 0 to 255), or a dictionary of arrays where `element.named`; and
        `(P·K,)` `int64`, class by class.

    Raises:
        ValueError: If P is 1, there are fewer than two classes (left), or another argument is out
            of its range.

    >>> from tfmetric import datasets
    >>> train, _ = datasets.load("digits")
    >>> batches = datasets.balanced_batches(train, classes_per_batch=2, examples_per_class=3)
    >>> x, labels = next(iter(batches))
    >>> x.shape.as_list(), len(set(labels.numpy()))
    ([6, 8, 8, 1], 2)
    >>> batches.set_epoch(0)
    >>> bool((next(iter(batches))[1] == labels).numpy().all())
    True
    """
    if np.ndim(classes_per_batch):
        raise TypeError(
            expected(
                "the examples and their labels in one tuple: balanced_batches((x, labels), 32, 4)",
                classes_per_batch=type(classes_per_batch).__name__,
            )
        )
    require_positive(classes_per_batch=classes_per_batch, examples_per_class=examples_per_class)
    require_seed(seed)
    if classes_per_batch < 2:
        raise ValueError(
            expected(
                "at least 2 classes_per_batch, or no example has a negative",
                classes_per_batch=classes_per_batch,
            )
        )
    if small_classes not in _SMALL_CLASSES:
        raise ValueError(
            expected(f"small_classes as one of {_SMALL_CLASSES}", small_classes=small_classes)
        )
    kept = _without_small(as_labeled(data), examples_per_class, small_classes)
    if kept.num_classes < 2:
        raise ValueError(
            expected("at least two classes to make batches of", num_classes=kept.num_classes)
        )
    table = ClassTable(kept.labels)
    enough = int(np.median(table.count) if small_classes == "repeat" else table.count.min())
    classes_per_batch, examples_per_class = batch_within(
        classes_per_batch, examples_per_class, kept.num_classes, enough
    )
    size = classes_per_batch * examples_per_class
    part = _part(shard, classes_per_batch, examples_per_class)
    if batches_per_epoch is None:
        batches_per_epoch = max(math.ceil(kept.num_classes / classes_per_batch), len(kept) // size)
    require_positive(batches_per_epoch=batches_per_epoch)

    def epoch(rng):
        for indices in balanced_indices(
            table, classes_per_batch, examples_per_class, batches_per_epoch, rng
        ):
            yield indices[part], kept.labels[indices[part]]

    dataset = sampled_batches(
        kept.source,
        kept.positions,
        epoch,
        num_batches=batches_per_epoch,
        num_examples=part.stop - part.start,
        target_dtype="int64",
        finish=lambda x, labels: (x, labels),
        augment=augment,
        seed=seed,
    )
    visits = batches_per_epoch * classes_per_batch / len(table.classes)
    seen = np.minimum(table.count, visits * examples_per_class)
    dataset.distinct_examples = int(seen.sum())
    return dataset


def _part(shard, classes, examples) -> slice:
    """Returns the rows of a batch for one process: whole classes."""
    whole = isinstance(shard, (tuple, list)) and len(shard) == 2
    whole = whole and all(isinstance(n, Integral) and not isinstance(n, bool) for n in shard)
    if not whole or not 0 <= shard[0] < shard[1]:
        raise ValueError(expected("shard as (index, count), 0 <= index < count", shard=shard))
    index, count = shard
    if classes % count:
        raise ValueError(
            expected(
                "a number of classes in a batch that is a multiple of the number of processes",
                classes_per_batch=classes,
                shard=shard,
            )
        )
    size = classes // count * examples
    return slice(index * size, (index + 1) * size)


def _without_small(data: LabeledData, size: int, rule: str) -> LabeledData:
    classes, counts = np.unique(data.labels, return_counts=True)
    small = classes[counts < size]
    if rule == "repeat" or not len(small):
        return data
    if rule == "error":
        raise ValueError(
            expected(
                f"at least {size} examples in every class; or pass small_classes='repeat' or"
                " 'drop'",
                small_classes=[data.class_names[label] for label in small[:5]],
                number=len(small),
            )
        )
    return data.subset(~np.isin(data.labels, small))
