import io

import numpy as np
import pytest

from tfmetric.visualization import sample_sheet


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (5,)])
def test_a_row_a_class_with_its_name(shape):
    rng = np.random.default_rng(0)
    examples = [rng.integers(0, 255, (count, *shape)) for count in (3, 1)]
    figure = sample_sheet(examples, ["a$b", "a name that is far too long for its place"], "t")
    figure.savefig(io.BytesIO(), format="png")
    tops = [round(axes.get_position().y1, 6) for axes in figure.axes]
    assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == [3, 1]
    texts = [text.get_text() for text in figure.texts]
    assert texts[:2] == ["t", "a$b"]
    assert len(texts[2]) == 20


def test_vectors_share_a_scale():
    figure = sample_sheet([np.array([[0.0, 1.0]]), np.array([[0.0, 100.0]])], ["a", "b"])
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="a name for each class"):
        sample_sheet([np.zeros((1, 4, 4))], ["a", "b"])
    with pytest.raises(ValueError, match="at least one example"):
        sample_sheet([np.zeros((0, 4, 4))], ["a"])
