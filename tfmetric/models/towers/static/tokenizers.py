"""Reads the vocabulary and the rules of a ``tokenizer.json`` file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfmetric._errors import expected
from tfmetric.layers import BytePairs, WordPieces


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer that our layers can be.

    Attributes:
        vocabulary: The number of each piece.
        lowercase: Whether texts are put in small letters first.
        splitting: Makes the layer from code points to pieces; it takes the layer's name.
    """

    vocabulary: Mapping[str, int]
    lowercase: bool
    splitting: Callable[[str], keras.layers.Layer]


def is_tokenizer(path: Path) -> bool:
    """Returns whether a JSON file describes a tokenizer."""
    plain = _json(path)
    return isinstance(plain, dict) and isinstance(plain.get("model"), dict)


def read(path: Path) -> Tokenizer:
    """Reads a tokenizer of WordPiece (BERT) or of byte pairs with a mark for spaces (Llama).

    Raises:
        ValueError: If it is of another kind, or lacks something.
    """
    plain = _json(path)
    model = plain["model"]
    kind = model.get("type") or ("WordPiece" if "continuing_subword_prefix" in model else None)
    make = _KINDS.get(kind)
    tokenizer = make and make(plain, model)
    if tokenizer is None or not isinstance(model.get("vocab"), dict):
        raise ValueError(
            expected(
                "a tokenizer of the kind WordPiece as BERT has it, or BPE that marks spaces by ▁ "
                "as Llama has it; convert the vectors to word2vec's text form otherwise",
                kind=kind,
                file=str(path),
            )
        )
    return tokenizer


def _word_piece(plain, model):
    normalizer = plain.get("normalizer") or {}
    if (plain.get("pre_tokenizer") or {}).get("type") != "BertPreTokenizer":
        return None
    lowercase = bool(normalizer.get("lowercase"))
    accents = normalizer.get("strip_accents")
    vocabulary = _without_special(plain, model)
    return Tokenizer(
        vocabulary,
        lowercase,
        lambda name: WordPieces.from_vocabulary(
            vocabulary,
            model.get("continuing_subword_prefix") or "##",
            strip_accents=lowercase if accents is None else bool(accents),
            name=name,
        ),
    )


def _byte_pairs(plain, model):
    steps = _steps(plain.get("normalizer"))
    marks = ["Prepend", "Replace"] if not plain.get("pre_tokenizer") else None
    if _step_types(plain.get("pre_tokenizer")) == ["Metaspace"]:
        marks = []
    rest = [step for step in steps if step["type"] != "Lowercase"]
    if marks is None or [step["type"] for step in rest] != marks:
        return None
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return Tokenizer(
        model["vocab"],
        len(rest) < len(steps),
        lambda name: BytePairs.from_vocabulary(model["vocab"], merges, name=name),
    )


def _without_special(plain, model):
    special = {t["content"] for t in plain.get("added_tokens", ()) if t.get("special")}
    return {piece: n for piece, n in model.get("vocab", {}).items() if piece not in special}


def _steps(step: Any) -> list[dict]:
    """Returns the steps of a normalizer or pre-tokenizer, which may be a sequence."""
    if not step:
        return []
    return step.get("normalizers") or step.get("pretokenizers") or [step]


def _step_types(step):
    return [each["type"] for each in _steps(step)]


def _json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None


_KINDS: dict[Any, Callable] = {"WordPiece": _word_piece, "BPE": _byte_pairs}
