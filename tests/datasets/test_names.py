import pytest

from tfmetric import datasets

pytest.importorskip("babel")


@pytest.fixture(scope="module")
def parts():
    return datasets.load("names")


@pytest.mark.slow
def test_names(parts):
    train, test = parts
    assert train.element.kind == "text"
    assert 1200 < train.num_classes + test.num_classes < 1350
    assert 60_000 < len(train) + len(test) < 80_000
    assert set(train.groups) == {"territory", "language", "currency"}
    names = dict(zip(test.read(), test.labels, strict=True)) | dict(
        zip(train.read(), train.labels, strict=True)
    )
    assert names["Deutschland"] == names["Germany"] == names["Allemagne"]
    assert len(names) == len(train) + len(test)
    assert not train.report.conflicts
