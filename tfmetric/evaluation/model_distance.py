"""The distance that a model was trained for."""

from typing import Any

from tfmetric import distances
from tfmetric.distances import Distance
from tfmetric.losses import ProxyLoss


def distance_of_loss(loss: Any) -> Distance | None:
    """The distance that a loss compares embeddings by, or None where it does not say.

    Args:
        loss: A loss of ``tfmetric.losses``, also a ``WeightedSum`` or ``MatryoshkaLoss`` of others;
            anything else says nothing.

    Returns:
        The distance. A weighted sum says one only where all its parts that say one agree. Losses on
        class proxies compare by the cosine.
    """
    if isinstance(loss, ProxyLoss):
        return distances.get("cosine")
    found = getattr(loss, "distance", None)
    if isinstance(found, Distance):
        return found
    parts = getattr(loss, "losses", None) or getattr(loss, "loss", None)
    parts = parts if isinstance(parts, (list, tuple)) else [parts]
    said = [d for part in parts if part is not None and (d := distance_of_loss(part)) is not None]
    return said[0] if said and all(d.name == said[0].name for d in said) else None


def judging_distance(model: Any, distance: Any = None) -> tuple[Distance, str]:
    """The distance to judge a model by, and where it comes from.

    Args:
        model: A model, compiled or not.
        distance: A name, function or ``Distance``; None for that of the model's loss.

    Returns:
        The distance, and "as given", "that of the model's loss" or "the default".
    """
    if distance is not None:
        return distances.get(distance), "as given"
    found = distance_of_loss(getattr(model, "loss", None))
    if found is not None:
        return found, "that of the model's loss"
    return distances.get("euclidean"), "the default"
