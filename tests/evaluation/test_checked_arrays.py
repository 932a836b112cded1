"""Inputs that every evaluation shares: what is no matrix, or no column, is named."""

import numpy as np
import pytest

from tfmetric import evaluation

RAGGED = [[1.0, 2.0], [1.0]]
WHOLE = np.eye(2)


@pytest.mark.parametrize(
    "function",
    [
        evaluation.retrieval,
        evaluation.verification,
        evaluation.knn,
        evaluation.nearest_class_mean,
        evaluation.clustering,
        evaluation.health,
        evaluation.few_shot,
    ],
)
def test_ragged_rows_are_named(function):
    with pytest.raises(ValueError, match=r"Expected embeddings .* Received: lengths=\[1, 2\]"):
        function(RAGGED, [0, 1])
    with pytest.raises(ValueError, match=r"Expected labels .* Received: lengths=\[1, 2\]"):
        function(WHOLE, [[0], [0, 1]])
