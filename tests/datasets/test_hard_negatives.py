import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric import datasets
from tfmetric.datasets.links import mining_in_blocks, nearest_unlinked


def _side(x, ids=None):
    return datasets.from_arrays(np.asarray(x, "float32"), np.arange(len(x)) if ids is None else ids)


def _random(queries=30, candidates=50, links=60, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    sides = [rng.normal(size=(n, dim)).astype("float32") for n in (queries, candidates)]
    codes = rng.choice(queries * candidates, links, replace=False)
    pairs = np.stack(np.divmod(codes, candidates), axis=1)
    return datasets.Relation(*map(_side, sides), pairs[10:], seen=pairs[:10]), sides


def _oracle(relation, x, y, number, ranks, rules, distance="cosine"):
    """Sets of the unlinked candidates by loops, in float64."""
    x, y = (np.asarray(z, "float64") for z in (x, y))
    if distance == "cosine":
        x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    known = {tuple(link) for link in np.concatenate([relation.links, relation.seen]).tolist()}
    found = []
    for left, right in relation.links.tolist():
        free = [j for j in range(len(y)) if (left, j) not in known]
        ranked = sorted(free, key=lambda j: (-(x[left] @ y[j]), j))[ranks[0] : ranks[1]]
        positive = x[left] @ y[right]
        bounds = [
            positive - rules.get("absolute_margin", -np.inf),
            positive - rules["relative_margin"] * abs(positive)
            if "relative_margin" in rules
            else np.inf,
            rules.get("max_score", np.inf),
        ]
        low = rules.get("min_score", -np.inf)
        kept = [j for j in ranked if low <= x[left] @ y[j] <= min(bounds)][:number]
        found.append(kept + [-1] * (number - len(kept)))
    return np.array(found)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(mining_in_blocks, "_BLOCK", 7)
    monkeypatch.setattr(nearest_unlinked, "TILE", 9)


@pytest.mark.filterwarnings("ignore:.*links have fewer")
@pytest.mark.parametrize("distance", ["cosine", "inner_product"])
@pytest.mark.parametrize(
    ("ranks", "rules"),
    [
        ((0, 3), {}),
        ((4, 20), {}),
        ((0, 100), {"absolute_margin": 0.3}),
        ((2, 12), {"relative_margin": 0.2}),
        ((0, 30), {"max_score": 0.5, "min_score": -0.1}),
    ],
)
def test_equals_brute_force(distance, ranks, rules):
    relation, (x, y) = _random()
    found = datasets.mine_hard_negatives(
        relation, (x, y), number=3, ranks=ranks, distance=distance, **rules
    )
    expected = _oracle(relation, x, y, 3, ranks, rules, distance)
    np.testing.assert_array_equal(found.places, expected)
    if distance == "cosine":
        x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    own = np.einsum("md,md->m", x[relation.links[:, 0]], y[relation.links[:, 1]])
    np.testing.assert_allclose(found.positive_scores, own, atol=1e-5)
    there = expected >= 0
    theirs = np.einsum("md,mhd->mh", x[relation.links[:, 0]], y[expected])
    np.testing.assert_allclose(found.scores[there], theirs[there], atol=1e-5)
    assert np.isnan(found.scores[~there]).all()
    assert found.num_short == (~there).any(axis=1).sum()


def test_go_straight_into_batches():
    relation, sides = _random()
    with pytest.warns(UserWarning, match="of 50 links have fewer than 2 hard negatives"):
        found = datasets.mine_hard_negatives(relation, sides, number=2, max_score=-0.6)
    assert 0 < len(found.relation) == len(found.negatives) == 50 - found.num_short
    known = {tuple(link) for link in np.concatenate([relation.links, relation.seen]).tolist()}
    for (left, *_), negatives in zip(found.relation.links.tolist(), found.negatives, strict=True):
        assert not {(left, int(place)) for place in negatives} & known
    (_, _, first, second), ids = next(iter(found.relation.batches(8, negatives=found.negatives)))
    assert len(first) == len(second) == len(ids)
    assert ids.shape[1] == 3


def test_random_sampling_follows_the_seed_within_the_bounds():
    relation, (x, y) = _random()
    found = [
        datasets.mine_hard_negatives(
            relation, (x, y), number=2, ranks=(3, 15), sampling="random", seed=seed
        ).places
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    allowed = _oracle(relation, x, y, 12, (3, 15), {})
    for some, row in zip(found[0], allowed, strict=True):
        assert len(set(some)) == 2
        assert set(some) <= set(row)


def test_candidates_of_a_linked_id_are_no_negatives():
    # Candidates 0 and 3 are two pictures of one thing.
    x = np.eye(4, dtype="float32")
    relation = datasets.Relation(_side(x[:1]), _side(x, [5, 6, 7, 5]), [[0, 0]])
    found = datasets.mine_hard_negatives(relation, (x[3:], x), number=2, ranks=(0, 2))
    assert set(found.places[0]) == {1, 2}


def test_labeled_data_has_the_other_classes_as_candidates():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 3)).astype("float32"), rng.integers(0, 5, 40)
    data = datasets.from_arrays(x, labels)
    found = datasets.mine_hard_negatives(data, (x, x), number=3, ranks=(0, 3))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    scores = np.where(labels[:, None] == labels, -np.inf, unit @ unit.T)
    left, right = found.relation.links.T
    assert (labels[left] == labels[right]).all()
    assert (left != right).all()
    np.testing.assert_array_equal(found.places, np.argsort(-scores, axis=1)[left, :3])


def test_equal_candidates_keep_their_order():
    x = np.ones((1, 2), "float32")
    y = np.repeat(np.array([[1.0, 0.0], [1.0, 1.0]], "float32"), 20, axis=0)
    relation = datasets.Relation(_side(x), _side(y), [[0, 25]])
    found = datasets.mine_hard_negatives(relation, (x, y), number=30, ranks=(0, 39))
    assert found.places[0].tolist() == [*range(20, 25), *range(26, 40), *range(11)]
    # Candidates equal to the positive are within a margin of 0.
    again = datasets.mine_hard_negatives(
        relation, (x, y), number=19, ranks=(0, 39), absolute_margin=0.0
    )
    assert again.num_short == 0


def test_rescores_the_considered_candidates_and_the_positive():
    relation, (x, y) = _random()
    calls = []

    def rescore(left, right):
        calls.append(len(left))
        return -np.abs(left - right).sum(axis=1)

    with pytest.warns(UserWarning, match="hard negatives"):
        found = datasets.mine_hard_negatives(
            relation, (x, y), number=2, ranks=(1, 9), rescore=rescore, absolute_margin=0.5
        )
    considered = _oracle(relation, x, y, 8, (1, 9), {})
    for (left, right), places, row in zip(relation.links, found.places, considered, strict=True):
        score = {j: -np.abs(x[left] - y[j]).sum() for j in row}
        bound = -np.abs(x[left] - y[right]).sum() - 0.5
        kept = sorted((j for j in row if score[j] <= bound), key=lambda j: -score[j])[:2]
        assert places.tolist() == kept + [-1] * (2 - len(kept))
    assert max(calls) <= 7
    assert sum(calls) == 9 * len(relation)


def _two_tower():
    keras.utils.set_random_seed(0)
    make = tm.models.embedder
    return tm.models.two_tower(make((6,), embedding_dim=4), make((6,), embedding_dim=4))


def test_models_embed_both_sides(tmp_path):
    relation, _ = _random()
    model = _two_tower()
    model.compile("adam", loss=tm.losses.InBatchSoftmaxLoss(similarity="inner_product"))
    arrays = [
        np.asarray(model.query(relation.left.read())),
        np.asarray(model.candidate(relation.right.read())),
    ]
    expected = datasets.mine_hard_negatives(relation, arrays, number=4, distance="inner_product")
    for embedder, directory in ((model, None), (model, tmp_path), ((model.query, arrays[1]), None)):
        more = {} if embedder is model else {"distance": "inner_product"}
        found = datasets.mine_hard_negatives(
            relation, embedder, number=4, directory=directory, **more
        )
        np.testing.assert_array_equal(found.places, expected.places)
    assert (tmp_path / "candidates.npy").exists()


def test_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    relation, sides = _random()
    whole = datasets.mine_hard_negatives(relation, sides, number=2, sampling="random")
    first = datasets.mine_hard_negatives(
        relation, sides, number=2, sampling="random", directory=tmp_path
    )
    shards = sorted(tmp_path.glob("negatives-*.npz"))
    shards[1].unlink()
    written = {path: path.stat().st_mtime_ns for path in shards[:1] + shards[2:]}
    again = datasets.mine_hard_negatives(
        relation, sides, number=2, sampling="random", directory=tmp_path
    )
    for name in ("places", "scores", "positive_scores"):
        for found in (first, again):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert written == {path: path.stat().st_mtime_ns for path in written}
    assert shards[1].exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": 3}, "the same settings as in the earlier mining"),
        ({"embedder": None}, "the same embedder"),
        ({"data": None}, "the same links"),
    ],
)
def test_refuses_a_directory_of_another_mining(tmp_path, change, words):
    relation, sides = _random()
    datasets.mine_hard_negatives(relation, sides, number=2, directory=tmp_path)
    given = {"data": relation, "embedder": sides, "number": 2, **change}
    if given["embedder"] is None:
        given["embedder"] = (sides[0], sides[1] + np.float32(1e-3))
    if given["data"] is None:
        given["data"] = relation.subset(np.arange(20))
    with pytest.raises(ValueError, match=words):
        datasets.mine_hard_negatives(**given, directory=tmp_path)


def test_refuses_a_directory_with_other_files(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    relation, sides = _random()
    with pytest.raises(ValueError, match=r"an empty directory.*thesis\.txt"):
        datasets.mine_hard_negatives(relation, sides, directory=tmp_path)


@pytest.mark.slow
def test_loses_no_link_after_kill_9(tmp_path):
    code = """
        import os, signal, sys
        import numpy as np
        from tfmetric import datasets
        from tfmetric.datasets.links import mining_in_blocks
        mining_in_blocks._BLOCK = 7
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 4)).astype("float32")
        side = datasets.from_arrays(x, np.arange(60))
        relation = datasets.Relation(side, side, [[i, (i + 1) % 60] for i in range(60)])
        if sys.argv[2] == "kill":
            real = mining_in_blocks.nearest_unlinked
            calls = []
            def killed(*args, **kwargs):
                calls.append(1)
                if len(calls) == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)
            mining_in_blocks.nearest_unlinked = killed
        found = datasets.mine_hard_negatives(relation, (x, x), number=3, directory=sys.argv[1])
        print(found.places.tolist())
    """
    run = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a")]
    stopped = subprocess.run([*run, "kill"], env=dict(os.environ))
    assert stopped.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "a").glob("negatives-*.npz"))) == 3
    done = subprocess.run([*run, "on"], capture_output=True, text=True, check=True)
    run[-1] = str(tmp_path / "b")
    fresh = subprocess.run([*run, "on"], capture_output=True, text=True, check=True)
    assert done.stdout == fresh.stdout


_X = np.eye(3, dtype="float32")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"number": 0}, "number as a positive integer"),
        ({"ranks": (2, 2)}, "ranks as two whole numbers"),
        ({"ranks": (-1, 2)}, "ranks as two whole numbers"),
        ({"ranks": (0, 1.5)}, "ranks as two whole numbers"),
        ({"number": 5, "ranks": (0, 4)}, "the second greater by 5"),
        ({"absolute_margin": -0.1}, "absolute_margin of at least 0"),
        ({"max_score": np.nan}, "max_score as a finite number"),
        ({"relative_margin": "a"}, "relative_margin as a finite number"),
        ({"sampling": "best"}, "sampling as one of 'top', 'random'"),
        ({"distance": "euclidean"}, "distance as one of 'cosine', 'inner_product'"),
        ({"embedder": (_X, _X[:2])}, r"embeddings \(3, D\) of the right"),
        ({"embedder": (_X, _X[:, :2])}, "embeddings of one width"),
        ({"embedder": (_X,)}, "a pair of them"),
        (
            {"embedder": (_X, _X * [[1], [np.nan], [1]])},
            "finite embeddings of the candidates. Received: row=1",
        ),
        ({"embedder": (_X + np.inf, _X)}, "finite embeddings of the queries. Received: row=0"),
        ({"rescore": lambda left, right: np.zeros(1)}, "rescore to return"),
        ({"data": datasets.from_arrays(_X, [0, 1, 2])}, "one of them with two examples"),
        ({"data": datasets.from_arrays(_X, [0, 0, 0])}, "two classes or more"),
    ],
)
def test_refuses_wrong_input(wrong, words):
    relation = datasets.Relation(_side(_X), _side(_X), [[0, 0], [1, 1]])
    given = {"data": relation, "embedder": (_X, _X), "ranks": (0, 2), **wrong}
    with pytest.raises(ValueError, match=words):
        datasets.mine_hard_negatives(**given)


def test_refuses_other_data():
    with pytest.raises(TypeError, match="Relation or LabeledData"):
        datasets.mine_hard_negatives(_X, (_X, _X))
