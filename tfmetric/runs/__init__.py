"""Runs: trainings in a directory, which can be resumed, repeated, judged and shown."""

import importlib

from tfmetric._foreign_names import missing

# Where each name is. The command line reads configs and figures before it loads TensorFlow, so
# importing this room imports nothing else.
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
