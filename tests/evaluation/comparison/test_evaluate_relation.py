"""Two towers are judged on links or grades, beside baselines of the same protocol."""

import json

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.evaluation import evaluate_relation, ranking, similarity

RNG = np.random.default_rng(0)
QUERIES, CANDIDATES = RNG.normal(size=(30, 6)), RNG.normal(size=(20, 6))
LINKS = np.stack([np.arange(30), np.arange(30) % 20], axis=1)


def relation(**columns):
    left, right = (
        tm.datasets.from_arrays(x.astype("float32"), np.arange(len(x)))
        for x in (QUERIES, CANDIDATES)
    )
    return tm.datasets.Relation(left, right, LINKS, **columns)


def linear():
    inputs = keras.Input((6,))
    return keras.Model(inputs, tm.layers.L2Normalization()(keras.layers.Dense(6)(inputs)))


def test_the_figures_are_those_of_the_embeddings():
    seen = np.array([[0, 3], [4, 7]])
    model = tm.models.two_tower(linear(), linear())
    found = evaluate_relation(model, relation(seen=seen), ks=(1, 5), reverse=True, progress=False)
    x, y = model.query.predict(QUERIES, verbose=0), model.candidate.predict(CANDIDATES, verbose=0)
    for got, want in (
        (found.learned, ranking(x, y, LINKS, exclude=seen, ks=(1, 5))),
        (found.reverse, ranking(y, x, LINKS[:, ::-1], ks=(1, 5))),
    ):
        assert got.figures() == pytest.approx(want.figures())
    plain = found.baselines["standardised columns"]
    assert plain.num_queries == found.learned.num_queries
    assert list(found.baselines) == [
        "the untrained towers",
        "standardised columns",
        "popularity",
        "item-kNN",
        "EASE",
    ]
    said = found.summary()
    for words in ("popularity", "From the right side", "The model is", "queries the intervals"):
        assert words in said
    assert json.loads(found.to_json())["baselines"]["EASE"]["num_excluded"] == 2


def test_training_links_teach_the_baselines_whoever_has_them():
    """Users of the training part alone count for popularity, and ids join the parts."""
    rows = {
        "user": ["a", "a", "a", "b", "b", "c", "c", "c", "d"],
        "item": ["x", "y", "z", "y", "z", "z", "y", "x", "z"],
        "time": [1, 2, 3, 1, 2, 1, 2, 3, 1],
    }
    train, test = tm.datasets.load_interactions(
        rows, user="user", item="item", time="time", split="leave_last"
    )
    assert len(test.left) == 3
    assert len(train.left) == 4
    model = tm.models.two_tower(
        *(tm.models.embedder(side.element, embedding_dim=4) for side in (train.left, train.right))
    )
    found = evaluate_relation(model, test, train=train, ks=1, progress=False)
    counts = dict(zip(test.right.class_names, found.learned.popularity.tolist(), strict=True))
    assert counts == {"x": 1, "y": 3, "z": 2}
    assert found.learned.cold.num_queries == 0
    # "d" has had z; a and c have had y, so the one item left of each is the most popular.
    assert found.baselines["popularity"].recall_at[1] == 1.0


def test_grades_are_followed_by_the_cosine():
    grades = relation(score=RNG.integers(0, 6, 30))
    keras.utils.set_random_seed(0)
    tower = linear()
    model = tm.models.two_tower(tower, tower)
    with pytest.raises(ValueError, match="a relation with scores"):
        evaluate_relation(model, relation(), graded=True)
    model.compile("adam", tm.losses.CoSENTLoss())
    found = evaluate_relation(model, grades, progress=False)
    x, y = tower.predict(QUERIES, verbose=0), tower.predict(CANDIDATES, verbose=0)
    cosines = (x[LINKS[:, 0]] * y[LINKS[:, 1]]).sum(axis=1)
    assert found.figures() == pytest.approx(similarity(cosines, grades.score).figures(), abs=1e-5)
    assert list(found.baselines) == ["the untrained towers", "standardised columns"]
    assert "The model is" in found.verdict()
    assert "the untrained towers: Spearman" in found.verdict()
    model.compile("adam", tm.losses.InBatchSoftmaxLoss())
    assert evaluate_relation(model, grades, baselines=False).learned.num_queries == 30
    with pytest.raises(ValueError, match="reverse with graded=False"):
        evaluate_relation(model, grades, graded=True, reverse=True)


def test_texts_have_tf_idf_beside_on_links_and_on_grades():
    words = ["red apple", "green pear", "blue plum", "black cherry"]
    rows = {"left": [f"a {w}" for w in words], "right": words, "score": [3, 1, 2, 0]}
    _, test = tm.datasets.load_pairs(rows, score="score", split="links", test_fraction=0.99)
    model = tm.models.embedder(test.left.element, embedding_dim=8)
    ranked = evaluate_relation(model, test, graded=False, ks=1, progress=False)
    assert ranked.baselines["TF-IDF of character 2-5-grams"].recall_at[1] == 1.0
    graded = evaluate_relation(model, test, graded=True, progress=False)
    assert "TF-IDF of character 2-5-grams" in graded.baselines


def test_evaluate_names_the_call_for_links():
    with pytest.raises(ValueError, match="evaluate_relation"):
        tm.evaluation.evaluate(linear(), relation())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model", relation()), "a model of two towers"),
        ((linear(), (QUERIES, LINKS)), "relation as a datasets.Relation"),
        ((linear(), relation(), "train"), "train as a datasets.Relation"),
    ],
)
def test_arguments_of_another_type_are_named(arguments, message):
    with pytest.raises(TypeError, match=message):
        evaluate_relation(*arguments[:2], train=None if len(arguments) < 3 else arguments[2])
