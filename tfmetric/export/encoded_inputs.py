"""Encoded files as inputs of a version, decoded in TensorFlow ops, in one table by kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.decoding import decode_image
from tfmetric.elements import Element
from tfmetric.export.model_inputs import ModelInputs


@dataclass(frozen=True)
class Encoding:
    """A form of encoded input.

    Attributes:
        name: The name of the input, such as ``image_bytes``, and of the choice in ``save``.
        files: The files that it takes, for messages.
        preprocessing: Function of the inputs of the model and the element (or None) that returns
            the steps of decoding as JSON values; raises ValueError if the model does not take such
            files.
        decode: Function of (B,) strings, the inputs of the model and the preprocessing that returns
            the model's input tensors in order.
        example: Function of the inputs and the preprocessing that returns the bytes of a small
            file.
    """

    name: str
    files: str
    preprocessing: Callable[[ModelInputs, Element | None], dict[str, Any]]
    decode: Callable[[Any, ModelInputs, Mapping[str, Any]], list]
    example: Callable[[ModelInputs, Mapping[str, Any]], bytes]


def of_kinds(kinds) -> Encoding | None:
    """Returns the encoding among several kinds of input, or None."""
    return next((ENCODINGS[kind] for kind in kinds if kind in ENCODINGS), None)


def _image_preprocessing(takes, element):
    shape = None if takes.named else next(iter(takes.arrays.values()))[0]
    if shape is None or len(shape) != 3 or None in shape[:2] or shape[2] not in (1, 3):
        raise ValueError(
            expected(
                'a model of images of one size, (height, width, 1 or 3), for inputs="image_bytes"',
                input_shape=shape,
            )
        )
    if element is not None and element.kind != "image":
        raise ValueError(expected('images for inputs="image_bytes"', kind=element.kind))
    return {
        "decoder": "tfmetric.datasets.decode_image",
        "height": shape[0],
        "width": shape[1],
        "channels": shape[2],
        "resize": "antialiased bilinear",
        "values": "0 to 255",
    }


def _decode_images(files, takes, preprocessing):
    """Decodes by :func:`tfmetric.datasets.decode_image`, the function used in training."""
    import tensorflow as tf

    ((shape, dtype),) = takes.arrays.values()

    def one(encoded):
        return decode_image(encoded, tuple(shape[:2]), shape[2])

    images = tf.map_fn(one, files, fn_output_signature=tf.uint8, parallel_iterations=16)
    return [tf.cast(tf.ensure_shape(images, (None, *shape)), dtype)]


def _example_image(takes, preprocessing):
    import tensorflow as tf

    ((shape, _),) = takes.arrays.values()
    return tf.io.encode_png(np.zeros(shape, np.uint8)).numpy()


def _wav_preprocessing(takes, element):
    shape, lengths = _audio(takes)
    if element is None or element.kind != "audio":
        raise ValueError(
            expected(
                'an element of audio, with its sampling rate, for inputs="wav_bytes": '
                "pass a gallery of recordings, or element=data.element",
                element=element,
            )
        )
    return {
        "decoder": "tf.audio.decode_wav",
        "sampling_rate": int(element.options["sampling_rate"]),
        "channels": "their mean",
        "samples": shape[0],
        "length": "cut, or padded with zeros" if lengths is None else "free",
        "values": "-1 to 1, of 16 bits",
        "dtype": element.dtype,
    }


def _audio(takes):
    """Returns the shape of the samples, and the name of the lengths or None."""
    names = set(takes.arrays)
    shape, _ = takes.arrays.get("values", next(iter(takes.arrays.values())))
    fits = len(shape) == 1 and (
        (not takes.named and shape[0] is not None) or names == {"values", "length"}
    )
    if not fits:
        raise ValueError(
            expected(
                'a model of samples, (S,), or with the inputs "values" and "length", for '
                'inputs="wav_bytes"',
                takes={name: shape for name, (shape, _) in takes.arrays.items()},
            )
        )
    return shape, "length" if takes.named else None


def _decode_wavs(files, takes, preprocessing):
    import tensorflow as tf

    rate = preprocessing["sampling_rate"]
    shape, lengths = _audio(takes)

    def one(encoded):
        samples, found = tf.audio.decode_wav(encoded)
        message = f"Expected WAV files of {rate} Hz. Received one of"
        with tf.control_dependencies(
            [tf.debugging.Assert(tf.equal(found, rate), [message, found])]
        ):
            return tf.reduce_mean(samples, axis=1)

    ragged = tf.map_fn(
        one, files, fn_output_signature=tf.RaggedTensorSpec((None,), tf.float32, ragged_rank=0)
    )
    samples = ragged.to_tensor(shape=(None, shape[0]))
    if preprocessing["dtype"] == "int16":
        samples = tf.round(samples * 32768)
    found = {"values": samples, "length": tf.cast(ragged.row_lengths(), tf.int32)}
    if lengths is None:
        return [tf.cast(samples, next(iter(takes.arrays.values()))[1])]
    return [tf.cast(found[name], dtype) for name, (_, dtype) in takes.arrays.items()]


def _example_wav(takes, preprocessing):
    import tensorflow as tf

    rate = preprocessing["sampling_rate"]
    sound = np.sin(np.arange(preprocessing["samples"] or rate) * 0.3, dtype=np.float32) / 2
    return tf.audio.encode_wav(sound[:, None], rate).numpy()


ENCODINGS = {
    made.name: made
    for made in (
        Encoding(
            "image_bytes",
            "whole JPEG, PNG, GIF or BMP files",
            _image_preprocessing,
            _decode_images,
            _example_image,
        ),
        Encoding(
            "wav_bytes",
            "whole WAV files of 16 bits",
            _wav_preprocessing,
            _decode_wavs,
            _example_wav,
        ),
    )
}
