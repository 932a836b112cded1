"""Small image sets on disk, and the real data beside the repository where it is present."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture
def shared():
    """Returns a path in the folder of real data, or skips the test."""

    def find(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs the real data in ../shared/{name}")
        return path

    return find


@pytest.fixture
def image_folder(tmp_path):
    """Four classes of four random 12×10 grey PNGs."""
    rng = np.random.default_rng(0)
    for label in ("ant", "bee", "cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(4):
            pixels = rng.integers(0, 256, (12, 10)).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    return tmp_path
