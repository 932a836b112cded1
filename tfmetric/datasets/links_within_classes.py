"""Makes links of class labels."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.relation import Relation


def linked_within_classes(data: LabeledData) -> Relation:
    """Links each example to the next of its class, and the last to the first.

    Args:
        data: Labelled data; an example that is alone in its class gets no link.

    Raises:
        ValueError: If no class has two examples, or there is one class only.
    """
    order = np.argsort(data.labels, kind="stable")
    labels, place = data.labels[order], np.arange(len(order))
    first = np.searchsorted(labels, labels)
    last = np.searchsorted(labels, labels, "right") - 1
    after = np.where(place == last, first, place + 1)
    several = first < last
    if not several.any() or len(data.classes) < 2:
        raise ValueError(
            expected(
                "two classes or more, one of them with two examples or more",
                num_classes=len(data.classes),
                largest_class=int((last - first).max(initial=-1)) + 1,
            )
        )
    return Relation(data, data, np.stack([order, order[after]], axis=1)[several])
