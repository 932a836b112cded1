"""Pictures of searches and of benchmarks."""

import io

import matplotlib.colors
import numpy as np
import pytest

from tfmetric.visualization import (
    intervals,
    objective_against,
    parallel_coordinates,
    parallel_coordinates_html,
)
from tfmetric.visualization._trial_axes import MISSING, Axis, lines


def trial(score, status="completed", runs=(), **settings):
    return {"settings": settings, "score": score, "runs": list(runs), "status": status}


TRIALS = [
    trial(0.50, margin=0.01, mining="hard", loss="TripletLoss", runs=[0.48, 0.52]),
    trial(0.60, margin=0.1, mining="hard", loss="TripletLoss", runs=[0.59, 0.61]),
    trial(0.55, margin=1.0, mining="all", loss="TripletLoss"),
    trial(0.90, "pruned", margin=0.2, mining="all", loss="TripletLoss"),
    trial(0.0, "collapsed", margin=0.5, mining="hard", loss="TripletLoss"),
    trial(0.58, temperature=0.1, loss="NTXentLoss"),
    trial(None, temperature=0.2, loss="NTX$ent_Löss漢"),
]


def drawn(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return len(file.getvalue()) > 1000


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def of_marker(axes, marker):
    found = [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in found]


def test_the_best_is_starred_the_default_marked_and_a_pruned_one_is_never_the_best():
    figure = objective_against(TRIALS, default=0.2)
    assert drawn(figure)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert of_marker(axes, "*") == [(0.1, 0.6)]
    assert {"best, 0.600 at 0.1", "default, 0.2", "stopped early"} <= set(legend(figure))
    # Two kinds of trials, of which each has a colour and a mark of its own.
    kinds = [
        line for line in axes.lines if line.get_label() in ("TripletLoss, hard", "TripletLoss, all")
    ]
    assert (
        len({line.get_color() for line in kinds}) == len({line.get_marker() for line in kinds}) == 2
    )


def test_a_collapsed_trial_stands_below_all_others():
    axes = objective_against(TRIALS).axes[0]
    ((x, y),) = of_marker(axes, "x")
    assert x == 0.5
    marked = [at for mark in "os^*" for _, at in of_marker(axes, mark)]
    assert axes.get_ylim()[0] < y < min(marked)
    ticks = dict(
        zip((t.get_text() for t in axes.get_yticklabels()), axes.get_yticks(), strict=True)
    )
    assert ticks["collapsed"] == y
    assert min(at for text, at in ticks.items() if text != "collapsed") > y


def test_against_a_text_and_with_nothing_but_a_collapsed_trial():
    figure = objective_against(TRIALS, "mining", default="all", title="$t_i$tle")
    assert drawn(figure)
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["all", "hard"]
    assert drawn(objective_against([TRIALS[4]]))
    with pytest.raises(ValueError, match="one of the searched margin, mining, loss, temperature"):
        objective_against(TRIALS, "scale")
    with pytest.raises(ValueError, match="one trial at least"):
        objective_against([])


def test_many_kinds_share_one_grey():
    trials = [trial(0.5 + i / 100, margin=0.1, loss=f"loss {i}") for i in range(14)]
    found = legend(objective_against(trials))
    assert "6 others" in found
    assert "loss 13" in found
    assert "loss 0" not in found


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([0.1, 0.2, 0.3, 0.9], "linear", {0.1: 0, 0.3: 0.25, 0.9: 1}),
        ([0.01, 0.1, 1.0], "log", {0.01: 0, 0.1: 0.5, 1.0: 1}),
        ([0.0, 1.0, 100.0], "linear", {0.0: 0, 1.0: 0.01}),
        ([32, 64, 32, 64], "steps", {32: 0.25, 64: 0.75}),
        (["b", "a", MISSING], "steps", {"a": 0.25, "b": 0.75}),
        ([True, 1, None], "steps", {1: 1 / 6}),
        ([0.3], "steps", {0.3: 0.5}),
        ([(8, 4), (4, 8), (8, 4)], "steps", {(4, 8): 0.25}),
    ],
)
def test_axes(values, kind, wanted):
    axis = Axis(values)
    assert axis.kind == kind
    for value, at in wanted.items():
        assert axis.position(value) == pytest.approx(at)
    assert all(0 <= at <= 1 for at, _ in axis.ticks)


def test_a_line_passes_each_axis_at_its_value():
    names, _, heights = lines(TRIALS, -0.13)
    assert names == ["loss", "margin", "mining", "temperature"]  # Those that most have come first.
    margin, score = heights[:, 1], heights[:, -1]
    np.testing.assert_allclose(margin[:3], [0, 0.5, 1])
    assert (margin[5:] < 0).all()
    assert (score[[4, 6]] < 0).all()
    np.testing.assert_allclose(score[[0, 3]], [0, 1])
    # No two lie upon each other on a step, and the better one is above.
    assert heights[1, 2] > heights[0, 2] > heights[4, 2]
    assert len(set(heights[:, 0])) == len(TRIALS)


def test_the_best_line_is_red_thick_and_on_top_and_better_ones_are_darker():
    figure = parallel_coordinates(TRIALS, title="t")
    assert drawn(figure)
    axes = figure.axes[0]
    paths = [p for p in axes.patches if not p.get_fill()]
    top = paths[-1]
    assert matplotlib.colors.to_hex(top.get_edgecolor()) == "#d55e00"
    assert top.get_linewidth() == max(p.get_linewidth() for p in [*paths[:-2], top])
    assert top.get_zorder() == max(p.get_zorder() for p in paths)
    brightness = {
        round(p.get_path().vertices[-1][1], 6): np.dot(p.get_edgecolor()[:3], [0.3, 0.59, 0.11])
        for p in paths[:-2]
    }
    _, _, heights = lines(TRIALS, -0.13)
    bright = [brightness[round(heights[i, -1], 6)] for i in (0, 2, 5)]  # 0.50, 0.55, 0.58.
    assert bright == sorted(bright, reverse=True)
    texts = [text.get_text() for text in axes.texts]
    assert {"best 0.600", "TripletLoss", "collapsed", "none"} <= set(texts)


@pytest.mark.parametrize("trials", [TRIALS[:1], TRIALS[4:5], [trial(0.5), trial(0.6)]])
def test_little_to_draw(trials):
    assert drawn(parallel_coordinates(trials))


def test_a_page_that_needs_no_network(tmp_path):
    pytest.importorskip("plotly")
    path = tmp_path / "trials.html"
    evil = [trial(0.7, margin=0.3, mining="</script><b>"), *TRIALS]
    parallel_coordinates_html(evil, path, title="<i>t</i>")
    page = path.read_text(encoding="utf-8")
    assert "<script src" not in page
    assert "<link" not in page
    assert "</script><b>" not in page
    assert [p.name for p in tmp_path.iterdir()] == ["trials.html"]


def test_intervals_stand_in_order_and_reach_from_end_to_end():
    rows = [
        {"name": "low", "mean": 0.4, "interval": (0.3, 0.5), "values": [0.35, 0.45]},
        {"name": "raw", "mean": 0.9, "interval": None, "baseline": True},
        {"name": "high$_", "mean": 0.5, "interval": (-7.0, 8.0), "values": [0.5]},
        {"name": "none", "mean": float("nan"), "interval": None},
    ]
    figure = intervals(rows, "t")
    assert drawn(figure)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["low", "high$_", "raw"]
    assert axes.lines[0].get_xdata().tolist() == [0.3, 0.5]
    assert -0.05 < axes.get_xlim()[0] < axes.get_xlim()[1] < 1.05
    with pytest.raises(ValueError, match="finite mean"):
        intervals(rows[-1:])
