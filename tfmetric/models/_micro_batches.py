"""Applies a function part by part and recomputes its activations for the gradient.

The backward pass runs each part forward again, in the same order and from the same state, so that
random numbers repeat. Memory holds the inputs, the results, and the activations of one part.
"""

import keras
from keras import ops


def part_by_part(function, weights, state, indices):
    """Returns the results of all parts, and the state after the last part.

    Args:
        function: ``(weights, state, indices of a part) -> (result (m, D), new state)``, without
            side effects. Nothing but ``weights`` gets a gradient.
        weights: List of floating tensors.
        state: List of tensors that each part changes and passes on.
        indices: ``(n, m)`` int32, one row for each part.

    Returns:
        ``(n * m, D)`` and the list of the last state.
    """
    if keras.config.backend() == "tensorflow":
        return _tensorflow(function, weights, state, indices)

    def step(state, part):
        result, state = keras.remat(function)(weights, state, part)
        return [ops.stop_gradient(x) for x in state], result

    state, results = ops.scan(step, state, indices)
    return ops.reshape(results, (-1, *results.shape[2:])), state


def _tensorflow(function, weights, state, indices):
    import tensorflow as tf

    number, size = ops.shape(indices)
    # Copy the values: outside of a graph Keras returns the variables themselves.
    weights, state = ([tf.convert_to_tensor(x) for x in each] for each in (weights, state))
    first = [tf.stop_gradient(x) for x in state]

    def each_part(step, start):
        return tf.while_loop(
            lambda i, *_: i < number,
            lambda i, *carried: (i + 1, *step(i, *carried)),
            (tf.constant(0), *start),
            # One iteration at a time, so that memory holds one part.
            parallel_iterations=1,
            maximum_iterations=number,
        )[1:]

    @tf.custom_gradient
    def run(*weights):
        # Infers the shape and dtype of a result without computing it.
        like = tf.function(lambda: function(weights, first, indices[0])[0])
        like = like.get_concrete_function().structured_outputs

        def forward(i, results, state):
            result, state = function(weights, state, indices[i])
            return results.write(i, result), state

        results = tf.TensorArray(like.dtype, number, element_shape=like.shape)
        results, last = each_part(forward, (results, first))
        results = tf.reshape(results.stack(), (-1, *like.shape[1:]))

        def gradient(upstream, *_):
            def backward(i, sums, state):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(weights)
                    result, state = function(weights, state, indices[i])
                slope = upstream[i * size : (i + 1) * size]
                found = tape.gradient(
                    result, weights, slope, unconnected_gradients=tf.UnconnectedGradients.ZERO
                )
                return [a + b for a, b in zip(sums, found, strict=True)], state

            sums = [tf.zeros_like(w) for w in weights]
            return each_part(backward, (sums, first))[0]

        return (results, *last), gradient

    results, *last = run(*weights)
    return results, last
