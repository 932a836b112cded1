"""The client, by both protocols, against the version in this process."""

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from support.served import pngs, square

from tfmetric.serving import Client, RequestError, VersionStatus
from tfmetric.serving.errors import Unavailable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["rest_url", "grpc_url"])
def client(request, server):
    with Client(getattr(server, request.param), model="glyphs", retries=0, batch_size=4) as made:
        yield made


def close(found, wanted):
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_it_says_what_the_version_says(client, servable):
    x, y = square(10), square(10, seed=1)
    close(client.embed(x), servable.embed(x))
    close(client.embed(x.astype("uint8")), servable.embed(x))
    wanted = servable.search(y, k=3)
    embedding = servable.embed(y)
    for found in (client.search(y, k=3), client.search_embedding(embedding, k=3)):
        ids, distances = found
        assert ids.tolist() == wanted.ids.tolist()
        assert found.labels.tolist() == wanted.labels.tolist()
        close(distances, wanted.distances)
    assert client.search(y[:1], k=1000).ids.shape == (1, 40)
    wanted, found = servable.verify(x, y), client.verify(x, y)
    close(found.distances, wanted.distances)
    close(found.probabilities, wanted.probabilities)
    assert found.same.tolist() == wanted.same.tolist()
    wanted, found = servable.classify(x), client.classify(x)
    assert found.labels.tolist() == wanted.labels.tolist()
    assert found.known.tolist() == wanted.known.tolist()
    close(found.shares, wanted.shares)
    close(found.distances, wanted.distances)


def test_files_come_as_paths_or_bytes(client, servable, tmp_path):
    files = pngs(6)
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    wanted = servable.embed_bytes(files)
    for given in (files, paths, list(map(str, paths)), [*paths[:3], *files[3:]]):
        close(client.embed(given), wanted)
    close(client.embed(paths[2]), wanted[2:3])
    close(client.embed(files[2]), wanted[2:3])
    assert client.search(str(paths[0]), k=2).ids.shape == (1, 2)
    assert client.verify(files[0], paths[0]).same.tolist() == [True]
    with pytest.raises(FileNotFoundError, match=r"Expected a file that can be read .*no\.png"):
        client.embed(tmp_path / "no.png")


def test_nothing_is_answered_by_nothing(client):
    assert client.embed(np.zeros((0, 8, 8, 1))).shape == (0, 6)
    ids, distances = client.search(np.zeros((0, 8, 8, 1)))
    assert (len(ids), len(distances)) == (0, 0)


def test_status_and_metadata(client):
    assert client.status() == [VersionStatus(1, "AVAILABLE")]
    found = client.metadata()
    assert found["version"] == 1
    verify = found["signatures"]["verify"]
    assert verify["inputs"]["a"] == {"dtype": "float32", "shape": (None, 8, 8, 1)}
    assert verify["outputs"]["same"]["dtype"] == "bool"


def test_errors_say_what_is_wrong(client, server):
    def wrong(kind, message, call, *arguments, **options):
        with pytest.raises(kind, match=message):
            call(*arguments, **options)

    wrong(ValueError, r"shape \(B, 8, 8, 1\) \(for one example .* inputs_shape=\(8, 8, 1\)",
          client.embed, square(1)[0])  # fmt: skip
    wrong(ValueError, r"inputs_shape=\(2, 9\)", client.embed, np.zeros((2, 9)))
    wrong(ValueError, "array of numbers", client.embed, np.array([None]))
    wrong(ValueError, "as many a as b. Received: a=2, b=3", client.verify, square(2), square(3))
    for k in (0, True):
        wrong(ValueError, "k to be an integer above 0", client.search, square(1), k=k)
    wrong(RequestError, "INVALID_ARGUMENT", client.embed, [b"no image"])
    with pytest.raises(RequestError, match="a request within the limits") as info:
        Client(client.url, "glyphs", batch_size=5000).embed(square(5000))
    assert info.value.code == "RESOURCE_EXHAUSTED"
    with pytest.raises(RequestError, match=r"Expected a model and a version .*Latest\(no\)"):
        Client(client.url, "no").embed(square(1))
    with pytest.raises(RequestError, match="Could not find version 9"):
        Client(client.url, "glyphs", 9).status()


def test_arguments():
    for url in ("localhost:8501", "ftp://a", "http://"):
        with pytest.raises(ValueError, match="Expected a URL"):
            Client(url, "glyphs")
    for name, value in (("timeout", 0), ("retries", -1), ("batch_size", 0)):
        with pytest.raises(ValueError, match=f"Received: {name}="):
            Client("http://localhost", "glyphs", **{name: value})


def test_many_at_a_time(client, servable):
    x = square(8)
    wanted = servable.search(x, k=2).ids.tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.search(x, k=2).ids.tolist(), range(24)))
    assert all(ids == wanted for ids in found)


class _Away(BaseHTTPRequestHandler):
    """Answers 503 so often, and then what it should."""

    def do_GET(self):
        self.server.asked += 1
        away = self.server.asked <= self.server.away
        ok = {"version": "1", "state": "END", "status": {"error_code": "UNKNOWN"}}
        body = {"error": "starting"} if away else {"model_version_status": [ok]}
        data = json.dumps(body).encode()
        self.send_response(self.server.code if away else 200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def away():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Away)
    server.asked, server.away, server.code = 0, 2, 503
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_only_a_server_that_is_away_is_asked_again(away, monkeypatch):
    waits = []
    monkeypatch.setattr("tfmetric.serving.client.time.sleep", waits.append)
    url = f"http://127.0.0.1:{away.server_port}"
    with Client(url, "glyphs") as client:
        assert client.status() == [VersionStatus(1, "END", "UNKNOWN")]
        assert (away.asked, len(waits)) == (3, 2)
        assert waits[0] <= 0.1 < 2 * waits[1] <= 0.4
        away.asked, away.away = 0, 9
        with pytest.raises(ConnectionError, match=r"asked 4 times\). Received: error='starting'"):
            client.status()
        away.asked, away.code = 0, 500
        with pytest.raises(RequestError, match="INTERNAL"):
            client.status()
        assert away.asked == 1


def test_a_batch_is_asked_for_again_while_the_server_is_away(server, servable, monkeypatch):
    monkeypatch.setattr("tfmetric.serving.client.time.sleep", lambda seconds: None)
    with Client(server.rest_url, model="glyphs", retries=2, batch_size=4) as client:
        predict, asked = client._over.predict, []

        def shaky(name, inputs, outputs):
            asked.append(len(inputs["inputs"]))
            if len(asked) % 3:  # Away twice before each answer.
                raise Unavailable("starting")
            return predict(name, inputs, outputs)

        monkeypatch.setattr(client._over, "predict", shaky)
        close(client.embed(square(6)), servable.embed(square(6)))
        assert asked == [4, 4, 4, 2, 2, 2]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_nobody_there(scheme):
    client = Client(f"{scheme}://127.0.0.1:9", "glyphs", retries=1)  # The discard port.
    with client, pytest.raises(ConnectionError, match=r"a server at .* \(asked 2 times\)"):
        client.status()


def test_a_late_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}"
        client = Client(f"http://{url}", "glyphs", timeout=0.1)
        with client, pytest.raises(TimeoutError, match=r"in time\. Received: timeout=0\.1"):
            client.status()


def test_rest_takes_neither_keras_nor_tensorflow(server, tmp_path):
    code = f"""
import sys, types
for name in ("tensorflow", "keras", "grpc"):
    sys.modules[name] = None  # An import of it is an error.
package = types.ModuleType("tfmetric")
package.__path__ = [{str(ROOT / "tfmetric")!r}]
sys.modules["tfmetric"] = package  # Without what it imports at once, to register with Keras.
import numpy as np
from tfmetric.serving import Client
print(Client({server.rest_url!r}, "glyphs").embed(np.zeros((2, 8, 8, 1))).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("(2, 6)\n", "")
