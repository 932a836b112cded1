"""Gathers examples across the replicas of a tf.distribute strategy."""

import keras
from keras import ops

from tfmetric.losses import _inputs


def current():
    """Returns the :class:`Replicas` that run this code, or None where there is only one.

    Also None while Keras builds a loss outside of every replica, and on the JAX backend, where a
    batch spread over devices is one batch.
    """
    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return Replicas(context)


class Replicas:
    """All replicas, seen from one of them.

    Attributes:
        number: Number of replicas.
    """

    def __init__(self, context):
        self._context = context
        self.number = context.num_replicas_in_sync

    def gather(self, x):
        """Concatenates the rows of a constant from all replicas."""
        import tensorflow as tf

        size = ops.cast(ops.shape(x)[0], "int32")
        # TensorFlow's gathering crashes where a replica has no row, so it sends a dummy row.
        sent = _inputs.at_least_one_row(ops.stop_gradient(x))
        meant = ops.cast(ops.arange(ops.shape(sent)[0], dtype="int32") < size, "int32")
        gathered, meant = (self._context.all_gather(each, axis=0) for each in (sent, meant))
        gathered = tf.boolean_mask(gathered, tf.cast(meant, "bool"))
        # Gathering loses the static shape.
        return ops.reshape(gathered, (-1, *x.shape[1:]))

    def gather_with_gradient(self, x, rows):
        """Does the same with a gradient: a row receives the sum of its gradients on all replicas.

        Args:
            x: ``(B, ...)``.
            rows: The result of :meth:`rows` for ``x``.
        """
        import tensorflow as tf

        @tf.custom_gradient
        def gathered(x):
            def gradient(upstream):
                # Taking rows gives a sparse gradient, which cannot be summed across replicas.
                upstream = _inputs.at_least_one_row(tf.convert_to_tensor(upstream))
                return tf.gather(self._context.all_reduce("SUM", upstream), rows)

            return self.gather(x), gradient

        return gathered(x)

    def rows(self, size):
        """Returns the int32 indices of this replica's ``size`` rows among the gathered ones."""
        sizes = self.gather(ops.reshape(ops.cast(size, "int32"), (1,)))
        before = ops.arange(self.number, dtype="int32") < self._context.replica_id_in_sync_group
        start = ops.sum(ops.where(before, sizes, ops.zeros_like(sizes)))
        return start + ops.arange(size, dtype="int32")

    def sum(self, value):
        """Returns the sum of a constant over the replicas."""
        return self._context.all_reduce("SUM", ops.stop_gradient(value))

    def sum_with_gradient(self, value):
        """Returns the sum over the replicas; each addend gets the gradient of all replicas."""
        import tensorflow as tf

        @tf.custom_gradient
        def summed(value):
            def gradient(upstream):
                return self._context.all_reduce("SUM", upstream)

            return self._context.all_reduce("SUM", value), gradient

        return summed(value)
