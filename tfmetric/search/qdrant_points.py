"""The points of a Qdrant collection: their numbers, and the ids that they carry."""

import uuid
from collections.abc import Mapping

import numpy as np

# Points are numbered by UUIDs derived from the ids, so equal ids get equal UUIDs.
_SPACE = uuid.UUID("7f0b6c0e-6f0c-4d1c-9a55-3f5a3b1f6f10")


def dtype_of(kind: str) -> np.dtype | type:
    """Returns the NumPy type of ids of a kind."""
    return object if kind == "str" else np.dtype(kind)


def id_of(payload: Mapping[str, str]) -> int | str:
    """Returns the id that a point carries."""
    return payload["id"] if payload["kind"] == "str" else int(payload["id"])


def point_of(value: int | str) -> str:
    """Returns the number of the point of an id."""
    kind = "str" if isinstance(value, str) else "int"
    return str(uuid.uuid5(_SPACE, f"{kind}:{value}"))
