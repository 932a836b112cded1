"""What is searched where nothing is said, and what can be said instead."""

import json

import keras_tuner as kt
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.training import Settings, loss_names
from tfmetric.training.losses import loss_arguments
from tfmetric.tuning import Range, SearchSpace, default_space
from tfmetric.tuning.search.default_ranges import FURTHER, MAIN, batches


def drawn(space, number=200, seed=0):
    """Settings as Keras Tuner's random search draws them, and the names it has drawn for."""
    oracle = kt.oracles.RandomSearchOracle(kt.Objective("x", "max"), number, seed=seed + 1)
    hp = kt.HyperParameters()
    for _ in range(4):  # Until all that depends on something is known, as its tuners do.
        space.settings_of(hp)
    oracle.update_space(hp)
    for _ in range(number):
        values = kt.HyperParameters.from_config(hp.get_config())
        values.values = oracle._random_values()
        yield space.settings_of(values), values.values


@pytest.mark.parametrize("name", loss_names())
def test_every_loss_has_a_space_that_holds_its_default(name):
    space = default_space(name, everything=True)
    assert set(MAIN[name]) < set(space)
    assert set(FURTHER.get(name, {})) < set(space)
    for key, spec in default_space(name).items():
        if key == "learning_rate":
            continue
        default, own = loss_arguments(name)[key], spec
        if isinstance(spec, dict):
            own = spec[loss_arguments(name)["distance"]]
        inside = default in own if isinstance(own, list) else own.low <= default <= own.high
        # An embedding of length 1 wants another one than the paper's.
        assert inside or name in ("NPairsLoss",), (key, default)
    SearchSpace(name, "all", Settings(name))  # Each end and choice makes a loss.


def test_what_is_drawn_is_in_its_range_and_spread_over_it():
    margins, rates = [], []
    for settings, values in drawn(SearchSpace("TripletLoss")):
        assert set(values) == {"margin", "learning_rate"}
        margins.append(settings.loss_arguments["margin"])
        rates.append(settings.learning_rate)
    assert 0.02 <= min(margins) < 0.03
    assert 0.8 < max(margins) <= 1.0
    assert abs(np.median(margins) - np.sqrt(0.02)) < 0.04  # The middle of a logarithmic range.
    assert 3e-4 <= min(rates) < max(rates) <= 3e-2


def test_the_margin_has_the_range_of_its_distance():
    for distance, high in (("euclidean", 1.0), ("squared_euclidean", 2.0), ("cosine", 0.5)):
        space = SearchSpace("TripletLoss", {"distance": distance})
        margins = [s.loss_arguments["margin"] for s, _ in drawn(space, 50)]
        assert 0.6 * high < max(margins) <= high
    both = SearchSpace("TripletLoss", {"distance": ["cosine", "squared_euclidean"]})
    assert both.searched == ("distance", "margin", "learning_rate")
    found = {"cosine": [], "squared_euclidean": []}
    for settings, values in drawn(both):
        distance = settings.loss_arguments["distance"]
        assert set(values) == {"distance", f"margin@{distance}", "learning_rate"}
        found[distance].append(settings.loss_arguments["margin"])
        assert both.values_of(settings)["margin"] == found[distance][-1]
    assert max(found["cosine"]) <= 0.5 < max(found["squared_euclidean"])
    with pytest.raises(ValueError, match=r"a range of margin.*distance='manhattan'"):
        SearchSpace("TripletLoss", {"distance": "manhattan"})
    SearchSpace("TripletLoss", {"distance": "manhattan", "margin": Range(1, 9)})


def test_several_losses_have_arguments_of_their_own():
    space = SearchSpace(
        ["TripletLoss", "NTXentLoss"],
        {"TripletLoss/mining": ["hard", "all"], "batch": [(4, 4), (8, 2)]},
    )
    seen = set()
    for settings, values in drawn(space):
        own = {key for key in values if "/" in key}
        prefix = settings.loss + "/"
        assert own == {key for key in own if key.startswith(prefix)}
        assert values["loss"] == settings.loss
        assert (settings.classes_per_batch, settings.examples_per_class) in [(4, 4), (8, 2)]
        seen.add((settings.loss, *sorted(own)))
    assert seen == {
        ("TripletLoss", "TripletLoss/margin", "TripletLoss/mining"),
        ("NTXentLoss", "NTXentLoss/temperature"),
    }
    values = space.values_of(Settings("NTXentLoss", {"temperature": 0.3}))
    assert values == {
        "loss": "NTXentLoss",
        "temperature": 0.3,
        "learning_rate": 3e-3,
        "batch": (32, 8),
    }


def test_a_name_of_one_loss_counts_before_a_name_of_all():
    both = ["TripletLoss", "ContrastiveLoss"]
    space = SearchSpace(both, {"TripletLoss/margin": [0.5, 0.6], "margin": [0.1, 0.2]})
    for settings, _ in drawn(space, 40):
        expected = (0.5, 0.6) if settings.loss == "TripletLoss" else (0.1, 0.2)
        assert settings.loss_arguments["margin"] in expected


def test_values_are_fixed_left_or_chosen():
    base = Settings("TripletLoss", {"margin": 0.4, "mining": "all"}, epochs=3)
    space = SearchSpace(
        None,
        {"margin": None, "learning_rate": 1e-4, "mining": ["hard", ("easy", "semi-hard")]},
        base,
    )
    assert space.searched == ("mining",)
    for settings, _ in drawn(space, 5):
        assert settings.epochs == 3
        assert settings.learning_rate == 1e-4
        assert settings.loss_arguments["margin"] == 0.4
        assert settings.loss_arguments["mining"] in ("hard", ("easy", "semi-hard"))
    soft = SearchSpace("TripletLoss", {"margin": [None, 0.2], "learning_rate": None})
    assert {s.loss_arguments["margin"] for s, _ in drawn(soft, 20)} == {None, 0.2}


def test_the_first_values_are_the_settings_as_they_stand():
    base = Settings("TripletLoss", {"margin": 0.35}, embedding_dim=48)
    space = SearchSpace(None, "all", base, num_classes=100)
    settings = space.settings_of(kt.HyperParameters())
    assert settings.resolved() == base.resolved()
    assert space.default_settings() == base


def test_batches_have_about_as_many_examples():
    for p, k in batches(Settings(classes_per_batch=30, examples_per_class=5)):
        assert 0.8 * 150 <= p * k <= 150
    assert batches(Settings(), num_classes=3) == [(32, 8)]


def test_a_grid_has_all_combinations():
    space = SearchSpace(
        ["TripletLoss", "NTXentLoss"],
        {"TripletLoss/distance": ["euclidean", "cosine"], "learning_rate": [1e-3, 1e-2]},
    ).on_grid()
    assert space.size() == 2 * (5 + 5 + 5)
    assert Range(1, 9).grid(3) == [1, 5, 9]
    assert Range(0.1, 0.4, step=0.1).grid() == [0.1, 0.2, 0.3, 0.4]
    assert Range(1.0, 8.0, log=True, step=2).grid() == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"margn": [1, 2]}, "names of search_space among .*margin.*name='margn'"),
        ({"epochs": [1, 2]}, "names of search_space among"),
        ({"NTXentLoss/temperature": [1.0]}, "names of search_space"),
        ({"margin": []}, "one choice at least"),
        ({"mining": ["hard", "hardest"]}, "hardest"),
        ({"margin": Range(-1, 1)}, "margin"),
        ({"batch": [(32, 0), (2, 2)]}, "examples_per_class"),
        ("everything", "None, 'all' or a dictionary"),
    ],
)
def test_what_makes_no_sense_is_said_before_the_search(space, message):
    with pytest.raises(ValueError, match=message):
        SearchSpace("TripletLoss", space)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1, 1), "low the lower"), ((0, 1, True), "above 0"), ((1, 4, True, 1), "step to be above 1")],
)
def test_a_range_that_is_none_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Range(*arguments)


def test_a_space_can_be_written_down():
    space = SearchSpace(["TripletLoss", "ArcFaceLoss"], "all", num_classes=64)
    assert json.loads(json.dumps(space.to_dict())) == space.to_dict()
    assert space.to_dict() != SearchSpace(["TripletLoss", "ArcFaceLoss"], None).to_dict()
    with pytest.raises(ValueError, match="NoLoss"):
        tm.tuning.default_space("NoLoss")
