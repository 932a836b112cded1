"""Class proxies, the weights of losses that compare embeddings with classes."""

import math
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.distances import l2_normalize, safe_sqrt
from tfmetric.typing import Array, Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class ProxyHead(ConfigFromArguments, keras.layers.Layer):
    """Computes the cosines of embeddings with trainable class proxies.

    Use it as the head of a model that trains with :class:`tfmetric.losses.ArcFaceLoss` or another
    loss on proxies. The embedder below it stays a separate model, to be evaluated and exported.
    :func:`tfmetric.models.with_proxies` combines the two and is required for ``sampled_classes``;
    otherwise ``keras.Sequential([embedder, ProxyHead(num_classes)])`` is enough.

    Proxies and embeddings are normalised inside, in float32 also under a mixed-precision policy;
    the embedder may end in a normalisation, but does not have to.

    Memory: C·K·D weights, two more copies for Adam, one for their gradient and one for the
    normalised proxies; and about five copies of B·C·K cosines in training. With 100,000 classes of
    128 dimensions a copy of the weights takes 51 MB; with a batch of 256 a copy of the cosines
    takes 102 MB. ``sampled_classes=10_000`` computes a tenth of the cosines and of their matrix
    product; the optimizer still updates all weights. ``benchmarks/proxies.py`` measures both.

    Inputs: embeddings ``(B, D)``. Output: cosines ``(B, C)``, or ``(B, C, K)`` with K > 1.

    Args:
        num_classes: C, the classes of the training data; their ids are 0 to C − 1.
        centers_per_class: K proxies for each class. Losses compare with the nearest, SoftTriple
            with a soft choice.
        sampled_classes: If given, training steps of :func:`tfmetric.models.with_proxies` see only
            this many classes: those of the batch and random others, redrawn in each step (Partial
            FC). At least the number of classes in a batch; ten times the batch is plenty. The layer
            called alone always returns all classes.
        center_regularization: τ of SoftTriple, at least 0; adds τ·Σ_j Σ_{s<t} ‖w_js − w_jt‖ /
            (C·K·(K − 1)) of the normalised centres to the loss of the model. 0.2 in the paper.
        initial_norm: Approximate initial length of a proxy. Only its direction counts, so with Adam
            a shorter proxy turns faster: a tenth of the length acts like ten times the learning
            rate, as ProxyNCA++ and Proxy-Anchor recommend.
        seed: Seed of the initial proxies and of the sampling; None for one that follows
            ``keras.utils.set_random_seed``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of range, or the input is not ``(batch, dim)``.

    Example:

    >>> import keras, numpy as np, tfmetric as tm
    >>> embedder = tm.models.embedder((3,), embedding_dim=2)
    >>> model = keras.Sequential([embedder, ProxyHead(num_classes=5)])
    >>> model.compile("adam", loss=tm.losses.ArcFaceLoss())
    >>> x, labels = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 5
    >>> history = model.fit(x, labels, verbose=0)
    >>> embedder.predict(x, verbose=0).shape
    (20, 2)

    References:
        Movshovitz-Attias et al.: No Fuss Distance Metric Learning using Proxies (2017); sampled
        classes as in An et al.: Partial FC (2021); the regularisation as in Qian et al.:
        SoftTriple Loss (2019), eq. 9 and 10.
    """

    def __init__(
        self,
        num_classes: int | None,
        centers_per_class: int = 1,
        sampled_classes: int | None = None,
        center_regularization: float = 0.0,
        initial_norm: Any = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        # Autocast would round the embeddings to 16 bits before the layer widens them.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = _whole("num_classes", num_classes)
        self.centers_per_class = _whole("centers_per_class", centers_per_class)
        self.sampled_classes = sampled_classes
        if sampled_classes is not None:
            self.sampled_classes = _whole("sampled_classes", sampled_classes, num_classes)
        if not 0 <= center_regularization < 1e30:
            raise ValueError(
                expected(
                    "center_regularization to be a number of at least 0",
                    center_regularization=center_regularization,
                )
            )
        if not 1e-3 <= initial_norm <= 1e3:
            raise ValueError(
                expected("initial_norm to be from 0.001 to 1000", initial_norm=initial_norm)
            )
        self.center_regularization = float(center_regularization)
        self.initial_norm = float(initial_norm)
        self.seed = None if seed is None else int(seed)
        self._seeds = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the proxies, ``(C, D)``, or ``(C, K, D)`` with K > 1."""
        dim = self._dim(input_shape)
        several = (self.centers_per_class,) if self.centers_per_class > 1 else ()
        self.proxies = self.add_weight(
            name="proxies",
            shape=(self.num_classes, *several, dim),
            # Autocast must not round the proxies either.
            autocast=False,
            initializer=keras.initializers.RandomNormal(
                stddev=self.initial_norm / math.sqrt(dim), seed=self.seed
            ),
        )

    def call(self, inputs: Any) -> Tensor:
        """Returns the cosines with all proxies."""
        if self.center_regularization and self.centers_per_class > 1:
            self.add_loss(self.regularization())
        return self.cosines(inputs)

    def cosines(self, embeddings: Array, classes: Any = None) -> Tensor:
        """Returns the cosines with the proxies of some classes.

        Args:
            embeddings: ``(B, D)``.
            classes: ``(S,)`` integers; by default all classes.

        Returns:
            ``(B, S)``, or ``(B, S, K)`` with K > 1.
        """
        embeddings = l2_normalize(at_least_float32(embeddings, self.compute_dtype))
        proxies = ops.cast(self._unit(classes), embeddings.dtype)
        flat = ops.reshape(proxies, (-1, proxies.shape[-1]))
        found = ops.matmul(embeddings, ops.transpose(flat))
        if self.centers_per_class == 1:
            return found
        return ops.reshape(found, (-1, proxies.shape[0], self.centers_per_class))

    def sample(self, labels: Array) -> Any:
        """Chooses classes for one training step: those of the labels, then random others.

        Args:
            labels: ``(B,)`` integers from 0 to C − 1.

        Returns:
            classes ``(S,)`` int32, all different, and positions ``(B,)`` int32 of the labels among
            them; −1 for labels without room.
        """
        labels = ops.cast(labels, "int32")[:, None]
        ones = ops.ones_like(labels[:, 0], dtype="float32")
        present = ops.scatter(labels, ones, (self.num_classes,)) > 0
        # Random numbers are below 1, so the classes of the batch come first.
        draws = keras.random.uniform((self.num_classes,), seed=self._seeds, dtype="float32")
        draws = draws + ops.cast(present, "float32")
        classes = ops.cast(ops.top_k(draws, self.sampled_classes, sorted=False)[1], "int32")
        places = ops.arange(1, ops.shape(classes)[0] + 1, dtype="int32")
        places = ops.scatter(classes[:, None], places, (self.num_classes,))
        return classes, ops.take(places, labels[:, 0]) - 1

    def regularization(self, classes: Any = None) -> Tensor:
        """Returns the regularisation of some or all classes, to be added to the loss."""
        count = self.centers_per_class
        centers = self._unit(classes)
        if count == 1:
            return ops.zeros((), centers.dtype)
        gram = ops.matmul(centers, ops.transpose(centers, (0, 2, 1)))
        pairs = np.triu(np.ones((count, count), bool), 1)
        apart = safe_sqrt(ops.where(pairs, 2.0 - 2.0 * gram, ops.zeros_like(gram)))
        pairs_in_all = centers.shape[0] * count * (count - 1)
        return self.center_regularization * ops.sum(apart) / pairs_in_all

    def _unit(self, classes):
        proxies = self.proxies if classes is None else ops.take(self.proxies, classes, axis=0)
        return l2_normalize(at_least_float32(ops.convert_to_tensor(proxies), self.compute_dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, C)``, or ``(B, C, K)`` with K > 1."""
        self._dim(input_shape)
        several = (self.centers_per_class,) if self.centers_per_class > 1 else ()
        return (input_shape[0], self.num_classes, *several)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        return keras.KerasTensor(
            self.compute_output_shape(inputs.shape), result_dtype(inputs, policy=self.compute_dtype)
        )

    def _dim(self, input_shape):
        if len(input_shape) != 2 or not input_shape[-1]:
            raise ValueError(
                expected("embeddings of shape (batch, dim)", input_shape=tuple(input_shape))
            )
        return input_shape[-1]


def _whole(name, value, most=None):
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < 1 or (most is not None and value > most):
        kind = "a whole number of at least 1" + ("" if most is None else f" and at most {most}")
        raise ValueError(expected(f"{name} to be {kind}", **{name: value}))
    return int(value)
