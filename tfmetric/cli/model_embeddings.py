"""Embeds data by a command's model: a run, a .keras file or an exported model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tfmetric.cli.startup import quiet_start
from tfmetric.cli.trained_model import (
    check_fits,
    config_for,
    images_for,
    load_model,
    model_file,
    run_of,
)

PARTS = ("test", "train", "all")


@dataclass(frozen=True)
class Embedded:
    """Embeddings with their data.

    Attributes:
        embeddings: (N, D) float32.
        data: The ``LabeledData``, in the same order.
        distance: The distance that the model was trained or exported with; None if not known.
    """

    embeddings: Any
    data: Any
    distance: str | None


def is_model(path) -> bool:
    """Returns whether a path is a model and not a file of embeddings, without TensorFlow."""
    path = Path(path)
    return path.is_dir() or path.suffix == ".keras"


def embed_data(model, dataset, given, part, batch_size) -> list[Embedded]:
    """Embeds data by a model, each part separately.

    Args:
        model: A .keras file, the directory of a run, or that of an exported model.
        dataset: A source of data, or None for the run's data.
        given: Given options of the data, by name.
        part: "test", "train" or "all", which is both.
        batch_size: Examples embedded at a time.

    Raises:
        click.UsageError: If the data is not known, or there is no such model.
    """
    exported = _is_export(model)
    run = None if exported else run_of(model_file(model))
    source = dataset or (run.config.dataset if run else None)
    if source is None:
        raise click.UsageError(
            f"Expected --dataset: no run beside {model} names its training data."
        )
    distance = run.distance if run else None
    if exported:
        with quiet_start():
            import tfmetric as tm

            served = tm.export.load(model)
        distance, images = served.metadata.get("distance"), {}
    else:
        loaded = load_model(model_file(model))
        images = images_for(loaded, run)
        with quiet_start():
            import tfmetric as tm
    from tfmetric.runs.loading import load_data

    parts = load_data(config_for(run, source, given), **images)
    chosen = {"test": parts[1:], "train": parts[:1], "all": parts}[part]
    found = []
    for data in chosen:
        if exported:
            rows = _served(served, data, batch_size)
        else:
            check_fits(loaded, data)
            rows = tm.evaluation.embed(loaded, data, batch_size)
        found.append(Embedded(rows, data, distance))
    return found


def _is_export(model):
    """Returns whether the directory holds versions of a SavedModel."""
    path = Path(model)
    return (
        path.is_dir()
        and not (path / "model.keras").is_file()
        and any((version / "saved_model.pb").is_file() for version in path.iterdir())
    )


def _served(served, data, batch_size):
    import numpy as np

    from tfmetric.datasets.progress import progress

    rows = []
    with progress(len(data), "Embedding") as done:
        for start in range(0, len(data), batch_size):
            part = np.arange(start, min(start + batch_size, len(data)))
            rows.append(served.embed(data.read(part)))
            done(len(part))
    return np.concatenate(rows)


def ids_and_labels(parts):
    """Returns (N,) ids and (N,) class names of all parts, as text."""
    import numpy as np

    ids = np.concatenate([np.asarray(part.data.ids, np.str_) for part in parts])
    names = [np.array(part.data.class_names, np.str_)[part.data.labels] for part in parts]
    return ids, np.concatenate(names)
