"""What a run writes down of itself: metrics.json and pictures."""

import sys
import time
from pathlib import Path

import keras
import numpy as np

import tfmetric as tm


def metrics(*, dataset, seed, command, train, test, training, image_size, result, history, clock):
    """What ``metrics.json`` holds of every training."""
    settings, model = training.settings, training.embedder
    return {
        "dataset": str(dataset),
        "seed": seed,
        "command": command,
        "created": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "training": settings.describe(),
        "model": {
            "name": model.name,
            "parameters": int(model.count_params()),
            "layers": len(model.layers),
            "embedding_dim": int(model.output_shape[-1]),
        },
        "train": {"examples": len(train), "classes": train.num_classes},
        "test": {"examples": len(test), "classes": test.num_classes},
        "result": result,
        "recipe": {"image_size": image_size, **settings.resolved().to_dict()},
        "history": {key: [float(v) for v in values] for key, values in history.items()},
        "seconds": clock.laps,
        "versions": versions(),
        "data_check": train.report.to_dict(),
    }


def versions() -> dict:
    """Of what decides the figures."""
    import tensorflow as tf

    return {
        "tfmetric": tm.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


def some_queries(data, seed, number=8):
    """Indexes of one example each of some classes that have another to be found."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(data.labels)
    classes = np.flatnonzero(counts > 1)
    chosen = rng.permutation(classes if len(classes) else data.classes)[:number]
    return np.array([rng.choice(np.flatnonzero(data.labels == label)) for label in chosen])


def names_of(data, indices):
    """Names of the classes of some examples, as an array of the shape of the indexes."""
    return np.array(data.class_names, dtype=object)[data.labels[indices]]


def neighbour_picture(directory, title, queries, neighbours, shown, names, right):
    """Draws ``neighbours.png``.

    Args:
        directory: Where.
        title: Above the picture.
        queries: The data's queries: (data, indexes).
        neighbours: Their neighbours: (data, indexes (Q, k)).
        shown: Class names of the queries.
        names: Class names of the neighbours.
        right: (Q, k), whether each neighbour is of the query's class.
    """
    data, found = neighbours
    images = data.read(found.reshape(-1)).reshape(*found.shape, *data.element_shape)
    tm.visualization.neighbour_gallery(
        queries[0].read(queries[1]),
        images,
        right,
        [_short(text) for text in shown],
        [[_short(text) for text in row] for row in names],
        title=title,
    ).savefig(directory / "neighbours.png")


def training_picture(directory, name, history, watched, training):
    """Draws ``training.png``, beside what the raw inputs give."""
    raw = tm.evaluation.retrieval(
        watched.read().reshape(len(watched), -1),
        watched.labels,
        distance=training.distance,
        ks=(1,),
    )
    tm.visualization.training_curves(
        history,
        {"raw inputs, recall@1": raw.recall_at[1], "raw inputs, MAP@R": raw.map_at_r},
        title=f"{name}: judged on {len(watched):,} examples of classes not trained on",
    ).savefig(directory / "training.png")


def _short(text):
    return text if len(text) <= 14 else text[:13] + "…"


def name_of(dataset) -> str:
    """A directory name made of the source: of a path its last part, of a TFDS set its name."""
    text = str(dataset)
    if text.startswith("tfds:"):
        text = text.split(":")[1]
    path = Path(text).resolve()
    stem = path.stem if path.suffix in (".csv", ".npz") else path.name
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip(".") or "data"
