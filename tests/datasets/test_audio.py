"""Recordings from files and arrays: rates, channels, ranges, and what cannot be used."""

import numpy as np
import pytest

from tfmetric import datasets

soundfile = pytest.importorskip("soundfile", reason="needs the extra audio")
RATE = 8000


def _tone(number, rate=RATE, seconds=0.1):
    time = np.arange(round(rate * seconds)) / rate
    return 0.5 * np.sin(2 * np.pi * (200 + 10 * number) * time)


@pytest.fixture
def folder(tmp_path):
    """Four classes of three 16-bit WAV files, a tone each."""
    for place, label in enumerate(("ant", "bee", "cat", "dog")):
        (tmp_path / label).mkdir()
        for number in range(3):
            sound = _tone(3 * place + number, seconds=0.1 + number / 100)
            soundfile.write(tmp_path / label / f"{number}.wav", sound, RATE, subtype="PCM_16")
    return tmp_path


def _skipped(folder, **options):
    with pytest.warns(UserWarning, match="unusable"):
        train, test = datasets.load(folder, **options)
    assert len(train) + len(test) == 12
    return dict(train.report.skipped)


def _sound(parts, where):
    for part in parts:
        for row, one in enumerate(part.ids):
            if one == where:
                read = part.read([row])
                return read["values"][0][: read["length"][0]]
    raise AssertionError(where)


def test_a_folder_of_wav_files(folder):
    parts = datasets.load(folder)
    assert parts[0].element.kind == "audio"
    assert parts[0].element.shape == (None,)
    assert parts[0].element.options["sampling_rate"] == RATE
    assert sum(map(len, parts)) == 12
    np.testing.assert_allclose(
        _sound(parts, "bee/2.wav"), _tone(5, seconds=0.12), atol=2**-15, rtol=0
    )


def test_flac_and_ogg(folder):
    for suffix in ("flac", "ogg"):
        soundfile.write(folder / "ant" / f"x.{suffix}", _tone(20), RATE)
    parts = datasets.load(folder)
    assert sum(map(len, parts)) == 14
    np.testing.assert_allclose(_sound(parts, "ant/x.flac"), _tone(20), atol=2**-15, rtol=0)
    assert len(_sound(parts, "ant/x.ogg")) == 800


def test_several_rates_become_the_commonest_or_the_one_that_is_asked_for(folder):
    soundfile.write(folder / "ant" / "x.wav", _tone(1, 16000), 16000)
    parts = datasets.load(folder)
    assert parts[0].element.options["sampling_rate"] == RATE
    assert "1 recordings were resampled from 16,000 to 8,000 Hz" in parts[0].report.notes
    found = _sound(parts, "ant/x.wav")
    assert len(found) == 800
    np.testing.assert_allclose(found[50:-50], _tone(1)[50:-50], atol=2e-3)
    higher = datasets.load(folder, sampling_rate=16000)
    assert higher[0].element.options["sampling_rate"] == 16000
    assert len(_sound(higher, "bee/0.wav")) == 1600


def test_stereo_becomes_the_mean_with_a_note(folder):
    stereo = np.stack([_tone(1), _tone(2)], 1)
    soundfile.write(folder / "ant" / "x.wav", stereo, RATE, subtype="FLOAT")
    parts = datasets.load(folder)
    assert "1 recordings of several channels became their mean" in parts[0].report.notes
    np.testing.assert_allclose(_sound(parts, "ant/x.wav"), stereo.mean(1), atol=1e-7)


def test_seconds_cut(folder):
    train, test = datasets.load(folder, seconds=0.05)
    assert set(train.read()["length"]) == set(test.read()["length"]) == {400}
    assert any("first 0.05 seconds" in note for note in train.report.notes)


def test_recordings_that_cannot_be_used_are_named(folder):
    ant = folder / "ant"
    for suffix in ("wav", "flac", "ogg"):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 40000)
        soundfile.write(ant / f"cut.{suffix}", noise, RATE)
        data = (ant / f"cut.{suffix}").read_bytes()
        (ant / f"cut.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    (ant / "empty.wav").write_bytes(b"")
    (ant / "text.wav").write_text("no sound at all")
    soundfile.write(ant / "none.wav", np.empty(0), RATE)
    soundfile.write(ant / "silent.wav", np.zeros(800), RATE)
    soundfile.write(ant / "nan.wav", np.full(800, np.nan), RATE, subtype="FLOAT")
    found = _skipped(folder)
    reasons = {
        "cut.wav": "cut short",
        "cut.ogg": "cut short",
        "cut.flac": "",
        "empty.wav": "empty file",
        "text.wav": "not a readable WAV, FLAC or Ogg file (Format not recognised)",
        "none.wav": "no samples",
        "silent.wav": "silent",
        "nan.wav": "missing values",
    }
    assert set(found) == {f"ant/{name}" for name in reasons}
    for name, reason in reasons.items():
        assert found[f"ant/{name}"].startswith(reason)


def test_one_sound_in_two_forms_is_a_duplicate(folder):
    samples, _ = soundfile.read(folder / "ant" / "0.wav", dtype="int16")
    soundfile.write(folder / "ant" / "x.flac", samples, RATE)
    report = datasets.load(folder)[0].report
    assert report.repeated == (("ant/0.wav", "ant/x.flac"),)


@pytest.mark.parametrize(
    ("dtype", "middle", "scale"),
    [("int16", 0, 2**15), ("int32", 0, 2**31), ("uint8", 128, 2**7), ("int8", 0, 2**7)],
)
def test_whole_numbers_by_the_range_of_their_type(dtype, middle, scale):
    limits = np.iinfo(dtype)
    x = np.random.default_rng(0).integers(limits.min, limits.max, (8, 30), dtype)
    data = datasets.from_arrays(x, np.arange(8) % 4, kind="audio", sampling_rate=RATE)
    np.testing.assert_array_equal(
        data.read()["values"], ((x.astype("float64") - middle) / scale).astype("float32")
    )


def test_arrays_that_are_no_recordings():
    labels = np.arange(8) % 4
    x = np.random.default_rng(0).uniform(-1, 1, (8, 30))
    with pytest.raises(ValueError, match="sampling_rate= in hertz"):
        datasets.from_arrays(x, labels, kind="audio")
    with pytest.raises(ValueError, match="int16"):
        datasets.from_arrays((x * 9).astype("int64"), labels, kind="audio", sampling_rate=RATE)
    with pytest.raises(ValueError, match="channels last"):
        datasets.from_arrays(list(np.zeros((8, 2, 100))), labels, kind="audio", sampling_rate=RATE)
    with pytest.raises(ValueError, match="whole number of hertz"):
        datasets.from_arrays(x, labels, kind="audio", sampling_rate=0)
    with pytest.raises(ValueError, match="seconds above 0"):
        datasets.load((x, labels), kind="audio", sampling_rate=RATE, seconds=0)
    with pytest.raises(ValueError, match="sampling_rate= with examples of these kinds only: audio"):
        datasets.load((x, labels), sampling_rate=RATE)


def test_samples_beyond_full_scale_are_noted_and_kept():
    x = np.random.default_rng(0).uniform(-1, 1, (8, 30)).astype("float32")
    x[3, 0] = 7
    train, test = datasets.load((x, np.arange(8) % 4), kind="audio", sampling_rate=RATE)
    assert any("1 recordings have samples beyond -1 to 1" in note for note in train.report.notes)
    assert max(train.read()["values"].max(), test.read()["values"].max()) == 7


def test_an_npz_with_its_rate(tmp_path):
    rng = np.random.default_rng(0)
    x, labels = rng.integers(-(2**15), 2**15, 120).astype("int16"), np.repeat(np.arange(4), 3)
    arrays = {"x": x, "y": labels, "offset": np.arange(0, 121, 10), "sampling_rate": RATE}
    np.savez(tmp_path / "s.npz", **arrays)
    for source in (tmp_path / "s.npz", arrays):
        train, _ = datasets.load(source)
        assert train.element.kind == "audio"
        assert train.element.options["sampling_rate"] == RATE
    with pytest.raises(ValueError, match="lies beside the samples"):
        datasets.load(tmp_path / "s.npz", sampling_rate=16000)


def test_spoken_digits(shared):
    train, test = datasets.load(
        shared("data/fsdd/fsdd.npz"),
        kind="audio",
        columns="pcm",
        label="digit",
        group="speaker",
        split="groups",
        sampling_rate=RATE,
    )
    assert len(train) + len(test) == 3000
    assert not set(train.groups) & set(test.groups)
    assert np.abs(train.read([0])["values"]).max() <= 1
