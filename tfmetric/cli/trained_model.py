"""The model that a command is given: a .keras file, or the directory of a run."""

import os
from pathlib import Path

import click

from tfmetric._errors import expected
from tfmetric._run_files import RUN_FILES
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


def images_for(model) -> dict:
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


def run_of(path):
    """The run that a model file is in, or None; TensorFlow is not needed to know.

    Raises:
        ValueError: If there is a run, and it is damaged.
    """
    from tfmetric import runs

    directory = path.parent
    if not any((directory / name).exists() for name in RUN_FILES):
        return None
    return runs.open(directory)


def config_for(run, source, given: dict):
    """The config that says how a source is loaded: what is given, else as in the training.

    Args:
        run: The run that the model is of, or None.
        source: The source of the data.
        given: Options of the data that were given, by name.
    """
    from tfmetric.runs.config import resolved

    if run is not None and is_on(run, source):
        return run.config.replace(**given)
    return resolved({}, {**given, "dataset": source}, {}, {})


def is_on(run, source) -> bool:
    """Whether a run was trained on this source, however the path is spelled."""
    known = run and run.config.dataset
    if known is None or source == known:
        return known is not None
    if source in BUILTIN or not os.path.exists(source) or not os.path.exists(known):
        return False
    return os.path.samefile(source, known)
