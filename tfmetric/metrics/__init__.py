"""Keras metrics to watch during fit: ``model.compile(loss=..., metrics=[...])``."""

from tfmetric.metrics.batch import BatchRecallAtOne

__all__ = ["BatchRecallAtOne"]
