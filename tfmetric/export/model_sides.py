"""Makes the sides of a model to export, and checks what each side takes."""

from collections.abc import Mapping
from typing import Any

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.elements import Element
from tfmetric.export.encoded_inputs import ENCODINGS, of_kinds
from tfmetric.export.model_inputs import ModelInputs
from tfmetric.export.sides import CANDIDATE, INPUTS, QUERY, TWO, Side
from tfmetric.models.two_tower import TwoTower
from tfmetric.values import plain


def towers(model: Any) -> dict[str, Any]:
    """Returns the Keras models of the sides by their names: an embedder is its own only side."""
    if isinstance(model, TwoTower):
        return {QUERY: model.query, CANDIDATE: model.candidate}
    return {"": model}


def make_sides(model: Any, inputs: Any, element: Any, gallery: Any) -> dict[str, Side]:
    """Makes the sides of a model from the arguments of :func:`tfmetric.export.save`.

    Args:
        model: An embedder or a ``TwoTower``.
        inputs: A kind of input or several in a tuple; for two sides also a dictionary of these.
        element: An ``Element`` or None; for two sides also a dictionary of these.
        gallery: The gallery, whose element is that of the candidates.

    Raises:
        ValueError: If a tower does not take the inputs, or a name of a side is unknown.
    """
    own = gallery.element if isinstance(gallery, LabeledData) else None
    found = towers(model)
    kinds = _by_side("inputs", inputs, found, "tensor")
    elements = _by_side("element", element, found, None)
    if two := QUERY in found:
        if isinstance(element, Element):
            raise ValueError(
                expected(
                    'element for two towers to be a dictionary {"query": ..., "candidate": ...}',
                    element=element.kind,
                )
            )
        elements = {QUERY: elements[QUERY], CANDIDATE: elements[CANDIDATE] or own}
    else:
        elements = {"": elements[""] or own}
    return {
        name: _side(name, tower, kinds[name], elements[name], two) for name, tower in found.items()
    }


def _by_side(argument, given, names, default):
    """Returns the argument of each side."""
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given)
    if QUERY not in names:
        raise ValueError(
            expected(f"{argument} by side only for a models.TwoTower", given=sorted(given))
        )
    if unknown := sorted(set(given) - set(TWO)):
        raise ValueError(expected(f"{argument} for the sides {', '.join(TWO)}", unknown=unknown))
    return {name: given.get(name, default) for name in TWO}


def _side(name, tower, inputs, element, two):
    takes = ModelInputs.of(tower)
    kinds = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    of_side = f" of the {name} side" if name else ""
    if not kinds or not set(kinds) <= set(INPUTS) or len(set(kinds) & set(ENCODINGS)) > 1:
        raise ValueError(
            expected(
                f"inputs{of_side} to be one or several of {', '.join(INPUTS)}, with one kind of "
                "file",
                inputs=inputs,
            )
        )
    if "text" in kinds and (takes.named or tower.inputs[0].dtype != "string"):
        raise ValueError(
            expected(
                f"a model{of_side} that takes strings, with TextVectorization in it, for "
                'inputs="text"',
                input_dtype=[like.dtype for like in tower.inputs],
            )
        )
    encoding = of_kinds(kinds)
    done = {}
    if encoding is not None:
        try:
            done = {encoding.name: encoding.preprocessing(takes, element)}
        except ValueError as error:
            if not two:
                raise
            advice = 'give each side its own: inputs={"query": ..., "candidate": ...}'
            raise ValueError(f"{error}, on the {name} side; {advice}") from error
    ordered = tuple(kind for kind in INPUTS if kind in kinds)
    return Side(name, takes, ordered, done, None if element is None else described(element))


def described(element: Element) -> dict[str, Any]:
    """Returns the metadata entry of an element."""
    fields = {name: described(field) for name, field in (element.fields or {}).items()}
    about = {"kind": element.kind, "shape": list(element.shape), "dtype": element.dtype}
    return plain({**about, "options": dict(element.options), "fields": fields or None})
