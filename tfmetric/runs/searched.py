"""Turns the directory of a search into a run of its best setting."""

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
    """Writes the missing files of a run into the directory of a search.

    Its model is there already. The config has the best setting, so ``tfmetric train --config``
    trains it again.

    Args:
        result: The :class:`tfmetric.tuning.TuningResult`, evaluated on the test part.
        config: Config of the searched data; the best settings replace its settings.
        parts: (train, test), all of the data.
        progress: Says what is done.

    Raises:
        IncompleteRun: If a picture or the report has failed; everything else is written.
    """
    final, run = result.final, RunDirectory(result.directory)
    config = config.replace(
        settings=final.settings, fingerprint=fingerprint_of(parts), versions=versions()
    )
    # Written first, because it tells which classes in metrics.json are unseen.
    config.write(run.config)
    found = run_metrics(
        config, parts, final.settings, result.embedder, dict(final.evaluation), {}, progress.seconds
    )
    found |= report_record(result)
    embeddings = embed(result.embedder, parts[1])
    loss = make_loss(final.settings.loss, final.settings.loss_arguments)
    note_collapse(found, loss, embeddings)
    forget(run)  # Earlier pictures may show the best of fewer trials.
    write_metrics(run.path, found)
    do_missing(run, config, parts, result.embedder, embeddings, progress)
