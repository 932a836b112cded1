"""``tfmetric serve-config``: writes the files of a deployment on TensorFlow Serving."""

import click

from tfmetric.cli.startup import quiet_start


@click.command("serve-config")
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@click.option("--output", default="deployment", show_default=True, help="Directory to write to.")
@click.option("--image", help="Image of the server; by default an official image.")
@click.option(
    "--num-versions",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of newest versions to serve.",
)
def serve_config(directory, output, image, num_versions):
    """Write the files for TensorFlow Serving to serve exported models.

    DIRECTORY is a model, such as saved_models/glyphs, or holds several, such as saved_models.
    """
    with quiet_start():
        from tfmetric.export import deployment

    written = deployment.serve_config(
        directory, output, image or deployment.IMAGE, num_versions=num_versions
    )
    for path in written:
        click.echo(f"Wrote {path}")
    click.echo(f"Next: cd {output} && docker compose up; README.md there has example requests.")
