"""Writes a version: the SavedModel, its metadata, its calibration and its warm-up requests."""

import json
from pathlib import Path

import keras
import numpy as np

from tfmetric._version import __version__
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export import signatures, warmup
from tfmetric.export.core import Core
from tfmetric.export.encoded_inputs import of_kinds
from tfmetric.export.galleries import Gallery
from tfmetric.export.model_inputs import ModelInputs
from tfmetric.export.storage_recall import storage_recall
from tfmetric.values import plain

_ANY_LENGTH = 32
METADATA, CALIBRATION = "tfmetric.json", "calibration.json"


def write(
    path: Path,
    core: Core,
    settings: dict,
    gallery: Gallery | None,
    calibration: Calibration | None,
) -> None:
    """Writes a version at ``path``.

    Args:
        path: A directory that does not exist.
        core: The embedder and its distance.
        settings: ``inputs``, ``input_shape``, ``input_dtype``, ``embedding_dim``, ``top_k``,
            ``exclude`` and ``gallery_storage``, which are written to the metadata.
        gallery: Or None.
        calibration: Or None.
    """
    import tensorflow as tf

    root = tf.__internal__.tracking.AutoTrackable()
    root.core = core.trackable
    found = None
    if gallery is not None:
        found = signatures.searchable(gallery, core, settings["gallery_storage"], settings["top_k"])
        root.gallery_variables = found.variables
    made = signatures.build(core, settings, found, calibration)
    tf.saved_model.save(root, str(path), signatures=made)
    _extras(path, core, settings, gallery, calibration, made)


def _extras(path, core, settings, gallery, calibration, made):
    import tensorflow as tf

    extra = path / "assets.extra"
    extra.mkdir()
    metadata = {
        "format": 2,
        "tfmetric": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "distance": core.distance.name,
        "builtin_distance": core.distance.builtin is not None,
        **settings,
        "gallery_size": 0 if gallery is None else len(gallery.ids),
        "ids": None if gallery is None else _kind(gallery.ids),
        "has_labels": gallery is not None and gallery.labels is not None,
        "labels": None if gallery is None or gallery.labels is None else _kind(gallery.labels),
        "recall": _recall(core, settings, gallery),
        "threshold": None if calibration is None else calibration.threshold,
        "signatures": sorted(made),
    }
    (extra / METADATA).write_text(json.dumps(metadata, indent=2) + "\n")
    if calibration is not None:
        calibration.save(extra / CALIBRATION)
    warmup.write(extra / "tf_serving_warmup_requests", _requests(settings, gallery, made))


def described(element) -> dict:
    """Returns the metadata entry of an element."""
    fields = {name: described(field) for name, field in (element.fields or {}).items()}
    about = {"kind": element.kind, "shape": list(element.shape), "dtype": element.dtype}
    return plain({**about, "options": dict(element.options), "fields": fields or None})


def _kind(column):
    return "string" if column.dtype == object else "integer"


def _recall(core, settings, gallery):
    """Returns the loss by the storage; None without a loss, or if it cannot be measured."""
    if gallery is None or settings["gallery_storage"] == "float32" or len(gallery.ids) < 2:
        return None
    return storage_recall(gallery.embeddings, settings["gallery_storage"], core.distance)


def _requests(settings, gallery, made):
    """Yields a realistic request for each signature.

    Texts are not empty, because a mean over no words is NaN.
    """
    import tensorflow as tf

    takes, encoding = ModelInputs.read(settings), of_kinds(settings["inputs"])
    examples = {name: _example(shape, dtype) for name, (shape, dtype) in takes.arrays.items()}
    if "length" in examples:  # The length covers the whole padded example.
        examples["length"] = np.full_like(examples["length"], _ANY_LENGTH)
    for name in [name for name in examples if name.endswith("_length")]:
        examples[name] = np.full_like(examples[name], _ANY_LENGTH)
    files = {}
    if encoding is not None:
        file = encoding.example(takes, settings["preprocessing"][encoding.name])
        files = {encoding.name: np.array([file], object)}
    embedding = np.zeros((1, settings["embedding_dim"]), np.float32)
    k = np.int32(min(10, 0 if gallery is None else len(gallery.ids)))
    values = {**examples, **files, "embedding": embedding, "k": k}
    if gallery is not None:  # Exclude no example, or a gallery of one would be too small.
        none = np.zeros((1, 0), gallery.ids.dtype)
        values["exclude"] = tf.constant(none, tf.string).numpy() if none.dtype == object else none
    pairs = {f"{side}_{name}": one for name, one in examples.items() for side in "ab"}
    for name, function in made.items():
        (single,) = files.values() if name.endswith("_bytes") else list(examples.values())[:1]
        every = {**values, "a": single, "b": single, **pairs}
        yield name, {spec.name: every[spec.name] for spec in function.input_signature}


def _example(shape, dtype):
    """Returns the shape of one example, with some length for free axes."""
    like = (1, *(_ANY_LENGTH if side is None else side for side in shape))
    return np.full(like, b"warm up", object) if dtype == "string" else np.zeros(like, dtype)
