"""The data of a run, from its config."""

from tfmetric._errors import expected
from tfmetric.datasets import LabeledData, load_parts
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.runs.config import READING
from tfmetric.runs.progress import Progress
from tfmetric.runs.recipes import recipe_for


def load_data(config, data=None, progress=None) -> tuple[LabeledData, LabeledData]:
    """Loads (train, test) as a config says.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        data: (train, test) where the config names no source.
        progress: Says what was found; None for silence.

    Raises:
        ValueError: If the config names no source, and there is no data.
    """
    progress = Progress(quiet=True) if progress is None else progress
    progress.heading(f"Data: {config.shown_name}")
    if data is not None:
        train, test = (as_labeled(part) for part in data)
    elif config.dataset is not None:
        # The size that suits photographs is for images only; one that was asked for, for all.
        usual = config.image_size == recipe_for(config.dataset).image_size
        size = "default_image_size" if usual else "image_size"
        parts = load_parts(
            config.dataset,
            data_dir=config.data_dir,
            download=config.download,
            **{size: config.image_size},
            test_fraction=config.test_fraction,
            **{name: getattr(config, name) for name in READING},
        )
        train, test = parts["train"], parts["test"]
    else:
        raise ValueError(
            expected(
                "data: the run was trained on Python objects, which its config.toml cannot name. "
                "Give the same again: tfmetric.runs.open(DIRECTORY).resume(data)",
                data=data,
            )
        )
    if train.report is not None:
        progress.say(train.report)
    progress.lap("load")
    return train, test
