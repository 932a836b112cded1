"""Runs: trainings in a directory, to resume, repeat, evaluate and report."""

import importlib

from tfmetric._foreign_names import missing

# The module of each name. The command line reads configs and figures before it loads TensorFlow, so
# importing this package imports no other module.
_PLACES = {
    "IncompleteRun": "late_steps",
    "Run": "run",
    "RunConfig": "config",
    "open": "run",
    "train": "beginning",
}

__all__ = ["IncompleteRun", "Run", "RunConfig", "open", "train"]


def __getattr__(name):
    if name in _PLACES:
        return getattr(importlib.import_module(f"tfmetric.runs.{_PLACES[name]}"), name)
    raise missing(__name__, name)


def __dir__():
    return sorted(__all__)
