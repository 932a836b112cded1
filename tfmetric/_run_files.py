"""Reading the directory of a run."""

import json
from pathlib import Path

from tfmetric._errors import expected

METRICS, CONFIG, MODEL = "metrics.json", "config.toml", "model.keras"
# The config of the best setting, as `tfmetric tune` of former versions wrote it.
FORMER_BEST = "best.toml"
# What the values in metrics.json are; each may be missing or null.
_KINDS = {
    dict: (
        *("data_check", "history", "model", "one_shot", "recipe", "result", "search", "seconds"),
        *("served", "test", "train", "validation", "versions"),
    ),
    str: ("advice", "collapse", "command", "created", "dataset", "saved_model", "training"),
    bool: ("closed_set", "collapsed", "stopped_early"),
}
# A directory that holds one of these is that of a run.
RUN_FILES = (METRICS, CONFIG, FORMER_BEST)
# A directory that holds one of these is that of a search; the best setting is a run at its end.
_SEARCH_FILES = ("tune.toml", "search.json")


def read_metrics(directory) -> dict:
    """What a run has written down.

    Args:
        directory: The run's directory.

    Returns:
        The contents of its ``metrics.json``.

    Raises:
        ValueError: If this is no directory of a run.
    """
    directory = Path(directory)
    path = directory / METRICS
    wanted = "the directory of a run, such as runs/NAME/1 of `tfmetric quickstart`, which holds"
    search = any((directory / name).is_file() for name in _SEARCH_FILES)
    if not path.is_file() and search:
        raise ValueError(
            expected(
                f"a finished search, which holds {METRICS}; if nothing works on it any more, "
                f"`tfmetric tune --resume {directory}` goes on",
                run_dir=str(directory),
            )
        )
    if not path.is_file() and (directory / CONFIG).is_file():
        raise ValueError(
            expected(
                f"a finished run: {METRICS} is written at the end; if nothing works on it any "
                f"more, `tfmetric train --resume {directory}` goes on",
                run_dir=str(directory),
            )
        )
    if not path.is_file():
        what = "a directory" if directory.is_dir() else "no directory"
        # The user may have named what holds the runs; looking further down could take minutes.
        places = (directory.glob(f"{'*/' * depth}{METRICS}") for depth in range(1, 5))
        inside = sorted(str(found.parent) for place in places for found in place)[:3]
        hint = {"runs_inside": inside} if inside else {"it_is": what}
        raise ValueError(expected(f"{wanted} {METRICS}", run_dir=str(directory), **hint))
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            expected(f"a {METRICS} that is JSON", path=str(path), error=str(error))
        ) from error
    if not isinstance(metrics, dict) or not isinstance(metrics.get("result"), dict):
        raise ValueError(expected(f"{METRICS} to hold the figures of a run", path=str(path)))
    for kind, names in _KINDS.items():
        for name in names:
            if not isinstance(metrics.get(name), kind | None):
                raise ValueError(_of_another_kind(path, name, metrics[name]))
    history = metrics.get("history") or {}
    for name, values in history.items():
        if not isinstance(values, list) or not all(_is_number(value) for value in values):
            raise ValueError(_of_another_kind(path, f"history: {name}", values))
    return metrics


def _of_another_kind(path, name, value):
    return expected(
        f"{METRICS} as tfmetric wrote it; a value in it is of another kind",
        path=str(path),
        name=name,
        value=str(value)[:80],
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
