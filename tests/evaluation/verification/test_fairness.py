import json

import numpy as np
import pytest

from tfmetric import evaluation


def people(seed=0, number=60, each=6):
    """Two groups of classes, the second nearer to each other; a small third."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(number), each)
    centres = rng.normal(size=(number, 10))
    groups = np.where(np.arange(number) % 2 == 0, "wide", "narrow")
    groups[:3] = "rare"
    centres[groups == "narrow"] *= 0.6
    x = centres[labels] + 0.45 * rng.normal(size=(len(labels), 10))
    return x.astype("float32"), labels, groups[labels]


def subset(x, labels, groups, group):
    return evaluation.verification(x[groups == group], labels[groups == group])


def test_each_group_is_verified_by_itself():
    x, labels, groups = people()
    result = evaluation.verification(x, labels)
    for figure in ("auc", "eer", "tar_at_far_0.01", "fnmr_at_fmr_0.1"):
        table = result.by_group(groups, figure=figure, repeats=30)
        assert table.figure == figure
        assert [row.group for row in table.rows] == ["narrow", "rare", "wide"]
        for row in table.rows:
            alone = subset(x, labels, groups, row.group)
            assert row.value == pytest.approx(alone.figures()[figure])
            assert row.count == (groups == row.group).sum()
        assert table["rare"].small
        assert (table.best, table.worst) == ("wide", "narrow")
        assert table.gap == pytest.approx(abs(table["wide"].value - table["narrow"].value))
        assert table.gap_interval[0] < table.gap < table.gap_interval[1]
    assert result.by_group(groups, repeats=5).figure == "eer"


def test_rates_at_one_shared_threshold_by_hand():
    x, labels, groups = people()
    result = evaluation.verification(x, labels)
    fair = result.fairness(groups, fmr=0.01, repeats=50)
    assert fair.threshold == result.threshold_at_fmr(0.01)
    assert fair.overall_fmr <= 0.01
    rates = {}
    for group in ("narrow", "rare", "wide"):
        false, impostors, missed, genuine = 0, 0, 0, 0
        members = np.flatnonzero(groups == group)
        for i in members:
            for j in members[members > i]:
                far = np.sqrt(((x[i].astype(float) - x[j]) ** 2).sum()) > fair.threshold + 1e-6
                if labels[i] == labels[j]:
                    genuine, missed = genuine + 1, missed + far
                else:
                    impostors, false = impostors + 1, false + (not far)
        rates[group] = false / impostors, missed / genuine
        assert fair.num_pairs[group] == (genuine, impostors)
        assert fair.tables["fmr"][group].value == pytest.approx(rates[group][0], abs=1e-4)
        assert fair.tables["fnmr"][group].value == pytest.approx(rates[group][1], abs=1e-2)
    differential = fair.differentials["fmr"]
    assert (differential.highest, differential.lowest) == ("narrow", "wide")
    values = [fair.tables["fmr"][group].value for group in ("narrow", "wide")]
    assert differential.ratio == pytest.approx(values[0] / values[1])
    assert differential.difference == pytest.approx(values[0] - values[1])
    assert differential.over_mean == pytest.approx(values[0] / np.sqrt(values[0] * values[1]))
    assert differential.ratio_interval[0] < differential.ratio < differential.ratio_interval[1]
    assert set(fair.tables) == {"fmr", "fnmr", *result.figures()}
    text = fair.summary()
    assert "One threshold for all groups" in text
    assert "Differential of fmr: narrow has" in text
    assert "small: not compared" in text
    values = json.loads(fair.to_json())
    assert values["target_fmr"] == 0.01
    assert values["differentials"]["fmr"]["highest"] == "narrow"


def test_a_given_threshold_and_chosen_figures():
    x, labels, groups = people()
    result = evaluation.verification(x, labels)
    fair = result.fairness(groups, threshold=1.5, figures=["auc"], repeats=5)
    assert fair.target_fmr is None
    assert list(fair.tables) == ["fmr", "fnmr", "auc"]
    assert fair.overall_fmr == result.at_threshold(1.5).fmr
    assert "given" in fair.summary()
    none = result.fairness(groups, threshold=-1.0, figures=[], repeats=5)
    assert np.isnan(none.differentials["fmr"].ratio)
    assert none.differentials["fnmr"].ratio == 1.0
    assert json.loads(none.to_json())["differentials"]["fmr"]["ratio"] is None


def test_groups_of_two_sets_of_pairs_and_of_distances_agree():
    x, labels, groups = people()
    result = evaluation.verification(x, labels)
    wanted = {row.group: row.value for row in result.by_group(groups, "auc", repeats=2).rows}
    kept = result.per_pair
    given = evaluation.verification(x, labels, pairs=(kept.left, kept.right))
    known = evaluation.verification_from_distances(
        kept.distances, kept.same, classes=(labels[kept.left], labels[kept.right])
    )
    plain = evaluation.verification_from_distances(kept.distances, kept.same)
    sides = (groups[kept.left], groups[kept.right])
    tables = [given.by_group(groups, "auc", repeats=20)]
    tables += [r.by_group(sides, "auc", repeats=20) for r in (known, plain)]
    for table in tables:
        assert {row.group: row.value for row in table.rows} == pytest.approx(wanted)
    assert tables[0].rows[0].count == (groups == "narrow").sum()
    assert tables[0].rows[0].interval == tables[1].rows[0].interval
    one_column = plain.by_group(np.where(sides[0] == sides[1], sides[0], "mixed"), "auc", repeats=2)
    assert one_column["wide"].value == pytest.approx(wanted["wide"])
    two = evaluation.verification(x[::2], labels[::2], x[1::2], labels[1::2])
    table = two.by_group((groups[::2], groups[1::2]), "auc", repeats=5)
    apart = [groups[::2] == "wide", groups[1::2] == "wide"]
    alone = evaluation.verification(
        x[::2][apart[0]], labels[::2][apart[0]], x[1::2][apart[1]], labels[1::2][apart[1]]
    )
    assert table["wide"].value == pytest.approx(alone.auc)
    assert table["wide"].count == (groups == "wide").sum()


def test_many_pairs_are_counted_for_each_group_whole():
    x, labels, groups = people()
    exact = evaluation.verification(x, labels).by_group(groups, "auc", repeats=30)
    grid = evaluation.verification(x, labels, max_pairs=3000).by_group(groups, "auc", repeats=30)
    for row, other in zip(exact.rows, grid.rows, strict=True):
        assert row.value == pytest.approx(other.value, abs=1e-4)
        np.testing.assert_allclose(row.interval, other.interval, atol=0.03)


def test_the_interval_of_the_gap_holds_none_where_there_is_none():
    x, labels, _ = people()
    groups = np.array(["a", "b"])[np.random.default_rng(3).integers(0, 2, 60)][labels]
    table = evaluation.verification(x, labels).by_group(groups, "auc", repeats=100)
    assert table.gap < 0.05
    assert table.gap_interval[0] < 0 < table.gap_interval[1]


def test_a_group_without_impostors_or_genuine_pairs_is_not_compared():
    x, labels, _ = people()
    groups = np.where(labels == 3, "one person", np.where(labels < 30, "a", "b"))
    table = evaluation.verification(x, labels).by_group(groups, "eer", small=2, repeats=5)
    assert np.isnan(table["one person"].value)
    assert table["one person"].small
    assert table.best in ("a", "b")
    assert json.loads(table.to_json())["rows"][2]["value"] is None


def test_bad_groups_are_named():
    x, labels, groups = people()
    result = evaluation.verification(x, labels)
    two = evaluation.verification(x, labels, x[::-1], labels[::-1])
    for wrong, message in (
        (groups[:5], r"groups of shape \(360,\)"),
        ([None] * 360, "groups without missing values"),
        (np.full(360, np.nan), "groups without missing values"),
    ):
        with pytest.raises(ValueError, match=message):
            result.by_group(wrong)
    with pytest.raises(ValueError, match="two columns of groups"):
        two.by_group(groups)
    with pytest.raises(ValueError, match="figure to be auc"):
        result.by_group(groups, "recall")
    with pytest.raises(ValueError, match="target FMR that some threshold reaches"):
        result.fairness(groups, fmr=1e-9)
    alone = evaluation.verification(x[:6], labels[:6])
    with pytest.raises(ValueError, match="target FMR that some threshold reaches"):
        alone.fairness(groups[:6])
