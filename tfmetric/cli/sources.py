"""Where labelled data comes from: what a command line may name, and what there is."""

import functools
import json
import os
from pathlib import Path

import click

from tfmetric.elements import KINDS

# In words; what they are is in tfmetric.datasets, which starts Keras.
BUILTIN = {
    "digits": "1,797 scans of handwritten digits, 10 classes, 8×8, from scikit-learn",
    "glyphs": "characters drawn from matplotlib's fonts, 2,133 classes, 32×32",
    "names": "territories, languages and currencies in many languages, 1,279 classes, from Babel",
}
FORMS = {
    "FOLDER": "a folder of files for each class, or train/ and test/ that hold such folders",
    "FILE.csv": "label and path, text or numbers[, split, group]; also .tsv and .jsonl",
    "FILE.npz": "arrays x, y[, group], or x_train, y_train, x_test, y_test",
    "NAME_TRAIN.ts": "time series of the UCR and UEA archives, with NAME_TEST.ts beside",
    "tfds:NAME": "images or texts of TensorFlow Datasets, prepared (or with --download)",
}
# tfmetric.datasets.dividing.RULES, which starts Keras.
RULES = ("auto", "classes", "examples", "groups", "as given")
# The arguments of datasets.load that `reading_options` adds to a command.
READING = ("kind", "split", "split_seed", "label", "group", "text", "path")


def reading_click_options() -> list[click.Option]:
    """The options that say how a source is read and split, without defaults of their own."""
    return [
        click.Option(
            ["--kind"],
            type=click.Choice(KINDS),
            help="Kind of the examples, where their files or arrays do not tell.",
        ),
        click.Option(
            ["--split"],
            type=click.Choice(RULES),
            help="Divide by classes, by examples (every class in both parts), by groups, or keep "
            "the parts as given.  [default: auto]",
        ),
        click.Option(
            ["--split-seed"],
            type=click.IntRange(min=0, max=2**32 - 1),
            help="Which split.  [default: 0]",
        ),
        click.Option(["--label"], help="Column, array or feature of the labels."),
        click.Option(["--group"], help="Column, array or feature of the groups."),
        click.Option(["--text"], help="Column of texts."),
        click.Option(["--path"], help="Column of paths of files."),
    ]


def add_reading_options(command):
    """Adds `reading_click_options` to a command; its function gets each by its name, or None."""
    own = getattr(command, "__click_params__", [])
    command.__click_params__ = [*own, *reversed(reading_click_options())]
    return command


def reading_options(command):
    """Adds `reading_click_options`; the function gets those given in a dictionary `reading`."""

    @functools.wraps(command)
    def taking(*args, **kwargs):
        given = {name: kwargs.pop(name) for name in READING}
        reading = {name: value for name, value in given.items() if value is not None}
        return command(*args, reading=reading, **kwargs)

    return add_reading_options(taking)


class Source(click.ParamType):
    """A source of :func:`tfmetric.datasets.load`, checked where it is loaded."""

    name = "source"

    def shell_complete(self, ctx, param, incomplete):
        """Files, and the names of the built-in sets."""
        from click.shell_completion import CompletionItem

        names = [name for name in BUILTIN if name.startswith(incomplete)]
        # The item for files first: bash forgets what comes before it.
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


def prepared_sets(data_dir=None) -> list[dict]:
    """The image sets of TensorFlow Datasets that are prepared, read from their own files.

    Args:
        data_dir: Directory; None for where TensorFlow Datasets keeps them.

    Returns:
        For each ``source``, as :func:`tfmetric.datasets.load` takes it, ``examples``, ``classes``
        and ``splits``.
    """
    root = Path(data_dir) if data_dir else default_data_dir()
    found = []
    # NAME/VERSION or NAME/CONFIG/VERSION.
    for depth in ("*/*", "*/*/*"):
        for info in sorted(root.glob(f"{depth}/dataset_info.json")):
            entry = _image_set(info.parent, root)
            if entry:
                found.append(entry)
    return found


def default_data_dir() -> Path:
    """Where TensorFlow Datasets keeps prepared data."""
    named = os.environ.get("TFDS_DATA_DIR")
    return Path(named or Path.home() / "tensorflow_datasets").expanduser()


def _image_set(directory, root):
    """What is said of one set; None if ``datasets.load`` does not take it."""
    try:
        info = json.loads((directory / "dataset_info.json").read_text(encoding="utf-8"))
        features = json.loads((directory / "features.json").read_text(encoding="utf-8"))
        features = features["featuresDict"]["features"]
        label = _only(features, "ClassLabel", "label")
        if not _only(features, "Image", "image") or not label:
            return None
        if info.get("fileFormat", "tfrecord") != "tfrecord":
            return None
        classes = int(features[label]["classLabel"]["numClasses"])
        splits = {s["name"]: sum(map(int, s["shardLengths"])) for s in info["splits"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # Half prepared, or of another program.
    *name, version = directory.relative_to(root).parts
    merged = [splits[part] for part in ("train", "validation", "test") if part in splits]
    return {
        "source": f"tfds:{'/'.join(name)}:{version}",
        "examples": sum(merged or splits.values()),
        "classes": classes,
        "splits": splits,
    }


def _only(features, kind, preferred):
    """The feature of a kind: that of the usual name, or the only one."""
    names = [
        name
        for name, feature in features.items()
        if feature["pythonClassName"].rpartition(".")[2] == kind
    ]
    return preferred if preferred in names else names[0] if len(names) == 1 else None
