"""The independent steps after a run is evaluated: evidence, pictures, export, report."""

import json
import shlex
from typing import Any

from tfmetric.evaluation import embed
from tfmetric.report import keep_evidence, write
from tfmetric.report.evidence_file import FILE as EVIDENCE
from tfmetric.runs.exporting import export_and_ask
from tfmetric.runs.metrics import write_metrics
from tfmetric.runs.pictures import answer_picture, neighbor_picture, training_picture
from tfmetric.runs.protocol import judged, watched
from tfmetric.training import make_loss
from tfmetric.typing import PathLike


class IncompleteRun(RuntimeError):
    """A run is trained and evaluated, but a later step, such as its report, has failed.

    Attributes:
        path: The directory of the run. It holds model.keras and metrics.json.

    The message names the failed step, the reason, and the command that repeats it.
    """

    def __init__(self, message: Any, path: PathLike):
        super().__init__(message)
        self.path = path


def missing_steps(run, config) -> list[str]:
    """Returns the steps that an evaluated run still lacks."""
    return [name for name, (_, done) in _STEPS.items() if not done(run, config)]


def forget(run) -> None:
    """Removes the files of these steps, before the run is evaluated again."""
    for name in (EVIDENCE, "training.png", "neighbours.png", "report.html"):
        (run.path / name).unlink(missing_ok=True)


def do_missing(run, config, parts, model, embeddings, progress) -> None:
    """Runs the missing steps independently of each other.

    Args:
        run: The :class:`~tfmetric.runs.directory.RunDirectory`, with model.keras and metrics.json.
        config: Its config.
        parts: (train, test), all of the data.
        model: The embedder.
        embeddings: (N, D) of the test part; None to compute them on demand.
        progress: Prints the progress.

    Raises:
        IncompleteRun: If a step has failed; the other steps are done.
    """
    late, failed = _Late(run, config, parts, model, embeddings, progress), {}
    for name in missing_steps(run, config):
        try:
            _STEPS[name][0](late)
        except Exception as error:
            failed[name] = error
    if failed:
        raise _incomplete(run, failed)


class _Late:
    """The data of the late steps."""

    def __init__(self, run, config, parts, model, embeddings, progress):
        self.run, self.config = run, config
        found = judged(*parts)
        self.test, self.gallery = found.data, found.gallery
        self.model, self.progress, self._embeddings = model, progress, embeddings
        loss = make_loss(config.settings.loss, config.settings.loss_arguments)
        self.distance = getattr(loss, "distance", "euclidean")
        self.watched = watched(config, parts)
        self.metrics = _metrics(run)

    @property
    def embeddings(self):
        if self._embeddings is None:
            self._embeddings = embed(self.model, self.test)
        return self._embeddings

    @property
    def gallery_embeddings(self):
        return None if self.gallery is None else embed(self.model, self.gallery)

    def evidence(self):
        keep_evidence(
            self.run.path,
            self.model,
            self.test,
            embeddings=self.embeddings,
            gallery=self.gallery,
            distance=self.distance,
            seed=self.config.seed,
        )

    def curves(self):
        name, history = self.config.file_name, self.metrics["history"]
        training_picture(self.run.path, name, history, self.watched, self.distance)

    def neighbours(self):
        neighbor_picture(
            self.run.path,
            self.config.file_name,
            self.test,
            self.embeddings,
            (self.gallery, self.gallery_embeddings),
            self.distance,
            self.config.seed,
        )

    def export(self):
        found, gallery, queries, answers = export_and_ask(
            self.model,
            self.test,
            self.gallery,
            self.config.export,
            self.distance,
            self.config.seed,
            self.progress,
        )
        name = self.config.file_name
        kind = "unseen classes" if self.gallery is None else "test examples"
        title = f"{name}: {kind}, as the exported model answers"
        answer_picture(self.run.path, title, self.test, gallery, queries, answers)
        self.metrics |= found
        self.metrics["seconds"] = {**self.metrics["seconds"], **self.progress.seconds}
        write_metrics(self.run.path, self.metrics)

    def report(self):
        write(self.run.path, model=self.model)


def _metrics(run):
    return json.loads(run.metrics.read_text(encoding="utf-8"))


def _has(name):
    return lambda run, config: (run.path / name).is_file()


def _exported(run, config):
    return not config.export or "served" in _metrics(run)


# The steps by name, and whether each is done or not requested.
_STEPS = {
    "evidence": (_Late.evidence, _has(EVIDENCE)),
    "training.png": (
        _Late.curves,
        # A search does not evaluate its best trial after each epoch.
        lambda run, config: _has("training.png")(run, config) or not _metrics(run).get("history"),
    ),
    "neighbours.png": (
        _Late.neighbours,
        lambda run, config: bool(config.export) or _has("neighbours.png")(run, config),
    ),
    "export": (_Late.export, _exported),
    "report": (
        _Late.report,
        lambda run, config: not config.report or _has("report.html")(run, config),
    ),
}


def _incomplete(run, failed):
    reasons = "; ".join(
        f"{name}: {str(error).strip().splitlines()[0] if str(error).strip() else type(error)}"
        for name, error in failed.items()
    )
    return IncompleteRun(
        f"The run is trained and judged: model.keras and metrics.json are in {run.path}. "
        f"Not done is {reasons}. Do it again with `tfmetric train --resume "
        f"{shlex.quote(str(run.path))}`",
        run.path,
    )
