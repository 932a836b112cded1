"""The steps of ``tfmetric tune``, each a few calls of the public API."""

import contextlib
import json
import os
import shlex
import sys
import tomllib
from pathlib import Path

import click
import tomli_w

import tfmetric as tm
from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._process_lock import locked
from tfmetric.cli.recipes import recipe_for
from tfmetric.cli.records import metrics, name_of, versions
from tfmetric.cli.run_config import RunConfig, located
from tfmetric.cli.search_space import Span, parse_search
from tfmetric.cli.stopping import interruptible
from tfmetric.cli.talk import Clock, say
from tfmetric.cli.tune import OPTIONS
from tfmetric.cli.workers import workers
from tfmetric.tuning.search.search_directory import SEARCH, SearchDirectory
from tfmetric.tuning.search.search_pictures import drawn
from tfmetric.tuning.search.trial_tables import end_lines

# Where the search is, and what each command may say anew.
_NOT_KEPT = ("workers", "report", "as_json", "output", "overwrite", "name")


def run(options) -> dict | None:
    """Loads, searches, judges, draws and reports.

    Args:
        options: The options of the command by name.

    Returns:
        What ``--json`` prints; None in a worker.
    """
    quiet, clock = options["as_json"], Clock()
    directory = (
        Path(options["output"]) / "tuning" / (options["name"] or name_of(options["dataset"]))
    )
    # Of a worker, only its trials are heard; what is not JSON goes where JSON does not.
    worker = "KERASTUNER_ORACLE_IP" in os.environ and not _is_chief()
    heard = contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext()
    lock = SearchDirectory(directory).lock
    with heard, contextlib.nullcontext() if worker else locked(lock, directory):
        tell = (lambda text: None) if worker else click.echo
        tell(f"Data: {options['dataset']}")
        recipe = recipe_for(options["dataset"])
        train, test = tm.datasets.load(
            options["dataset"],
            data_dir=options["data_dir"],
            download=options["download"],
            image_size=options["image_size"] or recipe.image_size,
            test_fraction=options["test_fraction"],
            seed=options["seed"],
        )
        tell(str(train.report))
        clock.lap("load")
        if not worker:
            _keep(directory, options)
        result = _search(train, test, recipe.settings, directory, options, worker)
        if result is None:
            return None
        clock.lap("search")
        if not worker:
            if result.final.evaluation:  # Not where the best setting has failed on all classes.
                say("Report")
                _report(directory, result, train, test, recipe, options, clock)
            _farewell(result, directory, options)
    return {"path": str(directory), "command": options["command"], **result.to_dict()}


def _is_chief():
    return "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")


def _keep(directory, options):
    """Writes down what the search is, for --resume; what it is already stays."""
    if options["overwrite"]:
        SearchDirectory(directory).clear()
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if name not in _NOT_KEPT and value is not None
    }
    path = directory / OPTIONS
    if path.is_file() and SearchDirectory(directory).read(SEARCH):
        known = tomllib.loads(path.read_text(encoding="utf-8"))
        names = {*known, *kept} - {"trials", "command"}
        other = sorted(name for name in names if known.get(name) != kept.get(name))
        if other:
            raise ValueError(
                expected(
                    f"the search that {directory} holds, to go on with it; what differs is "
                    f"{', '.join(other)}. Give --name for another one, or --overwrite",
                    **{name: kept.get(name) for name in other},
                )
            )
    with replacing(path) as draft:
        draft.write_text(tomli_w.dumps(kept), encoding="utf-8")


def _search(train, test, settings, directory, options, worker):
    budget = {name: options[name] for name in ("epochs", "batches_per_epoch") if options[name]}
    settings = settings.replace(**budget)
    losses = options["losses"] or None
    space = {
        name: tm.tuning.Range(*spec) if isinstance(spec, Span) else spec
        for name, spec in parse_search(options["search"]).items()
    }
    if options["everything"]:
        everything = tm.tuning.default_space(
            losses or settings.loss, True, settings.fitted(train), train.num_classes
        )
        space = {**everything, **space}
    again = ["tune", "--resume", str(directory)]
    crew = 0 if worker else options["workers"]
    with (
        interruptible(f"go on with `tfmetric {shlex.join(again)}`"),
        workers(again, crew, options["as_json"]),
    ):
        return tm.tuning.margin_search(
            train,
            test,
            losses=losses,
            search_space=space,
            settings=settings,
            objective=options["objective"],
            validation=tm.tuning.Validation(
                options["validation"],
                options["validation_fraction"],
                options["folds"],
                options["repeats"],
            ),
            tuner=options["tuner"],
            max_trials=options["trials"],
            stopping=tm.tuning.Stopping(options["patience"], options["prune"]),
            directory=directory,
            tensorboard=options["tensorboard"],
            seed=options["seed"],
            progress=not options["as_json"],
        )


def _report(directory, result, train, test, recipe, options, clock):
    """Makes the search's directory that of a run, for ``tfmetric report`` and the others."""
    final = result.final
    loss = tm.training.make_loss(final.settings.loss, final.settings.loss_arguments)
    distance = getattr(loss, "distance", "euclidean")
    found = metrics(
        dataset=options["dataset"],
        seed=options["seed"],
        command=options["command"],
        train=train,
        test=test,
        training=tm.training.Training(None, result.embedder, None, final.settings, distance),
        image_size=options["image_size"] or recipe.image_size,
        result=dict(final.evaluation),
        history={},
        clock=clock,
    )
    default = result.default and result.default.settings.resolved().loss_arguments
    found["search"] = {
        "objective": result.objective,
        "drawn": drawn(result.searched),
        "default": default or {},
        "trials": result.table(),
        "words": [line for line in end_lines(result) if line.endswith(".")],
        "optimism": result.optimism,
    }
    # For `tfmetric train --config`, and first: it says of metrics.json which classes are unseen.
    RunConfig(
        final.settings,
        located(options["dataset"]),
        data_dir=options["data_dir"] and located(options["data_dir"]),
        image_size=options["image_size"] or recipe.image_size,
        test_fraction=options["test_fraction"],
        seed=options["seed"],
        versions=versions(),
    ).write(directory / "best.toml")
    with replacing(directory / "metrics.json") as draft:
        draft.write_text(json.dumps(found, indent=2, default=str) + "\n", encoding="utf-8")
    tm.report.keep_evidence(
        directory, result.embedder, test, distance=distance, seed=options["seed"]
    )
    if options["report"]:
        tm.report.write(directory, model=result.embedder)


def _farewell(result, directory, options):
    click.echo("")
    click.echo(result.summary())
    click.echo(f"\nTables, pictures and model.keras: {directory}")
    if not result.final.evaluation:
        return
    if options["report"]:
        click.echo(f"Report, for any browser:          {directory / 'report.html'}")
    click.echo("\nTry next:")
    again = ["tfmetric", "train", "--config", str(directory / "best.toml")]
    for command in (
        again,
        ["tfmetric", "export", str(directory), f"saved_models/{directory.name}"],
    ):
        click.echo(f"  {shlex.join(command)}")
