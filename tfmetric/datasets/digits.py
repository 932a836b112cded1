"""The handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.reading import examples_of_values


def digits_examples(options: ReadOptions) -> Examples:
    """1,797 scans of 8×8 with 17 grey levels, scaled exactly to 0..255 (16 becomes 255)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return examples_of_values(pixels, bunch.target, name="digits", options=options)
