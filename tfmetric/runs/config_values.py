"""The keys and values of config.toml: read, checked by name, and written."""

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfmetric._errors import expected

# TOML has no null.
NONE = "none"
_TEXT, _FLAG, _SHARE = "text", "true or false", "between 0 and 1"
_TEXTS, _SIZE = "a list of texts", 'a whole number from 1 to 2147483647, or "auto"'
# Images of a size that suits the data set and two cores.
AUTO = "auto"
_COUNT, _SEED = "a whole number from 1 to 2147483647", "a whole number from 0 to 4294967295"
_RANGE, _POSITIVE = "a list of two numbers, the lower one first", "a number above 0"
# What each key is to be, and whether it may be "none"; those of [training] check themselves.
KEYS: dict[str, Any] = {
    "command": (_TEXT, True),
    "seed": (_SEED, False),
    "mixed_precision": (_TEXT, True),
    "report": (_FLAG, False),
    "export": (_TEXT, True),
    "one_shot": (_TEXT, True),
    "name": (_TEXT, True),
    "data": {
        "dataset": (_TEXT, True),
        "data_dir": (_TEXT, True),
        "download": (_FLAG, False),
        "kind": (_TEXT, True),
        "split": (_TEXT, False),
        "split_seed": (_SEED, False),
        "test_fraction": (_SHARE, True),
        "label": (_TEXT, True),
        "group": (_TEXT, True),
        "text": (_TEXT, True),
        "path": (_TEXT, True),
        "columns": (_TEXTS, True),
        "delimiter": (_TEXT, True),
        "image_size": (_SIZE, True),
        "color": (_TEXT, False),
        "value_range": (_RANGE, True),
        "sampling_rate": (_COUNT, True),
        "seconds": (_POSITIVE, True),
        "fingerprint": (_TEXT, True),
    },
    "stopping": {"patience": (_COUNT, True), "validation_fraction": (_SHARE, False)},
    "training": None,
    "versions": None,
}
_KINDS: dict[Any, Callable[[Any], bool]] = {
    _TEXTS: lambda v: isinstance(v, (list, tuple)) and all(map(_KINDS[_TEXT], v)),
    _SIZE: lambda v: v == AUTO or _KINDS[_COUNT](v),
    _TEXT: lambda v: isinstance(v, str) and "\0" not in v,
    _FLAG: lambda v: isinstance(v, bool),
    _COUNT: lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 < v < 2**31,
    _SEED: lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**32,
    _SHARE: lambda v: isinstance(v, float) and 0 < v < 1,
    _POSITIVE: lambda v: _is_number(v) and v > 0,
    _RANGE: lambda v: (
        isinstance(v, (list, tuple)) and len(v) == 2 and all(map(_is_number, v)) and v[0] < v[1]
    ),
}


def _is_number(value):
    return type(value) in (int, float) and abs(value) < math.inf


DATA_KEYS = tuple(KEYS["data"])
PRECISIONS = ("bfloat16", "float16")


def read_toml(path) -> dict:
    """The values of a config file, written by a run or by hand; None where it says "none".

    Raises:
        ValueError: If it is not TOML, or a key is unknown or its value of another kind.
    """
    try:
        values = _decoded(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            expected("a file of TOML that is not nested deeply", path=str(path), error=str(error))
        ) from error
    _check(values, KEYS, "", path)
    if values.get("mixed_precision") not in (None, *PRECISIONS):
        raise ValueError(
            expected(
                f"mixed_precision as {' or '.join(PRECISIONS)} or {NONE}",
                mixed_precision=values["mixed_precision"],
            )
        )
    return values


def _check(values, known, where, path):
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            expected(f"keys among {', '.join(known)}{where}", path=str(path), unknown=unknown)
        )
    for name, value in values.items():
        kind = known[name]
        if not isinstance(kind, tuple):
            if not isinstance(value, dict):
                raise ValueError(expected(f"a table [{name}]", path=str(path), **{name: value}))
            if kind:
                _check(value, kind, f" in [{name}]", path)
        elif not (_KINDS[kind[0]](value) or (value is None and kind[1])):
            optional = f' or "{NONE}"' if kind[1] else ""
            raise ValueError(
                expected(
                    f"{name} to be {kind[0]}{optional}{where}", path=str(path), **{name: value}
                )
            )


def encoded(value):
    """A value as TOML holds it: lists for tuples, \"none\" for None."""
    if isinstance(value, dict):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    return NONE if value is None else value


def _decoded(value):
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return None if value == NONE else value
