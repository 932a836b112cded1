"""The examples and the committed model run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfmetric as tm

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("script", "arguments", "says"),
    [
        ("image_retrieval.py", ["--dataset", "digits", "--epochs", "1"], "nearest to digits/"),
        ("siamese_pairs.py", ["--epochs", "1"], "the same class"),
    ],
)
def test_example(script, arguments, says, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / script, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_committed_model_finds_digits():
    _, test = tm.datasets.load("digits")
    served = tm.export.load(ROOT / "saved_models/digits")
    chosen = np.random.default_rng(0).choice(len(test), 50, replace=False)
    # Nearly every query is in the gallery itself and comes first: look at the second.
    labels = served.search(test.read(chosen), k=2).labels[:, 1]
    names = np.array(test.class_names)[test.labels[chosen]]
    assert (labels == names).mean() > 0.8
    assert served.metadata["gallery_size"] > 800
