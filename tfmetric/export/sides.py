"""The sides of a model: one for an embedder, a query and a candidate for two towers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfmetric.export.encoded_inputs import ENCODINGS, Encoding, of_kinds
from tfmetric.export.model_inputs import ModelInputs

QUERY, CANDIDATE = "query", "candidate"
TWO = (QUERY, CANDIDATE)
INPUTS = ("tensor", "text", *ENCODINGS)


@dataclass(frozen=True)
class Side:
    """One side of a version: the inputs of one tower, and their kinds.

    Attributes:
        name: "query" or "candidate"; "" for the only side of an embedder.
        takes: The inputs of the tower.
        inputs: The kinds of input, some of ``INPUTS``.
        preprocessing: The steps of decoding by the name of the encoding; empty without one.
        element: What one example is, as the metadata describe it, or None.
    """

    name: str
    takes: ModelInputs
    inputs: tuple[str, ...] = ("tensor",)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    element: Mapping[str, Any] | None = None

    @property
    def encoding(self) -> Encoding | None:
        """The encoded files that this side takes, or None."""
        return of_kinds(self.inputs)

    @property
    def takes_arrays(self) -> bool:
        """Whether this side takes arrays or texts, not only files."""
        return bool({"tensor", "text"} & set(self.inputs))

    def decode(self, files: Any) -> list:
        """Decodes a tensor of encoded files to the tensors of the tower."""
        encoding = self.encoding
        assert encoding is not None, "only called for a side with files"
        return encoding.decode(files, self.takes, self.preprocessing.get(encoding.name, {}))

    def settings(self) -> dict[str, Any]:
        """Returns the entries for the metadata of a version."""
        return {
            "inputs": list(self.inputs),
            **self.takes.settings(),
            "element": None if self.element is None else dict(self.element),
            "preprocessing": dict(self.preprocessing),
        }

    @classmethod
    def read(cls, name: str, settings: Mapping[str, Any]) -> "Side":
        """Reads :meth:`settings`; the first format of the metadata lacks some."""
        return cls(
            name,
            ModelInputs.read(settings),
            tuple(settings.get("inputs", ("tensor",))),
            settings.get("preprocessing", {}),
            settings.get("element"),
        )


def read_sides(metadata: Mapping[str, Any]) -> dict[str, Side]:
    """Returns the sides of a version by their names, from its metadata."""
    if "sides" in metadata:
        return {name: Side.read(name, metadata["sides"][name]) for name in TWO}
    return {"": Side.read("", metadata)}


def sides_settings(sides: Mapping[str, Side]) -> dict[str, Any]:
    """Returns the entries of all sides for the metadata of a version."""
    if "" in sides:
        return sides[""].settings()
    return {"sides": {name: side.settings() for name, side in sides.items()}}


def asking(sides: Mapping[str, Any]) -> Any:
    """Returns the side of the queries: the only one of an embedder."""
    return sides.get(QUERY, sides.get(""))


def answering(sides: Mapping[str, Any]) -> Any:
    """Returns the side of the gallery: the only one of an embedder."""
    return sides.get(CANDIDATE, sides.get(""))


def sides_of_signature(name: str, sides: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the sides whose inputs a signature takes, in their order.

    Args:
        name: Name of the signature, such as ``similar_except_bytes``.
        sides: The sides by their names.
    """
    if name.startswith("verify"):
        return asking(sides), answering(sides)
    if name.startswith(("similar", f"embed_{CANDIDATE}")):
        return (answering(sides),)
    return (asking(sides),)
