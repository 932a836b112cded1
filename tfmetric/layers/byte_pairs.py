"""Splits texts into the pieces of a byte-pair vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers._pair_table import find, sorted_pairs
from tfmetric.typing import Tensor

_MARK = 0x2581  # "▁" stands for the space before a word.
_NEVER = np.int32(2**31 - 1)


@keras.saving.register_keras_serializable(package="tfmetric")
class BytePairs(ConfigFromArguments, keras.layers.Layer):
    """Splits texts by byte-pair encoding, as SentencePiece models such as Llama's do.

    Use it before a table of pretrained vectors whose vocabulary is of this form; make it with
    :meth:`from_vocabulary`. It gives the pieces of the original tokenizer for texts with single
    spaces; runs of spaces count as one. A character that the vocabulary lacks becomes its UTF-8
    bytes if the vocabulary has bytes, else nothing.

    It computes with whole numbers alone, on every backend and under XLA. The vocabulary is saved in
    its weights.

    Inputs: code points ``(B, T)``, 0 where a text has ended; see
    :class:`tfmetric.layers.CodePoints`. Output: int32 ``(B, 4, T + 1)``: in the first row, at the
    place where a piece begins, its number in the vocabulary plus 1; 0 for none. The other rows
    hold the second to fourth byte of characters that the vocabulary lacks.

    Args:
        symbols: Number of single characters in the vocabulary.
        tokens: Size of the vocabulary.
        merges: Number of rules.
        longest: The largest number of rules with one left piece.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Example:

    >>> vocabulary = {"▁": 0, "t": 1, "e": 2, "te": 3, "▁te": 4}
    >>> layer = BytePairs.from_vocabulary(vocabulary, [("t", "e"), ("▁", "te")])
    >>> import tfmetric as tm
    >>> np.asarray(layer(tm.layers.CodePoints()(["tet"])))[0, 0].tolist()  # "▁te", "t"
    [5, 0, 0, 2]

    References:
        Sennrich, Haddow, Birch: Neural Machine Translation of Rare Words with Subword Units (2016);
        Kudo, Richardson: SentencePiece (2018).
    """

    def __init__(self, symbols: int, tokens: int, merges: int, longest: int, **kwargs: Any):
        super().__init__(autocast=False, **{"trainable": False, **kwargs})
        self.symbols, self.tokens = int(symbols), int(tokens)
        self.merges, self.longest = int(merges), int(longest)

    @classmethod
    def from_vocabulary(
        cls, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], **kwargs: Any
    ) -> "BytePairs":
        """Makes the layer of a vocabulary.

        Args:
            vocabulary: The number of each piece. ``"▁"`` is the space before a word; ``"<0x00>"``
                to ``"<0xFF>"``, if there, are bytes.
            merges: Pairs of pieces that become one, the most frequent first.
            **kwargs: Arguments of ``keras.layers.Layer``.

        Raises:
            ValueError: If a rule has a piece that the vocabulary lacks, a piece spans two words, or
                there is no rule.
        """
        across = next((t for t in vocabulary if "▁" in t.lstrip("▁")), None)
        if across is not None:
            raise ValueError(expected("pieces that lie within a word", piece=across))
        lacking = [p for pair in merges for p in (*pair, "".join(pair)) if p not in vocabulary]
        if lacking or not merges:
            raise ValueError(
                expected("merges, all of them of pieces of the vocabulary", lacking=lacking[:3])
            )
        left, right, merged = (
            np.array(column, "int32")
            for column in zip(
                *((vocabulary[a], vocabulary[b], vocabulary[a + b]) for a, b in merges),
                strict=True,
            )
        )
        tokens = max(vocabulary.values()) + 1
        order, begin = sorted_pairs(left, right, tokens)
        single = sorted((ord(piece), n) for piece, n in vocabulary.items() if len(piece) == 1)
        layer = cls(len(single), tokens, len(merges), np.diff(begin).max(), **kwargs)
        layer.build((None, None))
        layer.points.assign([point for point, _ in single])
        layer.numbers.assign([number for _, number in single])
        layer.bytes.assign([vocabulary.get(f"<0x{i:02X}>", -1) for i in range(256)])
        layer.begin.assign(begin)
        layer.right.assign(right[order])
        layer.rank.assign(order.astype("int32"))
        layer.merged.assign(merged[order])
        return layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the tables."""
        sizes = {
            "points": self.symbols,
            "numbers": self.symbols,
            "bytes": 256,
            "begin": self.tokens + 1,
            "right": self.merges,
            "rank": self.merges,
            "merged": self.merges,
        }
        for name, size in sizes.items():
            weight = self.add_weight(
                name=name, shape=(size,), dtype="int32", initializer="zeros", trainable=False
            )
            setattr(self, name, weight)

    def call(self, inputs: Any) -> Tensor:
        """The numbers of the pieces."""
        points, present, begins = _marked(ops.cast(inputs, "int32"))
        shape = ops.shape(points)
        number = ops.where(present, self._symbol(points), -1)
        unknown = ops.logical_and(present, number < 0)
        rows = [
            ops.where(unknown, self._byte(byte), -1) for byte in _utf8(points)
        ]  # The bytes of characters that are no symbols.
        first = ops.where(unknown, rows[0], number)
        flat = (ops.reshape(x, (-1,)) for x in (first, present, begins))
        return ops.stack([ops.reshape(self._joined(*flat), shape), *rows[1:]], axis=1) + 1

    def _symbol(self, points):
        known = ops.convert_to_tensor(self.points)
        place = ops.minimum(ops.searchsorted(known, ops.reshape(points, (-1,))), self.symbols - 1)
        place = ops.cast(ops.reshape(place, ops.shape(points)), "int32")
        number = ops.take(ops.convert_to_tensor(self.numbers), place)
        return ops.where(ops.take(known, place) == points, number, -1)

    def _byte(self, byte):
        number = ops.take(ops.convert_to_tensor(self.bytes), ops.maximum(byte, 0))
        return ops.where(byte >= 0, number, -1)

    def _joined(self, pieces, present, begins):
        """Joins pairs of neighbours, in each word the pair of the earliest rule first."""
        tables = [ops.convert_to_tensor(w) for w in (self.begin, self.right, self.rank)]
        begin, right, rank = tables
        count = ops.shape(pieces)[0]
        place = ops.arange(count, dtype="int32")
        word = ops.cumsum(ops.cast(begins, "int32"))
        later = ops.logical_and(present, ops.logical_not(begins))  # Not the first of its word.
        following = ops.logical_and(present, ops.pad(later, ((0, 1),))[1:])
        after = ops.where(following, place + 1, count)
        before = ops.where(later, place - 1, count)

        def at(x, index, outside):
            return ops.where(index < count, ops.take(x, ops.minimum(index, count - 1)), outside)

        def least_of_word(x):
            return -ops.take(ops.segment_max(-x, word, num_segments=count + 1), word)

        def step(pieces, after, before, _):
            rule = find(begin, right, pieces, at(pieces, after, -1), self.longest)
            order = ops.where(rule >= 0, ops.take(rank, ops.maximum(rule, 0)), _NEVER)
            least = ops.logical_and(order == least_of_word(order), order < _NEVER)
            joined = place == least_of_word(ops.where(least, place, _NEVER))
            new = ops.take(ops.convert_to_tensor(self.merged), ops.maximum(rule, 0))
            gone = at(joined, before, False)
            pieces = ops.where(joined, new, ops.where(gone, -1, pieces))
            nearer = at(gone, before, False)  # The piece before is gone: link to the one before it.
            before, after = (
                ops.where(gone, count, ops.where(nearer, at(before, before, count), before)),
                ops.where(gone, count, ops.where(joined, at(after, after, count), after)),
            )
            return pieces, after, before, ops.any(joined)

        state = (pieces, after, before, ops.convert_to_tensor(True))
        return ops.while_loop(lambda *state: state[-1], step, state)[0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, 4, T + 1)``."""
        batch, length = input_shape
        return (batch, 4, None if length is None else length + 1)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns an integer dtype under every policy."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "int32")


def _marked(points):
    """Puts the mark of a space before each word.

    Returns:
        The code points ``(B, T + 1)``; where there is one that counts; where a word begins.
    """
    points = ops.pad(points, ((0, 0), (1, 0)), constant_values=32)
    space = points == 32
    text = ops.logical_and(points > 0, ops.logical_not(space))
    begins = ops.logical_and(space, ops.pad(text, ((0, 0), (0, 1)))[:, 1:])
    return ops.where(space, _MARK, points), ops.logical_or(text, begins), begins


def _utf8(points):
    """Returns the first to fourth byte of each character, −1 where there is none."""
    size = 1 + sum(ops.cast(points >= first, "int32") for first in (0x80, 0x800, 0x10000))
    head = ops.take(np.array([0, 0, 0xC0, 0xE0, 0xF0], "int32"), size)
    found = []
    for i in range(4):
        shift = 6 * ops.maximum(size - 1 - i, 0)
        bits = ops.right_shift(points, shift)
        byte = bits + head if i == 0 else ops.bitwise_and(bits, np.int32(63)) + 128
        found.append(ops.where(size > i, byte, -1))
    return found
