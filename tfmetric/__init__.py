"""Deep metric learning for Keras 3 and TensorFlow.

The whole way from labelled data to a servable similarity model::

    import tfmetric as tm

    train, test = tm.datasets.load("glyphs")
    model = tm.models.embedder(input_shape=(32, 32, 1), embedding_dim=64)
    model.compile("adam", loss=tm.losses.TripletLoss(margin=0.2))
    model.fit(tm.datasets.balanced_batches(train, 32, 8), shuffle=False)
    print(tm.evaluation.evaluate(model, test).summary())
    tm.export.save(model, "saved_models/glyphs", gallery=test)
"""

import importlib
import sys
from pathlib import Path

from tfmetric._foreign_names import missing
from tfmetric._version import __version__

_ROOMS = (
    "callbacks",
    "datasets",
    "distances",
    "elements",
    "evaluation",
    "export",
    "layers",
    "losses",
    "metrics",
    "mining",
    "models",
    "report",
    "runs",
    "search",
    "serving",
    "training",
    "tuning",
    "visualization",
)
_LOSSES = ("ContrastiveLoss", "SiameseContrastiveLoss", "SiameseTripletLoss", "TripletLoss")

__all__ = ["__version__", *_ROOMS, *_LOSSES]


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"tfmetric.{name}")
    if name in _LOSSES:
        return getattr(importlib.import_module("tfmetric.losses"), name)
    raise missing(__name__, name)


def __dir__():
    return sorted(__all__)


def _is_command_line() -> bool:
    if sys.argv[:1] != ["-m"]:
        return bool(sys.argv) and Path(sys.argv[0]).stem == "tfmetric"
    # With -m, Python is still searching for the module, whose name is the word before the
    # arguments. Python's options may precede it or be joined to it: -X dev -m tfmetric, -Im
    # tfmetric.
    module = sys.orig_argv[-len(sys.argv)]
    return module == "tfmetric" or (module.startswith("-") and module.endswith("mtfmetric"))


# A saved model loads without custom_objects only if our classes are registered with Keras, so
# importing tfmetric imports them. Only the command line imports them later, when a command needs
# them: --help and usage errors must not wait seconds for TensorFlow.
if not _is_command_line():
    for _room in _ROOMS:
        importlib.import_module(f"tfmetric.{_room}")
