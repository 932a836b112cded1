"""Warns once of a batch in which a loss finds nothing to compare."""

import warnings

import keras
from keras import ops

from tfmetric.losses import _inputs


class NoTermsWarning:
    """Warns once, the first time that a batch of two or more examples has no term.

    The check costs a sum of ``(B,)`` numbers. It runs in eager calls and in TensorFlow's graphs;
    XLA, JAX's compiled steps and replicas of a strategy cannot call Python, and are left out.

    Args:
        name: Name of the loss, for the message.
    """

    def __init__(self, name):
        self._name, self._said = name, False

    def check(self, count):
        """Warns if no example has a term.

        Args:
            count: ``(B,)`` number of terms of each example.
        """
        if self._said:
            return
        number = ops.sum(count)
        value = _inputs.at_hand(number)
        if value is not None:
            self._say(value, count.shape[0])
        elif _graph_may_call_python():
            import tensorflow as tf

            size = tf.shape(count)[0]

            def say():
                tf.numpy_function(self._say, [number, size], [], stateful=True)
                return tf.no_op()

            tf.cond(tf.logical_and(number < 1, size > 1), say, tf.no_op)

    def _say(self, number, size):
        if self._said or number > 0 or size < 2:
            return
        self._said = True
        warnings.warn(
            f"{self._name} found nothing to compare in a batch of {size} examples: the batch costs "
            "0 and trains nothing. Put several examples of each class in a batch, as "
            "tfmetric.datasets.balanced_batches does; give the other side of pairs as references=, "
            "or train two sides by models.two_tower",
            stacklevel=2,
        )


def _graph_may_call_python():
    """Returns whether this code is traced for a TensorFlow graph on one device without XLA."""
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow as tf

    # TensorFlow has no public question for what it notes while it traces for XLA.
    from tensorflow.python.ops import control_flow_util

    graph = tf.compat.v1.get_default_graph()
    compiled = control_flow_util.GraphOrParentsInXlaContext(graph)
    return not (compiled or tf.distribute.has_strategy())
