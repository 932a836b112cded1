"""The settings that a benchmark compares, by label and with equal budgets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.training.losses import loss_arguments

# Settings that decide how many examples a training sees.
BUDGET = ("epochs", "batches_per_epoch", "classes_per_batch", "examples_per_class")
# Settings that may differ in a fair comparison, with the loss.
_FREE = {"loss", "loss_arguments", "learning_rate", "weight_decay", *BUDGET}


def contenders(losses, settings: Settings | None = None) -> dict[str, Settings]:
    """Returns the settings to compare by label.

    Args:
        losses: Names of losses; pairs (name, arguments of the loss) or (label, ``Settings``); or
            a dictionary by label of any of these. One name stands for itself.
        settings: The settings for all that ``losses`` leave open.

    Raises:
        ValueError: If no loss is given, an entry has another form, two have one label, or their
            budgets differ.

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
        # The arguments are added to the label where one loss is compared with several of them.
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
                "losses to compare, each with a label of its own, such as (label, Settings)",
                labels=labels,
            )
        )
    found = dict(entries)
    _check_budgets(found)
    return found


def differing(found: Mapping[str, Settings]) -> dict[str, list]:
    """Returns the settings of network and data that differ among the losses, with their values."""
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
    """Returns the part of a search space that applies to one loss.

    Args:
        search_space: As in :func:`tfmetric.tuning.margin_search`, with arguments of any of the
            compared losses; "LOSS/NAME" is for one of them alone.
        loss: The loss.
        compared: The names of all compared losses.

    Raises:
        ValueError: If a name belongs to no compared loss.
    """
    if not isinstance(search_space, Mapping):
        return search_space
    own = {}
    for key, spec in search_space.items():
        about, _, name = str(key).rpartition("/")
        if about and (about not in compared or name not in loss_arguments(about)):
            raise ValueError(
                expected(
                    f"names of search_space that belong to one of {', '.join(sorted(compared))}",
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
                    f"one {name} for all losses: with more a loss would look better than it is",
                    **{name: values},
                )
            )
