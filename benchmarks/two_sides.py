"""What two towers reach on links and grades, beside the baselines of each.

    python -m benchmarks.two_sides glyph_names movielens stsb --seeds 0 1 2   # then the table
    python -m benchmarks.two_sides stsb-static --vectors FOLDER
    python -m benchmarks.two_sides traps    # the figures of docs/pairs.md

The data of all but glyph_names lies in ``../shared/data``; ``--data`` says where else. Figures are
those of a test part that the training never saw, for each seed of the training; the split stays.
Results of tasks that are not run are kept.
"""

import argparse
import csv
import json
import re
import time
from pathlib import Path

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results"
RATINGS = {
    "user": "userId",
    "item": "movieId",
    "time": "timestamp",
    "rating": "rating",
    "at_least": 4,
}


def fitted(model, loss, batches, rate, epochs):
    """Trains with a cosine schedule; returns the seconds that it took."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(rate, len(batches) * epochs)
    # XLA computes convolutions and large tables on one core only.
    model.compile(keras.optimizers.Adam(schedule), loss=loss, jit_compile=False)
    began = time.perf_counter()
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False)
    return time.perf_counter() - began


def glyph_names(folder, seed, vectors=None):
    """Pictures of unseen characters and their names, both ways."""
    import tfmetric as tm

    train, test = tm.datasets.load_pairs("glyph_names")
    towers = [tm.models.embedder(x.element, embedding_dim=128) for x in (train.left, train.right)]
    tm.models.adapt(towers[1], train.right)
    model = tm.models.two_tower(*towers)
    batches = train.batches(256, augment_left=tm.datasets.augmentation(), seed=seed)
    loss = tm.losses.InBatchSoftmaxLoss(0.07, symmetric=True)
    seconds = fitted(model, loss, batches, 2e-3, 12)
    found = tm.evaluation.evaluate_relation(model, test, ks=(1, 10), reverse=True, progress=False)
    results = {"picture to name": found.learned, "name to picture": found.reverse}
    figures = {
        f"{way}, {words}": figures_of(result, name)
        for way, result in results.items()
        for words, name in (("hit rate@1", "hit_rate_at_1"), ("hit rate@10", "hit_rate_at_10"))
    }
    untrained = found.baselines["the untrained towers"]
    figures["untrained, picture to name, hit rate@10"] = figures_of(untrained, "hit_rate_at_10")
    return seconds, figures


def stsb_static(folder, seed, vectors=None):
    """Sentence pairs with grades, by static pretrained vectors."""
    return stsb(folder, seed, vectors, backbone="static", weights=vectors)


def stsb(folder, seed, vectors=None, **tower):
    """Sentence pairs with grades, towers from nothing."""
    import tfmetric as tm

    def rows(part):
        lines = (folder / "stsbenchmark" / f"sts-{part}.csv").read_text("utf-8").splitlines()
        cells = [line.split("\t") for line in lines]
        return {
            "left": [c[5] for c in cells],
            "right": [c[6] for c in cells],
            "score": [float(c[4]) for c in cells],
        }

    parts = {"train": rows("train"), "test": rows("test")}
    train, test = tm.datasets.load_pairs(parts, score="score")
    dim, rate = (256, 1e-3) if tower else (1024, 1e-4)
    name = "static vectors" if tower else "from nothing"
    tower = tm.models.embedder(train.left.element, embedding_dim=dim, **tower)
    tm.models.adapt(tower, train.left)
    model = tm.models.two_tower(tower, tower)
    batches = train.graded_batches(64, seed=seed)
    seconds = fitted(model, tm.losses.CoSENTLoss(), batches, rate, 2)
    found = tm.evaluation.evaluate_relation(model, test, progress=False)
    results = {name: found.learned, **found.baselines}
    return seconds, {
        f"Spearman, {name}": figures_of(result, "spearman") for name, result in results.items()
    }


def movielens(folder, seed, vectors=None):
    """The last film of each user; the user is the history, the film its number and description."""
    import numpy as np

    import tfmetric as tm

    folder = folder / "movielens_small"
    _, test = tm.datasets.load_interactions(folder / "ratings.csv", **RATINGS, split="leave_last")
    about = described(folder, np.asarray(test.right.class_names)[test.right.labels])
    history = np.zeros((len(test.left), len(test.right)), "float32")
    history[tuple(test.seen.T)] = 1
    places = np.arange(len(about))
    users = tm.datasets.from_arrays(history, np.arange(len(history)), kind="vector")
    items = tm.datasets.from_arrays(
        {"number": places[:, None].astype("float32"), "about": about}, places, kind="record"
    )
    links = tm.datasets.Relation(users, items, test.seen)
    model = tm.models.two_tower(
        of_history(len(places)), of_film(len(places), about.shape[1]), log_q="given"
    )
    batches = links.batches(512, once=None, log_q="given", seed=seed)
    loss = tm.losses.InBatchSoftmaxLoss(TEMPERATURE, log_q=True)
    seconds = fitted(model, loss, batches, 2e-3, EPOCHS)
    judged = tm.datasets.Relation(users, items, test.links, seen=test.seen)
    found = tm.evaluation.evaluate_relation(model, judged, ks=(10, 50), progress=False)
    figures = {}
    for title, result in {"history and film": found.learned, **found.baselines}.items():
        for k in (10, 50):
            figures[f"{title}, recall@{k}"] = figures_of(result, f"recall_at_{k}")
        figures[f"{title}, recall@50 of cold films"] = figures_of(result.cold, "recall_at_50")
    return seconds, figures


TEMPERATURE, EPOCHS, DROPOUT, WIDTH = 0.1, 10, 0.6, 128


def of_history(films):
    """A user is the sum of what was seen; dropout hides the film to be found most of the time."""
    import keras
    from keras import layers

    import tfmetric as tm

    start = keras.initializers.RandomNormal(stddev=0.1)
    inputs = keras.Input((films,))
    x = layers.Dropout(DROPOUT)(tm.layers.L2Normalization()(inputs))
    x = layers.Dense(WIDTH, use_bias=False, kernel_initializer=start)(x)
    x = layers.Add()([x, layers.Dense(WIDTH)(x)])
    return keras.Model(inputs, tm.layers.L2Normalization()(x))


def of_film(films, width):
    """A film is what its number has learned, plus a linear map of genres and decade."""
    import keras
    from keras import layers, ops

    import tfmetric as tm

    start = keras.initializers.RandomNormal(stddev=0.1)
    number, about = keras.Input((1,), name="number"), keras.Input((width,), name="about")
    learned = layers.Embedding(films, WIDTH, embeddings_initializer=start)
    x = layers.Flatten()(learned(ops.cast(number, "int32")))
    x = layers.Add()([x, layers.Dense(WIDTH, use_bias=False)(about)])
    return keras.Model({"number": number, "about": about}, tm.layers.L2Normalization()(x))


def described(folder, ids):
    """Genres and decade of each film, as zeros and ones."""
    import numpy as np

    with (folder / "movies.csv").open(encoding="utf-8") as file:
        films = {row["movieId"]: row for row in csv.DictReader(file)}
    genres = sorted({g for film in films.values() for g in film["genres"].split("|")})
    found = np.zeros((len(ids), len(genres) + 12), "float32")
    for row, name in zip(found, ids, strict=True):
        for genre in films[name]["genres"].split("|"):
            row[genres.index(genre)] = 1
        year = re.search(r"\((\d{4})\)", films[name]["title"])
        if year:
            row[len(genres) + min(11, max(0, (int(year[1]) - 1910) // 10))] = 1
    return found


def traps(folder, seed, vectors=None):
    """Figures that mislead, on the same ratings."""
    import numpy as np

    import tfmetric as tm
    from tfmetric import evaluation

    ratings = folder / "movielens_small" / "ratings.csv"
    train, test = tm.datasets.load_interactions(ratings, **RATINGS, split="leave_last")
    rng, shape = np.random.default_rng(seed), (len(test.left), len(test.right))
    shares = []
    for _ in range(200):
        films = rng.choice(train.links[:, 1], 512, replace=False)
        _, counts = np.unique(films, return_counts=True)
        shares.append(counts[counts > 1].sum() / 512)
    figures = {"links of a batch of 512 whose film is met again": {"value": np.mean(shares)}}
    seen = np.zeros(shape, bool)
    seen[tuple(test.seen.T)] = True
    for name in ("popularity", "item_knn", "ease", "ials"):
        scores = getattr(evaluation, f"{name}_scores")(test.seen, shape)
        table, hits = scores(np.arange(shape[0])), []
        for user, film in test.links:
            others = rng.choice(np.setdiff1d(np.flatnonzero(~seen[user]), film), 100, False)
            hits.append((table[user, others] >= table[user, film]).sum() < 10)
        asked = {"shape": shape, "ks": (10, 50), "progress": False}
        whole = evaluation.ranking_of_scores(scores, test.links, exclude=test.seen, **asked)
        figures[f"{name}, recall@10"] = figures_of(whole, "recall_at_10")
        figures[f"{name}, recall@50"] = figures_of(whole, "recall_at_50")
        figures[f"{name}, recall@10 among 100 random films"] = {"value": float(np.mean(hits))}
        with_seen = evaluation.ranking_of_scores(scores, test.links, **asked)
        figures[f"{name}, recall@10, seen films not left out"] = figures_of(
            with_seen, "recall_at_10"
        )
    _, test = tm.datasets.load_interactions(ratings, **RATINGS, split="links")
    shape = len(test.left), len(test.right)
    found = evaluation.ranking_of_scores(
        evaluation.ease_scores(test.seen, shape),
        test.links,
        shape=shape,
        exclude=test.seen,
        ks=10,
        progress=False,
    )
    figures["ease, recall@10, random links as the test"] = figures_of(found, "recall_at_10")
    return 0.0, figures


def figures_of(result, name):
    low, high = result.interval(name)
    return {"value": result.figures()[name], "low": low, "high": high}


TASKS = {
    "glyph_names": (glyph_names, "hit rate@10 0.72 picture to name, 0.65 name to picture"),
    "movielens": (movielens, "EASE: recall@10 0.074, recall@50 0.250"),
    "stsb": (stsb, "Spearman 0.68"),
    "stsb-static": (stsb_static, "Spearman 0.78"),
    "traps": (traps, ""),
}


def table(results):
    """The results as Markdown."""
    machine = results["machine"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in results["machine"]["versions"].items())
    lines = [
        "# Two sides",
        "",
        f"{machine['processor']}, {machine['cores']} cores, shared with other work: seconds are "
        f"upper bounds; {versions}.",
        "",
    ]
    for name, task in results["tasks"].items():
        seeds = ", ".join(task["seeds"])
        lines += [f"## {name}", "", f"Seeds {seeds}; goal: {task['goal'] or 'none'}.", ""]
        lines += ["| figure | by seed | 95 % interval of the first seed |", "| --- | --- | --- |"]
        runs = list(task["seeds"].values())
        for figure, first in runs[0]["figures"].items():
            values = ", ".join(f"{run['figures'][figure]['value']:.3f}" for run in runs)
            interval = f"{first['low']:.3f} to {first['high']:.3f}" if "low" in first else ""
            lines.append(f"| {figure} | {values} | {interval} |")
        spent = ", ".join(f"{run['seconds']:.0f} s" for run in runs)
        lines += ["", f"Training: {spent}.", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", choices=TASKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--vectors", help="Folder of static vectors, for stsb-static")
    asked = parser.parse_args()
    import keras

    file = RESULTS / "two_sides.json"
    results = json.loads(file.read_text()) if file.exists() else {"tasks": {}}
    results["machine"] = describe("tensorflow", "keras", "numpy")
    for name in asked.tasks:
        run, goal = TASKS[name]
        runs = {}
        for seed in asked.seeds:
            keras.utils.set_random_seed(seed)
            seconds, figures = run(asked.data, seed, asked.vectors)
            runs[str(seed)] = {"seconds": seconds, "figures": figures}
            print(name, seed, f"{seconds:.0f} s", flush=True)
        results["tasks"][name] = {"goal": goal, "seeds": runs}
        file.write_text(json.dumps(results, indent=1, default=float) + "\n")
        (RESULTS / "two_sides.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
