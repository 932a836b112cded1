"""Splits texts into words, or into the longest pieces of words that a vocabulary has."""

import functools
import unicodedata
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers._pair_table import find, sorted_pairs
from tfmetric.typing import Tensor

_LAST = 0x10000  # Tables of characters end here; characters beyond are letters.
_OTHER, _SPACE, _ALONE = 0, 1, 2


@keras.saving.register_keras_serializable(package="tfmetric")
class WordPieces(ConfigFromArguments, keras.layers.Layer):
    """Splits words into the longest pieces that a vocabulary has, as BERT's WordPiece does.

    Use it before a table of pretrained vectors; make it with :meth:`from_vocabulary`. Words end at
    white space; each punctuation mark and each Chinese character is a word of its own. A word that
    cannot be put together from pieces gives nothing. With ``continuation=None`` a vocabulary of
    whole words is looked up, as word2vec and GloVe have.

    It computes with whole numbers alone, on every backend and under XLA. The vocabulary is saved in
    its weights.

    Inputs: code points ``(B, T)``, 0 where a text has ended; see
    :class:`tfmetric.layers.CodePoints`. Output: int32 ``(B, T)``: at the place where a piece
    begins, its number in the vocabulary plus 1; 0 for none.

    Args:
        nodes: Number of beginnings of pieces.
        children: The largest number of characters that continue one beginning.
        longest: Length of the longest piece.
        strip_accents: Whether "é" is read as "e". Combining marks that stand apart are kept.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Example:

    >>> layer = WordPieces.from_vocabulary({"tea": 0, "pot": 1, "##pot": 2, ".": 3})
    >>> import tfmetric as tm
    >>> text = tm.layers.CodePoints()(["teapot, tea."])
    >>> ids = np.asarray(layer(text))
    >>> ids[ids > 0].tolist()  # "tea", "##pot", "tea", "."
    [1, 3, 1, 4]

    References:
        Devlin et al.: BERT (2019), sec. 3, and Wu et al.: Google's Neural Machine Translation
        System (2016), sec. 4.1, for the pieces.
    """

    def __init__(
        self, nodes: int, children: int, longest: int, strip_accents: bool = False, **kwargs: Any
    ):
        super().__init__(autocast=False, **{"trainable": False, **kwargs})
        self.nodes, self.children, self.longest = int(nodes), int(children), int(longest)
        self.strip_accents = bool(strip_accents)

    @classmethod
    def from_vocabulary(
        cls,
        vocabulary: Mapping[str, int],
        continuation: str | None = "##",
        strip_accents: bool = False,
        **kwargs: Any,
    ) -> "WordPieces":
        """Makes the layer of a vocabulary.

        Args:
            vocabulary: The number of each piece.
            continuation: Prefix of the pieces that continue a word; None where all are words.
            strip_accents: Whether "é" is read as "e".
            **kwargs: Arguments of ``keras.layers.Layer``.

        Raises:
            ValueError: If the vocabulary is empty.
        """
        if not vocabulary:
            raise ValueError(expected("a vocabulary with pieces", pieces=0))
        parent, point, number, longest = _tree(vocabulary, continuation)
        nodes = len(number)
        order, begin = sorted_pairs(parent, point, nodes)
        layer = cls(nodes, np.diff(begin).max(), longest, strip_accents, **kwargs)
        layer.build((None, None))
        layer.begin.assign(begin)
        layer.point.assign(point[order])
        layer.node.assign((order + 2).astype("int32"))
        layer.number.assign(number)
        return layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the tree: its first two nodes begin a word and continue a word."""
        edges = self.nodes - 2
        sizes = {"begin": self.nodes + 1, "point": edges, "node": edges, "number": self.nodes}
        for name, size in sizes.items():
            weight = self.add_weight(
                name=name, shape=(size,), dtype="int32", initializer="zeros", trainable=False
            )
            setattr(self, name, weight)

    def call(self, inputs: Any) -> Tensor:
        """The numbers of the pieces."""
        points = ops.cast(inputs, "int32")
        low = ops.minimum(points, _LAST - 1)
        kind = ops.where(points < _LAST, ops.take(_kinds(), low), _OTHER)
        if self.strip_accents:
            points = ops.where(points < _LAST, ops.take(_without_accents(), low), points)
        inside = ops.logical_and(points > 0, kind != _SPACE)
        alone = kind == _ALONE
        end_before = ops.logical_not(_earlier(ops.logical_and(inside, ops.logical_not(alone))))
        begins = ops.logical_and(inside, ops.logical_or(alone, end_before))
        number, length = self._longest_pieces(points, inside, begins)
        shape = ops.shape(points)
        flat = [ops.reshape(x, (-1,)) for x in (number, length, inside, begins)]
        return ops.reshape(_taken(*flat), shape)

    def _longest_pieces(self, points, inside, begins):
        """Returns the number, plus 1, and the length of the longest piece from each place on."""
        begin, point, child, numbers = (
            ops.convert_to_tensor(w) for w in (self.begin, self.point, self.node, self.number)
        )
        node = ops.where(inside, ops.where(begins, 0, 1), -1)
        number, length = ops.zeros_like(node), ops.zeros_like(node)
        same_word = inside
        for step in range(self.longest):
            place = find(begin, point, node, points, self.children)
            going = ops.logical_and(place >= 0, same_word)
            node = ops.where(going, ops.take(child, ops.maximum(place, 0)), -1)
            here = ops.where(going, ops.take(numbers, ops.maximum(node, 0)), 0)
            number = ops.where(here > 0, here, number)
            length = ops.where(here > 0, step + 1, length)
            points = _later(points)
            begins, inside = _later(begins), _later(inside)
            same_word = ops.logical_and(inside, ops.logical_not(begins))
        return number, length

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, T)``."""
        return tuple(input_shape)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns an integer dtype under every policy."""
        return keras.KerasTensor(tuple(inputs.shape), "int32")


def _taken(number, length, inside, begins):
    """Keeps the pieces that follow one another from the begin of a word to its end."""
    count = ops.shape(number)[0]
    place = ops.arange(count, dtype="int32")
    word = ops.cumsum(ops.cast(begins, "int32"))
    continues = ops.logical_and(inside, ops.logical_not(begins))

    def step(reached, newest, _):
        target = ops.where(ops.logical_and(newest, length > 0), place + length, count)
        marks = ops.segment_max(ops.cast(newest, "int32"), target, num_segments=count + 1)
        newest = ops.logical_and(marks[:count] > 0, continues)
        return ops.logical_or(reached, newest), newest, ops.any(newest)

    state = (begins, begins, ops.convert_to_tensor(True))
    reached = ops.while_loop(lambda *state: state[-1], step, state)[0]
    stuck = ops.cast(ops.logical_and(reached, length == 0), "int32")
    lost = ops.take(ops.segment_max(stuck, word, num_segments=count + 1), word) > 0
    return ops.where(ops.logical_and(reached, ops.logical_not(lost)), number, 0)


def _later(x):
    return ops.pad(x[:, 1:], ((0, 0), (0, 1)))


def _earlier(x):
    return ops.pad(x[:, :-1], ((0, 0), (1, 0)))


def _tree(vocabulary, continuation):
    """Returns the tree of beginnings: (parent, code point) of each edge, number + 1 of each node.

    Node 0 is the begin of a word, node 1 the begin of a continuation; edge i leads to node i + 2.
    """
    rest = [
        (1, t[len(continuation) :], n)
        for t, n in vocabulary.items()
        if continuation and t.startswith(continuation)
    ]
    whole = [
        (0, t, n)
        for t, n in vocabulary.items()
        if not (continuation and t.startswith(continuation))
    ]
    pieces = [piece for piece in whole + rest if piece[1]]
    longest = max((len(text) for _, text, _ in pieces), default=0)
    at = np.array([start for start, _, _ in pieces], "int64")
    ids = np.array([n + 1 for _, _, n in pieces], "int64")
    sizes = np.array([len(text) for _, text, _ in pieces])
    letters = np.zeros((len(pieces), longest), "int64")
    for row, (_, text, _) in zip(letters, pieces, strict=True):
        row[: len(text)] = [ord(letter) for letter in text]
    parents, points, number, nodes = [], [], [np.zeros(2, "int64")], 2
    for level in range(longest):
        there = sizes > level
        pairs = (at[there] << 32) + letters[there, level]
        edges, of_edge = np.unique(pairs, return_inverse=True)
        at[there] = nodes + of_edge
        parents.append(edges >> 32)
        points.append(edges & 0xFFFFFFFF)
        numbers = np.zeros(len(edges), "int64")
        ends = sizes == level + 1
        numbers[at[ends] - nodes] = ids[ends]
        number.append(numbers)
        nodes += len(edges)
    return (*(np.concatenate(x).astype("int32") for x in (parents, points, number)), longest)


@functools.lru_cache(maxsize=1)
def _kinds():
    """Returns for each character whether it is a space, stands alone, or is part of a word."""
    kinds = np.full(_LAST, _OTHER, "int32")
    for i in range(_LAST):
        letter = chr(i)
        category = unicodedata.category(letter)
        if letter.isspace() or category in ("Zs", "Cc"):
            kinds[i] = _SPACE
        elif category[0] == "P" or (i < 128 and not letter.isalnum()) or _chinese(i):
            kinds[i] = _ALONE
    return kinds


def _chinese(i):
    return 0x4E00 <= i <= 0x9FFF or 0x3400 <= i <= 0x4DBF or 0xF900 <= i <= 0xFAFF


@functools.lru_cache(maxsize=1)
def _without_accents():
    """Returns for each character the letter without its accents."""
    plain = np.arange(_LAST, dtype="int32")
    for i in range(128, _LAST):
        if not 0xD800 <= i <= 0xDFFF:
            letters = unicodedata.normalize("NFD", chr(i))
            if len(letters) > 1 and all(unicodedata.category(c) == "Mn" for c in letters[1:]):
                plain[i] = ord(letters[0])
    return plain
