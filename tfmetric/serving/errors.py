"""The errors that a client raises."""

from tfmetric._errors import expected

_ADVICE = {
    "INVALID_ARGUMENT": "a request that fits the model; client.metadata() describes its inputs",
    "FAILED_PRECONDITION": "a request that fits the model; client.metadata() describes its inputs",
    "NOT_FOUND": "a model and a version that the server has",
    "RESOURCE_EXHAUSTED": "a request within the limits of the server: try a smaller batch_size",
}


class RequestError(RuntimeError):
    """A server refused a request.

    Attributes:
        code: The gRPC code, such as "INVALID_ARGUMENT" or "NOT_FOUND", also for REST.
        message: The server's reason.

    The text of the error names ``url``, the address that refused.
    """

    def __init__(self, url: str, code: str, message: str):
        advice = _ADVICE.get(code, "an answer")
        super().__init__(expected(f"{advice} ({url})", code=code, error=message))
        self.code = code
        self.message = message


class Unavailable(Exception):
    """The server does not answer now; a retry may succeed."""
