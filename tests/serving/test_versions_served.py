"""New versions take over, old ones go, and no request fails meanwhile."""

import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.served import Connection, new_version, until

from tfmetric import export, models
from tfmetric.serving import Server
from tfmetric.serving.refusals import Refused
from tfmetric.serving.registry import Registry

for package in ("uvicorn", "grpc", "tensorflow_serving.apis"):
    pytest.importorskip(package, reason="needs the extra serve")

X = np.zeros((1, 4), np.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model that loads in no time."""
    directory = tmp_path_factory.mktemp("small") / "glyphs"
    export.save(models.embedder((4,), embedding_dim=2), directory)
    return directory


@pytest.fixture
def directory(small, tmp_path):
    shutil.copytree(small, tmp_path / "models" / "glyphs")
    return tmp_path / "models" / "glyphs"


@pytest.fixture
def registry(directory):
    made = Registry(directory.parent)
    made.poll()
    yield made
    made.close()


def states(registry):
    return {version: state.name for version, state in registry.states("glyphs").items()}


def empty_graph(path):
    (path / "saved_model.pb").write_bytes(b"")


def short_variables(path):
    (data,) = (path / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:100])


def bad_warmup(path):
    (path / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"nonsense" * 20)


def test_a_version_in_use_stays_open(registry, directory):
    with registry.use("glyphs") as old:
        new_version(directory, 2)
        registry.poll()
        assert registry.models() == {"glyphs": [2]}
        assert states(registry) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert old.predict("embed", {"inputs": X})["embedding"].shape == (1, 2)
        with registry.use("glyphs") as new:
            assert new.version == 2
        with pytest.raises(Refused, match=r"Specific\(glyphs, 1\)"), registry.use("glyphs", 1):
            pass
    assert states(registry) == {2: "AVAILABLE", 1: "END"}
    # A version that is taken back: the one before it is served again.
    shutil.rmtree(directory / "2")
    registry.poll()
    assert states(registry) == {2: "END", 1: "AVAILABLE"}
    shutil.rmtree(directory)
    registry.poll()
    assert registry.models() == {}


def test_the_last_of_several_users_closes_a_version(registry, directory):
    first, second = registry.use("glyphs"), registry.use("glyphs")
    with second as old:
        with first:
            new_version(directory, 2)
            registry.poll()
        assert states(registry) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert old.predict("embed", {"inputs": X})["embedding"].shape == (1, 2)
    assert states(registry) == {2: "AVAILABLE", 1: "END"}


@pytest.mark.parametrize("break_it", [empty_graph, short_variables, bad_warmup, shutil.rmtree])
def test_a_broken_version_leaves_the_old_one(registry, directory, caplog, break_it):
    def broken(path):
        break_it(path)
        path.mkdir(exist_ok=True)

    new_version(directory, 3, broken)
    with caplog.at_level(logging.INFO, "tfmetric.serving"):
        registry.poll()
        registry.poll()
    (record,) = caplog.records  # Said once, not at each look.
    assert "glyphs/3 cannot be served" in record.getMessage()
    assert "version 1 goes on" in record.getMessage()
    assert registry.models() == {"glyphs": [1]}
    broken_state = registry.states("glyphs")[3]
    assert (broken_state.name, bool(broken_state.code)) == ("END", True)
    assert broken_state.message
    assert "execution error" not in broken_state.message  # What Python says, not why.


def test_a_version_that_is_mended_is_served(registry, directory):
    new_version(directory, 2, empty_graph)
    registry.poll()
    assert states(registry) == {2: "END", 1: "AVAILABLE"}
    shutil.copy(directory / "1" / "saved_model.pb", directory / "2" / "saved_model.pb")
    registry.poll()
    assert states(registry) == {2: "AVAILABLE", 1: "END"}


def test_a_name_that_no_url_can_hold_is_said_and_not_served(tmp_path, directory, caplog):
    """One rule for saving, serving and deployment."""
    for name in ("my glyphs", "größe", "a%20b", "-first"):
        shutil.copytree(directory, directory.parent / name)
        with pytest.raises(ValueError, match="part of a URL: rename it"):
            export.save(models.embedder((4,), embedding_dim=2), tmp_path / name)
        assert not (tmp_path / name).exists()
        with pytest.raises(ValueError, match="part of a URL: rename it"):
            Registry(directory.parent / name)
        with pytest.raises(ValueError, match="part of a URL: rename it"):
            export.serve_config(directory.parent / name, tmp_path / "deployment")
    registry = Registry(directory.parent)
    registry.poll()
    assert list(registry.models()) == ["glyphs"]
    said = [line for line in caplog.messages if "is not served" in line]
    assert len(said) == 4
    assert any("'my glyphs'" in line for line in said)
    registry.close()


def test_what_is_served_of_a_directory(tmp_path, directory):
    alone = Registry(directory)
    alone.poll()
    assert alone.models() == {"glyphs": [1]}
    alone.close()
    new_version(directory, 2)
    shutil.copytree(directory, directory.parent / "other")
    (directory.parent / "notes").mkdir()
    both = Registry(directory.parent, num_versions=2)
    both.poll()
    assert both.models() == {"glyphs": [1, 2], "other": [1, 2]}
    with both.use("glyphs", 1) as loaded:
        assert loaded.version == 1
    both.close()
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "no"):
        with pytest.raises(FileNotFoundError, match="Expected the directory of a model"):
            Registry(nothing)


def test_no_request_fails_while_versions_change(directory):
    over = threading.Event()
    body = {"signature_name": "embed", "inputs": X.tolist()}

    def client(url):
        connection, answered = Connection(url), 0
        while not over.is_set():
            status, found = connection.predict(body)
            assert status == 200, found
            answered += 1
        connection.close()
        return answered

    with (
        Server(directory, port=0, grpc_port=0, poll_seconds=0.05) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        running = [pool.submit(client, server.rest_url) for _ in range(4)]
        try:
            for number in (2, 3, 4):
                new_version(directory, number, empty_graph if number == 3 else None)
                if number != 3:
                    until(lambda n=number: server.registry.models() == {"glyphs": [n]}, 60)
                else:
                    until(lambda: states(server.registry).get(3) == "END", 60)
            until(lambda: states(server.registry)[2] == "END", 60)
        finally:
            over.set()
        assert all(one.result(timeout=30) > 0 for one in running)


def test_ports_and_models_that_cannot_be_had(directory, server):
    port = int(server.rest_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=r"listened at .* Received: .*port="):
        Server(directory, port=port, grpc_port=0).start()
    port = int(server.grpc_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="a free port for gRPC"):
        Server(directory, port=0, grpc_port=port).start()
    empty_graph(directory / "1")
    with pytest.raises(ValueError, match="at least one version that loads"):
        Server(directory, port=0, grpc_port=0).start()
