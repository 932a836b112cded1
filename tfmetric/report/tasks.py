"""The sections on other uses of the embedding, and on its health."""

import numpy as np

from tfmetric.evaluation import clustering, few_shot, health, nearest_class_mean
from tfmetric.report.html import Html, join, table, tag

_EPISODES = 300
_HEALTH = {
    "norm_mean": "mean length of an embedding",
    "effective_dimension": "directions in use, of {width}",
    "alignment": "mean squared distance within a class, at length 1: the lower the tighter",
    "uniformity": "0 if all embeddings are equal; lower values fill the sphere more evenly",
    "hubness": "skewness of how often each is a neighbour: above 2, a few are near all others",
    "orphans": "share of examples that are never among another's {k} nearest",
    "intra_class_distance": "mean distance within a class",
    "inter_class_distance": "mean distance between classes",
}


def tasks_section(run) -> Html:
    """Shows other uses of the embedding: classification, few-shot episodes, clusters."""
    kept = run.judged
    found = [("nearest neighbour", run.nearest, "accuracy", "answers with its class")]
    means = nearest_class_mean(kept.embeddings, kept.labels, distance=run.distance, progress=False)
    found.append(("nearest class mean", means, "accuracy", "of all others of a class"))
    for shots in (1, 5):
        result = _few_shot(run, shots)
        if result is not None:
            words = f"{result.ways} new classes, {shots} of each known; over {_EPISODES} episodes"
            name = f"{result.ways}-way {shots}-shot"
            found.append((name, result, "accuracy", words))
    clusters = _clusters(run)
    meanings = {
        "nmi": "shared information; grows with the number of clusters",
        "ami": "the same, 0 for clusters at random",
        "b3_precision": "share of an example's cluster that is of its class",
        "b3_recall": "share of its class that is in its cluster",
        "b3_f1": "harmonic mean of the two",
        "purity": "share that is of its cluster's commonest class",
    }
    for name, words in meanings.items():
        short = name.upper() if name in ("nmi", "ami") else name.replace("b3_", "B³ ")
        found.append((f"k-means {short.replace('f1', 'F1')}", clusters, name, words))
    rows = [
        (title, f"{result.figures()[name]:.4f}", interval(result, name), words)
        for title, result, name, words in found
    ]
    words = (
        "Other uses of the same embedding. The first rows are shares of correct answers. The "
        f"others compare the k-means clusters of {len(clusters.codes):,} examples with their "
        f"{clusters.num_classes:,} classes."
    )
    head = ("task", "value", "95 % interval", "what it means")
    return tag("p", words) + table("Other uses of the embedding", head, rows, numeric=(1, 2))


def health_section(run) -> Html:
    """Shows the health of the embedding."""
    kept, chosen = run.judged, run.verified
    found = health(
        kept.embeddings[chosen], kept.labels[chosen], distance=run.distance, progress=False
    )
    figures = found.figures()
    rows = [
        (
            name.replace("_", " ").replace("norm mean", "length").replace(" class ", "-class "),
            f"{figures[name]:.4f}",
            interval(found, name),
            meaning.format(width=found.width, k=found.k),
        )
        for name, meaning in _HEALTH.items()
        if np.isfinite(figures[name])
    ]
    advice = [tag("p", f"{line}.") for line in found.advice()] or tag(
        "p", "No collapse, no hubs, and classes are narrower than they are apart."
    )
    caption = f"Geometry of {len(chosen):,} embeddings by {found.distance} distance"
    head = ("figure", "value", "95 % interval", "what it means")
    return join([advice, table(caption, head, rows, numeric=(1, 2))])


def interval(result, figure: str) -> str:
    """Formats the interval of a figure, or a dash without one."""
    low, high = result.interval(figure)
    return f"{low:.4f} to {high:.4f}" if np.isfinite(low) and np.isfinite(high) else "–"


def _clusters(run):
    kept, chosen = run.judged, run.verified
    # k-means supports two distances, which agree on embeddings of length 1.
    distance = "cosine" if run.distance in ("cosine", "inner_product") else "euclidean"
    return clustering(kept.embeddings[chosen], kept.labels[chosen], distance=distance)


def _few_shot(run, shots):
    """Runs episodes of up to five classes; None if fewer than two have enough examples."""
    kept = run.judged
    counts = np.unique(kept.labels, return_counts=True)[1]
    queries = min(15, int(np.median(counts)) - shots)
    ways = min(5, int((counts >= shots + queries).sum()))
    if queries < 1 or ways < 2:
        return None
    return few_shot(
        kept.embeddings,
        kept.labels,
        ways,
        shots,
        queries,
        _EPISODES,
        distance=run.distance,
    )
