"""Labelled examples, the data type of all loaders and their users."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.dividing import Split
from tfmetric.datasets.pipeline import ordered_batches
from tfmetric.datasets.report import DataReport
from tfmetric.datasets.rotated import RotatedSource
from tfmetric.datasets.sources import Source
from tfmetric.elements import Element


class LabeledData:
    """Examples with class labels, read on demand. Immutable.

    `datasets.load` makes a pair of them; `datasets.from_arrays` makes one of arrays in memory. It
    holds NumPy arrays and a source, never TensorFlow tensors, so that a callback or a tuner may
    copy it at no cost.

    Attributes:
        labels: `int64` array `(N,)`, indexes into `class_names`.
        class_names: The names of all classes, common to the train and the test part, so that a
            label means the same in both.
        groups: An array `(N,)` of group names (a typeface, an alphabet, a person), or `None`.
        report: Report of the data check, or `None`.

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> data = datasets.from_arrays(np.zeros((4, 8, 8), "uint8"), ["b", "a", "b", "a"])
    >>> len(data), data.num_classes, data.class_names, data.element_shape
    (4, 2, ('a', 'b'), (8, 8, 1))
    >>> data.subset([0, 2]).labels.tolist()
    [1, 1]
    """

    def __init__(
        self,
        source: Source,
        labels: np.ndarray,
        class_names: tuple[str, ...],
        groups: np.ndarray | None = None,
        positions: np.ndarray | None = None,
        report: DataReport | None = None,
    ):
        """Makes a set; most callers use `datasets.load` or `datasets.from_arrays` instead.

        Args:
            source: Source of the examples.
            labels: `int64` array `(N,)`, indexes into `class_names`.
            class_names: The names of the classes.
            groups: An array `(N,)`, or `None`.
            positions: `int64` array `(N,)`: the position of each example in the source. `None`
                means all of the source, in its order.
            report: What the data check found.
        """
        positions = np.arange(len(source)) if positions is None else positions
        self.source = source
        self.positions = _frozen(positions, np.int64)
        self.labels = _frozen(labels, np.int64)
        self.class_names = tuple(class_names)
        self.groups = None if groups is None else _frozen(groups)
        self.report = report
        self._sealed = True

    def __setattr__(self, name, value):
        if getattr(self, "_sealed", False):
            raise AttributeError(f"LabeledData is immutable; cannot set {name!r}")
        super().__setattr__(name, value)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self):
        words = self.element.describe()
        return f"<LabeledData: {len(self)} examples of {self.num_classes} classes: {words}>"

    @cached_property
    def classes(self) -> np.ndarray:
        """The labels that occur, in ascending order."""
        return _frozen(np.unique(self.labels))

    @property
    def num_classes(self) -> int:
        """The number of classes that occur."""
        return len(self.classes)

    @property
    def element(self) -> Element:
        """Kind, shape, dtype and options of one example; see `tfmetric.elements`."""
        return self.source.element

    @property
    def element_shape(self) -> tuple[int | None, ...]:
        """The shape of one example: `(height, width, channels)`, `(features,)`; `None` is free."""
        return self.element.shape

    @property
    def dtype(self) -> str:
        """The dtype of the examples: as given, "uint8" for 8-bit images, "string" for texts."""
        return self.element.dtype

    @property
    def split(self) -> Split | None:
        """The division into train and test by `datasets.load`, or `None`."""
        return None if self.report is None else self.report.division

    @cached_property
    def ids(self) -> np.ndarray:
        """The origin of each example, as text: a file path, "digits/17"."""
        return _frozen(self.source.ids(self.positions))

    def read(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Reads examples into memory.

        Args:
            indices: Indexes of the examples, in this order; all by default.

        Returns:
            An array `(len(indices), *element_shape)`; a dictionary of arrays where
            `element.named`, see `tfmetric.elements`.
        """
        positions = self.positions if indices is None else self.positions[_as_index(indices)]
        return self.source.read(positions)

    def subset(self, indices: Sequence[int] | np.ndarray) -> LabeledData:
        """Returns only these examples, in this order, without reading or copying.

        Args:
            indices: Integer positions, or a boolean mask `(N,)`.
        """
        indices = _as_index(indices)
        return LabeledData(
            self.source,
            self.labels[indices],
            self.class_names,
            None if self.groups is None else self.groups[indices],
            self.positions[indices],
            self.report,
        )

    def batches(self, batch_size: int = 256) -> Any:
        """The examples in order, for embedding them.

        Args:
            batch_size: Examples a batch; the last batch may be smaller.

        Returns:
            A `tf.data.Dataset` of `(examples, labels)`, shapes `(batch, *element_shape)` and
            `(batch,)`; the examples are a dictionary of arrays where `element.named`.
        """
        return ordered_batches(self.source, self.positions, self.labels, batch_size)

    def with_contiguous_labels(self) -> LabeledData:
        """Renumbers the labels to 0 … C − 1 for the C classes that occur.

        Use it for losses on class proxies: labels of :func:`tfmetric.datasets.load` also count the
        classes of the test part, whose proxies no example would train.

        >>> import numpy as np
        >>> from tfmetric import datasets
        >>> data = datasets.from_arrays(np.eye(4), ["a", "b", "c", "c"])
        >>> part = data.subset([0, 2, 3]).with_contiguous_labels()
        >>> part.labels.tolist(), part.class_names
        ([0, 1, 1], ('a', 'c'))
        """
        return LabeledData(
            self.source,
            np.searchsorted(self.classes, self.labels),
            tuple(self.class_names[label] for label in self.classes),
            self.groups,
            self.positions,
            self.report,
        )

    def with_rotated_classes(self) -> LabeledData:
        """Adds each class turned by 90°, 180° and 270° as three further classes.

        Use it on training data if a turned example counts as another class, such as handwritten
        characters (Santoro et al., 2016, "Meta-learning with memory-augmented neural networks").
        Nothing is copied: turned images are made as they are read.

        Returns:
            Data with four times the examples and classes; the first quarter is this data.

        Raises:
            ValueError: If the examples are not square images.
        """
        shape = self.element_shape
        if self.element.kind != "image" or len(shape) != 3 or shape[0] != shape[1]:
            raise ValueError(
                expected(
                    "square images of shape (size, size, channels) to turn; pass image_size= to"
                    " datasets.load",
                    element_shape=shape,
                )
            )
        turns = range(4)
        names = [
            f"{name} @{90 * turn}°" if turn else name for turn in turns for name in self.class_names
        ]
        return LabeledData(
            RotatedSource(self.source),
            np.concatenate([self.labels + turn * len(self.class_names) for turn in turns]),
            tuple(names),
            None if self.groups is None else np.tile(self.groups, 4),
            np.concatenate([self.positions + turn * len(self.source) for turn in turns]),
            self.report,
        )


def _as_index(indices):
    indices = np.asarray(indices)
    if indices.size == 0:
        return indices.astype(np.int64)
    if indices.dtype.kind not in "iub":
        raise ValueError(expected("integer indices or a boolean mask", indices=indices))
    return indices


def _frozen(array, dtype=None):
    array = np.array(array, dtype=dtype)
    array.flags.writeable = False
    return array
