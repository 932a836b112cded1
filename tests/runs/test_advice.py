"""Advice where a run is worse than a baseline."""

from tfmetric.runs.advice import advice_of

WORSE = {"verdict": "The learned embedding is WORSE than the raw inputs: ..."}


def test_no_advice_where_nothing_is_worse():
    assert advice_of({"verdict": "The learned embedding is better than ..."}, 5, False) is None
    assert advice_of({}, 5, False) is None


def test_few_classes_are_named_as_the_reason():
    assert "trained on 5 classes, too few" in advice_of(WORSE, 5, False)
    assert "--split examples" in advice_of(WORSE, 5, False)


def test_otherwise_the_settings_are_the_reason():
    for classes, closed in ((5, True), (500, False)):
        assert "tfmetric tune" in advice_of(WORSE, classes, closed)
