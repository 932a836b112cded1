"""Sends requests by REST."""

import base64
import json
from urllib.parse import quote

import numpy as np

from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.serving.errors import RequestError, Unavailable
from tfmetric.serving.refusals import HTTP

_CODES = {400: "INVALID_ARGUMENT", 413: "RESOURCE_EXHAUSTED"}
_CODES |= {status: code for code, status in HTTP.items() if status not in _CODES}
# A proxy's answers for an unreachable server.
_AWAY = (502, 503)


class OverRest:
    """Connections to a server, kept open; safe to use from several threads.

    Args:
        url: "http://host:port"
        model: Its name.
        version: A number, or None for the newest.
        timeout: Seconds a request may take.
    """

    def __init__(self, url: str, model: str, version: int | None, timeout: float):
        self._urllib3 = require("urllib3", "serve")
        path = f"/v1/models/{quote(model, safe='')}"
        self._url = url.rstrip("/") + path + ("" if version is None else f"/versions/{version}")
        self._timeout = timeout
        self._pool = self._urllib3.PoolManager(maxsize=16, retries=False)

    def status(self) -> list[dict]:
        """Returns the server's state of each version."""
        return self._ask("GET", "")["model_version_status"]

    def metadata(self) -> tuple[int, dict]:
        """Returns the version, and the signatures by name."""
        found = self._ask("GET", "/metadata")
        signatures = found["metadata"]["signature_def"]["signature_def"]
        return int(found["model_spec"]["version"]), signatures

    def predict(self, signature: str, inputs: dict, outputs: dict) -> dict:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Arrays by name.
            outputs: Names of types by the names of the outputs.
        """
        given = ", ".join(f"{json.dumps(name)}: {_text(value)}" for name, value in inputs.items())
        body = f'{{"signature_name": {json.dumps(signature)}, "inputs": {{{given}}}}}'
        found = self._ask("POST", ":predict", body.encode())["outputs"]
        if len(outputs) == 1:
            found = {next(iter(outputs)): found}
        return {name: _array(value, outputs.get(name)) for name, value in found.items()}

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _ask(self, method, ending, body=None):
        errors = self._urllib3.exceptions
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            answer = self._pool.request(
                method, self._url + ending, body=body, headers=headers, timeout=self._timeout
            )
        except (errors.NewConnectionError, errors.ConnectTimeoutError, errors.ProtocolError) as e:
            raise Unavailable(str(e)) from e
        except errors.TimeoutError as error:
            raise TimeoutError(
                expected(f"an answer of {self._url} in time", timeout=self._timeout)
            ) from error
        except errors.HTTPError as error:
            raise ConnectionError(
                expected(f"a connection to {self._url}", error=str(error))
            ) from error
        return self._read(answer)

    def _read(self, answer):
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if answer.status == 200 and isinstance(found, dict):
            return found
        message = found.get("error") if isinstance(found, dict) else None
        message = message or answer.data[:200].decode("utf-8", "replace")
        if answer.status in _AWAY:
            raise Unavailable(message)
        raise RequestError(self._url, _CODES.get(answer.status, "INTERNAL"), message)


def _text(value):
    """Returns an array as JSON.

    It avoids nested lists: in a process with TensorFlow loaded, many new lists trigger full garbage
    collections, which take ten times as long.
    """
    if value.dtype == object:
        return json.dumps(_encoded(value))
    if value.dtype.kind == "f" and np.all(value == np.trunc(value)) and np.all(abs(value) < 2**24):
        # Mostly pixels: 12 is shorter than 12.0 and also valid for a float.
        value = value.astype(np.int32)
    if not value.size or not value.ndim:
        return json.dumps(value.tolist())
    parts = json.dumps(value.ravel().tolist())[1:-1].split(", ")
    for size in reversed(value.shape):
        parts = [f"[{','.join(parts[i : i + size])}]" for i in range(0, len(parts), size)]
    return parts[0]


def _encoded(value):
    shaped = np.empty(value.size, object)
    shaped[:] = [
        {"b64": base64.b64encode(item).decode()} if isinstance(item, bytes) else item
        for item in value.ravel()
    ]
    return shaped.reshape(value.shape).tolist()


def _array(value, dtype):
    if dtype is None:  # An output of a newer version.
        return np.array(value)
    return np.array(value, np.str_ if dtype == "string" else dtype)
