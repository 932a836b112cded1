"""``tfmetric evaluate``: evaluates a trained model on classes that it has not seen."""

import json

import click

from tfmetric._whole_numbers import whole_number
from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.sources import Source
from tfmetric.cli.startup import quiet_start
from tfmetric.cli.trained_model import (
    check_fits,
    config_for,
    images_for,
    is_on,
    load_model,
    model_file,
    run_of,
)


class _Numbers(click.ParamType):
    """Whole numbers of at least 1, separated by commas."""

    name = "k,k,..."

    def convert(self, value, param, ctx):
        """Returns the numbers, ascending."""
        if isinstance(value, tuple):
            return value
        numbers = {whole_number(part.strip()) for part in value.split(",")}
        if not all(numbers):
            self.fail("Expected numbers of at least 1, such as 1,5,10.", param, ctx)
        return tuple(sorted(numbers))


@with_data_options
@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.option(
    "--dataset",
    type=Source(),
    help="Data, see `tfmetric datasets list`.  [default: the data of MODEL's run]",
)
@click.option(
    "--part",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="The test part or the training part.",
)
@click.option("--distance", help="Distance between embeddings.  [default: the run's, or euclidean]")
@click.option("--ks", type=_Numbers(), default="1,5,10", show_default=True, help="Of recall@k.")
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    help="Seed of the untrained model and of the sample of the raw baseline.  [default: the "
    "run's, or 0]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Examples embedded at a time.",
)
@click.option(
    "--no-baselines",
    is_flag=True,
    help="Leave out the figures of the raw inputs and of the untrained model.",
)
@click.option(
    "--verification",
    "verify",
    is_flag=True,
    help="Also verify pairs of same and different classes: AUC, EER, TAR at FAR.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not text.")
@click.option("--output", type=click.Path(dir_okay=False), help="File for the figures, as JSON.")
def evaluate(
    model,
    dataset,
    part,
    distance,
    ks,
    seed,
    batch_size,
    no_baselines,
    verify,
    as_json,
    output,
    **options,
):
    """Evaluate MODEL on the test part, whose classes it has not been trained on.

    MODEL is a .keras file, or the directory of a run that holds model.keras. For a run, data, split
    and distance are those of the training, so the test classes are unseen. If test and training
    share classes (a closed set, as by --split examples or "as given"), the test part is searched in
    the training part.
    """
    path = model_file(model)
    run = run_of(path)
    if run is None and dataset is None:
        raise click.UsageError(f"Expected --dataset: no run beside {path} names its training data.")
    loaded = load_model(path)
    source = dataset or run.config.dataset
    if source is None:
        raise click.UsageError(
            f"Expected --dataset: {run.path} was trained on Python objects, which have no name."
        )
    config = config_for(run, source, given_data_options(options))
    with quiet_start():
        import tfmetric as tm
        from tfmetric._files import replacing
        from tfmetric.runs.loading import load_data

        tm.datasets, tm.evaluation  # noqa: B018

    parts = load_data(config, **images_for(loaded, run))
    data, gallery = parts[part == "test"], None
    if part == "test":
        from tfmetric.runs.protocol import judged

        gallery = judged(*parts).gallery
    check_fits(loaded, data)
    if not as_json:
        click.echo(
            f"{part.capitalize()} part of {source}: {len(data):,} examples of "
            f"{data.num_classes:,} classes"
        )
        if gallery is not None:
            click.echo(
                f"A closed set: searched in the {len(gallery):,} examples of the training part, "
                "which has their classes"
            )
    drawn = part == "test" and data.split.seed is not None
    if drawn and not (run and is_on(run, source) and data.split.seed == run.config.split_seed):
        click.echo(
            "Note: this split is drawn by its seed. Unless the model was trained with "
            f"--split-seed {data.split.seed} too, it has seen some of it, and the figures are too "
            "good.",
            err=True,
        )
    distance = distance or (run.distance if run else "euclidean")
    if seed is None:
        seed = run.config.seed if run else 0
    result = tm.evaluation.evaluate(
        loaded,
        data,
        gallery=gallery,
        distance=distance,
        ks=ks,
        baselines=not no_baselines,
        batch_size=batch_size,
        seed=seed,
    )
    figures = {
        "model": str(path),
        "dataset": str(source),
        "part": part,
        "seed": seed,
        **result.to_dict(),
    }
    verified = None
    if verify:
        verified = tm.evaluation.verification(
            result.embeddings, data.labels, distance=distance, seed=seed
        )
        figures["verification"] = verified.to_dict()
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        click.echo(result.summary())
        if verified is not None:
            click.echo(f"\n{verified.summary()}")
    if output:
        with replacing(output) as draft:
            draft.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        click.echo(f"Wrote {output}", err=as_json)
    if not as_json:
        exported = ["tfmetric", "export", model, f"saved_models/{config.file_name}"]
        others = () if run is None else (["tfmetric", "report", run.path],)
        say_next(*others, exported)
