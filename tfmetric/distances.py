"""Distances between embeddings, for all pairs of two sets or pair by pair."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from tfmetric import _bits, _config
from tfmetric._errors import expected
from tfmetric.typing import Tensor

NORM_FLOOR = 1e-4


def l2_normalize(x: Any, axis: int | tuple[int, ...] = -1, epsilon: float = NORM_FLOOR) -> Tensor:
    """Scales vectors to length 1, with a gradient that stays bounded at the zero vector.

    ``x / max(‖x‖, epsilon)``: exact for every vector longer than ``epsilon``; inside that ball the
    map is linear, so its gradient is at most ``1 / epsilon`` and the zero vector stays zero.

    Args:
        x: Floating tensor of any shape.
        axis: The axis, or axes, over which a vector extends.
        epsilon: Length below which a vector is no longer stretched to 1.

    Returns:
        A tensor like ``x``.

    Example:

    >>> import numpy as np
    >>> np.asarray(l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]], "float32"))).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    x = x / safe_scale(x, axis, smallest=0.0)
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, epsilon**2))


def safe_sqrt(x: Any) -> Tensor:
    """Takes the square root, with gradient 0 at 0, where the true gradient is infinite.

    Args:
        x: Floating tensor of any shape, with values of at least 0.
    """
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1.0)), 0.0)


def safe_scale(x: Any, axis: int | tuple[int, ...] | None = None, smallest: Any = 1e-15) -> Tensor:
    """Chooses a constant to divide by, so that squares neither overflow nor vanish.

    The constant is exactly 1 for values of ordinary size, which keeps small whole numbers exact,
    and with them ties.

    Args:
        x: Floating tensor of any shape.
        axis: The axis, or axes, that share a constant; all axes if None.
        smallest: The largest magnitude below this is too small to be squared.

    Returns:
        The constants, with the axes of ``x``, those reduced of length 1.
    """
    # Keras rejects an empty batch without an initial value.
    size = ops.stop_gradient(ops.max(ops.abs(x), axis=axis, keepdims=True, initial=0.0))
    return ops.where((size >= 1e15) | ((size > 0) & (size < smallest)), size, ops.ones_like(size))


def _dot(x, y):
    return ops.matmul(x, ops.transpose(y))


def _squared_norm(x):
    return ops.sum(ops.square(x), axis=-1)


def median_row(x: Any) -> Any:
    """Finds a row of usual size: its largest entry is the median over all rows.

    Use it to choose a vector to centre others around: a single outlier is never chosen.

    Args:
        x: ``(n, d)`` floating tensor.

    Returns:
        The index of the row.
    """
    return ops.argsort(ops.max(ops.abs(ops.stop_gradient(x)), axis=1))[ops.shape(x)[0] // 2]


def _centred(x, y):
    # Distances do not change under a shift, but the cancellation in ‖x‖² + ‖y‖² − 2x·y is relative
    # to the norms: centred on a vector of a collapsed batch the norms are smallest. A vector of the
    # batch, unlike the mean, keeps whole numbers exact.
    centre = ops.take(ops.stop_gradient(y), median_row(y), axis=0)
    return x - centre, y - centre


def _pairwise_squared_euclidean(x, y):
    return _squares(*_centred(x, y))


def _squares(x, y):
    x_norm, y_norm = _squared_norm(x)[:, None], _squared_norm(y)[:, None]
    # Computes ‖x‖² + ‖y‖² − 2x·y as one product, which saves passes over the matrix forward and
    # backward.
    left = ops.concatenate([-2.0 * x, x_norm, ops.ones_like(x_norm)], axis=1)
    right = ops.concatenate([y, ops.ones_like(y_norm), y_norm], axis=1)
    return ops.maximum(_dot(left, right), 0.0)


def _pairwise_euclidean(x, y):
    scale = ops.maximum(safe_scale(x), safe_scale(y))
    return scale * safe_sqrt(_pairwise_squared_euclidean(x / scale, y / scale))


def _squared_within(x, y, same, x_member, y_member):
    constant = ops.stop_gradient(y)
    inside = (
        x - ops.take(constant, x_member, axis=0),
        y - ops.take(constant, y_member, axis=0),
    )
    return ops.where(same, _pairwise_squared_euclidean(*inside), _pairwise_squared_euclidean(x, y))


def _euclidean_within(x, y, same, x_member, y_member):
    # Both share the scale of y, because x is a part of y.
    scale = safe_scale(y)
    return scale * safe_sqrt(_squared_within(x / scale, y / scale, same, x_member, y_member))


def _paired_squared_euclidean(x, y):
    return ops.sum(ops.square(x - y), axis=-1)


def _paired_euclidean(x, y):
    difference = x - y
    scale = safe_scale(difference, axis=-1)
    return scale[..., 0] * safe_sqrt(ops.sum(ops.square(difference / scale), axis=-1))


@dataclass(frozen=True)
class Distance:
    """A distance between embeddings: smaller means more similar.

    Attributes:
        name: The name it is registered under, or the name of the user's function.
        pairwise: ``(n, d), (m, d) -> (n, m)``, every x against every y.
        paired: ``(..., d), (..., d) -> (...)``, the i-th x against the i-th y, by direct
            difference, free of the cancellation that a matrix product has for near-duplicates.
        factors: ``(n, d) -> (n, e), (n, e)``, two matrices whose product orders each row as
            ``pairwise(x, x)`` does, so that mining needs one matrix product. None if there are no
            such factors.
        within: ``(n, d), (m, d), (n, m), (n,), (m,) -> (n, m)``, as ``pairwise(x, y)`` for vectors
            x that are among y, without cancellation between nearly equal vectors of one class. The
            arguments are x, y, the mask of pairs of one class, and, for each x and each y, the
            index in y of an embedding of its class to centre on. None if the distance has no
            cancellation.
        function: The user's function, if the distance was made from one.
    """

    name: str
    pairwise: Callable
    paired: Callable
    factors: Callable | None = None
    within: Callable | None = None
    function: Callable | None = None

    @property
    def registered(self) -> bool:
        """Whether :func:`get` returns this distance for its name, built in or registered."""
        return _REGISTRY.get(self.name) is self

    @property
    def builtin(self) -> str | None:
        """Returns the name of a built-in distance, else None; user functions may share a name."""
        return self.name if self.registered and self.function is None else None

    def ranking(self, x: Any) -> Any:
        """``(n, d) -> (n, n)``: orders each row as ``pairwise(x, x)`` does, at lower cost."""
        return _dot(*self.factors(x)) if self.factors else self.pairwise(x, x)


def _euclidean_factors(x):
    x = x / safe_scale(x)
    x = x - ops.take(x, median_row(x), axis=0)
    # The anchor's own ‖x‖² is constant within a row.
    left = ops.concatenate([-2.0 * x, ops.ones_like(x[:, :1])], axis=1)
    return left, ops.concatenate([x, _squared_norm(x)[:, None]], axis=1)


def _cosine_factors(x):
    x = l2_normalize(x)
    return -x, x


def _cosine_pairwise(x, y):
    return 1.0 - _dot(l2_normalize(x), l2_normalize(y))


def _missing_length(unit):
    """Returns 1 − ‖u‖² of scaled vectors: exactly 0 except for vectors below the floor."""
    square = ops.sum(ops.square(unit), axis=-1)
    return ops.where(square < 1.0 - 1e-3, 1.0 - square, ops.zeros_like(square))


def _cosine_paired(x, y):
    # 1 − u·v suffers cancellation for nearly equal vectors; their difference does not.
    x, y = l2_normalize(x), l2_normalize(y)
    short = _missing_length(x) + _missing_length(y) > 0
    apart = 0.5 * ops.sum(ops.square(x - y), axis=-1)
    return ops.where(short, 1.0 - ops.sum(x * y, axis=-1), apart)


def _cosine_within(x, y, same, x_member, y_member):
    x, y = l2_normalize(x), l2_normalize(y)
    constant = ops.stop_gradient(y)
    one, other = x - ops.take(constant, x_member, axis=0), y - ops.take(constant, y_member, axis=0)
    short = _missing_length(x)[:, None] + _missing_length(y)[None, :] > 0
    inside = ops.logical_and(same, ops.logical_not(short))
    return ops.where(inside, 0.5 * _squares(one, other), 1.0 - _dot(x, y))


def _manhattan(x, y):
    return ops.sum(ops.abs(x - y), axis=-1)


def _snr_parts(x, y):
    """Returns x and y minus their row means, and the variance of x, all in one scale."""
    scale = ops.maximum(safe_scale(x), safe_scale(y))
    x, y = ((z - ops.mean(z, axis=-1, keepdims=True)) / scale for z in (x, y))
    # A deviation below the floor counts as the floor; its square must not vanish.
    floor = ops.square(ops.maximum(NORM_FLOOR / scale, 1e-15))
    return x, y, ops.maximum(ops.mean(ops.square(x), axis=-1, keepdims=True), floor[..., 0])


def _snr_pairwise(x, y):
    x, y, variance = _snr_parts(x, y)
    return _pairwise_squared_euclidean(x, y) / (variance * x.shape[-1])


def _snr_within(x, y, same, x_member, y_member):
    x, y, variance = _snr_parts(x, y)
    return _squared_within(x, y, same, x_member, y_member) / (variance * x.shape[-1])


def _snr_paired(x, y):
    x, y, variance = _snr_parts(x, y)
    return ops.mean(ops.square(x - y), axis=-1) / variance[..., 0]


def _snr_factors(x):
    # The anchor's variance is constant within a row.
    return _euclidean_factors(x - ops.mean(x, axis=-1, keepdims=True))


def _of_function(name: str, function: Callable, user: bool = False) -> Distance:
    def pairwise(x, y):
        return function(x[:, None, :], y[None, :, :])

    return Distance(name, pairwise, function, function=function if user else None)


_REGISTRY = {
    distance.name: distance
    for distance in (
        Distance(
            "euclidean",
            _pairwise_euclidean,
            _paired_euclidean,
            _euclidean_factors,
            _euclidean_within,
        ),
        Distance(
            "squared_euclidean",
            _pairwise_squared_euclidean,
            _paired_squared_euclidean,
            _euclidean_factors,
            _squared_within,
        ),
        Distance("cosine", _cosine_pairwise, _cosine_paired, _cosine_factors, _cosine_within),
        Distance(
            "inner_product",
            pairwise=lambda x, y: -_dot(x, y),
            paired=lambda x, y: -ops.sum(x * y, axis=-1),
            factors=lambda x: (-x, x),
        ),
        _of_function("manhattan", _manhattan),
        Distance("snr", _snr_pairwise, _snr_paired, _snr_factors, _snr_within),
        Distance("hamming", _bits.hamming_pairwise, _bits.hamming_paired, _bits.hamming_factors),
        Distance("jaccard", _bits.jaccard_pairwise, _bits.jaccard_paired),
    )
}


def register(name: str, function: Callable) -> Distance:
    """Registers your distance under a name that every ``distance=`` accepts.

    Register a name where a function is not enough: in the settings of a run, at the command line,
    in saved indexes and in model files. Register it where your program starts, because every
    program that reads such a file needs the name. Exports hold the function itself.

    Args:
        name: Small letters, digits and underscores.
        function: ``f(x, y)`` on ``keras.ops``, which reduces the last axis and broadcasts over the
            others; smaller means more similar. All pairs take O(n·m·d) memory.

    Returns:
        The :class:`Distance`.

    Raises:
        ValueError: If the name is taken or malformed.

    Example:

    >>> from keras import ops
    >>> chebyshev = register("chebyshev", lambda x, y: ops.max(ops.abs(x - y), axis=-1))
    >>> import numpy as np
    >>> float(get("chebyshev").paired(np.zeros((1, 2)), np.array([[3.0, -4.0]]))[0])
    4.0
    >>> unregister("chebyshev")
    """
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(expected("a name of small letters, digits and underscores", name=name))
    if name in _REGISTRY:
        raise ValueError(expected("a name that no other distance has", name=name))
    _REGISTRY[name] = _of_function(name, function, user=True)
    return _REGISTRY[name]


def unregister(name: str) -> None:
    """Removes a name that :func:`register` has added, for tests.

    Args:
        name: The name; an unknown or built-in name raises an error.
    """
    if name not in _REGISTRY or _REGISTRY[name].function is None:
        raise ValueError(expected("the name of a distance of yours", name=name))
    del _REGISTRY[name]


def names() -> tuple[str, ...]:
    """The names that :func:`get` knows, in alphabetical order."""
    return tuple(sorted(_REGISTRY))


def get(distance: Any) -> Distance:
    """Returns the distance of that name, or makes a distance from a function.

    Args:
        distance: One of :func:`names`; a :class:`Distance`; a function ``f(x, y)`` that reduces
            the last axis and broadcasts over the others, or its serialised form.
            ``"euclidean"`` is ‖x − y‖, ``"squared_euclidean"`` ‖x − y‖², ``"cosine"``
            1 − cos(x, y), which normalises by itself, ``"inner_product"`` −x·y, ``"manhattan"``
            Σ|x − y|. Nothing but cosine normalises. ``"manhattan"`` and functions take O(n·m·d)
            memory for all pairs, the others O(n·m).

            ``"snr"`` is the noise-to-signal ratio Var(x − y)/Var(x) of Yuan et al. (2019), the
            variances over the values of a vector; It is not symmetric: x is the anchor (the query,
            the first of a pair), and verification on one set takes the earlier example as x. A
            standard deviation of x below 1e-4 counts as 1e-4.

            ``"hamming"`` is the share of bits that differ, ``"jaccard"`` 1 − |x ∧ y|/|x ∨ y| (0 for
            two vectors without a one), for vectors of 0 and 1, or of −1 and 1. Values are clipped
            to 0 … 1, and a value in between is read as the probability of a one: Σ(x(1 − y) + (1 −
            x)y)/d and 1 − x·y/(Σx + Σy − x·y). So an embedder that ends in a sigmoid trains with
            them; two equal vectors are then not at distance 0 until they are binary.

    Raises:
        ValueError: If the name is not known; the message lists the known ones.
    """
    if isinstance(distance, Distance) and (distance.registered or distance.function):
        return distance
    if isinstance(distance, str) and distance in _REGISTRY:
        return _REGISTRY[distance]
    if isinstance(distance, dict):
        distance = keras.saving.deserialize_keras_object(distance)
    if callable(distance):
        return _of_function(getattr(distance, "__name__", "distance"), distance, user=True)
    raise ValueError(
        expected(f"distance to be one of {', '.join(names())}, or a function", distance=distance)
    )


@_config.saved.register
def serialize(distance: Distance) -> Any:
    """Returns the entry for ``get_config``, from which :func:`get` restores the distance."""
    if distance.registered:
        return distance.name
    return keras.saving.serialize_keras_object(distance.function)
