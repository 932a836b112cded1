"""The fingerprint of a data set is the same in every process and differs for other data."""

import numpy as np
import pytest

from tfmetric import datasets
from tfmetric.datasets.fingerprint import fingerprint

LABELS = np.repeat(np.arange(4), 2)


def _texts(last):
    # New string objects at each call, as another process would have.
    return ["".join(["text ", str(n)]) for n in range(7)] + ["".join(["the ", last])]


def _sequences(last):
    return [np.full((2 + n % 3, 2), n, "float32") for n in range(7)] + [
        np.full((3, 2), last, "float32")
    ]


@pytest.mark.parametrize(
    ("make", "kind", "one", "other"),
    [(_texts, "text", "end", "start"), (_sequences, "sequence", 7, 8)],
)
def test_fingerprint_rests_on_the_content(make, kind, one, other):
    first, again, different = (
        fingerprint(datasets.from_arrays(make(last), LABELS, kind=kind))
        for last in (one, one, other)
    )
    assert first == again
    assert first != different
