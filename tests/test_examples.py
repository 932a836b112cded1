"""The examples and the committed model run as they stand."""

import runpy
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
        ("character_index.py", ["--epochs", "1"], "saved_models/characters/1"),
        ("siamese_pairs.py", ["--epochs", "1"], "the same class"),
    ],
)
def test_example(script, arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(ROOT / "examples" / script), run_name="__main__")
    assert says in capsys.readouterr().out


def test_committed_model_knows_characters_in_another_typeface():
    _, test = tm.datasets.load("glyphs")
    served = tm.export.load(ROOT / "saved_models/characters")
    queries = test.subset(test.groups == "DejaVuSans-Bold")
    chosen = queries.subset(np.random.default_rng(0).choice(len(queries), 100, replace=False))
    names = np.array([chosen.class_names[label] for label in chosen.labels])
    ids, distances = served.search(chosen.read(), k=3)
    assert (ids[:, 0] == names).mean() > 0.85
    assert (np.diff(distances, axis=1) >= 0).all()
