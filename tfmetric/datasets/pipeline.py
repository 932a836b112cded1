"""Turns indexes into batches of examples: the tf.data pipeline of all samplers.

A Python generator yields only handles. TensorFlow reads, decodes and augments in parallel and in a
fixed order, so the batches are a function of the seed.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_positive
from tfmetric.datasets.augmentation import stateless_augmenter
from tfmetric.datasets.sources import Source

_CHUNK = 16
_PREFETCH = 2
Epoch = Callable[[np.random.Generator], Iterable[tuple[np.ndarray, np.ndarray]]]


def sampled_batches(
    source: Source,
    positions: np.ndarray,
    epoch: Epoch,
    num_batches: int,
    num_examples: int,
    target_dtype: str,
    finish: Callable[[Any, Any], Any],
    augment: Callable | None,
    seed: int,
    fixed: bool = False,
) -> Any:
    """A `tf.data.Dataset` of randomly drawn batches, drawn anew each time it is iterated.

    Args:
        source: Where the examples are read from.
        positions: `int64` array `(N,)`: the position of each example in the source.
        epoch: From a random generator to one epoch of (indexes `(M,)`, targets `(M,)`).
        num_batches: Batches an epoch.
        num_examples: M, the examples read for one batch.
        target_dtype: The dtype of the targets.
        finish: Function of the examples and targets of a batch that returns the dataset's element.
        augment: A function or Keras layer on batches of images.
        seed: Seed of the batches, combined with the number of the epoch. Two datasets with equal
            seeds have equal first iterations, and equal second iterations, which differ from the
            first.
        fixed: Whether every iteration repeats the same epoch.

    Returns:
        The dataset. Its `set_epoch(number)` sets the epoch of the next iteration, and
        `next_epoch()` returns it.
    """
    import tensorflow as tf

    epochs = Epochs(fixed)
    handle_specs = source.handle_specs()
    # A call into Python costs as much as gathering a batch of small images, so a call returns the
    # indexes of several batches. Paths, bytes and rows are larger and come batch by batch.
    chunk = _CHUNK if all(spec == ("int64", ()) for spec in handle_specs) else 1

    def draw():
        number = epochs.take()
        rng = np.random.default_rng([seed, number])
        steps = enumerate(epoch(rng), start=number * 2**32)
        while group := list(itertools.islice(steps, chunk)):
            indices = np.stack([indices for _, (indices, _) in group])
            targets = np.stack([targets for _, (_, targets) in group])
            handles = source.handles(positions[indices.reshape(-1)])
            batch_seeds = np.repeat([step for step, _ in group], num_examples)
            yield (
                *(array.reshape(*indices.shape, *array.shape[1:]) for array in handles),
                targets,
                batch_seeds.reshape(indices.shape),
            )

    specs = (*handle_specs, (target_dtype, ()), ("int64", ()))
    signature = tuple(tf.TensorSpec((None, num_examples, *shape), dtype) for dtype, shape in specs)
    dataset = tf.data.Dataset.from_generator(draw, output_signature=signature).unbatch()
    augment, parallel = stateless_augmenter(augment, seed)

    def complete(examples, targets, batch_seed):
        return finish(augment(examples, batch_seed[0]), targets)

    # Random state must be used in order, because parallel calls would race for it.
    parallel_calls = tf.data.AUTOTUNE if parallel else None
    dataset = _load(dataset, source, num_examples, drop_remainder=True)
    dataset = dataset.map(complete, num_parallel_calls=parallel_calls)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    dataset = finished(dataset, source.batched)
    dataset.set_epoch, dataset.next_epoch = epochs.set, epochs.coming
    return dataset


class Epochs:
    """Numbers the iterations of a dataset, and of datasets derived from it."""

    def __init__(self, fixed: bool = False):
        self._next, self._lock = 0, threading.Lock()  # Each iteration has a separate thread.
        self._step = 0 if fixed else 1

    def take(self) -> int:
        """Returns the number of a starting iteration."""
        with self._lock:
            self._next += self._step
            return self._next - self._step

    def set(self, number: int) -> None:
        """Sets the epoch of the next iteration; later iterations count from there.

        Args:
            number: From 0.
        """
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
            raise ValueError(expected("the number of an epoch, from 0", number=number))
        with self._lock:
            self._next = int(number)

    def coming(self) -> int:
        """Returns the number of the epoch of the next iteration."""
        return self._next


def ordered_batches(
    source: Source, positions: np.ndarray, labels: np.ndarray, batch_size: int
) -> Any:
    """Makes a `tf.data.Dataset` of (examples, labels) in order; the last batch may be smaller."""
    import tensorflow as tf

    require_positive(batch_size=batch_size)

    def chunks():
        for start in range(0, len(labels), batch_size):
            part = slice(start, start + batch_size)
            yield (*source.handles(positions[part]), labels[part])

    specs = [tf.TensorSpec((None, *shape), dtype) for dtype, shape in source.handle_specs()]
    dataset = tf.data.Dataset.from_generator(
        chunks, output_signature=(*specs, tf.TensorSpec((None,), "int64"))
    )
    dataset = _load(dataset, source, batch_size, drop_remainder=False)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(labels) // batch_size)))
    return finished(dataset, source.batched)


def _load(dataset, source, size, drop_remainder):
    """Replaces the handles at the front of each element by the examples."""
    import tensorflow as tf

    load = source.loader()
    count = len(source.handle_specs())

    def read(*element):
        return (load(*element[:count]), *element[count:])

    if source.batched:
        return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    # Decode single examples, so that all cores work on the next batch and only a few batches are in
    # memory.
    dataset = dataset.unbatch()
    dataset = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    if source.element.named:  # Lengths differ, so pad with zeros to the longest of the batch.
        return dataset.padded_batch(size, drop_remainder=drop_remainder)
    return dataset.batch(size, drop_remainder=drop_remainder)


def finished(dataset: Any, batched: bool) -> Any:
    """Sets the options that every pipeline has, and reads ahead.

    Args:
        dataset: A `tf.data.Dataset` of batches.
        batched: Whether its sources read a batch at once.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.deterministic = True
    # A generator cannot be sharded by files; without this option distributing warns.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    if batched:
        # A batch is a single look-up, so tuning gains nothing, while rewriting the graph and
        # starting the tuner at each epoch cost as much as reading dozens of batches.
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
    return dataset.prefetch(_PREFETCH).with_options(options)
