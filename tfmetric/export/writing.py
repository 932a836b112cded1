"""Writes a version: the SavedModel, its metadata, its calibration and its warm-up requests."""

import json
from pathlib import Path

import keras

from tfmetric._version import __version__
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export import searches, signatures, warmup
from tfmetric.export.core import Core
from tfmetric.export.example_requests import example_requests
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
        core: The embedders of the sides and their distance.
        settings: ``embedding_dim``, those of the sides, ``top_k``, ``exclude`` and
            ``gallery_storage``, which are written to the metadata.
        gallery: Or None.
        calibration: Or None.
    """
    import tensorflow as tf

    root = tf.__internal__.tracking.AutoTrackable()
    root.core = core.trackable
    found = None
    if gallery is not None:
        found = searches.searchable(gallery, core, settings["gallery_storage"], settings["top_k"])
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
    warmup.write(extra / "tf_serving_warmup_requests", example_requests(settings, gallery, made))


def _kind(column):
    return "string" if column.dtype == object else "integer"


def _recall(core, settings, gallery):
    """Returns the loss by the storage; None without a loss, or if it cannot be measured."""
    if gallery is None or settings["gallery_storage"] == "float32" or len(gallery.ids) < 2:
        return None
    return storage_recall(gallery.embeddings, settings["gallery_storage"], core.distance)
