"""Keras callbacks: retrieval figures, collapse detection, exact resumption, TensorBoard."""

from tfmetric._foreign_names import answering
from tfmetric.callbacks.checkpoint import Checkpoint
from tfmetric.callbacks.collapse import CollapseMonitor
from tfmetric.callbacks.links import LinkEvaluation
from tfmetric.callbacks.projector import write_projector
from tfmetric.callbacks.retrieval import RetrievalEvaluation
from tfmetric.callbacks.tensorboard import EmbeddingTensorBoard

__all__ = [
    "Checkpoint",
    "CollapseMonitor",
    "EmbeddingTensorBoard",
    "LinkEvaluation",
    "RetrievalEvaluation",
    "write_projector",
]

__getattr__ = answering(__name__)
