"""What every kind of example must pass: loading, checks, batches, pairs, triplets, reading."""

import numpy as np
import pytest

from tfmetric import datasets
from tfmetric.datasets.modalities import MODALITIES

from . import kinds

pytestmark = pytest.mark.parametrize("name", kinds.EXAMPLES)


def _data(name):
    values, options = kinds.EXAMPLES[name]
    return datasets.from_arrays(values, kinds.LABELS, **options), values


def _same(read, row, wanted):
    found = kinds.read_row(read, row)
    assert kinds.equal(found, wanted), f"{found} is not {wanted}"


def _arrays(batch):
    return {k: v.numpy() for k, v in batch.items()} if isinstance(batch, dict) else batch.numpy()


def _size(batch):
    return len(next(iter(batch.values())) if isinstance(batch, dict) else batch)


def test_the_suite_has_every_kind(name):
    del name
    missing = set(MODALITIES) - {
        options.get("kind", name) for name, (_, options) in kinds.EXAMPLES.items()
    }
    assert not missing, f"give tests/datasets/kinds.py data of {missing}"


def test_read_gives_what_was_given(name):
    data, values = _data(name)
    assert len(data) == len(kinds.LABELS)
    everything = data.read()
    for row in range(len(data)):
        _same(everything, row, kinds.example(values, row))
    some = data.subset([5, 2]).read([1, 0])
    _same(some, 0, kinds.example(values, 2))
    _same(some, 1, kinds.example(values, 5))
    assert data.element.named == isinstance(everything, dict)
    if data.element.named:
        assert set(everything) == set(data.element.inputs)


def test_batches_in_order(name):
    data, values = _data(name)
    row = 0
    for x, labels in data.batches(7):
        x = _arrays(x)
        for place in range(len(labels)):
            _same(x, place, kinds.example(values, row))
            assert labels[place] == data.labels[row]
            row += 1
    assert row == len(data)


def test_specs_of_batches_are_those_of_the_element(name):
    data, _ = _data(name)
    spec, _ = data.batches(4).element_spec
    spec = spec if isinstance(spec, dict) else {"values": spec}
    assert set(spec) == set(data.element.inputs)
    for key, (shape, dtype) in data.element.inputs.items():
        assert spec[key].dtype.name == dtype
        assert len(spec[key].shape) == 1 + len(shape)


def test_loading_checks_and_reports(name):
    values, options = kinds.EXAMPLES[name]
    train, test = datasets.load((values, kinds.LABELS), **options)
    assert train.element == test.element
    assert not set(train.labels) & set(test.labels)
    assert train.report.to_dict()["element"]["kind"] == train.element.kind
    assert train.element.describe() in str(train.report)
    assert train.split.rule == "classes"
    where = [int(one.split("/")[1]) for one in [*train.ids, *test.ids]]
    assert sorted(where) == list(range(len(kinds.LABELS)))
    for part in (train, test):
        read = part.read()
        for row, one in enumerate(part.ids):
            _same(read, row, kinds.example(values, int(one.split("/")[1])))


def test_duplicates_are_found(name):
    values, options = kinds.EXAMPLES[name]
    final = len(kinds.LABELS) - 1
    copied = kinds.changed(values, {final: 0, 5: 4})  # The final one is in another class.
    report = datasets.load((copied, kinds.LABELS), **options)[0].report
    last = f"arrays/{final}"
    assert {"arrays/0", last} in [set(pair) for pair in report.conflicts]
    assert report.repeated == (("arrays/4", "arrays/5"),)
    across = [{"arrays/0", last}] if report.duplicates else []
    assert [set(pair) for pair in report.duplicates] == across


def test_a_missing_label_is_left_out_with_its_example(name):
    values, options = kinds.EXAMPLES[name]
    labels = [f"c{label}" for label in kinds.LABELS]
    labels[3] = None
    with pytest.warns(UserWarning, match="1 unusable"):
        train, test = datasets.load((values, labels), **options)
    assert train.report.skipped == (("arrays/3", "missing label"),)
    for part in (train, test):
        read = part.read()
        for row, one in enumerate(part.ids):
            _same(read, row, kinds.example(values, int(one.split("/")[1])))


def test_balanced_batches_hold_the_examples_of_their_classes(name):
    data, values = _data(name)
    x, labels = next(iter(datasets.balanced_batches(data, 3, 2)))
    x = _arrays(x)
    for place, label in enumerate(labels.numpy()):
        own = [kinds.example(values, row) for row in np.flatnonzero(data.labels == label)]
        assert any(kinds.equal(kinds.read_row(x, place), one) for one in own)


def test_pairs_and_triplets_have_sides_of_one_form(name):
    data, _ = _data(name)
    (a, b), same = next(iter(datasets.pairs(data, 4, fixed=True)))
    again = next(iter(datasets.pairs(data, 4, fixed=True)))[1]
    assert same.numpy().tolist() == again.numpy().tolist()
    assert _size(a) == _size(b) == 4
    (anchor, positive, negative), _ = next(iter(datasets.triplets(data, 4)))
    assert _size(anchor) == _size(positive) == _size(negative) == 4


def test_an_option_of_another_kind_is_an_error(name):
    values, options = kinds.EXAMPLES[name]
    own = MODALITIES[_data(name)[0].element.kind].options
    option, value = ("image_size", 4) if "image_size" not in own else ("sampling_rate", 8000)
    with pytest.raises(ValueError, match=f"Expected .*{option}"):
        datasets.load((values, kinds.LABELS), **{option: value}, **options)


def test_no_examples_are_an_error(name):
    values, options = kinds.EXAMPLES[name]
    with pytest.raises(ValueError, match="Expected"):
        datasets.load((kinds.none_of(values), kinds.LABELS[:0]), **options)


def test_another_kind_fits_or_is_a_clear_error(name):
    values, options = kinds.EXAMPLES[name]
    options = {key: value for key, value in options.items() if key == "fields"}
    failed = []
    for kind in MODALITIES:
        try:
            datasets.from_arrays(values, kinds.LABELS, kind=kind, **options)
        except ValueError as error:
            failed.append(str(error))
    assert failed
    assert [words for words in failed if not words.startswith("Expected ")] == []
