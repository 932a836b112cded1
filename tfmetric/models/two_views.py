"""Training without labels by a loss on two views: SimCLR, VICReg, Barlow Twins."""

from collections.abc import Sequence
from typing import Any

import keras

from tfmetric import losses
from tfmetric.losses._arguments import positive
from tfmetric.losses.base import check_margin
from tfmetric.models.without_labels import TwoViews, halves


@keras.saving.register_keras_serializable(package="tfmetric")
class SimCLR(TwoViews):
    """SimCLR: contrastive learning (NT-Xent) that identifies each view's partner in the batch.

    When to use it: try it first without labels. It needs large batches (256 and more; every other
    example is a negative) in which few examples are of the same kind. Its cost above the
    embedder's, on two views, is O(B²).

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        augment: A Keras layer, or a list of layers, that makes a view; see
            :class:`tfmetric.models.TwoViews`. No other choice matters more.
        projector: Widths of the layers between embedding and loss, a layer, or None. Defaults to
            (256, 128).
        temperature: Above 0. Defaults to 0.1; a lower value concentrates on the nearest negatives.
        name: Name of the model.

    Example:

    >>> import numpy as np, keras, tfmetric as tm
    >>> x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    >>> model = SimCLR(tm.models.embedder((3,), 4), augment=keras.layers.GaussianNoise(0.1))
    >>> model.compile("adam")
    >>> history = model.fit(x, verbose=0)
    >>> tuple(model.embedder(x).shape)
    (16, 4)

    References:
        Chen et al.: A Simple Framework for Contrastive Learning of Visual Representations (2020),
        algorithm 1.
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | Sequence[int] | None = (256, 128),
        temperature: float = 0.1,
        name: str | None = "simclr",
    ):
        super().__init__(embedder, augment, projector, name=name)
        self.temperature = positive("temperature", temperature)

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        embeddings, projections = self.project(self.views(inputs), training)
        return embeddings, losses.simclr(*halves(projections), self.temperature)


@keras.saving.register_keras_serializable(package="tfmetric")
class VICReg(TwoViews):
    """VICReg: makes views alike, spreads each coordinate and decorrelates coordinates.

    When to use it: without labels where batches are small or nothing may count as a negative. Wider
    projections work better; its cost above the embedder's is O(B·P²).

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        augment: Layers that make a view; see :class:`tfmetric.models.TwoViews`.
        projector: Widths of the layers between embedding and loss, a layer, or None. Defaults to
            (512, 512, 512); the paper has three of 8192.
        invariance: λ, at least 0. Defaults to 25.
        variance: μ, at least 0. Defaults to 25.
        covariance: ν, at least 0. Defaults to 1.
        deviation: γ, the standard deviation above which nothing is penalised; above 0. Defaults to
            1.
        epsilon: Added to the variances, above 0. Defaults to 1e-4.
        name: Name of the model.

    Example:

    >>> import keras, tfmetric as tm
    >>> noise = keras.layers.GaussianNoise(0.1)
    >>> model = VICReg(tm.models.embedder((3,), 4), augment=noise, projector=(8, 8))
    >>> model.compile("adam")  # model.fit(x), model.embedder.predict(x)

    References:
        Bardes, Ponce, LeCun: VICReg: Variance-Invariance-Covariance Regularization for
        Self-Supervised Learning (2022), algorithm 1.
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | Sequence[int] | None = (512, 512, 512),
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        deviation: float = 1.0,
        epsilon: float = 1e-4,
        name: str | None = "vicreg",
    ):
        super().__init__(embedder, augment, projector, name=name)
        self.invariance = check_margin(invariance, "invariance")
        self.variance = check_margin(variance, "variance")
        self.covariance = check_margin(covariance, "covariance")
        self.deviation = positive("deviation", deviation)
        self.epsilon = positive("epsilon", epsilon)

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        embeddings, projections = self.project(self.views(inputs), training)
        return embeddings, losses.vicreg(*halves(projections), **self._weights())

    def _weights(self):
        names = ("invariance", "variance", "covariance", "deviation", "epsilon")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="tfmetric")
class BarlowTwins(TwoViews):
    """Barlow Twins: brings the cross-correlation of two views' coordinates near the identity.

    When to use it: as :class:`VICReg`, with one weight instead of three; the loss normalises by the
    batch, so batches below 64 are noisy. Its cost above the embedder's is O(B·P²).

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        augment: Layers that make a view; see :class:`tfmetric.models.TwoViews`.
        projector: Widths of the layers between embedding and loss, a layer, or None. Defaults to
            (512, 512, 512); the paper has three of 8192.
        off_diagonal: λ, at least 0. Defaults to 5e-3.
        name: Name of the model.

    Example:

    >>> import keras, tfmetric as tm
    >>> noise = keras.layers.GaussianNoise(0.1)
    >>> model = BarlowTwins(tm.models.embedder((3,), 4), augment=noise, projector=(8, 8))
    >>> model.compile("adam")  # model.fit(x), model.embedder.predict(x)

    References:
        Zbontar et al.: Barlow Twins: Self-Supervised Learning via Redundancy Reduction (2021),
        algorithm 1.
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | Sequence[int] | None = (512, 512, 512),
        off_diagonal: float = 5e-3,
        name: str | None = "barlow_twins",
    ):
        super().__init__(embedder, augment, projector, name=name)
        self.off_diagonal = check_margin(off_diagonal, "off_diagonal")

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        embeddings, projections = self.project(self.views(inputs), training)
        return embeddings, losses.barlow_twins(*halves(projections), self.off_diagonal)
