"""``tfmetric serve``: serves exported models over REST and gRPC for testing."""

import gc
import logging
import signal
import threading

import click

from tfmetric.cli import exit_codes
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.startup import quiet_start


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="Of REST."
)
@click.option(
    "--grpc-port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="Of gRPC."
)
@click.option(
    "--num-versions",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of newest versions to serve.",
)
@click.option(
    "--max-request-mb",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="The largest request.",
)
def serve(directory, host, port, grpc_port, num_versions, max_request_mb):
    """Serve exported models like TensorFlow Serving, for testing.

    DIRECTORY is a model, such as saved_models/glyphs, or holds several, such as saved_models. New
    versions take over as they appear. Port 0 chooses a free port. Ctrl-C stops the server.
    """
    with quiet_start():
        from tfmetric.serving import Server

        server = Server(
            directory,
            host,
            port,
            grpc_port,
            num_versions=num_versions,
            max_request_bytes=max_request_mb * 2**20,
        )
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # TensorFlow warns that its session loader is deprecated.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("tfmetric.serving").setLevel(logging.INFO)
    over, interrupted = threading.Event(), threading.Event()

    def end(number, _):
        over.set()
        if number == signal.SIGINT:
            interrupted.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with server:
        # A JSON request makes many lists, which trigger garbage collection. Exclude TensorFlow's
        # objects from it, whose scan took ten times as long as reading the request.
        gc.collect()
        gc.freeze()
        click.echo(f"Serving {', '.join(server.registry.models())}; Ctrl-C ends it.")
        for name in server.registry.models():
            click.echo(f"REST  {server.rest_url}/v1/models/{name}")
            click.echo(f"gRPC  {server.grpc_url} model {name}")
        names = server.registry.models()
        say_next(*(["curl", f"{server.rest_url}/v1/models/{name}/metadata"] for name in names))
        click.echo("This server is for testing; use TensorFlow Serving in production.")
        while not over.wait(0.5):  # On Windows an endless wait would not see the signal.
            pass
        # A second Ctrl-C does not wait for running requests.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        click.echo("Stopping ...")
    if interrupted.is_set():
        raise click.exceptions.Exit(exit_codes.INTERRUPTED)
