"""TensorBoard: retrieval figures, neighbour galleries and the embedding projector during fit."""

import copy
from numbers import Integral
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.callbacks.projector import write_projector
from tfmetric.datasets.labeled import LabeledData
from tfmetric.elements import element_of_shape
from tfmetric.evaluation import embed, retrieval
from tfmetric.evaluation.checked_arrays import check_ks
from tfmetric.evaluation.examples_and_labels import inputs_of, labels_of
from tfmetric.typing import Distance, PathLike
from tfmetric.visualization import find_neighbors, neighbor_gallery
from tfmetric.visualization._style import short


class EmbeddingTensorBoard(keras.callbacks.Callback):
    """Writes figures and pictures of the embeddings of ``data`` for TensorBoard, every few epochs.

    - scalars ``retrieval/recall_at_1``, ``retrieval/map_at_r``, ... of each evaluation;
    - images ``neighbours``: some queries, the same each time, with their neighbours;
    - the projector: embeddings, names of classes and groups, and thumbnails of images.

    Look at them with ``tensorboard --logdir LOG_DIR``. ``keras.callbacks.TensorBoard`` writes the
    loss and the logs, those of :class:`RetrievalEvaluation` included; give it the same ``log_dir``
    to show both together. Needs TensorFlow on any backend.

    Args:
        log_dir: Directory for TensorBoard; one per run, such as ``"logs/run-1"``.
        data: A ``LabeledData`` or a pair (inputs, labels), preferably of classes not used in
            training, and few enough to embed quickly.
        every: Epochs between two evaluations. The first and the last epoch are always written.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        ks: The k of recall@k and precision@k.
        queries: Queries in the gallery; 0 for no gallery.
        neighbours: Number of neighbours of each.
        projector: Whether embeddings are written for the projector.
        max_points: Examples in the projector at most, drawn at random.
        batch_size: Examples embedded at a time.
        embedder: The model to embed with, if it is not the trained model.
        seed: Seed of the random choices.

    Raises:
        ValueError: If an argument is out of its range.
        ImportError: If TensorBoard or TensorFlow is not installed.

    Example:

    >>> import pathlib, tempfile, numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 4
    >>> model = tm.models.embedder((3,), embedding_dim=2)
    >>> model.compile("adam", loss=tm.losses.TripletLoss())
    >>> logs = tempfile.mkdtemp()
    >>> board = EmbeddingTensorBoard(logs, (x, labels), queries=0)
    >>> _ = model.fit(x, labels, verbose=0, callbacks=[board])
    >>> sorted(path.name for path in pathlib.Path(logs).iterdir() if path.suffix == ".tsv")
    ['embeddings.tsv', 'metadata.tsv']
    """

    def __init__(
        self,
        log_dir: PathLike,
        data: Any,
        every: int = 1,
        distance: Distance = "euclidean",
        ks: Any = (1, 5),
        queries: int = 6,
        neighbours: int = 8,
        projector: bool = True,
        max_points: int = 2000,
        batch_size: int = 256,
        embedder: keras.Model | None = None,
        seed: int = 0,
    ):
        super().__init__()
        limits = {"every": (every, 1), "queries": (queries, 0), "neighbours": (neighbours, 1)}
        for name, (value, least) in {**limits, "max_points": (max_points, 1)}.items():
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(
                    expected(f"{name} to be an integer from {least} on", **{name: value})
                )
        self.log_dir = Path(log_dir)
        self.data = data
        self.labels = np.asarray(labels_of(data)).reshape(-1)
        self.every = every
        self.distance = distances.get(distance)
        self.ks = check_ks(ks)
        self.neighbours = neighbours
        self.projector = projector
        self.batch_size = batch_size
        self.embedder = embedder
        rng = np.random.default_rng(seed)
        count = len(self.labels)
        self.points = np.sort(rng.choice(count, min(max_points, count), replace=False))
        self.queries = self._one_a_class(rng, queries)
        self._writer: Any = None
        self._written: int | None = None
        self._epoch: int | None = None

    def __deepcopy__(self, memo):
        # A copied embedder would not be the trained one, and copied data wastes memory.
        return copy.copy(self)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Opens the log."""
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(self.log_dir))
        self._written = self._epoch = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluates and writes if due."""
        self._epoch = epoch
        if self._written is None or (epoch + 1) % self.every == 0:
            self._write(epoch)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Writes the last epoch if necessary, and closes the log."""
        if self._epoch != self._written:
            self._write(self._epoch)
        self._writer.close()
        self._writer = None

    def _write(self, epoch):
        import tensorflow as tf

        model = self.embedder if self.embedder is not None else self.model
        embeddings = embed(model, self.data, self.batch_size)
        found = retrieval(embeddings, self.labels, distance=self.distance, ks=self.ks)
        with self._writer.as_default(step=epoch):
            for name, value in found.figures().items():
                tf.summary.scalar(f"retrieval/{name}", value)
            if len(self.queries):
                tf.summary.image("neighbours", self._gallery(embeddings))
        self._writer.flush()
        if self.projector:
            write_projector(
                self.log_dir,
                embeddings[self.points],
                self._names(self.points),
                groups=self._groups(),
                images=self._images(),
            )
        self._written = epoch

    def _one_a_class(self, rng, number):
        """Returns the queries of the gallery: one example of each class with another example."""
        _, first, counts = np.unique(self.labels, return_index=True, return_counts=True)
        able = np.flatnonzero(counts > 1)
        return first[rng.permutation(able)[:number]]

    def _gallery(self, embeddings):
        found = find_neighbors(
            embeddings, self.labels, self.queries, self.neighbours, 0, self.distance
        )
        flat = self._read(found.indices.reshape(-1))
        figure = neighbor_gallery(
            self._read(found.queries),
            flat.reshape(*found.indices.shape, *flat.shape[1:]),
            found.right,
            [short(name, 14) for name in self._names(found.queries)],
            [[short(name, 14) for name in self._names(row)] for row in found.indices],
        )
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[None, ..., :3]

    def _read(self, indices):
        if isinstance(self.data, LabeledData):
            return self.data.read(indices)
        return inputs_of(self.data)[indices]

    def _names(self, indices):
        names = self.data.class_names if isinstance(self.data, LabeledData) else None
        labels = self.labels[indices]
        return [str(label if names is None else names[int(label)]) for label in labels]

    def _groups(self):
        groups = self.data.groups if isinstance(self.data, LabeledData) else None
        return None if groups is None else np.asarray(groups)[self.points]

    def _images(self):
        inputs = None if isinstance(self.data, LabeledData) else inputs_of(self.data)
        if inputs is None:
            element = self.data.element
        else:
            element = None if isinstance(inputs, dict) else element_of_shape(inputs.shape[1:])
        flat = element is not None and element.kind == "image" and not element.volume
        return self._read(self.points) if flat else None
