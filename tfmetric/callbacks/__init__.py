"""Keras callbacks: retrieval figures during fit."""

from tfmetric.callbacks.retrieval import RetrievalEvaluation

__all__ = ["RetrievalEvaluation"]
