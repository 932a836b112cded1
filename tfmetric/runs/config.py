"""The config.toml of a run, with everything that a training depends on."""

import dataclasses
import os
import shlex
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.runs.config_values import AUTO, DATA_KEYS, KEYS, encoded
from tfmetric.typing import PathLike

_HEAD = (
    '# A run of tfmetric. "none" is no value; what is left out of [training] is the recipe of the\n'
    "# kind of the data. To repeat it, with changes or without:\n"
    "#   tfmetric train --config {path}\n\n"
)


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on, as in ``config.toml``.

    Attributes:
        settings: The :class:`tfmetric.training.Settings`; see ``choices``.
        dataset: A source for :func:`tfmetric.datasets.load`; None for Python objects, which a file
            cannot name.
        data_dir: Folder of TensorFlow Datasets, or None.
        download: Whether it may download data.
        kind: The kind of the examples, or None for the rule of the source. This and the options up
            to ``seconds`` are as in :func:`tfmetric.datasets.load`.
        split: Rule of the split.
        split_seed: Seed of the split.
        test_fraction: Share for the test, or None for the split's default.
        label: The column or array of the labels, or None.
        group: The column or array of the groups, or None.
        text: The column of texts, or None.
        path: The column of paths of files, or None.
        columns: The columns or arrays of the example, or None.
        delimiter: Separator of the cells of a table, or None.
        image_size: Side to resize images to; None for their own size, "auto" for the data set's
            default.
        color: Channels of images.
        value_range: The (lowest, highest) value that a pixel can have, or None.
        sampling_rate: Sampling rate of recordings in hertz, or None.
        seconds: Length kept of a recording, or None.
        fingerprint: Fingerprint of the data, once it has been read.
        patience: Epochs without a better figure before the training stops; None for no early
            stopping.
        validation_fraction: Share of the training classes held out for it.
        seed: Seed of the batches and the weights.
        mixed_precision: "bfloat16" or "float16" for the layers, or None.
        report: Whether report.html is written.
        export: Directory for the next version of a SavedModel, or None for no export.
        one_shot: Zip file of one-shot runs to evaluate the model on too, or None.
        name: Name of data without a source, or None.
        command: The command that made the run, or None.
        versions: Versions of the packages.
        choices: The settings chosen by the user, until the kind of the data decides the recipe
            (:meth:`for_data`); None if ``settings`` are final.
    """

    settings: Any
    dataset: str | None
    data_dir: str | None = None
    download: bool = False
    kind: str | None = None
    split: str = "auto"
    split_seed: int = 0
    test_fraction: float | None = None
    label: str | None = None
    group: str | None = None
    text: str | None = None
    path: str | None = None
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    image_size: int | str | None = AUTO
    color: str = "auto"
    value_range: tuple[float, float] | None = None
    sampling_rate: int | None = None
    seconds: float | None = None
    fingerprint: str | None = None
    patience: int | None = None
    validation_fraction: float = 0.2
    seed: int = 0
    mixed_precision: str | None = None
    report: bool = True
    export: str | None = None
    one_shot: str | None = None
    name: str | None = None
    command: str | None = None
    versions: dict = field(default_factory=dict)
    choices: Any = field(default=None, compare=False, repr=False)

    def for_data(self, data: Any) -> "RunConfig":
        """The config with the settings for the kind of this data, what was chosen over its recipe.

        Args:
            data: The training part, a ``LabeledData``.
        """
        if self.choices is None:
            return self
        from tfmetric.runs.recipes import settings_for

        recipe = settings_for(self.dataset or "", data.element.kind)
        settings = _with_path(self.choices.over(recipe))
        return self.replace(settings=settings, choices=None)

    @property
    def shown_name(self) -> str:
        """The data set as people know it: its source, or the name that it was given."""
        return str(self.dataset or self.name or "data")

    @property
    def file_name(self) -> str:
        """The data set as a part of a path."""
        return name_of(self.shown_name)

    def load_options(self) -> dict:
        """What :func:`tfmetric.datasets.load` is told: what differs from its defaults."""
        options = {name: getattr(self, name) for name in DATA_KEYS}
        for name in ("dataset", "fingerprint"):
            options.pop(name)
        return {name: value for name, value in options.items() if value is not None}

    def replace(self, **values: Any) -> "RunConfig":
        """The config with some values replaced."""
        return dataclasses.replace(self, **values)

    def write(self, path: PathLike) -> None:
        """Writes the file, whole or not at all."""
        import tomli_w

        values = {
            name: {key: getattr(self, key) for key in kind} if isinstance(kind, dict) else None
            for name, kind in KEYS.items()
        }
        for name, kind in KEYS.items():
            if not isinstance(kind, dict) and name != "training":
                values[name] = getattr(self, name)
        values["training"] = self.settings.to_dict()
        with replacing(path) as draft:
            text = _HEAD.format(path=shlex.quote(str(path))) + tomli_w.dumps(encoded(values))
            draft.write_text(text, encoding="utf-8")


def resolved(values: dict, given: dict, training: dict, loss_arguments: dict) -> RunConfig:
    """The config of a run: what is given, else what a file says, else what suits the data.

    The kind of the data, which the recipe depends on, is known once the data is read: until
    :meth:`RunConfig.for_data` the settings are provisional.

    Args:
        values: Of :func:`read_toml`; empty if there is no file.
        given: Options by the names of :class:`RunConfig`.
        training: Options by the names of :class:`tfmetric.training.Settings`.
        loss_arguments: Arguments of the loss.
    """
    from tfmetric.runs.recipes import Choices

    flat = {**values, **values.get("data", {}), **values.get("stopping", {})}
    names = {f.name for f in dataclasses.fields(RunConfig)} - {"settings"}
    flat = {**{key: value for key, value in flat.items() if key in names}, **given}
    if given.keys() & set(DATA_KEYS):
        flat["fingerprint"] = None  # The file knows that of other data.
    if values.get("versions") and "split_seed" not in values.get("data", {}):
        flat.setdefault("split_seed", flat.get("seed", 0))  # Former versions had one seed.
    for name in ("columns", "value_range"):
        if flat.get(name) is not None:
            flat[name] = tuple(flat[name])
    flat.setdefault("dataset", "glyphs")
    for name in ("dataset", "data_dir", "one_shot"):
        flat[name] = flat.get(name) and located(flat[name])
    choices = Choices((_settings_of(values), (training, loss_arguments)))
    settings = choices.provisional(flat["dataset"] or "", flat.get("kind"))
    return RunConfig(settings=_with_path(settings), choices=choices, **flat)


def _with_path(settings):
    """The settings with the file of weights, if any, wherever the run is resumed from."""
    if not settings.weights:
        return settings
    return settings.replace(weights=located(settings.weights))


def name_of(dataset) -> str:
    """A directory name made of a source: the last part of a path, the name of a TFDS set.

    It is a name that an exported model can have. Letters that a URL does not hold become a number,
    so that two data sets never share a name for that reason.

    >>> name_of("tfds:omniglot:3.0.0"), name_of("/data/faces.npz"), name_of("/data/größe")
    ('omniglot', 'faces', 'gr--e-5bd3a989')
    """
    text = str(dataset)
    if text.startswith("tfds:"):
        text = text.split(":")[1]
    path = Path(text).resolve()
    stem = path.stem if path.suffix in (".csv", ".npz") else path.name
    kept = (c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in stem)
    name = "".join(kept).strip(".-") or "data"
    return name if stem.isascii() else f"{name}-{zlib.crc32(stem.encode('utf-8', 'replace')):08x}"


def located(name) -> str:
    """The name, as an absolute path if it is a path: a run may be resumed from anywhere."""
    from tfmetric.datasets import builtin_names

    text = str(name)
    if text in builtin_names() or text.startswith("tfds:") or not os.path.exists(text):
        return text
    return os.path.abspath(text)


def _settings_of(values):
    """Settings by name, and arguments of the loss."""
    from tfmetric.training import Settings

    settings = dict(values.get("training", {}))
    known = [f.name for f in dataclasses.fields(Settings) if f.name != "loss_arguments"]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ValueError(expected(f"keys in [training] among {', '.join(known)}", unknown=unknown))
    loss = settings.pop("loss", {})
    if not isinstance(loss, (str, dict)):
        raise ValueError(
            expected("loss in [training] as a name, or as a table of name and arguments", loss=loss)
        )
    loss = {"name": loss} if isinstance(loss, str) else dict(loss)
    if "name" in loss:
        settings["loss"] = loss.pop("name")
    return settings, loss
