"""Loads a command's model: a .keras file, or the directory of a run."""

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
    """Loads the model in the file, uncompiled."""
    with quiet_start():
        import keras

        # Importing registers classes with Keras.
        import tfmetric.layers
        import tfmetric.losses
        import tfmetric.models  # noqa: F401

    return keras.saving.load_model(path, compile=False)


def images_for(model, run=None) -> dict:
    """Returns arguments of :func:`tfmetric.datasets.load` that make images fit the model.

    Args:
        model: The model.
        run: The model's run, which has the kind of its data, or None.

    Returns:
        ``image_size`` and ``color``, if the model needs a fixed one; empty for other kinds.
    """
    element = _element(model, run)
    if element is None or element.kind != "image":
        return {}
    height, width, channels = _inputs(model)["values"][-3:]
    size = {} if None in (height, width) else {"image_size": (height, width)}
    return size | {"color": {1: "grey", 3: "rgb"}.get(channels, "auto")}


def check_fits(model, data) -> None:
    """Says in our words what Keras would say after minutes: the data is not of the model's shape.

    Raises:
        ValueError: If so.
    """
    takes = _inputs(model)
    given = {name: shape for name, (shape, _) in data.element.inputs.items()}
    if set(takes) != set(given) or any(
        not _fits(takes[name], shape) for name, shape in given.items()
    ):
        raise ValueError(
            expected(
                "data of the shape that the model takes",
                model_takes=takes if len(takes) > 1 else takes.get("values", takes),
                examples_are=data.element.describe(),
            )
        )


def _fits(takes, given):
    if len(takes) == len(given) - 1 and given[-1] == 1:
        given = given[:-1]  # Keras drops a last axis of length 1, too.
    return len(takes) == len(given) and all(
        a in (None, b) for a, b in zip(takes, given, strict=True)
    )


def _inputs(model):
    """Returns the shape of one example of each input by name; "values" for a single input."""
    from tfmetric.export.model_inputs import ONE, ModelInputs

    if len(model.inputs) > 1 and not isinstance(model.input, dict):
        raise ValueError(
            expected(
                "an embedder, a model of one input or of named ones; for a siamese or triplet "
                "model, the embedder inside it",
                model=model.name,
                input_shape=model.input_shape,
            )
        )
    found = ModelInputs.of(model)
    arrays = {name: shape for name, (shape, _) in found.arrays.items()}
    return arrays if found.named else {"values": arrays[ONE]}


def _element(model, run):
    """Returns the element of the model: from its run, else from the input shape."""
    from tfmetric.elements import Element, element_of_shape

    if run is not None and run.finished:
        kept = (run.metrics.get("data_check") or {}).get("element")
        if kept:
            return Element.from_dict(kept)
    takes = _inputs(model)
    return element_of_shape(takes["values"]) if set(takes) == {"values"} else None


def run_of(path):
    """Returns the run of a model file, or None, without TensorFlow.

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
    """Returns whether a run was trained on this source, for any spelling of the path."""
    known = run and run.config.dataset
    if known is None or source == known:
        return known is not None
    if source in BUILTIN or not os.path.exists(source) or not os.path.exists(known):
        return False
    return os.path.samefile(source, known)
