"""The options for reading and splitting data, shared by all commands."""

import math

import click

from tfmetric.cli.option_types import NONE, OrNone
from tfmetric.elements import KINDS

# tfmetric.datasets.dividing.RULES, which starts Keras.
SPLITS = ("auto", "classes", "examples", "groups", "as given")


class _Columns(click.ParamType):
    """Names separated by commas."""

    name = "name,name,..."

    def convert(self, value, param, ctx):
        """Returns the names as a tuple."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(","))
        if not all(names):
            self.fail("Expected names separated by commas, such as width,height.", param, ctx)
        return names


class _Range(click.ParamType):
    """Two numbers separated by a comma, the lower first."""

    name = "low,high"

    def convert(self, value, param, ctx):
        """Returns the numbers as a tuple."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in value.split(","))
        except ValueError:
            low = high = math.nan
        if not -math.inf < low < high < math.inf:
            self.fail("Expected two numbers, the lower one first, such as 0,255.", param, ctx)
        return low, high


def data_options() -> list[click.Option]:
    """Returns the options by the names of :func:`tfmetric.datasets.load`; None if not given."""
    return [
        click.Option(["--kind"], type=click.Choice(KINDS), help="Kind of an example.  [auto]"),
        click.Option(
            ["--split"],
            type=click.Choice(SPLITS),
            help="Test on new classes, on new examples of the same classes, on new groups, or as "
            "the data itself is divided.  [default: auto]",
        ),
        click.Option(
            ["--split-seed"],
            type=click.IntRange(min=0, max=2**32 - 1),
            help="Seed of the split.  [default: 0]",
        ),
        click.Option(
            ["--test-fraction"],
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            help="Share for the test.  [default: 0.5 of the classes, 0.25 of examples or groups]",
        ),
        click.Option(["--label"], help="Column or array of the labels.  [default: label or y]"),
        click.Option(["--group"], help="Column or array of the groups.  [default: group]"),
        click.Option(["--text"], help="Column of texts.  [default: text]"),
        click.Option(["--path"], help="Column of paths of files.  [default: path]"),
        click.Option(["--columns"], type=_Columns(), help="Columns that hold the example."),
        click.Option(["--delimiter"], help="Separator of the cells of a table.  [default: ,]"),
        click.Option(
            ["--image-size"],
            type=OrNone(click.IntRange(min=4)),
            help=f"Side to resize images to; {NONE} for their own size.  [default: the data set's]",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "grey", "rgb"]),
            help="Channels of images.  [default: auto]",
        ),
        click.Option(
            ["--value-range"],
            type=_Range(),
            help="Lowest and highest value that a pixel can have, such as 0,1, of images in .npz.",
        ),
        click.Option(
            ["--sampling-rate"],
            type=click.IntRange(min=1),
            help="Of recordings, in hertz: that of an .npz, or the one that files are brought to.  "
            "[default: the commonest]",
        ),
        click.Option(
            ["--seconds"],
            type=click.FloatRange(min=0, min_open=True),
            help="Seconds kept from the start of each recording.  [default: all]",
        ),
        click.Option(["--data-dir"], help="Folder of prepared data of TensorFlow Datasets."),
        click.Option(
            ["--download"],
            is_flag=True,
            default=None,
            help="Let TensorFlow Datasets download the data.",
        ),
    ]


def with_data_options(command):
    """Adds the options to a command."""
    command.params = [*command.params, *data_options()]
    return command


def given_data_options(options: dict) -> dict:
    """Removes these options from a command's options; returns the given ones by name."""
    names = [option.name for option in data_options()]
    found = {name: options.pop(name) for name in names if name in options}
    return {
        name: None if value == NONE else value for name, value in found.items() if value is not None
    }


def as_words(given: dict) -> list[str]:
    """Returns the words of a command line that give these options again."""
    words = []
    for option in data_options():
        if option.name in given:
            value, name = given[option.name], option.opts[0]
            if isinstance(value, tuple):
                value = ",".join(map(str, value))
            words += [name] if option.is_flag else [name, str(NONE if value is None else value)]
    return words
