"""Operations that ``keras.ops`` lacks: products of transposes, permutations of rows, a pullback."""

import keras
from keras import ops


def times_transposed(a, b):
    """Returns ``a · bᵀ``; TensorFlow would copy a transpose inside a branch of a condition."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.matmul(a, b, transpose_b=True)
    return ops.matmul(a, ops.transpose(b))


def transposed_times(a, b):
    """Returns ``aᵀ · b``; see :func:`times_transposed`."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.matmul(a, b, transpose_a=True)
    return ops.matmul(ops.transpose(a), b)


def reordered(x, order, back):
    """Returns ``x[order]`` with the gradient ``upstream[back]``.

    The gradient of a plain take adds rows one by one; a permutation only moves them.

    Args:
        x: ``(B, ...)``.
        order: ``(B,)`` int32, a permutation of the rows.
        back: ``(B,)`` int32, its inverse.
    """

    @ops.custom_gradient
    def take(x):
        def gradient(*upstream):
            return ops.take(ops.convert_to_tensor(upstream[0]), back, axis=0)

        return ops.take(x, order, axis=0), gradient

    return take(x)


def pullback(function, inputs, upstream):
    """Returns the gradients of ``function(*inputs)`` with respect to each input.

    Args:
        function: Takes the inputs, returns a tuple of tensors.
        inputs: Tuple of floating tensors.
        upstream: Tuple of tensors like the outputs.
    """
    if keras.config.backend() == "jax":
        import jax

        return jax.vjp(lambda *given: tuple(function(*given)), *inputs)[1](tuple(upstream))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(*inputs)
    found = tape.gradient(
        list(outputs),
        list(inputs),
        output_gradients=list(upstream),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return tuple(tf.convert_to_tensor(each) for each in found)


def derivative(value, distance, *anchor):
    """Returns the derivative of an elementwise function with respect to its first argument."""
    one = ops.ones_like(value(distance, *anchor))
    return pullback(lambda d: (value(d, *anchor),), (distance,), (one,))[0]
