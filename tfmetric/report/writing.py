"""From the directory of a run to one page."""

import os
from pathlib import Path

from tfmetric._files import replacing
from tfmetric._run_files import read_metrics
from tfmetric.report.evidence import read_evidence
from tfmetric.report.page import page
from tfmetric.report.subject import Subject


def write(
    run_dir: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    model=None,
    shown_as: str | os.PathLike | None = None,
) -> Path:
    """Writes the report of a run as one HTML page that needs nothing else, no network either.

    It holds the data and its check, the model and its training, figures with intervals beside
    the baselines, neighbours, worst cases, verification, confusions, few-shot and cluster
    figures, the embedding's health, a map of it, groups, saliency, and the command to do it
    again. It reads well on a phone, in the dark and on paper, and can be used with the keyboard
    alone. What a run has not kept is named in its place.

    Args:
        run_dir: The run's directory, with its ``metrics.json``, as ``tfmetric quickstart`` leaves
            it.
        output: File to write; an existing one is replaced. None for ``report.html`` in the run's
            directory.
        model: The embedder, for the saliency; None to load ``model.keras`` of the run.
        shown_as: What the page calls the run's directory, where that is about to be renamed.

    Returns:
        The file.

    Raises:
        ValueError: If the directory is not that of a run, or its files are damaged.

    Example:

    >>> import json, pathlib, tempfile
    >>> run = pathlib.Path(tempfile.mkdtemp())
    >>> result = {"recall_at_1": 0.9, "map_at_r": 0.7, "distance": "euclidean"}
    >>> _ = (run / "metrics.json").write_text(json.dumps({"dataset": "<b>", "result": result}))
    >>> write(run).read_text(encoding="utf-8").count("<h1>&lt;b&gt;</h1>")
    1
    """
    run_dir = Path(run_dir)
    metrics, evidence = read_metrics(run_dir), read_evidence(run_dir)
    if model is None and evidence is not None and evidence.pair_inputs is not None:
        model = _saved_model(run_dir / "model.keras")
    output = run_dir / "report.html" if output is None else Path(output)
    text = page(Subject(Path(shown_as or run_dir), metrics, evidence, model))
    with replacing(output) as draft:
        draft.write_text(text, encoding="utf-8")
    return output


def _saved_model(path):
    """The model of a run, None where there is none that can be loaded."""
    if not path.is_file():
        return None
    import keras

    import tfmetric.layers
    import tfmetric.models  # noqa: F401  Registered with Keras, they are found in the file.

    try:
        return keras.models.load_model(path, compile=False)
    except Exception:  # Layers of the user's own are not known here; the report says so.
        return None
