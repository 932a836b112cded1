"""Pictures of what goes wrong: worst queries, confusions, groups."""

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.datasets import LabeledData
from tfmetric.datasets.sources import ArraySource
from tfmetric.visualization import (
    confusion_matrix,
    find_neighbors,
    group_gaps,
    neighbor_gallery,
    worst_queries,
)
from tfmetric.visualization.queries import hardest

RNG = np.random.default_rng(0)
E = RNG.normal(size=(30, 3)).astype("float32")
Y = RNG.integers(0, 6, 30)


def by_hand(query, k):
    """Neighbours, their hits, and who of the class is missed at which rank: a plain sort."""
    keys = []
    for i in range(len(E)):
        if i != query:
            pairs = zip(E[query].tolist(), E[i].tolist(), strict=True)
            gap = sum((a - b) ** 2 for a, b in pairs) ** 0.5
            keys.append((gap, Y[i] == Y[query], i))
    order = [i for _, _, i in sorted(keys)]
    missed = [(rank, i) for rank, i in enumerate(order, 1) if rank > k and Y[i] == Y[query]]
    return order[:k], [bool(Y[i] == Y[query]) for i in order[:k]], missed


@pytest.mark.parametrize("query", [0, 7, 29])
def test_neighbours_and_missed_ones_as_by_hand(query):
    found = find_neighbors(E, Y, [query], k=4, missing=2)
    order, right, missed = by_hand(query, 4)
    assert found.indices[0].tolist() == order
    assert found.right[0].tolist() == right
    assert list(zip(found.missing_ranks[0], found.missing[0], strict=True)) == missed[:2]


def test_a_tie_counts_against_the_model_and_a_duplicate_is_a_neighbour():
    found = find_neighbors([[0.0], [0.0], [0.0]], [0, 0, 1], [0], k=2)
    assert found.indices[0].tolist() == [2, 1]
    found = find_neighbors([[0.0], [1.0]], [0, 0], [0], k=9)
    assert found.indices.shape == (1, 1)


def test_the_worst_come_first_and_one_a_class():
    result = tm.evaluation.retrieval(E, Y, ks=(1,))
    chosen = hardest(result, 4)
    values = dict(zip(result.per_query.query, result.values("map_at_r"), strict=True))
    assert len({Y[i] for i in chosen}) == 4
    assert [values[i] for i in chosen] == sorted(values[i] for i in chosen)
    assert values[chosen[0]] == min(values.values())


def test_only_what_is_drawn_is_read():
    asked = []

    class Counting(ArraySource):
        def read(self, positions):
            asked.extend(positions.tolist())
            return super().read(positions)

    data = LabeledData(Counting(np.zeros((len(E), 6, 6, 1), "uint8")), np.array(Y), ("$a",) * 6)
    figure = worst_queries(data, E, Y, class_names=["$a"] * 6, count=2, k=3, missing=1)
    assert len(asked) <= 2 * (1 + 3 + 1)
    assert sum("at rank" in axes.get_title() for axes in figure.axes) >= 1
    with pytest.raises(ValueError, match="another example"):
        worst_queries(np.zeros((2, 4, 4)), [[0.0], [1.0]], [0, 1])


def test_missing_ones_have_a_place_of_their_own():
    images = np.zeros((2, 4, 4), "uint8")
    figure = neighbor_gallery(
        images,
        images[:, None],
        [[True], [False]],
        missing=[[], [images[0]]],
        missing_titles=[[], ["at rank 9"]],
    )
    assert [axes.get_title() for axes in figure.axes][-1] == "at rank 9"
    with pytest.raises(ValueError, match="2 lists"):
        neighbor_gallery(images, images[:, None], [[True], [False]], missing=[[]])


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_confusions_are_percent_of_the_true_class():
    figure = confusion_matrix([[3, 1, 0], [0, 0, 0]], ["a", "b"], last="none of them")
    assert texts(figure) == ["75", "25"]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["a", "b", "none of them"]


def test_of_many_classes_the_most_confused_are_shown():
    counts = np.diag(np.full(50, 100))
    counts[30, 40] = 50
    figure = confusion_matrix(counts, top=2)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == ["30", "40"]
    assert "of 50 classes" in figure.get_suptitle()
    assert texts(figure) == ["67", "33", "100"]


def test_the_confusions_of_a_result():
    known = tm.evaluation.knn(E, Y, k=1)
    assert len(confusion_matrix(known).axes[0].get_yticklabels()) == 6
    opened = tm.evaluation.knn(E, Y, E + 0.1, np.where(Y == 5, 4, Y), k=1, threshold=1.0)
    figure = confusion_matrix(opened)
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows[-1] == "unknown"
    with pytest.raises(ValueError, match="matrix"):
        confusion_matrix(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="2 class names"):
        confusion_matrix(np.eye(2), ["a"])


def test_groups_in_order_with_the_gap_in_words():
    table = tm.evaluation.group_table(
        "map_at_r", RNG.random(90), np.repeat(["x", "y", "few"], [50, 36, 4]), np.arange(90) // 3
    )
    figure = group_gaps(table)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    values = {row.group: row.value for row in table.rows}
    names = [label.split(" (")[0] for label in labels]
    assert names == sorted(values, key=values.get)
    assert "few (4, too few)" in labels
    assert f"best to worst {table.gap:.3f}" in figure.get_suptitle()
    rows = [(str(i), 50, i / 100, (0, 1), False) for i in range(40)]
    assert len(group_gaps(rows, limit=10).axes[0].get_yticklabels()) == 10
    with pytest.raises(ValueError, match="one group"):
        group_gaps([("a", 0, float("nan"), (0, 1), True)])


def test_neighbours_of_what_is_not_there_are_named():
    x, labels = np.eye(3), [[0], [0], [1]]
    assert find_neighbors(x, labels, [0], k=2).right.tolist() == [[False, True]]
    for arguments, message in (
        ((x, labels, [3]), r"queries to be indexes in 0\.\.2"),
        ((x, labels, [-1]), r"queries to be indexes in 0\.\.2"),
        ((x * np.nan, labels, [0]), "without NaN"),
        ((x, labels[:2], [0]), "labels of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            find_neighbors(*arguments)
