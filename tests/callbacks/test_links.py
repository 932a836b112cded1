"""Two towers are judged during fit, on links or grades, and a gallery by a tower of its own."""

import copy

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.callbacks import LinkEvaluation, RetrievalEvaluation
from tfmetric.evaluation import evaluate_relation, retrieval

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 5)).astype("float32"), RNG.normal(size=(12, 5)).astype("float32")
LINKS = np.stack([np.arange(24), np.arange(24) % 12], axis=1)


def relation(**columns):
    left, right = (tm.datasets.from_arrays(x, np.arange(len(x))) for x in (X, Y))
    return tm.datasets.Relation(left, right, LINKS, **columns)


def towers(loss):
    sides = [tm.models.embedder((5,), embedding_dim=4) for _ in range(2)]
    model = tm.models.two_tower(*sides)
    model.compile("sgd", loss=loss, jit_compile=False)
    return model


def test_links_are_judged_every_epoch_and_later_callbacks_see_the_figures():
    seen = [[0, 5]]
    test = relation(seen=seen)
    judge = copy.deepcopy(LinkEvaluation(test, every=2, ks=(1, 3)))
    stop = keras.callbacks.EarlyStopping("val_recall_at_3", mode="max", patience=9)
    model = towers(tm.losses.InBatchSoftmaxLoss())
    history = model.fit(
        relation().batches(12), epochs=3, verbose=0, shuffle=False, callbacks=[judge, stop]
    ).history
    shown = ["recall_at_1", "recall_at_3", "ndcg_at_1", "ndcg_at_3", "mrr"]
    assert sorted(history) == sorted(["loss", *(f"val_{name}" for name in shown)])
    assert history["val_mrr"][1] != history["val_mrr"][0]
    assert history["val_mrr"][2] == history["val_mrr"][1]  # The third epoch repeats the second.
    assert judge.result.learned.num_excluded == 1
    judge.every = 1
    model.fit(relation().batches(12), epochs=1, verbose=0, shuffle=False, callbacks=[judge])
    found = evaluate_relation(model, test, ks=(1, 3), baselines=False).figures()
    assert judge.figures == {f"val_{name}": found[name] for name in judge_names(judge)}


def judge_names(judge):
    return [name.removeprefix("val_") for name in judge.figures]


def test_grades_are_judged_where_the_loss_follows_them():
    graded = relation(score=RNG.normal(size=24))
    judge = LinkEvaluation(graded, figures="spearman", prefix="test_")
    model = towers(tm.losses.CoSENTLoss())
    history = model.fit(
        graded.graded_batches(12), verbose=0, shuffle=False, callbacks=[judge]
    ).history
    assert history["test_spearman"] == [judge.result.learned.spearman]


def test_a_gallery_has_a_tower_of_its_own():
    model = towers(tm.losses.InBatchSoftmaxLoss())
    judge = RetrievalEvaluation(
        (X, np.arange(24) % 12),
        gallery=(Y, np.arange(12)),
        embedder=model.query,
        gallery_embedder=model.candidate,
        distance="cosine",
    )
    model.fit((X, Y[LINKS[:, 1]]), LINKS[:, 1], verbose=0, callbacks=[judge])
    own, others = model.query.predict(X, verbose=0), model.candidate.predict(Y, verbose=0)
    wanted = retrieval(own, np.arange(24) % 12, others, np.arange(12), distance="cosine")
    assert judge.result.mrr == pytest.approx(wanted.mrr)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinkEvaluation((X, Y)), "a datasets.Relation"),
        (lambda: LinkEvaluation(relation(), every=0), "every to be an integer above 0"),
        (lambda: LinkEvaluation(relation(), figures="recall"), "figures to be some of"),
        (lambda: LinkEvaluation(relation(), ks=0), "ks to be one or more"),
        (
            lambda: RetrievalEvaluation((X, np.arange(24)), gallery_embedder=1),
            "a gallery with gallery_embedder",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
