"""A model of two towers by the server and the client, beside the same version in process."""

import keras
import numpy as np
import pytest
from support.exported import images
from support.served import pngs

import tfmetric as tm
from tfmetric.serving import Client, RequestError

COUNT = 12
IDS = np.array([f"é{i}" for i in range(COUNT)])
USERS = {"user": np.arange(5), "age": np.linspace(0, 1, 5, dtype="float32")[:, None]}
PICTURES = images(COUNT).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Users by an id and an age, and pictures in arrays and in files."""
    user, age = keras.Input((), name="user", dtype="int32"), keras.Input((1,), name="age")
    features = keras.layers.concatenate([keras.layers.Embedding(9, 3)(user), age])
    query = keras.Model({"user": user, "age": age}, keras.layers.Dense(4)(features))
    candidate = tm.models.embedder((8, 8, 1), embedding_dim=4, filters=2)
    model = tm.models.two_tower(query, candidate)
    path = tmp_path_factory.mktemp("served") / "towers"
    kinds = {"candidate": ("tensor", "image_bytes")}
    tm.export.save(model, path, gallery=PICTURES, ids=IDS, inputs=kinds, exclude=4)
    return path


@pytest.fixture(scope="module")
def urls(folder):
    for package in ("uvicorn", "grpc", "tensorflow_serving.apis"):
        pytest.importorskip(package, reason="needs the extra serve")
    from tfmetric.serving import Server

    with Server(folder, port=0, grpc_port=0, poll_seconds=60) as server:
        yield {"http": server.rest_url, "grpc": server.grpc_url}


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_client_is_answered_as_in_process(folder, urls, scheme):
    served, seen = tm.export.load(folder), [[], ["é1"], ["é2", "é3"], ["nobody"], IDS[:4]]
    with Client(urls[scheme], "towers", retries=0, batch_size=2) as client:
        for found, wanted in (
            (client.embed_query(USERS), served.embed_query(USERS)),
            (client.embed_candidate(PICTURES), served.embed_candidate(PICTURES)),
            (client.embed_candidate(pngs(COUNT)), served.embed_candidate(PICTURES)),
            (client.verify(USERS, PICTURES[:5]).distances, served.verify(USERS, PICTURES[:5])),
            (client.verify(USERS, pngs(5)).distances, served.verify(USERS, PICTURES[:5])),
        ):
            np.testing.assert_allclose(found, getattr(wanted, "distances", wanted), atol=1e-5)
        for found, wanted in (
            (client.search(USERS, 3), served.search(USERS, 3)),
            (client.search(USERS, 3, exclude=seen), served.search(USERS, 3, exclude=seen)),
            (client.similar(PICTURES, 3), served.similar(PICTURES, 3)),
            (client.similar(pngs(COUNT), 3, exclude=IDS), served.similar(PICTURES, 3, IDS)),
        ):
            assert found.ids.tolist() == wanted.ids.tolist()
            np.testing.assert_allclose(found.distances, wanted.distances, atol=1e-5)
        with pytest.raises(RequestError, match="at most 4 ids to exclude in a row"):
            client.search(USERS, exclude=np.tile(IDS[:5], (5, 1)))
        with pytest.raises(ValueError, match="embed_query or embed_candidate"):
            client.embed(PICTURES)
