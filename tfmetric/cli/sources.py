"""Sources of labelled data on the command line."""

import difflib
import json
import os
from pathlib import Path

import click

# Descriptions only, because tfmetric.datasets would import Keras.
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


class Source(click.ParamType):
    """A source of :func:`tfmetric.datasets.load`; loading checks its contents."""

    name = "source"

    def convert(self, value, param, ctx):
        """Returns the source, if it exists."""
        text = os.fspath(value)
        if text in BUILTIN or text.startswith("tfds:"):
            return text
        if "\0" not in text and os.path.exists(text):
            return text
        near = difflib.get_close_matches(text, BUILTIN, n=1)
        advice = f" Did you mean {near[0]}?" if near else ""
        self.fail(
            f"Expected {', '.join(BUILTIN)}, tfds:NAME, or an existing folder or file; "
            f"`tfmetric datasets list` shows what there is. Received: {text}.{advice}",
            param,
            ctx,
        )

    def shell_complete(self, ctx, param, incomplete):
        """Completes files and the names of the built-in sets."""
        from click.shell_completion import CompletionItem

        names = [name for name in BUILTIN if name.startswith(incomplete)]
        # The item for files comes first, because bash drops items before it.
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


def with_source(command):
    """Adds SOURCE and --dataset, which mean the same, to a command."""
    sources = "glyphs, digits, names, tfds:NAME, a folder with a folder per class, a .csv, a "
    option = click.Option(
        ["--dataset"],
        type=Source(),
        help=f"{sources}.jsonl or an .npz; see `tfmetric datasets list`.  [default: glyphs]",
    )
    command.params = [
        click.Argument(["source"], required=False, type=Source()),
        option,
        *command.params,
    ]
    return command


def source_of(options: dict) -> str | None:
    """Removes SOURCE and --dataset from the options; returns the given one, or None.

    Raises:
        click.UsageError: If both were given.
    """
    source, dataset = options.pop("source"), options.pop("dataset")
    if source is not None and dataset is not None:
        raise click.UsageError(
            f"Expected SOURCE or --dataset, not both. Received: {source}, --dataset {dataset}"
        )
    return source if dataset is None else dataset


def prepared_sets(data_dir=None) -> list[dict]:
    """Lists the prepared sets of TensorFlow Datasets that `load` reads, from their files.

    Args:
        data_dir: Directory; None for TensorFlow Datasets' own.

    Returns:
        For each ``source``, as :func:`tfmetric.datasets.load` takes it, ``examples``, ``classes``
        and ``splits``.
    """
    root = Path(data_dir) if data_dir else default_data_dir()
    found = []
    # NAME/VERSION or NAME/CONFIG/VERSION.
    for depth in ("*/*", "*/*/*"):
        for info in sorted(root.glob(f"{depth}/dataset_info.json")):
            entry = _prepared_set(info.parent, root)
            if entry:
                found.append(entry)
    return found


def default_data_dir() -> Path:
    """Returns the folder of TensorFlow Datasets."""
    named = os.environ.get("TFDS_DATA_DIR")
    return Path(named or Path.home() / "tensorflow_datasets").expanduser()


def _prepared_set(directory, root):
    """Describes one set; None if ``datasets.load`` cannot read it."""
    try:
        info = json.loads((directory / "dataset_info.json").read_text(encoding="utf-8"))
        features = json.loads((directory / "features.json").read_text(encoding="utf-8"))
        features = features["featuresDict"]["features"]
        label = _only(features, "ClassLabel", "label")
        example = _only(features, "Image", "image") or _only(features, "Text", "text")
        if not example or not label:
            return None
        if info.get("fileFormat", "tfrecord") != "tfrecord":
            return None
        classes = int(features[label]["classLabel"]["numClasses"])
        splits = {s["name"]: sum(map(int, s["shardLengths"])) for s in info["splits"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # Partly prepared, or from another program.
    *name, version = directory.relative_to(root).parts
    merged = [splits[part] for part in ("train", "validation", "test") if part in splits]
    return {
        "source": f"tfds:{'/'.join(name)}:{version}",
        "examples": sum(merged or splits.values()),
        "classes": classes,
        "splits": splits,
    }


def _only(features, kind, preferred):
    """Returns the feature of a kind: by the usual name, or the only one."""
    names = [
        name
        for name, feature in features.items()
        if feature["pythonClassName"].rpartition(".")[2] == kind
    ]
    return preferred if preferred in names else names[0] if len(names) == 1 else None
