"""Losses with parts, in a training with a memory."""

import inspect

from tfmetric._errors import expected


def takes_memory(loss):
    """Whether a loss takes a :class:`tfmetric.losses.Memory`, for itself or for its parts."""
    return "memory" in inspect.signature(loss.__call__).parameters


def applied(loss, y_true, y_pred, sample_weight, memory=None, references=None):
    """The loss of a batch, given the memory and the references if there are such."""
    given = {"memory": memory, "references": references}
    more = {name: value for name, value in given.items() if value is not None}
    if more and not takes_memory(loss):
        others = " and ".join(_NAMES[name] for name in more)
        raise ValueError(expected(f"losses on labels and embeddings beside {others}", loss=loss))
    return loss(y_true, y_pred, sample_weight, **more)


_NAMES = {"memory": "a memory", "references": "references"}
