"""Maps the words and n-grams of a text to rows of a table, without a vocabulary."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor

_SPACE = 32
# Odd numbers with well mixed bits; products are modulo 2³², as int32 wraps around.
_STEP = np.int32(0x01000193)
_MIX = (np.int32(0x2C1B3C6D), np.int32(0x297A2D39))
# A word's number depends on its last 2⁶ characters.
_DOUBLINGS = 6


@keras.saving.register_keras_serializable(package="tfmetric")
class HashedNGrams(ConfigFromArguments, keras.layers.Layer):
    """Hashes the words, pairs of words and character n-grams of a text to numbers.

    Use it as the input of an embedding without a vocabulary (fastText's idea). Any text in any
    language gets numbers, and a new word shares most of its n-grams with known words. Two n-grams
    collide with probability 1 / buckets.

    A character n-gram lies within a word, or extends over its border by one space; the begin and
    the end of a text count as a space. A word is a run of letters, digits, apostrophes and
    non-ASCII characters other than spaces and punctuation.

    It computes with whole numbers alone, on every backend and under XLA.

    Inputs: code points ``(B, T)``, 0 where a text has ended; see
    :class:`tfmetric.layers.CodePoints`. Output: int32 ``(B, G, T + 2)``, from 1 to ``buckets``, 0
    for none. Rows: the lengths of ``characters``, ascending, then words, then pairs.

    Args:
        buckets: Number of hash values. Defaults to 32,768.
        characters: Lengths of the character n-grams, each from 1 to 16. Defaults to (2, 3, 4).
        words: 0 for no words, 1 for words, 2 for words and pairs of neighbours. Defaults to 2.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import tfmetric as tm
    >>> text = tm.layers.CodePoints()(["a tea"])
    >>> ids = np.asarray(HashedNGrams(characters=(3,), words=1)(text))
    >>> ids.shape, (ids > 0).sum(axis=2).tolist()  # " a ", " te", "tea", "ea "; "a", "tea"
    ((1, 2, 7), [[4, 2]])

    References:
        Bojanowski et al.: Enriching Word Vectors with Subword Information (2017), sec. 3.2;
        Weinberger et al.: Feature Hashing for Large Scale Multitask Learning (2009).
    """

    def __init__(
        self,
        buckets: int = 32768,
        characters: Sequence[int] = (2, 3, 4),
        words: int = 2,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.buckets = _whole("buckets", buckets, 1, 2**30)
        self.words = _whole("words", words, 0, 2)
        self.characters = tuple(sorted({_whole("characters", n, 1, 16) for n in characters}))
        if not (self.characters or self.words):
            raise ValueError(
                expected("characters or words to be taken", characters=characters, words=words)
            )

    @property
    def rows(self) -> int:
        """Returns G, the number of rows of the output."""
        return len(self.characters) + self.words

    def call(self, inputs: Any) -> Tensor:
        """The numbers."""
        points = ops.pad(ops.cast(inputs, "int32"), ((0, 0), (1, 1)))
        letter = is_letter(points)
        points = ops.where(letter, points, _SPACE)
        found = self._characters(points, letter) + self._words(points, letter)
        return ops.stack(found, axis=1)

    def _characters(self, points, letter):
        if not self.characters:
            return []
        hashed, numbers = points, []
        inside = ops.ones_like(letter)
        for n in range(1, max(self.characters) + 1):
            if n > 1:
                hashed = hashed * _STEP + _later(points, n - 1)
            if n > 2:  # The positions between the ends.
                inside = ops.logical_and(inside, _later(letter, n - 2))
            if n in self.characters:
                some = letter if n < 3 else inside
                # Beside a border one letter is enough.
                some = ops.logical_or(some, _later(letter, 1)) if n == 2 else some
                ends = _later(ops.ones_like(letter), n - 1)
                numbers.append(self._number(hashed, n, ops.logical_and(some, ends)))
        return numbers

    def _words(self, points, letter):
        if not self.words:
            return []
        hashed = word_hashes(points, letter)
        end = ops.logical_and(letter, ops.logical_not(_later(letter, 1)))
        numbers = [self._number(hashed, 31, end)]
        if self.words == 2:
            start = ops.logical_and(letter, ops.logical_not(_earlier(letter, 1)))
            before, any_before = _last_known(hashed, end)
            first, any_first = _last_known(
                _earlier(before, 1), ops.logical_and(start, _earlier(any_before, 1))
            )
            # The previous word must end before this one; do not skip the first word.
            begun, _ = _last_known(ops.cast(_earlier(any_before, 1), "int32"), start)
            both = ops.logical_and(ops.logical_and(end, any_first), begun > 0)
            numbers.append(self._number(first * _MIX[0] + hashed, 32, both))
        return numbers

    def _number(self, hashed, kind, present):
        """Returns 1 to ``buckets`` where present, else 0."""
        mixed = mix(hashed + np.int32(kind * 0x01F123BB))
        return ops.where(present, 1 + ops.mod(mixed, np.int32(self.buckets)), 0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, G, T + 2)``."""
        batch, length = input_shape
        return (batch, self.rows, None if length is None else length + 2)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns an integer dtype under every policy."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "int32")


def is_letter(points):
    """Returns where a code point belongs to a word."""

    def within(low, high):
        return ops.logical_and(points >= low, points <= high)

    ascii_letter = ops.logical_or(within(48, 57), ops.logical_or(within(65, 90), within(97, 122)))
    other = points >= 0xAA
    # No-break space and marks of Latin-1; general, CJK and full-width punctuation.
    for low, high in ((0xAB, 0xB4), (0xB6, 0xB9), (0xBB, 0xBF), (0x2000, 0x206F), (0x3000, 0x3004)):
        other = ops.logical_and(other, ops.logical_not(within(low, high)))
    for low, high in ((0x3008, 0x3020), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20)):
        other = ops.logical_and(other, ops.logical_not(within(low, high)))
    return ops.logical_or(ops.logical_or(ascii_letter, points == 39), other)


def word_hashes(points, letter):
    """Hashes the word up to each place: h ← h · step + code point, 0 between words.

    Each place is a function h ↦ a·h + b; runs of 2, 4, 8, ... places are composed.
    """
    a = ops.where(letter, _STEP, 0)
    b = ops.where(letter, points, 0)
    for power in range(_DOUBLINGS):
        b = b + a * _earlier(b, 2**power)
        a = a * _earlier(a, 2**power)
    return b


def mix(x):
    """Mixes all bits of x into a non-negative int32, as at the end of murmur."""
    for shift, factor in ((15, _MIX[0]), (12, _MIX[1])):
        x = ops.bitwise_xor(x, _shifted(x, shift)) * factor
    return ops.bitwise_and(ops.bitwise_xor(x, _shifted(x, 15)), np.int32(0x7FFFFFFF))


def _shifted(x, places):
    # Shifting a negative int32 copies its sign into the upper bits, so they are masked out.
    kept = np.int32((1 << (32 - places)) - 1)
    return ops.bitwise_and(ops.right_shift(x, np.int32(places)), kept)


def _last_known(value, known):
    """Returns at each place the last known value up to there, and whether there is one."""
    value = ops.where(known, value, 0)
    for power in range(_DOUBLINGS):
        earlier, was_known = _earlier(value, 2**power), _earlier(known, 2**power)
        value = ops.where(known, value, earlier)
        known = ops.logical_or(known, was_known)
    return value, known


def _later(x, places):
    """Shifts left by so many places; (0, False) beyond the end."""
    return ops.pad(x, ((0, 0), (0, places)))[:, places:]


def _earlier(x, places):
    """Shifts right by so many places; (0, False) before the begin."""
    return ops.pad(x, ((0, 0), (places, 0)))[:, : ops.shape(x)[1]]


def _whole(name, value, low, high):
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= value <= high:
        raise ValueError(
            expected(f"{name} to be a whole number from {low} to {high}", **{name: value})
        )
    return int(value)
