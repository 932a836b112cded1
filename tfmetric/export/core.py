"""The part of a version that does not depend on its gallery: its towers and their distance.

It is written once, from the Keras model, and read back as TensorFlow functions. Every version is
built around such functions, from a model or from an earlier version, so a gallery can be replaced
without the model's code.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.export.model_inputs import ModelInputs
from tfmetric.export.model_sides import towers
from tfmetric.export.sides import TWO, Side


class Core:
    """The embedders of the sides and a distance, as TensorFlow functions.

    Attributes:
        trackable: Objects that a SavedModel must keep for the functions.
        distance: A :class:`tfmetric.distances.Distance`, or an object for a user's distance whose
            ``paired`` and ``pairwise`` are functions of the SavedModel.
    """

    def __init__(self, loaded, distance: str, builtin: bool):
        import tensorflow as tf

        # Keep only this part: the loaded version may hold a gallery of gigabytes.
        kept = getattr(loaded, "core", loaded)
        self.trackable = tf.__internal__.tracking.AutoTrackable()
        embedders = (_endpoint(name) for name in ("", *TWO))
        for name in (*embedders, "paired", "variables", "_misc_assets"):
            if hasattr(kept, name):
                setattr(self.trackable, name, getattr(kept, name))
        if builtin:
            self.distance: Any = distances.get(distance)
        elif hasattr(self.trackable, "paired"):
            self.distance = _Saved(distance, self.trackable.paired)
        else:
            raise ValueError(
                expected("a version that keeps its distance: export it again", distance=distance)
            )

    def embed(self, side: Side, *inputs):
        """Embeds tensors, in the order of ``side.takes.arrays``, to (B, D), float32."""
        return getattr(self.trackable, _endpoint(side.name))(*inputs)["embedding"]

    def embed_all(self, side: Side, data, batch_size: int) -> np.ndarray:
        """Embeds data from ``side.takes.checked``, in order, in batches."""
        batches = side.takes.batches(data, batch_size)
        return np.concatenate([self.embed(side, *x).numpy() for x in batches])


class _Saved:
    """A user's distance, restored from a SavedModel."""

    builtin = None

    def __init__(self, name, function):
        self.name, self._function = name, function

    def paired(self, x, y):
        """Maps (B, 1, D) and (B, K, D), or (B, D) twice, to one value for each pair."""
        if len(x.shape) == 2:
            return self._function(x[:, None], y[:, None])[:, 0]
        return self._function(x, y)

    def pairwise(self, x, y):
        """Maps (B, D) and (N, D) to (B, N)."""
        return self._function(x[:, None], y[None])


def build(model, distance, scratch: Path) -> Core:
    """Makes the core of a Keras model.

    Args:
        model: An embedder, with one output (B, D), or a ``TwoTower``.
        distance: A :class:`tfmetric.distances.Distance`.
        scratch: A path for temporary files.
    """
    import tensorflow as tf

    archive, widths = keras.export.ExportArchive(), set()
    for name, tower in towers(model).items():
        archive.track(tower)
        takes = ModelInputs.of(tower)
        archive.add_endpoint(_endpoint(name), _embedding(tower, takes), takes.specs())
        widths.add(tower.outputs[0].shape[-1])
    if not distance.builtin:
        (width,) = widths
        pair = [tf.TensorSpec((None, None, width), name=name) for name in ("x", "y")]
        archive.add_endpoint("paired", lambda x, y: distance.paired(x, y), pair)
    archive.write_out(str(scratch), verbose=False)
    return Core(tf.saved_model.load(str(scratch)), distance.name, distance.builtin is not None)


def _endpoint(side):
    return f"embed_{side}" if side else "embed"


def _embedding(tower, takes):
    import tensorflow as tf

    like = takes.specs()

    def embed(*inputs):
        # TensorFlow's oneDNN convolution fails on an empty batch: embed one dummy and drop it.
        count = tf.shape(inputs[0])[0]
        filled = [
            tf.ensure_shape(tf.cond(count > 0, lambda x=x: x, lambda x=x: _dummy(x)), one.shape)
            for x, one in zip(inputs, like, strict=True)
        ]
        return {"embedding": tf.cast(takes.call(tower, filled), tf.float32)[:count]}

    return embed


def _dummy(inputs):
    import tensorflow as tf

    return tf.zeros(tf.concat([[1], tf.shape(inputs)[1:]], axis=0), inputs.dtype)


def spec(shape, dtype, name: str = "inputs"):
    """Returns the ``TensorSpec`` of a batch of inputs."""
    import tensorflow as tf

    return tf.TensorSpec((None, *shape), dtype, name=name)
