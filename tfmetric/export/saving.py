"""Writes a trained embedder as a version for TensorFlow Serving."""

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.elements import Element
from tfmetric.evaluation.verification.calibration import Calibration
from tfmetric.export import galleries
from tfmetric.export.core import build
from tfmetric.export.encoded_inputs import ENCODINGS, of_kinds
from tfmetric.export.gallery_storage import check as check_storage
from tfmetric.export.model_inputs import ModelInputs
from tfmetric.export.versions import check_keep_last, keep_newest, new_version
from tfmetric.export.writing import described, write
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.typing import Array, Distance, PathLike

_INPUTS = ("tensor", "text", *ENCODINGS)


def save(
    model: keras.Model,
    directory: PathLike,
    gallery: Any = None,
    ids: Array | None = None,
    distance: Distance = "euclidean",
    batch_size: int = 256,
    calibration: Any = None,
    *,
    labels: Array | None = None,
    inputs: Any = "tensor",
    element: Element | None = None,
    top_k: int | None = None,
    gallery_storage: str = "float32",
    exclude: bool = False,
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

    ``search_except`` and ``search_embedding_except``, with ``exclude=True``: as ``search``, with
    ``exclude`` (B, E): ids to exclude for each row, such as the query's own. k is then clipped to
    the rest of the gallery.

    ``classify``, if the gallery has labels: ``inputs`` and ``k`` to ``label`` (B,), the most
    frequent label of the k nearest, at a tie the nearest label; ``share`` (B,) of the k with this
    label; ``distance`` (B,) of the nearest; ``known`` (B,). With a calibration ``known`` is false
    where even the nearest is beyond the threshold; the label is then "unknown", or −1 for integers
    (the largest uint64 for uint64).

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
        model: An embedder, from (B, ...), or a dictionary of such inputs, to (B, D).
        directory: The parent of the versions, made if it does not exist. Its name is that of the
            model in a server: letters, digits, "_", "." and "-", the first no "." or "-".
        gallery: What is searched: a ``LabeledData``; a pair (inputs, labels); an array of
            inputs (N, ...), or a dictionary of them for a model of several inputs. None for a
            model that only embeds and verifies.
        ids: (N,) integers or strings, what ``search`` returns. By default the ``ids`` of a
            ``LabeledData``, else 0 to N − 1.
        distance: Name, or function on ``keras.ops``; see :func:`tfmetric.distances.get`. Take
            the one the model was trained with.
        batch_size: Examples of the gallery embedded at a time.
        calibration: A :class:`tfmetric.evaluation.Calibration` of this model under this distance.
        labels: (N,) integers or strings, of a gallery that is an array.
        inputs: ``"tensor"``; ``"image_bytes"``; ``"wav_bytes"``; ``"text"``, for a model that takes
            strings, which is what ``"tensor"`` does there; or several in a tuple.
        element: What one example is, as ``data.element``; by default that of a gallery that is a
            ``LabeledData``. ``"wav_bytes"`` takes the sampling rate from there.
        top_k: The most neighbours that a request gets; None for all that it asks for. It bounds
            what a request can cost a server.
        gallery_storage: ``"float32"``; ``"int8"``, a quarter of the memory; ``"binary"``, a
            thirty-second. Of the last two the distances are approximate, and with ``"binary"`` so
            rough that they can only be compared with each other. What it costs is measured and
            stands as ``recall`` in the metadata; see :func:`tfmetric.export.storage_recall`.
        exclude: Whether there are signatures that leave ids out.
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
    check_model(model)
    distance = distances.get(distance)
    check_calibration(calibration, distance.name, gallery_storage)
    if element is None and isinstance(gallery, LabeledData):
        element = gallery.element
    settings = _settings(model, inputs, element, top_k, gallery_storage, exclude)
    check_keep_last(keep_last)
    if gallery is None and (ids is not None or labels is not None):
        raise ValueError(expected("a gallery together with ids or labels", gallery=gallery))
    with new_version(directory) as draft:  # Before embedding, to fail early.
        made = cache(lambda: build(model, distance, draft.path.with_name("core")))
        found = None
        if gallery is not None:
            takes = ModelInputs.read(settings)
            # Embed with the served functions, and only after all other checks.
            found = galleries.read(
                gallery,
                ids,
                labels,
                takes,
                lambda data: made().embed_all(data, takes, batch_size),
            )
        write(draft.path, made(), settings, found, calibration)
    keep_newest(directory, keep_last)
    return draft.published


def _settings(model, inputs, element, top_k, storage, exclude):
    takes = ModelInputs.of(model)
    kinds = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    if not kinds or not set(kinds) <= set(_INPUTS) or len(set(kinds) & set(ENCODINGS)) > 1:
        raise ValueError(
            expected(
                f"inputs to be one or several of {', '.join(_INPUTS)}, with one kind of file",
                inputs=inputs,
            )
        )
    if "text" in kinds and (takes.named or model.inputs[0].dtype != "string"):
        raise ValueError(
            expected(
                'a model that takes strings, with TextVectorization in it, for inputs="text"',
                input_dtype=[like.dtype for like in model.inputs],
            )
        )
    encoding = of_kinds(kinds)
    done = {} if encoding is None else {encoding.name: encoding.preprocessing(takes, element)}
    whole = isinstance(top_k, (int, np.integer)) and not isinstance(top_k, bool) and top_k > 0
    if top_k is not None and not whole:
        raise ValueError(expected("top_k to be an integer above 0, or None", top_k=top_k))
    return {
        "embedding_dim": model.outputs[0].shape[-1],
        "inputs": [kind for kind in _INPUTS if kind in kinds],
        **takes.settings(),
        "element": None if element is None else described(element),
        "preprocessing": done,
        "top_k": None if top_k is None else int(top_k),
        "gallery_storage": check_storage(storage),
        "exclude": bool(exclude),
    }


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
