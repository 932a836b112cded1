"""Videos: folders of frames, arrays of several lengths, frames that cannot be used."""

import numpy as np
import pytest
from PIL import Image

from tfmetric import datasets

_LENGTHS = (1, 11, 3)


def _frames(label, example):
    rng = np.random.default_rng([ord(label), example])
    return rng.integers(0, 256, (_LENGTHS[example], 6, 5, 3)).astype("uint8")


@pytest.fixture
def video_folder(tmp_path):
    """Four classes of three videos of 1, 11 and 3 frames."""
    for label in "abcd":
        for example in range(3):
            folder = tmp_path / label / f"take {example}"
            folder.mkdir(parents=True)
            for number, frame in enumerate(_frames(label, example)):
                Image.fromarray(frame).save(folder / f"frame{number}.png")
    return tmp_path


def _check(data):
    read = data.read()
    assert data.element.kind == "video"
    assert data.element.shape == (None, 6, 5, 3)
    for row, where in enumerate(data.ids):
        label, take = where.split("/")
        wanted = _frames(label, int(take[-1]))  # Frame 2 stands before frame 10.
        assert read["length"][row] == len(wanted)
        np.testing.assert_array_equal(read["values"][row, : len(wanted)], wanted)
        assert not read["values"][row, len(wanted) :].any()


@pytest.mark.parametrize("cache_bytes", [10**6, 0], ids=["in memory", "on demand"])
def test_a_folder_of_frames_is_one_example(video_folder, cache_bytes):
    train, test = datasets.load(video_folder, kind="video", cache_bytes=cache_bytes)
    assert len(train) == len(test) == 6
    _check(train)
    _check(test)
    x, _ = next(iter(train.batches(4)))
    for key, array in train.read(range(4)).items():
        np.testing.assert_array_equal(x[key], array)
    x, _labels = next(iter(datasets.balanced_batches(train, 2, 2)))
    assert x["values"].shape[0] == x["length"].shape[0] == 4


def test_without_the_kind_frames_are_images_and_the_report_says_so(video_folder):
    train, _ = datasets.load(video_folder)
    assert train.element.kind == "image"
    assert any("kind='video' reads each such folder" in note for note in train.report.notes)


def test_images_in_class_folders_get_no_note_on_videos(image_folder):
    train, _ = datasets.load(image_folder)
    assert train.report.notes == ()


@pytest.mark.parametrize("cache_bytes", [10**6, 0])
def test_videos_with_a_bad_frame_and_without_frames_are_left_out(video_folder, cache_bytes):
    (video_folder / "b/take 1/frame7.png").write_bytes(b"no image")
    (video_folder / "d/empty").mkdir()
    (video_folder / "d/loose.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="2 unusable"):
        train, test = datasets.load(video_folder, kind="video", cache_bytes=cache_bytes)
    skipped = dict(train.report.skipped)
    assert skipped["b/take 1"].startswith("frame frame7.png: not a")
    assert skipped["d/empty"].startswith("no frames")
    assert len(train) + len(test) == 11
    assert any("1 file was ignored" in note for note in train.report.notes)
    _check(train)
    _check(test)


def test_frames_of_several_sizes_become_one_with_a_note(video_folder):
    Image.fromarray(np.zeros((9, 9, 3), "uint8")).save(video_folder / "a/take 0/frame0.png")
    train, _test = datasets.load(video_folder, kind="video")
    assert train.element.shape == (None, 64, 64, 3)
    assert any("several sizes" in note for note in train.report.notes)
    train, _ = datasets.load(video_folder, kind="video", image_size=8, color="grey")
    assert train.element.shape == (None, 8, 8, 1)


def test_copies_are_found(video_folder):
    (video_folder / "a/take 0/frame0.png").write_bytes(
        (video_folder / "b/take 0/frame0.png").read_bytes()
    )
    for cache_bytes in (0, 10**6):
        train, _ = datasets.load(video_folder, kind="video", cache_bytes=cache_bytes)
        assert [set(pair) for pair in train.report.conflicts] == [{"a/take 0", "b/take 0"}]


def test_a_table_names_folders_of_frames(video_folder):
    rows = [f"{label},{label}/take {n}" for label in "abcd" for n in range(3)]
    table = video_folder / "list.csv"
    table.write_text("\n".join(["label,path", *rows, "a,a/absent"]))
    with pytest.warns(UserWarning, match="a/absent"):
        train, test = datasets.load(table, kind="video")
    assert len(train) + len(test) == 12
    _check(train)


def test_frames_without_a_folder_of_their_own_are_an_error(image_folder):
    with pytest.raises(ValueError, match="holds a folder of files for each video"):
        datasets.load(image_folder, kind="video")


def test_videos_end_to_end_in_an_npz(tmp_path):
    offset = np.array([0, 1, 12, 15, 16, 27, 30, 31, 42])
    x = np.random.default_rng(0).integers(0, 256, (42, 4, 4, 1)).astype("uint8")
    y = np.repeat(np.arange(4), 2)
    np.savez(tmp_path / "v.npz", x=x, y=y, offset=offset)
    with pytest.raises(ValueError, match="kind="):
        datasets.load(tmp_path / "v.npz")
    train, _test = datasets.load(tmp_path / "v.npz", kind="video")
    read = train.read([0])
    row = int(train.ids[0].rpartition("/")[2])
    np.testing.assert_array_equal(read["values"][0], x[offset[row] : offset[row + 1]])


def test_arrays_of_several_sizes_need_a_size():
    videos = [np.full((2, 4 + n % 4, 4, 1), n % 4, "uint16") for n in range(8)]
    labels = np.arange(8) % 4
    with pytest.raises(ValueError, match="image_size= brings them to one size"):
        datasets.from_arrays(videos, labels, kind="video")
    train, test = datasets.load((videos, labels), kind="video", image_size=4)
    assert train.element.dtype == "uint8"
    assert train.element.shape == (2, 4, 4, 1)
    assert sorted({*train.read().ravel(), *test.read().ravel()}) == [0, 85, 170, 255]
    assert any("own range, 0 to 3" in note for note in train.report.notes)


@pytest.mark.parametrize(
    ("video", "words"),
    [
        (np.zeros((4, 4, 1)), "give grey frames an axis of one channel"),
        (np.zeros((2, 4, 4, 1), "U1"), "each video as numbers"),
    ],
)
def test_what_is_no_video_is_an_error(video, words):
    with pytest.raises(ValueError, match=words):
        datasets.from_arrays([video] * 4, [0, 0, 1, 1], kind="video")


def test_videos_without_frames_and_with_nan_are_left_out():
    videos = [np.ones((n, 2, 2, 1), "float32") for n in (1, 2, 0, 4, 5, 6)]
    videos[4][2, 0, 0, 0] = np.nan
    with pytest.warns(UserWarning, match="2 unusable"):
        train, _ = datasets.load(
            (videos + videos[:2], [0, 0, 0, 1, 1, 1, 1, 1]), kind="video", split="examples"
        )
    assert dict(train.report.skipped) == {
        "arrays/2": "no frames",
        "arrays/4": "missing values (NaN or infinite)",
    }
