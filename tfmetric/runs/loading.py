"""Loads the data of a run by its config."""

from tfmetric._errors import expected
from tfmetric.datasets import LabeledData, load_parts
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.runs.config_values import AUTO
from tfmetric.runs.progress import Progress
from tfmetric.runs.recipes import image_size_for


def load_data(config, data=None, progress=None, **options) -> tuple[LabeledData, LabeledData]:
    """Loads (train, test) by a config.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        data: (train, test) where the config names no source.
        progress: Prints the findings; None for silence.
        **options: Further arguments of :func:`tfmetric.datasets.load`.

    Raises:
        ValueError: If the config names no source, and there is no data.
    """
    progress = Progress(quiet=True) if progress is None else progress
    progress.heading(f"Data: {config.shown_name}")
    if data is not None:
        train, test = (as_labeled(part) for part in data)
    elif config.dataset is not None:
        train, test = _loaded(config.dataset, {**config.load_options(), **options})
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


def _loaded(source, options):
    if options.get("image_size") == AUTO:
        # The default size of photographs is for images only; a requested size applies to all data.
        del options["image_size"]
        options["default_image_size"] = image_size_for(source)
    parts = load_parts(source, **options)
    return parts["train"], parts["test"]
