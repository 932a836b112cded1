import numpy as np
import pytest

from tfmetric import datasets
from tfmetric.datasets import glyphs
from tfmetric.datasets.cache import cache_dir


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def loaded(cache, monkeypatch):
    monkeypatch.setenv("TFMETRIC_CACHE", str(cache))
    return datasets.load("glyphs")


def test_size_of_the_set(loaded):
    train, test = loaded
    classes, examples = train.num_classes + test.num_classes, len(train) + len(test)
    assert 1900 < classes < 2400
    assert 25_000 < examples < 30_000
    assert abs(train.num_classes - test.num_classes) <= 1
    assert train.element_shape == (32, 32, 1)
    assert train.report.train.smallest[1] >= glyphs.MIN_FACES
    assert train.report.duplicates == ()
    assert not any("Display" in name or "Siz" in name for name in set(train.groups))


def test_characters_are_distinct_centred_and_fill_the_image(loaded):
    train, test = loaded
    everything = np.concatenate([train.read(), test.read()])[..., 0]
    labels = np.concatenate([train.labels, test.labels])
    seen = {}
    for image, label in zip(everything, labels, strict=True):
        assert seen.setdefault(image.tobytes(), label) == label
    rows, columns = everything.any(2), everything.any(1)
    height, width = rows.sum(1), columns.sum(1)
    assert np.maximum(height, width).max() <= glyphs.INK_SIZE
    assert (everything[:, [0, 1, -1, -2]] == 0).all()
    assert everything.max() == 255
    names = set(train.class_names)
    assert "A (U+0041)" in names
    assert not any("U+0391" in name for name in names)  # Greek Alpha looks like A.


def test_the_cache_is_used_and_mended(loaded, cache, monkeypatch):
    (path,) = cache.glob("glyphs-*.npz")
    monkeypatch.setattr(glyphs, "render", lambda faces: pytest.fail("rendered again"))
    again, _ = datasets.load("glyphs")
    np.testing.assert_array_equal(again.read([0]), loaded[0].read([0]))
    arrays = tuple(dict(np.load(path)).values())
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(glyphs, "render", lambda faces: arrays)
    mended, _ = datasets.load("glyphs")
    assert len(mended) == len(loaded[0])
    assert path.stat().st_size > 10_000_000


def test_a_cache_that_cannot_be_written(loaded, cache, tmp_path, monkeypatch):
    arrays = tuple(dict(np.load(next(cache.glob("glyphs-*.npz")))).values())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFMETRIC_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(glyphs, "render", lambda faces: arrays)
    assert len(datasets.load("glyphs")[0]) == len(loaded[0])


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("TFMETRIC_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "tfmetric"
