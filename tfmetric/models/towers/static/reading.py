"""Finds vectors and their vocabulary in a folder, in the formats of several tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.layers import WordPieces
from tfmetric.models.towers.static import arrays, tokenizers

_LISTS = ("vocabulary.txt", "vocab.txt")


@dataclass(frozen=True)
class StaticVectors:
    """Vectors of the pieces of a vocabulary.

    Attributes:
        vectors: ``(V, D)`` float32, the vector of each piece.
        lowercase: Whether the vocabulary expects small letters.
        splitting: Makes the layer from code points to pieces; it takes the layer's name.
    """

    vectors: np.ndarray
    lowercase: bool
    splitting: Callable[[str], keras.layers.Layer]


def read(folder: Any) -> StaticVectors:
    """Reads the vectors in a folder, or in one file of word2vec's text form.

    See :func:`tfmetric.models.embedder` for the files that are known.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the folder lacks a file, has several, or holds what cannot be read.
    """
    path = Path(folder)
    if not path.exists():
        raise FileNotFoundError(
            expected("weights to be a folder of vectors that exists", weights=str(folder))
        )
    if path.is_file():
        return _of_words(*arrays.read_text(path))
    files = sorted(p for p in path.rglob("*") if p.is_file())
    tables = [p for p in files if p.suffix in arrays.READERS]
    if not tables:
        texts = [p for p in files if _is_vectors(p)]
        return _of_words(*arrays.read_text(_only(texts, path, "one file of vectors")))
    vectors = arrays.checked(
        arrays.READERS[(found := _only(tables, path, "one file of vectors")).suffix](found), found
    )
    lists = [p for p in files if p.name in _LISTS]
    described = [p for p in files if p.suffix == ".json" and tokenizers.is_tokenizer(p)]
    if described:
        tokenizer = tokenizers.read(_only(described, path, "one tokenizer file"))
        vocabulary, lowercase = tokenizer.vocabulary, tokenizer.lowercase
        splitting = tokenizer.splitting
    else:
        names = " or ".join(("tokenizer.json", *_LISTS))
        vocabulary = _listed(_only(lists, path, f"a vocabulary beside the vectors ({names})"))
        return _of_words(vocabulary, vectors, found)
    _check_size(vocabulary, vectors, found)
    return StaticVectors(vectors, lowercase, splitting)


def _of_words(vocabulary: Mapping[str, int], vectors: np.ndarray, path: Path) -> StaticVectors:
    """Returns vectors of whole words; small letters are expected if no word has a capital."""
    _check_size(vocabulary, vectors, path)
    lowercase = all(word == word.lower() for word in vocabulary)
    return StaticVectors(
        vectors,
        lowercase,
        lambda name: WordPieces.from_vocabulary(vocabulary, continuation=None, name=name),
    )


def _check_size(vocabulary, vectors, path):
    size = max(vocabulary.values(), default=-1) + 1
    if not 0 < size <= len(vectors):
        raise ValueError(
            expected(
                "a vector for every word of the vocabulary",
                vectors=len(vectors),
                words=size,
                file=str(path),
            )
        )


def _listed(path):
    try:
        words = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(expected("a vocabulary in UTF-8", file=str(path))) from error
    if words[-1] == "":
        words.pop()
    return {word.rstrip("\r"): i for i, word in enumerate(words)}


def _is_vectors(path):
    """Returns whether a file is named as vectors in word2vec's text form are."""
    return path.suffix in (".txt", ".vec") and path.name not in (*_LISTS, "LICENSE.txt")


def _only(paths, folder, what):
    if len(paths) != 1:
        found = [str(p.relative_to(folder)) for p in paths[:5]]
        raise ValueError(expected(f"{what} in the folder", found=found, folder=str(folder)))
    return paths[0]
