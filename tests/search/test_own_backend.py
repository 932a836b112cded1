"""An index from outside the package: one file, one registration."""

import numpy as np
import pytest

import tfmetric as tm

X = np.random.default_rng(0).normal(size=(30, 5)).astype("float32")


@tm.search.register("tests-loop")
class LoopIndex(tm.search.Index):
    """Searches by a plain loop; ids are integers."""

    def __init__(self, distance="euclidean", *, rounds: int = 1):
        super().__init__(tm.distances.get(distance))
        self.rounds = rounds
        self.rows: dict[int, np.ndarray] = {}

    @property
    def dim(self):
        return len(next(iter(self.rows.values()))) if self.rows else None

    @property
    def nbytes(self):
        return sum(row.nbytes for row in self.rows.values())

    @property
    def settings(self):
        return {"rounds": self.rounds}

    def __len__(self):
        return len(self.rows)

    def add(self, embeddings, ids):
        self.rows |= dict(zip(map(int, ids), np.asarray(embeddings, "float32"), strict=True))

    def remove(self, ids):
        for value in ids:
            del self.rows[int(value)]

    def query(self, embeddings, k=10):
        ids = np.array(list(self.rows))
        far = np.array(
            [
                [np.linalg.norm(q - row) for row in self.rows.values()]
                for q in np.asarray(embeddings)
            ]
        )
        order = np.argsort(far, axis=1, kind="stable")[:, :k]
        return tm.search.Neighbors(ids[order], np.take_along_axis(far, order, 1))

    def arrays(self):
        return {"ids": np.array(list(self.rows)), "vectors": np.array(list(self.rows.values()))}

    @classmethod
    def from_saved(cls, saved):
        index = cls(saved.distance, **saved.settings)
        index.add(saved.arrays["vectors"], saved.arrays["ids"])
        return index


@pytest.fixture
def index():
    made = LoopIndex(rounds=2)
    made.add(X, range(30))
    return made


def test_it_is_saved_loaded_and_measured_like_the_others(index, tmp_path):
    path = index.save(tmp_path / "own.npz")
    assert path == tmp_path / "own.npz"
    for loaded in (tm.search.load(path), LoopIndex.load(path), tm.search.Index.load(path)):
        assert type(loaded) is LoopIndex
        assert loaded.rounds == 2
        np.testing.assert_array_equal(loaded.query(X, 3).ids, index.query(X, 3).ids)
    exact = tm.search.ExactIndex()
    exact.add(X, range(30))
    result = tm.search.evaluate(index, X + 0.01, exact, k=5, progress=False)
    assert (result.recall, result.name) == (1.0, "loop")
    assert repr(index) == "LoopIndex('euclidean', count=30, dim=5, rounds=2)"
    with pytest.raises(ValueError, match=r"a file of ExactIndex.*holds='LoopIndex'"):
        tm.search.ExactIndex.load(path)


def test_a_file_of_an_index_that_nobody_registered_says_so(index, tmp_path):
    path = index.save(tmp_path / "own.npz")
    content = path.read_bytes().replace(b"tests-loop", b"tests-lost")
    (tmp_path / "lost.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"whole file|changed|registered class"):
        tm.search.load(tmp_path / "lost.npz")
    del tm.search.backends._classes["tests-loop"]
    try:
        with pytest.raises(ValueError, match=r"registered class: exact, faiss.*qdrant.*tests-loop"):
            tm.search.load(path)
    finally:
        tm.search.register("tests-loop")(LoopIndex)


def test_what_cannot_be_registered(tmp_path):
    with pytest.raises(ValueError, match=r"no other index has.*name='exact'.*ExactIndex"):
        tm.search.register("exact")(LoopIndex)
    for name in ("", "a b", "a/b", 3, "ä"):
        with pytest.raises(ValueError, match="letters, digits"):
            tm.search.register(name)
    with pytest.raises(TypeError, match=r"a subclass of Index with add.*missing=\['add'"):
        tm.search.register("tests-empty")(type("Empty", (), {}))

    class Unregistered(tm.search.ExactIndex):
        pass

    index = Unregistered()
    index.add(X, range(30))
    with pytest.raises(TypeError, match=r'@tfmetric.search.register\("a name"\) above class Unreg'):
        index.save(tmp_path / "never.npz")
    assert list(tmp_path.iterdir()) == []
