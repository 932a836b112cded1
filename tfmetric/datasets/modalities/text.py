"""Texts: strings in arrays and lists, and files that hold one text each."""
# The methods are described once, on the protocol that the class follows.
# ruff: noqa: D102

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tfmetric import values as given
from tfmetric._errors import expected
from tfmetric.datasets.modalities.modality import Modality, Usable, kept, kept_ids
from tfmetric.datasets.sources import ArraySource
from tfmetric.datasets.stores import FileStore, Store
from tfmetric.elements import TEXT

_LONG = 100_000  # Length in characters from which the report names the longest text.


class TextSource(ArraySource):
    """Texts in memory, an array of objects that are `str`."""

    def __init__(self, texts: np.ndarray, name: str = "text", ids: np.ndarray | None = None):
        super().__init__(texts, name, ids, element=TEXT)

    def handle_specs(self):
        return (("int64", ()),)

    def handles(self, positions):
        return (positions,)

    def loader(self):
        import tensorflow as tf

        with tf.device("CPU:0"):
            table = tf.constant(given.encoded(self._array), tf.string)
        return lambda positions: tf.gather(table, positions)

    def fingerprints(self, positions):
        digests = [self.digest(position) for position in positions]
        return np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)

    def digest(self, position):
        return hashlib.blake2b(self._array[position].encode(), digest_size=16).digest()


def text_values(values: Any, name: str, ids: np.ndarray | None = None) -> Usable:
    """Reads strings; leaves out empty strings and strings that UTF-8 cannot hold."""
    shape = np.shape(values) if isinstance(values, np.ndarray) else (len(values),)
    if len(shape) != 1:
        raise ValueError(expected("texts as strings of shape (N,)", shape=shape))
    missing = given.missing(values)
    column = np.empty(len(missing), object)
    column[:] = np.asarray(values, object).reshape(-1)
    column[missing] = ""
    texts = given.texts(column)
    skipped = dict.fromkeys(np.flatnonzero(missing).tolist(), "empty text")
    for row, text in enumerate(texts):
        if not text.isascii() and _no_utf8(text):
            skipped[row] = "not UTF-8"
    keep = np.array([row for row in range(len(texts)) if row not in skipped], np.int64)
    source = TextSource(kept(texts, keep, len(texts)), name, kept_ids(ids, name, keep, len(texts)))
    lengths = np.array([len(text) for text in texts[keep]], np.int64)
    notes: tuple[str, ...] = ()
    if lengths.max(initial=0) >= _LONG:
        row = int(lengths.argmax())
        longest = source.ids(np.array([row]))[0]
        notes = (f"the longest text has {lengths[row]:,} characters: {longest}",)
    return Usable(source, keep, skipped, notes)


def text_files(store: Store, verify: str, cache_bytes: int) -> Usable:
    """Reads files that hold one text each, in UTF-8; all of them are kept in memory."""
    del verify, cache_bytes  # A text is read whole or left out.
    texts, skipped = [], {}
    for position in range(len(store)):
        fault = store.fault(position) if isinstance(store, FileStore) else ""
        if fault:
            skipped[position] = fault
            continue
        try:
            texts.append(store.read_bytes(position).decode("utf-8-sig"))
        except UnicodeDecodeError:
            skipped[position] = "not UTF-8"
        except OSError as error:
            skipped[position] = f"cannot be read ({error.strerror})"
    read = np.array([i for i in range(len(store)) if i not in skipped], np.int64)
    found = text_values(texts, "text", store.ids(read)) if texts else None
    if found is None:
        return Usable(TextSource(np.empty(0, object)), read, skipped)
    skipped |= {int(read[row]): reason for row, reason in found.skipped.items()}
    return Usable(found.source, read[found.keep], skipped, found.notes, "every text was read")


def _no_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


MODALITY = Modality(
    "text", (), text_values, text_files, suffixes=(".txt",), formats="text files (.txt)"
)
