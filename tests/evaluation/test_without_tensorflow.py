"""Labelled data is embedded and judged on the JAX backend where TensorFlow is not installed."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = textwrap.dedent(
    """
    import sys

    sys.modules["tensorflow"] = None

    import numpy as np
    import tfmetric as tm

    x = np.random.default_rng(0).normal(size=(23, 4)).astype("float32")
    labels = np.arange(23) % 4
    data = tm.datasets.from_arrays(x, labels)
    model = tm.models.embedder((4,), embedding_dim=3)
    embeddings = tm.evaluation.embed(model, data, batch_size=5)
    np.testing.assert_allclose(embeddings, np.asarray(model(x)), atol=1e-5)
    assert tm.evaluation.embed(model, data.subset([])).shape == (0, 3)
    one = tm.evaluation.evaluate(model, data)
    assert one.raw and one.untrained, one.notes
    assert one.map_at_r == tm.evaluation.evaluate(model, (x, labels)).map_at_r
    model.compile("sgd", loss=tm.losses.TripletLoss())
    judge = tm.callbacks.RetrievalEvaluation(data)
    history = model.fit(x, labels, verbose=0, callbacks=[judge]).history
    assert "val_map_at_r" in history
    """
)


def test_labelled_data_needs_no_tensorflow_on_jax():
    pytest.importorskip("jax", reason="jax is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:keras", "-c", SCRIPT],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
