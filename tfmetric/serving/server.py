"""The development server, with the REST and gRPC interfaces of TensorFlow Serving."""

import contextlib
import logging
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.serving.registry import Registry
from tfmetric.typing import PathLike

LOG = logging.getLogger("tfmetric.serving")
_GRACE = 5.0


class Server:
    """Serves exported models like TensorFlow Serving, for writing and testing clients.

    REST and gRPC have the paths, messages and errors of TensorFlow Serving, so clients work there
    unchanged. The server follows the directory: a new version takes over without a failed request,
    and if it does not load, the older version keeps serving. It has no access control, encryption,
    batching or accelerators. Use TensorFlow Serving in production; see
    :func:`tfmetric.export.serve_config`.

    Needs the extra ``serve``.

    Args:
        directory: Directory of one model, with versions from :func:`tfmetric.export.save`, or of
            several models. A model has the name of its directory.
        host: The address to listen at; by default only this machine can ask.
        port: Of REST; 0 for a free one.
        grpc_port: Of gRPC; 0 for a free one.
        num_versions: Number of newest versions of a model to serve.
        max_request_bytes: The largest request.
        poll_seconds: Seconds between checks of the directory.
        workers: Number of requests of each kind answered at a time.

    Attributes:
        registry: The served versions.
        rest_url: "http://127.0.0.1:8501", once it is started.
        grpc_url: "grpc://127.0.0.1:8500", once it is started.

    Example:

    >>> import tempfile
    >>> import numpy as np, tfmetric as tm
    >>> from tfmetric.serving import Client, Server
    >>> folder = tempfile.mkdtemp()
    >>> path = tm.export.save(tm.models.embedder((4,), embedding_dim=2), folder + "/four")
    >>> with Server(folder, port=0, grpc_port=0) as server:
    ...     Client(server.rest_url, model="four").embed(np.zeros((3, 4))).shape
    (3, 2)
    """

    def __init__(
        self,
        directory: PathLike,
        host: str = "127.0.0.1",
        port: int = 8501,
        grpc_port: int = 8500,
        *,
        num_versions: int = 1,
        max_request_bytes: int = 64 * 2**20,
        poll_seconds: float = 1.0,
        workers: int = 16,
    ):
        self.registry = Registry(directory, num_versions)
        self.rest_url: str | None = None
        self.grpc_url: str | None = None
        self._address = host, port, grpc_port
        self._max_bytes = max_request_bytes
        self._poll_seconds = poll_seconds
        self._workers = workers
        self._ends = contextlib.ExitStack()

    def start(self) -> "Server":
        """Loads the models and opens the ports.

        Raises:
            ImportError: If the extra ``serve`` is not installed.
            ValueError: If no version loads; the log has the reason.
            OSError: If a port is taken.
        """
        uvicorn, _ = require("uvicorn", "serve"), require("grpc", "serve")
        require("tensorflow_serving.apis", "serve")
        host, port, grpc_port = self._address
        try:
            listener = self._ends.enter_context(_listen(host, port))
            self._ends.callback(self.registry.close)
            self.registry.poll()
            if not self.registry.models():
                raise ValueError(
                    expected(
                        "at least one version that loads; the log has the reason",
                        directory=str(self.registry.directory),
                    )
                )
            self._follow()
            bound = self._start_grpc(host, grpc_port)
            self._start_rest(uvicorn, listener)
        except BaseException:
            self._ends.close()
            raise
        shown = f"[{host}]" if ":" in host else host
        self.rest_url = f"http://{shown}:{listener.getsockname()[1]}"
        self.grpc_url = f"grpc://{shown}:{bound}"
        return self

    def stop(self) -> None:
        """Finishes running requests, for some seconds at most, and closes ports and models."""
        self._ends.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _pool(self, name):
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=f"tfmetric-{name}")
        self._ends.callback(pool.shutdown, wait=False, cancel_futures=True)
        return pool

    def _follow(self):
        over = threading.Event()

        def follow():
            while not over.wait(self._poll_seconds):
                try:
                    self.registry.poll()
                except Exception:
                    LOG.exception("The check for new versions failed; the server continues")

        self._thread(follow, over.set)

    def _start_grpc(self, host, port):
        from tfmetric.serving import rpc

        server = rpc.server(self.registry, self._pool("grpc"), self._max_bytes)
        try:
            bound = server.add_insecure_port(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        except RuntimeError as error:
            raise OSError(
                expected("a free port for gRPC; choose one by grpc_port", grpc_port=port)
            ) from error
        server.start()
        self._ends.callback(lambda: server.stop(_GRACE).wait())
        return bound

    def _start_rest(self, uvicorn, listener):
        from tfmetric.serving.rest import Rest

        config = uvicorn.Config(
            Rest(self.registry, self._pool("rest"), self._max_bytes),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=int(_GRACE),
        )
        server = uvicorn.Server(config)

        def end():
            server.should_exit = True

        thread = self._thread(lambda: server.run(sockets=[listener]), end)
        while thread.is_alive() and not server.started:
            time.sleep(0.01)

    def _thread(self, target, end):
        """Runs until the server stops by calling ``end``."""
        thread = threading.Thread(target=target, name="tfmetric-serving", daemon=True)
        thread.start()

        def stop():
            end()
            thread.join(3 * _GRACE)

        self._ends.callback(stop)
        return thread


def _listen(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Name the protocol, so that asyncio sends at once; otherwise half of an answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # On other systems this option lets two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
        return listener
    except OSError as error:
        listener.close()
        raise OSError(
            expected(
                f"an address that can be listened at ({error.strerror}); choose another port",
                host=host,
                port=port,
            )
        ) from error
