"""What is measured of an index, and the picture of it."""

import json

import numpy as np
import pytest

from tfmetric import search, visualization
from tfmetric.search import ExactIndex, Neighbors

X = np.random.default_rng(0).normal(size=(300, 32)).astype(np.float32)


def filled(*arguments):
    index = ExactIndex(*arguments)
    index.add(X, range(len(X)))
    return index


class Half(ExactIndex):
    """Finds every other of the nearest."""

    def query(self, embeddings, k=10):
        found = super().query(embeddings, 2 * k)
        return Neighbors(found.ids[:, ::2], found.distances[:, ::2])


def test_recall_is_the_share_of_the_nearest_that_is_found():
    half = Half("cosine")
    half.add(X, range(300))
    result = search.evaluate(half, X[:30], filled("cosine"), k=4, batch_size=7, name="half")
    assert result.recall == 0.5
    assert (result.num_queries, result.batch_size, result.count) == (30, 7, 300)
    assert result.nbytes == half.nbytes > X.nbytes
    assert list(result.latency_ms) == [50, 95, 99]
    assert json.loads(result.to_json())["name"] == "half"
    assert "0.5000 of the neighbors of exact search" in result.summary()


def test_recall_beyond_the_size_of_the_index_is_that_of_all_there_is():
    assert search.evaluate(filled("cosine"), X[:5], filled("cosine"), k=500).recall == 1.0


def test_without_the_truth_there_is_no_recall_and_no_picture():
    result = search.evaluate(filled("cosine"), X[:5], k=400)
    assert result.recall is None
    assert "recall" not in result.summary()
    with pytest.raises(ValueError, match="results with a recall"):
        visualization.recall_against_speed([result])


def test_two_indexes_of_other_things_are_not_compared():
    with pytest.raises(ValueError, match="exact to hold the same 300"):
        search.evaluate(filled("cosine"), X[:5], filled("euclidean"))
    with pytest.raises(ValueError, match="queries, and a non-empty index"):
        search.evaluate(ExactIndex(), X[:5])


def test_the_picture_has_a_mark_for_each(tmp_path):
    truth = filled("cosine")
    results = [
        search.evaluate(filled("cosine", storage), X[:9] + 0.1, truth, name=storage)
        for storage in ("float32", "int8")
    ]
    figure = visualization.recall_against_speed(results, "Two indexes")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label.split()[0] for label in labels] == ["float32", "int8"]
    figure.savefig(tmp_path / "picture.png")
