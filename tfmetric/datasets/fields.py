# The methods are described once, on the protocol that the class follows.
# ruff: noqa: D102
"""Examples of several named fields, each read from a source of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric.datasets.sources import Source
from tfmetric.elements import Element


class FieldsSource:
    """Records: a flat dictionary of arrays for a batch, see `tfmetric.elements`."""

    def __init__(
        self,
        fields: Mapping[str, tuple[Source, np.ndarray]],
        name: str = "array",
        ids: np.ndarray | None = None,
    ):
        """Makes a source of the sources of the fields.

        Args:
            fields: For each field its source, and `int64` `(N,)`, the position in this source for
                each record.
            name: Prefix of the ids of the examples, where there are no `ids`.
            ids: Origin of each example, text `(N,)`.
        """
        self._fields = dict(fields)
        elements = {field: source.element for field, (source, _) in self._fields.items()}
        self.element = Element("record", (), "", elements)
        self.batched = all(source.batched for source, _ in self._fields.values())
        self._name, self._ids = name, ids

    def __len__(self):
        return len(next(iter(self._fields.values()))[1])

    def handle_specs(self):
        return tuple(spec for source, _ in self._fields.values() for spec in source.handle_specs())

    def handles(self, positions):
        return tuple(
            handle
            for source, own in self._fields.values()
            for handle in source.handles(own[positions])
        )

    def loader(self):
        parts = [
            (field, source.loader(), len(source.handle_specs()), source.batched)
            for field, (source, _) in self._fields.items()
        ]

        def load(*handles):
            record = {}
            for field, loaded, count, batched in parts:
                own, handles = handles[:count], handles[count:]
                if batched and not self.batched:  # Another field is read one by one.
                    found = _first(loaded(*(handle[None] for handle in own)))
                else:
                    found = loaded(*own)
                record |= _named(field, found)
            return record

        return load

    def read(self, positions):
        record = {}
        for field, (source, own) in self._fields.items():
            record |= _named(field, source.read(own[positions]))
        return record

    def ids(self, positions):
        if self._ids is not None:
            return self._ids[positions]
        return np.array([f"{self._name}/{position}" for position in positions], dtype=np.str_)

    def fingerprints(self, positions):
        total = np.zeros(len(positions), np.uint64)
        for source, own in self._fields.values():
            # An odd factor keeps the order of the fields in the sum modulo 2^64.
            total = total * np.uint64(0x9E3779B97F4A7C15) + source.fingerprints(own[positions])
        return total

    def digest(self, position):
        digests = [source.digest(own[position]) for source, own in self._fields.values()]
        return hashlib.blake2b(b"".join(digests), digest_size=16).digest()


def _named(field: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {field: found}
    return {field: found["values"], f"{field}_length": found["length"]}


def _first(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: array[0] for key, array in found.items()}
    return found[0]
