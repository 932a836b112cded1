"""The learned linear metric."""

from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class Mahalanobis(ConfigFromArguments, keras.layers.Layer):
    """A learned Mahalanobis metric: x ↦ x·L, with M = L·Lᵀ.

    The Euclidean distance of two outputs is √((a − b)ᵀ·M·(a − b)) of their inputs. Use it for
    tables of features, which it weighs and combines with few weights, nothing to tune and a
    readable metric. Use it as the only layer of a model and train it with any loss on embeddings
    and the distance "euclidean" or "squared_euclidean"; standardise the features first. M is
    positive semi-definite for every L.

    It computes in float32, also under a mixed-precision policy.

    Inputs: ``(..., D)`` floats. Output: ``(..., rank)``.

    Args:
        rank: Columns of L, at most D, and the rank of M: a low rank is a projection for search.
            Defaults to D. L starts as the identity, which is the plain Euclidean distance; with a
            lower rank it starts as orthonormal columns in random directions.
        seed: Seed of these directions; None for one that follows ``keras.utils.set_random_seed``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If the rank is not from 1 to D.

    Example:

    >>> import keras, numpy as np, tfmetric as tm
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(80) % 2
    >>> x = rng.normal(size=(80, 2)) * [0.1, 1.0] + 0.3 * labels[:, None] * [1.0, 0.0]
    >>> model = keras.Sequential([Mahalanobis()])
    >>> model.compile(keras.optimizers.Adam(0.05), loss=tm.losses.TripletLoss(margin=None))
    >>> history = model.fit(x, labels, batch_size=80, epochs=30, verbose=0)
    >>> M = model.layers[0].M
    >>> bool(M[0, 0] > 2 * M[1, 1])
    True

    References:
        Xing et al.: Distance metric learning, with application to clustering with
        side-information (2002), for M; Goldberger et al.: Neighbourhood Components Analysis
        (2004), for learning L.
    """

    def __init__(self, rank: int | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        if rank is not None and (
            isinstance(rank, bool) or not isinstance(rank, Integral) or rank < 1
        ):
            raise ValueError(expected("rank to be a whole number of at least 1", rank=rank))
        self.rank = None if rank is None else int(rank)
        self.seed = None if seed is None else int(seed)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes L, ``(D, rank)``."""
        dim = input_shape[-1]
        if self.rank is not None and dim < self.rank:
            raise ValueError(
                expected("rank to be at most the number of features", rank=self.rank, features=dim)
            )
        square = self.rank in (None, dim)
        self.L = self.add_weight(
            name="L",
            shape=(dim, dim if square else self.rank),
            autocast=False,
            initializer=keras.initializers.Identity()
            if square
            else keras.initializers.Orthogonal(seed=self.seed),
        )

    @property
    def M(self) -> np.ndarray:
        """Returns M = L·Lᵀ, ``(D, D)``, as a NumPy array."""
        if not self.built:
            raise ValueError(expected("a layer that has seen its input shape", layer=self.name))
        factor = keras.ops.convert_to_numpy(self.L).astype("float32")
        return factor @ factor.T

    def call(self, inputs: Any) -> Tensor:
        """The features, turned and scaled."""
        inputs = at_least_float32(inputs, self.compute_dtype)
        return ops.matmul(inputs, ops.cast(self.L, inputs.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The last axis becomes the rank."""
        return (*input_shape[:-1], self.rank or input_shape[-1])

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        return keras.KerasTensor(
            self.compute_output_shape(inputs.shape), result_dtype(inputs, policy=self.compute_dtype)
        )
