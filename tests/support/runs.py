"""A run small enough to be made in a second, with names that try to break the page."""

import json

import numpy as np

import tfmetric as tm

EVIL = (
    "<script>document.title='broken'</script>",
    '"><img src=x onerror="document.title=1">',
    "</script><b>bold</b>",
    "a & b <i>",
    "漢字 ünï $x$",
    "a-class-name-of-" + "many-letters-" * 12,
)


def make_run(directory, *, groups=True, images=True, model=True):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 8)
    shape = (12, 12, 1) if images else (9,)
    centres = rng.uniform(0, 255, (6, *shape))
    x = np.clip(centres[labels] + rng.normal(0, 60, (48, *shape)), 0, 255)
    x = x.astype("uint8" if images else "float32")
    names = np.array(EVIL)[labels]
    parts = np.array(["<u>left</u>", "right", "few"])[np.r_[[0, 1] * 23, 2, 2]]
    data = tm.datasets.from_arrays(x, names, groups=parts if groups else None)
    embedder = tm.models.embedder(shape, embedding_dim=4)
    directory.mkdir(parents=True, exist_ok=True)
    tm.report.keep_evidence(directory, embedder, data)
    if model:
        embedder.save(directory / "model.keras")
    result = tm.evaluation.evaluate(embedder, data, ks=(1, 5))
    part = {"examples": 48, "classes": 6, "smallest": [EVIL[0], 8], "largest": [EVIL[1], 9]}
    metrics = {
        "dataset": "<i>data",
        "seed": 3,
        "command": "tfmetric quickstart --dataset '<i>data' --seed 3",
        "train": part,
        "test": part,
        "result": result.to_dict(),
        "history": {"loss": [2.0, 1.0], "val_recall_at_1": [0.5, 0.6]},
        "recipe": {
            "image_size": None,
            "loss": {"name": "TripletLoss", "margin": 0.2, "mining": ["easy", "hard"]},
            "augment": True,
        },
        "versions": {"tfmetric": "0"},
        "seconds": {"train": 1.0},
        "data_check": {
            "source": "<i>data",
            "element_shape": list(shape),
            "dtype": str(x.dtype),
            "train": {**part, "median": 8.0, "singletons": 0},
            "skipped": [["<b>a.png</b>", "cut off"]] * 30,
            "duplicates": [["b.png", "c.png"]],
            "notes": ["</p>"],
        },
    }
    (directory / "metrics.json").write_text(json.dumps(metrics))
    return directory
