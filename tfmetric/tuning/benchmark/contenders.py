"""What is compared in a benchmark: settings with labels, all with the same budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.training.losses import loss_arguments

# What decides how much a training sees.
BUDGET = ("epochs", "batches_per_epoch", "classes_per_batch", "examples_per_class")
# What a loss may bring with it in a fair comparison.
_FREE = {"loss", "loss_arguments", "learning_rate", "weight_decay", *BUDGET}


def contenders(losses, settings: Settings | None = None) -> dict[str, Settings]:
    """Settings by label.

    Args:
        losses: Names of losses; pairs (name, arguments of the loss) or (label, ``Settings``); or
            a dictionary by label of any of these. One name stands for itself.
        settings: What is not said by ``losses``.

    Raises:
        ValueError: If there is none, one is none of these, two have one label, or their budgets
            differ.

    >>> sorted(contenders(["NTXentLoss", ("TripletLoss", {"margin": 0.1})]))
    ['NTXentLoss', 'TripletLoss']
    """
    settings = settings or Settings()
    if isinstance(losses, Mapping):
        entries = [(_label(label), _settings(what, settings)) for label, what in losses.items()]
    else:
        given = [losses] if isinstance(losses, (str, Settings)) else list(losses)
        entries = [_labelled(entry, settings) for entry in given]
        names = [label for label, _ in entries]
        # Two of one loss are told apart by what they say of it.
        entries = [
            (
                f"{label} ({_arguments(own)})"
                if names.count(label) > 1 and own.loss == label
                else label,
                own,
            )
            for label, own in entries
        ]
    labels = [label for label, _ in entries]
    if not labels or len(set(labels)) < len(labels):
        raise ValueError(
            expected(
                "losses to compare, each with a label of its own: (label, Settings) gives one",
                labels=labels,
            )
        )
    found = dict(entries)
    _check_budgets(found)
    return found


def differing(found: Mapping[str, Settings]) -> dict[str, list]:
    """Settings of the network and the data in which the contenders differ, and their values."""
    several = {}
    for field in dataclasses.fields(Settings):
        values = list(
            dict.fromkeys(
                getattr(own, field.name) for own in found.values() if field.name not in _FREE
            )
        )
        if len(values) > 1:
            several[field.name] = values
    return several


def own_space(search_space, loss: str, compared):
    """The part of a search space that is about one loss, and what is about all.

    Args:
        search_space: As :func:`tfmetric.tuning.margin_search` has it; names of arguments may be
            those of any of the compared losses, "LOSS/NAME" for one alone.
        loss: The loss.
        compared: The names of all losses.

    Raises:
        ValueError: If a name is about no compared loss.
    """
    if not isinstance(search_space, Mapping):
        return search_space
    own = {}
    for key, spec in search_space.items():
        about, _, name = str(key).rpartition("/")
        if about and (about not in compared or name not in loss_arguments(about)):
            raise ValueError(
                expected(
                    f"names of search_space that are about one of {', '.join(sorted(compared))}",
                    name=key,
                )
            )
        others = any(name in loss_arguments(other) for other in compared)
        if about == loss or (not about and (name in loss_arguments(loss) or not others)):
            own[key] = spec
    return own


def _labelled(entry, settings):
    if isinstance(entry, str):
        return entry, _settings(entry, settings)
    if isinstance(entry, Settings):
        return entry.loss, entry
    if isinstance(entry, (tuple, list)) and len(entry) == 2 and isinstance(entry[0], str):
        label, what = entry
        if isinstance(what, Settings):
            return _label(label), what
        if isinstance(what, Mapping):
            return label, _settings((label, what), settings)
    raise ValueError(
        expected(
            "losses as names, pairs (name, arguments) or (label, Settings), or a dictionary of "
            "these by label",
            loss=entry,
        )
    )


def _settings(what, settings):
    if isinstance(what, Settings):
        return what
    if isinstance(what, str):
        return settings.replace(loss=what)
    if isinstance(what, (tuple, list)) and len(what) == 2 and isinstance(what[1], Mapping):
        return settings.replace(loss=what[0], loss_arguments=what[1])
    return _labelled(what, settings)[1]


def _label(label):
    if not isinstance(label, str) or not label.strip():
        raise ValueError(expected("labels that are texts", label=label))
    return label


def _arguments(settings):
    told = ", ".join(f"{key} {value}" for key, value in settings.loss_arguments.items())
    return told or "defaults"


def _check_budgets(found):
    for name in BUDGET:
        values = {label: getattr(own, name) for label, own in found.items()}
        if len(set(values.values())) > 1:
            raise ValueError(
                expected(
                    f"one {name} for all that is compared: with more of it a loss would look "
                    "better than it is",
                    **{name: values},
                )
            )
