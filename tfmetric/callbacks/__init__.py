"""Keras callbacks: retrieval figures, collapse, and what TensorBoard shows of embeddings."""

from tfmetric.callbacks.collapse import CollapseMonitor
from tfmetric.callbacks.projector import write_projector
from tfmetric.callbacks.retrieval import RetrievalEvaluation
from tfmetric.callbacks.tensorboard import EmbeddingTensorBoard

__all__ = [
    "CollapseMonitor",
    "EmbeddingTensorBoard",
    "RetrievalEvaluation",
    "write_projector",
]
