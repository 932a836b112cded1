"""``tfmetric quickstart``: the main job, from labelled data to a served similarity model."""

import click

from tfmetric.cli.command_line import spelled
from tfmetric.cli.kinds import Margin
from tfmetric.cli.startup import quiet_start


@click.command()
@click.option(
    "--dataset",
    default="glyphs",
    show_default=True,
    help="glyphs, digits, tfds:NAME, a folder with a folder of images a class, a .csv with "
    "path,label[,split,group], or an .npz with x and y.",
)
@click.option("--data-dir", help="Where TensorFlow Datasets keeps prepared data.")
@click.option("--download", is_flag=True, help="Let TensorFlow Datasets download the data.")
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Where saved_models/ and runs/ are written; nothing in there is overwritten.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs to train.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0, max=2**32 - 1),
    help="Same seed, same figures.",
)
@click.option("--image-size", type=click.IntRange(min=4), help="Side to resize images to.")
@click.option("--margin", type=Margin(), help="Margin of the triplet loss, or 'soft'.")
@click.option(
    "--mining", type=click.Choice(["hard", "semi-hard", "all"]), help="Mining of the triplet loss."
)
@click.option(
    "--one-shot",
    type=click.Path(exists=True, dir_okay=False),
    help="Zip of one-shot runs in the layout of Omniglot's all_runs.zip, to be judged on too.",
)
@click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report.html at the end."
)
@click.pass_context
def quickstart(
    ctx,
    dataset,
    data_dir,
    download,
    output,
    epochs,
    seed,
    image_size,
    margin,
    mining,
    one_shot,
    report,
):
    """Train, judge, export and query a similarity model in one go.

    Without options: glyphs, characters in many typefaces, about a minute on two cores. Half of
    the classes are for training; everything is judged on the other half.
    """
    with quiet_start():
        from tfmetric.cli.main_job import run
        from tfmetric.cli.recipes import recipe_for

    recipe = recipe_for(dataset)
    arguments = {} if mining is None else {"mining": mining}
    if margin is not None:
        arguments["margin"] = None if margin == "soft" else margin
    run(
        dataset,
        recipe._replace(
            settings=recipe.settings.replace(
                loss_arguments=arguments, epochs=epochs or recipe.settings.epochs
            ),
            image_size=image_size or recipe.image_size,
        ),
        output=output,
        data_dir=data_dir,
        download=download,
        seed=seed,
        one_shot=one_shot,
        command=spelled(ctx, always=("seed",)),
        report=report,
    )
