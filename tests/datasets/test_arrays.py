import contextlib

import numpy as np
import pytest

from tfmetric import datasets

_X = np.random.default_rng(0).integers(0, 256, (8, 5, 5)).astype("uint8")
_Y = np.array([0, 0, 1, 1, 2, 2, 3, 3])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (
            np.array([0, 2**24, 2**24 + 1, 2**24 + 2], "int32"),
            ("0", "16777216", "16777217", "16777218"),
        ),
        (np.array([-(2**62), -1, 0, 2**62], "int64"), (str(-(2**62)), "-1", "0", str(2**62))),
        (
            np.array([0, 2**63, 2**64 - 2, 2**64 - 1], "uint64"),
            ("0", str(2**63), str(2**64 - 2), str(2**64 - 1)),
        ),
        (np.array(["a", "b", "c", "ç"]), ("a", "b", "c", "ç")),
        (np.array([b"a", b"b", b"c", b"d"]), ("a", "b", "c", "d")),
        (np.array(["a", "b", "c", "d"], dtype=object), ("a", "b", "c", "d")),
        (np.array([1.0, 2.0, 3.0, 4.0]), ("1", "2", "3", "4")),
        (np.array([[1], [2], [3], [4]], "uint8"), ("1", "2", "3", "4")),
    ],
)
def test_labels_of_any_kind_keep_their_names(labels, names):
    train, test = datasets.load((np.repeat(_X[:4], 2, axis=0), np.repeat(labels, 2, axis=0)))
    assert train.class_names == test.class_names == names
    assert train.labels.dtype == np.int64
    assert len(set(train.labels) | set(test.labels)) == 4
    for part in (train, test):
        for image, label in zip(part.read(), part.labels, strict=True):
            np.testing.assert_array_equal(image[..., 0], _X[label])


def test_class_disjoint_and_seeded():
    labels = np.arange(40) % 10
    x = np.zeros((40, 3))
    train, test = datasets.load((x, labels), test_fraction=0.3, split_seed=1)
    assert (train.num_classes, test.num_classes) == (7, 3)
    assert not set(train.labels) & set(test.labels)
    again, _ = datasets.load((x, labels), test_fraction=0.3, split_seed=1)
    other, _ = datasets.load((x, labels), test_fraction=0.3, split_seed=2)
    np.testing.assert_array_equal(train.labels, again.labels)
    assert set(train.labels) != set(other.labels)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("classes", [4, 5, 9])
def test_each_part_has_two_classes(classes, fraction):
    labels = np.arange(2 * classes) % classes
    for part in datasets.split_classes(labels, fraction):
        assert len(set(labels[part])) >= 2
    for part in datasets.load((np.zeros((len(labels), 3)), labels), test_fraction=fraction):
        assert part.num_classes >= 2


def test_own_split_is_kept_if_disjoint():
    train, test = datasets.load(((_X[:4], _Y[:4]), (_X[4:], _Y[4:])))
    assert (len(train), len(test)) == (4, 4)
    assert test.class_names[test.labels[0]] == "2"
    assert "the data's own" in train.report.split
    train, test = datasets.load(((_X[:3], _Y[:3]), (_X[3:], _Y[3:])))
    assert "merged" in str(train.report)
    assert not set(train.labels) & set(test.labels)


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", x=_X, y=_Y, group=["p", "q"] * 4)
    train, _ = datasets.load(tmp_path / "a.npz")
    assert train.element_shape == (5, 5, 1)
    assert set(train.groups) == {"p", "q"}
    np.savez(tmp_path / "b.npz", x_train=_X[:4], y_train=_Y[:4], x_test=_X[4:], y_test=_Y[4:])
    assert len(datasets.load(str(tmp_path / "b.npz"))[1]) == 4


def test_bad_npz(tmp_path):
    np.savez(tmp_path / "a.npz", images=_X)
    with pytest.raises(ValueError, match="arrays named x and y"):
        datasets.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.array([{}, {}], dtype=object), y=_Y)
    with pytest.raises(ValueError, match="plain numeric or text arrays"):
        datasets.load(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(ValueError, match=r"an \.npz file"):
        datasets.load(tmp_path / "c.npz")


def test_damaged_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.save(tmp_path / "a.npy", _X)
    (tmp_path / "a.npy").rename(path)
    with pytest.raises(ValueError, match=r"Expected an \.npz file .*no zip archive"):
        datasets.load(path)
    for data in (b"", b"text", b"PK"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"Expected an \.npz file"):
            datasets.load(path)
    np.savez_compressed(path, x=np.tile(_X, (40, 1, 1)), y=np.tile(_Y, 40))
    good, refused = path.read_bytes(), 0
    for place in range(0, len(good), 41):
        # Flags of the zip, its checksums, the deflated bytes and NumPy's headers in turn.
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        # Other kinds than ValueError are not suppressed, and fail the test.
        refused += 1
        with contextlib.suppress(ValueError):
            datasets.load(path)
            refused -= 1
    assert refused > 10
    for stop in range(0, len(good), 211):
        path.write_bytes(good[:stop])
        with pytest.raises(ValueError, match=r"Expected an \.npz file"):
            datasets.load(path)


def test_missing_values_are_left_out_and_listed():
    x = np.ones((13, 4), "float32")
    x[1, 2], x[4, 0] = np.nan, np.inf
    labels = np.array([0, 0, 1, 1, 2, np.nan, 0, 1, 2, 2, 3, 3, 3])
    with pytest.warns(UserWarning, match="3 unusable examples"):
        train, test = datasets.load((x, labels))
    assert len(train) + len(test) == 10
    assert [name for name, _ in train.report.skipped] == ["arrays/1", "arrays/4", "arrays/5"]
    with pytest.raises(ValueError, match=r"strict=True.*Received: skipped=3"):
        datasets.load((x, labels), strict=True)
    with pytest.raises(ValueError, match="without missing values"):
        datasets.load((x * np.nan, labels))
    with pytest.raises(ValueError, match="without missing values"):
        datasets.from_arrays(x, np.arange(13))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((_X, _Y[:5]), r"one label for each example.*num_examples=8, num_labels=5"),
        ((_X, _Y + 0.5), r"labels to be whole numbers.*value=0.5"),
        ((_X, np.eye(8)), "not one-hot"),
        ((_X, np.zeros(8, int)), r"at least 4 classes, two to train on.*Received: classes=\['0'\]"),
        ((_X[:6], _Y[:6]), "at least 4 classes"),
        (((_X[:6], _Y[:6]), (_X[6:], _Y[6:])), r"two classes in the test.*test_classes=\['3'\]"),
        (((_X[:2], _Y[:2]), (_X[2:], _Y[2:])), "two classes in the train part"),
        ((_X, np.arange(8)), "at least two examples in the train part, .* nothing to learn"),
        (
            ((_X[:4], _Y[:4]), (_X[5:7], _Y[5:7])),
            r"two examples in the test part, .* nothing to find.*test_classes=2, test_examples=2",
        ),
        ((_X[:0], _Y[:0]), "at least one example"),
        ((np.zeros((8, 3), complex), _Y), "numeric examples"),
        ((np.zeros(8), _Y), "rank 2"),
        ((np.zeros((8, 3, 8, 8), "uint8"), _Y), "channels last"),
        (
            (_X, np.array([1, "a", None, 2, 3, 4, 5, 6], dtype=object)),
            "labels to be all integers or",
        ),
        (((_X[:3], _Y[:3]), (_X[3:, :4], _Y[3:])), "one shape in all parts, train and test"),
        ((_X,), "arrays as"),
        (("glyphs", "digits"), "arrays as"),
        ({"x": _X}, "arrays named x and y"),
    ],
)
def test_bad_arrays(source, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(source)


@pytest.mark.parametrize(
    ("x", "value_range", "dtype", "limits", "note"),
    [
        (_X / 255.0, None, "float32", None, ""),
        (_X / 255.0, (0, 1), "float32", (0, 1), ""),
        (_X.astype("float32") - 300, None, "float32", None, ""),
        (_X > 100, None, "uint8", (0, 255), "boolean"),
        (_X.astype("int64"), (0, 255), "uint8", (0, 255), ""),
        (_X.astype("int64"), (-10, 300), "float32", (-10, 300), ""),
        (_X.astype("uint16") * 16, (0, 4095), "float32", (0, 4095), ""),
    ],
)
def test_images_are_what_the_caller_says(x, value_range, dtype, limits, note):
    parts = datasets.load((x, _Y), kind="image", value_range=value_range)
    for part in parts:
        assert part.element.kind == "image"
        assert part.dtype == dtype
        assert part.element.options.get("range") == limits
        assert note in "".join(part.report.notes)
        scale = 255 if x.dtype == bool else 1
        np.testing.assert_array_equal(
            part.read()[..., 0], x[np.isin(_Y, part.labels)].astype("float32") * scale
        )


def test_16_bits_are_brought_to_8_by_their_own_range():
    x = np.arange(8 * 25, dtype="uint16").reshape(8, 5, 5) * 20 + 100
    train, test = datasets.load((x, _Y), kind="image")
    assert train.dtype == "uint8"
    pixels = np.concatenate([train.read(), test.read()])
    order = np.argsort(
        np.concatenate([np.flatnonzero(np.isin(_Y, p.labels)) for p in (train, test)])
    )
    exact = (x.astype("float64") - 100) * 255 / (x.max() - 100.0)
    assert np.abs(pixels[order][..., 0] - exact).max() <= 0.5 + 1e-3
    assert "their own range, 100 to 4080" in "".join(train.report.notes)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (_X.astype("float32"), {}, "kind= with examples of this shape"),
        (_X.astype("float32")[..., None], {}, "kind= with examples of this shape"),
        (_X > 3, {}, "kind= with examples"),
        (_X.astype("int64"), {"kind": "image"}, r"value_range=\(lowest, highest\)"),
        (_X.astype("float32"), {"kind": "image", "value_range": (0, 1)}, "within the value_range"),
        (_X, {"value_range": (1, 0)}, "value_range as"),
        (_X, {"kind": "picture"}, "kind as one of"),
        (_X, {"kind": "vector"}, r"vectors as numbers of shape \(N, D\)"),
        (_X, {"kind": "text"}, "texts"),
        (
            np.eye(8),
            {"image_size": 8},
            "image_size= with examples of these kinds only: image.*kind='vector'",
        ),
        (np.eye(8), {"color": "rgb"}, "color= with examples of these kinds only: image"),
        (
            ["a"] * 8,
            {"value_range": (0, 1)},
            "value_range= with examples of these kinds only: image",
        ),
        (np.zeros((8, 4, 4, 5), "uint8"), {"kind": "image", "color": "rgb"}, "one or three"),
        ([np.zeros((n + 1, 2)) for n in range(8)], {}, "kind= with examples of several lengths"),
    ],
)
def test_a_kind_that_is_not_clear_or_does_not_fit(x, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.load((x, _Y), **options)


def test_numbers_are_never_rounded_rescaled_or_cast():
    """An earlier version read 0.637 as 162 and made 8-bit pixels of a spectrogram."""
    rng = np.random.default_rng(0)
    for x in (
        rng.random((40, 20, 6)).astype("float32"),
        rng.integers(0, 4, (40, 20, 6)).astype("float64"),
    ):
        with pytest.raises(ValueError, match="kind="):
            datasets.from_arrays(x, np.arange(40) % 4)
        data = datasets.from_arrays(x, np.arange(40) % 4, kind="sequence")
        assert data.dtype == x.dtype.name
        np.testing.assert_array_equal(data.read(), x)
    exact = np.array([[2**53 + 1, 0], [2**53, 0]])
    assert datasets.from_arrays(exact, [0, 1]).read().tolist() == exact.tolist()


def test_volumes_and_many_channels():
    x = np.zeros((8, 4, 5, 6, 2), "uint8")
    assert datasets.from_arrays(x, _Y, kind="image").element_shape == (4, 5, 6, 2)
    assert datasets.from_arrays(x[:, 0], _Y, kind="image").element_shape == (5, 6, 2)


def test_image_size_and_color():
    train, _ = datasets.load((_X, _Y), image_size=3, color="rgb")
    assert train.element_shape == (3, 3, 3)
    rgb = np.repeat(_X[..., None], 3, axis=-1)
    train, test = datasets.load((rgb, _Y), color="grey")
    assert train.element_shape == (5, 5, 1)
    np.testing.assert_array_equal(test.read()[..., 0], _X[np.isin(_Y, test.labels)])


def test_float_images_keep_their_values_in_another_size_and_color():
    x = _X.astype("float32") - 300
    train, _ = datasets.load((x, _Y), kind="image", image_size=3, color="rgb")
    assert train.element_shape == (3, 3, 3)
    assert -300 < train.read().min() < train.read().max() < -45
    train, _ = datasets.load((x, _Y), kind="image", image_size=5, color="grey")  # As they are.
    assert train.element_shape == (5, 5, 1)


def test_exact_duplicates_across_train_and_test():
    x = _X.copy()
    x[4] = x[1]
    train, _ = datasets.load(((x[:4], _Y[:4]), (x[4:], _Y[4:])))
    assert train.report.duplicates == (("arrays/1", "arrays/4"),)
    assert "exact duplicates across train and test: 1" in str(train.report)
    assert train.report.to_dict()["duplicates"] == [["arrays/1", "arrays/4"]]


def test_memory_maps_are_read_row_by_row(tmp_path):
    np.save(tmp_path / "x.npy", _X[..., None])
    train, test = datasets.load((np.load(tmp_path / "x.npy", mmap_mode="r"), _Y))
    batches = datasets.balanced_batches(train, train.num_classes, 2)
    for x, y in batches:
        for image, label in zip(x.numpy(), y.numpy(), strict=True):
            assert any(np.array_equal(image[..., 0], own) for own in _X[label == _Y])
    np.testing.assert_array_equal(test.read()[..., 0], _X[np.isin(_Y, test.labels)])
