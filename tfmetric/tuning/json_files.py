"""JSON files that no reader sees half written."""

from __future__ import annotations

import json
from pathlib import Path

from tfmetric._files import replacing


def write_json(path, values) -> None:
    """Writes values to a JSON file; a reader sees the old file or the new one, never half."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    with replacing(path) as new:
        new.write_text(text + "\n", encoding="utf-8")


def read_json(path):
    """Returns the values in a JSON file; None if the file is missing or cut off."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
