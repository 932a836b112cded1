"""What a run keeps besides its figures, so that pictures can be drawn of it later."""

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.evaluation import embed
from tfmetric.typing import Array, Distance, PathLike
from tfmetric.visualization import Thumbnails, find_neighbors, thumbnails
from tfmetric.visualization.thumbnails import examples_of

FILE = "evidence.npz"
# Enough for every picture, and a few MB of file.
_EXAMPLES, _BYTES = 20_000, 2**27
# Recordings are kept to be played: their first seconds, at a rate that words are understood at.
_SOUND_BYTES, _SOUND_SECONDS, _SOUND_RATE = 2**25, 3, 8000


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Examples that a model was judged on, with what it made of them.

    Attributes:
        embeddings: (N, D) float32.
        labels: (N,) int64, indexes into ``class_names``.
        class_names: (C,) text.
        ids: (N,) text: where each example came from.
        groups: (N,) text, or None.
        thumbnails: Small stand-ins for the examples, or None where they would take too much room.
        total: How many examples the model was judged on: more than N, where these are a sample.
        pairs: (P, 2) indexes of examples for the saliency pictures.
        pair_inputs: (P, 2, ...) these as the model takes them, or None: only images have them.
        sounds: (N, samples) int8 recordings to be played, or None.
        sound_rate: Their sampling rate in hertz.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    class_names: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None
    thumbnails: Thumbnails | None
    total: int
    pairs: np.ndarray
    pair_inputs: np.ndarray | None
    sounds: np.ndarray | None = None
    sound_rate: int = 0

    @property
    def pictures(self) -> bool:
        """Whether the thumbnails are pictures."""
        return self.thumbnails is not None and self.thumbnails.look == "picture"

    def names(self, indices: Any) -> list[str]:
        """The class names of some examples."""
        return [str(self.class_names[label]) for label in self.labels[indices]]


def gather_evidence(
    model, data, *, embeddings=None, distance="euclidean", seed: int = 0
) -> Evidence:
    """Chooses and computes what the pictures of a report are drawn from.

    Args:
        model: The embedder; not asked for where ``embeddings`` are given.
        data: The ``LabeledData`` that it is judged on. Of more than 20,000 examples whole classes
            are drawn at random until there are as many.
        embeddings: (N, D) of ``data`` by the model, where they are known; None to compute them.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        seed: Seed of that choice.
    """
    chosen = _whole_classes(data, seed)
    kept = data.subset(chosen)
    embeddings = embed(model, kept) if embeddings is None else np.asarray(embeddings)[chosen]
    pairs = _telling_finite_pairs(embeddings, kept.labels, distance, seed)
    found, pair_inputs = thumbnails(kept), None
    if kept.element.kind == "image" and not kept.element.volume:
        pair_inputs = kept.read(pairs.reshape(-1)).reshape(*pairs.shape, *kept.element_shape)
    sounds, rate = _sounds(kept) if kept.element.kind == "audio" else (None, 0)
    return Evidence(
        embeddings=embeddings,
        labels=kept.labels,
        class_names=np.array(kept.class_names, dtype=np.str_),
        ids=np.array(kept.ids, dtype=np.str_),
        groups=None if kept.groups is None else np.array(kept.groups).astype(np.str_),
        thumbnails=found if found.values.nbytes <= _BYTES else None,
        total=len(data),
        pairs=pairs,
        pair_inputs=pair_inputs,
        sounds=sounds,
        sound_rate=rate,
    )


def evidence_of_embeddings(embeddings, labels, *, distance="euclidean", seed=0) -> Evidence:
    """The evidence of embeddings whose examples are not known.

    Args:
        embeddings: (N, D) floats.
        labels: (N,) whole numbers.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        seed: Seed of the pairs.
    """
    embeddings = np.asarray(embeddings)
    names, labels = np.unique(labels, return_inverse=True)
    return Evidence(
        embeddings=embeddings,
        labels=labels.astype(np.int64),
        class_names=names.astype(np.str_),
        ids=np.arange(len(labels)).astype(np.str_),
        groups=None,
        thumbnails=None,
        total=len(labels),
        pairs=_telling_finite_pairs(embeddings, labels, distance, seed),
        pair_inputs=None,
    )


def keep_evidence(
    directory: PathLike,
    model: keras.Model,
    data: Any,
    *,
    embeddings: Array | None = None,
    distance: Distance = "euclidean",
    seed: int = 0,
) -> Path:
    """Writes what the pictures of a report are drawn from into the directory of a run.

    Args:
        directory: The directory of the run.
        model: As in :func:`gather_evidence`, and so are the others.
        data: The ``LabeledData`` that the model is judged on.
        embeddings: (N, D) of ``data``, or None to compute them.
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
    found = gather_evidence(model, data, embeddings=embeddings, distance=distance, seed=seed)
    arrays = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    shown = arrays.pop("thumbnails")
    if shown is not None:
        arrays["look"], arrays["examples"] = shown.look, shown.values
    path = Path(directory, FILE)
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, **{k: np.asarray(v) for k, v in arrays.items() if v is not None})
    return path


def read_evidence(directory: PathLike) -> Evidence | None:
    """Reads the evidence of a run.

    Args:
        directory: The run's directory.

    Returns:
        The evidence, or None where the run has kept none.

    Raises:
        ValueError: If the file is damaged or something else.
    """
    path = Path(directory, FILE)
    if not path.is_file():
        return None
    try:
        if not zipfile.is_zipfile(path):  # NumPy would advise to load it by pickle.
            raise zipfile.BadZipFile("it is no .npz file")
        # NumPy leaves a file open that it finds damaged.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        optional = {name: held.get(name) for name in ("groups", "pair_inputs", "sounds")}
        optional["thumbnails"] = _thumbnails(held)
        optional["sound_rate"] = int(held.get("sound_rate", 0))
        needed = ("embeddings", "labels", "class_names", "ids", "pairs")
        found = Evidence(
            **{name: held[name] for name in needed}, **optional, total=int(held["total"])
        )
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            expected("a file of evidence that tfmetric wrote", path=str(path), error=str(error))
        ) from error
    count = len(found.labels)
    if found.embeddings.shape[:1] != (count,) or not (
        count == 0 or (found.labels.min() >= 0 and found.labels.max() < len(found.class_names))
    ):
        raise ValueError(expected("evidence whose arrays fit together", path=str(path)))
    return found


def _whole_classes(data, seed):
    if len(data) <= _EXAMPLES:
        return np.arange(len(data))
    order = np.random.default_rng(seed).permutation(data.classes)
    counts = np.bincount(data.labels)[order]
    number = max(2, int((np.cumsum(counts) <= _EXAMPLES).sum()))
    return np.flatnonzero(np.isin(data.labels, order[:number]))


def _thumbnails(held):
    """The thumbnails of a file of evidence; files of former versions have no look."""
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


def _sounds(data):
    """The recordings as int8, and their low rate; None where they would take too much room."""
    from scipy.signal import resample_poly

    rate = data.element.options["sampling_rate"]
    low = min(rate, _SOUND_RATE)
    if len(data) * low * _SOUND_SECONDS > _SOUND_BYTES:
        return None, 0
    sounds = np.zeros((len(data), low * _SOUND_SECONDS), np.int8)
    for row, samples in enumerate(examples_of(data, np.arange(len(data)))):
        samples = np.asarray(samples[: rate * _SOUND_SECONDS], np.float32)
        if len(samples):
            heard = resample_poly(samples, low, rate)[: sounds.shape[1]]
            loudest = max(float(np.abs(heard).max()), 1e-9)
            sounds[row, : len(heard)] = np.round(127 * heard / loudest)
    return sounds, low


def _telling_finite_pairs(embeddings, labels, distance, seed):
    places = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    pairs = _telling_pairs(embeddings[places], np.asarray(labels)[places], distance, seed)
    return places[pairs] if len(pairs) else pairs


def _telling_pairs(embeddings, labels, distance, seed):
    """A pair found, a pair confused and a pair missed: (P, 2) indexes."""
    if len(labels) < 3:
        return np.zeros((0, 2), np.int64)
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(len(labels), min(300, len(labels)), replace=False))
    found = find_neighbors(embeddings, labels, sample, k=1, missing=1, distance=distance)
    first, right = found.indices[:, 0], found.right[:, 0]
    pairs = []
    for chosen in (np.flatnonzero(right), np.flatnonzero(~right)):
        if len(chosen):
            # The typical hit; the most convincing mistake.
            order = chosen[np.argsort(found.distances[chosen, 0], kind="stable")]
            place = order[len(order) // 2] if right[chosen[0]] else order[0]
            pairs.append((sample[place], first[place]))
    missed = [
        (ranks[0], place)
        for place, ranks in enumerate(found.missing_ranks)
        if len(ranks) and not right[place]
    ]
    if missed:
        _, place = max(missed)
        pairs.append((sample[place], found.missing[place][0]))
    return np.array(pairs, np.int64).reshape(-1, 2)
