"""TensorFlow Serving's REST over a registry, as an ASGI application.

Reference: tensorflow_serving/g3doc/api_rest.md and model_servers/http_rest_api_handler.cc.
"""

import asyncio
import json
import logging
import re
from concurrent.futures import Executor

from tfmetric.serving import json_tensors, messages
from tfmetric.serving.loaded import DEFAULT
from tfmetric.serving.refusals import Refused, invalid
from tfmetric.serving.registry import Registry

LOG = logging.getLogger("tfmetric.serving")
_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_ASK = re.compile(_MODEL + ":(?P<verb>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_LOOK = re.compile(_MODEL + "(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)
# A client that still sends may not read an early answer, so excess data is read and dropped, up to
# a limit.
_DRAINED = 4


class Rest:
    """The ASGI application.

    Args:
        registry: What is served.
        pool: Where requests are answered.
        max_bytes: The largest body of a request.
    """

    def __init__(self, registry: Registry, pool: Executor, max_bytes: int):
        self._registry = registry
        self._pool = pool
        self._max_bytes = max_bytes

    async def __call__(self, scope, receive, send):
        """Answers one request."""
        if scope["type"] != "http":
            return
        try:
            body = await self._body(receive)
            loop = asyncio.get_running_loop()
            status, answer = await loop.run_in_executor(
                self._pool, self._answer, scope["method"], scope["path"], body
            )
        except Refused as refused:
            status, answer = _refusal(refused)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        sent = b"" if scope["method"] == "HEAD" else answer
        await send({"type": "http.response.body", "body": sent})

    async def _body(self, receive):
        parts, size = [], 0
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise Refused("CANCELLED", "The client went away")
            part = event.get("body", b"")
            size += len(part)
            if size <= self._max_bytes:
                parts.append(part)
            else:
                parts.clear()
            if not event.get("more_body") or size > _DRAINED * self._max_bytes:
                break
        if size > self._max_bytes:
            raise Refused(
                "RESOURCE_EXHAUSTED",
                f"Received message larger than max ({size} vs. {self._max_bytes})",
                http=413,
            )
        return b"".join(parts)

    def _answer(self, method, path, body):
        try:
            return 200, self._found(method, path, body)
        except Refused as refused:
            return _refusal(refused)
        except MemoryError:
            return _refusal(Refused("RESOURCE_EXHAUSTED", "Out of memory"))
        except Exception:
            LOG.exception("%s %s failed", method, path)
            return _refusal(Refused("INTERNAL", "Internal error; the log of the server says more"))

    def _found(self, method, path, body):
        pattern = {"POST": _ASK, "GET": _LOOK}.get(method)
        match = pattern and pattern.fullmatch(path)
        if not path.lower().startswith("/v1/"):
            raise Refused("NOT_FOUND", f"Not found: {path}")
        if not match:
            raise invalid(f"Malformed request: {method} {path}")
        name, version = match["name"], _version(match["version"])
        if match["label"]:
            raise invalid(f"Unrecognized servable version label: {match['label']}")
        if method == "POST":
            return self._predict(name, version, match["verb"].lower(), body)
        if match["metadata"]:
            found = messages.metadata_json(messages.metadata(self._registry, name, version))
        else:
            found = messages.status_json(messages.status(self._registry, name, version))
        return (json.dumps(found, indent=1) + "\n").encode()

    def _predict(self, name, version, verb, body):
        document = json_tensors.parse(body)
        asked = document.get("signature_name", "")
        with self._registry.use(name, version) as loaded:
            signature = loaded.signature(asked)
            if signature is None:
                raise invalid(
                    f'Serving signature name: "{asked or DEFAULT}" not found in signature def'
                )
            if verb != "predict":
                kind = {"classify": "classification", "regress": "regression"}[verb]
                raise invalid(
                    f"Expected {kind} signature method_name to be tensorflow/serving/{verb}. ",
                    f"Was: {signature.method_name}",
                )
            types = _types(signature)
            rows = json_tensors.is_rows(document)
            if rows:
                inputs = json_tensors.from_rows(document["instances"], types)
            else:
                inputs = json_tensors.from_columns(document["inputs"], types)
            outputs = loaded.predict(asked, inputs)
        return json_tensors.answer(outputs, rows)


def _types(signature):
    import tensorflow as tf

    return {key: tf.dtypes.as_dtype(info.dtype).name for key, info in signature.inputs.items()}


def _version(text):
    if text is None:
        return None
    if len(text) > 18:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _refusal(refused):
    return refused.http, (json.dumps({"error": refused.message}) + "\n").encode()
