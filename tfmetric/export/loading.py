"""Using an exported version from Python."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.calibration import Calibration
from tfmetric.export.versions import versions


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What a search found; unpacks into ``ids, distances``.

    Attributes:
        ids: (B, k), integers or strings as they were given, nearest first.
        distances: (B, k), float32.
        labels: (B, k), the labels of the gallery, or None if it has none.
        same: (B, k), whether each is of the query's class by the calibrated threshold, or None if
            the version has no calibration.
        probabilities: (B, k), the probability that it is, or None if the calibration has none.
    """

    ids: np.ndarray
    distances: np.ndarray
    labels: np.ndarray | None = None
    same: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.ids, self.distances))


class Servable:
    """A loaded version; see :func:`load`.

    Attributes:
        path: Its directory.
        version: Its number.
        metadata: What ``assets.extra/tfmetric.json`` says: ``distance``, ``embedding_dim``,
            ``gallery_size``, ``threshold``, versions of the packages that wrote it, ...
        calibration: The :class:`tfmetric.evaluation.Calibration` it was exported with, or None.
    """

    def __init__(self, path: Path):
        import tensorflow as tf

        self.path = path
        self.version = int(path.name)
        try:
            # Kept whole: the signatures do not keep the variables alive that they use.
            self._model = tf.saved_model.load(str(path))
        except OSError as error:
            raise ValueError(
                expected("a version that export.save has written", path=str(path))
            ) from error
        self._signatures = self._model.signatures
        metadata = path / "assets.extra" / "tfmetric.json"
        self.metadata = json.loads(metadata.read_text()) if metadata.is_file() else {}
        calibration = path / "assets.extra" / "calibration.json"
        self.calibration = Calibration.load(calibration) if calibration.is_file() else None

    def embed(self, inputs) -> np.ndarray:
        """Embeds a batch.

        Args:
            inputs: (B, ...), as the model was trained on; images 0..255.

        Returns:
            (B, D), float32.
        """
        return self._signatures["embed"](inputs=self._tensor(inputs))["embedding"].numpy()

    def search(self, inputs, k: int = 10) -> Neighbours:
        """Finds the nearest of the gallery.

        Args:
            inputs: (B, ...), as for :meth:`embed`.
            k: How many, clipped to the size of the gallery.

        Returns:
            :class:`Neighbours`: ``ids, distances = servable.search(inputs, k)``.

        Raises:
            ValueError: If k is below 1, or the version has no gallery.
        """
        import tensorflow as tf

        if "search" not in self._signatures:
            raise ValueError(
                expected(
                    "a version with a gallery: give export.save a gallery", path=str(self.path)
                )
            )
        if not (isinstance(k, (int, np.integer)) and k > 0):
            raise ValueError(expected("k to be an integer above 0", k=k))
        k = tf.constant(min(int(k), 2**31 - 1), tf.int32)
        found = self._signatures["search"](inputs=self._tensor(inputs), k=k)
        values = {name: _texts(value.numpy()) for name, value in found.items()}
        same = probabilities = None
        if self.calibration is not None:
            same = self.calibration.decide(values["distances"])
            if self.calibration.curve is not None:
                probabilities = self.calibration.probability(values["distances"])
        return Neighbours(
            values["ids"], values["distances"], values.get("labels"), same, probabilities
        )

    def _tensor(self, inputs):
        import tensorflow as tf

        spec = self._signatures["embed"].structured_input_signature[1]["inputs"]
        tensor = tf.cast(tf.convert_to_tensor(inputs), spec.dtype)
        if not spec.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                expected(f"inputs of shape {tuple(spec.shape)}", inputs_shape=tuple(tensor.shape))
            )
        return tensor


def load(directory, version: int | None = None) -> Servable:
    """Loads a version that :func:`tfmetric.export.save` has written.

    Args:
        directory: The parent of the versions.
        version: Its number; None for the newest.

    Returns:
        A :class:`Servable` with ``.embed(inputs)``, ``.search(inputs, k)`` and ``.version``.

    Raises:
        FileNotFoundError: If there is no such version; the message lists those there are.
        ValueError: If what is there is no exported version.

    Example:

    >>> import tempfile
    >>> import numpy as np, tfmetric as tm
    >>> folder = tempfile.mkdtemp()
    >>> path = tm.export.save(tm.models.embedder((4,), embedding_dim=2), folder)
    >>> servable = load(folder)
    >>> servable.version, servable.embed(np.zeros((3, 4))).shape
    (1, (3, 2))
    """
    found = versions(directory)
    number = max(found, default=None) if version is None else version
    if number not in found:
        listed = ", ".join(map(str, found)) or "none"
        raise FileNotFoundError(
            expected(
                f"a version under the directory; there are: {listed}",
                directory=str(directory),
                version=version,
            )
        )
    return Servable(Path(directory) / str(number))


def _texts(array):
    """Bytes as text where they are text."""
    if array.dtype != object:
        return array
    try:
        flat = [value.decode() for value in array.ravel()]
    except UnicodeDecodeError:
        return array
    return np.array(flat, dtype=np.str_).reshape(array.shape)
