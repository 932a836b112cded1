"""Retrieval figures during fit."""

import copy
from numbers import Integral

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation import embed, retrieval
from tfmetric.evaluation.embedding import labels_of
from tfmetric.evaluation.inputs import check_ks


class RetrievalEvaluation(keras.callbacks.Callback):
    """Embeds ``data`` after an epoch and writes its retrieval figures into the logs.

    The progress bar, the history and every callback that stands after this one in the list see
    ``val_recall_at_1``, ``val_precision_at_1``, ..., ``val_r_precision``, ``val_map_at_r`` and
    ``val_mrr``: put it before EarlyStopping, ModelCheckpoint and TensorBoard, and give those
    ``mode="max"``. Judge a search by ``val_map_at_r``, not by ``val_loss``: a margin rescales the
    loss.

    The figures are written every epoch: where ``every`` is more than 1, an epoch without an
    evaluation repeats the last ones, so that who monitors them always finds them. The first epoch
    is always evaluated.

    It may be deep-copied, as Keras Tuner does, and used in several fits. A copy shares the data and
    the ``embedder``.

    Args:
        data: A ``LabeledData`` or a pair (inputs, labels), best of classes that are not trained
            on.
        every: Evaluate every so many epochs. Defaults to 1.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        ks: The k of recall@k and precision@k, one or several. Defaults to (1, 5).
        prefix: What the names in the logs begin with. Defaults to ``"val_"``.
        batch_size: Examples embedded at a time. Defaults to 256.
        max_queries: Query with a random sample of so many examples, the same one each epoch;
            all examples stay references. Defaults to None: all.
        embedder: The model to evaluate, where it is not the one that is trained: give it when a
            siamese or triplet model is.
        seed: Seed of the sample of queries.

    Raises:
        ValueError: If an argument makes no sense; during fit, if an embedding is NaN or infinite.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 4
    >>> model = tm.models.embedder((3,), embedding_dim=2)
    >>> model.compile("adam", loss=tm.losses.TripletLoss())
    >>> judge = RetrievalEvaluation((x, labels), ks=(1,))
    >>> sorted(model.fit(x, labels, verbose=0, callbacks=[judge]).history)[1:]
    ['val_map_at_r', 'val_mrr', 'val_precision_at_1', 'val_r_precision', 'val_recall_at_1']
    """

    def __init__(
        self,
        data,
        every: int = 1,
        distance="euclidean",
        ks=(1, 5),
        prefix: str = "val_",
        batch_size: int = 256,
        max_queries: int | None = None,
        embedder=None,
        seed: int = 0,
    ):
        super().__init__()
        for name, value in (("every", every), ("max_queries", max_queries)):
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            # max_queries alone may be None.
            if not ((whole and value > 0) or (name == "max_queries" and value is None)):
                raise ValueError(expected(f"{name} to be an integer above 0", **{name: value}))
        self.data = data
        self.labels = labels_of(data)
        self.every = every
        self.distance = distances.get(distance)
        self.ks = check_ks(ks)
        self.prefix = prefix
        self.batch_size = batch_size
        self.embedder = embedder
        self.queries = None
        if max_queries is not None and max_queries < len(self.labels):
            chosen = np.random.default_rng(seed).choice(len(self.labels), max_queries, False)
            self.queries = np.sort(chosen)
        self.figures = {}
        self.result = None

    def __deepcopy__(self, memo):
        # A copied embedder would not be the one that is trained, and copied data only takes room.
        return copy.copy(self)

    def on_train_begin(self, logs=None):
        """Forgets the figures of an earlier fit."""
        self.figures, self.result = {}, None

    def on_epoch_end(self, epoch, logs=None):
        """Evaluates, if it is time to, and writes the figures into ``logs``."""
        if not self.figures or (epoch + 1) % self.every == 0:
            self.result = self._evaluate(epoch)
            figures = self.result.figures()
            self.figures = {f"{self.prefix}{name}": value for name, value in figures.items()}
        # Keras hands one dictionary to all callbacks in turn, its history and progress bar last.
        if logs is not None:
            logs.update(self.figures)

    def _evaluate(self, epoch):
        model = self.embedder if self.embedder is not None else self.model
        embeddings = embed(model, self.data, self.batch_size)
        bad = ~np.isfinite(embeddings).all(axis=1)
        if bad.any():
            raise ValueError(
                expected(
                    "finite embeddings; training has diverged: lower the learning rate, clip the "
                    "gradients (clipnorm=1.0), or check the inputs for NaN",
                    epoch=epoch + 1,
                    rows_not_finite=int(bad.sum()),
                    of=len(bad),
                )
            )
        return retrieval(
            embeddings, self.labels, distance=self.distance, ks=self.ks, queries=self.queries
        )
