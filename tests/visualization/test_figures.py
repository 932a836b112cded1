import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tfmetric.visualization import neighbor_gallery, training_curves


def drawn(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (8, 8), (5,)])
def test_right_and_wrong_neighbours_are_framed_so(shape):
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 255, (2, *shape))
    neighbours = rng.integers(0, 255, (2, 3, *shape))
    right = np.array([[True, False, True], [False, False, True]])
    names = [["a$b", "c_", "\\d"], ["e", "f", "g"]]
    figure = neighbor_gallery(queries, neighbours, right, ["$x", "y$"], names, title="t")
    assert len(drawn(figure)) > 1000
    frames = np.array(figure.axes).reshape(2, 4)[:, 1:]
    for axes, hit in zip(frames.ravel(), right.ravel(), strict=True):
        spine = axes.spines["top"]
        assert to_hex(spine.get_edgecolor()) == ("#1a7f37" if hit else "#cf222e")
        assert (spine.get_linestyle() in ("solid", "-")) == hit


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"right \(Q, k\)"):
        neighbor_gallery(np.zeros((2, 4, 4)), np.zeros((2, 3, 4, 4)), np.ones((2, 2), bool))


def test_curves_of_what_the_history_holds():
    history = {"loss": [3.0, 2.0], "val_recall_at_1": [0.5, 0.6], "val_map_at_r": [0.1, 0.2]}
    figure = training_curves(history, {"raw, recall@1": 0.4}, title="t")
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["recall@1", "MAP@R"]
    assert len(drawn(figure)) > 1000
    assert len(training_curves({"loss": [1.0]}).axes) == 1
    with pytest.raises(ValueError, match='values for "loss"'):
        training_curves({"accuracy": [1.0]})


def test_a_gallery_without_a_title_has_no_empty_strip_where_it_would_be():
    images = np.zeros((2, 8, 8, 1), "uint8")
    for title in (None, "a title"):
        figure = neighbor_gallery(images, images[:, None], [[True], [False]], title=title)
        page = np.asarray(_pixels(figure)).min(axis=(1, 2))
        assert np.flatnonzero(page < 255)[0] < 0.2 * figure.dpi  # Less than 5 mm of white.


def _pixels(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.buffer_rgba()


def test_one_epoch_is_epoch_one():
    figure = training_curves({"loss": [1.0]})
    _pixels(figure)
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1]


def test_baselines_that_are_close_do_not_write_over_each_other():
    history = {"loss": [3.0], "val_recall_at_1": [0.5]}
    figure = training_curves(history, {"untrained": 0.64, "raw": 0.66, "far": 0.2})
    _pixels(figure)
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
