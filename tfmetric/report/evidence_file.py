"""The file of the evidence of a run, evidence.npz: arrays and text only."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.report.evidence import Evidence
from tfmetric.report.gathering import gather_evidence
from tfmetric.typing import Array, Distance, PathLike
from tfmetric.visualization import Thumbnails

FILE = "evidence.npz"


def keep_evidence(
    directory: PathLike,
    model: keras.Model,
    data: Any,
    *,
    embeddings: Array | None = None,
    gallery: Any = None,
    distance: Distance = "euclidean",
    seed: int = 0,
) -> Path:
    """Writes the data for a report's pictures into the directory of a run.

    Args:
        directory: The directory of the run.
        model: As in :func:`gather_evidence`, like the other arguments.
        data: The evaluated ``LabeledData``.
        embeddings: (N, D) of ``data``, or None to compute them.
        gallery: The ``LabeledData`` that ``data`` is searched in, or None for the others of
            ``data``.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        seed: Seed of the choice of examples.

    Returns:
        The file, ``evidence.npz``: arrays and text only.

    Example:

    >>> import tempfile, numpy as np, tfmetric as tm
    >>> data = tm.datasets.from_arrays(np.eye(6, dtype="float32"), [0, 0, 1, 1, 2, 2])
    >>> keep_evidence(tempfile.mkdtemp(), tm.models.embedder((6,)), data).name
    'evidence.npz'
    """
    found = gather_evidence(
        model, data, embeddings=embeddings, gallery=gallery, distance=distance, seed=seed
    )
    arrays = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    shown = arrays.pop("thumbnails")
    if shown is not None:
        arrays["look"], arrays["examples"] = shown.look, shown.values
    path = Path(directory, FILE)
    with replacing(path) as draft, draft.open("wb") as file:
        held: dict[str, Any] = {k: np.asarray(v) for k, v in arrays.items() if v is not None}
        np.savez_compressed(file, **held)
    return path


def read_evidence(directory: PathLike) -> Evidence | None:
    """Reads the evidence of a run.

    Args:
        directory: The run's directory.

    Returns:
        The evidence, or None if the run has none.

    Raises:
        ValueError: If the file is damaged or not evidence.
    """
    path = Path(directory, FILE)
    if not path.is_file():
        return None
    try:
        if not zipfile.is_zipfile(path):  # NumPy's own message would advise pickle.
            raise zipfile.BadZipFile("it is no .npz file")
        # NumPy leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        optional: dict[str, Any] = {
            name: held.get(name) for name in ("groups", "pair_inputs", "sounds")
        }
        optional["thumbnails"] = _thumbnails(held)
        for name in ("sound_rate", "searched", "searched_total"):
            optional[name] = int(held.get(name, 0))
        needed = ("embeddings", "labels", "class_names", "ids", "pairs")
        found = Evidence(
            **{name: held[name] for name in needed}, **optional, total=int(held["total"])
        )
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            expected("a file of evidence that tfmetric wrote", path=str(path), error=str(error))
        ) from error
    count = len(found.labels)
    if (
        not 0 <= found.searched <= count
        or found.embeddings.shape[:1] != (count,)
        or not (
            count == 0 or (found.labels.min() >= 0 and found.labels.max() < len(found.class_names))
        )
    ):
        raise ValueError(expected("evidence whose arrays fit together", path=str(path)))
    return found


def _thumbnails(held):
    """Reads the thumbnails of an evidence file; files of old versions have no ``look``."""
    values = held.get("examples")
    if values is None:
        return None
    if "look" in held:
        return Thumbnails(str(held["look"]), values)
    return (
        Thumbnails("picture", values)
        if values.ndim == 4
        else Thumbnails("lines", values[..., None])
    )
