"""Export: versioned SavedModels for servers and Python, and models for the edge."""

from tfmetric._answers import Classified, Neighbors, Verified
from tfmetric._foreign_names import answering
from tfmetric.export.deployment import serve_config
from tfmetric.export.edge import litert, onnx
from tfmetric.export.edge_report import EdgeFigures, EdgeModel, EdgeReport, edge_report
from tfmetric.export.loading import Servable, load
from tfmetric.export.saving import save
from tfmetric.export.storage_recall import storage_recall
from tfmetric.export.updating import update_gallery

__all__ = [
    "Classified",
    "EdgeFigures",
    "EdgeModel",
    "EdgeReport",
    "Neighbors",
    "Servable",
    "Verified",
    "edge_report",
    "litert",
    "load",
    "onnx",
    "save",
    "serve_config",
    "storage_recall",
    "update_gallery",
]

__getattr__ = answering(__name__)
