"""Writing a version: the SavedModel, its metadata, its calibration and its warm-up requests."""

import json
from pathlib import Path

import keras
import numpy as np

from tfmetric._version import __version__
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export import signatures, warmup
from tfmetric.export.core import Core
from tfmetric.export.galleries import Gallery
from tfmetric.export.storage_recall import storage_recall

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
            ``exclude`` and ``gallery_storage``, which are written to the metadata and read from
            there again.
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


def _kind(column):
    return "string" if column.dtype == object else "integer"


def _recall(core, settings, gallery):
    """What is lost by the storage, or None where nothing is, or where it cannot be measured."""
    if gallery is None or settings["gallery_storage"] == "float32" or len(gallery.ids) < 2:
        return None
    return storage_recall(gallery.embeddings, settings["gallery_storage"], core.distance)


def _requests(settings, gallery, made):
    """Yields a request for each signature, which looks like a real one of its kind.

    An empty text would not do: a mean over no words is no number.
    """
    import tensorflow as tf

    # An axis of free length gets some length: warming up needs any request, not a real one.
    shape = [32 if side is None else side for side in settings["input_shape"]]
    text = settings["input_dtype"] == "string"
    example = (
        np.full((1, *shape), b"warm up") if text else np.zeros((1, *shape), settings["input_dtype"])
    )
    encoded = None
    if "image_bytes" in settings["inputs"]:
        encoded = np.array([tf.io.encode_png(np.zeros(shape, np.uint8)).numpy()], object)
    embedding = np.zeros((1, settings["embedding_dim"]), np.float32)
    k = np.int32(min(10, 0 if gallery is None else len(gallery.ids)))
    values = {"inputs": example, "image_bytes": encoded, "embedding": embedding, "k": k}
    if gallery is not None:  # Nobody is left out, or a gallery of one would be too small.
        none = np.zeros((1, 0), gallery.ids.dtype)
        values["exclude"] = tf.constant(none, tf.string).numpy() if none.dtype == object else none
    for name, function in made.items():
        ab = encoded if name.endswith("_bytes") else example
        yield name, {s.name: {**values, "a": ab, "b": ab}[s.name] for s in function.input_signature}
