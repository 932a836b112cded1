"""Writes docs/api.md, the table of everything public: ``python tests/api_table.py``."""

import inspect
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"
_HEAD = """# Everything public

`python tests/api_table.py` writes this page from the docstrings; a test holds the two together.
Each name is reached from its room: `import tfmetric as tm`, then `tm.losses.TripletLoss`. `help()`
of a name has its arguments with shapes, units and defaults, its errors, an example and the source.
"""


def public():
    """(room, name, object) of everything public, room by room."""
    sys.path.insert(0, str(ROOT))
    import tfmetric

    for room in tfmetric._ROOMS:
        module = getattr(tfmetric, room)
        names = getattr(module, "__all__", None)
        if names is None:
            names = [
                name
                for name, found in vars(module).items()
                if not name.startswith("_") and getattr(found, "__module__", "") == module.__name__
            ]
        for name in sorted(names):
            yield room, name, getattr(module, name)


def first_sentence(found) -> str:
    """The first sentence of a docstring, as Markdown in one line."""
    text = " ".join((inspect.getdoc(found) or "").split("\n\n")[0].split())
    text = re.sub(r":(?:class|func|meth|mod|attr):`~?([^`]*)`", r"`\1`", text).replace("``", "`")
    return re.split(r"(?<=[.:])\s(?=[A-Z`])", text)[0].rstrip(".:").replace("|", "\\|")


def table() -> str:
    """The page."""
    parts, last = [_HEAD], None
    for room, name, found in public():
        if room != last:
            parts.append(f"\n## `tm.{room}`\n\n| name | is |\n| --- | --- |\n")
            last = room
        plain = not callable(found)
        words = f"`{found!r}`" if plain else first_sentence(found)
        parts.append(f"| `{name}` | {words} |\n")
    return "".join(parts)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    PAGE.write_text(table(), encoding="utf-8")
    print(f"Wrote {PAGE}")
