"""``tfmetric embed``: writes the embeddings of data to a file."""

import shlex

import click

from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.model_embeddings import PARTS, embed_data, ids_and_labels
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.sources import Source
from tfmetric.cli.startup import quiet_start


@with_data_options
@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.argument("output", type=click.Path(dir_okay=False))
@click.option(
    "--dataset",
    type=Source(),
    help="Data, see `tfmetric datasets list`.  [default: the data of MODEL's run]",
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="all",
    show_default=True,
    help="The test part, the training part, or both.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Examples embedded at a time.",
)
def embed(model, output, dataset, part, batch_size, **options):
    """Write the embeddings of data by MODEL to OUTPUT, a NumPy archive (.npz).

    MODEL is a .keras file, the directory of a run, or that of an exported model. The archive holds
    "embeddings" (N, D) in float32, "ids" (N,) and "labels" (N,), the names of the classes.
    `tfmetric index build OUTPUT` builds an index from it.
    """
    if not output.endswith(".npz"):
        raise click.UsageError(f"Expected an output that ends in .npz. Received: {output}")
    parts = embed_data(model, dataset, given_data_options(options), part, batch_size)
    with quiet_start():
        import numpy as np

        from tfmetric._files import replacing

    rows = np.concatenate([found.embeddings for found in parts])
    ids, labels = ids_and_labels(parts)
    with replacing(output) as draft, draft.open("wb") as file:
        np.savez(file, embeddings=rows, ids=ids, labels=labels)
    click.echo(f"Wrote {output}: {len(rows):,} embeddings of {rows.shape[1]} numbers")
    distance = parts[0].distance or "cosine"
    index = shlex.join(["tfmetric", "index", "build", output, "-o", "index.npz"])
    say_next(f"{index} --distance {distance}")
