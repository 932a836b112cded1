"""Models: the embedder, the models that train it in other ways, and two towers."""

from tfmetric._foreign_names import answering
from tfmetric.models.adapting import adapt
from tfmetric.models.autoencoder import Autoencoder
from tfmetric.models.cached_gradients import CachedGradients
from tfmetric.models.copying import untrained_copy
from tfmetric.models.embedder import embedder
from tfmetric.models.memory import CrossBatchMemory
from tfmetric.models.proxies import with_proxies
from tfmetric.models.self_distillation import BYOL, SimSiam
from tfmetric.models.siamese import siamese, triplet
from tfmetric.models.two_tower import two_tower
from tfmetric.models.two_views import BarlowTwins, SimCLR, VICReg
from tfmetric.models.without_labels import TwoViews, WithoutLabels

__all__ = [
    "BYOL",
    "Autoencoder",
    "BarlowTwins",
    "CachedGradients",
    "CrossBatchMemory",
    "SimCLR",
    "SimSiam",
    "TwoViews",
    "VICReg",
    "WithoutLabels",
    "adapt",
    "embedder",
    "siamese",
    "triplet",
    "two_tower",
    "untrained_copy",
    "with_proxies",
]

__getattr__ = answering(__name__)
