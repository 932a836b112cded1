"""Finds the distance that a model was trained for."""

from typing import Any

from tfmetric import distances
from tfmetric.distances import Distance
from tfmetric.losses import ProxyLoss
from tfmetric.losses.two_sided_loss import TwoSidedLoss


def distance_of_loss(loss: Any) -> Distance | None:
    """Returns the distance of a loss, or None if the loss has none.

    Args:
        loss: A loss of ``tfmetric.losses``, also a ``WeightedSum`` or ``MatryoshkaLoss`` of others;
            anything else has no distance.

    Returns:
        The distance. A weighted sum has a distance only if the distances of its parts agree. Losses
        on class proxies have the cosine distance, and losses on two sides that of their similarity.
    """
    if isinstance(loss, ProxyLoss):
        return distances.get("cosine")
    found = getattr(loss, "distance", None)
    if isinstance(found, Distance):
        return found
    if isinstance(loss, TwoSidedLoss) and (similarity := getattr(loss, "similarity", None)):
        return distances.get(similarity)
    parts = getattr(loss, "losses", None) or getattr(loss, "loss", None)
    parts = parts if isinstance(parts, (list, tuple)) else [parts]
    said = [d for part in parts if part is not None and (d := distance_of_loss(part)) is not None]
    return said[0] if said and all(d.name == said[0].name for d in said) else None


def judging_distance(model: Any, distance: Any = None) -> tuple[Distance, str]:
    """Returns the distance to evaluate a model by, and its origin.

    Args:
        model: A model, compiled or not.
        distance: A name, function or ``Distance``; None for the distance of the model's loss.

    Returns:
        The distance, and "as given", "that of the model's loss" or "the default".
    """
    if distance is not None:
        return distances.get(distance), "as given"
    found = distance_of_loss(getattr(model, "loss", None))
    if found is not None:
        return found, "that of the model's loss"
    return distances.get("euclidean"), "the default"
