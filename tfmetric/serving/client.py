"""A client of models served by TensorFlow Serving or by the server of :mod:`.server`."""

import random
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._errors import expected
from tfmetric.serving.errors import RequestError, Unavailable
from tfmetric.serving.requests import described, no_answers, prepare
from tfmetric.typing import Array

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_STALE = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND")


@dataclass(frozen=True)
class VersionStatus:
    """The state of a version on the server.

    Attributes:
        version: Its number.
        state: "AVAILABLE", or "START", "LOADING", "UNLOADING", "END".
        error: Why it is not available; empty without an error.
    """

    version: int
    state: str
    error: str = ""


class Client:
    """Sends requests to a served model.

    Inputs have the form of the training data: an array (B, ...), such as images 0 to 255, or texts.
    A version exported with ``inputs="image_bytes"`` also takes files: paths or bytes, one or a list
    of B. Large inputs are sent in parts. Only an unreachable server is asked again, after 0.1, 0.2,
    0.4, ... seconds. Several threads can share a client. REST needs neither Keras nor TensorFlow;
    gRPC, which is faster for arrays, needs TensorFlow.

    Args:
        url: "http://host:8501", "https://..." for REST; "grpc://host:8500" for gRPC.
        model: Its name.
        version: Its number; None for the newest.
        timeout: Seconds that a request may take.
        retries: Number of retries for an unreachable server.
        batch_size: Number of examples sent at a time.

    Raises:
        ValueError: If the URL has another form, or an argument does not fit.
        ImportError: If the extra ``serve`` is not installed.

    Every request raises :class:`RequestError` if the server refuses it, ``ConnectionError`` if the
    server does not answer, ``TimeoutError`` if the answer takes too long and ``ValueError`` if the
    inputs do not fit the model. :class:`Server` has an example.
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
        self._signatures: dict[str, Any] | None = None

    def embed(self, inputs: Any) -> np.ndarray:
        """Embeds a batch: (B, ...), or B files, to (B, D), float32."""
        return self._ask("embed", inputs)["embedding"]

    def embed_query(self, inputs: Any) -> np.ndarray:
        """Embeds queries by their tower, for a model of two towers; as :meth:`embed`."""
        return self._ask("embed_query", inputs)["embedding"]

    def embed_candidate(self, inputs: Any) -> np.ndarray:
        """Embeds candidates by their tower, for a model of two towers; as :meth:`embed`."""
        return self._ask("embed_candidate", inputs)["embedding"]

    def search(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the nearest gallery examples; of two towers, the candidates nearest to queries.

        Args:
            inputs: As for :meth:`embed` or :meth:`embed_query`.
            k: Number of neighbors, clipped to the size of the gallery.
            exclude: (B,) or (B, E) ids to exclude, such as the queries' own or the items that a
                user has seen; or B lists of ids of any lengths. The version must have been exported
                with ``exclude``.

        Returns:
            :class:`Neighbors`: ``ids, distances = client.search(inputs, k)``.
        """
        return _neighbors(self._ask("search", inputs, k=k, exclude=exclude), k)

    def search_embedding(
        self, embedding: Any, k: int = 10, exclude: Array | None = None
    ) -> Neighbors:
        """Does the same as :meth:`search` for embeddings (B, D)."""
        return _neighbors(self._ask("search_embedding", embedding, k=k, exclude=exclude), k)

    def similar(self, inputs: Any, k: int = 10, exclude: Array | None = None) -> Neighbors:
        """Finds the candidates nearest to candidates, for a model of two towers.

        A candidate of the gallery finds itself first; ``exclude`` its id for the others.

        Args:
            inputs: As for :meth:`embed_candidate`.
            k: As for :meth:`search`.
            exclude: As for :meth:`search`.
        """
        return _neighbors(self._ask("similar", inputs, k=k, exclude=exclude), k)

    def verify(self, a: Any, b: Any) -> Verified:
        """Compares B pairs: ``a`` with ``b``, each as for :meth:`embed`; a query, a candidate."""
        found = self._ask("verify", a, b)
        return Verified(found["distance"], found.get("same"), found.get("probability"))

    def classify(self, inputs: Any, k: int = 5) -> Classified:
        """Predicts a label by a vote of the k nearest gallery examples."""
        found = self._ask("classify", inputs, k=k)
        return Classified(found["label"], found["known"], found["share"], found["distance"])

    def status(self) -> list[VersionStatus]:
        """Returns the state of each version, the newest first."""
        found = []
        for entry in self._persist(self._over.status):
            error = entry.get("status", {})
            said = error.get("error_message", "")
            if error.get("error_code", "OK") != "OK":
                said = said or error["error_code"]
            found.append(VersionStatus(int(entry["version"]), entry["state"], said))
        return sorted(found, key=lambda status: -status.version)

    def metadata(self) -> dict:
        """Returns the inputs and outputs of the served version.

        Returns:
            ``{"version": 1, "signatures": {"embed": {"inputs": {"inputs": {"dtype": "float32",
            "shape": (None, 28, 28, 1)}}, "outputs": ...}}}``
        """
        version, signatures = self._persist(self._over.metadata)
        self._signatures = {
            name: {side: described(signature.get(side, {})) for side in ("inputs", "outputs")}
            for name, signature in signatures.items()
            # Skip TensorFlow's internal signatures.
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
            # A newer version may take other inputs.
            signatures = self.metadata()["signatures"]
            if signatures == known:
                raise
        return self._asked(signatures, verb, values, k, exclude)

    def _asked(self, signatures, verb, values, k, exclude):
        name, arrays = prepare(signatures, verb, values, exclude)
        about = signatures[name]["outputs"]
        outputs = {key: value["dtype"] for key, value in about.items()}
        sizes = {key: len(array) for key, array in arrays.items()}
        size = max(sizes.values())
        if min(sizes.values()) != size:
            raise ValueError(expected("as many a as b", **sizes))
        if not size:
            return no_answers(about)
        parts = []
        for start in range(0, size, self._batch_size):
            stop = min(start + self._batch_size, size)
            inputs = {key: array[start:stop] for key, array in arrays.items()}
            if k is not None:
                # One k for each row, which a batching server needs.
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
            # Random delays keep all clients from returning at once.
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


def _neighbors(found, k):
    # A batching server returns as many as the largest k of the batch.
    ids, distances, labels = (found.get(name) for name in ("ids", "distances", "labels"))
    return Neighbors(ids[:, :k], distances[:, :k], None if labels is None else labels[:, :k])
