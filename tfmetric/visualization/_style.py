"""Common style of all pictures: sizes, distinct colours, safe text."""

import textwrap
from functools import lru_cache

import numpy as np

# Okabe and Ito's palette, distinct for every colour vision; black is for text.
BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SKY, PURPLE = "#56b4e9", "#cc79a7"
GREY, INK = "#57606a", "#24292f"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
# Each colour has its line and mark, so that pictures are readable in black and white.
LINES = ("solid", (0, (5, 2)), "dashdot", "dotted", (0, (7, 2, 1, 2, 1, 2)), (0, (2, 1)))
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def new_figure(width: float = 4.8, height: float = 3.7):
    """Makes a figure outside pyplot, which does not need closing."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def finish(figure, title=None, size=10.5):
    """Gives the figure its title and all axes a faint grid."""
    for axes in figure.axes:
        axes.tick_params(labelsize=8)
    if title:
        figure.suptitle(printable(title), fontsize=size, parse_math=False)
    return figure


def printable(text) -> str:
    """Replaces characters without a glyph in the font by a box.

    Class names may be in any script, and matplotlib would warn about each such character.
    """
    known = _characters(_families())
    return "".join(c if ord(c) in known or c == "\n" else "\u25a1" for c in str(text))


def number_text(value: float, digits: int = 3) -> str:
    """Formats a number with few significant digits, without an exponent from 0.0001 to a billion.

    >>> number_text(0.0123456), number_text(99.98), number_text(20000.0), number_text(2e-6)
    ('0.0123', '100', '20000', '2e-06')
    """
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4 or not np.isfinite(value):
        return f"{value:.{digits}g}"
    if size >= 10 ** (digits - 1):
        return f"{value:.0f}"
    return np.format_float_positional(
        float(f"{value:.{digits}g}"), precision=digits, fractional=False, trim="-"
    )


def plain_log_ticks(axis) -> None:
    """Gives a logarithmic axis readable ticks such as 0.05 and 2000."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1, 2, 5) if high < 500 * low else (1, 3) if high < 1e4 * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number_text(value)))
    axis.set_minor_formatter(NullFormatter())


def short(text, length: int = 16) -> str:
    """Cuts out the middle of a long text, because names often differ at their ends."""
    text = printable(text)
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"


def show_example(axes, example):
    """Draws one example.

    Args:
        axes: Where to draw it.
        example: An image of values 0..255, in colour where it has three channels; a vector; a
            text; or a thumbnail of any kind, see :mod:`tfmetric.visualization.thumbnails`.
    """
    look = getattr(example, "look", None)
    example = example if look is None else example.value
    axes.set_xticks([])
    axes.set_yticks([])
    if look == "words" or isinstance(example, str):
        _show_words(axes, str(example))
        return
    example = np.asarray(example)
    if look == "lines":
        _show_lines(axes, example)
        return
    if example.ndim >= 2:
        grey = example.ndim == 3 and example.shape[-1] != 3
        image = example.mean(axis=-1) if grey else example
        if image.ndim == 3 and image.dtype != np.uint8:
            image = np.clip(image, 0, 255).astype(np.uint8)
        axes.imshow(image, cmap="gray" if image.ndim == 2 else None, vmin=0, vmax=255)
    else:
        _show_lines(axes, example[:, None])


def _show_lines(axes, lines):
    """Draws lines (points, lines) over the same places, each in another colour."""
    colours = (INK,) if lines.shape[1] == 1 else SERIES
    for place, line in enumerate(lines.T):
        axes.plot(line, linewidth=0.8, color=colours[place % len(colours)])
    axes.margins(0.05)


def _show_words(axes, text):
    """Wraps the text in a few short lines and cuts the rest."""
    lines = textwrap.wrap(printable(text), 15, max_lines=6, placeholder=" …")
    axes.text(
        0.04,
        0.96,
        "\n".join(lines),
        transform=axes.transAxes,
        ha="left",
        va="top",
        fontsize=5.5,
        color=INK,
        parse_math=False,
    )


def _families():
    import matplotlib

    families = matplotlib.rcParams["font.family"]
    return (families,) if isinstance(families, str) else tuple(families)


@lru_cache(maxsize=8)
def _characters(families):
    from matplotlib.font_manager import FontProperties, findfont, get_font

    paths = {findfont(FontProperties(family=[family])) for family in families}
    return frozenset().union(*(get_font(path).get_charmap() for path in paths))
