"""What a run keeps besides its figures, so that pictures can be drawn of it later."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.evaluation import embed
from tfmetric.visualization import find_neighbors

FILE = "evidence.npz"
# Enough for every picture, and a few MB of file.
_EXAMPLES, _SIDE, _VECTOR_BYTES = 20_000, 48, 2**25


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Examples that a model was judged on, with what it made of them.

    Attributes:
        embeddings: (N, D) float32.
        labels: (N,) int64, indexes into ``class_names``.
        class_names: (C,) text.
        ids: (N,) text: where each example came from.
        groups: (N,) text, or None.
        examples: (N, H, W, 1 or 3) uint8, images of at most 48 pixels a side; (N, F) vectors; or
            None where those would take too much room.
        total: How many examples the model was judged on: more than N, where these are a sample.
        pairs: (P, 2) indexes of examples for the saliency pictures.
        pair_inputs: (P, 2, ...) these as the model takes them, or None.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    class_names: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None
    examples: np.ndarray | None
    total: int
    pairs: np.ndarray
    pair_inputs: np.ndarray | None

    @property
    def images(self) -> bool:
        """Whether the examples are images."""
        return self.examples is not None and self.examples.ndim == 4

    def names(self, indices) -> list[str]:
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
    examples = pair_inputs = None
    if len(kept.element_shape) == 3:
        examples = _small_images(kept)
        pair_inputs = kept.read(pairs.reshape(-1)).reshape(*pairs.shape, *kept.element_shape)
    elif len(kept) * int(np.prod(kept.element_shape)) * 4 <= _VECTOR_BYTES:
        examples = kept.read().astype(np.float32)
    return Evidence(
        embeddings=embeddings,
        labels=kept.labels,
        class_names=np.array(kept.class_names, dtype=np.str_),
        ids=np.array(kept.ids, dtype=np.str_),
        groups=None if kept.groups is None else np.array(kept.groups).astype(np.str_),
        examples=examples,
        total=len(data),
        pairs=pairs,
        pair_inputs=pair_inputs,
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
        examples=None,
        total=len(labels),
        pairs=_telling_finite_pairs(embeddings, labels, distance, seed),
        pair_inputs=None,
    )


def keep_evidence(
    directory, model, data, *, embeddings=None, distance="euclidean", seed: int = 0
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
    path = Path(directory, FILE)
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, **{k: np.asarray(v) for k, v in arrays.items() if v is not None})
    return path


def read_evidence(directory) -> Evidence | None:
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
        optional = {name: held.get(name) for name in ("groups", "examples", "pair_inputs")}
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


def _small_images(data):
    """All images, shrunk to 48 pixels a side, a block at a time: they may be large."""
    height, width, channels = data.element_shape
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.empty((len(data), size[1], size[0], channels), np.uint8)
    for start in range(0, len(data), 512):
        indices = np.arange(start, min(start + 512, len(data)))
        small[indices] = _shrunk(data.read(indices), size) if scale < 1 else data.read(indices)
    return small


def _shrunk(images, size):
    from PIL import Image

    pages = images[..., 0] if images.shape[-1] == 1 else images
    done = [Image.fromarray(page).resize(size, Image.Resampling.BOX) for page in pages]
    return np.stack([np.asarray(page) for page in done]).reshape(
        len(images), size[1], size[0], images.shape[-1]
    )


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
