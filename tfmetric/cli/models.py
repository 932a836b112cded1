"""The model that a command is given: a .keras file, or the directory of a run."""

from pathlib import Path

import click

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


def image_size(model) -> tuple[int, int] | None:
    """The (height, width) that the model was trained on; None for vectors and any size."""
    shape = model.input_shape[1:]
    return tuple(shape[:2]) if len(shape) == 3 and None not in shape[:2] else None
