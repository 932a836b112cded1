"""The whole page: head, key figures, table of contents, sections."""

import base64
import hashlib

import numpy as np

from tfmetric._version import __version__
from tfmetric.report import about, examples, figures, groups, map_view, players, tasks, wide_tables
from tfmetric.report.html import Html, shortened, tag
from tfmetric.report.search_section import search_section
from tfmetric.report.style import STYLE
from tfmetric.visualization.groups import figure_title

_SCRIPT = wide_tables.SCRIPT + map_view.SCRIPT + players.SCRIPT
_NO_EVIDENCE = (
    "This run has kept no evidence.npz (runs of older versions have not), so there is nothing to "
    "draw this from."
)
_NO_EXAMPLES = "The examples were too large to be kept with the run, so they cannot be shown."
_NO_MODEL = "There is no model.keras in the run that could be loaded, and gradients need one."


def page(run) -> str:
    """The report of a :class:`~tfmetric.report.subject.Subject`."""
    sections = [
        ("data", "Data", about.data_section, None),
        ("training", "Model and training", about.training_section, None),
        ("figures", "Figures", figures.retrieval_section, None),
        ("neighbours", "Neighbours", examples.neighbor_section, _needs_examples),
        ("worst", "Worst cases", examples.worst_section, _needs_examples),
        ("verification", "Same or different?", figures.verification_section, _needs_evidence),
        ("confusions", "Confusions", figures.confusion_section, _needs_evidence),
        ("uses", "Other uses", tasks.tasks_section, _needs_evidence),
        ("health", "Health of the embedding", tasks.health_section, _needs_evidence),
        ("map-of", "Map", examples.map_section, _needs_evidence),
        ("groups", "Groups", groups.group_section, _needs_groups),
        ("saliency", "What makes two similar", examples.saliency_section, _needs_model),
        ("reproduce", "Do it again", about.reproduce_section, None),
    ]
    if run.metrics.get("search"):  # Only for `tfmetric tune`.
        sections.insert(2, ("search", "The search", search_section, None))
    parts, links = [], []
    for name, title, write, missing in sections:
        reason = missing(run) if missing else None
        body = tag("p", reason, class_="none") if reason else write(run)
        heading = tag("h2", title, id=f"{name}-title")
        parts.append(tag("section", heading, body, id=name, aria_labelledby=f"{name}-title"))
        links.append(tag("li", tag("a", title, href=f"#{name}")))
    whole = [
        tag("a", "Skip to the report", href="#report", class_="skip"),
        tag("header", _head(run)),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", parts, id="report", tabindex="-1"),
        tag("footer", f"Written by tfmetric {__version__}. The page needs no network."),
        tag("script", Html(_SCRIPT)),
    ]
    title = f"{shortened(run.name)}: report of a similarity model"
    return (
        "<!DOCTYPE html>\n"
        + tag("html", tag("head", _meta(), tag("title", title)), tag("body", whole), lang="en")
        + "\n"
    )


def _meta():
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    # The page sends no request and runs only its own scripts.
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content=f"tfmetric {__version__}"),
        # An inline favicon, because browsers would request one.
        Html('<link rel="icon" href="data:,">'),
        tag("style", Html(STYLE)),
    ]


def _head(run):
    metrics, result = run.metrics, run.metrics["result"]
    first = next((name for name in result if name.startswith("recall_at_")), None)
    names = [name for name in (first, "map_at_r", "mrr") if name and result.get(name) is not None]
    cells = []
    for name in names:
        notes = []
        ends = (result.get("intervals") or {}).get(name)
        if ends and None not in ends:
            notes.append(tag("span", f"95 %: {ends[0]:.3f} to {ends[1]:.3f}", class_="small"))
        raw = (result.get("raw") or {}).get(name)
        if raw is not None:
            notes.append(
                tag("span", f"{result.get('raw_title') or 'raw inputs'}: {raw:.3f}", class_="small")
            )
        value = tag("dd", f"{result[name]:.3f}", notes)
        cells.append(tag("div", tag("dt", figure_title(name)), value))
    if result.get("knn"):
        cells.insert(0, _by_neighbors(result))
    test = metrics.get("test") or {}
    classes = tag(
        "dd", f"{test.get('classes', 0):,}", _small(f"{test.get('examples', 0):,} examples")
    )
    unseen = "classes, all trained on" if run.closed else "unseen classes"
    cells.append(tag("div", tag("dt", unseen), classes))
    lines = str(result.get("verdict") or "").splitlines()
    made = metrics.get("created")
    return [
        tag("h1", shortened(run.name)),
        tag("p", "Report of a similarity model", f", {made}" if made else ""),
        _alarm(metrics),
        [tag("p", line, class_="verdict") for line in lines],
        tag("p", metrics["advice"], class_="verdict") if metrics.get("advice") else None,
        tag("dl", cells, class_="key"),
    ]


def _by_neighbors(result):
    """The share of right answers of the nearest neighbors, of a closed set the first figure."""
    knn, raw = result["knn"], result.get("raw_knn")
    notes = [_small(f"a vote of {knn['method']}")]
    if raw:
        notes.append(_small(f"{result.get('raw_title') or 'raw inputs'}: {raw['accuracy']:.3f}"))
    return tag("div", tag("dt", "accuracy"), tag("dd", f"{knn['accuracy']:.3f}", notes))


def _alarm(metrics):
    """States a collapse of the training first, because it explains all figures below."""
    if not metrics.get("collapsed"):
        return None
    reason = str(metrics.get("collapse") or "The embeddings have become one point, or nearly so.")
    return tag("p", tag("strong", "Collapsed. "), reason, class_="alarm", role="note")


def _small(text):
    return tag("span", text, class_="small")


def _needs_evidence(run):
    if run.evidence is None:
        return _NO_EVIDENCE
    bad = int((~np.isfinite(run.evidence.embeddings).all(axis=1)).sum())
    if bad:
        return f"{bad:,} of the embeddings hold NaN or infinity: training has diverged."
    if run.retrieval.num_queries < 2:
        return "Too few examples have another one of their class."
    return None


def _needs_examples(run):
    return _needs_evidence(run) or (_NO_EXAMPLES if run.evidence.thumbnails is None else None)


def _needs_groups(run):
    if run.evidence is not None and run.evidence.groups is None:
        return (
            "The data has no groups, such as typefaces, alphabets or people. A .csv may have a "
            "column “group”, an .npz an array of that name."
        )
    return _needs_evidence(run)


def _needs_model(run):
    reason = _needs_evidence(run)
    if reason:
        return reason
    if run.evidence.pair_inputs is None or not len(run.evidence.pairs):
        return "Only images have pixels to look at."
    return None if run.model is not None else _NO_MODEL
