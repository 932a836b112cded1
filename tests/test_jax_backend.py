"""The same loss tests on the JAX backend, in a process that cannot import TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BLOCK = "import sys; sys.modules['tensorflow'] = None; "


def run(code):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        cwd=TESTS.parent,
    )


def test_imports_without_tensorflow():
    result = run("import tfmetric as tm; print(tm.losses.TripletLoss().name, tm.layers.__name__)")
    assert result.stdout.split() == ["triplet_loss", "tfmetric.layers"], result.stderr


@pytest.mark.parametrize("module", ["test_triplet.py", "test_contrastive.py", "test_in_fit.py"])
def test_losses(module):
    pytest.importorskip("jax")
    chosen = "compiled or named or degenerate or duplicates or fit or mixed or every_distance"
    code = (
        "import pytest; sys.exit(pytest.main("
        f"['-q', '-x', '-p', 'no:cacheprovider', 'tests/losses/{module}', '-k', '{chosen}']))"
    )
    result = run(code)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]
