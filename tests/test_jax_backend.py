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


def run_tests(modules, chosen):
    modules = [f"tests/{module}" for module in modules]
    result = run(
        "import pytest; sys.exit(pytest.main("
        f"['-q', '-x', '-n0', '-p', 'no:cacheprovider', *{modules}, '-k', '{chosen}']))"
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


LOSSES = ["losses/test_triplet.py", "losses/test_contrastive.py", "losses/test_in_fit.py"]
# Compiled and in fit; without a compiled step JAX takes minutes for the rest.
FEW = "(compiled or xla or fit or mixed) and not False"
MANY = (
    "compiled or fit or mixed or named or warmup or degenerate or duplicates or distance or either"
)


def test_triplets():
    pytest.importorskip("jax")
    run_tests(["losses/test_triplet.py"], "named_minings and xla")


@pytest.mark.slow
def test_losses():
    pytest.importorskip("jax")
    run_tests(LOSSES, FEW)


@pytest.mark.slow
def test_losses_without_a_compiled_step():
    pytest.importorskip("jax")
    run_tests(LOSSES, MANY)


def test_class_proxies():
    """The losses, and their head in a fit: with sampled classes, and labels without a proxy."""
    pytest.importorskip("jax")
    modules = ["losses/test_proxy_losses.py", "models/test_with_proxies.py"]
    run_tests(modules, "xla-unknown or sampled_classes_train or make_nan")
