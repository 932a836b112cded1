"""Replaces the gallery of an exported model without the model's code."""

from pathlib import Path
from typing import Any

from tfmetric._errors import expected
from tfmetric.export import galleries
from tfmetric.export.core import Core
from tfmetric.export.gallery_storage import check as check_storage
from tfmetric.export.loading import load
from tfmetric.export.saving import check_calibration
from tfmetric.export.sides import answering, read_sides
from tfmetric.export.versions import check_keep_last, keep_newest, new_version
from tfmetric.export.writing import write
from tfmetric.typing import Array, PathLike


def update_gallery(
    directory: PathLike,
    gallery: Any = None,
    ids: Array | None = None,
    labels: Array | None = None,
    *,
    embeddings: Array | None = None,
    version: int | None = None,
    gallery_storage: str | None = None,
    batch_size: int = 256,
    keep_last: int | None = None,
) -> Path:
    """Writes the next version with the same model, calibration and signatures, and a new gallery.

    The model comes from the SavedModel, so neither training nor the model's code is needed.

    Two towers embed the new gallery by the tower of the candidates.

    The old gallery is dropped, so pass every example to be found. A version without a gallery gains
    the search signatures.

    Args:
        directory: The parent of the versions.
        gallery: The new gallery: a ``LabeledData``; a pair (inputs, labels); an array of inputs (N,
            ...). They are embedded by the exported model.
        ids: (N,) integers or strings. Defaults to the ``ids`` of a ``LabeledData``, else 0 to N −
            1.
        labels: (N,) integers or strings, or None.
        embeddings: (N, D), precomputed, in place of ``gallery``.
        version: The version to start from; None for the newest.
        gallery_storage: As for :func:`tfmetric.export.save`; None for the version's storage.
        batch_size: Examples of the gallery embedded at a time.
        keep_last: As for :func:`tfmetric.export.save`.

    Returns:
        The path of the new version.

    Raises:
        FileNotFoundError: If there is no such version.
        ValueError: If the gallery does not fit the model, or if the version lacks what a gallery
            needs.

    Example:

    >>> import tempfile
    >>> import numpy as np, tfmetric as tm
    >>> folder = tempfile.mkdtemp()
    >>> path = tm.export.save(tm.models.embedder((4,), embedding_dim=2), folder)
    >>> update_gallery(folder, embeddings=[[0.0, 1.0], [1.0, 0.0]], ids=["up", "right"]).name
    '2'
    """
    check_keep_last(keep_last)
    if (gallery is None) == (embeddings is None):
        raise ValueError(
            expected(
                "either a gallery or embeddings",
                gallery=type(gallery).__name__,
                embeddings=type(embeddings).__name__,
            )
        )
    served = load(directory, version)
    settings = _settings(served)
    if gallery_storage is not None:
        settings["gallery_storage"] = check_storage(gallery_storage)
    distance = served.metadata["distance"]
    check_calibration(served.calibration, distance, settings["gallery_storage"])
    core = Core(served.model, distance, served.metadata.get("builtin_distance", True))
    if gallery is None:
        found = galleries.of_embeddings(embeddings, ids, labels, settings["embedding_dim"])
    else:
        side = answering(read_sides(settings))
        found = galleries.read(
            gallery, ids, labels, side.takes, lambda data: core.embed_all(side, data, batch_size)
        )
    with new_version(directory) as draft:
        write(draft.path, core, settings, found, served.calibration)
    keep_newest(directory, keep_last)
    return draft.published


def _settings(served):
    # Defaults for the first format, which only embeds and searches.
    known = {"inputs": ["tensor"], "top_k": None, "gallery_storage": "float32", "exclude": False}
    known |= {"named_inputs": None, "element": None, "preprocessing": {}}
    known |= served.metadata
    names = ("embedding_dim", "top_k", "gallery_storage", "exclude")
    one = ("inputs", "input_shape", "input_dtype", "named_inputs", "element", "preprocessing")
    names += ("sides",) if "sides" in known else one
    missing = [name for name in (*names, "distance") if name not in known]
    if missing:
        raise ValueError(
            expected(f"a version whose metadata has {missing[0]}", path=str(served.path))
        )
    return {name: known[name] for name in names}
