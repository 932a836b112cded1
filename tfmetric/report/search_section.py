"""The section on the search that chose the settings of a run."""

from tfmetric.report.html import Html, table, tag
from tfmetric.report.pictures import chart
from tfmetric.visualization import objective_against, parallel_coordinates
from tfmetric.visualization.groups import figure_title

_LISTED = 20


def search_section(run) -> Html:
    """What was searched, how trials went, and how far the best figure may be believed."""
    search = run.metrics["search"]
    trials, name = search["trials"], figure_title(search["objective"])
    searched = list(dict.fromkeys(key for trial in trials for key in trial["settings"]))
    drawn = search["drawn"]
    words = (
        f"{name} on validation classes, which are some of the training classes, against {drawn}; "
        f"bars from the lowest to the highest run of a trial."
    )
    default = search["default"].get(drawn)
    figure = objective_against(trials, drawn, default=default, objective=name)
    pictures = [chart(figure, words, words)]
    if len(searched) > 1:
        words = "Every trial as a line through what was searched; the best is red."
        pictures.append(chart(parallel_coordinates(trials, objective=name), words, words))
    parts = [
        tag("p", *[[line, tag("br")] for line in search["words"]]),
        tag("div", pictures, class_="charts"),
    ]
    rows = [
        (
            trial["trial"],
            *(_shown(trial["settings"].get(key)) for key in searched),
            f"{trial['score']:.4f}",
            trial["status"],
            trial["best_epoch"],
        )
        for trial in trials[:_LISTED]
    ]
    head = ("trial", *(key.replace("_", " ") for key in searched), name, "status", "best epoch")
    caption = (
        f"The best {len(rows)} of {len(trials)} trials" if len(rows) < len(trials) else "Trials"
    )
    numbers = range(1, len(searched) + 2)
    return Html("".join([*parts, table(caption, head, rows, numeric=(*numbers, len(head) - 1))]))


def _shown(value):
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
