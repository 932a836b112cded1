"""The best setting of a search as a run: its directory gets all that the directory of a run has."""

from tfmetric.evaluation import embed
from tfmetric.runs.collapse import note_collapse
from tfmetric.runs.config import RunConfig
from tfmetric.runs.directory import RunDirectory
from tfmetric.runs.late_steps import do_missing, forget
from tfmetric.runs.metrics import run_metrics, versions, write_metrics
from tfmetric.runs.steps import fingerprint_of
from tfmetric.training import make_loss
from tfmetric.tuning.search.report_record import report_record


def keep_best(result, config: RunConfig, parts, progress) -> None:
    """Writes what makes the directory of a search that of a run.

    Its model is there already. The config is that of the best setting, so that
    ``tfmetric train --config`` trains it again.

    Args:
        result: The :class:`tfmetric.tuning.TuningResult`, judged on the test part.
        config: Says which data was searched on; its settings are replaced by the best.
        parts: (train, test), all of the data.
        progress: Says what is done.

    Raises:
        IncompleteRun: If a picture or the report has failed; all else is written.
    """
    final, run = result.final, RunDirectory(result.directory)
    config = config.replace(
        settings=final.settings, fingerprint=fingerprint_of(parts), versions=versions()
    )
    # First: it says of metrics.json which classes are unseen.
    config.write(run.config)
    found = run_metrics(
        config, parts, final.settings, result.embedder, dict(final.evaluation), {}, progress.seconds
    )
    found |= report_record(result)
    embeddings = embed(result.embedder, parts[1])
    loss = make_loss(final.settings.loss, final.settings.loss_arguments)
    note_collapse(found, loss, embeddings)
    forget(run)  # The pictures may show the best of fewer trials.
    write_metrics(run.path, found)
    do_missing(run, config, parts, result.embedder, embeddings, progress)
