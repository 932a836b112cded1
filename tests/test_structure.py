"""The house stands: rooms in one order, no import upward, no import in a circle."""

import ast
import subprocess
import sys

import pytest
from support import structure

# Lowest first. A room imports only from rooms before it in the list. The files of the ground floor
# whose names begin with an underscore come before all of them.
ROOMS = (
    "typing",
    "elements",
    "values",
    "distances",
    "datasets",
    "layers",
    "mining",
    "losses",
    "models",
    "metrics",
    "evaluation",
    "visualization",
    "callbacks",
    "training",
    "search",
    "export",
    "serving",
    "tuning",
    "report",
    "runs",
    "cli",
    "__main__",
)

# Modules that may import each other, with the reason. The list should become empty: a change that
# ends a circle takes its line away.
CIRCLES: dict[frozenset[str], str] = {}

# Imports from a room above, as (module, room above), with the reason.
UPWARD: dict[tuple[str, str], str] = {}


def rank(module):
    name = structure.room(module)
    if name.startswith("_") and name != "__main__":
        return -1
    assert name in ROOMS, (
        f"{name} is a new room: give it a place in ROOMS of tests/test_structure.py"
    )
    return ROOMS.index(name)


def upward():
    return {
        (module, structure.room(target))
        for module, targets in structure.imports().items()
        for target in targets
        if "tfmetric" not in (module, target) and rank(module) < rank(target)
    }


def short(group):
    return frozenset(module.removeprefix("tfmetric.") for module in group)


def test_no_import_from_a_room_above():
    wrong = {(m.removeprefix("tfmetric."), room) for m, room in upward()} - set(UPWARD)
    assert not wrong, f"imports from a room above (module, room): {sorted(wrong)}"


def test_no_modules_import_each_other_in_a_circle():
    wrong = [
        sorted(group)
        for group in map(short, structure.circles(structure.imports()))
        if not any(group <= allowed for allowed in CIRCLES)
    ]
    assert not wrong, f"modules that import each other: {wrong}"


@pytest.mark.parametrize(
    "place", [structure.room, structure.wing], ids=lambda place: place.__name__
)
def test_no_rooms_and_no_wings_import_each_other(place):
    wrong = [
        group
        for group in structure.circles(structure.arrows(place))
        if not any(short(group) <= allowed for allowed in CIRCLES)
    ]
    assert not wrong, f"{place.__name__}s that import each other: {wrong}"


def test_exceptions_are_still_needed():
    found = list(map(short, structure.circles(structure.imports())))
    ended = [sorted(group) for group in CIRCLES if not any(f <= group for f in found)]
    assert not ended, f"take these lines out of CIRCLES: {ended}"
    ended = set(UPWARD) - {(m.removeprefix("tfmetric."), room) for m, room in upward()}
    assert not ended, f"take these lines out of UPWARD: {sorted(ended)}"


def test_only_the_command_line_imports_the_whole_package():
    """``import tfmetric`` hides which rooms a module uses."""
    wrong = [
        module
        for module, targets in structure.imports().items()
        if "tfmetric" in targets and structure.room(module) != "cli"
    ]
    assert not wrong


def test_imports_are_found(tmp_path):
    code = "from tfmetric.evaluation import retrieval, embed\nfrom tfmetric import losses"
    tree = ast.parse(code)
    names = [(node.module, alias.name) for node in tree.body for alias in node.names]
    assert [structure.home(*name) for name in names] == [
        "tfmetric.evaluation.retrieval.retrieval",
        "tfmetric.evaluation.embedding",
        "tfmetric.losses",
    ]


def test_circles_are_found():
    graph = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["d"], "e": ["f"], "f": ["e", "a"]}
    assert sorted(structure.circles(graph)) == [["a", "b", "c"], ["e", "f"]]
    assert structure.circles({"a": ["b"], "b": ["c"]}) == []


def test_the_script_prints_every_room():
    done = subprocess.run(
        [sys.executable, structure.__file__], capture_output=True, text=True, check=True
    )
    for name in {structure.room(module) for module in structure.files()}:
        assert f"\n{name} " in done.stdout
    assert "circles of rooms: none" in done.stdout
