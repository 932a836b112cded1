"""Reads runs of former versions as far as their files allow."""

from pathlib import Path

from tfmetric._errors import expected
from tfmetric._run_files import FORMER_BEST, read_metrics
from tfmetric.runs.config import RunConfig, resolved
from tfmetric.runs.config_values import read_toml


def config_of_former_run(directory) -> RunConfig:
    """Returns the config of a run without config.toml.

    A search of a former version wrote best.toml, which is read. A quickstart of a former version
    wrote its settings, its data set and its seed into metrics.json.

    Raises:
        ValueError: If these files are missing; the message names a remedy.
    """
    directory = Path(directory)
    if (directory / FORMER_BEST).is_file():
        return resolved(read_toml(directory / FORMER_BEST), {}, {}, {})
    from tfmetric.training import Settings

    metrics = read_metrics(directory)
    recipe = dict(metrics.get("recipe") or {})
    image_size = recipe.pop("image_size", None)
    try:
        settings = Settings.from_dict(recipe)
        config = RunConfig(
            settings,
            str(metrics["dataset"]),
            image_size=image_size,
            test_fraction=0.5,
            seed=int(metrics.get("seed", 0)),
            split_seed=int(metrics.get("seed", 0)),
            command=metrics.get("command"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            expected(
                "a run whose metrics.json holds its data set and settings; this one is of a "
                "version that cannot be read. Train again, with `tfmetric train`",
                run_dir=str(directory),
                error=str(error),
            )
        ) from error
    return config
