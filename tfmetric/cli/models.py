"""The model that a command is given: a .keras file, or the directory of a run."""

import dataclasses
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

from tfmetric._errors import expected
from tfmetric.cli.sources import BUILTIN
from tfmetric.cli.startup import quiet_start


def model_file(model) -> Path:
    """The .keras file that MODEL means; TensorFlow is not needed to know.

    Raises:
        click.UsageError: If there is none.
    """
    path = Path(model)
    path = path / "model.keras" if path.is_dir() else path
    if not path.is_file() or path.suffix != ".keras":
        raise click.UsageError(
            f"Expected a .keras file, or a directory with model.keras. Received: model={model}"
        )
    return path


def load_model(path):
    """The model in the file, uncompiled."""
    with quiet_start():
        import keras

        # What is not imported is not registered with Keras.
        import tfmetric.layers
        import tfmetric.losses
        import tfmetric.models  # noqa: F401

    return keras.saving.load_model(path, compile=False)


def data_options(model) -> dict:
    """What :func:`tfmetric.datasets.load` is told so that its images fit the model.

    ``image_size`` and ``color``, as far as the model takes one of each.
    """
    shape = _example_shape(model)
    if len(shape) != 3:
        return {}
    size = {"image_size": shape[:2]} if None not in shape[:2] else {}
    return size | {"color": {1: "grey", 3: "rgb"}.get(shape[2], "auto")}


def check_fits(model, data) -> None:
    """Says in our words what Keras would say after minutes: the data is not of the model's shape.

    Raises:
        ValueError: If so.
    """
    takes, given = _example_shape(model), data.element_shape
    if len(takes) == len(given) - 1 and given[-1] == 1:
        given = given[:-1]  # Keras does so too.
    if len(takes) != len(given) or any(
        a not in (None, b) for a, b in zip(takes, given, strict=True)
    ):
        raise ValueError(
            expected(
                "data of the shape that the model takes",
                model_takes=takes,
                examples_are=data.element_shape,
            )
        )


def _example_shape(model):
    shape = model.input_shape
    if not isinstance(shape, tuple) or (shape and isinstance(shape[0], tuple)):
        raise ValueError(
            expected(
                "an embedder, a model of one input; of a siamese or triplet model the embedder "
                "that it was made of",
                model=model.name,
                input_shape=shape,
            )
        )
    return tuple(shape[1:])


@dataclass(frozen=True)
class Trained:
    """What a model was trained on, as its run has written it down.

    Attributes:
        dataset: The source.
        data_dir: Where TensorFlow Datasets keeps prepared data.
        seed: Which split of the classes.
        test_fraction: Share of the classes for the test.
        distance: What it was judged by.
    """

    dataset: str | None = None
    data_dir: str | None = None
    seed: int | None = None
    test_fraction: float | None = None
    distance: str | None = None

    def is_on(self, source) -> bool:
        """Whether it was trained on this source, however the path is spelled."""
        if self.dataset is None or source == self.dataset:
            return source == self.dataset
        if source in BUILTIN or not os.path.exists(source) or not os.path.exists(self.dataset):
            return False
        return os.path.samefile(source, self.dataset)

    def loading(self, source, data_dir=None, seed=None) -> dict:
        """What :func:`tfmetric.datasets.load` is told: what is given, else as in the training."""
        options = {"data_dir": data_dir, "seed": seed}
        if self.is_on(source):
            options = {
                "data_dir": data_dir or self.data_dir,
                "seed": self.seed if seed is None else seed,
                "test_fraction": self.test_fraction,
            }
        return {"seed": 0} | {key: value for key, value in options.items() if value is not None}


def trained_on(path) -> Trained:
    """What is known of the training of the model in the file: nothing, if it is in no run."""
    values = {}
    metrics = _read(path.with_name("metrics.json"), json.loads)
    for key in ("dataset", "seed"):
        values[key] = metrics.get(key)
    values["distance"] = metrics.get("result", {}).get("distance")
    # best.toml is what a search has written of the setting that it has trained.
    configs = (_read(path.with_name(f"{name}.toml"), tomllib.loads) for name in ("config", "best"))
    config = next(filter(None, configs), {})
    values["seed"] = config.get("seed", values["seed"])
    values |= {key: value for key, value in config.get("data", {}).items() if value != "none"}
    names = {field.name for field in dataclasses.fields(Trained)}
    return Trained(**{name: value for name, value in values.items() if name in names})


def _read(path, parse):
    """The file as a dictionary; an empty one if it is not there, or of something else."""
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
