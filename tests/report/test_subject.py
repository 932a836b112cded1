"""What of a run is shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfmetric.report.subject import Subject


@pytest.mark.parametrize(
    ("counts", "classes", "examples"),
    [
        ([180] * 5, 5, 500),  # Few classes that are large: some of each.
        ([20] * 659, 25, 500),
        ([3] * 4, 4, 12),
        ([600, 2, 2], 3, 170),
    ],
)
def test_a_map_shows_all_classes_or_twenty_five(counts, classes, examples):
    labels = np.repeat(np.arange(len(counts)), counts)
    evidence = SimpleNamespace(labels=labels, of_judged=lambda: evidence)
    chosen = Subject(Path(), {}, evidence).mapped
    assert len(np.unique(labels[chosen])) == classes
    assert len(chosen) == len(np.unique(chosen)) == examples
