"""What imports what in the package, read from the source without running it.

``python tests/support/structure.py`` prints the files, lines and imports of each room.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "tfmetric"


@cache
def files() -> dict[str, Path]:
    """Every module by its dotted name; a package stands for its ``__init__.py``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _tree(module):
    return ast.parse(files()[module].read_text(encoding="utf-8"))


@cache
def _exported(package) -> dict[str, tuple[str, str]]:
    """What an ``__init__.py`` imports: name here -> (module, name there)."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in _tree(package).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfmetric")
        for alias in node.names
    }


def home(module: str, name: str) -> str:
    """The module that ``from module import name`` takes the name from, past all ``__init__``."""
    while files().get(module, Path()).name == "__init__.py":
        if name in _exported(module) and _exported(module)[name] != (module, name):
            module, name = _exported(module)[name]
        elif f"{module}.{name}" in files():
            return f"{module}.{name}"
        else:
            break
    return module


@cache
def imports() -> dict[str, frozenset[str]]:
    """For each module the modules of the package that it imports, within functions too.

    A name that an ``__init__.py`` passes on counts as imported from where it is defined. A package
    imported as a whole counts as itself, and it imports all that its ``__init__.py`` does.
    """
    found = {}
    for module in files():
        targets = set()
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                if node.module.partition(".")[0] == "tfmetric":
                    targets |= {home(node.module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Import):
                names = (alias.name for alias in node.names)
                targets |= {name for name in names if name.partition(".")[0] == "tfmetric"}
        found[module] = frozenset(targets - {module})
    return found


def room(module: str) -> str:
    """The first folder of a module, or its own name on the ground floor."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "tfmetric"


def wing(module: str) -> str:
    """The folder within a room that a module lies in; outside of such folders the module itself."""
    parts = module.split(".")
    return ".".join(parts[:3]) if f"{'.'.join(parts[:3])}.__init__" in _packages() else module


@cache
def _packages():
    return {f"{module}.__init__" for module, path in files().items() if path.stem == "__init__"}


def arrows(place: Callable[[str], str]) -> dict[str, Counter]:
    """Imports between places: how many module-to-module imports go from one to another."""
    found: dict[str, Counter] = defaultdict(Counter)
    for module, targets in imports().items():
        for target in targets:
            if place(module) != place(target):
                found[place(module)][place(target)] += 1
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of nodes that import each other in a circle (Tarjan's components of two or more)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def main():
    """Prints files, lines and arrows by room."""
    sizes = defaultdict(lambda: [0, 0])
    for module, path in files().items():
        sizes[room(module)][0] += 1
        sizes[room(module)][1] += len(path.read_text(encoding="utf-8").splitlines())
    out = arrows(room)
    print(f"{'room':<16}{'files':>6}{'lines':>8}  imports")
    for name, (count, lines) in sorted(sizes.items()):
        targets = ", ".join(f"{other} {n}" for other, n in sorted(out[name].items()))
        print(f"{name:<16}{count:>6}{lines:>8}  {targets}")
    total = sum(len(targets) for targets in imports().values())
    between = sum(sum(counter.values()) for counter in out.values())
    print(f"{total} imports, {between} of them between rooms")
    for title, graph in (
        ("modules", imports()),
        ("wings", arrows(wing)),
        ("rooms", arrows(room)),
    ):
        print(f"circles of {title}: {circles(graph) or 'none'}")


if __name__ == "__main__":
    main()
