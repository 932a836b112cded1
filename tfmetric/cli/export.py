"""``tfmetric export``: a trained model as a SavedModel, or as a file for the edge."""

import json
from pathlib import Path

import click

from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.startup import quiet_start
from tfmetric.cli.trained_model import config_for, images_for, load_model, model_file, run_of

_EDGE = (".tflite", ".onnx")


@with_data_options
@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.argument("output", type=click.Path())
@click.option(
    "--dataset",
    help="Data of the model, as in `tfmetric quickstart`: its unseen classes are the gallery of a "
    "SavedModel, and what a file for the edge is compared on.",
)
@click.option("--distance", help="Between embeddings. By default that of the run, or euclidean.")
@click.option(
    "--quantization",
    type=click.Choice(["float16", "int8"]),
    help="Of a .tflite file. int8 needs --dataset, for the ranges of its arithmetic.",
)
@click.option("--json", "as_json", is_flag=True, help="Print figures as JSON.")
def export(model, output, dataset, distance, quantization, as_json, **options):
    """Write a trained model as what other programs run.

    MODEL is a .keras file, or the directory of a run that holds model.keras. OUTPUT that ends in
    .tflite is written as LiteRT, in .onnx as ONNX, and with --dataset their size, latency and loss
    of retrieval against the Keras model are reported. Any other OUTPUT is a directory that gets a
    next version of a SavedModel for TensorFlow Serving.
    """
    path, kind = model_file(model), Path(output).suffix
    run = run_of(path)
    distance = distance or (run.distance if run else "euclidean")
    if quantization and kind != ".tflite":
        raise click.UsageError(
            f"Expected an output that ends in .tflite with --quantization. Received: {output}"
        )
    if quantization == "int8" and not dataset:
        raise click.UsageError(
            "Expected --dataset with --quantization int8: the ranges of its arithmetic are taken "
            "from training examples. Received: no dataset"
        )
    loaded = load_model(path)
    with quiet_start():
        import tfmetric as tm
        from tfmetric.runs.loading import load_data

    train = test = None
    if dataset:
        # Of the data of the run, its split: the gallery is to be of unseen classes.
        config = config_for(run, dataset, given_data_options(options))
        train, test = load_data(config, **images_for(loaded))
    if kind not in _EDGE:
        version = tm.export.save(loaded, output, gallery=test, distance=distance)
        click.echo(json.dumps({"path": str(version)}) if as_json else f"Wrote {version}")
        return
    if kind == ".onnx":
        written = tm.export.onnx(loaded, output)
    else:
        representative = train if quantization == "int8" else None
        written = tm.export.litert(loaded, output, quantization, representative)
    report = tm.export.edge_report(loaded, written, test, distance) if test else None
    if as_json:
        figures = report.to_dict() if report else {}
        click.echo(json.dumps({"path": str(written), "bytes": written.stat().st_size, **figures}))
        return
    click.echo(f"Wrote {written} ({written.stat().st_size / 1e6:.2f} MB)")
    click.echo(report.summary() if report else "What it loses: give --dataset.")
