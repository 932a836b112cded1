"""The networks of ``keras.applications`` as backbones, with the preprocessing each one expects."""

import difflib

import keras
from keras import layers, ops

from tfmetric._errors import expected

# How the published weights of each family were trained. A family in none of these rescales its
# input inside the network.
_MINUS_ONE_TO_ONE = ("Inception", "MobileNetV2", "NASNet", "Xception")
_STANDARDISED = ("DenseNet",)
_BGR_MINUS_MEAN = ("VGG",)


def names() -> tuple[str, ...]:
    """The names of the networks, as ``keras.applications`` spells them."""
    public = vars(keras.applications).items()
    return tuple(sorted(name for name, value in public if name[0].isupper() and callable(value)))


def build(name: str, input_shape, weights=None) -> keras.Model:
    """Makes the network of that name without its classification layer.

    Args:
        name: One of :func:`names`.
        input_shape: (H, W, 3).
        weights: None for random weights, ``"imagenet"`` for the published weights, which Keras
            downloads on first use.

    Raises:
        ValueError: If the name is not known, or the input is too small for the network.
        RuntimeError: If the published weights are not available.
    """
    constructor = getattr(keras.applications, name, None) if name in names() else None
    if constructor is None:
        raise ValueError(
            expected(
                "backbone to be None, 'small_cnn', a keras.Model or the name of a "
                f"keras.applications network{_suggestion(name)}",
                backbone=name,
            )
        )
    try:
        return constructor(include_top=False, weights=weights, input_shape=tuple(input_shape))
    except Exception as error:
        # Keras raises a bare Exception when a download fails.
        if weights is None or isinstance(error, ValueError):
            raise
        raise RuntimeError(
            expected(
                f"to load the ImageNet weights of {name}, from the Keras cache or the network. "
                "Fetch the file on another machine and give its path as weights (--weights at the "
                "command line), or give no weights",
                weights=weights,
                error=" ".join(str(error).split())[:300],
            )
        ) from error


def _suggestion(name: str) -> str:
    lower = {known.lower(): known for known in names()}
    close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    if close:
        return f" (did you mean {', '.join(repr(lower[match]) for match in close)}?)"
    return f" ({', '.join(names())})"


def preprocess(name: str, x):
    """Preprocesses raw RGB images, 0..255, as the network of that name expects."""
    # "ResNet50V2" and "MobileNet" share a prefix with families of another preprocessing.
    if name.startswith(_MINUS_ONE_TO_ONE) or name == "MobileNet" or _is_resnet_v2(name):
        return layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    if name.startswith(_STANDARDISED):
        deviation, mean = (0.229, 0.224, 0.225), (0.485, 0.456, 0.406)
        scale = [1 / (255 * s) for s in deviation]
        offset = [-m / s for m, s in zip(mean, deviation, strict=True)]
        return layers.Rescaling(scale, offset=offset)(x)
    if name.startswith(_BGR_MINUS_MEAN) or name.startswith("ResNet"):
        return layers.Rescaling(1.0, offset=[-103.939, -116.779, -123.68])(ops.flip(x, axis=-1))
    return x


def _is_resnet_v2(name):
    return name.startswith("ResNet") and name.endswith("V2")
