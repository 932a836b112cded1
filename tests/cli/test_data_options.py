"""Options of the data that are for one kind of example."""

import click
import numpy as np
import pytest
from click.testing import CliRunner

from tfmetric.cli import cli
from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.runs.config import resolved
from tfmetric.runs.config_values import read_toml


def given(*arguments):
    """The options that a command has understood."""
    found = {}

    @with_data_options
    @click.command()
    def command(**options):
        found.update(given_data_options(options))

    done = CliRunner().invoke(command, arguments)
    return found if done.exit_code == 0 else done.stderr


def test_options_of_recordings_and_of_pixels_are_kept_in_the_config(tmp_path):
    options = given("--sampling-rate", "8000", "--seconds", "0.5", "--value-range", "0,1")
    assert options == {"sampling_rate": 8000, "seconds": 0.5, "value_range": (0.0, 1.0)}
    config = resolved({}, {"dataset": "somewhere", **options}, {}, {})
    assert config.load_options().items() >= options.items()
    config.write(tmp_path / "config.toml")
    assert resolved(read_toml(tmp_path / "config.toml"), {}, {}, {}) == config


@pytest.mark.parametrize("value", ["1,0", "0", "a,b", "0,inf", "0,1,2", "nan,1"])
def test_a_range_that_is_none(value):
    assert "two numbers, the lower one first" in given("--value-range", value)


@pytest.mark.parametrize("key", ["value_range = [1, 0]", "seconds = -1", "sampling_rate = 0"])
def test_a_config_with_options_that_make_no_sense(key, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f"[data]\n{key}\n")
    with pytest.raises(ValueError, match=f"Expected {key.split()[0]} to be"):
        read_toml(path)


@pytest.mark.parametrize(
    "option", [["--image-size", "32"], ["--sampling-rate", "8000"], ["--color", "grey"]]
)
def test_an_option_of_another_kind_is_an_error_before_the_training(option, tmp_path):
    x = np.random.default_rng(0).normal(size=(24, 5)).astype("float32")
    np.savez(tmp_path / "people.npz", x=x, y=np.arange(24) % 6)
    arguments = ["train", str(tmp_path / "people.npz"), "--output", str(tmp_path), *option]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    assert "examples of these kinds only" in done.stderr
    assert done.stderr.count("\n") == 1
