"""JSON files that no reader sees half written."""

from __future__ import annotations

import json
from pathlib import Path

from tfmetric._files import replacing


def write_json(path, values) -> None:
    """Writes values, so that no reader sees half of them."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    with replacing(path) as new:
        new.write_text(text + "\n", encoding="utf-8")


def read_json(path):
    """The values in a file; None if it is not there, or not whole."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
