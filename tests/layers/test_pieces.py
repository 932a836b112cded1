"""Splitting of texts into pieces, against the definition on strings and the tokenizers library."""

import itertools

import keras
import numpy as np
import pytest

from tfmetric import layers

TEXTS = [
    "a teapot, tea. A pot",
    "",
    "   ",
    "tttteeee  tea",
    "naïve Café 你好，tea 🙂",
    "can't; won't-do: zq teaz",
    "teateateateapotpotpot",
]
POINTS = {lower: layers.CodePoints(lowercase=lower) for lower in (True, False)}


def byte_pairs(text, vocabulary, merges):
    """The pieces of one word by the definition: the earliest rule first, from left to right."""
    symbols = list(text)
    rank = {pair: i for i, pair in enumerate(merges)}
    while True:
        pairs = [rank.get(pair, len(rank)) for pair in itertools.pairwise(symbols)]
        if not pairs or min(pairs) == len(rank):
            break
        i = pairs.index(min(pairs))
        symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
    found = []
    for symbol in symbols:
        if symbol in vocabulary:
            found.append(vocabulary[symbol])
        else:
            found += [vocabulary[f"<0x{byte:02X}>"] for byte in symbol.encode()]
    return found


def learned(seed=0, count=30):
    """A vocabulary with bytes, and rules in random order."""
    rng = np.random.default_rng(seed)
    pieces = ["<unk>", *(f"<0x{i:02X}>" for i in range(256)), *"▁aetpoc.,'"]
    merges = []
    while len(merges) < count:
        single = [p for p in pieces if not p.startswith("<")]
        a, b = rng.choice(single, 2)
        if "▁" not in b and a + b not in pieces and len(a + b) < 7:
            merges.append((str(a), str(b)))
            pieces.append(str(a + b))
    return {piece: i for i, piece in enumerate(pieces)}, merges


def numbers(ids):
    """The pieces of each text, in the order of the text."""
    return [(row.T[row.T > 0] - 1).tolist() for row in np.asarray(ids)]


@pytest.mark.parametrize("seed", range(3))
def test_byte_pairs_are_joined_as_defined(seed):
    vocabulary, merges = learned(seed)
    layer = layers.BytePairs.from_vocabulary(vocabulary, merges)
    got = numbers(layer(POINTS[False](TEXTS)))
    for row, text in zip(got, TEXTS, strict=True):
        words = [f"▁{word}" for word in text.split(" ") if word]
        assert row == [n for word in words for n in byte_pairs(word, vocabulary, merges)]


def test_a_vocabulary_without_bytes_gives_nothing_for_an_unknown_character():
    layer = layers.BytePairs.from_vocabulary({"▁": 0, "t": 1, "▁t": 2}, [("▁", "t")])
    assert numbers(layer(POINTS[True](["tét", "é"]))) == [[2, 1], [0]]


def greedy(word, vocabulary, continuation):
    found, start = [], 0
    while start < len(word):
        prefix = continuation if start else ""
        for end in range(len(word), start, -1):
            if prefix is not None and prefix + word[start:end] in vocabulary:
                break
        else:
            return []
        found.append(vocabulary[prefix + word[start:end]])
        start = end
    return found


def words_of(text):
    for mark in ".,;:'-，🙂":
        if mark != "🙂":
            text = text.replace(mark, f" {mark} ")
    for letter in "你好":
        text = text.replace(letter, f" {letter} ")
    return text.split()


@pytest.mark.parametrize("continuation", ["##", None])
def test_the_longest_pieces_are_taken_as_defined(continuation):
    pieces = ["tea", "pot", "te", "t", "a", "can", "cafe", ".", "你", "naive", "##z", "don"]
    pieces += [f"##{p}" for p in ("tea", "teat", "pot", "e", "t", "po")]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    layer = layers.WordPieces.from_vocabulary(vocabulary, continuation, strip_accents=True)
    plain = [text.lower().replace("ï", "i").replace("é", "e") for text in TEXTS]
    want = [
        [n for word in words_of(text) for n in greedy(word, vocabulary, continuation)]
        for text in plain
    ]
    ids = np.asarray(layer(POINTS[True](TEXTS)))
    assert [(row[row > 0] - 1).tolist() for row in ids] == want
    assert any(want)


def test_word_pieces_are_those_of_the_tokenizers_library():
    tokenizers = pytest.importorskip("tokenizers")
    pieces = [
        "[UNK]",
        *"teapocnt.,'",
        *(f"##{c}" for c in "teapocntz"),
        "tea",
        "##pot",
        "你",
        "naive",
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    layer = layers.WordPieces.from_vocabulary(vocabulary, strip_accents=True)
    ids = np.asarray(layer(POINTS[True](TEXTS)))
    for row, text in zip(ids, TEXTS, strict=True):
        assert (row[row > 0] - 1).tolist() == [n for n in theirs.encode(text).ids if n]


def both():
    vocabulary, merges = learned()
    return [
        layers.BytePairs.from_vocabulary(vocabulary, merges),
        layers.WordPieces.from_vocabulary({"tea": 0, "pot": 1, "##pot": 2}, strip_accents=True),
    ]


@pytest.mark.parametrize("layer", both(), ids=lambda layer: type(layer).__name__)
def test_pieces_do_not_depend_on_the_batch_and_are_the_same_under_xla(layer):
    import tensorflow as tf

    points = POINTS[False].encode(TEXTS)
    together = np.asarray(layer(points))
    for row, text in zip(together, TEXTS, strict=True):
        alone = np.asarray(layer(POINTS[False]([text])))[0]
        np.testing.assert_array_equal(row[..., : alone.shape[-1]], alone)
        assert not row[..., alone.shape[-1] :].any()
    compiled = tf.function(layer, jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(points)), together)


@pytest.mark.parametrize("layer", both(), ids=lambda layer: type(layer).__name__)
def test_the_vocabulary_comes_back_from_a_file(layer, tmp_path):
    points = POINTS[False].encode(TEXTS)
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(points), layer(points))
    assert not loaded.trainable_weights


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BytePairs.from_vocabulary({"a": 0}, [("a", "b")]), "lacking"),
        (lambda: layers.BytePairs.from_vocabulary({"a": 0}, []), "merges, all of them"),
        (lambda: layers.BytePairs.from_vocabulary({"a▁b": 0}, []), "within a word"),
        (lambda: layers.WordPieces.from_vocabulary({}), "a vocabulary with pieces"),
    ],
)
def test_vocabularies_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
