"""Writes an interactive page of a search over several settings."""

import json
from typing import Any

import numpy as np

from tfmetric import _optional
from tfmetric._files import replacing
from tfmetric.typing import PathLike
from tfmetric.visualization._style import short
from tfmetric.visualization._trial_axes import (
    MISSING,
    check_trials,
    collapsed,
    lines,
    pruned,
    score_of,
    shown,
)
from tfmetric.visualization.interactive import _escaped as escaped
from tfmetric.visualization.parallel_coordinates_figure import (
    BELOW,
    colour,
    colour_range,
    drawing_order,
)


def parallel_coordinates_html(
    trials: Any, path: PathLike, title: str | None = None, objective: Any = "MAP@R"
) -> None:
    """Writes the lines of :func:`parallel_coordinates` as an interactive page.

    Drag along an axis to see only trials with these values, drag its name to move it. The page
    needs no network. Needs the extra ``viz``.

    Args:
        trials: As for :func:`parallel_coordinates`.
        path: File to write; an existing one is replaced.
        title: Title of the page.
        objective: The name of the score.

    Raises:
        ValueError: If there is no trial.
        ImportError: If plotly is not installed.

    Example:

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "trials.html")
    >>> parallel_coordinates_html([{"settings": {"margin": 0.1}, "score": 0.5}], path)
    >>> "parcoords" in path.read_text(encoding="utf-8")
    True
    """
    plotly = _optional.require("plotly.graph_objects", "viz")
    trials = check_trials(trials)
    names, scales, heights = lines(trials, BELOW)
    dimensions = []
    for column, (name, scale) in enumerate(zip([*names, objective], scales, strict=True)):
        texts = {at: short(text, 18) for at, text in scale.ticks}
        if (heights[:, column] < 0).any():
            texts[BELOW] = "collapsed" if column == len(names) else "none"
        # plotly selects from tick to tick, so each value has a tick, usually without text.
        ticks = sorted({*texts, *heights[:, column].tolist()})
        dimensions.append(
            {
                "label": escaped(str(name).replace("_", " ")),
                "values": heights[:, column].tolist(),
                "range": [BELOW - 0.05, 1.05],
                "tickvals": ticks,
                # Plain texts, unlike the label.
                "ticktext": [texts.get(at, "") + _unseen(i) for i, at in enumerate(ticks)],
            }
        )
    low, high = colour_range(trials)
    scores = [low if collapsed(trial) else score_of(trial) for trial in trials]
    line = {"color": scores, "colorscale": _colour_stops(), "cmin": low, "cmax": high}
    figure = plotly.Figure(
        plotly.Parcoords(
            dimensions=dimensions,
            line=line,
            unselected={"line": {"color": "#d0d7de", "opacity": 0.25}},
        )
    )
    figure.update_layout(
        title=escaped(title or f"{len(trials):,} trials"), height=480, margin={"l": 130, "b": 30}
    )
    page = figure.to_html(
        include_plotlyjs=True, full_html=True, post_script=_script(names, trials, objective)
    )
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")


def _unseen(number):
    """Returns a unique text of no width, because plotly merges ticks of equal text."""
    return f"{number:b}".replace("0", "\u200b").replace("1", "\u200c")


# plotly's lines show no values on hover, so a table lists the selected trials. It uses
# createElement and textContent, because a name may hold markup.
_SCRIPT = """
const plot = document.getElementById('{plot_id}');
const style = document.createElement('style');
style.textContent = '.tick line { display: none }';
document.head.append(style);
const table = document.createElement('table');
table.style.cssText = 'font:14px sans-serif;border-collapse:collapse;margin:0 auto 2rem';
const add = (cells, kind) => {
  const row = document.createElement('tr');
  for (const text of cells) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    cell.style.cssText = 'padding:.2rem .8rem;text-align:left;border-bottom:1px solid #d0d7de';
    row.append(cell);
  }
  table.append(row);
  return row;
};
add(TABLE.head, 'th');
const rows = TABLE.rows.map(cells => add(cells, 'td'));
document.body.append(table);
plot.on('plotly_restyle', () => {
  rows.forEach((row, i) => {
    const chosen = plot.data[0].dimensions.every(axis => {
      const ranges = axis.constraintrange;
      if (!ranges) return true;
      const value = axis.values[TABLE.places[i]];
      return (Array.isArray(ranges[0]) ? ranges : [ranges])
        .some(([low, high]) => low <= value && value <= high);
    });
    row.style.display = chosen ? '' : 'none';
  });
});
"""


def _script(names, trials, objective):
    best_first = sorted(range(len(trials)), key=lambda i: drawing_order(trials[i]), reverse=True)
    rows = []
    for i in best_first:
        values = [trials[i]["settings"].get(name, MISSING) for name in names]
        score = "collapsed" if collapsed(trials[i]) else f"{score_of(trials[i]):.4f}"
        status = " (stopped early)" if pruned(trials[i]) else ""
        rows.append(["" if v is MISSING else shown(v) for v in values] + [score + status])
    held = {"head": [*map(str, names), objective], "rows": rows, "places": best_first}
    # "</script>" in a name would end the script; plotly replaces {plot_id} by its id.
    text = json.dumps(held).replace("<", "\\u003c").replace("{plot_id}", "plot_id")
    return f"const TABLE = {text};" + _SCRIPT


def _colour_stops():
    """Returns the colours as plotly takes them."""
    from matplotlib.colors import to_hex

    return [[share, to_hex(colour(share))] for share in np.linspace(0, 1, 11).tolist()]
