"""Parses the docstrings of the losses from their source, without importing Keras or NumPy."""

import ast
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FAMILIES = {
    "embeddings": "Class ids and embeddings, through model.compile(loss=...)",
    "proxies": "Class ids and the cosines of a layers.ProxyHead, through models.with_proxies",
    "siamese": "Explicit pairs and triplets: distances that models.siamese or .triplet emit",
    "wrappers": "Built from other losses",
    "penalties": "Penalties on embeddings: terms of a WeightedSum, or an activity_regularizer",
}
_HEAD = re.compile(r"(Inputs|Formula|Args|Raises|Example|References?):\s*(.*)")
_LOSSES = Path(__file__).parent.parent / "losses"


@dataclass(frozen=True)
class Argument:
    """An argument of a loss.

    Attributes:
        name: Its name.
        required: Whether it has no default.
        default: The default as Python writes it; "" where there is none.
        meaning: What it means.
    """

    name: str
    required: bool
    default: str
    meaning: str


@dataclass(frozen=True)
class LossPage:
    """The description of a loss.

    Attributes:
        name: Name of the class in ``tfmetric.losses``.
        snake_name: Name that Keras shows, such as "triplet_loss".
        family: One of :data:`FAMILIES`.
        summary: One line.
        description: Paragraphs on its use.
        inputs: Meaning of ``y_true`` and ``y_pred``.
        formula: The formula, in text; lines that are indented more are mathematics.
        arguments: Its arguments in order.
        example: An example in doctest form.
        references: The papers.
    """

    name: str
    snake_name: str
    family: str
    summary: str
    description: str
    inputs: str
    formula: str
    arguments: tuple[Argument, ...]
    example: str
    references: str


def names() -> tuple[str, ...]:
    """Returns the names of all losses and penalties, sorted."""
    return tuple(sorted(pages()))


@cache
def pages() -> dict[str, LossPage]:
    """Returns all losses by name."""
    public = _public()
    classes = _classes()
    found = {name: classes[name] for name in public if name in classes}
    return {
        name: _page(node, classes)
        for name, node in found.items()
        if _family(node, classes) and not _doc(node).startswith("Base of")
    }


def _public():
    """Returns the names in ``__all__``."""
    for node in ast.parse((_LOSSES / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []


def _classes():
    """Returns the classes of all modules by name."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in _LOSSES.glob("*.py"))
    return {node.name: node for tree in trees for node in tree.body if type(node) is ast.ClassDef}


def _doc(node):
    return ast.get_docstring(node) or ""


def _line_of_descent(node, classes):
    """Returns the class and its bases in this package; other bases as names."""
    yield node
    for base in node.bases:
        name = ast.unparse(base)
        if name in classes:
            yield from _line_of_descent(classes[name], classes)
        else:
            yield name


def _family(node, classes):
    line = _line_of_descent(node, classes)
    line = [base if isinstance(base, str) else base.name for base in line]
    if "EmbeddingRegularizer" in line:
        return "penalties"
    if "ProxyLoss" in line:
        return "proxies"
    if "EmbeddingLoss" in line:
        return "embeddings"
    if "keras.losses.Loss" in line:
        return "siamese" if node.name.startswith("Siamese") else "wrappers"
    return None


def _page(node, classes):
    sections = _sections(_doc(node))
    arguments = tuple(_arguments(node, classes))
    named = next((a.default.strip('"') for a in arguments if a.name == "name"), None)
    return LossPage(
        name=node.name,
        snake_name=named or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower(),
        family=_family(node, classes),
        summary=_plain(_flat(sections["Summary"])),
        description=_plain(sections.get("", "")),
        inputs=_plain(_resolved(_flat(sections.get("Inputs", "")), "Inputs", classes)),
        formula=_plain(sections.get("Formula", "")),
        arguments=arguments,
        example=sections.get("Example", ""),
        references=_plain(sections.get("References", "")),
    )


@cache
def _sections(doc):
    """Sections of a docstring by name: "Summary", "" outside of sections, and _SECTIONS."""
    summary, _, rest = doc.partition("\n\n")
    found, name, before = {"": []}, "", ""
    for line in rest.splitlines():
        head = _HEAD.match(line)
        if head:
            name = "References" if head[1] == "Reference" else head[1]
            found[name] = []
            line = head[2]
        elif name != "Example" and not before and line[:1] not in ("", " "):
            name = ""  # Text at the left margin after an empty line is outside of sections.
        found[name].append(line)
        before = line if not head else "head"
    texts = {name: textwrap.dedent("\n".join(lines)).strip("\n") for name, lines in found.items()}
    return {"Summary": summary, **texts}


def _arguments(node, classes):
    line = [base for base in _line_of_descent(node, classes) if not isinstance(base, str)]
    inits = (item for base in line for item in base.body if getattr(item, "name", "") == "__init__")
    init = next(inits)
    names = [argument.arg for argument in init.args.args[1:]]
    defaults = [None] * (len(names) - len(init.args.defaults)) + init.args.defaults
    for name, default in zip(names, defaults, strict=True):
        written = "" if default is None else ast.unparse(default).replace("'", '"')
        meaning = next((_meanings(base)[name] for base in line if name in _meanings(base)), "")
        yield Argument(name, default is None, written, _plain(_resolved(meaning, name, classes)))


@cache
def _meanings(node):
    """Returns the docstring's inputs and arguments."""
    sections = _sections(_doc(node))
    pieces = re.split(r"^(\w+): ", sections.get("Args", ""), flags=re.MULTILINE)
    meanings = dict(zip(pieces[1::2], map(_flat, pieces[2::2]), strict=True))
    return {"Inputs": _flat(sections.get("Inputs", "")), **meanings}


def _resolved(text, name, classes):
    """Replaces "As in :class:`PairLoss`" by that class's text for the argument."""
    found = re.match(r"as in :class:`(\w+)`\.?", text, flags=re.IGNORECASE)
    there = _meanings(classes[found[1]]).get(name, "") if found and found[1] in classes else ""
    if not there:
        return text
    more = text[found.end() :].lstrip(":; ")
    return _resolved(there, name, classes) + (f" Here: {more}" if more else "")


def _flat(text):
    return " ".join(text.split())


def _plain(text):
    """Removes the marks of reStructuredText."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "").replace("::\n", ":\n")
