"""Passes a memory of earlier batches to losses and their parts."""

import inspect

from tfmetric._errors import expected


def takes_memory(loss):
    """Returns whether a loss, or each of its parts, takes a :class:`tfmetric.losses.Memory`."""
    return "memory" in inspect.signature(loss.__call__).parameters


def applied(loss, y_true, y_pred, sample_weight, memory=None, references=None):
    """Computes the loss of a batch, with the memory and the references if there are any."""
    given = {"memory": memory, "references": references}
    more = {name: value for name, value in given.items() if value is not None}
    if more and not takes_memory(loss):
        others = " and ".join(_NAMES[name] for name in more)
        raise ValueError(expected(f"losses on labels and embeddings beside {others}", loss=loss))
    return loss(y_true, y_pred, sample_weight, **more)


_NAMES = {"memory": "a memory", "references": "references"}
