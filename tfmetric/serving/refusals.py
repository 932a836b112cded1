"""Refusals of requests: gRPC codes and their HTTP status.

Reference: tensorflow_serving/model_servers/http_server.cc, the mapping of TensorFlow Serving.
"""

import re

# Python's prefix before the message of an operation.
_PREFIX = re.compile(
    r"\AGraph execution error:\s+(?:Detected at node .*\n(?:<stack traces unavailable>\n)?)*"
)
CODES = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
    16: "UNAUTHENTICATED",
}
HTTP = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        code: Of gRPC, such as "NOT_FOUND".
        message: What the client is told.
        http: The status of HTTP.
    """

    def __init__(self, code: str, message: str, http: int | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http or HTTP.get(code, 500)


def invalid(*parts) -> Refused:
    """Makes the refusal of an invalid request, joining the parts of the message."""
    return Refused("INVALID_ARGUMENT", "".join(map(str, parts)))


def said(error: Exception) -> str:
    """Message of an error; for a graph error the operation's message, as the real server does."""
    return _PREFIX.sub("", getattr(error, "message", None) or str(error))
