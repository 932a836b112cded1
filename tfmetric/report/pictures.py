"""Embeds pictures in a page: figures and examples as data URIs, rows of neighbours as HTML."""

import base64
import io
import wave

import numpy as np

from tfmetric.report.html import Html, shortened, tag
from tfmetric.visualization._style import INK, SERIES
from tfmetric.visualization.interactive import data_uri


def figure_image(figure, alt: str, raster: bool = False) -> Html:
    """Converts a matplotlib figure to an image of the page.

    Args:
        figure: The figure.
        alt: Description for readers who do not see it.
        raster: Whether to use PNG instead of SVG.
    """
    import matplotlib

    file = io.BytesIO()
    # Letters become shapes, equal on every machine. The salt makes names inside the file
    # reproducible.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "tfmetric"}):
        if raster:
            figure.savefig(file, format="png", dpi=160)
        else:
            figure.savefig(file, format="svg", metadata={"Date": None})
    kind = "png" if raster else "svg+xml"
    uri = f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
    width, height = (round(96 * side) for side in figure.get_size_inches())
    return tag("img", src=uri, alt=alt, width=width, height=height)


def chart(figure, alt: str, words=None, raster: bool = False) -> Html:
    """Puts a figure on a card, with words under it."""
    caption = tag("figcaption", words) if words else None
    return tag("figure", figure_image(figure, alt, raster), caption, class_="chart")


def example_shown(evidence, index: int, alt: str) -> Html:
    """Shows one example by its thumbnail, with a player for a recording.

    Args:
        evidence: The :class:`~tfmetric.report.evidence.Evidence`.
        index: Index of the example.
        alt: Description for readers who do not see it.
    """
    kept = evidence.thumbnails[index]
    shown = _LOOKS[kept.look](kept.value, alt)
    if evidence.sounds is None:
        return shown
    source = _wav(evidence.sounds[index], evidence.sound_rate)
    # A button: browsers hide the play button of a native player as narrow as an example.
    sound = tag("audio", preload="none", src=source)
    return shown + tag(
        "button", "Play", sound, type="button", class_="play", aria_label=f"Play {alt}"
    )


def list_class(evidence) -> str:
    """The class of a list of examples: words need more room than pictures."""
    shown = evidence.thumbnails
    return "neighbours roomy" if shown is not None and shown.look == "words" else "neighbours"


def _words(text, alt):
    return tag("span", str(text), class_="words", title=alt)


def _lines(lines, alt):
    return tag("img", src=_drawn_lines(lines), alt=alt, width=64, height=64)


def _picture(example, alt):
    height, width = example.shape[:2]
    scale = 64 / max(height, width)
    return tag(
        "img",
        src=data_uri(example),
        alt=alt,
        width=max(1, round(width * scale)),
        height=max(1, round(height * scale)),
        class_="pixels" if max(height, width) < 40 else None,
    )


def neighbor_row(evidence, query, found, right, missing=(), ranks=(), words=None) -> Html:
    """Shows a query with its neighbours, as a list.

    Args:
        evidence: The :class:`~tfmetric.report.evidence.Evidence` that all indexes point into.
        query: Index of the query.
        found: Indexes of its neighbours, nearest first.
        right: Whether each is of its class.
        missing: Indexes of examples of its class that were not found.
        ranks: Their ranks.
        words: A line above the row, None for none.
    """
    (name,) = evidence.names([query])
    items = [_item(evidence, query, f"Query: {name}", name, "query", "query")]
    for rank, (index, hit) in enumerate(zip(found, right, strict=True), start=1):
        (text,) = evidence.names([index])
        word = "right" if hit else "wrong"
        items.append(_item(evidence, index, f"Neighbour {rank}, {word}: {text}", text, word, word))
    for index, rank in zip(missing, ranks, strict=True):
        (text,) = evidence.names([index])
        label = f"Missed, at rank {rank:,}: {text}"
        items.append(_item(evidence, index, label, text, "missed", f"missed, rank {rank:,}"))
    line = tag("p", words, class_="rowwords") if words else None
    return tag("div", line, tag("ol", items, class_=list_class(evidence)), class_="rowbox")


def _item(evidence, index, alt, name, kind, word):
    name = shortened(name)
    label = tag("span", name, class_="name", title=name)
    picture = example_shown(evidence, index, shortened(alt, 140))
    return tag("li", picture, label, tag("span", word, class_="word"), class_=kind)


def _drawn_lines(lines):
    """Draws lines (points, lines) as a small SVG."""
    low, high = float(lines.min()), float(lines.max())
    x = np.linspace(2, 62, len(lines))
    drawn = []
    for place, line in enumerate(lines.T):
        y = 60 - 56 * (line - low) / max(high - low, 1e-12)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        colour = INK if lines.shape[1] == 1 else SERIES[place % len(SERIES)]
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="#fff"/>{"".join(drawn)}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _wav(samples, rate):
    """Encodes a recording with 8 bits per sample in a data URI, without trailing silence."""
    loud = np.flatnonzero(samples)
    samples = samples[: loud[-1] + 1] if len(loud) else samples[:1]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(rate)
        writer.writeframes((samples.astype(np.int16) + 128).astype(np.uint8).tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


_LOOKS = {"picture": _picture, "words": _words, "lines": _lines}
