"""Draws an interactive embedding map that shows the image under the pointer."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmetric import _optional
from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.typing import Array, PathLike
from tfmetric.visualization._style import SERIES
from tfmetric.visualization.maps import _points, class_name, largest_classes

_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")

# plotly's hover labels cannot show images, so this script does. It uses createElement and
# textContent, because a name may hold markup.
_SCRIPT = """
const plot = document.getElementById('{plot_id}');
const card = document.createElement('figure');
card.style.cssText = 'position:fixed;right:1rem;bottom:1rem;margin:0;padding:.5rem;display:none;' +
  'background:#fff;color:#24292f;border:1px solid #d0d7de;font:14px sans-serif;max-width:12rem';
const image = document.createElement('img');
image.style.cssText = 'width:9rem;image-rendering:auto;display:block';
const words = document.createElement('figcaption');
card.append(image, words);
document.body.append(card);
plot.on('plotly_hover', event => {
  const [picture, name] = event.points[0].customdata;
  image.src = picture; image.alt = name; words.textContent = name;
  card.style.display = picture ? 'block' : 'none';
});
plot.on('plotly_unhover', () => { card.style.display = 'none'; });
"""


def interactive_map(
    embeddings: Array,
    labels: Array,
    class_names: Sequence[str] | None = None,
    images: Any = None,
    names: Any = None,
    method: str = "pca",
    classes: int = 8,
    title: str | None = None,
    seed: int = 0,
) -> Any:
    """Draws embeddings on a plane that can be zoomed and moved, by plotly.

    Needs the extra ``viz``. :func:`save_interactive` writes it as a page that shows the image
    under the pointer.

    Args:
        embeddings: (N, D); or (N, 2), which are drawn as they are.
        labels: (N,) class of each.
        class_names: Names that integer labels index; None for the labels themselves.
        images: (N, H, W, 1 or 3) values 0..255; None for names alone.
        names: N names of the examples, such as ``data.ids``; None for numbers.
        method: See :func:`tfmetric.visualization.project`.
        classes: Number of coloured classes.
        title: Title of the picture.
        seed: Seed of the layout.

    Returns:
        A ``plotly.graph_objects.Figure``; ``customdata`` of a point is its image and its name.

    Raises:
        ValueError: If the shapes do not fit together.
        ImportError: If plotly is not installed.

    Example:

    >>> figure = interactive_map([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], ["a", "a", "b"])
    >>> [trace.name for trace in figure.data]
    ['a', 'b']
    """
    plotly = _optional.require("plotly.graph_objects", "viz")
    points, labels = _points(embeddings, labels, method, seed)
    if images is not None and len(images) != len(points):
        raise ValueError(expected(f"{len(points)} images", images=len(images)))
    pictures = [""] * len(points) if images is None else [data_uri(image) for image in images]
    names = np.arange(len(points)) if names is None else names
    shown = largest_classes(labels, classes)
    figure = plotly.Figure()
    parts = [(labels == value, class_name(class_names, value)) for value in shown]
    rest = ~np.isin(labels, shown)
    if rest.any():
        parts.append((rest, "other classes"))
    for place, (chosen, name) in enumerate(parts):
        known = place < len(shown)
        texts = [
            f"{class_name(class_names, labels[i])}: {names[i]}" for i in np.flatnonzero(chosen)
        ]
        figure.add_scatter(
            x=points[chosen, 0],
            y=points[chosen, 1],
            mode="markers",
            name=_escaped(name),
            marker={
                "color": SERIES[place % len(SERIES)] if known else "#b6bcc2",
                "symbol": _SYMBOLS[place % len(_SYMBOLS)] if known else "circle",
                "size": 8 if known else 5,
            },
            customdata=[
                [pictures[i], text] for i, text in zip(np.flatnonzero(chosen), texts, strict=True)
            ],
            text=[_escaped(text) for text in texts],
            hoverinfo="text",
        )
    figure.update_layout(
        title=_escaped(title or f"{len(points):,} embeddings"),
        template="plotly_white",
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x"},
    )
    return figure


def save_interactive(figure: Any, path: PathLike) -> None:
    """Writes an interactive map as one page that needs no network and shows images on hover.

    Args:
        figure: The result of :func:`interactive_map`.
        path: File to write; an existing one is replaced.

    Example:

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "map.html")
    >>> save_interactive(interactive_map([[0.0, 0.0], [1.0, 0.0]], ["a", "b"]), path)
    >>> "plotly_hover" in path.read_text(encoding="utf-8")
    True
    """
    page = figure.to_html(include_plotlyjs=True, full_html=True, post_script=_SCRIPT)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")


def data_uri(image, side: int | None = None) -> str:
    """Encodes an image (H, W), (H, W, 1 or 3) of values 0..255 as a PNG in a data URI.

    Args:
        image: The image.
        side: Longer side to shrink it to; None for the original size. Images are never enlarged.
    """
    from PIL import Image

    image = np.asarray(image)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    if side is not None:
        picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _escaped(text):
    # plotly interprets some markup in its texts.
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
