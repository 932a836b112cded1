"""Base classes of the models that wrap an embedder for training."""

import keras

from tfmetric._config import ConfigFromArguments, from_saved_parts
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.two_tower import TwoTower


class EmbedderInside(ConfigFromArguments, keras.Model):
    """Base of the models that return the output of the embedder inside.

    A subclass has the attribute ``embedder``. Serving needs only the embedder, so exporting and
    quantising apply to it.
    """

    def compute_output_shape(self, input_shape):
        """The shape ``(B, D)`` of the embeddings."""
        return self.embedder.compute_output_shape(input_shape)

    def export(self, filepath, *args, **kwargs):
        """Exports the embedder, with the arguments of ``keras.Model.export``."""
        return self.embedder.export(filepath, *args, **kwargs)

    def quantize(self, mode=None, **kwargs):
        """Quantises the embedder, with the arguments of ``keras.Model.quantize``.

        Networks needed only in training keep their weights.
        """
        self.embedder.quantize(mode, **kwargs)
        # The compiled functions refer to the old weights.
        self.train_function = self.test_function = self.predict_function = None

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the model that ``get_config`` describes."""
        return from_saved_parts(cls, config, custom_objects)


class TrainedEmbedder(EmbedderInside):
    """Base of the models that only change how an embedder is trained.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            them, a two-tower model, or another such model. It stays a separate model:
            ``model.embedder`` is what to evaluate and to export.
        name: Name of the model.
    """

    def __init__(self, embedder, name=None):
        # The embedder casts by its own policy; raw inputs and labels must not be cast here.
        super().__init__(name=name, dtype=keras.config.floatx(), autocast=False)
        self._check(embedder)
        self.embedder = embedder
        self.built = True

    def _check(self, embedder):
        if not isinstance(innermost(embedder), TwoTower):
            check_embedder(innermost(embedder))

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


def innermost(embedder):
    """The embedder itself."""
    while isinstance(embedder, TrainedEmbedder):
        embedder = embedder.embedder
    return embedder
