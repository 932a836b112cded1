"""One-shot runs: assigns items to N new classes with one example each."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_interval
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.typing import Array, Distance, PathLike
from tfmetric.values import labels as read_labels
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class OneShotRun:
    """One N-way one-shot run.

    Attributes:
        name: Name of the run.
        training: (N, ...), one example of each class.
        test: (M, ...), the items to assign.
        answers: (M,), index in ``training`` of each item's class.
    """

    name: str
    training: np.ndarray
    test: np.ndarray
    answers: np.ndarray


@dataclass(frozen=True, eq=False)
class OneShotResult:
    """Accuracy on one-shot runs.

    Attributes:
        names: Name of each run.
        run_accuracies: Accuracy of each run, read-only (R,).
        correct: For each run, whether each item was assigned correctly; read-only.
        ways: Number of classes in each run.
        distance: Name of the distance.
    """

    names: tuple[str, ...]
    run_accuracies: np.ndarray
    correct: tuple[np.ndarray, ...]
    ways: tuple[int, ...]
    distance: str

    @property
    def accuracy(self) -> float:
        """Mean of the runs' accuracies."""
        return float(self.run_accuracies.mean())

    def figures(self) -> dict[str, float]:
        """Returns the accuracy by name."""
        return {"accuracy": self.accuracy}

    def interval(self, figure: str = "accuracy") -> tuple[float, float]:
        """Returns the 95 % interval for other runs, by 1000 bootstrap draws of runs."""
        if figure != "accuracy":
            raise ValueError(expected("figure to be accuracy", figure=figure))
        return bootstrap_interval(self.run_accuracies, np.arange(len(self.names)))

    def by_group(
        self, groups: Array | None, figure: str = "accuracy", **arguments: Any
    ) -> GroupTable:
        """Returns the share of correct answers by groups of the runs, such as their alphabets.

        Args:
            groups: (R,), integers or strings, one for each run.
            figure: ``"accuracy"``.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``, a
                number of items.
        """
        groups = read_labels(groups, len(self.names), "groups")
        if figure != "accuracy":
            raise ValueError(expected("figure to be accuracy", figure=figure))
        run = np.repeat(np.arange(len(self.names)), [len(right) for right in self.correct])
        return group_table(figure, np.concatenate(self.correct), groups[run], run, **arguments)

    def summary(self) -> str:
        """Returns the figures as one line."""
        items = sum(map(len, self.correct))
        ways = "-, ".join(map(str, sorted(set(self.ways))))
        low, high = self.interval()
        return (
            f"One-shot accuracy {self.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}): "
            f"{len(self.names)} {ways}-way runs, {items} items, "
            f"worst run {self.run_accuracies.min():.3f}"
        )

    def to_dict(self) -> dict:
        """Returns figures as plain Python values."""
        runs = dict(zip(self.names, self.run_accuracies.tolist(), strict=True))
        return plain(
            {
                "accuracy": self.accuracy,
                "interval": self.interval(),
                "ways": self.ways,
                "runs": runs,
                "distance": self.distance,
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def one_shot(
    embed: Any, runs: Iterable[OneShotRun], *, distance: Distance = "euclidean"
) -> OneShotResult:
    """Assigns each item of each run to the nearest of the run's training examples.

    An item is right if its own class's example is strictly nearer than all others: ties, to
    float32 precision, count against the model.

    Args:
        embed: An embedder (``keras.Model``), or a function from inputs (B, ...) to (B, D).
        runs: The runs, for example from :func:`read_one_shot_runs`.
        distance: Name or function, see :func:`tfmetric.distances.get`.

    Returns:
        A :class:`OneShotResult`.

    Raises:
        ValueError: If there are no runs, or an embedding is NaN or infinite.

    Example:

    >>> import numpy as np
    >>> run = OneShotRun("a", np.array([[0.0], [1.0]]), np.array([[0.9], [0.1]]), np.array([1, 0]))
    >>> one_shot(lambda x: x, [run]).accuracy
    1.0

    Reference: Lake, Salakhutdinov, Tenenbaum: Human-level concept learning through probabilistic
    program induction, Science 2015.
    """
    from tfmetric import distances

    runs = tuple(runs)
    if not runs:
        raise ValueError(expected("at least one run", runs=runs))
    # Embed all runs in one pass, since single passes cost more overhead than work.
    parts = [part for run in runs for part in (run.training, run.test)]
    ends = np.cumsum([len(part) for part in parts])
    embeddings = check_embeddings(_apply(embed, np.concatenate(parts)))
    pieces = iter(np.split(embeddings, ends[:-1]))
    correct = []
    for run in runs:
        training, test = next(pieces), next(pieces)
        found = nearest_order.ordering(distance, test, training)(np.arange(len(test)))
        rows = np.arange(len(test))
        own = found[rows, run.answers].copy()
        found[rows, run.answers] = np.inf
        right = own < found.min(axis=1, initial=np.inf)
        right.setflags(write=False)
        correct.append(right)
    accuracies = np.array([right.mean() for right in correct])
    accuracies.setflags(write=False)
    return OneShotResult(
        tuple(run.name for run in runs),
        accuracies,
        tuple(correct),
        tuple(len(run.training) for run in runs),
        distances.get(distance).name,
    )


def _apply(embed, inputs):
    if hasattr(embed, "predict"):
        return embed.predict(inputs, verbose=0)
    return np.asarray(embed(inputs))


def read_one_shot_runs(
    path: PathLike,
    image_size: tuple[int, int] | None = None,
    channels: int = 1,
    decode: Callable | None = None,
) -> tuple[OneShotRun, ...]:
    """Reads one-shot runs in Omniglot's published layout (``all_runs.zip``).

    Each run is a folder with image files and ``class_labels.txt``, whose lines name a test file and
    the training file of the same class.

    Args:
        path: The zip file.
        image_size: (height, width) that images are resized to; None keeps their size.
        channels: 1 for grey, 3 for RGB.
        decode: Function ``(encoded_bytes, image_size, channels)`` to an image (H, W, channels); by
            default the decoder of :mod:`tfmetric.datasets`, so that images are prepared like
            training data.

    Returns:
        The runs in order of their names; images uint8, 0..255.

    Raises:
        ValueError: If the file is not such a zip file.
    """
    decode = decode or _default_decoder()
    try:
        archive = zipfile.ZipFile(Path(path))
    except zipfile.BadZipFile as error:
        raise ValueError(expected("a zip file of one-shot runs", path=str(path))) from error
    with archive:
        lists = sorted(
            name for name in archive.namelist() if PurePosixPath(name).name == "class_labels.txt"
        )
        if not lists:
            raise ValueError(
                expected("a zip file with a class_labels.txt for each run", path=str(path))
            )

        def images(names):
            # The decoder returns tensors; convert them to NumPy.
            pixels = [np.asarray(decode(archive.read(n), image_size, channels)) for n in names]
            return np.stack(pixels)

        return tuple(_read_run(name, archive, images) for name in lists)


def _default_decoder():
    import tensorflow as tf

    from tfmetric.datasets.decoding import decode_image

    # Trace once for all files, because op-by-op resizing is many times slower. Pass bytes as a
    # tensor, or each file is traced again.
    traced = tf.function(decode_image)
    return lambda encoded, *rest: traced(tf.constant(encoded), *rest)


def _read_run(list_name, archive, images):
    text = io.TextIOWrapper(archive.open(list_name), encoding="utf-8").read()
    pairs = [line.split() for line in text.splitlines() if line.strip()]
    known = set(archive.namelist())
    if not pairs or any(len(pair) != 2 or not set(pair) <= known for pair in pairs):
        raise ValueError(
            expected("lines of a test file and its training file, both in the zip", file=list_name)
        )
    folder = re.sub(r"[^/]+$", "training/", list_name)
    # Every training file of the run counts, even if no item has its class.
    training = sorted({pair[1] for pair in pairs} | _files(known, folder))
    place = {name: i for i, name in enumerate(training)}
    answers = np.array([place[pair[1]] for pair in pairs])
    tests = images([pair[0] for pair in pairs])
    name = PurePosixPath(list_name).parent.name
    return OneShotRun(name, images(training), tests, answers)


def _files(names, folder):
    return {
        name
        for name in names
        if name.startswith(folder) and not name.endswith("/") and "/." not in name
    }
