"""Writes the page of a run, or of the figures of any model."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._run_files import read_metrics
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.evaluation import Evaluation
from tfmetric.report.evidence_file import read_evidence
from tfmetric.report.gathering import evidence_of_embeddings, gather_evidence
from tfmetric.report.page import page
from tfmetric.report.subject import Subject

if TYPE_CHECKING:
    import keras


def write(
    subject: str | os.PathLike | Evaluation,
    output: str | os.PathLike | None = None,
    *,
    model: keras.Model | None = None,
    data: Any = None,
    gallery: Any = None,
    history: Mapping | None = None,
    name: str | None = None,
) -> Path:
    """Writes a report as one self-contained HTML page.

    It holds the data and its check, the model and its training, figures with intervals beside the
    baselines, neighbours, worst cases, verification, confusions, few-shot and cluster figures, the
    embedding's health, a map of it, groups, saliency, and the command to repeat it. It suits
    phones, dark mode and paper, and works with the keyboard alone. A section without data names the
    reason.

    Args:
        subject: A run, or its directory with its ``metrics.json``; or the result of
            :func:`tfmetric.evaluation.evaluate`, for a model trained in any way.
        output: File to write; an existing one is replaced. Defaults to ``report.html`` in the
            directory of the run.
        model: The embedder, for the saliency and the description of the network. Defaults to
            ``model.keras`` of the run.
        data: For a result: the evaluated data, a ``LabeledData`` or (x, labels). With it the page
            shows examples and names of classes.
        gallery: For a result of ``evaluate(..., gallery=)``: the gallery, as ``data``; it needs
            ``model`` too.
        history: For a result: the return value of ``fit``, or figures of each epoch by name.
        name: For a result: the title of the page.

    Returns:
        The file.

    Raises:
        ValueError: If the directory is not a run's, its files are damaged, or an argument does not
            fit the subject.

    Example:

    >>> import numpy as np, pathlib, tempfile, tfmetric as tm
    >>> rng, labels = np.random.default_rng(0), np.arange(40) % 8
    >>> data = tm.datasets.from_arrays(rng.normal(size=(8, 5))[labels], labels)
    >>> model = tm.models.embedder((5,), embedding_dim=4)
    >>> result = tm.evaluation.evaluate(model, data, ks=(1, 5))
    >>> page = write(
    ...     result, f"{tempfile.mkdtemp()}/page.html", model=model, data=data, name="<b>"
    ... )
    >>> page.read_text(encoding="utf-8").count("<h1>&lt;b&gt;</h1>")
    1
    """
    if isinstance(subject, Evaluation):
        if output is None:
            raise ValueError(
                expected("output, the file to write the report of a result to", output=output)
            )
        shown, draw = _subject_of_result(subject, model, data, gallery, history, name), page
    elif isinstance(subject, (str, os.PathLike)):
        given = {"data": data, "gallery": gallery, "history": history, "name": name}
        given = {key: type(value).__name__ for key, value in given.items() if value is not None}
        if given:
            raise ValueError(
                expected("no data, gallery, history or name with a run, which has its own", **given)
            )
        shown = _subject_of_run(Path(subject), model)
        output = shown.directory / "report.html" if output is None else output
        draw = _page_of_run
    else:
        raise ValueError(
            expected(
                "a run, the directory of one, or the result of tfmetric.evaluation.evaluate",
                subject=type(subject).__name__,
            )
        )
    # Names of files that are not UTF-8 reach Python as lone surrogates, which no page may hold.
    text = draw(shown).encode("utf-8", "replace")
    with replacing(output) as draft:
        draft.write_bytes(text)
    return Path(output)


def _subject_of_run(directory, model):
    metrics, evidence = read_metrics(directory), read_evidence(directory)
    if model is None and evidence is not None and evidence.pair_inputs is not None:
        model = _saved_model(directory / "model.keras")
    return Subject(directory, metrics, evidence, model)


def _page_of_run(subject):
    try:
        return page(subject)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            expected(
                "metrics.json and evidence.npz as tfmetric wrote them, to draw the report from",
                run_dir=str(subject.directory),
                error=f"{type(error).__name__}: {error}",
            )
        ) from error


def _subject_of_result(result, model, data, gallery, history, name):
    metrics = {
        "dataset": name or "A similarity model",
        "created": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "result": result.to_dict(),
        "history": _history(history),
    }
    distance, evidence = result.retrieval.distance, None
    in_gallery = result.knn is not None
    if in_gallery is not (gallery is not None and None not in (model, data)) and (
        in_gallery or gallery is not None
    ):
        raise ValueError(
            expected(
                "gallery=, data= and model= with a result that was judged in a gallery, and no "
                "gallery with another",
                protocol=result.protocol,
                given=[k for k, v in (("gallery", gallery), ("data", data)) if v is not None],
            )
        )
    if data is not None:
        data = as_labeled(data)
        if result.embeddings is None or len(data) != len(result.embeddings):
            raise ValueError(
                expected(
                    "the data that the result is of",
                    examples=len(data),
                    judged=None if result.embeddings is None else len(result.embeddings),
                )
            )
        evidence = gather_evidence(
            model,
            data,
            embeddings=result.embeddings,
            gallery=None if gallery is None else as_labeled(gallery),
            distance=distance,
        )
        metrics["test"] = {"examples": len(data), "classes": data.num_classes}
        if data.report is not None:
            metrics["data_check"] = data.report.to_dict()
    elif result.embeddings is not None:
        labels = _labels(result)
        evidence = evidence_of_embeddings(result.embeddings, labels, distance=distance)
        metrics["test"] = {"examples": len(labels), "classes": len(np.unique(labels))}
    if model is not None:
        metrics["model"] = {
            "name": model.name,
            "parameters": int(model.count_params()),
            "layers": len(model.layers),
            "embedding_dim": int(model.output_shape[-1]),
        }
    return Subject(None, metrics, evidence, model)


def _labels(result):
    """Numbers the classes; a query without another example of its class gets a unique number."""
    queries, classes = result.retrieval.per_query.query, result.retrieval.query_classes
    labels = np.arange(len(result.embeddings)) + (int(np.max(classes, initial=-1)) + 1)
    labels[queries] = classes
    return labels


def _history(history):
    found = getattr(history, "history", history) or {}
    if not isinstance(found, Mapping):
        raise ValueError(
            expected("history as fit returns it, or figures by name", history=type(history))
        )
    return {str(key): [float(value) for value in values] for key, values in found.items()}


def _saved_model(path):
    """Loads the model of a run, or returns None."""
    if not path.is_file():
        return None
    import keras

    import tfmetric.layers
    import tfmetric.models  # noqa: F401  Registered with Keras, they are found in the file.

    try:
        return keras.models.load_model(path, compile=False)
    except Exception:  # The user's layers may be unknown here; the report then names the reason.
        return None
