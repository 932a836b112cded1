"""Trade-off curves, histograms, maps."""

import io
import sys

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.visualization import (
    det_curve,
    distance_histogram,
    embedding_map,
    interactive_map,
    project,
    roc_curve,
    save_interactive,
    training_curves,
)
from tfmetric.visualization._style import printable, short

RNG = np.random.default_rng(0)
E = RNG.normal(size=(60, 5)).astype("float32") + 2 * np.repeat(np.eye(5), 12, axis=0)
Y = np.repeat(np.arange(5), 12)


def drawn(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return len(file.getvalue())


@pytest.fixture(scope="module")
def verified():
    return tm.evaluation.verification(E, Y)


def test_a_curve_is_that_of_the_result(verified):
    figure = roc_curve({"a model": verified, "chance_": ([0.0, 1.0], [0.0, 1.0])})
    line, other, _ = figure.axes[0].lines
    curve = verified.roc()
    np.testing.assert_allclose(line.get_xdata(), curve.fmr)
    np.testing.assert_allclose(line.get_ydata(), 100 * np.asarray(curve.tmr))
    assert line.get_label() == f"a model, AUC {verified.auc:.4f}"
    assert line.get_color() != other.get_color()
    assert line.get_linestyle() != other.get_linestyle()
    assert drawn(figure) > 1000


def test_both_errors_are_equal_at_the_dot(verified):
    figure = det_curve(verified)
    dot = figure.axes[0].lines[1]
    assert dot.get_xdata() == dot.get_ydata()
    from scipy.stats import norm

    assert norm.cdf(dot.get_xdata()[0]) == pytest.approx(verified.eer)
    assert drawn(figure) > 1000


@pytest.mark.parametrize("curve", [([0.0], [1.0]), ([0.0, 1.0], [1.0, 1.0]), ([1.0], [1.0])])
def test_curves_without_errors_can_be_drawn(curve):
    assert drawn(roc_curve(curve)) > 1000
    assert drawn(det_curve(curve)) > 1000


def test_a_figure_that_is_not_known_is_not_named():
    one_class = tm.evaluation.verification(E, np.zeros(len(E), int))
    for draw in (roc_curve, det_curve):
        axes = draw(one_class).axes[0]
        assert axes.get_legend() is None


def test_a_collapsed_embedding_has_ticks_that_do_not_overlap():
    figure = roc_curve(tm.evaluation.verification(np.ones((8, 2)), np.arange(8) % 2))
    drawn(figure)
    assert figure.axes[0].lines[0].get_drawstyle() == "steps-post"  # Not level at 100 %.
    # Rates of 0 and 1 alone: a logarithmic axis would have nothing to show.
    assert figure.axes[0].get_xscale() == "linear"
    assert figure.axes[0].get_xlim() == (0, 1)


def test_the_axis_of_false_matches_is_logarithmic_where_a_curve_reaches_down():
    few = ([0.0, 0.2, 1.0], [0.5, 0.9, 1.0])
    many = ([0.0, 0.001, 0.2, 1.0], [0.5, 0.6, 0.9, 1.0])
    assert roc_curve(few).axes[0].get_xscale() == "linear"
    assert roc_curve(many).axes[0].get_xscale() == "log"
    both = roc_curve({"few": few, "many": many}).axes[0]
    assert both.get_xscale() == "log"
    low, high = both.get_xlim()
    assert high / low >= 100  # In one decade matplotlib writes a number at each minor tick.


def test_legends_stand_above_the_axes(verified):
    for draw in (roc_curve, det_curve, distance_histogram):
        figure = draw(verified)
        figure.canvas.draw()
        axes = figure.axes[0]
        assert axes.get_legend().get_window_extent().y0 >= axes.bbox.y1 - 1


def test_curves_that_are_none():
    with pytest.raises(ValueError, match="one shape"):
        roc_curve(([0.0, 1.0], [1.0]))
    with pytest.raises(ValueError, match="one result"):
        det_curve({})


def test_the_threshold_stands_in_the_histogram(verified):
    figure = distance_histogram(verified)
    (line,) = figure.axes[0].lines
    assert line.get_xdata()[0] == pytest.approx(verified.eer_threshold)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [
        f"same ({verified.num_positives:,} pairs)",
        f"different ({verified.num_negatives:,} pairs)",
    ]
    assert drawn(distance_histogram(([0, 1, 2], [0, 0], [1, 1]))) > 1000


def test_pca_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA

    want = PCA(2).fit_transform(E.astype("float64"))
    found = project(E)
    np.testing.assert_allclose(np.abs(found), np.abs(want), atol=1e-4)


@pytest.mark.parametrize("number", [1, 2, 7, 9])
def test_a_map_of_few_points(number):
    for method in ("pca", "tsne"):
        points = project(E[:number], method)
        assert points.shape == (number, 2)
        assert np.isfinite(points).all()
    assert project(E[:, :1]).shape == (60, 2)


def test_maps_keep_neighbours_together():
    points = project(E, "tsne")
    result = tm.evaluation.retrieval(points, Y, ks=(1,))
    assert result.recall_at[1] > 0.7


def test_umap_or_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"tfmetric\[viz\]"):
        project(E, "umap")


def test_bad_maps():
    with pytest.raises(ValueError, match="pca, tsne, umap"):
        project(E, "map")
    with pytest.raises(ValueError, match="finite embeddings"):
        project([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="labels"):
        embedding_map(E, Y[:3])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_map_of_images_with_few_colours(channels):
    images = RNG.integers(0, 255, (60, 9, 9, channels)).astype("uint8")
    figure = embedding_map(E, Y, ["$a", "b", "c", "d", "e"], images, classes=2)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["3 other classes", "$a", "b"]
    assert drawn(figure) > 1000


def test_the_interactive_map_shows_images_and_runs_no_names(tmp_path):
    pytest.importorskip("plotly")
    images = RNG.integers(0, 255, (60, 4, 4, 1)).astype("uint8")
    names = ["<b>a</b>", "b", "c", "d", "e"]
    figure = interactive_map(E, Y, names, images, classes=2)
    assert [trace.name for trace in figure.data] == ["&lt;b&gt;a&lt;/b&gt;", "b", "other classes"]
    picture, name = figure.data[0].customdata[0]
    assert picture.startswith("data:image/png;base64,")
    assert name == "<b>a</b>: 0"
    save_interactive(figure, tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "plotly_hover" in page
    assert "<b>a</b>" not in page
    with pytest.raises(ValueError, match="60 images"):
        interactive_map(E, Y, images=images[:3])


def test_names_in_any_script_give_no_warning():
    assert printable("ab漢\u0301\n$") == "ab\u25a1\u0301\n$"
    assert short("class number 17", 10) == "class…r 17"
    figure = embedding_map(E, Y, ["漢字", "\x07", "\U0001f600", "d", "e"], title="漢 $")
    assert drawn(figure) > 1000


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_one_point_and_huge_numbers_are_laid_out(method):
    assert not project(np.ones((40, 3)), method).any()
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert np.isfinite(project(x * 1e30, method)).all()


def test_known_classes_and_mining_have_their_own_lines():
    names = ("loss", "val_map_at_r", "known_recall_at_1", "known_map_at_r", "hardest_positive")
    history = {name: [0.5, 0.25] for name in (*names, "active_fraction", "embedding_norm")}
    panels = {axes.get_ylabel(): axes for axes in training_curves(history).axes}
    labels = {
        name: [text.get_text() for text in axes.get_legend().get_texts()]
        for name, axes in panels.items()
        if axes.get_legend()
    }
    assert labels == {
        "on known and on unseen classes": [
            "MAP@R",
            "recall@1, known classes",
            "MAP@R, known classes",
        ],
        "distance": ["furthest of its class"],
        "share in training batches": ["active share of the hardest triplets"],
        "length of an embedding": ["mean length"],
    }
