"""The embedding map of the page, an SVG that a script makes interactive."""

import json

import numpy as np

from tfmetric.report.html import Html, shortened, tag
from tfmetric.visualization._style import SERIES
from tfmetric.visualization.interactive import data_uri
from tfmetric.visualization.maps import largest_classes

_WIDTH, _HEIGHT, _THUMB = 1000, 640, 40
# Marks of about the same area around (0, 0).
_SHAPES = (
    "M-7,0a7,7 0 1,0 14,0a7,7 0 1,0 -14,0",
    "M-6.5,-6.5h13v13h-13z",
    "M0,-8.5L8.5,6.5H-8.5z",
    "M0,-9L9,0L0,9L-9,0z",
    "M0,8.5L8.5,-6.5H-8.5z",
    "M-2.6,-8h5.2v5.4h5.4v5.2h-5.4v5.4h-5.2v-5.4h-5.4v-5.2h5.4z",
)
_DOT = "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0"

SCRIPT = """
(() => {
  const map = document.getElementById('map');
  if (!map) return;
  const data = JSON.parse(document.getElementById('map-data').textContent);
  const card = document.getElementById('map-card');
  const thumb = document.getElementById('map-thumb');
  const words = document.getElementById('map-words');
  const marks = [...map.querySelectorAll('[data-i]')]
    .sort((a, b) => a.dataset.i - b.dataset.i);
  let now = -1;
  const show = i => {
    if (now >= 0) marks[now].classList.remove('on');
    now = i;
    marks[i].classList.add('on');
    words.textContent = data.words[i];
    if (thumb) {
      const column = i % data.columns, row = Math.floor(i / data.columns);
      thumb.style.backgroundPosition = `-${column * data.side}px -${row * data.side}px`;
      thumb.hidden = false;
    }
  };
  const target = event => event.target.closest('[data-i]');
  for (const kind of ['mouseover', 'click'])
    map.addEventListener(kind, event => { const t = target(event); if (t) show(+t.dataset.i); });
  const ways = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
  map.addEventListener('keydown', event => {
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    if (now < 0) return show(0);
    const [x, y] = data.points[now];
    let best = -1, least = Infinity;
    data.points.forEach(([a, b], i) => {
      const ahead = (a - x) * way[0] + (b - y) * way[1];
      const aside = Math.abs((a - x) * way[1]) + Math.abs((b - y) * way[0]);
      if (ahead > 0 && ahead + 3 * aside < least) { least = ahead + 3 * aside; best = i; }
    });
    if (best >= 0) show(best);
  });
  card.hidden = false;
})();
"""


def map_view(evidence, chosen, points, classes: int = 6) -> Html:
    """Makes the map of some examples.

    Args:
        evidence: The evidence.
        chosen: (M,) indexes of the examples.
        points: (M, 2) positions.
        classes: Number of classes with a separate colour and mark.
    """
    labels = evidence.labels[chosen]
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-9)
    places = 25 + (points - low) / span * (_WIDTH - 50, _HEIGHT - 50)
    known = largest_classes(labels, classes)
    # Coloured marks are drawn last, above the grey ones.
    drawn = np.argsort(np.isin(labels, known), kind="stable")
    marks = [_mark(i, places[i], labels[i], known) for i in drawn]
    names = evidence.names(chosen)
    svg = tag(
        "svg",
        marks,
        id="map",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        tabindex="0",
        role="img",
        aria_label=f"Map of {len(chosen)} examples; move with the arrow keys",
    )
    pictures = evidence.pictures
    data = {
        "points": places.round().astype(int).tolist(),
        "words": [
            f"{shortened(name)} · {shortened(evidence.ids[i], 200)}"
            for name, i in zip(names, chosen, strict=True)
        ],
        "side": _THUMB * 2,
        "columns": _columns(len(chosen)),
    }
    card = tag(
        "div",
        _thumb(evidence, chosen) if pictures else None,
        tag("span", "Nothing chosen.", id="map-words"),
        id="map-card",
        aria_live="polite",
        hidden=True,
    )
    # Escape "<", because a name may hold "</script>".
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    held = tag("script", Html(text), type="application/json", id="map-data")
    return Html(tag("figure", svg, _legend(evidence, labels, known), class_="map") + card + held)


def _mark(index, place, label, known):
    found = np.flatnonzero(known == label)
    if found.size:
        shape, colour = _SHAPES[found[0] % len(_SHAPES)], SERIES[found[0] % len(SERIES)]
    else:
        shape, colour = _DOT, "#98a1ab"
    spot = f"translate({place[0]:.0f} {place[1]:.0f})"
    return tag("path", d=shape, fill=colour, transform=spot, data_i=str(index))


def _legend(evidence, labels, known):
    items = []
    for place, label in enumerate(known):
        mark = tag(
            "svg",
            tag("path", d=_SHAPES[place % len(_SHAPES)], fill=SERIES[place % len(SERIES)]),
            viewBox="-10 -10 20 20",
            aria_hidden="true",
        )
        items.append(tag("li", mark, shortened(evidence.class_names[label])))
    rest = len(np.unique(labels)) - len(known)
    if rest:
        mark = tag(
            "svg", tag("path", d=_DOT, fill="#98a1ab"), viewBox="-10 -10 20 20", aria_hidden="true"
        )
        items.append(tag("li", mark, f"{rest} other classes"))
    return tag("figcaption", tag("ul", items, class_="legend"))


def _columns(count):
    return max(1, int(np.ceil(np.sqrt(count))))


def _thumb(evidence, chosen):
    """Makes one picture of all thumbnails, which the script moves behind a window."""
    from PIL import Image

    columns = _columns(len(chosen))
    images = evidence.thumbnails.values[chosen]
    channels = images.shape[-1]
    sheet = np.full((-(-len(chosen) // columns) * _THUMB, columns * _THUMB, channels), 255, "u1")
    for i, image in enumerate(images):
        page = Image.fromarray(image[..., 0] if channels == 1 else image)
        page = page.resize((_THUMB, _THUMB), Image.Resampling.BILINEAR)
        row, column = divmod(i, columns)
        spot = np.asarray(page).reshape(_THUMB, _THUMB, channels)
        sheet[row * _THUMB : (row + 1) * _THUMB, column * _THUMB : (column + 1) * _THUMB] = spot
    side = _THUMB * 2
    style = (
        f"width:{side}px;height:{side}px;background-image:url({data_uri(sheet)});"
        f"background-size:{columns * side}px auto"
    )
    return tag("span", id="map-thumb", style=style, hidden=True)
