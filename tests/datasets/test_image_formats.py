"""Image files beyond plain PNG and JPEG: TIFF, 16 bits, EXIF rotation, alpha; kept as float."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmetric import datasets

_SIZE = (6, 5)


def _colors(row):
    return np.random.default_rng(row).integers(0, 256, (*_SIZE, 3)).astype("uint8")


def _deep(row):
    return np.random.default_rng(row).integers(10, 2010, _SIZE).astype("uint16")


def _folder(path, write, end):
    """Four classes of three files; row 3c + e is example e of class c."""
    for row in range(12):
        (path / "abcd"[row // 3]).mkdir(exist_ok=True)
        write(row, path / "abcd"[row // 3] / f"{row}{end}")
    return path


def _each(parts):
    """(row, pixels) of every example of both parts."""
    for part in parts:
        for where, pixels in zip(part.ids, part.read(), strict=True):
            yield int(where.split("/")[1].split(".")[0]), pixels


def _tiff(row, file):
    Image.fromarray(_colors(row)).save(file)


@pytest.mark.parametrize("options", [{}, {"cache_bytes": 0}, {"verify": "quick"}])
def test_tiff_in_memory_and_on_demand(tmp_path, options):
    parts = datasets.load(_folder(tmp_path, _tiff, ".tif"), **options)
    for row, pixels in _each(parts):
        np.testing.assert_array_equal(pixels, _colors(row))
    x, _ = next(iter(parts[0].batches(6)))
    np.testing.assert_array_equal(x, parts[0].read())
    assert any("12 images were decoded by Pillow" in note for note in parts[0].report.notes)


def test_a_cut_tiff_is_left_out_by_name(tmp_path):
    _folder(tmp_path, _tiff, ".tiff")
    cut = tmp_path / "b/4.tiff"
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.warns(UserWarning, match=r"b/4\.tiff"):
        train, test = datasets.load(tmp_path)
    assert len(train) + len(test) == 11
    for row, pixels in _each((train, test)):
        np.testing.assert_array_equal(pixels, _colors(row))


@pytest.mark.parametrize("end", [".png", ".tif"])
def test_16_bits_by_their_own_range_or_as_float(tmp_path, end):
    _folder(tmp_path, lambda row, file: Image.fromarray(_deep(row)).save(file), end)
    every = np.stack([_deep(row) for row in range(12)]).astype(float)
    low, high = every.min(), every.max()
    parts = datasets.load(tmp_path)
    assert parts[0].dtype == "uint8"
    assert any(f"own range, {low:g} to {high:g}" in note for note in parts[0].report.notes)
    for row, pixels in _each(parts):
        want = np.rint((every[row] - low) * 255 / (high - low))
        np.testing.assert_array_equal(pixels[..., 0], want)
    parts = datasets.load(tmp_path, value_range=(0, 65535))
    assert parts[0].element.options["range"] == (0, 65535)
    assert parts[0].dtype == "float32"
    for row, pixels in _each(parts):
        np.testing.assert_array_equal(pixels[..., 0], every[row])
    with pytest.raises(ValueError, match=r"within the value_range.*file='a/0"):
        datasets.load(tmp_path, value_range=(0, 100))


def test_16_bit_colors(tmp_path):
    def write(row, file):
        deep = np.repeat(_deep(row)[..., None], 3, axis=2)
        file.write_bytes(tf.io.encode_png(deep).numpy())

    parts = datasets.load(_folder(tmp_path, write, ".png"), value_range=(0, 2**16 - 1))
    for row, pixels in _each(parts):
        np.testing.assert_array_equal(pixels, np.repeat(_deep(row)[..., None], 3, axis=2))


@pytest.mark.parametrize("verify", ["full", "quick"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (3, lambda x: x[::-1, ::-1]),
        (6, lambda x: np.rot90(x, -1)),
        (8, lambda x: np.rot90(x)),
    ],
)
def test_exif_rotation_is_applied(tmp_path, orientation, turn, verify):
    exif = Image.Exif()
    exif[274] = orientation
    image = np.zeros((16, 32, 3), "uint8")
    image[:8, :16] = 255, 0, 0

    def write(row, file):
        Image.fromarray(image).save(file, exif=exif, quality=95, subsampling=0)

    train, _ = datasets.load(_folder(tmp_path, write, ".jpg"), verify=verify)
    assert train.element_shape == turn(image).shape
    np.testing.assert_allclose(train.read([0])[0].astype(int), turn(image), atol=40)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composed_on_white_the_same_everywhere(tmp_path, mode):
    rng = np.random.default_rng(0)
    layers = rng.integers(0, 256, (12, *_SIZE, len(mode))).astype("uint8")
    layers[0, ..., -1] = 0
    _folder(tmp_path, lambda row, file: Image.fromarray(layers[row], mode).save(file), ".png")
    parts = datasets.load(tmp_path, split="examples")
    for row, pixels in _each(parts):
        share = layers[row, ..., -1:] / 255.0
        want = layers[row, ..., :-1] * share + 255 * (1 - share)
        np.testing.assert_allclose(pixels, want, atol=0.51)
        file = next(tmp_path.glob(f"*/{row}.png")).read_bytes()
        served = datasets.decode_image(file, None, len(mode) - 1)
        np.testing.assert_array_equal(pixels, served)
    assert any("1 of 12 images looked at" in note for note in parts[0].report.notes)


def test_the_unused_alpha_of_a_bmp_is_ignored():
    pixels = np.zeros((4, 4, 4), "uint8")
    pixels[..., 0] = 200
    data = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(data, "BMP")
    assert datasets.decode_image(data.getvalue(), None, 3)[0, 0].numpy().tolist() == [200, 0, 0]


def test_constant_images_are_mentioned_also_after_a_quick_check(tmp_path):
    def write(row, file):
        Image.fromarray(_colors(row) if row else np.full((*_SIZE, 3), 7, "uint8")).save(file)

    train, _ = datasets.load(_folder(tmp_path, write, ".png"), verify="quick")
    assert any("hold one value only: a/0.png" in note for note in train.report.notes)
