"""The config.toml of a run: all that a training depends on, to read, to edit and to repeat."""

import dataclasses
import os
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tfmetric._errors import expected
from tfmetric._files import replacing

# The arguments of tfmetric.datasets.load that say how a source is read and split.
READING = ("kind", "split", "split_seed", "label", "group", "text", "path")
# TOML has no null.
NONE = "none"
_HEAD = (
    '# A run of tfmetric. "none" is no value. To repeat it, with changes or without:\n'
    "#   tfmetric train --config {path}\n\n"
)
_TEXT, _FLAG, _SHARE = "text", "true or false", "between 0 and 1"
_COUNT, _SEED = "a whole number from 1 to 2147483647", "a whole number from 0 to 4294967295"
# What each key is to be, and whether it may be "none"; those of [training] check themselves.
_KEYS = {
    "command": (_TEXT, True),
    "seed": (_SEED, False),
    "mixed_precision": (_TEXT, True),
    "report": (_FLAG, False),
    "export": (_TEXT, True),
    "one_shot": (_TEXT, True),
    "name": (_TEXT, True),
    "data": {
        "dataset": (_TEXT, True),
        "data_dir": (_TEXT, True),
        "download": (_FLAG, False),
        "image_size": (_COUNT, True),
        "test_fraction": (_SHARE, True),
        "kind": (_TEXT, True),
        "split": (_TEXT, False),
        "split_seed": (_SEED, False),
        "label": (_TEXT, True),
        "group": (_TEXT, True),
        "text": (_TEXT, True),
        "path": (_TEXT, True),
        "fingerprint": (_TEXT, True),
    },
    "stopping": {"patience": (_COUNT, True), "validation_fraction": (_SHARE, False)},
    "training": None,
    "versions": None,
}
_KINDS = {
    _TEXT: lambda v: isinstance(v, str) and "\0" not in v,
    _FLAG: lambda v: isinstance(v, bool),
    _COUNT: lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 < v < 2**31,
    _SEED: lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**32,
    _SHARE: lambda v: isinstance(v, float) and 0 < v < 1,
}
PRECISIONS = ("bfloat16", "float16")


@dataclass(frozen=True)
class RunConfig:
    """All that a run depends on; ``config.toml`` holds it.

    Attributes:
        settings: The :class:`tfmetric.training.Settings`.
        dataset: A source for :func:`tfmetric.datasets.load`; None for data that was given as
            Python objects, which a file cannot name.
        data_dir: Where TensorFlow Datasets keeps prepared data, or None.
        download: Whether it may download.
        image_size: Side to resize images to, or None.
        test_fraction: Share that is for the test, of classes, of the examples of each, or of
            groups; None for that of the split.
        kind: Kind of the examples, or None for that of the files or arrays.
        split: The rule that divides the data, see :func:`tfmetric.datasets.load`.
        split_seed: Which split.
        label: Column, array or feature of the labels, or None for the usual name.
        group: That of the groups.
        text: Column of texts.
        path: Column of paths of files.
        fingerprint: Of the data, once it has been read.
        patience: Epochs without a better figure after which it stops; None to go to the end.
        validation_fraction: Share of the training classes that this is judged on.
        seed: Of the batches and the weights.
        mixed_precision: "bfloat16" or "float16" for the layers, or None.
        report: Whether report.html is written.
        export: Directory that gets a next version of a SavedModel, or None for no export.
        one_shot: Zip file of one-shot runs that the model is judged on too, or None.
        name: What the data is called where it has no source, or None.
        command: The command that made it, or None.
        versions: Of the packages.
    """

    settings: object
    dataset: str | None
    data_dir: str | None = None
    download: bool = False
    image_size: int | None = None
    test_fraction: float | None = None
    kind: str | None = None
    split: str = "auto"
    split_seed: int = 0
    label: str | None = None
    group: str | None = None
    text: str | None = None
    path: str | None = None
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

    @property
    def shown_name(self) -> str:
        """The data set as people know it: its source, or the name that it was given."""
        return str(self.dataset or self.name or "data")

    @property
    def file_name(self) -> str:
        """The data set as a part of a path."""
        return name_of(self.shown_name)

    def replace(self, **values) -> "RunConfig":
        """The config with some values replaced."""
        return dataclasses.replace(self, **values)

    def write(self, path) -> None:
        """Writes the file, whole or not at all."""
        import tomli_w

        values = {
            name: {key: getattr(self, key) for key in kind} if isinstance(kind, dict) else None
            for name, kind in _KEYS.items()
        }
        for name, kind in _KEYS.items():
            if not isinstance(kind, dict) and name != "training":
                values[name] = getattr(self, name)
        values["training"] = self.settings.to_dict()
        with replacing(path) as draft:
            text = _HEAD.format(path=shlex.quote(str(path))) + tomli_w.dumps(_encoded(values))
            draft.write_text(text, encoding="utf-8")


def read_toml(path) -> dict:
    """The values of a config file, written by a run or by hand; None where it says "none".

    Raises:
        ValueError: If it is not TOML, or a key is unknown or its value of another kind.
    """
    try:
        values = _decoded(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            expected("a file of TOML that is not nested deeply", path=str(path), error=str(error))
        ) from error
    _check(values, _KEYS, "", path)
    if values.get("mixed_precision") not in (None, *PRECISIONS):
        raise ValueError(
            expected(
                f"mixed_precision as {' or '.join(PRECISIONS)} or {NONE}",
                mixed_precision=values["mixed_precision"],
            )
        )
    return values


def resolved(values: dict, given: dict, training: dict, loss_arguments: dict) -> RunConfig:
    """The config of a run: what is given, else what a file says, else what suits the data set.

    Args:
        values: Of :func:`read_toml`; empty if there is no file.
        given: Options by the names of :class:`RunConfig`.
        training: Options by the names of :class:`tfmetric.training.Settings`.
        loss_arguments: Arguments of the loss.
    """
    from tfmetric.runs.recipes import recipe_for

    flat = {**values, **values.get("data", {}), **values.get("stopping", {})}
    names = {f.name for f in dataclasses.fields(RunConfig)} - {"settings"}
    flat = {**{key: value for key, value in flat.items() if key in names}, **given}
    if values and "split_seed" not in flat:
        flat["split_seed"] = values.get("seed", 0)  # Runs of old: one seed for the split too.
    if given.keys() & {"dataset", "image_size", "test_fraction", *READING}:
        flat["fingerprint"] = None  # The file knows that of other data.
    flat.setdefault("dataset", "glyphs")
    for name in ("dataset", "data_dir", "one_shot"):
        flat[name] = flat.get(name) and located(flat[name])
    recipe = recipe_for(flat["dataset"] or "")
    flat.setdefault("image_size", recipe.image_size)
    settings = recipe.settings
    for changed, arguments in (_settings_of(values), (training, loss_arguments)):
        settings = settings.replace(**changed, loss_arguments=arguments)
    if settings.weights:
        settings = settings.replace(weights=located(settings.weights))
    return RunConfig(settings=settings, **flat)


def name_of(dataset) -> str:
    """A directory name made of a source: the last part of a path, the name of a TFDS set.

    >>> name_of("tfds:omniglot:3.0.0"), name_of("/data/faces.npz")
    ('omniglot', 'faces')
    """
    text = str(dataset)
    if text.startswith("tfds:"):
        text = text.split(":")[1]
    path = Path(text).resolve()
    stem = path.stem if path.suffix in (".csv", ".npz") else path.name
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip(".") or "data"


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


def _check(values, known, where, path):
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            expected(f"keys among {', '.join(known)}{where}", path=str(path), unknown=unknown)
        )
    for name, value in values.items():
        kind = known[name]
        if not isinstance(kind, tuple):
            if not isinstance(value, dict):
                raise ValueError(expected(f"a table [{name}]", path=str(path), **{name: value}))
            if kind:
                _check(value, kind, f" in [{name}]", path)
        elif not (_KINDS[kind[0]](value) or (value is None and kind[1])):
            optional = f' or "{NONE}"' if kind[1] else ""
            raise ValueError(
                expected(
                    f"{name} to be {kind[0]}{optional}{where}", path=str(path), **{name: value}
                )
            )


def _encoded(value):
    if isinstance(value, dict):
        return {key: _encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(item) for item in value]
    return NONE if value is None else value


def _decoded(value):
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return None if value == NONE else value
