"""Pretrained word vectors from a local folder, as a text tower."""

from __future__ import annotations

from typing import Any

from tfmetric._errors import expected
from tfmetric.models.towers.options import Features, Options


def static_vectors(x: Any, options: Options) -> Features:
    """Strings ``(B,)`` to the weighted sum of the vectors of their tokens."""
    raise ValueError(expected("weights", weights=options.weights))
