"""``tfmetric losses``: what it reads from the sources is what the classes are."""

import ast
import inspect
import json
import re

import keras
import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric.cli import cli, loss_pages

PAGES = loss_pages.pages()


def invoke(*arguments):
    return CliRunner().invoke(cli, ["losses", *arguments])


def test_every_public_loss_is_listed():
    kinds = (keras.losses.Loss, tm.losses.EmbeddingRegularizer)
    public = [getattr(tm.losses, name) for name in tm.losses.__all__]
    classes = [x for x in public if inspect.isclass(x) and issubclass(x, kinds)]
    bases = {base for x in classes for base in x.__mro__[1:]}
    assert set(PAGES) == {x.__name__ for x in classes if x not in bases}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_loss_says_its_formula_and_all_arguments(name):
    page, loss = PAGES[name], getattr(tm.losses, name)
    mathematics = [line for line in page.formula.splitlines() if line.startswith("    ")]
    assert mathematics, "The docstring needs a section Formula with the formula indented in it."
    assert page.summary.endswith(".")
    assert page.summary == inspect.getdoc(loss).splitlines()[0].replace("``", "")
    assert page.example.startswith(">>> ")
    assert page.inputs or page.family == "penalties"
    # The cosine embedding loss is in many libraries and in no paper.
    assert page.references or page.family == "wrappers" or name == "SiameseCosineEmbeddingLoss"
    assert re.search(r":\w+:`|``", page.description + page.inputs + page.formula) is None
    parameters = list(inspect.signature(loss).parameters.values())
    assert [argument.name for argument in page.arguments] == [p.name for p in parameters]
    for argument, parameter in zip(page.arguments, parameters, strict=True):
        assert argument.meaning, f"The docstring does not say what {argument.name} is."
        assert not re.match("as in [A-Z]", argument.meaning, re.IGNORECASE) or (
            argument.meaning.startswith("As in Keras")
        )
        assert argument.required == (parameter.default is parameter.empty)
        if not argument.required:
            default = argument.default.replace("1 / 9", repr(1 / 9))
            assert ast.literal_eval(default) == parameter.default


def test_the_families_are_what_the_losses_take():
    family = {name: page.family for name, page in PAGES.items()}
    assert family["TripletLoss"] == family["FastAPLoss"] == "embeddings"
    assert family["ArcFaceLoss"] == "proxies"
    assert family["SiameseTripletLoss"] == "siamese"
    assert family["WeightedSum"] == "wrappers"
    assert family["KoLeoRegularizer"] == "penalties"


def test_list_has_a_line_each():
    done = invoke("list")
    assert done.exit_code == 0, done.output
    for name, page in PAGES.items():
        assert re.search(rf"^  {name} +{re.escape(page.summary)}$", done.stdout, re.MULTILINE)
    rows = json.loads(invoke("list", "--json").stdout)
    assert [row["name"] for row in rows] == list(loss_pages.names())
    assert set(rows[0]) == {"name", "snake_name", "family", "summary"}


@pytest.mark.parametrize("spelling", ["TripletLoss", "triplet_loss", "triplet", "tripletloss"])
def test_show_knows_any_spelling(spelling):
    done = invoke("show", spelling)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("tfmetric.losses.TripletLoss  (triplet_loss)\n")
    for text in (
        "      max(0, d(a,p) − d(a,n) + margin)^power\n",
        "\n  margin = 0.2\n      At least 0, in units of the distance",
        "  >>> from tfmetric.losses import TripletLoss\n  >>> import numpy",
        "  * Schroff",
    ):
        assert text in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 96


def test_show_as_json():
    found = json.loads(invoke("show", "arcface", "--json").stdout)
    assert found["arguments"][0]["name"] == "margin"
    assert found["arguments"][0]["default"] == "0.5"
    assert "cos(θ_y + m)" in found["formula"]


def test_a_wrong_name_is_a_usage_error_with_near_ones():
    done = invoke("show", "triplt_los")
    assert done.exit_code == 2
    assert "Did you mean TripletLoss or " in done.stderr
    done = invoke("show", "xyzzy")
    assert done.exit_code == 2
    assert "Did you mean" not in done.stderr
