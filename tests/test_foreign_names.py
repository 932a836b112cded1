"""Names from other libraries are answered with calls that work."""

import re

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric import _foreign_names

ROOMS = ("losses", "metrics", "mining", "models", "datasets", "evaluation", "callbacks", "layers")


@pytest.fixture(scope="module")
def names():
    embeddings = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    labels = np.repeat(range(10), 4)
    data = tm.datasets.from_arrays(embeddings, labels)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    return {
        "tm": tm,
        "embeddings": embeddings,
        "labels": labels,
        "data": data,
        "model": model,
        "augment": keras.layers.GaussianNoise(0.1),
    }


@pytest.mark.parametrize("call", sorted({call for call, _ in _foreign_names.calls().values()}))
def test_every_call_of_the_table_runs(call, names):
    eval(call, names)


def test_no_name_of_the_table_is_a_name_of_ours():
    taken = {
        name
        for name in _foreign_names.calls()
        for room in (*ROOMS, "search", "export")
        if name in getattr(tm, room).__all__
    }
    assert taken == set()


@pytest.mark.parametrize(
    ("room", "name", "answer"),
    [
        ("", "miners", r"tm.losses.TripletLoss\(mining="),
        ("", "samplers", "tm.datasets.balanced_batches"),
        ("losses", "TripletSemiHardLoss", 'TripletLoss\\(1.0, mining="semi-hard", fallback="easy"'),
        ("losses", "TripletMarginLoss", r"TripletLoss\(0.05"),
        ("losses", "npairs_loss", "tm.losses.NPairsLoss"),
        ("losses", "proxy_anchor_loss", r"tm.losses.ProxyAnchorLoss in place of proxy_anchor_loss"),
        ("losses", "ArcfaceLoss", "tm.losses.ArcFaceLoss in place"),
        ("losses", "NTXent", "tm.losses.NTXentLoss"),
        ("losses", "CrossBatchMemory", "tm.models.CrossBatchMemory"),
        ("mining", "MultiSimilarityMiner", "MultiSimilarityLoss"),
        ("metrics", "RecallAtK", "BatchRecallAtOne.*evaluation.retrieval"),
        ("metrics", "PrecisionAtOne", "BatchRecallAtOne"),
        ("models", "SimilarityModel", r"tm.models.embedder\(\(28, 28, 1\)"),
        ("datasets", "MPerClassSampler", "balanced_batches.*tuple"),
        ("datasets", "MultiShotMemorySampler", "balanced_batches"),
        ("evaluation", "AccuracyCalculator", "tm.evaluation.retrieval"),
        ("layers", "MetricEmbedding", "L2Normalization"),
        ("search", "Neighbours", "tm.search.Neighbors"),
        ("callbacks", "EvalCallback", "RetrievalEvaluation"),
    ],
)
def test_a_room_answers(room, name, answer):
    owner = getattr(tm, room) if room else tm
    with pytest.raises(AttributeError, match=f"(?s)Expected .*{answer}.*Received: name='{name}'"):
        getattr(owner, name)
    assert not hasattr(owner, name)


@pytest.mark.parametrize("room", [*ROOMS, "search", "export"])
def test_other_names_are_missing_as_ever(room):
    owner = getattr(tm, room)
    with pytest.raises(AttributeError, match=re.escape("has no attribute 'nothing_like_it'")):
        owner.nothing_like_it  # noqa: B018
    assert not hasattr(owner, "__wrapped__")


def test_an_index_answers_the_methods_of_others():
    index = tm.search.ExactIndex()
    for name, call in (("search", "query"), ("lookup", "query"), ("fit", "add"), ("train", "add")):
        with pytest.raises(AttributeError, match=rf"index\.{call}\(embeddings"):
            getattr(index, name)
    with pytest.raises(AttributeError, match="'ExactIndex' object has no attribute 'other'"):
        index.other  # noqa: B018


def test_examples_and_labels_apart_are_answered_with_the_call():
    with pytest.raises(TypeError, match=r"balanced_batches\(\(x, labels\), 32, 4\)"):
        tm.datasets.balanced_batches(np.zeros((8, 3)), np.arange(8))
