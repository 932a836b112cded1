"""The sections of pictures: neighbours, worst cases, the map, saliency."""

import numpy as np

from tfmetric.report.html import Html, shortened, tag
from tfmetric.report.map_view import map_view
from tfmetric.report.pictures import chart, neighbor_row
from tfmetric.visualization import (
    find_neighbors,
    hardest,
    project,
    saliency_figure,
    similarity_saliency,
)

_KEY = (
    "First the query, then its neighbours, nearest first. A solid frame: right, of the query's "
    "class. A dashed frame: wrong. A dotted frame: missed, with its rank."
)


def neighbor_section(run) -> Html:
    """Shows some queries with their neighbours, from the exported model if its answers are kept."""
    kept, served = run.evidence, run.metrics.get("served") or {}
    place = {str(key): index for index, key in enumerate(kept.ids)}
    rows = [
        neighbor_row(
            kept,
            place[answer["query"]],
            [place[key] for key in answer["neighbours"]],
            [
                kept.labels[place[key]] == kept.labels[place[answer["query"]]]
                for key in answer["neighbours"]
            ],
        )
        for answer in served.get("answers") or ()
        if all(key in place for key in (answer["query"], *answer["neighbours"]))
    ]
    if rows:
        words = (
            "Queries of the test part, as the exported model answers them in a process of its own; "
            "the training part is its gallery. "
            if run.closed
            else "Queries of classes that training never saw, as the exported model answers them "
            "in a process of its own; the other examples are its gallery. "
        )
        if "first_neighbour_right" in served:
            words += (
                f"{served['first_neighbour_right']} of {served['queries']} have a neighbour of "
                "their own class in the first place. "
            )
    else:
        words = (
            "Queries drawn at random from the test part, searched in the training part. "
            if run.closed
            else "Queries drawn at random, of classes that training never saw. "
        )
        chosen = np.random.default_rng(0).permutation(run.retrieval.per_query.query)[:8]
        found = find_neighbors(
            kept.embeddings, kept.labels, chosen, 8, 0, run.distance, kept.gallery
        )
        rows = [
            neighbor_row(kept, query, indices, right)
            for query, indices, right in zip(chosen, found.indices, found.right, strict=True)
        ]
    return Html(tag("p", words + _KEY) + "".join(rows))


def worst_section(run) -> Html:
    """Shows the worst queries, one of each class."""
    kept, result = run.evidence, run.retrieval
    chosen = hardest(result, 10)
    if not chosen.size:
        return tag("p", "No query has another example of its class.")
    found = find_neighbors(kept.embeddings, kept.labels, chosen, 6, 2, run.distance, kept.gallery)
    precision = result.values("map_at_r")
    places = {query: i for i, query in enumerate(result.per_query.query)}
    rows = []
    for row, query in enumerate(chosen):
        first = result.per_query.first_rank[places[query]]
        words = [
            f"First hit at rank {first:,}; average precision {precision[places[query]]:.3f}; ",
            tag("code", shortened(kept.ids[query], 200)),
        ]
        rows.append(
            neighbor_row(
                kept,
                query,
                found.indices[row],
                found.right[row],
                found.missing[row],
                found.missing_ranks[row],
                words,
            )
        )
    told = (
        "The queries of lowest average precision, one of each class. Wrong labels, look-alikes "
        "and details that the model does not see show up here first. "
    )
    return Html(tag("p", told + _KEY) + "".join(rows))


def map_section(run) -> Html:
    """Shows the embeddings on a plane."""
    kept, chosen = run.evidence, run.mapped
    method = "tsne" if len(chosen) >= 30 else "pca"
    points = project(kept.embeddings[chosen], method)
    classes = len(np.unique(kept.labels[chosen]))
    drawn = ", drawn at random" if len(chosen) < kept.total else ""
    words = (
        f"{len(chosen):,} examples of {classes:,} classes{drawn}, laid out by "
        f"{'t-SNE' if method == 'tsne' else 'PCA'}: examples near each other are similar to the "
        f"model. Sizes of clusters and gaps between them mean little. Point at a mark, or go to "
        "the map with Tab and move with the arrow keys."
    )
    return Html(tag("p", words) + map_view(kept, chosen, points))


def saliency_section(run) -> Html:
    """Shows which pixels make pairs similar."""
    kept = run.evidence
    charts = []
    for pair, (first, second) in zip(kept.pairs, kept.pair_inputs, strict=True):
        names = [shortened(name) for name in kept.names(pair)]
        found = similarity_saliency(run.model, first, second, distance=run.distance, smooth=4)
        kind = "One class" if kept.labels[pair[0]] == kept.labels[pair[1]] else "Two classes"
        words = (
            f"{kind}: {names[0]} and {names[1]}; {run.distance} distance {-found.similarity:.3f}."
        )
        alt = f"Two images and the effect of each pixel on their similarity. {words}"
        charts.append(chart(saliency_figure(found), alt, words, raster=True))
    words = (
        "A typical hit, the most convincing mistake and a missed pair. Orange pixels make the two "
        "more similar to the model, purple ones less: integrated gradients of minus the distance "
        "(Sundararajan and others, 2017), averaged over 4 noisy copies, with each image's median "
        "as the picture without content. It shows what this network uses, not why."
    )
    return Html(tag("p", words) + tag("div", charts, class_="charts"))
