"""Keras callbacks: retrieval figures and what TensorBoard shows of embeddings, during fit."""

from tfmetric.callbacks.projector import write_projector
from tfmetric.callbacks.retrieval import RetrievalEvaluation
from tfmetric.callbacks.tensorboard import EmbeddingTensorBoard

__all__ = ["EmbeddingTensorBoard", "RetrievalEvaluation", "write_projector"]
