"""Shows which pixels make two images similar, by gradients of the similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.typing import Distance
from tfmetric.visualization._style import finish, new_figure, show_example

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = ("integrated", "gradient")


@dataclass(frozen=True, eq=False)
class SimilaritySaliency:
    """The effect of each pixel of two images on their similarity.

    Attributes:
        first: (H, W, C) the first image.
        second: (H, W, C) the second image.
        first_map: (H, W) the share of each of its pixels. With the method "integrated" above 0
            where the pixel makes the images more similar, below 0 where less; with "gradient" never
            below 0.
        second_map: (H, W) the same for the second image.
        similarity: The similarity: minus the distance of the two embeddings.
        method: The method.
        distance: Name of the distance.
    """

    first: np.ndarray
    second: np.ndarray
    first_map: np.ndarray
    second_map: np.ndarray
    similarity: float
    method: str
    distance: str


def similarity_saliency(
    model: keras.Model,
    first: Any,
    second: Any,
    distance: Distance = "euclidean",
    method: str = "integrated",
    steps: int = 32,
    smooth: int = 0,
    noise: float = 0.1,
    seed: int = 0,
) -> SimilaritySaliency:
    """Computes which pixels make two images similar for the embedder.

    Similarity is s(a, b) = -distance(f(a), f(b)). Each image gets a map, with the other image held
    fixed.

    - ``"integrated"``: integrated gradients, (x - x₀) · mean of ∂s/∂x on the straight line from the
      baseline x₀ to x, summed over channels. The baseline is the image without content: each
      channel at its median, which is the paper in a drawing. A map sums to the difference of s with
      the image and with its baseline, so it shows how much each pixel contributes.
    - ``"gradient"``: the largest |∂s/∂x| of the channels, where a small change has most effect.

    Both show what this network uses, not why. Neighbouring pixels are uneven; ``smooth`` reduces
    this. Layers that only act in training are inactive.

    Args:
        model: An embedder, from images (B, H, W, C) to (B, D). TensorFlow or JAX backend.
        first: (H, W, C) or (H, W), as the model takes it: values 0..255 for models of this library.
        second: Like ``first``.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        method: ``"integrated"`` or ``"gradient"``.
        steps: Points on the line, for ``"integrated"``.
        smooth: Number of noisy copies of the images to average over; 0 for the plain map.
        noise: Standard deviation of the noise, as a share of the image's range of values.
        seed: Seed of the noise.

    Returns:
        A :class:`SimilaritySaliency`; :func:`saliency_figure` draws it.

    Raises:
        ValueError: If an argument is out of its range, or the backend has no gradients here.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = tm.models.embedder((8, 8, 1), embedding_dim=2)
    >>> a, b = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 1))
    >>> similarity_saliency(model, a, b, steps=4).first_map.shape
    (8, 8)

    References: Sundararajan, Taly, Yan: Axiomatic attribution for deep networks, ICML 2017,
    section 3; Simonyan, Vedaldi, Zisserman: Deep inside convolutional networks, ICLR workshop
    2014, section 3; Smilkov and others: SmoothGrad, 2017.
    """
    pair = [_image(image) for image in (first, second)]
    distance = distances.get(distance)
    if method not in _METHODS:
        raise ValueError(expected(f"method to be one of {', '.join(_METHODS)}", method=method))
    for name, value, least in (("steps", steps, 1), ("smooth", smooth, 0)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(expected(f"{name} to be an integer from {least} on", **{name: value}))
    rng = np.random.default_rng(seed)
    similarity = _similarity(model, distance)
    maps = []
    for image, other in (pair, pair[::-1]):
        fixed = _embed(model, other)
        copies = image[None]
        if smooth:
            deviation = noise * max(float(np.ptp(image)), 1e-12)
            copies = image + rng.normal(0, deviation, (smooth, *image.shape)).astype("float32")
        maps.append(_maps(similarity, copies, fixed, method, steps).mean(axis=0))
    value = similarity(pair[0][None], _embed(model, pair[1]))
    return SimilaritySaliency(
        pair[0],
        pair[1],
        maps[0],
        maps[1],
        similarity=float(keras.ops.convert_to_numpy(value)),
        method=method,
        distance=distance.name,
    )


def saliency_figure(
    saliency: SimilaritySaliency, titles: Any = None, title: str | None = None
) -> Figure:
    """Draws both images and, over each, its map.

    Args:
        saliency: The result of :func:`similarity_saliency`.
        titles: Two short texts for the images, or None.
        title: Title of the picture; None for the similarity and the method.

    Returns:
        A ``matplotlib.figure.Figure``.

    Example:

    >>> import numpy as np
    >>> image, heat = np.zeros((4, 4, 1)), np.eye(4)
    >>> figure = saliency_figure(
    ...     SimilaritySaliency(image, image, heat, heat, -1.0, "gradient", "euclidean")
    ... )
    >>> len(figure.axes)
    5
    """
    signed = bool((saliency.first_map < 0).any() or (saliency.second_map < 0).any())
    heats = [saliency.first_map, saliency.second_map]
    # Clip the few strongest pixels, or the others would be colourless.
    strongest = max(float(np.percentile(np.abs(heat), 99)) for heat in heats) or 1.0
    # Orange (for) and blue (against) are distinct for every colour vision; white is 0.
    colours = "PuOr_r" if signed else "Oranges"
    figure = new_figure(4.8, 5.1)
    grid = figure.subplots(2, 2)
    images = (saliency.first, saliency.second)
    for column, (image, heat) in enumerate(zip(images, heats, strict=True)):
        show_example(grid[0, column], image)
        paper = np.mean(image, axis=-1)
        grid[1, column].imshow(paper, cmap="gray", vmin=0, vmax=255, alpha=0.35)
        drawn = grid[1, column].imshow(
            heat, cmap=colours, vmin=-strongest if signed else 0, vmax=strongest, alpha=0.8
        )
        grid[1, column].set_xticks([])
        grid[1, column].set_yticks([])
        if titles is not None:
            from tfmetric.visualization._style import short

            grid[0, column].set_title(short(titles[column], 28), fontsize=9, parse_math=False)
    bar = figure.colorbar(drawn, ax=grid[1], orientation="horizontal", fraction=0.06, pad=0.04)
    if signed:
        bar.set_ticks([-strongest, 0, strongest], labels=["less similar", "0", "more similar"])
    else:
        bar.set_ticks([0, strongest], labels=["0", f"{strongest:.2g}"])
    bar.ax.tick_params(labelsize=8)
    bar.set_label(
        "share of each pixel in the similarity"
        if signed
        else "change of the similarity by a pixel",
        fontsize=8,
    )
    if title is None:
        title = f"What makes the two similar ({saliency.distance} {-saliency.similarity:.3f})"
    return finish(figure, title)


def _image(image):
    image = np.asarray(image, np.float32)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or not np.isfinite(image).all():
        raise ValueError(expected("two finite images (height, width, channels)", shape=image.shape))
    return image


def _embed(model, image):
    return keras.ops.convert_to_numpy(model(image[None], training=False))


def _similarity(model, distance):
    def similarity(images, fixed):
        embeddings = keras.ops.cast(model(images, training=False), "float32")
        others = keras.ops.broadcast_to(fixed, keras.ops.shape(embeddings))
        # Sum over the batch: images do not interact, so each gets its own gradient.
        return -keras.ops.sum(distance.paired(embeddings, others))

    return similarity


def _maps(similarity, images, fixed, method, steps):
    """Computes the map of each copy of an image."""
    if method == "gradient":
        return np.abs(_gradient(similarity, images, fixed)).max(axis=-1)
    baseline = np.median(images, axis=(1, 2), keepdims=True)
    # With midpoints of equal steps, the error falls with the square of their number.
    way = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    ways = baseline[:, None] + way[:, None, None, None] * (images - baseline)[:, None]
    slopes = _gradient(similarity, ways.reshape(-1, *images.shape[1:]), fixed)
    slopes = slopes.reshape(ways.shape).mean(axis=1)
    return ((images - baseline) * slopes).sum(axis=-1)


def _gradient(similarity, images, fixed):
    """Computes the gradient at each image, in batches of some hundred MB."""
    images = np.asarray(images, np.float32)
    count = max(1, min(256, 2**22 // max(1, images[0].size)))
    parts = [images[i : i + count] for i in range(0, len(images), count)]
    return np.concatenate([_gradient_of(similarity, part, fixed) for part in parts])


def _gradient_of(similarity, images, fixed):
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        images = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = similarity(images, fixed)
        found = tape.gradient(value, images)
        return np.zeros(images.shape, np.float32) if found is None else found.numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: similarity(x, fixed))(images))
    raise ValueError(expected("the TensorFlow or the JAX backend of Keras", backend=backend))
