import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tfmetric.visualization import neighbour_gallery, training_curves


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
    figure = neighbour_gallery(queries, neighbours, right, ["$x", "y$"], names, title="t")
    assert len(drawn(figure)) > 1000
    frames = np.array(figure.axes).reshape(2, 4)[:, 1:]
    for axes, hit in zip(frames.ravel(), right.ravel(), strict=True):
        spine = axes.spines["top"]
        assert to_hex(spine.get_edgecolor()) == ("#1a7f37" if hit else "#cf222e")
        assert (spine.get_linestyle() in ("solid", "-")) == hit


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"right \(Q, k\)"):
        neighbour_gallery(np.zeros((2, 4, 4)), np.zeros((2, 3, 4, 4)), np.ones((2, 2), bool))


def test_curves_of_what_the_history_holds():
    history = {"loss": [3.0, 2.0], "val_recall_at_1": [0.5, 0.6], "val_map_at_r": [0.1, 0.2]}
    figure = training_curves(history, {"raw, recall@1": 0.4}, title="t")
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["recall@1", "MAP@R"]
    assert len(drawn(figure)) > 1000
    assert len(training_curves({"loss": [1.0]}).axes) == 1
    with pytest.raises(ValueError, match='values for "loss"'):
        training_curves({"accuracy": [1.0]})
