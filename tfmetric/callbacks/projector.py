"""Writes files for TensorBoard's embedding projector."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.typing import Array, PathLike

# The projector takes one square picture of all thumbnails, with at most this side in pixels.
_SHEET, _THUMB = 8192, 32


def write_projector(
    log_dir: PathLike,
    embeddings: Array,
    names: Any,
    groups: Array | None = None,
    images: Any = None,
) -> None:
    """Writes embeddings for TensorBoard's projector: tensors, metadata, sprite and its settings.

    The files are plain text and a PNG: a projector without TensorBoard loads the two ``.tsv``
    files as well. Files of an earlier call are replaced.

    Args:
        log_dir: Directory for TensorBoard.
        embeddings: (N, D).
        names: N class names.
        groups: N names of groups, or None.
        images: (N, H, W, 1 or 3) values 0..255 for thumbnails, or None.

    Raises:
        ValueError: If the numbers of embeddings, names, groups and images differ.

    Example:

    >>> import pathlib, tempfile
    >>> logs = tempfile.mkdtemp()
    >>> write_projector(logs, [[0.5, 1.0]], ["a"])
    >>> pathlib.Path(logs, "embeddings.tsv").read_text()
    '0.5\\t1\\n'
    """
    embeddings = np.asarray(embeddings, np.float32)
    for what, values in (("names", names), ("groups", groups), ("images", images)):
        if values is not None and len(values) != len(embeddings):
            raise ValueError(expected(f"{len(embeddings)} {what}", number=len(values)))
    log_dir = Path(log_dir)
    tensors = io.StringIO()
    np.savetxt(tensors, embeddings, fmt="%.6g", delimiter="\t")
    _save(log_dir / "embeddings.tsv", tensors.getvalue())
    _save(log_dir / "metadata.tsv", _metadata(names, groups))
    settings = [
        'tensor_name: "embeddings"',
        'tensor_path: "embeddings.tsv"',
        'metadata_path: "metadata.tsv"',
    ]
    if images is not None and len(images):
        from PIL import Image

        sheet, side = sprite(images)
        with replacing(log_dir / "sprite.png") as draft:
            Image.fromarray(sheet).save(draft, format="PNG")
        dims = f"single_image_dim: {side} single_image_dim: {side}"
        settings.append(f'sprite {{ image_path: "sprite.png" {dims} }}')
    # Written last, because the projector reads the other files as soon as this file names them.
    _save(
        log_dir / "projector_config.pbtxt",
        "embeddings {\n" + "".join(f"  {line}\n" for line in settings) + "}\n",
    )


def sprite(images) -> tuple[np.ndarray, int]:
    """Arranges all images as thumbnails in one square, row by row from the top left.

    Args:
        images: (N, H, W, 1 or 3), values 0..255.

    Returns:
        The square (S, S, 3), and the side of one thumbnail.

    Example:

    >>> sheet, side = sprite(np.zeros((5, 8, 8, 1), "uint8"))
    >>> sheet.shape, side
    ((24, 24, 3), 8)
    """
    from PIL import Image

    images = np.clip(np.asarray(images), 0, 255).astype(np.uint8)
    columns = int(np.ceil(np.sqrt(len(images))))
    side = max(1, min(_THUMB, max(images.shape[1:3]), _SHEET // columns))
    sheet = np.full((columns * side, columns * side, 3), 255, np.uint8)
    for place, image in enumerate(images):
        page = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
        page.thumbnail((side, side))
        row, column = divmod(place, columns)
        pixels = np.asarray(page)
        spot = sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]
        spot[: pixels.shape[0], : pixels.shape[1]] = pixels
    return sheet, side


def _metadata(names, groups):
    # A single column has no header; several columns have one.
    if groups is None:
        lines = [_plain(name) for name in names]
    else:
        rows = zip(names, groups, strict=True)
        lines = ["class\tgroup", *(f"{_plain(name)}\t{_plain(group)}" for name, group in rows)]
    return "".join(f"{line}\n" for line in lines)


def _plain(text):
    """Removes line breaks and tabs, which the file cannot hold."""
    return " ".join(str(text).split()) or "(empty)"


def _save(path, text):
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
