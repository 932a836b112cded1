"""Glyphs: characters rendered from the font files of matplotlib, without a download. A class is a
character; its examples are typefaces: the twelve DejaVu Sans, Sans Mono and Serif styles and the
STIX fonts. White ink (255) on black (0), 32×32 pixels.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np

from tfmetric.datasets.cache import cached
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.reading import examples_of_values

SIZE = 32
INK_SIZE = 28  # The longer side of every glyph, which leaves a margin of two pixels.
MIN_FACES = 10
_FONT_SIZE = 48
_CELL = 128  # This cell and font size cut no glyph of these faces.
_COLUMNS = 64
_FORMAT = 1  # Raise it whenever the rendering changes: older cache files are then ignored.


def glyphs_examples(options: ReadOptions) -> Examples:
    """Returns the glyphs, from the cache or freshly rendered (about two seconds)."""
    codes, characters, faces, images = _cached()
    return examples_of_values(
        images[..., None],
        codes,
        name="glyphs",
        options=options,
        groups=faces,
        class_names=[f"{chr(c)} (U+{c:04X})" for c in characters],
        ids=[
            f"glyphs/U+{characters[code]:04X}/{face}"
            for code, face in zip(codes, faces, strict=True)
        ],
    )


def render(faces: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Renders every letter, digit and symbol that enough of these font files contain.

    Some characters look the same in a face (Latin A and Greek Alpha, two dashes of different
    length). Only the lowest code point is kept, so that no picture belongs to two classes.

    Args:
        faces: Font files.

    Returns:
        The class of each image, the code point of each class, the face of each image, and the
        images `(N, 32, 32)`, in the order of classes and then faces.
    """
    from matplotlib.ft2font import FT2Font

    covered = [set(FT2Font(str(face)).get_charmap()) for face in faces]
    counts = Counter(code for codes in covered for code in codes)
    characters = [
        code
        for code, count in sorted(counts.items())
        if count >= MIN_FACES and unicodedata.category(chr(code))[0] in "LNS"
    ]
    pictures: dict[int, dict[int, np.ndarray]] = {code: {} for code in characters}
    for number, face in enumerate(faces):
        drawn = [code for code in characters if code in covered[number]]
        for code, picture in zip(drawn, _pictures(face, drawn), strict=True):
            if picture is not None:
                pictures[code][number] = picture
    kept = [code for code in _distinct(pictures) if len(pictures[code]) >= MIN_FACES]
    rows = [(place, number) for place, code in enumerate(kept) for number in pictures[code]]
    images = np.stack([pictures[kept[place]][number] for place, number in rows])
    names = np.array([faces[number].stem for _, number in rows])
    return np.array([place for place, _ in rows]), np.array(kept), names, images


def font_files() -> list[Path]:
    """Returns the font files of matplotlib for the glyphs."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(
        path
        for path in folder.glob("*.ttf")
        if (path.stem.startswith("DejaVu") and "Display" not in path.stem)
        or (path.stem.startswith("STIX") and not path.stem.startswith("STIXSiz"))
    )


def _pictures(face, characters):
    """Renders each character centred in a 32×32 array, its longer side 28; None without ink.

    All are drawn on one canvas in cells, because calls into Pillow take most of the time.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(face), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    rows = -(-len(characters) // _COLUMNS)
    canvas = Image.new("L", (_COLUMNS * _CELL, rows * _CELL))
    draw = ImageDraw.Draw(canvas)
    pictures = []
    for place, code in enumerate(characters):
        left, top = place % _COLUMNS * _CELL, place // _COLUMNS * _CELL
        draw.text((left + _CELL // 3, top + 2 * _CELL // 3), chr(code), 255, font, anchor="ls")
    for place in range(len(characters)):
        left, top = place % _COLUMNS * _CELL, place // _COLUMNS * _CELL
        ink = canvas.crop((left, top, left + _CELL, top + _CELL)).getbbox()
        if ink is None:
            pictures.append(None)
            continue
        box = (left + ink[0], top + ink[1], left + ink[2], top + ink[3])
        width, height = ink[2] - ink[0], ink[3] - ink[1]
        scale = INK_SIZE / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = np.zeros((SIZE, SIZE), np.uint8)
        y, x = (SIZE - size[1]) // 2, (SIZE - size[0]) // 2
        resized = canvas.resize(size, Image.Resampling.BILINEAR, box=box)
        picture[y : y + size[1], x : x + size[0]] = resized
        pictures.append(picture)
    return pictures


def _distinct(pictures):
    """Returns the characters that differ from all earlier ones in every face."""
    seen: set[tuple[int, bytes]] = set()
    for code, drawn in pictures.items():
        keys = {(number, picture.tobytes()) for number, picture in drawn.items()}
        if seen.isdisjoint(keys):
            seen |= keys
            yield code


def _cached():
    import matplotlib
    import PIL

    version = f"{matplotlib.__version__}-{PIL.__version__}"
    return cached(
        f"glyphs-{_FORMAT}-{version}.npz",
        ("codes", "characters", "faces", "images"),
        lambda: render(font_files()),
    )
