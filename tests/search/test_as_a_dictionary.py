"""An index answers as a dictionary of vectors does, after any adding, removing, saving and loading.

Hypothesis writes the sequences of calls, and shortens one that fails.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis, of the extra test")
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tfmetric.search import ExactIndex, FaissIndex, load

DIM = 3
IDS = st.lists(st.integers(-3, 6), unique=True, max_size=5)
SEEDS = st.integers(0, 2**16)


class Calls(RuleBasedStateMachine):
    """The calls, on the index and on the dictionary."""

    def make(self):
        """The empty index."""
        return ExactIndex("euclidean")

    def __init__(self):
        super().__init__()
        self.index, self.held = self.make(), {}

    @rule(ids=IDS, seed=SEEDS)
    def add(self, ids, seed):
        new = [i for i in ids if i not in self.held]
        vectors = np.random.default_rng(seed).normal(size=(len(new), DIM)).astype("float32")
        self.index.add(vectors, new)
        self.held |= dict(zip(new, vectors.copy(), strict=True))
        # The caller uses the array again: the index holds a copy.
        vectors[:] = 77.0

    @rule(ids=IDS, seed=SEEDS)
    def remove(self, ids, seed):
        some = [i for i in ids if i in self.held]
        self.index.remove(some)
        for i in some:
            del self.held[i]

    @rule(ids=IDS)
    def an_unknown_id_removes_nothing(self, ids):
        if not set(ids) <= set(self.held):
            with pytest.raises(ValueError, match="ids that are in the index"):
                self.index.remove(ids)

    @rule(ids=IDS)
    def a_known_id_adds_nothing(self, ids):
        if set(ids) & set(self.held):
            with pytest.raises(ValueError, match="ids that are not in the index"):
                self.index.add(np.zeros((len(ids), DIM), "float32"), ids)

    @rule()
    def save_and_load(self):
        with tempfile.TemporaryDirectory() as folder:
            self.index = load(self.index.save(Path(folder) / "index"))

    @rule(some=st.tuples(IDS, IDS), k=st.integers(1, 9))
    def excluded_ids_are_left_out(self, some, k):
        queries = np.array([[0.5, -1.0, 0.25], [2.0, 0.0, 0.0]], "float32")
        found = self.index.query(queries, k, exclude=[list(ids) for ids in some])
        left = [[i for i in self.held if i not in ids] for ids in some]
        assert found.ids.shape == (2, min(k, *map(len, left)))
        for query, own, ids in zip(queries, left, found.ids.tolist(), strict=True):
            apart = {i: np.linalg.norm(query.astype(float) - self.held[i]) for i in own}
            assert ids == sorted(own, key=apart.get)[: len(ids)]

    @invariant()
    def it_answers_as_the_dictionary_does(self):
        assert len(self.index) == len(self.held)
        queries = np.array([[0.5, -1.0, 0.25], [2.0, 0.0, 0.0]], "float32")
        # More neighbors than there are embeddings.
        found = self.index.query(queries, k=len(self.held) + 4)
        assert found.ids.shape == (2, len(self.held))
        for query, ids, distances in zip(queries, found.ids.tolist(), found.distances, strict=True):
            wanted = {i: np.linalg.norm(query.astype(float) - x) for i, x in self.held.items()}
            assert sorted(ids) == sorted(wanted)
            np.testing.assert_allclose(distances, [wanted[i] for i in ids], rtol=1e-5)
            assert (np.diff(distances) >= 0).all()


class CallsOfFaiss(Calls):
    """The same calls on an index that empties places rather than moving rows up."""

    def make(self):
        """The empty index."""
        return FaissIndex("euclidean", kind="hnsw")


FEW = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_exact():
    test = Calls.TestCase()
    test.settings = FEW
    test.runTest()


def test_faiss():
    pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    test = CallsOfFaiss.TestCase()
    test.settings = FEW
    test.runTest()


def test_an_id_that_was_removed_and_added_again_is_there_after_a_file(tmp_path):
    pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    index = FaissIndex("euclidean", kind="hnsw")
    x = np.random.default_rng(0).normal(size=(20, DIM)).astype("float32")
    index.add(x, range(20))
    index.remove([3])
    index.add(-x[3:4], [3])
    loaded = load(index.save(tmp_path / "index"))
    assert loaded.query(-x[3:4], k=1).ids.tolist() == [[3]]
    loaded.remove([3])
    assert len(loaded) == 19
    assert 3 not in loaded.query(-x[3:4], k=30).ids
