"""What the models that train an embedder in another way than batch by batch have in common."""

import keras

from tfmetric._config import ConfigFromArguments, from_saved_parts
from tfmetric._errors import expected


class TrainedEmbedder(ConfigFromArguments, keras.Model):
    """Base of the models that change how an embedder is trained, and nothing else.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output, or another of
            these. It stays a model of its own: ``model.embedder`` is what to evaluate and to
            export.
        name: Name of the model.
    """

    def __init__(self, embedder, name=None):
        # The embedder casts by its own policy; raw inputs and labels must stay what they are.
        super().__init__(name=name, dtype=keras.config.floatx(), autocast=False)
        self._check(embedder)
        self.embedder = embedder
        self.built = True

    def _check(self, embedder):
        plain = innermost(embedder)
        if (
            not isinstance(plain, keras.Model)
            or len(getattr(plain, "inputs", None) or ()) != 1
            or len(plain.outputs) != 1
            or len(plain.output_shape) != 2
        ):
            raise ValueError(
                expected("a model with one input and one output (batch, dim)", embedder=embedder)
            )

    @property
    def inputs(self):
        """The inputs of the embedder."""
        return self.embedder.inputs

    @property
    def output_shape(self):
        """The shape ``(None, D)`` of the embeddings, which class proxies are made for."""
        return self.embedder.output_shape

    def call(self, inputs, training=False):
        """The embeddings ``(B, D)``."""
        return self.embedder(inputs, training=training)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that :meth:`get_config` describes."""
        return from_saved_parts(cls, config, custom_objects)


def innermost(embedder):
    """The embedder itself."""
    while isinstance(embedder, TrainedEmbedder):
        embedder = embedder.embedder
    return embedder
