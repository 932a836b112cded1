"""Retrieval figures of queries that are looked for in a gallery, after each epoch."""

from __future__ import annotations

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.evaluation import embed, retrieval
from tfmetric.tuning.retrieval_objective import ks_for

# More queries than this are sampled: they cost an epoch's time and sharpen the figure little.
MOST_QUERIES = 2000


class GalleryRetrieval(keras.callbacks.Callback):
    """Writes one figure into the logs after each epoch, as ``val_`` and its name.

    Use it where the classes that are judged are trained on too: queries are new examples, and the
    gallery holds the training part.

    Args:
        queries: The examples to look for; a random sample where they are more than 2,000.
        gallery: The examples to look among.
        figure: Name of the retrieval figure.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        embedder: The model to judge, which may be a part of the one that is trained.
    """

    def __init__(self, queries: LabeledData, gallery: LabeledData, figure, distance, embedder):
        super().__init__()
        if len(queries) > MOST_QUERIES:
            chosen = np.random.default_rng(0).choice(len(queries), MOST_QUERIES, replace=False)
            queries = queries.subset(np.sort(chosen))
        self.queries, self.gallery, self.figure = queries, gallery, figure
        self.distance, self.embedder = distance, embedder

    def on_epoch_end(self, epoch, logs=None):
        """Writes the figure of the epoch into the logs."""
        embeddings = [embed(self.embedder, data) for data in (self.queries, self.gallery)]
        if not all(np.isfinite(array).all() for array in embeddings):
            raise ValueError(expected("finite embeddings; training has diverged", epoch=epoch + 1))
        found = retrieval(
            embeddings[0],
            self.queries.labels,
            embeddings[1],
            self.gallery.labels,
            distance=self.distance,
            ks=ks_for(self.figure),
            progress=False,
        )
        if logs is not None:
            logs[f"val_{self.figure}"] = found.figures()[self.figure]
