"""Stand-ins for examples of every kind, and the galleries that they are drawn in."""

import numpy as np
import pytest

from tfmetric.elements import KINDS, TEXT, Element
from tfmetric.visualization import neighbor_gallery, sample_sheet, thumbnails
from tfmetric.visualization.thumbnails import _LOOKS, Thumbnails, cells

RNG = np.random.default_rng(0)
IMAGE = Element("image", (8, 12, 3), "uint8")


def look(kind):
    return _LOOKS[kind][0]


def made(kind, example, element):
    return _LOOKS[kind][1](example, element)


class Data:
    """Examples of one element, read as LabeledData reads them."""

    def __init__(self, element, batch, count):
        self.element, self._batch, self._count = element, batch, count

    def __len__(self):
        return self._count

    def read(self, indices):
        if isinstance(self._batch, dict):
            return {name: values[indices] for name, values in self._batch.items()}
        return self._batch[indices]


def test_every_kind_has_a_look():
    assert set(_LOOKS) == set(KINDS)


def test_small_images_stay_as_they_are_and_large_ones_shrink():
    image = RNG.integers(0, 256, (8, 12, 3)).astype("uint8")
    assert (made("image", image, IMAGE) == image).all()
    wide = np.repeat(np.repeat(image, 8, axis=0), 8, axis=1)
    small = made("image", wide, Element("image", wide.shape, "uint8"))
    assert small.shape == (32, 48, 3)
    # Each pixel is the mean of a box of equal pixels, or nearly so.
    assert np.abs(small.mean((0, 1)) - image.mean((0, 1))).max() < 1


def test_float_images_are_scaled_by_the_range_that_is_known():
    known = Element("image", (2, 2, 1), "float32", options={"range": (0, 2)})
    image = np.array([[[0.0], [0.5]], [[1.0], [2.0]]], "float32")
    assert made("image", image, known)[..., 0].tolist() == [[0, 63], [127, 255]]
    unknown = Element("image", (2, 2, 1), "float32")
    assert made("image", image + 3, unknown)[..., 0].tolist() == [[0, 63], [127, 255]]


def test_a_volume_shows_its_middle_layer_and_many_channels_their_mean():
    volume = np.arange(3)[:, None, None, None] * np.ones((3, 4, 4, 1), "uint8") * 40
    assert (
        made("image", volume.astype("uint8"), Element("image", (3, 4, 4, 1), "uint8")) == 40
    ).all()
    five = np.stack([np.full((4, 4), 10 * c, "uint8") for c in range(5)], axis=-1)
    assert (made("image", five, Element("image", (4, 4, 5), "uint8")) == 255).sum() == 0
    assert made("image", five, Element("image", (4, 4, 5), "uint8")).shape == (4, 4, 1)


def test_a_tone_is_dark_at_its_own_height():
    audio = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
    time = np.arange(8000) / 8000
    low, high = (
        made("audio", np.sin(2 * np.pi * f * time), audio)[:32, 8:-8, 0] for f in (200, 3000)
    )
    assert low.shape == (32, 48)
    # Low tones stand at the bottom of the picture.
    assert low.mean(axis=1).argmin() > high.mean(axis=1).argmin() + 8
    assert low.min() == 0


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.array([1.0]), np.ones(5)])
def test_silence_and_a_few_samples_have_a_picture(samples):
    audio = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
    assert made("audio", samples, audio).shape == (48, 64, 1)


def test_a_video_shows_its_first_middle_and_last_frame():
    frames = np.arange(5)[:, None, None, None] * np.full((5, 4, 4, 1), 10)
    strip = made("video", frames.astype("uint8"), Element("video", (None, 4, 4, 1), "uint8"))
    assert strip.shape == (4, 12, 1)
    assert strip[0, ::4, 0].tolist() == [0, 20, 40]
    one = made("video", frames[3:4].astype("uint8"), Element("video", (None, 4, 4, 1), "uint8"))
    assert (one == 30).all()


def test_sequences_keep_their_ends_and_four_lines():
    steps = np.linspace(0, 1, 7)[:, None] * np.arange(1, 7)
    lines = made("sequence", steps, Element("sequence", (None, 6), "float32"))
    assert lines.shape == (64, 4)
    assert lines[0].tolist() == [0, 0, 0, 0]
    assert lines[-1] == pytest.approx([1, 2, 3, 4])
    assert made("sequence", steps[:0], Element("sequence", (None, 6), "float32")).shape == (64, 4)


def test_long_texts_are_cut_and_records_name_their_fields():
    assert made("text", "a\n b", TEXT) == "a b"
    long = made("text", "x" * 10_000_000, TEXT)
    assert (len(long), long[-1]) == (160, "…")
    record = Element(
        "record",
        (),
        "",
        {"title": TEXT, "size": Element("vector", (2,), "float32"), "photo": IMAGE},
    )
    values = {"title": b"A house", "size": np.array([1.0, 2.5]), "photo": np.zeros((8, 12, 3))}
    assert made("record", values, record) == (
        "title: A house, size: 1 2.5, photo: images of 8×12×3 uint8"
    )


def test_padding_is_not_shown():
    element = Element("sequence", (None, 1), "float32")
    batch = {"values": np.array([[[1.0], [2.0], [0.0]]]), "length": np.array([2])}
    found = thumbnails(Data(element, batch, 1))
    assert found.look == "lines"
    assert found.values[0, -1].tolist() == [2.0]
    record = Element("record", (), "", {"curve": element})
    batch = {"curve": np.array([[[1.0], [0.0]]]), "curve_length": np.array([1])}
    assert thumbnails(Data(record, batch, 1)).look == "words"


def test_no_examples_are_no_thumbnails():
    assert len(thumbnails(Data(IMAGE, np.zeros((0, 8, 12, 3), "uint8"), 0))) == 0


@pytest.mark.parametrize(
    "shown",
    [
        Thumbnails("words", np.array(["one word", "two $x$ 漢字 words"])),
        Thumbnails("lines", RNG.normal(size=(2, 64, 3))),
        Thumbnails("picture", RNG.integers(0, 256, (2, 48, 64, 1)).astype("uint8")),
    ],
    ids=lambda shown: shown.look,
)
def test_every_look_can_be_drawn(shown):
    figure = neighbor_gallery(
        Thumbnails(shown.look, shown.values[:1]), shown, np.array([[True, False]])
    )
    figure.canvas.draw()
    assert len(figure.axes) == 3
    sheet = sample_sheet([shown], ["a class"])
    sheet.canvas.draw()
    assert len(sheet.axes) == 2


def test_texts_can_be_drawn_as_they_are():
    axes = sample_sheet([["a text", "another"]], ["a"]).axes[0]
    assert axes.texts[0].get_text() == "a text"


def test_thumbnails_take_the_shape_of_a_gallery():
    shown = Thumbnails("words", np.array(["a", "b", "c", "d"]))
    assert cells(shown, (2, 2))[1, 0].value == "c"
