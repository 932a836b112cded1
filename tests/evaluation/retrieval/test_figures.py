import numpy as np
import pytest

import tfmetric as tm
from tfmetric.evaluation import register_figure, retrieval, retrieval_figures, unregister_figure
from tfmetric.evaluation.retrieval.figures import figure_names, figures_of_ranks, find_figure
from tfmetric.tuning.retrieval_objective import check_objective, ks_for

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
LABELS = np.arange(24) % 4


@pytest.fixture
def all_found():
    """A figure of a user: whether the first k hold k hits or all there are."""
    register_figure(
        "all_found",
        "all found@{k}",
        lambda ranks, relevant, k: (ranks <= k).sum(axis=1) >= np.minimum(k, relevant),
        needs_k=True,
        meaning="share of queries whose first {k} are all hits",
    )
    yield
    unregister_figure("all_found")


def naive(k):
    found = []
    for query, x in enumerate(X):
        order = np.argsort(((X - x) ** 2).sum(axis=1))
        hits = LABELS[order[order != query]] == LABELS[query]
        found.append(hits[:k].sum() == min(k, hits.sum()))
    return float(np.mean(found))


def test_one_registration_reaches_every_place(all_found):
    result = retrieval(X, LABELS, ks=(1, 2))
    assert result.figures()["all_found_at_2"] == naive(2)
    assert result.values("all_found_at_1").shape == (24,)
    assert "all found@2 " in result.summary()
    assert result.to_dict()["all_found_at_2"] == naive(2)
    assert result.to_dict()["intervals"]["all_found_at_2"] == list(
        result.interval("all_found_at_2")
    )
    assert check_objective("val_all_found_at_2") == "all_found_at_2"
    assert ks_for("all_found_at_2") == (2,)
    assert (
        tm.visualization.training_curves({"loss": [1.0], "val_all_found_at_2": [0.5]})
        .axes[1]
        .get_ylabel()
    )


def test_a_registered_figure_in_evaluate_and_in_the_logs(all_found):
    model = tm.models.embedder((3,), embedding_dim=2)
    result = tm.evaluation.evaluate(model, (X, LABELS), ks=(2,))
    assert "all found@2" in result.summary()
    assert result.to_dict()["raw"]["all_found_at_2"] == naive(2)
    model.compile("adam", loss=tm.losses.ContrastiveLoss())
    judge = tm.callbacks.RetrievalEvaluation((X, LABELS), ks=2)
    logs = model.fit(X, LABELS, verbose=0, callbacks=[judge]).history
    assert logs["val_all_found_at_2"] == [judge.result.figures()["all_found_at_2"]]


def test_a_registered_figure_on_the_page(all_found, tmp_path):
    from support.runs import make_run

    from tfmetric.report.figures import figure_meaning, figure_title

    page = tm.report.write(make_run(tmp_path / "1")).read_text()
    assert figure_title("all_found_at_5") == "all found@5"
    assert figure_meaning("all_found_at_5") in page


def test_one_number_stands_once_in_a_summary():
    summary = retrieval(X, LABELS, ks=(1, 5)).summary()
    assert "recall@1 " in summary
    for title in ("precision@1 ", "MAP@1 ", "nDCG@1 "):
        assert title not in summary
    for title in ("precision@5 ", "MAP@5 ", "nDCG@5 "):
        assert title in summary


def test_what_is_said_to_be_equal_at_1_is():
    figures = retrieval(X, LABELS, ks=(1,)).per_query.figures
    for figure in retrieval_figures():
        if figure.at_1:
            np.testing.assert_array_equal(
                figures[f"{figure.name}_at_1"], figures[f"{figure.at_1}_at_1"]
            )


def test_names_and_figures_belong_together():
    for name in figure_names((1, 10)):
        figure, k = find_figure(name)
        assert name == (figure.name if k is None else f"{figure.name}_at_{k}")
    for name in ("recall", "recall_at_0", "recall_at_01", "mrr_at_3", "loss", "recall_at_-1", ""):
        assert find_figure(name) is None


def test_figures_by_hand():
    ranks = np.array([[2, 3, 9], [1, np.iinfo(np.int64).max, np.iinfo(np.int64).max]])
    found = figures_of_ranks(ranks, np.array([3, 1]), (2, 3))
    want = {
        "recall_at_2": [1, 1],
        "precision_at_2": [1 / 2, 1 / 2],
        "precision_at_3": [2 / 3, 1 / 3],
        "map_at_2": [(1 / 2) / 2, 1],
        "map_at_3": [(1 / 2 + 2 / 3) / 3, 1],
        "ndcg_at_2": [(1 / np.log2(3)) / (1 + 1 / np.log2(3)), 1],
        "r_precision": [2 / 3, 1],
        "map_at_r": [(1 / 2 + 2 / 3) / 3, 1],
        "mrr": [1 / 2, 1],
    }
    for name, values in want.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-15, atol=1e-15, err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "Recall"}, "small letters"),
        ({"name": "hits_at_5"}, "without _at_"),
        ({"name": "recall"}, "not taken"),
        ({"title": "new@{k}"}, "title with {k}"),
        ({"needs_k": True}, "title with {k}"),
        ({"at_1": "recall"}, "at_1"),
    ],
)
def test_a_wrong_registration_is_refused(arguments, message):
    good = {"name": "new", "title": "new", "formula": lambda ranks, relevant: ranks[:, 0] * 1.0}
    with pytest.raises(ValueError, match=message):
        register_figure(**good | arguments)
    with pytest.raises(ValueError, match="one of recall"):
        unregister_figure("new")


@pytest.mark.parametrize(
    "formula",
    [
        lambda ranks, relevant: 1.0,
        lambda ranks, relevant: ranks,
        lambda ranks, relevant: [None] * 24,
    ],
)
def test_a_formula_that_is_not_one_number_a_query_is_named(formula):
    register_figure("new", "new", formula)
    try:
        with pytest.raises(ValueError, match=r"the formula of new to return \(\d+,\) finite"):
            retrieval(X, LABELS)
    finally:
        unregister_figure("new")
