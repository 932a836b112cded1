"""Writes a trained embedder, or two towers, as a version for TensorFlow Serving."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.elements import Element
from tfmetric.evaluation.model_distance import judging_distance
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export import galleries
from tfmetric.export.core import build
from tfmetric.export.gallery_storage import check as check_storage
from tfmetric.export.model_sides import make_sides, towers
from tfmetric.export.searches import MOST_EXCLUDED
from tfmetric.export.sides import answering, sides_settings
from tfmetric.export.versions import check_keep_last, keep_newest, new_version
from tfmetric.export.writing import write
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.two_tower import TwoTower
from tfmetric.typing import Array, Distance, PathLike


def save(
    model: keras.Model,
    directory: PathLike,
    gallery: Any = None,
    ids: Array | None = None,
    distance: Distance | None = None,
    batch_size: int = 256,
    calibration: Any = None,
    *,
    labels: Array | None = None,
    gallery_embeddings: Array | None = None,
    inputs: Any = "tensor",
    element: Element | Mapping[str, Element | None] | None = None,
    top_k: int | None = None,
    gallery_storage: str = "float32",
    exclude: bool | int | None = None,
    keep_last: int | None = None,
) -> Path:
    """Writes the model as the next version under ``directory``, ready for TensorFlow Serving.

    The version appears complete or not at all, and none is overwritten. Its signatures:

    ``serving_default`` and ``embed``: ``inputs`` (B, ...) to ``embedding`` (B, D), float32.

    ``verify``: ``a`` and ``b``, (B, ...) each, to ``distance`` (B,); with a calibration also to
    ``same`` (B,), and to ``probability`` (B,) if it has probabilities.

    ``search``, if there is a gallery: ``inputs`` (B, ...) and ``k`` to ``ids`` (B, k) and
    ``distances`` (B, k), nearest first, and ``labels`` (B, k) if the gallery has labels. Ties keep
    the order of the gallery. ``k`` is an int32, either one for the request or one for each row
    (B,), which a batching server needs. The largest k counts, clipped to the size of the gallery; k
    ≤ 0 is an error. The answer to a query does not depend on the other queries of its request.
    ``search_embedding`` takes ``embedding`` (B, D) instead.

    ``search_except`` and ``search_embedding_except``, with ``exclude``: as ``search``, with
    ``exclude`` (B, E): ids to exclude for each row, such as the query's own. Unknown and repeated
    ids exclude nothing, so that rows of few ids can be padded. k is clipped to the rest of the
    gallery, to the least rest of the rows.

    ``classify``, if the gallery has labels: ``inputs`` and ``k`` to ``label`` (B,), the most
    frequent label of the k nearest, at a tie the nearest label; ``share`` (B,) of the k with this
    label; ``distance`` (B,) of the nearest; ``known`` (B,). With a calibration ``known`` is false
    where even the nearest is beyond the threshold; the label is then "unknown", or −1 for integers
    (the largest uint64 for uint64).

    A :func:`tfmetric.models.two_tower` has two sides. The gallery holds candidates, embedded by
    their tower. ``embed_query`` and ``embed_candidate`` stand in place of ``embed``, and
    ``serving_default`` is ``embed_query``. ``search``, ``classify`` and their like take inputs of
    the query side; ``similar`` and ``similar_except`` do the same for inputs of the candidate side.
    ``verify`` takes a query as ``a`` and a candidate as ``b``.

    A model with several inputs has signatures with an input for each, under its name; ``verify``
    takes ``a_NAME`` and ``b_NAME``.

    With ``inputs="image_bytes"`` each but ``search_embedding`` is called ``embed_bytes`` and so on,
    and takes ``image_bytes`` (B,), ``verify_bytes`` ``a`` and ``b``: whole JPEG, PNG, GIF or BMP
    files, decoded and resized by :func:`tfmetric.datasets.decode_image`, as for training.
    ``inputs="wav_bytes"`` likewise takes whole WAV files of 16 bits at the sampling rate of the
    element, decoded by ``tf.audio.decode_wav``; channels are averaged. The metadata describe the
    decoding as ``preprocessing``.

    Inputs and embeddings with NaN or infinity are refused; the message names the rows.

    It uses plain TensorFlow ops, so it runs without Keras and tfmetric. ``assets.extra`` holds
    ``tf_serving_warmup_requests``, ``tfmetric.json``, which describes the export, and
    ``calibration.json`` if there is a calibration.

    Args:
        model: An embedder, from (B, ...), or a dictionary of such inputs, to (B, D); or a
            :func:`tfmetric.models.two_tower`.
        directory: The parent of the versions, made if it does not exist. Its name is that of the
            model in a server: letters, digits, "_", "." and "-", the first no "." or "-".
        gallery: What is searched: a ``LabeledData``; a pair (inputs, labels); an array of
            inputs (N, ...), or a dictionary of them for a model of several inputs. None for a
            model that only embeds and verifies.
        ids: (N,) integers or strings, what ``search`` returns. By default the ``ids`` of a
            ``LabeledData``, else 0 to N − 1.
        distance: Name, or function on ``keras.ops``; see :func:`tfmetric.distances.get`. None for
            the distance of the model's loss, or "euclidean" for a model without one.
        batch_size: Examples of the gallery embedded at a time.
        calibration: A :class:`tfmetric.evaluation.Calibration` of this model under this distance.
        labels: (N,) integers or strings, of a gallery that is an array.
        gallery_embeddings: (N, D), in place of ``gallery``, embeddings that were computed before.
        inputs: ``"tensor"``; ``"image_bytes"``; ``"wav_bytes"``; ``"text"``, for a model that takes
            strings, which is what ``"tensor"`` does there; or several in a tuple. Two sides may
            differ: ``{"query": "text", "candidate": ("tensor", "image_bytes")}``.
        element: What one example is, as ``data.element``; by default that of a gallery that is a
            ``LabeledData``. ``"wav_bytes"`` takes the sampling rate from there. For two sides a
            dictionary, as for ``inputs``.
        top_k: The most neighbours that a request gets; None for all that it asks for. It bounds
            what a request can cost a server.
        gallery_storage: ``"float32"``; ``"int8"``, a quarter of the memory; ``"binary"``, a
            thirty-second. Of the last two the distances are approximate, and with ``"binary"`` so
            rough that they can only be compared with each other. What it costs is measured and
            stands as ``recall`` in the metadata; see :func:`tfmetric.export.storage_recall`.
        exclude: Whether there are signatures that leave ids out; an integer is the most ids of a
            row, which bounds what a request can cost a server, and True means 4,096. None for
            True with two sides and False with one.
        keep_last: Remove all but so many of the newest versions, once the new one is in place.
            None keeps all.

    Returns:
        The path of the new version, ``directory/<n>``.

    Raises:
        ValueError: If ``directory`` is a file or cannot be written to, if the model is no
            embedder, if the gallery is empty, does not fit the model or has embeddings that are
            not finite, if the calibration is of another distance or of no use with a binary
            gallery, or if the model does not take the inputs.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    >>> import tempfile
    >>> import numpy as np, tfmetric as tm
    >>> folder = tempfile.mkdtemp()
    >>> x = np.eye(4, dtype="float32")
    >>> path = save(tm.models.embedder((4,)), folder, gallery=x, ids=["a", "b", "c", "d"])
    >>> path.name
    '1'
    >>> ids, distances = tm.export.load(folder).search(x[:2], k=1)
    >>> ids.tolist()
    [['a'], ['b']]
    """
    check_servable(model)
    distance, _ = judging_distance(model, distance)
    check_calibration(calibration, distance.name, gallery_storage)
    sides = make_sides(model, inputs, element, gallery)
    settings = {
        "embedding_dim": answering(towers(model)).outputs[0].shape[-1],
        **sides_settings(sides),
        "top_k": _above_0("top_k", top_k),
        "gallery_storage": check_storage(gallery_storage),
        "exclude": _exclude(exclude, len(sides) > 1),
    }
    check_keep_last(keep_last)
    if gallery is not None and gallery_embeddings is not None:
        raise ValueError(
            expected(
                "either a gallery or gallery_embeddings",
                gallery=type(gallery).__name__,
                gallery_embeddings=type(gallery_embeddings).__name__,
            )
        )
    if gallery is None and gallery_embeddings is None and not (ids is None and labels is None):
        raise ValueError(expected("a gallery together with ids or labels", gallery=gallery))
    with new_version(directory) as draft:  # Before embedding, to fail early.
        made = cache(lambda: build(model, distance, draft.path.with_name("core")))
        found = None
        if gallery is not None:
            side = answering(sides)
            # Embed with the served functions, and only after all other checks.
            found = galleries.read(
                gallery,
                ids,
                labels,
                side.takes,
                lambda data: made().embed_all(side, data, batch_size),
            )
        elif gallery_embeddings is not None:
            width = settings["embedding_dim"]
            found = galleries.of_embeddings(gallery_embeddings, ids, labels, width)
        write(draft.path, made(), settings, found, calibration)
    keep_newest(directory, keep_last)
    return draft.published


def _above_0(name, value):
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0
    if value is not None and not whole:
        raise ValueError(expected(f"{name} to be an integer above 0, or None", **{name: value}))
    return None if value is None else int(value)


def _exclude(exclude, two_sides):
    """Returns the most ids that a row may exclude; False without such signatures."""
    if exclude is None:
        exclude = two_sides
    if isinstance(exclude, (bool, np.bool_)):
        return MOST_EXCLUDED if exclude else False
    if not (isinstance(exclude, (int, np.integer)) and exclude > 0):
        raise ValueError(
            expected(
                "exclude to be True, False, or the most ids that a row may exclude", exclude=exclude
            )
        )
    return int(exclude)


def check_servable(model: Any) -> None:
    """Rejects a model that is neither an embedder nor two towers, or not on TensorFlow."""
    if isinstance(model, TwoTower):
        check_model(model.query)
    else:
        check_model(model)


def check_model(model, several_inputs: bool = True) -> None:
    """Rejects a model that is not an embedder, or does not run on TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            expected(
                "the TensorFlow backend: save the model to a .keras file and load it where "
                "KERAS_BACKEND=tensorflow",
                backend=keras.backend.backend(),
            )
        )
    check_embedder(model, "model", several_inputs)


def check_calibration(calibration, distance: str, storage: str) -> None:
    """Rejects a calibration of another distance, or one that does not apply to such a gallery."""
    if calibration is not None and not isinstance(calibration, Calibration):
        raise ValueError(
            expected(
                "calibration to be a Calibration; Calibration.load reads one from a file",
                calibration=type(calibration).__name__,
            )
        )
    # "given" marks pairs without a named distance.
    if calibration is not None and calibration.distance not in (distance, "given"):
        raise ValueError(
            expected(
                f"a calibration of {distance} distance, like the export",
                calibrated=calibration.distance,
            )
        )
    if calibration is not None and storage == "binary":
        raise ValueError(
            expected(
                'a gallery_storage of "float32" or "int8" with a calibration: a threshold says '
                "nothing about the approximate distances to a binary gallery",
                gallery_storage=storage,
            )
        )
