"""Loads and uses an exported version in Python."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._errors import expected
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export.model_inputs import ONE
from tfmetric.export.sides import read_sides, sides_of_signature
from tfmetric.export.signature_values import as_tensor, checked_k, decoded, except_name, needed
from tfmetric.export.versions import versions
from tfmetric.typing import Array, PathLike
from tfmetric.values import excluded


class Servable:
    """A loaded version; see :func:`load`.

    Inputs have the form of the training data, such as images 0 to 255, (B, ...); a model with
    several inputs takes a dictionary of arrays. Methods that end in ``_bytes`` take a list of file
    contents, images or recordings.

    Attributes:
        path: Its directory.
        version: Its number.
        metadata: Contents of ``assets.extra/tfmetric.json``: ``distance``, ``embedding_dim``,
            ``gallery_size``, ``threshold``, versions of the packages that wrote it, ...
        calibration: The :class:`tfmetric.evaluation.Calibration` it was exported with, or None.
        model: The result of ``tf.saved_model.load``.
    """

    def __init__(self, path: Path):
        import tensorflow as tf

        self.path = path
        self.version = int(path.name)
        metadata = path / "assets.extra" / "tfmetric.json"
        try:
            # Keep the whole model, because signatures do not keep their variables alive.
            self.model = tf.saved_model.load(str(path))
            self.metadata = json.loads(metadata.read_text()) if metadata.is_file() else {}
        except Exception as error:  # A broken version may raise any error.
            raise ValueError(
                expected(
                    "a whole version from export.save",
                    path=str(path),
                    error=str(error).partition("\n")[0],
                )
            ) from error
        self._sides = read_sides(self.metadata or {"input_shape": [], "input_dtype": "float32"})
        calibration = path / "assets.extra" / "calibration.json"
        self.calibration = Calibration.load(calibration) if calibration.is_file() else None

    def embed(self, inputs: Any) -> np.ndarray:
        """Embeds a batch: (B, ...) to (B, D), float32."""
        return self._embedded("embed", inputs)

    def embed_bytes(self, files: Any) -> np.ndarray:
        """Does the same as :meth:`embed` for the bytes of B files."""
        return self._embedded("embed_bytes", files)

    def embed_query(self, inputs: Any) -> np.ndarray:
        """Embeds queries by their tower, for a version of two towers; as :meth:`embed`."""
        return self._embedded("embed_query", inputs)

    def embed_query_bytes(self, files: Any) -> np.ndarray:
        """Does the same as :meth:`embed_query` for the bytes of B files."""
        return self._embedded("embed_query_bytes", files)

    def embed_candidate(self, inputs: Any) -> np.ndarray:
        """Embeds candidates by their tower, for a version of two towers; as :meth:`embed`."""
        return self._embedded("embed_candidate", inputs)

    def embed_candidate_bytes(self, files: Any) -> np.ndarray:
        """Does the same as :meth:`embed_candidate` for the bytes of B files."""
        return self._embedded("embed_candidate_bytes", files)

    def search(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the nearest gallery examples; of two towers, the candidates nearest to queries.

        Args:
            inputs: (B, ...), as for :meth:`embed` or :meth:`embed_query`.
            k: Number of neighbors, clipped to the size of the gallery.
            exclude: (B,) or (B, E) ids to exclude, such as the queries' own or the items that a
                user has seen; or B lists of ids of any lengths. The version must have been exported
                with ``exclude``.

        Returns:
            :class:`Neighbors`: ``ids, distances = servable.search(inputs, k)``.

        Raises:
            ValueError: If k is below 1, or the version has no gallery.
        """
        return self._neighbors("search", inputs, k, exclude)

    def search_bytes(self, files: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Does the same as :meth:`search` for the bytes of B files."""
        return self._neighbors("search_bytes", files, k, exclude)

    def search_embedding(
        self, embedding: Any, k: int = 10, exclude: Array | None = None
    ) -> Neighbors:
        """Does the same as :meth:`search` for embeddings (B, D)."""
        return self._neighbors("search_embedding", embedding, k, exclude)

    def similar(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the candidates nearest to candidates, for a version of two towers.

        A candidate of the gallery finds itself first; ``exclude`` its id for the others.

        Args:
            inputs: (B, ...), as for :meth:`embed_candidate`.
            k: As for :meth:`search`.
            exclude: As for :meth:`search`.
        """
        return self._neighbors("similar", inputs, k, exclude)

    def similar_bytes(self, files: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Does the same as :meth:`similar` for the bytes of B files."""
        return self._neighbors("similar_bytes", files, k, exclude)

    def verify(self, a: Any, b: Any) -> Verified:
        """Compares B pairs: ``a`` (B, ...) with ``b`` (B, ...); a query with a candidate."""
        return self._verified("verify", a, b)

    def verify_bytes(self, a: Any, b: Any) -> Verified:
        """Does the same as :meth:`verify` for the bytes of B and B files.

        A side of two towers that takes no files takes its arrays or texts here.
        """
        return self._verified("verify_bytes", a, b)

    def classify(self, inputs: Any, k: int = 5) -> Classified:
        """Predicts a label by a vote of the k nearest gallery examples; see :func:`save`."""
        return self._classified("classify", inputs, k)

    def classify_bytes(self, files: Any, k: int = 5) -> Classified:
        """Does the same as :meth:`classify` for the bytes of B files."""
        return self._classified("classify_bytes", files, k)

    def _embedded(self, name, value):
        return self._answer(name, value)["embedding"]

    def _neighbors(self, name, value, k, exclude):
        asked, more = name, {"k": k}
        if exclude is not None:
            asked = except_name(name)
            kind = self._signature(asked)[1]["exclude"].dtype.name
            size = len(next(iter(value.values())) if isinstance(value, Mapping) else value)
            more["exclude"] = excluded(exclude, kind, size)
        if name == "search_embedding":
            values = self._ask(asked, embedding=value, **more)
        else:
            values = self._answer(asked, value, **more)
        same = probabilities = None
        if self.calibration is not None:
            same = self.calibration.decide(values["distances"])
            if self.calibration.curve is not None:
                probabilities = self.calibration.probability(values["distances"])
        return Neighbors(
            values["ids"], values["distances"], values.get("labels"), same, probabilities
        )

    def _verified(self, name, a, b):
        values = self._answer(name, a, b)
        return Verified(values["distance"], values.get("same"), values.get("probability"))

    def _classified(self, name, value, k):
        values = self._answer(name, value, k=k)
        return Classified(values["label"], values["known"], values["share"], values["distance"])

    def _answer(self, name, *values, **more):
        """Asks a signature for the answer to inputs, one value for each of its sides."""
        self._signature(name)
        return self._ask(name, **self._given(name, values), **more)

    def _given(self, name, values):
        """Returns the inputs under the names of a signature, from a value for each of its sides."""
        given = {}
        pair = name.startswith("verify")
        sides = sides_of_signature(name, self._sides)
        for prefix, side, value in zip("ab" if pair else ("",), sides, values, strict=True):
            if name.endswith("_bytes") and side.encoding is not None:
                given[prefix or side.encoding.name] = value
            elif not side.takes.named:
                given[prefix or ONE] = value
            else:
                names = side.takes.arrays
                if not isinstance(value, Mapping) or set(value) != set(names):
                    got = sorted(value) if isinstance(value, Mapping) else type(value).__name__
                    raise ValueError(expected(f"a dictionary of {', '.join(names)}", inputs=got))
                given |= {f"{prefix}_{n}" if pair else n: one for n, one in value.items()}
        return given

    def _signature(self, name):
        """Returns the function, and the types and shapes of its inputs."""
        if name not in self.model.signatures:
            raise ValueError(expected(needed(name, len(self._sides) > 1), path=str(self.path)))
        signature = self.model.signatures[name]
        return signature, signature.structured_input_signature[1]

    def _ask(self, name, **given):
        import tensorflow as tf

        signature, specs = self._signature(name)
        if "k" in given:
            given["k"] = checked_k(given["k"])
        tensors = {key: as_tensor(key, value, specs[key]) for key, value in given.items()}
        try:
            found = signature(**tensors)
        except tf.errors.InvalidArgumentError as error:
            if name.endswith("_bytes"):
                self._name_file(name, tensors, error)
            raise
        return {key: decoded(value.numpy()) for key, value in found.items()}

    def _name_file(self, name, tensors, error):
        """Raises ValueError that names the broken file, which the graph does not name."""
        import tensorflow as tf

        used = sides_of_signature(name, self._sides)
        of_pair = dict(zip("ab", used, strict=True)) if len(used) == 2 else {}
        for key, tensor in tensors.items():
            side = of_pair.get(key, used[0])
            if tensor.dtype != tf.string or key == "exclude" or side.encoding is None:
                continue
            decode = _decoder(side)
            for place, file in enumerate(tensor.numpy().ravel().tolist()):
                try:
                    decode(tf.constant([file]))
                except tf.errors.InvalidArgumentError as cause:
                    said = cause.message.strip().splitlines()[0].split("}} ")[-1]
                    raise ValueError(
                        expected(
                            f"{key} to be {side.encoding.files}; the file at {place} is cut short "
                            f"or of another type ({said})",
                            size=len(file),
                            starts=file[:8],
                        )
                    ) from error


def _decoder(side):
    import tensorflow as tf

    return tf.function(lambda files: side.decode(files), autograph=False)


def load(directory: PathLike, version: int | None = None) -> Servable:
    """Loads a version written by :func:`tfmetric.export.save`.

    Args:
        directory: The parent of the versions.
        version: Its number; None for the newest.

    Returns:
        A :class:`Servable` with ``.embed(inputs)``, ``.search(inputs, k)`` and ``.version``.

    Raises:
        FileNotFoundError: If there is no such version; the message lists the existing versions.
        ValueError: If the directory is not an exported version.

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
