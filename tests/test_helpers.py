"""What everything else stands on: error messages, lazy imports, writing whole files."""

import pytest

import tfmetric as tm
from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._optional import require


def test_the_form_of_a_message():
    assert expected("k above 0", k=-1, name="x") == "Expected k above 0. Received: k=-1, name='x'"


def test_a_missing_package_names_the_extra():
    with pytest.raises(ImportError, match=r'pip install "tfmetric\[search\]"'):
        require("no_such_package_at_all", "search")
    assert require("json", "search").dumps([1]) == "[1]"


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep/file.txt"
    with replacing(path) as draft:
        draft.write_text("old")

    def fail():
        with replacing(path) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert [item.name for item in path.parent.iterdir()] == ["file.txt"]


def test_every_public_name_is_there():
    for name in tm.__all__:
        assert getattr(tm, name) is not None
    assert tm.TripletLoss is tm.losses.TripletLoss
    with pytest.raises(AttributeError, match="TripletLoss in place of tripletloss"):
        tm.tripletloss  # noqa: B018
