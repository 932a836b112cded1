"""Value and gradient of a loss in each way a backend can run it."""

import keras
import numpy as np
import pytest

# On JAX a compiled step is a compiled step.
MODES = {
    "tensorflow": ("eager", "graph", "xla", "xla-unknown-batch"),
    "jax": ("eager", "xla-unknown-batch"),
}[keras.config.backend()]
# Where compiling takes long, with the batch size unknown only: that is what `fit` compiles, and
# several batches share one trace then.
COMPILED = [
    *(("graph-unknown-batch",) if "graph" in MODES else ()),
    *(m if "unknown" in m else pytest.param(m, marks=pytest.mark.slow) for m in MODES[1:]),
]
# For a variant of a computation that another test compiles in each mode: the plain run traces it
# once, for XLA, which refuses more than a graph does. Tracing takes seconds of each mode.
COMPILED_ONCE = [
    m if m == "xla-unknown-batch" else pytest.param(m, marks=pytest.mark.slow)
    for m in (*(("graph-unknown-batch",) if "graph" in MODES else ()), *MODES[1:])
]


def value_and_gradient(loss, labels, x, mode="eager", sample_weight=None):
    """(value, gradient with respect to x) as NumPy arrays; a vector value is summed for it."""
    return step_of(loss, labels, x, mode, sample_weight)(labels, x)


def step_of(loss, labels, x, mode, sample_weight=None):
    """``(labels, x) -> (value, gradient)``, for several batches like this one.

    Args:
        mode: One of MODES, or "graph-unknown-batch": the step takes batches of any size then.
    """
    if keras.config.backend() == "jax":
        return lambda labels, x: _jax(loss, labels, x, mode, sample_weight)
    import tensorflow as tf

    def step(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x, sample_weight)
        return value, tape.gradient(value, x)

    labels, x = tf.convert_to_tensor(labels), tf.convert_to_tensor(x)
    if mode != "eager":
        signature = None
        if mode.endswith("unknown-batch"):
            signature = [
                tf.TensorSpec([None, *labels.shape[1:]], labels.dtype),
                tf.TensorSpec([None, x.shape[1]], x.dtype),
            ]
        # As Keras compiles its steps; autograph takes as long as all the rest.
        step = tf.function(step, signature, autograph=False, jit_compile=mode.startswith("xla"))

    def run(labels, x):
        value, gradient = step(tf.convert_to_tensor(labels), tf.convert_to_tensor(x))
        return value.numpy(), tf.convert_to_tensor(gradient).numpy()

    return run


def _jax(loss, labels, x, mode, sample_weight):
    import jax

    def total(labels, x):
        value = loss(labels, x, sample_weight)
        return value.sum(), value

    step = jax.value_and_grad(total, argnums=1, has_aux=True)
    if mode == "eager":
        # Outside a trace the labels stay what they are: NumPy integers of any width.
        (_, value), gradient = jax.value_and_grad(lambda x: total(labels, x), has_aux=True)(x)
    else:
        (_, value), gradient = jax.jit(step)(labels, x)
    return np.asarray(value), np.asarray(gradient)
