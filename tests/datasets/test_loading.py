import json
import os

import numpy as np
import pytest
from PIL import Image

from tfmetric import datasets
from tfmetric.datasets.modalities import image_files


def test_folder(image_folder):
    (image_folder / "ant" / ".hidden.png").write_bytes(b"")
    (image_folder / ".git").mkdir()
    (image_folder / "README.txt").write_text("text")
    train, test = datasets.load(image_folder)
    assert train.class_names == ("ant", "bee", "cat", "dog")
    assert (len(train), len(test)) == (8, 8)
    assert train.element_shape == (12, 10, 1)
    assert any("1 file was ignored" in note for note in train.report.notes)
    for part in (train, test):
        for name, image, label in zip(part.ids, part.read(), part.labels, strict=True):
            assert name.startswith(part.class_names[label])
            np.testing.assert_array_equal(image[..., 0], Image.open(image_folder / name))


def test_files_that_are_not_cached_give_the_same_batches(image_folder):
    def batches(cache_bytes):
        train, _ = datasets.load(image_folder, image_size=(6, 8), cache_bytes=cache_bytes)
        ordered = [x.numpy() for x, _ in train.batches(3)]
        turned, _ = datasets.load(image_folder, image_size=6, cache_bytes=cache_bytes)
        ordered += [x.numpy() for x, _ in turned.with_rotated_classes().batches(5)]
        return ordered + [x.numpy() for x, _ in datasets.balanced_batches(train, 2, 2)]

    cached, read = batches(2**20), batches(0)
    assert len(cached) == len(read)
    for one, two in zip(cached, read, strict=True):
        np.testing.assert_array_equal(one, two)


def test_nested_train_and_test(image_folder, tmp_path):
    root = tmp_path / "nested"
    for part, label in (("train", "ant"), ("train", "bee"), ("test", "cat"), ("test", "dog")):
        (root / part).mkdir(parents=True, exist_ok=True)
        (image_folder / label).rename(root / part / label)
    train, test = datasets.load(root)
    assert {train.class_names[label] for label in train.labels} == {"ant", "bee"}
    assert {test.class_names[label] for label in test.labels} == {"cat", "dog"}
    assert train.report.split == "the data's own, its classes are disjoint"


@pytest.mark.parametrize("verify", ["full", "quick"])
@pytest.mark.parametrize("cache_bytes", [2**20, 0])
def test_unreadable_files(image_folder, verify, cache_bytes):
    (image_folder / "ant" / "0.png").write_bytes(b"")
    (image_folder / "bee" / "1.png").write_bytes(b"no image")
    jpeg = image_folder / "cat" / "cut.jpg"
    Image.effect_noise((64, 64), 80).convert("L").resize((10, 12)).save(jpeg, quality=95)
    jpeg.write_bytes(jpeg.read_bytes()[:-60])
    with pytest.warns(UserWarning, match="unusable examples"):
        train, test = datasets.load(image_folder, verify=verify, cache_bytes=cache_bytes)
    reasons = dict(train.report.skipped)
    assert reasons["ant/0.png"] == "empty file"
    assert "not a PNG" in reasons["bee/1.png"]
    assert "cut short" in reasons["cat/cut.jpg"]
    assert len(train) + len(test) == 14
    with pytest.raises(ValueError, match="usable examples under strict=True"):
        datasets.load(image_folder, strict=True)


@pytest.mark.parametrize("form", ["png", "jpg", "gif"])
def test_a_quick_check_finds_cut_files_and_keeps_whole_ones(image_folder, form):
    whole, cut = (image_folder / "ant" / f"{name}.{form}" for name in ("whole", "cut"))
    for path in (whole, cut):
        Image.effect_noise((10, 12), 80).save(path)
    short = cut.read_bytes()[:-40]
    while b";" in short[-32:]:  # Noise may end as a whole GIF does.
        short = short[:-1]
    cut.write_bytes(short)
    if form == "jpg":
        whole.write_bytes(whole.read_bytes() + bytes(100))  # As some cameras append to it.
    with pytest.warns(UserWarning, match="1 unusable"):
        train, test = datasets.load(image_folder, verify="quick", cache_bytes=0)
    assert [name for name, _ in train.report.skipped] == [f"ant/cut.{form}"]
    assert f"ant/whole.{form}" in {*train.ids, *test.ids}
    assert len(train.read()) + len(test.read()) == 17
    assert "endings" in train.report.check


def test_reading_names_the_file_that_cannot_be_read(image_folder):
    train, _ = datasets.load(image_folder, cache_bytes=0)
    (image_folder / train.ids[2]).write_bytes(b"gone bad")
    with pytest.raises(
        ValueError, match=rf"Expected readable.*file='{train.ids[2]}'.*unreadable=1"
    ):
        train.read()
    (image_folder / train.ids[2]).unlink()
    with pytest.raises(ValueError, match=rf"file='{train.ids[2]}'"):
        train.read([1, 2])


def test_mixed_sizes_and_colors(image_folder):
    Image.new("RGB", (30, 20), (255, 0, 0)).save(image_folder / "ant" / "red.jpg")
    train, _ = datasets.load(image_folder)
    assert train.element_shape == (*image_files.DEFAULT_IMAGE_SIZE, 3)
    assert "several sizes" in str(train.report)
    train, _ = datasets.load(image_folder, color="grey", image_size=8)
    assert train.element_shape == (8, 8, 1)


def test_equal_channels_are_read_as_grey(image_folder):
    for path in image_folder.glob("*/*.png"):
        Image.open(path).convert("RGB").save(path)
    train, _ = datasets.load(image_folder)
    assert train.element_shape == (12, 10, 1)
    assert "read as grey" in str(train.report)
    assert datasets.load(image_folder, color="rgb")[0].element_shape == (12, 10, 3)


def test_duplicates_of_files(image_folder):
    (image_folder / "cat" / "3.png").write_bytes((image_folder / "ant" / "2.png").read_bytes())
    (image_folder / "bee" / "3.png").write_bytes((image_folder / "ant" / "2.png").read_bytes())
    train, _ = datasets.load(image_folder)
    assert len(train.report.duplicates) <= 2
    assert json.loads(json.dumps(train.report.to_dict()))["train"]["classes"] == 2


def test_bad_folders(tmp_path, image_folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="a folder of images for each class"):
        datasets.load(tmp_path / "empty")
    one = tmp_path / "one"
    one.mkdir()
    (image_folder / "ant").rename(one / "ant")
    with pytest.raises(ValueError, match=r"at least 4 classes.*classes=\['ant'\]"):
        datasets.load(one)
    for path in one.glob("*/*"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"at least one readable image.*empty file"):
        datasets.load(one)


def test_csv(image_folder):
    table = image_folder / "list.csv"
    table.write_text(
        "path,label,split,group\nant/0.png,a,train,x\nant/1.png,a,train,y\n"
        "ant/2.png,c,train,x\nbee/0.png,b,test,x\nbee/2.png,b,test,x\n"
        "bee/1.png,,test,y\ngone.png,b,test,y\ncat/1.png,d,test,y\n"
    )
    with pytest.warns(UserWarning, match="2 unusable"):
        train, test = datasets.load(table)
    assert (len(train), len(test)) == (3, 3)
    assert train.groups.tolist() == ["x", "y", "x"]
    assert train.report.skipped[0] == ("list.csv line 7", "missing label")
    assert "No such file" in train.report.skipped[1][1]
    np.testing.assert_array_equal(
        train.read([1])[0, ..., 0], Image.open(image_folder / "ant" / "1.png")
    )
    rows = [
        f"{name}/{number}.png,{name}\n"
        for name in ("ant", "bee", "cat", "dog")
        for number in (0, 1)
    ]
    table.write_text("path,label\n" + "".join(rows))
    train, test = datasets.load(str(table))
    assert train.groups is None
    assert (len(train), len(test)) == (4, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,class\na,b\n", r"names the column label; .*columns=\['file', 'class'\]"),
        ("", "names the column label"),
        ("path,label\n", "at least one row"),
        ("path,label,split\nant/0.png,a,later\n", r"\"val\" or \"test\".*line 2"),
        ("path,label\ngone.png,a\n", "at least one readable image"),
        ("path,label\nant/0.png,a\n", "at least 4 classes"),
    ],
)
def test_bad_csv(image_folder, text, message):
    (image_folder / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.load(image_folder / "list.csv")


@pytest.mark.parametrize("source", ["omniglott", "no/such/folder", "no.csv", 7, None])
def test_unknown_sources_name_the_known_ones(source):
    with pytest.raises(ValueError, match=r'"digits", "glyphs", "names", "tfds:<name>"'):
        datasets.load(source)


@pytest.mark.parametrize(
    "bad",
    [
        {"color": "blue"},
        {"verify": "some"},
        {"image_size": 0},
        {"image_size": (1, 2, 3)},
        {"image_size": 2.5},
        {"test_fraction": 0.0},
        {"test_fraction": 1},
        {"split_seed": -1},
        {"split_seed": 0.5},
    ],
)
def test_bad_options(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        datasets.load("digits", **bad)


def test_digits():
    train, test = datasets.load("digits")
    pixels = np.concatenate([train.read(), test.read()])
    assert pixels.shape == (1797, 8, 8, 1)
    assert len(np.unique(pixels)) == 17
    assert pixels.max() == 255
    assert datasets.load("digits", image_size=16)[0].element_shape == (16, 16, 1)


def test_singletons_are_counted():
    train, _ = datasets.load((np.eye(7), [0, 0, 1, 1, 2, 3, 4]), split_seed=1)
    assert train.report.train.singletons + train.report.test.singletons == 3
    assert "with one example only" in str(train.report)


def test_real_faces(shared):
    train, test = datasets.load(shared("data/orl_faces"))
    assert (len(train), len(test)) == (200, 200)
    assert train.element_shape == (112, 92, 1)


def test_what_is_no_file_or_no_class_is_named(image_folder):
    (image_folder / "empty").mkdir()
    os.mkfifo(image_folder / "ant" / "pipe.png")
    os.rename(image_folder / "bee" / "1.png", os.fsencode(image_folder / "bee") + b"/\xff.png")
    Image.new("L", (10, 12), 7).save(image_folder / "cat" / "flat.png")
    with pytest.warns(UserWarning, match="2 unusable"):
        train, _ = datasets.load(image_folder)
    reasons = dict(train.report.skipped)
    assert reasons["ant/pipe.png"] == "no regular file"
    assert "not UTF-8" in reasons["bee/\\xff.png"]
    text = str(train.report)
    assert "1 class folders hold no image file: empty" in text
    assert "images looked at hold one value only: cat/flat.png" in text
    json.dumps(train.report.to_dict()).encode()


def test_a_folder_of_webp(tmp_path):
    for label in "abcd":
        (tmp_path / label).mkdir()
        for number in range(2):
            image = Image.effect_noise((10, 12), 80)
            image.save(tmp_path / label / f"{number}.webp", lossless=True)
    train, test = datasets.load(tmp_path)
    for part in (train, test):
        for name, image in zip(part.ids, part.read(), strict=True):
            want = np.asarray(Image.open(tmp_path / name).convert("L"))
            np.testing.assert_array_equal(image[..., 0], want)


def test_grey_and_colored_png_have_the_pixels_of_the_general_decoder(tmp_path):
    rng = np.random.default_rng(0)
    for label in "abcd":
        (tmp_path / label).mkdir()
        for number, mode in enumerate(("RGB", "L", "RGBA", "P")):
            image = Image.fromarray(rng.integers(0, 256, (6, 5, 3)).astype("uint8"))
            image.convert(mode).save(tmp_path / label / f"{number}.png")
    for color in ("rgb", "grey", "auto"):
        train, _ = datasets.load(tmp_path, color=color)
        for name, image in zip(train.ids, train.read(), strict=True):
            data = (tmp_path / name).read_bytes()
            want = datasets.decode_image(data, (6, 5), train.element_shape[-1])
            np.testing.assert_array_equal(image, want)


def test_a_quick_check_finds_a_png_that_is_damaged_within(image_folder):
    path = image_folder / "ant" / "2.png"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.warns(UserWarning, match="1 unusable"):
        train, test = datasets.load(image_folder, verify="quick")
    assert [name for name, _ in train.report.skipped] == ["ant/2.png"]
    assert len(train.read()) + len(test.read()) == 15
