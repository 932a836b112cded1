"""The contents of metrics.json: the figures of a run, and everything they depend on."""

import json
import sys
import time

import keras
import numpy as np

from tfmetric._files import replacing
from tfmetric._run_files import METRICS
from tfmetric._version import __version__
from tfmetric.runs.advice import advice_of
from tfmetric.runs.protocol import judged


def run_metrics(config, parts, settings, embedder, result, history, seconds) -> dict:
    """Returns the contents of ``metrics.json``.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        parts: (train, test), all of the data.
        settings: The :class:`tfmetric.training.Settings` as they fitted the data.
        embedder: The trained embedder.
        result: Figures of :meth:`tfmetric.evaluation.Evaluation.to_dict`.
        history: The logs of the epochs by name.
        seconds: Seconds of each step by name.
    """
    train, test = parts
    closed_set = judged(train, test).gallery is not None
    return {
        "dataset": config.shown_name,
        "seed": config.seed,
        "command": config.command,
        "created": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "training": settings.describe(),
        "model": {
            "name": embedder.name,
            "parameters": int(embedder.count_params()),
            "layers": len(embedder.layers),
            "embedding_dim": int(embedder.output_shape[-1]),
        },
        "train": {"examples": len(train), "classes": train.num_classes},
        "test": {"examples": len(test), "classes": test.num_classes},
        "closed_set": closed_set,
        "result": result,
        "advice": advice_of(result, train.num_classes, closed_set),
        "recipe": {"image_size": _image_size(train), **settings.resolved().to_dict()},
        "history": {key: [float(v) for v in values] for key, values in history.items()},
        "seconds": dict(seconds),
        "versions": versions(),
        "data_check": train.report.to_dict() if train.report is not None else {},
    }


def _image_size(data):
    if data.element.kind != "image":
        return None
    height, width = data.element.shape[-3:-1]
    return height if height == width else [height, width]


def versions() -> dict:
    """Returns the versions of the packages that affect the figures."""
    import tensorflow as tf

    return {
        "tfmetric": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


def write_metrics(directory, found: dict) -> None:
    """Writes ``metrics.json`` atomically."""
    with replacing(directory / METRICS) as draft:
        draft.write_text(json.dumps(found, indent=2, default=str) + "\n", encoding="utf-8")
