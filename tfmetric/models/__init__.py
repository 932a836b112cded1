"""Models: the embedder, and the Siamese and triplet models that share one."""

from tfmetric.models.embedder import embedder
from tfmetric.models.siamese import siamese, triplet

__all__ = ["embedder", "siamese", "triplet"]
