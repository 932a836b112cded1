"""The sections of figures: retrieval with baselines, verification, confusions."""

import numpy as np

from tfmetric.evaluation import calibrate
from tfmetric.evaluation.retrieval.figures import figure_meaning, is_repeated
from tfmetric.evaluation.verification.summary import FARS
from tfmetric.report.html import Html, join, shortened, table, tag
from tfmetric.report.pictures import chart
from tfmetric.visualization import (
    confusion_matrix,
    det_curve,
    distance_histogram,
    roc_curve,
)
from tfmetric.visualization.groups import figure_title
from tfmetric.visualization.verification import needs_log_axis

_CLOSED = (
    "A closed set: the classes of the test are those of the training, the queries are test "
    "examples and the gallery is the training part. What the model does with new classes is not "
    "judged here."
)
# The confusion matrix shows all classes up to this number; more rows would be unreadable.
_ALL_CLASSES = 20


def retrieval_section(run) -> Html:
    """Shows all retrieval figures with intervals, and baselines beside the main figures."""
    result = run.metrics["result"]
    names = [
        name
        for name, value in result.items()
        if isinstance(value, (int, float)) and not name.startswith("num_") and not is_repeated(name)
    ]
    rows = [
        (figure_title(name), f"{result[name]:.4f}", _interval(run, name), figure_meaning(name))
        for name in names
    ]
    if not names:
        return tag("p", "No query has another example of its class: there are no figures.")
    first = next((name for name in names if name.startswith("recall_at_")), names[0])
    beside = []
    for title, values, by_neighbors in (
        ("learned", result, result.get("knn")),
        (result.get("raw_title") or "raw inputs", result.get("raw"), result.get("raw_knn")),
        ("untrained network", result.get("untrained"), result.get("untrained_knn")),
    ):
        if values:
            cells = [_with_interval(values, name) for name in (first, "map_at_r")]
            if result.get("knn"):
                cells.append("–" if not by_neighbors else f"{by_neighbors['accuracy']:.4f}")
            beside.append((title, *cells, f"{values.get('num_queries', 0):,}"))
    # Runs of earlier versions do not name their protocol, which was always this one.
    searched = result.get("protocol") or f"among {result.get('num_references', 0):,} examples"
    voted = ["k-NN"] if result.get("knn") else []
    head = ("embedding", figure_title(first), "MAP@R", *voted, "queries")
    parts = [
        tag(
            "p",
            f"{result.get('num_queries', 0):,} queries {searched}, by {result.get('distance')} "
            f"distance. {result.get('num_left_out', 0):,} queries have no other example of their "
            "class and are left out. Ties count against the model.",
        ),
        tag("p", _CLOSED + _voted(result)) if run.closed else None,
        table("Beside the baselines", head, beside, numeric=range(1, len(head))),
        [tag("p", f"Note: {note}.") for note in result.get("notes") or ()],
        table(
            "All figures, with 95 % intervals for new classes like these",
            ("figure", "value", "interval", "what it means"),
            rows,
            numeric=(1, 2),
        ),
    ]
    one_shot = run.metrics.get("one_shot")
    if one_shot:
        ways = "-, ".join(map(str, sorted(set(one_shot.get("ways") or ()))))
        runs = one_shot.get("runs") or {}
        value = _within(one_shot["accuracy"], one_shot.get("interval") or (np.nan, np.nan))
        facts = [(f"mean of {len(runs)} {ways}-way runs, in brackets 95 % for other runs", value)]
        facts += [(name, f"{share:.4f}") for name, share in runs.items()]
        parts.append(table("One-shot runs", ("run", "accuracy"), facts, numeric=(1,)))
    return join(parts)


def _voted(result):
    """What the column of accuracies is."""
    knn = result.get("knn")
    return f" k-NN is the share of right answers by a vote of {knn['method']}." if knn else ""


def verification_section(run) -> Html:
    """Shows verification: trade-off curves, distances, error rates."""
    found = run.verification
    if not (found.num_positives and found.num_negatives):
        return tag("p", f"{found.notes[0]}.")
    count = len(run.verified)
    sample = "" if count == run.evidence.total else f" of the {run.evidence.total:,}"
    intro = tag(
        "p",
        f"All pairs of {count:,}{sample} examples: {found.num_positives:,} of the same class, "
        f"{found.num_negatives:,} of different ones. A pair is accepted where its distance is at "
        "or below a threshold.",
    )
    named = {far: f"tar_at_far_{far:g}" for far in FARS if found.num_negatives * far >= 10}
    intervals = found.intervals(("auc", "eer", *named.values()))
    rows = [
        ("area under the ROC curve (AUC)", _within(found.auc, intervals["auc"])),
        ("equal error rate (EER)", _within(found.eer, intervals["eer"])),
        ("threshold of equal errors", f"{found.eer_threshold:.4f}"),
        *(
            (
                f"same pairs accepted at {percent(far)} % of different ones",
                _within(found.tar_at_far(far), intervals[named[far]])
                if far in named
                else "too few different pairs to tell",
            )
            for far in FARS
        ),
    ]
    charts = [
        chart(
            roc_curve(found),
            f"ROC curve: area {found.auc:.4f}.",
            f"Up and to the left is better. {_axis(found)}",
        ),
        chart(
            det_curve(found),
            f"DET curve: both errors are equal at {found.eer:.2%}.",
            "Down and to the left is better; the dot is where both errors are equal.",
        ),
        chart(
            distance_histogram(found),
            f"Histogram of distances; the threshold of equal errors is {found.eer_threshold:.3f}.",
            "The less the two overlap, the better.",
        ),
    ]
    caption = "Figures of verification; in brackets 95 % intervals for new classes"
    return Html(
        intro
        + tag("div", charts, class_="charts")
        + table(caption, ("figure", "value"), rows, numeric=(1,))
        + _calibrated(run)
    )


def _axis(found):
    """Explains the axis of false matches, which is linear if its left end shows little."""
    curve = found.roc()
    return "Logarithmic axis." if needs_log_axis(curve.fmr, curve.tmr) else "Linear axis."


def _calibrated(run):
    """Shows thresholds chosen on one half of the classes, tested on the other half."""
    chosen_on, tested_on = run.halves
    rows = []
    for words, target in (
        ("1 % of different pairs accepted", ("fmr", 0.01)),
        ("0.1 % of different pairs accepted", ("fmr", 0.001)),
        ("as many right as possible (F1)", "f1"),
    ):
        wanted = target[1] if isinstance(target, tuple) else 1
        if min(chosen_on.num_negatives, tested_on.num_negatives) * wanted < 10:
            continue
        if not chosen_on.num_positives or not tested_on.num_positives:
            continue
        found = calibrate(chosen_on, target=target, probability=None)
        tested = found.test(tested_on)
        rates = [_percent(tested, name) for name in ("fmr", "fnmr")]
        rates.append(f"{tested.at.precision:.3f}")
        rows.append((words, f"{found.threshold:.4f}", *rates))
    if not rows:
        return ""
    head = ("asked for", "threshold", "different accepted", "same missed", "precision")
    words = (
        "A threshold must hold on classes that it was not chosen on. These thresholds were chosen "
        "on one half of the classes; the last three columns are figures on the other half, with "
        "95 % intervals."
    )
    title = "Thresholds, chosen on one half and tested on the other"
    return (
        tag("h3", "Which threshold?")
        + tag("p", words)
        + table(title, head, rows, numeric=(1, 2, 3, 4))
    )


def confusion_section(run) -> Html:
    """Shows which classes the nearest neighbour confuses."""
    kept = run.evidence
    # The only example of a class cannot be assigned to it.
    able = run.nearest.actual >= 0
    codes, taken = run.nearest.actual[able], run.nearest.predicted[able]
    names = [str(kept.class_names[int(value)]) for value in run.nearest.classes]
    counts = np.bincount(codes)
    wrong = taken != codes
    pairs, times = np.unique(
        np.stack([codes[wrong], taken[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.lexsort((-times / np.maximum(counts[pairs[:, 0]], 1), -times))[:10]
    rows = [
        (
            shortened(names[pairs[i, 0]]),
            shortened(names[pairs[i, 1]]),
            f"{times[i]:,} of {counts[pairs[i, 0]]:,}",
        )
        for i in order
    ]
    intro = tag(
        "p",
        "Each example is taken for the class of its nearest neighbour: "
        f"{int(wrong.sum()):,} of {len(codes):,} examples are taken for another class.",
    )
    if not rows:
        return Html(intro)
    shown = np.arange(len(names)) if len(names) <= _ALL_CLASSES else _around(pairs[order])
    matrix = _small_matrix(shown, codes, taken, len(names))
    shown_names = [shortened(names[i]) for i in shown]
    figure = confusion_matrix(matrix, shown_names, top=len(shown), title=None, last="others")
    which = "all" if len(shown) == len(names) else "the most confused"
    words = f"Rows: true classes; columns: predicted classes; {which} {len(shown)} classes."
    return Html(
        intro
        + tag(
            "div",
            chart(
                figure, "Confusion matrix. The table beside it has the most frequent ones.", words
            ),
            table(
                "The most frequent confusions",
                ("class", "taken for", "how often"),
                rows,
                numeric=(2,),
            ),
            class_="charts",
        )
    )


def percent(share: float) -> str:
    """Formats a share in percent with three significant digits, never as a power of ten.

    >>> percent(0.99951), percent(1.0), percent(0.00001)
    ('100', '100', '0.001')
    """
    number = np.format_float_positional(100 * share, precision=3, fractional=False, trim="-")
    return number.rstrip(".")


def _within(value, ends):
    """Formats a value with its interval, if any; it is NaN where a resample has no pairs."""
    if np.isnan(ends).any():
        return f"{value:.4f}"
    return f"{value:.4f} ({ends[0]:.4f} to {ends[1]:.4f})"


def _percent(tested, name):
    low, high = tested.interval(name, repeats=100)
    value = f"{percent(getattr(tested.at, name))} %"
    return value if np.isnan(low) else f"{value} ({percent(low)} to {percent(high)})"


def _interval(run, name):
    stored = (run.metrics["result"].get("intervals") or {}).get(name)
    if stored is None and run.complete:
        stored = run.retrieval.interval(name)
    if stored is None or any(end is None or np.isnan(end) for end in stored):
        return "–"
    return f"{stored[0]:.4f} to {stored[1]:.4f}"


def _with_interval(values, name):
    value, ends = values.get(name), (values.get("intervals") or {}).get(name)
    if value is None:
        return "–"
    if not ends or None in ends:
        return f"{value:.4f}"
    return f"{value:.4f} ({ends[0]:.3f} to {ends[1]:.3f})"


def _around(pairs, limit=7):
    """Returns the classes of the most frequent confusions, ascending."""
    chosen = []
    for label in pairs.reshape(-1):
        if label not in chosen and len(chosen) < limit:
            chosen.append(int(label))
    return np.array(sorted(chosen))


def _small_matrix(shown, codes, taken, number):
    """Returns counts of the shown classes, with all others in a last column."""
    place = np.full(number, len(shown))
    place[shown] = np.arange(len(shown))
    matrix = np.zeros((len(shown), min(number, len(shown) + 1)))
    inside = np.isin(codes, shown)
    np.add.at(matrix, (place[codes[inside]], place[taken[inside]]), 1)
    return matrix
