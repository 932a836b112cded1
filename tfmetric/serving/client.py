"""A client of served models, for TensorFlow Serving and for the server of :mod:`.server`."""

import random
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._errors import expected
from tfmetric.serving.errors import RequestError, Unavailable
from tfmetric.serving.inputs import as_array, by_name, is_files, read_files
from tfmetric.typing import Array
from tfmetric.values import excluded

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_STALE = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND")


@dataclass(frozen=True)
class VersionStatus:
    """How a version fares on the server.

    Attributes:
        version: Its number.
        state: "AVAILABLE", or "START", "LOADING", "UNLOADING", "END".
        error: Why it is not available; empty if nothing went wrong.
    """

    version: int
    state: str
    error: str = ""


class Client:
    """Asks a server for what a model says.

    Inputs are those the model was trained on: an array (B, ...), of images 0 to 255. Where the
    version was exported with ``inputs="image_bytes"``, also files: paths, or their bytes, one or a
    list of B. Of a model that takes texts, texts. Large inputs are sent in parts.

    A server that is away is asked again, after 0.1, 0.2, 0.4, ... seconds; nothing else is. One
    client can be used from several threads.

    Neither Keras nor TensorFlow is used by REST; by gRPC, which is faster for arrays, TensorFlow
    is.

    Args:
        url: "http://host:8501", "https://..." for REST; "grpc://host:8500" for gRPC.
        model: Its name.
        version: Its number; None for the newest.
        timeout: Seconds that a request may take.
        retries: How often a server that is away is asked again.
        batch_size: How many examples are sent at a time.

    Raises:
        ValueError: If the URL is none of these, or an argument does not fit.
        ImportError: If the extra ``serve`` is not installed.

    Every method that asks raises :class:`RequestError` if the server refuses the request,
    ``ConnectionError`` if nobody answers, ``TimeoutError`` if the answer takes too long and
    ``ValueError`` if the inputs do not fit the model. :class:`Server` has an example.
    """

    def __init__(
        self,
        url: str,
        model: str,
        version: int | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        batch_size: int = 256,
    ):
        if not timeout > 0:
            raise ValueError(expected("timeout to be seconds above 0", timeout=timeout))
        if retries < 0:
            raise ValueError(expected("retries to be 0 or more", retries=retries))
        if batch_size < 1:
            raise ValueError(expected("batch_size to be 1 or more", batch_size=batch_size))
        self.url = url
        self.model = model
        self._retries = retries
        self._batch_size = batch_size
        self._over = _connection(url, model, version, timeout)
        self._signatures = None

    def embed(self, inputs: Any) -> np.ndarray:
        """Embeds a batch: (B, ...), or B files, to (B, D), float32."""
        return self._ask("embed", inputs)["embedding"]

    def search(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the nearest of the gallery.

        Args:
            inputs: As for :meth:`embed`.
            k: How many, clipped to the size of the gallery.
            exclude: (B,) or (B, E) ids that are not to be found, such as the queries' own; the
                version must have been exported with ``exclude=True``.

        Returns:
            :class:`Neighbors`: ``ids, distances = client.search(inputs, k)``.
        """
        return _neighbors(self._ask("search", inputs, k=k, exclude=exclude), k)

    def search_embedding(
        self, embedding: Any, k: int = 10, exclude: Array | None = None
    ) -> Neighbors:
        """As :meth:`search`, of embeddings (B, D)."""
        return _neighbors(self._ask("search_embedding", embedding, k=k, exclude=exclude), k)

    def verify(self, a: Any, b: Any) -> Verified:
        """Compares B pairs: ``a`` with ``b``, each as for :meth:`embed`."""
        found = self._ask("verify", a, b)
        return Verified(found["distance"], found.get("same"), found.get("probability"))

    def classify(self, inputs: Any, k: int = 5) -> Classified:
        """Lets the k nearest of the gallery vote on a label."""
        found = self._ask("classify", inputs, k=k)
        return Classified(found["label"], found["known"], found["share"], found["distance"])

    def status(self) -> list[VersionStatus]:
        """How each version fares, the newest first."""
        found = []
        for entry in self._persist(self._over.status):
            error = entry.get("status", {})
            said = error.get("error_message", "")
            if error.get("error_code", "OK") != "OK":
                said = said or error["error_code"]
            found.append(VersionStatus(int(entry["version"]), entry["state"], said))
        return sorted(found, key=lambda status: -status.version)

    def metadata(self) -> dict:
        """What the served version takes and gives.

        Returns:
            ``{"version": 1, "signatures": {"embed": {"inputs": {"inputs": {"dtype": "float32",
            "shape": (None, 28, 28, 1)}}, "outputs": ...}}}``
        """
        version, signatures = self._persist(self._over.metadata)
        self._signatures = {
            name: {side: _tensors(signature.get(side, {})) for side in ("inputs", "outputs")}
            for name, signature in signatures.items()
            # What TensorFlow needs for itself.
            if not name.startswith("__")
        }
        return {"version": version, "signatures": self._signatures}

    def close(self) -> None:
        """Closes the connections."""
        self._over.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_):
        self.close()

    def _ask(self, verb, *values, k=None, exclude=None):
        whole = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
        if k is not None and not (whole and k > 0):
            raise ValueError(expected("k to be an integer above 0", k=k))
        known = self._signatures
        signatures = known or self.metadata()["signatures"]
        try:
            return self._asked(signatures, verb, values, k, exclude)
        except (ValueError, RequestError) as error:
            if known is None or (isinstance(error, RequestError) and error.code not in _STALE):
                raise
            # A version that came since may take something else.
            signatures = self.metadata()["signatures"]
            if signatures == known:
                raise
        return self._asked(signatures, verb, values, k, exclude)

    def _asked(self, signatures, verb, values, k, exclude):
        name, arrays = _prepare(signatures, verb, values, exclude)
        about = signatures[name]["outputs"]
        outputs = {key: value["dtype"] for key, value in about.items()}
        sizes = {key: len(array) for key, array in arrays.items()}
        size = max(sizes.values())
        if min(sizes.values()) != size:
            raise ValueError(expected("as many a as b", **sizes))
        if not size:
            return _nothing(about)
        parts = []
        for start in range(0, size, self._batch_size):
            stop = min(start + self._batch_size, size)
            inputs = {key: array[start:stop] for key, array in arrays.items()}
            if k is not None:
                # One for each row, as a server needs it that answers requests together.
                inputs["k"] = np.full(stop - start, min(int(k), 2**31 - 1), np.int32)
            parts.append(self._persist(self._over.predict, name, inputs, outputs))
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _persist(self, call, *arguments):
        for attempt in range(self._retries + 1):
            try:
                return call(*arguments)
            except Unavailable as error:
                if attempt == self._retries:
                    raise ConnectionError(
                        expected(
                            f"a server at {self.url} (asked {attempt + 1} times)", error=str(error)
                        )
                    ) from error
            # Not all clients of a server that was away come back at once.
            wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)
            time.sleep(wait * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")


def _connection(url, model, version, timeout):
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        from tfmetric.serving.over_rest import OverRest

        return OverRest(url, model, version, timeout)
    if parts.scheme == "grpc" and parts.hostname:
        from tfmetric.serving.over_grpc import OverGrpc

        target = parts.netloc if parts.port else f"{parts.netloc}:8500"
        return OverGrpc(target, model, version, timeout)
    raise ValueError(
        expected('a URL as "http://host:8501", "https://host" or "grpc://host:8500"', url=url)
    )


def _prepare(signatures, verb, values, exclude):
    """The name of the signature, and arrays by the names of its inputs, but for k."""
    texts = _texts(signatures.get("embed"))
    by_files = verb != "search_embedding" and all(is_files(v, texts) for v in values)
    name = verb + "_except" * (exclude is not None) + "_bytes" * by_files
    if name not in signatures:
        raise ValueError(expected(_needed(name), signatures=sorted(signatures)))
    inputs = signatures[name]["inputs"]
    keys = sorted(key for key in inputs if key not in ("k", "exclude"))
    arrays = {
        key: read_files(value)
        if by_files
        else as_array(key, value, inputs[key]["dtype"], inputs[key]["shape"])
        for key, value in by_name(values, keys).items()
    }
    if exclude is not None:
        arrays["exclude"] = excluded(exclude, inputs["exclude"]["dtype"], len(arrays[keys[0]]))
    return name, arrays


def _texts(signature):
    kinds = {value["dtype"] for value in signature["inputs"].values()} if signature else set()
    return "string" in kinds


def _needed(name):
    if "_except" in name:
        return "a model with a gallery that was exported with exclude=True"
    if name.endswith("_bytes"):
        return (
            f'a model exported with inputs="image_bytes" or "wav_bytes", for files to {name[:-6]}'
        )
    if name in ("search", "search_embedding"):
        return 'a model with a gallery; of one exported with inputs="image_bytes" alone, files'
    if name == "classify":
        return "a model with a gallery that has labels"
    return f"a model with the signature {name}; of one that takes image_bytes alone, files"


def _tensors(infos):
    return {name: _tensor(info) for name, info in infos.items()}


def _tensor(info):
    dtype = info["dtype"].removeprefix("DT_").lower()
    dtype = {"float": "float32", "double": "float64", "half": "float16"}.get(dtype, dtype)
    shape = info.get("tensor_shape", {})
    if shape.get("unknown_rank"):
        return {"dtype": dtype, "shape": None}
    sides = (int(dim.get("size", 0)) for dim in shape.get("dim", ()))
    return {"dtype": dtype, "shape": tuple(None if side < 0 else side for side in sides)}


def _nothing(outputs):
    """Answers to no inputs."""
    return {
        name: np.zeros(
            [side or 0 for side in about["shape"] or ()],
            np.str_ if about["dtype"] == "string" else about["dtype"],
        )
        for name, about in outputs.items()
    }


def _neighbors(found, k):
    # A server that answers requests together gives as many as the largest k among them.
    ids, distances, labels = (found.get(name) for name in ("ids", "distances", "labels"))
    return Neighbors(ids[:, :k], distances[:, :k], None if labels is None else labels[:, :k])
