"""Reads both sides of links in batches: the tf.data pipeline of a relation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.augmentation import stateless_augmenter
from tfmetric.datasets.batch_columns import columns_of
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.links.dealing import dealt, steps_of
from tfmetric.datasets.links.negatives import Negatives
from tfmetric.datasets.pipeline import Epochs, finished

Augment = tuple[Callable | None, Callable | None]
# (left places (B,), right places (B, 1 + H), target (B, ...), further column (B,) or None).
Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]


# What may be in a batch only once.
ONCE = ("right", "left", None)
# The dtype of the further column of `models.two_tower(log_q=...)`.
FURTHER = {None: None, "given": "float32", "estimated": "int64"}


def linked_batches(
    left: LabeledData,
    right: LabeledData,
    links: np.ndarray,
    batch_size: int,
    *,
    once: str | None,
    negatives: Negatives | None,
    further: str | None,
    log_q: np.ndarray,
    augment: Augment,
    seed: int,
) -> Any:
    """Batches `((left, right, negatives..., further), ids)`; see `Relation.batches`.

    Args:
        left: The left elements.
        right: The right elements.
        links: `int64` `(M, 2)`.
        batch_size: The most links of a batch.
        once: One of `ONCE`.
        negatives: What gives the negatives of links, or `None`.
        further: A key of `FURTHER`.
        log_q: `float32` `(len(right),)`.
        augment: What augments the left and the right elements.
        seed: Seed of the batches.

    Raises:
        ValueError: If all links have one candidate.
    """
    ids = right.labels[links[:, 1]]
    if (ids == ids[0]).all():
        raise ValueError(
            expected(
                "links of at least two right elements, or no candidate has a negative",
                right_elements=1,
                links=len(links),
            )
        )
    alone = {"right": ids, "left": links[:, 0], None: None}[once]
    steps = steps_of(len(links), batch_size, alone)
    columns = 1 if negatives is None else 1 + negatives.count

    def epoch(rng):
        for chosen in dealt(len(links), steps, alone, rng):
            places = links[chosen, 1:]
            if negatives is not None:
                places = np.concatenate([places, negatives.of(chosen, rng)], axis=1)
            found = right.labels[places]
            column = {None: None, "given": log_q[places[:, 0]], "estimated": found[:, 0]}[further]
            yield links[chosen, 0], places, found[:, 0] if columns == 1 else found, column

    return _dataset(
        left,
        right,
        epoch,
        steps=steps,
        columns=columns,
        target=("int64", () if columns == 1 else (columns,)),
        further=FURTHER[further],
        augment=augment,
        seed=seed,
    )


def scored_batches(
    left: LabeledData,
    right: LabeledData,
    links: np.ndarray,
    score: np.ndarray,
    batch_size: int,
    *,
    augment: Augment,
    seed: int,
) -> Any:
    """Batches `((left, right), score)`; see `Relation.graded_batches`."""
    steps = steps_of(len(links), batch_size, None)

    def epoch(rng):
        for chosen in dealt(len(links), steps, None, rng):
            yield links[chosen, 0], links[chosen, 1:], score[chosen], None

    return _dataset(
        left,
        right,
        epoch,
        steps=steps,
        columns=1,
        target=("float32", ()),
        further=None,
        augment=augment,
        seed=seed,
    )


def _dataset(
    left: LabeledData,
    right: LabeledData,
    epoch: Callable[[np.random.Generator], Iterable[Batch]],
    *,
    steps: int,
    columns: int,
    target: tuple[str, tuple[int, ...]],
    further: str | None,
    augment: Augment,
    seed: int,
) -> Any:
    """A `tf.data.Dataset` of `((left, right, negatives..., further), target)`.

    Args:
        left: The left elements.
        right: The right elements.
        epoch: From a random generator to the batches of one epoch.
        steps: Batches an epoch.
        columns: Right elements of a link, 1 + H.
        target: The dtype of the target, and its shape for one link.
        further: The dtype of the further column, or `None` for no such column.
        augment: What augments the left and the right elements.
        seed: Seed of the batches, combined with the number of the epoch.

    Returns:
        The dataset, with `set_epoch` and `next_epoch` as those of `balanced_batches` have them.
    """
    import tensorflow as tf

    epochs = Epochs()

    def draw():
        number = epochs.take()
        batches = epoch(np.random.default_rng([seed, number]))
        for step, (lefts, rights, targets, column) in enumerate(batches, number * 2**32):
            places = rights.T.reshape(-1)  # Column by column.
            yield (
                left.source.handles(left.positions[lefts]),
                right.source.handles(right.positions[places]),
                targets,
                () if column is None else (column,),
                step,
            )

    dtype, shape = target
    signature = (
        _specs(left),
        _specs(right),
        tf.TensorSpec((None, *shape), dtype),
        () if further is None else (tf.TensorSpec((None,), further),),
        tf.TensorSpec((), "int64"),
    )
    read_left, read_right = _reader(left), _reader(right)
    augment_left, left_parallel = stateless_augmenter(augment[0], seed)
    augment_right, right_parallel = stateless_augmenter(augment[1], seed + 1)

    def read(lefts, rights, *rest):
        return (read_left(lefts), read_right(rights), *rest)

    def complete(lefts, rights, targets, column, step):
        size = tf.shape(targets)[0]
        lefts, rights = augment_left(lefts, step), augment_right(rights, step)
        return (lefts, *columns_of(rights, size, columns), *column), targets

    dataset = tf.data.Dataset.from_generator(draw, output_signature=signature)
    dataset = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    # Random state must be used in order, because parallel calls would race for it.
    parallel = left_parallel and right_parallel
    dataset = dataset.map(complete, num_parallel_calls=tf.data.AUTOTUNE if parallel else None)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = finished(dataset, left.source.batched and right.source.batched)
    dataset.set_epoch, dataset.next_epoch = epochs.set, epochs.coming
    return dataset


def _specs(side):
    import tensorflow as tf

    return tuple(
        tf.TensorSpec((None, *shape), dtype) for dtype, shape in side.source.handle_specs()
    )


def _reader(side):
    """Returns a function from the handles of a batch to its examples."""
    import tensorflow as tf

    source, load = side.source, side.source.loader()
    if source.batched:
        return lambda handles: load(*handles)

    def read(handles):
        # Examples are decoded one by one, on all cores, and padded to the longest of the batch.
        size = tf.cast(tf.shape(handles[0])[0], tf.int64)
        examples = tf.data.Dataset.from_tensor_slices(handles)
        examples = examples.map(load, num_parallel_calls=tf.data.AUTOTUNE)
        whole = examples.padded_batch if source.element.named else examples.batch
        return whole(size).get_single_element()

    return read
