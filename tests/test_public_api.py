"""Everything public says what it takes, with shapes, and stands in the table of the docs."""

import configparser
import inspect
import re

import pytest
from api_table import PAGE, public, table

EVERYTHING = list(public())
CALLABLE = [(room, name, found) for room, name, found in EVERYTHING if callable(found)]
# Arguments that are arrays in every room: their shape must be said.
ARRAYS = {
    "cosines",
    "distances",
    "embeddings",
    "labels",
    "matrix",
    "negatives",
    "positives",
    "similarity",
    "y_pred",
    "y_true",
}
SHAPE = re.compile(r"\((?:[A-Z]\w*|\.\.\.|batch|n|m|b)(?:, ?[\w.*×−+ ]+)*,?\)")


def names(cases):
    return [f"{room}.{name}" for room, name, _ in cases]


def parameters(found):
    """The arguments of a function, or of a class's constructor."""
    try:
        taken = inspect.signature(found).parameters.values()
    except ValueError:
        return []
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in taken if one.kind not in starred]


def words(found):
    """The docstring, with those of the base classes that it points to."""
    text = inspect.getdoc(found) or ""
    if inspect.isclass(found):
        text += inspect.getdoc(found.__init__) or ""
    return text


def test_the_table_in_the_docs_is_that_of_the_code():
    assert PAGE.read_text(encoding="utf-8") == table(), "run: python tests/api_table.py"


@pytest.mark.parametrize(("room", "name", "found"), CALLABLE, ids=names(CALLABLE))
def test_every_argument_is_explained(room, name, found):
    text = words(found)
    assert len(text) > 20
    assert [one for one in parameters(found) if not re.search(rf"\b{one}\b", text)] == []


@pytest.mark.parametrize(("room", "name", "found"), CALLABLE, ids=names(CALLABLE))
def test_arrays_have_a_shape(room, name, found):
    if ARRAYS & set(parameters(found)):
        assert SHAPE.search(words(found))


def functions(name, found):
    """The function itself, or the public methods that a class defines."""
    if inspect.isfunction(found):
        yield name, found
    if not inspect.isclass(found):
        return
    for method, held in vars(found).items():
        if method.startswith("_") and method not in ("__init__", "__call__"):
            continue
        if isinstance(held, (staticmethod, classmethod)):
            held = held.__func__
        held = held.fget if isinstance(held, property) else held
        if inspect.isfunction(held):
            yield f"{name}.{method}", held


def without_types(name, function):
    """The arguments of a function that say no type, and "return" if it says none."""
    signature = inspect.signature(function)
    untyped = [
        one.name
        for one in signature.parameters.values()
        if one.annotation is one.empty and one.name not in ("self", "cls")
    ]
    if signature.return_annotation is signature.empty and not name.endswith("__init__"):
        untyped.append("return")
    return untyped


def test_every_public_signature_says_its_types():
    untyped = {
        f"{room}.{name}": missing
        for room, top, found in EVERYTHING
        for name, function in functions(top, found)
        if (inspect.unwrap(function).__module__ or "").startswith("tfmetric")
        and (missing := without_types(name, inspect.unwrap(function)))
    }
    assert untyped == {}


def test_the_package_ships_its_types():
    declared = configparser.ConfigParser()
    declared.read(PAGE.parent.parent / "setup.cfg", encoding="utf-8")
    assert "py.typed" in declared["options.package_data"]["tfmetric"].split()
    assert (PAGE.parent.parent / "tfmetric" / "py.typed").is_file()
