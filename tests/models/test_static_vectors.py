"""Text embedders on static vectors that stand in a folder, in every form that is read."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfmetric as tm
from tfmetric.elements import TEXT
from tfmetric.models.towers import static

WORDS = {"a": 0, "cup": 1, "of": 2, "tea": 3, ".": 4}
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
TEXTS = ["A cup of tea.", "tea", "", "unknown", "of a cup"]


def safetensors(array, name="embedding.weight"):
    kind = {"float32": "F32", "float16": "F16", "int64": "I64"}[array.dtype.name]
    data = array.tobytes()
    entry = {"dtype": kind, "shape": list(array.shape), "data_offsets": [0, len(data)]}
    header = json.dumps({"__metadata__": {"format": "np"}, name: entry}).encode()
    return len(header).to_bytes(8, "little") + header + data


def word_piece(vocabulary):
    return {
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "vocab": vocabulary, "continuing_subword_prefix": "##"},
        "added_tokens": [],
    }


def text_form(header):
    lines = [f"{word} {' '.join(map(str, VECTORS[i]))}" for word, i in WORDS.items()]
    return "\n".join(([f"{len(WORDS)} 3"] if header else []) + lines) + "\n"


def write(folder, form):
    folder.mkdir()
    if form in ("word2vec", "glove"):
        (folder / "vectors.txt").write_text(text_form(form == "word2vec"))
        return folder / "vectors.txt" if form == "glove" else folder
    if form.startswith("npy"):
        np.save(folder / "vectors.npy", VECTORS)
    else:
        (folder / "model.safetensors").write_bytes(safetensors(VECTORS))
    if form.endswith("list"):
        (folder / "vocabulary.txt").write_text("\n".join(WORDS))
    else:
        (folder / "tokenizer.json").write_text(json.dumps(word_piece(WORDS)))
        (folder / "config.json").write_text("{}")
    return folder


def bag(model):
    return keras.Model(model.input, model.get_layer("static").output)


@pytest.mark.parametrize("form", ["word2vec", "glove", "npy list", "safetensors tokenizer"])
def test_every_form_gives_the_weighted_mean_of_the_vectors(form, tmp_path):
    model = tm.models.embedder(
        TEXT, 4, backbone="static", weights=write(tmp_path / "v", form), adapt=TEXTS
    )
    holding = {"a": 2, "cup": 2, "of": 2, "tea": 2, ".": 1}
    weight = {word: (np.log(6 / (1 + n)) + 1) ** 0.5 for word, n in holding.items()}
    for row, words in zip(
        np.asarray(bag(model)(tf.constant(TEXTS))),
        (["a", "cup", "of", "tea", "."], ["tea"], [], [], ["of", "a", "cup"]),
        strict=True,
    ):
        want = sum((weight[w] * VECTORS[WORDS[w]] for w in words), np.zeros(3))
        size = sum(weight[w] ** 2 for w in words) ** 0.5 or 1.0
        np.testing.assert_allclose(row, want / size, atol=1e-5)


@pytest.mark.parametrize("trainable", [pytest.param(True, marks=pytest.mark.slow), False])
def test_the_vectors_stay_as_they_are_and_the_model_needs_the_folder_no_more(trainable, tmp_path):
    folder = write(tmp_path / "v", "word2vec")
    model = tm.models.embedder(
        TEXT, 4, backbone="static", weights=folder, adapt=TEXTS, trainable=trainable
    )
    (folder / "vectors.txt").unlink()
    x = tf.constant(TEXTS)
    before = np.asarray(model(x))
    assert np.isfinite(before).all()
    copy = tm.models.untrained_copy(model)
    np.testing.assert_array_equal(bag(copy)(x), bag(model)(x))
    model.compile("sgd", loss=tm.losses.SupConLoss())
    model.fit(x, np.array([0, 1, 0, 1, 0]), verbose=0)
    assert np.abs(np.asarray(model(x)) - before).max() > 1e-6
    np.testing.assert_array_equal(np.asarray(model.get_layer("static").table)[1:], VECTORS)
    assert len(model.trainable_weights) == (2 if trainable else 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(x), model(x), atol=1e-6)


def test_a_matrix_of_16_bits_is_read_exactly(tmp_path):
    path = tmp_path / "m.safetensors"
    half = VECTORS.astype("float16")
    path.write_bytes(safetensors(half))
    np.testing.assert_array_equal(static.arrays.read_safetensors(path), half)
    data = safetensors(half).replace(b'"F16"', b'"BF16"')
    size = int.from_bytes(data[:8], "little") + 1
    path.write_bytes(size.to_bytes(8, "little") + data[8:])
    want = (half.view("uint16").astype("uint32") << 16).view("float32")
    np.testing.assert_array_equal(static.arrays.read_safetensors(path), want)


def test_a_byte_pair_tokenizer_is_read(tmp_path):
    write(tmp_path / "v", "npy tokenizer")
    plain = {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace"}],
        },
        "pre_tokenizer": None,
        "model": {
            "type": "BPE",
            "vocab": {"▁": 0, "t": 1, "e": 2, "te": 3, "▁te": 4},
            "merges": ["t e", "▁ te"],
        },
    }
    (tmp_path / "v" / "tokenizer.json").write_text(json.dumps(plain))
    found = static.read(tmp_path / "v")
    ids = np.asarray(found.splitting("pieces")(tm.layers.CodePoints()(["tet"])))
    assert ids[ids > 0].tolist() == [5, 2]
    assert not found.lowercase


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vectors.npy", b"no array", "an array that NumPy can read"),
        ("vectors.npy", None, "one file of vectors"),
        ("second.npy", b"x", "one file of vectors"),
        ("vocabulary.txt", None, "a vocabulary beside the vectors"),
        ("vocabulary.txt", b"\xff\xfe\xff", "a vocabulary in UTF-8"),
        ("vocabulary.txt", b"a\n" + b"x\n" * 0 + b"\n".join(b"w%d" % i for i in range(9)), "for e"),
        ("tokenizer.json", b'{"model": {"type": "Unigram", "vocab": []}}', "of the kind WordPiece"),
    ],
)
def test_a_bad_folder_is_named(name, content, message, tmp_path):
    folder = write(tmp_path / "v", "npy list")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tm.models.embedder(TEXT, 4, backbone="static", weights=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "whole .safetensors"),
        (safetensors(VECTORS)[:-4], "whole .safetensors"),
        (safetensors(VECTORS.astype("int64")), "whole .safetensors"),
        (safetensors(VECTORS.reshape(-1)), "one matrix"),
        (safetensors(np.full((5, 3), np.nan, "float32")), "finite vectors"),
        ((10**15).to_bytes(8, "little"), "whole .safetensors"),
    ],
)
def test_a_bad_safetensors_file_is_named(content, message, tmp_path):
    folder = write(tmp_path / "v", "safetensors list")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tm.models.embedder(TEXT, 4, backbone="static", weights=folder)


@pytest.mark.parametrize(
    ("content", "line"),
    [("a 1 2\nb 1\n", 2), ("a x y\n", 1), ("", "at least one word"), ("a 1 2\n 1 2\n", 2)],
)
def test_a_bad_text_form_is_named_with_its_line(content, line, tmp_path):
    (tmp_path / "v.txt").write_text(content)
    message = f"line={line}" if isinstance(line, int) else line
    with pytest.raises(ValueError, match=message):
        tm.models.embedder(TEXT, 4, backbone="static", weights=tmp_path / "v.txt")


def test_no_folder_and_weights_that_no_backbone_takes_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder of vectors that exists"):
        tm.models.embedder(TEXT, 4, backbone="static", weights=tmp_path / "none")
    with pytest.raises(ValueError, match="the folder of the vectors"):
        tm.models.embedder(TEXT, 4, backbone="static")
    with pytest.raises(ValueError, match="backbone='static'"):
        tm.models.embedder(TEXT, 4, weights=tmp_path)


@pytest.mark.slow
def test_the_vectors_that_wordllama_ships_are_split_as_its_own_tokenizer_does():
    wordllama = pytest.importorskip("wordllama")
    tokenizers = pytest.importorskip("tokenizers")
    folder = next(iter(wordllama.__path__))
    found = static.read(folder)
    assert found.vectors.shape == (32000, 256)
    theirs = tokenizers.Tokenizer.from_file(
        f"{folder}/tokenizers/l2_supercat_tokenizer_config.json"
    )
    texts = [
        "How do I reset my password?",
        "naïve Ünïcode 你好，世界 🙂",
        "x\ty\n",
        "",
        "internationally",
    ]
    ids = np.asarray(found.splitting("p")(tm.layers.CodePoints(lowercase=False)(texts)))
    for row, text in zip(ids, texts, strict=True):
        want = theirs.encode(text, add_special_tokens=False).ids
        assert (row.T[row.T > 0] - 1).tolist() == want
