"""Each kind of example through the rooms that a script uses; one model is trained for each kind."""

import keras
import numpy as np
import pytest
from support import every_kind as kinds

import tfmetric as tm
from tfmetric.datasets.modalities import MODALITIES

KINDS = [kind for kind in kinds.KINDS if kind in MODALITIES]


class Made:
    """The data of a kind, and an embedder that was trained on it by plain `fit`."""

    def __init__(self, kind):
        self.kind, self.tiny = kind, kinds.tiny(kind)
        given = (self.tiny.values, kinds.NAMES[kinds.LABELS])
        self.train, self.test = tm.datasets.load(given, **self.tiny.options)
        keras.utils.set_random_seed(0)
        self.model = tm.models.embedder(self.train.element, embedding_dim=8)
        tm.models.adapt(self.model, self.train)
        self.model.compile("adam", tm.losses.TripletLoss(distance="cosine"), run_eagerly=True)
        self.judge = tm.callbacks.RetrievalEvaluation(self.test, ks=(1,))
        batches = tm.datasets.balanced_batches(self.train, 4, 3, batches_per_epoch=2)
        fitted = self.model.fit(batches, verbose=0, shuffle=False, callbacks=[self.judge])
        self.history = fitted.history
        self.embeddings = tm.evaluation.embed(self.model, self.test)


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    return Made(request.param)


def test_every_registered_kind_has_an_example():
    missing = set(MODALITIES) - set(kinds.KINDS)
    assert not missing, f"give tests/support/every_kind.py a tiny data set of {sorted(missing)}"


def test_plain_fit_and_its_callback(made):
    assert np.isfinite(made.history["loss"]).all()
    assert 0 <= made.history["val_recall_at_1"][0] <= 1
    assert made.embeddings.shape == (len(made.test), 8)
    assert np.isfinite(made.embeddings).all()


def test_an_embedding_depends_on_its_example_alone(made):
    for rows in ([3], [1, 0]):
        alone = tm.evaluation.embed(made.model, made.test.subset(rows))
        np.testing.assert_allclose(alone, made.embeddings[rows], rtol=1e-4, atol=1e-5)


def test_evaluate_beside_its_fair_baseline(made):
    result = tm.evaluation.evaluate(made.model, made.test, ks=(1,), progress=False)
    plain = tm.evaluation.retrieval(
        made.embeddings, made.test.labels, distance="cosine", ks=(1,), progress=False
    )
    assert result.recall_at[1] == pytest.approx(plain.recall_at[1])
    # The classes of each example can be told apart without learning anything.
    assert result.raw.recall_at[1] > 0.6
    assert result.raw_title == tm.evaluation.comparison.baselines.BY_KIND[made.kind].title
    assert result.untrained is not None
    assert not result.notes


def test_evaluate_in_a_gallery(made):
    rows = np.arange(len(made.test))
    queries, gallery = made.test.subset(rows % 3 == 0), made.test.subset(rows % 3 != 0)
    result = tm.evaluation.evaluate(made.model, queries, gallery=gallery, ks=(1,), progress=False)
    found = result.to_dict()
    assert (found["num_queries"], found["num_gallery"]) == (len(queries), len(gallery))
    assert result.raw_knn.accuracy > 0.6
    assert {result.knn.num_queries, result.untrained_knn.num_queries} == {len(queries)}


def test_a_sheet_shows_it(made):
    labels = np.unique(made.test.labels)[:2]
    rows = [np.flatnonzero(made.test.labels == label)[:2] for label in labels]
    names = [made.test.class_names[label] for label in labels]
    figure = tm.visualization.sample_sheet(
        [tm.visualization.thumbnails(made.test.subset(each)) for each in rows], names
    )
    assert len(figure.axes) == 4


def test_what_is_no_number_is_refused_by_its_row(made, tmp_path):
    bad = kinds.poisoned(made.test.read())
    if bad is None:
        assert made.kind == "text"
        return
    good, labels = made.train.read(), np.asarray(made.test.labels)
    for call in (
        lambda: tm.evaluation.embed(made.model, bad),
        lambda: tm.evaluation.evaluate(made.model, (bad, labels), baselines=False),
        lambda: tm.evaluation.evaluate(
            made.model, (good, made.train.labels), gallery=(bad, labels), baselines=False
        ),
        lambda: tm.export.save(made.model, tmp_path / "bad", gallery=(bad, labels)),
    ):
        with pytest.raises(ValueError, match=r"without NaN or infinity.*row\w*=\[?1"):
            call()
