"""Ids and labels of a gallery: each as it was given, or refused."""

import numpy as np
import pytest

from tfmetric import search
from tfmetric.export.galleries import column

BIG = [1, 2**63 + 1, 2**64 - 1]


def test_lists_are_not_turned_into_something_else():
    found = column("ids", BIG, 3)
    assert found.dtype == np.uint64
    assert found.tolist() == BIG
    index = search.ExactIndex()
    index.add(np.eye(3), BIG)
    assert index.query(np.eye(3), 1).ids[:, 0].tolist() == BIG
    index.remove([1, 2**63 + 1])
    assert column("ids", range(2**63 - 1, 2**63 + 1), 2).tolist() == [2**63 - 1, 2**63]
    assert len(index) == 1


@pytest.mark.parametrize("ids", [["a", 1, 2], [1, "a", 2], ["a", None, "b"], ["a", "b", 0.5]])
def test_no_integer_becomes_a_text(ids):
    with pytest.raises(
        ValueError, match=r"Expected ids (to be all integers or all strings|without missing).*row="
    ):
        column("ids", ids, 3)
    with pytest.raises(
        ValueError, match=r"Expected ids (to be all integers or all strings|without missing).*row="
    ):
        search.ExactIndex().add(np.eye(3), ids)


@pytest.mark.parametrize("ids", [[-1, 2**63, 0], [2**64, 0, 1], [0.5, 1, 2]])
def test_what_no_type_holds_is_refused(ids):
    with pytest.raises(ValueError, match=r"Expected ids (to be|that)"):
        column("ids", ids, 3)
    with pytest.raises(ValueError, match=r"Expected ids (to be|that)"):
        search.ExactIndex().add(np.eye(3), ids)


def test_texts_that_utf8_cannot_hold_are_refused():
    with pytest.raises(
        ValueError, match=r"ids that UTF-8 can hold. Received: place=1, value='\\ud800'"
    ):
        column("ids", ["a", "\ud800"], 2)
