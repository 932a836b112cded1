import json
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tfmetric import datasets, evaluation, models
from tfmetric.evaluation.comparison import baselines
from tfmetric.evaluation.comparison.result import Evaluation


@pytest.fixture(scope="module")
def model():
    return models.embedder((4, 4, 1), embedding_dim=3, filters=2)


def data(count=24, seed=0):
    x = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 1)).astype("uint8")
    return x, np.arange(count) % 5


def test_embed_keeps_the_order_in_batches(model):
    x, labels = data()
    np.testing.assert_allclose(
        evaluation.embed(model, (x, labels), batch_size=7), np.asarray(model(x)), atol=1e-6
    )
    with pytest.raises(ValueError, match="for a siamese or triplet"):
        evaluation.embed(
            keras.Sequential([keras.Input((4, 4, 1)), keras.layers.ReLU()]), (x, labels)
        )


def test_a_labelled_data_object_and_arrays_give_the_same(model):
    x, labels = data()
    one = evaluation.evaluate(model, datasets.from_arrays(x, labels)).to_dict()
    two = evaluation.evaluate(model, (x, labels)).to_dict()
    assert one == two


def test_no_examples_give_no_embeddings(model):
    none = datasets.from_arrays(*data()).subset([])
    for empty in (none, data()[0][:0], (data()[0][:0], [])):
        found = evaluation.embed(model, empty)
        assert found.shape == (0, 3)
        assert found.dtype == "float32"


def test_both_baselines_stand_beside_the_figures(model):
    x, labels = data()
    # The model was made with the seed 0.
    result = evaluation.evaluate(model, (x, labels), ks=(1, 3), seed=1)
    raw = evaluation.retrieval(x.reshape(24, -1).astype("float64"), labels, ks=(1, 3))
    assert result.raw.figures() == raw.figures()
    assert result.recall_at == result.retrieval.recall_at
    assert result.map_at_r == result.retrieval.map_at_r
    assert result.untrained.figures() != result.retrieval.figures()
    for word in ("raw inputs", "untrained", "learned", "recall@1", "inference mode"):
        assert word in result.summary()
    assert json.loads(result.to_json())["raw"]["map_at_r"] == raw.map_at_r
    assert evaluation.evaluate(model, (x, labels), baselines=False).raw is None


def test_the_untrained_figures_depend_on_the_seed_only(model):
    x, labels = data()
    keras.utils.set_random_seed(1)
    random.seed(5)
    one = evaluation.evaluate(model, (x, labels), seed=3)
    following = random.random()
    random.seed(5)
    assert following == random.random()  # The caller's own random numbers are left alone.
    np.random.random()
    two = evaluation.evaluate(model, (x, labels), seed=3)
    assert one.untrained.figures() == two.untrained.figures()


def test_a_model_worse_than_its_inputs_is_said_to_be():
    labels = np.repeat(np.arange(6), 4)
    x = (np.eye(6)[labels] * 100 + np.arange(24)[:, None] / 100).astype("float32")
    collapsed = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    collapsed.set_weights([np.zeros((6, 2)), np.zeros(2)])
    result = evaluation.evaluate(collapsed, (x, labels))
    assert "WORSE than the raw inputs: recall@1 0.000 against 1.000" in result.summary()
    assert "WORSE than the untrained embedder" in result.verdict()
    identity = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6, use_bias=False)])
    identity.set_weights([np.eye(6)])
    assert "no clear gain over the raw" in evaluation.evaluate(identity, (x, labels)).verdict()


def test_large_raw_inputs_are_sampled_or_left_out_with_a_reason(model, monkeypatch):
    x, labels = data(150)
    monkeypatch.setattr(baselines, "MOST_PRODUCTS", 1)
    result = evaluation.evaluate(model, (x, labels))
    assert result.raw.num_queries == 100
    assert result.raw.num_gallery == 150
    assert "random sample of 100 queries" in result.summary()
    monkeypatch.setattr(baselines, "MOST_BYTES", 10)
    result = evaluation.evaluate(model, (x, labels))
    assert result.raw is None
    assert "GiB of memory" in result.summary()


def test_a_model_that_cannot_be_cloned_goes_without_that_baseline():
    class Odd(keras.Model):
        def __init__(self, width):
            super().__init__()
            self.dense = keras.layers.Dense(width)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            raise NotImplementedError("no config here")

    x = np.random.default_rng(0).normal(size=(8, 3))
    result = evaluation.evaluate(Odd(2), (x, np.arange(8) % 2))
    assert result.untrained is None
    assert "cannot be cloned" in result.summary()


def test_data_without_labels_is_an_error(model):
    with pytest.raises(ValueError, match=r"LabeledData or a pair \(inputs, labels\)"):
        evaluation.evaluate(model, data()[0])
    with pytest.raises(ValueError, match="labels of shape"):
        evaluation.evaluate(model, (data()[0], [1, 2]))


def made(map_at_r, recall=None, queries=None, classes=20):
    """A result with given values of the queries, for verdicts."""
    map_at_r = np.asarray(map_at_r, float)
    values = {"map_at_r": map_at_r, "recall_at_1": map_at_r if recall is None else recall}
    query = np.arange(len(map_at_r)) if queries is None else np.asarray(queries)
    return SimpleNamespace(
        ks=(1,),
        num_queries=len(query),
        per_query=SimpleNamespace(query=query),
        query_classes=query % classes,
        values=values.__getitem__,
        recall_at={1: float(np.mean(values["recall_at_1"]))},
        map_at_r=float(map_at_r.mean()),
    )


BASE = np.random.default_rng(0).uniform(0.2, 0.8, 400)


@pytest.mark.parametrize(
    ("learned", "recall", "word"),
    [
        (BASE + 0.02, None, "better than"),
        (BASE - 0.02, None, "WORSE than"),
        (BASE - 0.02, BASE + 0.1, "WORSE than"),
        (BASE + 0.02, BASE - 0.1, "no clear gain over"),
        (BASE + np.random.default_rng(1).normal(0, 0.5, 400), None, "no clear gain over"),
        (BASE, None, "no clear gain over"),
    ],
)
def test_the_verdict_goes_by_the_paired_interval_of_map_at_r(learned, recall, word):
    verdict = Evaluation(made(learned, recall), raw=made(BASE)).verdict()
    assert f"embedding is {word} the raw inputs: recall@1" in verdict
    assert "95 % interval of the difference" in verdict
    assert "too narrow" not in verdict


def test_a_baseline_on_a_sample_is_compared_on_the_same_queries():
    chosen = np.arange(0, 400, 7)
    verdict = Evaluation(made(BASE + 0.02), raw=made(BASE[chosen], queries=chosen)).verdict()
    assert "difference +0.020 to +0.020" in verdict


def test_few_classes_are_said_to_be_few_and_only_then():
    few = Evaluation(made(BASE + 0.02, classes=4), raw=made(BASE, classes=4)).verdict()
    assert "With 4 classes the intervals are too narrow" in few


def test_the_model_s_figures_have_intervals_and_groups():
    x, labels = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 3
    result = evaluation.evaluate(models.embedder((3,)), (x, labels), ks=1, baselines=False)
    assert result.figures() == result.retrieval.figures()
    assert result.interval("mrr") == result.retrieval.interval("mrr")
    groups = np.array(["a", "b"])[labels % 2]
    assert result.by_group(groups, "mrr", small=1) == result.retrieval.by_group(
        groups, "mrr", small=1
    )
