"""Loads and uses an exported version in Python."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._errors import expected
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export.encoded_inputs import of_kinds
from tfmetric.export.model_inputs import ModelInputs, texts
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
        calibration = path / "assets.extra" / "calibration.json"
        self.calibration = Calibration.load(calibration) if calibration.is_file() else None

    def embed(self, inputs: Any) -> np.ndarray:
        """Embeds a batch: (B, ...) to (B, D), float32."""
        return self._ask("embed", **self._given(inputs))["embedding"]

    def embed_bytes(self, files: Any) -> np.ndarray:
        """Does the same as :meth:`embed` for the bytes of B files."""
        return self._ask("embed_bytes", **self._files(files))["embedding"]

    def search(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the nearest gallery examples.

        Args:
            inputs: (B, ...), as for :meth:`embed`.
            k: Number of neighbors, clipped to the size of the gallery.
            exclude: (B,) or (B, E) ids to exclude, such as the queries' own; the version must have
                been exported with ``exclude=True``.

        Returns:
            :class:`Neighbors`: ``ids, distances = servable.search(inputs, k)``.

        Raises:
            ValueError: If k is below 1, or the version has no gallery.
        """
        return self._neighbors("search", exclude, **self._given(inputs), k=k)

    def search_bytes(self, files: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Does the same as :meth:`search` for the bytes of B files."""
        return self._neighbors("search_bytes", exclude, **self._files(files), k=k)

    def search_embedding(
        self, embedding: Any, k: int = 10, exclude: Array | None = None
    ) -> Neighbors:
        """Does the same as :meth:`search` for embeddings (B, D)."""
        return self._neighbors("search_embedding", exclude, embedding=embedding, k=k)

    def verify(self, a: Any, b: Any) -> Verified:
        """Compares B pairs: ``a`` (B, ...) with ``b`` (B, ...)."""
        return self._verified("verify", a, b)

    def verify_bytes(self, a: Any, b: Any) -> Verified:
        """Does the same as :meth:`verify` for the bytes of B and B files."""
        return self._verified("verify_bytes", a, b)

    def classify(self, inputs: Any, k: int = 5) -> Classified:
        """Predicts a label by a vote of the k nearest gallery examples; see :func:`save`."""
        return self._classified("classify", **self._given(inputs), k=k)

    def classify_bytes(self, files: Any, k: int = 5) -> Classified:
        """Does the same as :meth:`classify` for the bytes of B files."""
        return self._classified("classify_bytes", **self._files(files), k=k)

    def _given(self, inputs, side=""):
        """Returns the inputs under the signatures' names."""
        names = self.metadata.get("named_inputs")
        if not names:
            return {side or "inputs": inputs}
        if not isinstance(inputs, Mapping) or set(inputs) != set(names):
            got = sorted(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
            raise ValueError(expected(f"a dictionary of {', '.join(sorted(names))}", inputs=got))
        return {f"{side}_{name}" if side else name: value for name, value in inputs.items()}

    def _files(self, files):
        """Returns the bytes of files under the signatures' name."""
        encoding = of_kinds(self.metadata.get("inputs", ()))
        return {"image_bytes" if encoding is None else encoding.name: files}

    def _neighbors(self, name, exclude=None, **given):
        if exclude is not None:
            name = _EXCEPT[name]
            dtype = self._signature(name)[1]["exclude"].dtype.name
            given["exclude"] = excluded(exclude, dtype, len(next(iter(given.values()))))
        values = self._ask(name, **given)
        same = probabilities = None
        if self.calibration is not None:
            same = self.calibration.decide(values["distances"])
            if self.calibration.curve is not None:
                probabilities = self.calibration.probability(values["distances"])
        return Neighbors(
            values["ids"], values["distances"], values.get("labels"), same, probabilities
        )

    def _verified(self, name, a, b):
        given = {"a": a, "b": b}
        if not name.endswith("_bytes"):
            given = {**self._given(a, "a"), **self._given(b, "b")}
        values = self._ask(name, **given)
        return Verified(values["distance"], values.get("same"), values.get("probability"))

    def _classified(self, name, **given):
        values = self._ask(name, **given)
        return Classified(values["label"], values["known"], values["share"], values["distance"])

    def _signature(self, name):
        """Returns the function, and the types and shapes of its inputs."""
        if name not in self.model.signatures:
            raise ValueError(expected(_needed(name), path=str(self.path)))
        signature = self.model.signatures[name]
        return signature, signature.structured_input_signature[1]

    def _ask(self, name, **given):
        import tensorflow as tf

        signature, specs = self._signature(name)
        if "k" in given:
            given["k"] = _k(given["k"])
        tensors = {key: _tensor(key, value, specs[key]) for key, value in given.items()}
        try:
            found = signature(**tensors)
        except tf.errors.InvalidArgumentError as error:
            if name.endswith("_bytes"):
                self._name_file(tensors, error)
            raise
        return {key: _texts(value.numpy()) for key, value in found.items()}

    def _name_file(self, tensors, error):
        """Raises ValueError that names the broken file, which the graph does not name."""
        import tensorflow as tf

        encoding, takes = of_kinds(self.metadata["inputs"]), ModelInputs.read(self.metadata)
        about = self.metadata.get("preprocessing", {}).get(encoding.name, {})
        decode = tf.function(lambda file: encoding.decode(file, takes, about), autograph=False)
        for key, tensor in tensors.items():
            if tensor.dtype != tf.string or key == "exclude":
                continue
            for place, file in enumerate(tensor.numpy().ravel().tolist()):
                try:
                    decode(tf.constant([file]))
                except tf.errors.InvalidArgumentError as cause:
                    said = cause.message.strip().splitlines()[0].split("}} ")[-1]
                    raise ValueError(
                        expected(
                            f"{key} to be {encoding.files}; the file at {place} is cut short or "
                            f"of another type ({said})",
                            size=len(file),
                            starts=file[:8],
                        )
                    ) from error


_EXCEPT = {
    "search": "search_except",
    "search_bytes": "search_except_bytes",
    "search_embedding": "search_embedding_except",
}


def _needed(name):
    if "_except" in name:
        return "a version that was exported with exclude=True"
    if name.endswith("_bytes"):
        return f'a version that was exported with inputs="image_bytes" or "wav_bytes" to {name}'
    if name == "search_embedding" or name == "search":
        return "a version with a gallery: give export.save a gallery"
    if name == "classify":
        return "a version with a gallery that has labels"
    return f"a version with the signature {name}: export it again, with inputs='tensor'"


def _k(k):
    if isinstance(k, bool) or not (isinstance(k, (int, np.integer)) and k > 0):
        raise ValueError(expected("k to be an integer above 0", k=k))
    return np.int32(min(int(k), 2**31 - 1))


def _tensor(key, values, spec):
    import tensorflow as tf

    if spec.dtype == tf.string:
        tensor = texts(values)
    else:
        try:
            tensor = tf.cast(tf.convert_to_tensor(values), spec.dtype)
        except (TypeError, ValueError, tf.errors.UnimplementedError) as error:
            raise ValueError(
                expected(f"{key} to be an array of numbers", type=type(values).__name__)
            ) from error
    if not spec.shape.is_compatible_with(tensor.shape):
        raise ValueError(
            expected(f"{key} of shape {tuple(spec.shape)}", **{f"{key}_shape": tuple(tensor.shape)})
        )
    return tensor


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


def _texts(array):
    """Decodes bytes that are text."""
    if array.dtype != object:
        return array
    try:
        flat = [value.decode() for value in array.ravel()]
    except UnicodeDecodeError:
        return array
    return np.array(flat, dtype=np.str_).reshape(array.shape)
