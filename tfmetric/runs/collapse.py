"""Detects a collapsed training from its figures and embeddings."""

import numpy as np

from tfmetric.callbacks.collapse import collapsed_loss, stuck_at_margin

# Like CollapseMonitor: the distance from the mean as a share of the length.
_SPREAD = 0.01


def collapse_of(loss, history, embeddings) -> str | None:
    """Returns why a training has collapsed and a remedy, or None if it has not.

    Args:
        loss: The loss of the training.
        history: The logs of the epochs by name.
        embeddings: (N, D) of the test part.
    """
    losses = history.get("loss") or ()
    reason = _one_point(np.asarray(embeddings)) or stuck_at_margin(losses, loss)
    if reason is None:
        return None
    easier = (
        "take easier triplets (warmup=True or mining='semi-hard'), lower the learning rate, "
        "or put more classes into a batch"
        if collapsed_loss(loss) is not None
        else "lower the learning rate, put more classes into a batch, or take another loss"
    )
    return f"{reason}. To recover, {easier}."


def note_collapse(found, loss, embeddings) -> None:
    """Adds ``collapsed`` and, where it is true, the reason as ``collapse``, to the metrics.

    A search may have added them already.
    """
    if found.get("collapsed"):
        return
    reason = collapse_of(loss, found.get("history") or {}, embeddings)
    found["collapsed"] = reason is not None
    if reason:
        found["collapse"] = reason


def _one_point(embeddings):
    if len(embeddings) < 2 or not np.isfinite(embeddings).all():
        return None
    length = float(np.linalg.norm(embeddings, axis=1).mean())
    mean = embeddings.mean(axis=0)
    spread = float(np.linalg.norm(embeddings - mean, axis=1).mean())
    # Embeddings that are all 0 count too.
    if spread > _SPREAD * length:
        return None
    return f"all embeddings are nearly one: {spread:.2g} from their mean and {length:.2g} long"
