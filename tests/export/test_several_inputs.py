"""Models of several inputs, and recordings as files, from the export to a server."""

import io
import json
import wave

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmetric import export
from tfmetric.elements import Element

RATE, DIM = 8000, 3
SPEECH = Element("audio", (None,), "float32", options={"sampling_rate": RATE})


def sounds(count=6, seed=0):
    """Samples of different lengths, whole multiples of 2**-15 as 16 bits hold them."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(-(2**15), 2**15, 50 + 7 * i).astype("float32") / 2**15 for i in range(count)
    ]


def batch(parts):
    length = np.array([len(part) for part in parts], "int32")
    values = np.zeros((len(parts), length.max()), "float32")
    for row, part in zip(values, parts, strict=True):
        row[: len(part)] = part
    return {"values": values, "length": length}


def wav(samples, rate=RATE, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        whole = np.rint(samples * 2**15).astype("<i2")
        writer.writeframes(np.repeat(whole[:, None], channels, 1).tobytes())
    return file.getvalue()


def speech_model():
    values = keras.Input((None,), name="values")
    length = keras.Input((), dtype="int32", name="length")
    count = keras.ops.cast(length, "float32")[:, None]
    powers = [keras.ops.sum(values**n, axis=1, keepdims=True) / count for n in (1, 2, 3)]
    return keras.Model({"values": values, "length": length}, keras.ops.concatenate(powers, 1))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("several") / "speech"
    names = [f"s{i}" for i in range(6)]
    export.save(
        speech_model(),
        directory,
        gallery=(batch(sounds()), names),
        ids=names,
        inputs=("tensor", "wav_bytes"),
        element=SPEECH,
        exclude=True,
    )
    return directory


def test_named_arrays_and_files_give_the_same(directory):
    servable, parts = export.load(directory), sounds()
    x, files = batch(parts), [wav(part) for part in parts]
    wanted = np.array([[np.mean(part.astype(float) ** n) for n in (1, 2, 3)] for part in parts])
    np.testing.assert_allclose(servable.embed(x), wanted, atol=1e-6)
    np.testing.assert_allclose(servable.embed_bytes(files), wanted, atol=1e-6)
    stereo = [wav(part, channels=2) for part in parts]
    np.testing.assert_allclose(servable.embed_bytes(stereo), wanted, atol=1e-6)
    names = [f"s{i}" for i in range(6)]
    assert servable.search(x, 1).ids[:, 0].tolist() == names
    assert servable.search_bytes(files, 2).labels[:, 0].tolist() == names
    assert not (servable.search(x, 1, exclude=names).ids[:, 0] == names).any()
    np.testing.assert_allclose(servable.verify(x, x).distances, 0, atol=1e-6)
    mirrored = servable.verify_bytes(files, files[::-1]).distances
    np.testing.assert_allclose(mirrored, mirrored[::-1], atol=1e-6)
    assert servable.classify_bytes(files, 1).labels.tolist() == names
    assert servable.embed(batch(parts[:1])).shape == (1, DIM)


def test_the_metadata_says_the_kind_and_what_is_done_with_a_file(directory):
    metadata = export.load(directory).metadata
    assert metadata["element"]["kind"] == "audio"
    assert metadata["element"]["options"] == {"sampling_rate": RATE}
    assert metadata["preprocessing"]["wav_bytes"]["sampling_rate"] == RATE
    assert sorted(metadata["named_inputs"]) == ["length", "values"]
    assert "search_except_bytes" in metadata["signatures"]
    json.dumps(metadata, allow_nan=False)


def test_wrong_inputs_are_named(directory):
    servable, x = export.load(directory), batch(sounds())
    with pytest.raises(ValueError, match=r"a dictionary of length, values"):
        servable.embed(x["values"])
    with pytest.raises(ValueError, match=r"a dictionary of length, values.*\['values'\]"):
        servable.embed({"values": x["values"]})
    with pytest.raises(ValueError, match=r"wav_bytes to be whole WAV files.*the file at 1"):
        servable.embed_bytes([wav(sounds()[0]), b"RIFF, but no more"])
    with pytest.raises(ValueError, match=r"the file at 0.*8000 Hz"):
        servable.embed_bytes([wav(sounds()[0], rate=16000)])
    x["values"][3, 2] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"without NaN.*\[3\]"):
        servable.search(x)
    with pytest.raises(ValueError, match=r"inputs values without NaN.*rows=\[3\]"):
        export.update_gallery(directory, gallery=x)
    with pytest.raises(ValueError, match=r"a gallery to be a dictionary of length, values"):
        export.update_gallery(directory, gallery=x["values"])
    with pytest.raises(ValueError, match=r"as many rows in each array.*values=6, length=5"):
        export.update_gallery(directory, gallery={**x, "length": x["length"][:5]})


def test_a_new_gallery_needs_no_model(directory, tmp_path):
    other = sounds(4, seed=1)
    path = export.update_gallery(directory, gallery=batch(other), ids=list("abcd"), batch_size=3)
    servable = export.load(directory, int(path.name))
    assert servable.search_bytes([wav(part) for part in other], 1).ids[:, 0].tolist() == list(
        "abcd"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": "wav_bytes"}, "an element of audio"),
        ({"inputs": ("wav_bytes", "image_bytes"), "element": SPEECH}, "one kind of file"),
        ({"inputs": "image_bytes"}, "a model of images of one size"),
        ({"inputs": "text"}, "a model that takes strings"),
    ],
)
def test_what_a_model_of_samples_does_not_take(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.save(speech_model(), tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_recordings_of_one_length_are_cut_or_padded(tmp_path):
    inputs = keras.Input((60,))
    model = keras.Model(inputs, keras.layers.Dense(DIM, use_bias=False)(inputs))
    export.save(model, tmp_path, inputs=("tensor", "wav_bytes"), element=SPEECH)
    servable, parts = export.load(tmp_path), sounds()
    x = np.stack([np.r_[part, np.zeros(60)][:60] for part in parts])
    found = servable.embed_bytes([wav(part) for part in parts])
    np.testing.assert_allclose(found, servable.embed(x), atol=1e-5)


def test_a_model_with_texts_and_numbers(tmp_path):
    text, price = keras.Input((), dtype="string", name="title"), keras.Input((2,), name="price")
    hashed = keras.layers.Hashing(50)(text)
    words = keras.layers.Embedding(50, DIM)(hashed)
    model = keras.Model([text, price], words + keras.layers.Dense(DIM)(price))
    rows = {"title": np.array(["a", "b", "c"]), "price": np.eye(3, 2)}
    export.save(model, tmp_path, gallery=rows, ids=["x", "y", "z"])
    found = export.load(tmp_path).search({"title": ["c", "a"], "price": [[0, 0], [1, 0]]}, 1)
    assert found.ids[:, 0].tolist() == ["z", "x"]


def test_a_server_and_its_client_know_the_names(directory, tmp_path):
    for package in ("uvicorn", "grpc", "tensorflow_serving.apis"):
        pytest.importorskip(package, reason="needs the extra serve")
    from tfmetric.serving import Client, Server

    x, files = batch(sounds()), [wav(part) for part in sounds()]
    wanted = export.load(directory, 1).embed(x)
    with Server(directory, port=0, grpc_port=0, poll_seconds=60) as server:
        for url in (server.rest_url, server.grpc_url):
            with Client(url, "speech") as client:
                np.testing.assert_allclose(client.embed(x), wanted, atol=1e-5)
                np.testing.assert_allclose(client.embed(files), wanted, atol=1e-5)
                np.testing.assert_allclose(client.verify(x, x).distances, 0, atol=1e-5)
                with pytest.raises(ValueError, match="dictionary of arrays for the inputs length"):
                    client.embed(x["values"])


def test_the_requests_of_the_readme_name_the_inputs(directory, tmp_path):
    export.serve_config(directory, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert '"length": 0' in text
    assert '{"wav_bytes": {"b64"' in text
    assert "recording.wav" in text
