"""``tfmetric export``: exports a trained model as a SavedModel or a file for the edge."""

import json
from pathlib import Path

import click

from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.startup import quiet_start
from tfmetric.cli.trained_model import config_for, images_for, load_model, model_file, run_of

_EDGE = (".tflite", ".onnx")


def _calibration(model, test, distance):
    """Threshold of equal errors on the test classes; None without both kinds of pairs."""
    import tfmetric as tm

    pairs = tm.evaluation.verification(
        tm.evaluation.embed(model, test), test.labels, distance=distance
    )
    if not (pairs.num_positives and pairs.num_negatives):
        return None
    return tm.evaluation.calibrate(pairs)


def _files_of(test):
    """Returns the encoded inputs of the export besides tensors: image bytes for 8-bit images."""
    images = test is not None and test.element.kind == "image" and test.dtype == "uint8"
    return ("image_bytes",) if images and test.element_shape[-1] in (1, 3) else ()


@with_data_options
@click.command()
@click.argument("model", type=click.Path(exists=True))
@click.argument("output", type=click.Path())
@click.option(
    "--dataset",
    help="Data of the model: its unseen classes become the gallery of a SavedModel, and the data "
    "to compare a file for the edge on.",
)
@click.option("--distance", help="Distance between embeddings.  [default: the run's, or euclidean]")
@click.option(
    "--quantization",
    type=click.Choice(["float16", "int8"]),
    help="Quantization of a .tflite file. int8 needs --dataset, for the ranges of its arithmetic.",
)
@click.option("--json", "as_json", is_flag=True, help="Print figures as JSON.")
def export(model, output, dataset, distance, quantization, as_json, **options):
    """Export a trained model for other programs.

    MODEL is a .keras file, or the directory of a run that holds model.keras. An OUTPUT that ends in
    .tflite is written as LiteRT, in .onnx as ONNX; with --dataset the command reports their size,
    latency and loss of retrieval against the Keras model. Any other OUTPUT is a directory for the
    next version of a SavedModel for TensorFlow Serving. Its gallery is the test part of the data of
    the run or of --dataset (the training part, if both share classes), with a threshold calibrated
    on it and signatures for image files.
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

    train = test = gallery = None
    # A SavedModel of a run gets the unseen classes of its data by default.
    dataset = dataset or (run.config.dataset if run and kind not in _EDGE else None)
    if dataset:
        # Use the run's split of its data, so that the gallery has unseen classes.
        config = config_for(run, dataset, given_data_options(options))
        from tfmetric.runs.protocol import judged

        train, test = load_data(config, **images_for(loaded, run))
        # Test examples of the classes of the training are searched in the training part.
        gallery = judged(train, test).gallery or test
    if kind not in _EDGE:
        version = tm.export.save(
            loaded,
            output,
            gallery=gallery,
            distance=distance,
            calibration=None if test is None else _calibration(loaded, test, distance),
            inputs=("tensor", *_files_of(test)),
        )
        if as_json:
            click.echo(json.dumps({"path": str(version)}))
            return
        held = "no gallery: give --dataset" if test is None else f"a gallery of {len(gallery):,}"
        click.echo(f"Wrote {version}, with {held}")
        say_next(["tfmetric", "serve", version.parent.parent])
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
    click.echo(report.summary() if report else "To measure its loss, give --dataset.")
