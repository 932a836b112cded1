"""A configuration comes from the constructor's arguments, and those of earlier versions load."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric._config import ConfigFromArguments, saved

# What version 0.1 wrote of every public loss, layer, metric and regulariser, all arguments changed.
SAVED = json.loads((Path(__file__).parent / "saved_before.json").read_text())


@pytest.mark.parametrize("before", SAVED, ids=lambda each: each["class_name"])
def test_what_an_earlier_version_saved_loads_and_is_saved_the_same(before):
    again = keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(before))
    assert json.loads(json.dumps(again))["config"] == before["config"]


class Weighed(tm.losses.PairLoss):
    """A user's loss with fewer arguments than the base, and one of its own."""

    def __init__(self, factor=2.0, name="weighed"):
        super().__init__("cosine", name=name)
        self.factor = factor

    def pair_terms(self, matrix, positives, negatives):
        return tm.losses.gather_terms(self.factor * matrix, positives)


class WithTheRest(tm.losses.TripletLoss):
    """A user's loss that hands all but one argument on."""

    def __init__(self, extra, **rest):
        super().__init__(**rest)
        self.extra = extra


def test_a_subclass_saves_its_own_arguments_and_no_others():
    assert Weighed(3.0).get_config() == {"factor": 3.0, "name": "weighed"}
    again = Weighed.from_config(Weighed(3.0).get_config())
    assert again.factor == 3.0


def test_arguments_handed_on_are_saved_too():
    config = WithTheRest(np.float32(0.5), margin=0.7, gather="global").get_config()
    assert (config["extra"], config["margin"], config["gather"]) == (0.5, 0.7, "global")
    assert WithTheRest.from_config(config).get_config() == config


def test_an_argument_that_is_not_kept_is_named():
    class Forgetful(tm.losses.PairLoss):
        def __init__(self, factor=2.0):
            super().__init__()

    with pytest.raises(AttributeError, match="Forgetful to keep its argument factor"):
        Forgetful().get_config()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        ((np.int32(1), 2), (1, 2)),
        ([np.float64(1.5)], [1.5]),
        (None, None),
        ("all", "all"),
        (tm.distances.get("cosine"), "cosine"),
    ],
    # The text of a function holds its address, which differs between the processes of a run.
    ids=lambda each: getattr(each, "name", None) or str(each),
)
def test_values_are_kept_as_json(value, kept):
    assert saved(value) == kept
    assert type(saved(value)) is type(kept)


def test_no_class_writes_its_configuration_by_hand():
    """Only the pair losses, whose ``match`` may have a name, add to the mechanism."""
    rooms = (tm.losses, tm.layers, tm.metrics, tm.models, tm.datasets)
    classes = {value for room in rooms for value in vars(room).values() if isinstance(value, type)}
    own = {cls.__name__ for cls in classes if "get_config" in vars(cls)}
    assert own == {"PairLoss"}
    assert issubclass(tm.losses.PairLoss, ConfigFromArguments)
