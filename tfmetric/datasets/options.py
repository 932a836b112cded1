"""The options of `load` that readers receive, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

from tfmetric._errors import expected
from tfmetric.datasets.arguments import image_size_of, require_choice
from tfmetric.datasets.modalities import MODALITIES, Modality
from tfmetric.elements import require_kind

COLORS = ("auto", "grey", "rgb")
VERIFY = ("auto", "full", "quick")
# A decoded set up to this size is kept in memory; a larger set is read batch by batch.
CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class ReadOptions:
    """The options for a reader, as described by :func:`tfmetric.datasets.load`.

    Attributes:
        kind: The kind of the examples, or `None` for the reader's rule.
        label: The column, array or feature that holds the labels, or `None` for the usual name.
        group: The column, array or feature that holds the groups.
        text: The column that holds texts.
        path: The column that holds paths of files.
        columns: The columns, arrays or features that hold the examples.
        delimiter: Separator of the cells of a table; `None` for the default of the file's suffix.
        data_dir: Folder of tensorflow-datasets.
        download: Whether missing data may be downloaded.
        verify: "full", "quick" or "auto".
        cache_bytes: Example sets up to this size are kept in memory.
        image_size: (height, width) in pixels.
        default_image_size: The size of images where `image_size` is `None`; unlike it, ignored for
            other kinds.
        color: "grey", "rgb" or "auto".
        value_range: The (lowest, highest) value that a pixel can have.
        sampling_rate: The rate of recordings, in hertz.
        seconds: Length kept from the start of a recording.
        fields: The kind of a field of a record, or its kind and options, by the field's name.
        categories: For vectors, the number of categories that their whole numbers stand for.
    """

    kind: str | None = None
    label: str | None = None
    group: str | None = None
    text: str | None = None
    path: str | None = None
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    data_dir: str | os.PathLike | None = None
    download: bool = False
    verify: str = "auto"
    cache_bytes: int = CACHE_BYTES
    image_size: tuple[int, int] | None = None
    default_image_size: tuple[int, int] | None = None
    color: str = "auto"
    value_range: tuple[float, float] | None = None
    sampling_rate: int | None = None
    seconds: float | None = None
    fields: Mapping[str, str | Mapping[str, Any]] | None = None
    categories: int | None = None

    def __post_init__(self):
        if self.kind is not None:
            require_kind(self.kind)
            modality(self.kind)
        for given in (self.fields or {}).values():
            require_kind(given if isinstance(given, str) else dict(given).get("kind"))
        require_choice("color", self.color, COLORS)
        require_choice("verify", self.verify, VERIFY)
        for name in ("image_size", "default_image_size"):
            object.__setattr__(self, name, image_size_of(getattr(self, name)))
        if isinstance(self.columns, str):
            object.__setattr__(self, "columns", (self.columns,))
        low_high = self.value_range
        if low_high is not None and not (len(low_high) == 2 and low_high[0] < low_high[1]):
            raise ValueError(expected("value_range as (lowest, highest)", value_range=low_high))
        rate = self.sampling_rate
        if rate is not None and (isinstance(rate, bool) or rate < 1 or rate != int(rate)):
            raise ValueError(
                expected("sampling_rate as a whole number of hertz from 1", sampling_rate=rate)
            )
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise ValueError(expected("seconds above 0", seconds=self.seconds))

    def with_kind(self, kind: str) -> ReadOptions:
        """Returns these options with a kind."""
        return replace(self, kind=kind)

    def of_kind(self, kind: str) -> dict[str, Any]:
        """The options for examples of this kind, those that differ from their defaults.

        Raises:
            ValueError: For an option of another kind: no option is dropped.
        """
        chosen = modality(kind)
        every = {name for one in MODALITIES.values() for name in one.options}
        given = {
            option.name: getattr(self, option.name)
            for option in fields_of(self)
            if option.name in every and getattr(self, option.name) != option.default
        }
        for name in given:
            if name not in chosen.options:
                kinds = ", ".join(k for k, one in MODALITIES.items() if name in one.options)
                raise ValueError(
                    expected(
                        f"{name}= with examples of these kinds only: {kinds}",
                        kind=kind,
                        **{name: given[name]},
                    )
                )
        # The images of a record keep a size of their own.
        if self.default_image_size and "image_size" in chosen.options and kind != "record":
            given.setdefault("image_size", self.default_image_size)
        return given


def modality(kind: str) -> Modality:
    """The table entry of a kind.

    Raises:
        ValueError: If nothing reads it yet.
    """
    if kind not in MODALITIES:
        raise ValueError(expected(f"kind as one of {', '.join(MODALITIES)}", kind=kind))
    return MODALITIES[kind]
