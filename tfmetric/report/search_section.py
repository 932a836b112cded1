"""The section on a search for settings."""

from tfmetric.report.html import Html, table, tag
from tfmetric.report.pictures import chart
from tfmetric.visualization import intervals, objective_against, parallel_coordinates
from tfmetric.visualization._style import number_text
from tfmetric.visualization.groups import figure_title

_LISTED = 20


def search_section(run) -> Html:
    """Shows the searched settings, their scores, and the reliability of the best."""
    search = run.metrics["search"]
    trials, name = search["trials"], figure_title(search["objective"])
    searched = list(dict.fromkeys(key for trial in trials for key in trial["settings"]))
    pictures = [_against_drawn(search, name)]
    judged = [row for row in search.get("judged") or () if row.get("test") is not None]
    if judged:
        pictures.insert(0, _side_by_side(judged, name))
    if len(searched) > 1:
        words = (
            "Every trial as a line through the values that were searched: the darker, the better; "
            "the thick orange line is the best."
        )
        pictures.append(chart(parallel_coordinates(trials, objective=name), words, words))
    parts = [
        tag("p", *[[line, tag("br")] for line in search["words"]]),
        _judged_table(judged, name) if judged else None,
        tag("div", pictures, class_="charts"),
        _trials_table(trials, searched, name),
    ]
    return Html("".join(part for part in parts if part is not None))


def _against_drawn(search, name):
    """Shows the objective against the margin, or against another searched setting."""
    drawn, trials = search["drawn"], search["trials"]
    words = f"{name} of each trial on the validation part of the training data, against {drawn}."
    if any(len(trial.get("runs") or ()) > 1 for trial in trials):
        words += " Bars reach from the lowest to the highest run of a trial."
    if any(trial.get("sign") for trial in trials):
        words += " A trial with a ring looks collapsed."
    figure = objective_against(trials, drawn, default=search["default"].get(drawn), objective=name)
    return chart(figure, words, words)


def _side_by_side(judged, name):
    """Shows the best, the default setting and the baselines on the test data."""
    rows = [
        {
            "name": row["name"],
            "mean": row["test"],
            "interval": row.get("interval"),
            "baseline": "validation" not in row,
        }
        for row in judged
    ]
    words = (
        f"{name} on the test data: the best setting, the default setting, and baselines without "
        f"learning (hollow). Intervals are for new classes like these."
    )
    return chart(intervals(rows, objective=name), words, words)


def _judged_table(judged, name):
    """Returns the figures of the best, the default setting and the baselines, row by row."""
    first = judged[0]
    columns = [("validation", "validation")]
    if first.get("same_size") is not None:
        columns.append((f"test, {first['classes']} of its classes", "same_size"))
    columns.append((f"test, all {first['all_classes']} classes", "test"))
    rows = [
        (row["name"], *(_figure(row.get(key)) for _, key in columns), _ends(row.get("interval")))
        for row in judged
    ]
    head = ("setting", *(title for title, _ in columns), "95 % interval")
    caption = f"{name} of the best and the default setting, trained on all training data"
    return table(caption, head, rows, numeric=range(1, len(columns) + 1))


def _trials_table(trials, searched, name):
    rows = [
        (
            trial["trial"],
            *(_shown(trial["settings"].get(key)) for key in searched),
            f"{trial['score']:.4f}",
            "looks collapsed" if trial.get("sign") else trial["status"],
            trial["best_epoch"],
        )
        for trial in trials[:_LISTED]
    ]
    head = ("trial", *(key.replace("_", " ") for key in searched), name, "status", "best epoch")
    caption = (
        f"The best {len(rows)} of {len(trials)} trials" if len(rows) < len(trials) else "Trials"
    )
    numbers = range(1, len(searched) + 2)
    return table(caption, head, rows, numeric=(*numbers, len(head) - 1))


def _figure(value):
    return "–" if value is None else f"{value:.4f}"


def _ends(interval):
    return "–" if not interval else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _shown(value):
    if value is None:
        return "–"
    return number_text(value, 4) if isinstance(value, float) else str(value)
