"""Export: versioned SavedModels that embed and search, for TensorFlow Serving and for Python."""

from tfmetric.export.loading import Neighbours, Servable, load
from tfmetric.export.saving import save

__all__ = ["Neighbours", "Servable", "load", "save"]
