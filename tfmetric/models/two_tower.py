"""Two towers: queries and candidates in one space, trained on the links between them."""

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments, from_saved_parts, saved
from tfmetric._errors import expected
from tfmetric.layers import LearnedTemperature, StreamingLogQ
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.like_inputs import inputs_like

LOG_Q = (None, "given", "estimated")


def two_tower(
    query: keras.Model,
    candidate: keras.Model | None = None,
    *,
    temperature: LearnedTemperature | None = None,
    log_q: str | None = None,
    negatives: int = 0,
    name: str = "two_tower",
) -> "TwoTower":
    """Makes a model that embeds both sides of a link, such as a question and its answer.

    Use it for questions and answers, images and captions, users and items. Train it by plain
    ``compile`` and ``fit`` with a loss on two sides, on batches ``((queries, candidates), ids)``.
    Evaluate, export and search with ``model.query`` and ``model.candidate``.

    Args:
        query: Embedder of the queries, a model with one output (B, D).
        candidate: Embedder of the candidates, with an output of the same width. None, or the same
            object, embeds both sides with one tower.
        temperature: A :class:`tfmetric.layers.LearnedTemperature`, for a loss with
            ``learned_temperature=True``; None for a fixed temperature.
        log_q: ``"given"``: a further input, ``(B,)`` floats, is the log of the probability that
            the candidate is in a batch. ``"estimated"``: a further input, ``(B,)`` whole numbers,
            is the candidate's id, and :class:`tfmetric.layers.StreamingLogQ` estimates it. For a
            loss with ``log_q=True``. None for no such column.
        negatives: Number of explicit negatives of a query, each a further input like the candidate.
        name: Name of the model.

    Returns:
        A functional model with the inputs ``(query, candidate, negatives..., log_q or id)`` and
        one output ``(B, 2 + negatives, D)``, with the columns of ``temperature`` and ``log_q``
        behind each embedding.

    Raises:
        ValueError: If a tower is not an embedder, the widths differ, or an argument is unknown.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = two_tower(
    ...     tm.models.embedder((5,), embedding_dim=4), tm.models.embedder((3,), embedding_dim=4)
    ... )
    >>> model.compile("adam", loss=tm.losses.InBatchSoftmaxLoss(symmetric=True))
    >>> links = (np.ones((8, 5), "float32"), np.ones((8, 3), "float32"))
    >>> history = model.fit(links, np.arange(8), verbose=0)
    >>> tuple(model.candidate(links[1]).shape)
    (8, 4)

    References:
        Huang et al.: Learning Deep Structured Semantic Models for Web Search using Clickthrough
        Data (2013); Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
        Recommendations (2019), section 3.
    """
    return TwoTower(query, candidate, temperature, log_q, negatives, name=name)


@keras.saving.register_keras_serializable(package="tfmetric")
class TwoTower(keras.Model):
    """The model that :func:`two_tower` makes; see there.

    Attributes:
        query: The embedder of the queries.
        candidate: The embedder of the candidates.
        log_q: None, "given" or "estimated".
    """

    def __init__(
        self, query, candidate=None, temperature=None, log_q=None, negatives=0, name="two_tower"
    ):
        candidate = None if candidate is query else candidate
        other = query if candidate is None else candidate
        check_embedder(query, "query")
        check_embedder(other, "candidate")
        if query.output_shape[-1] != other.output_shape[-1]:
            raise ValueError(
                expected(
                    "two towers of one width",
                    query_dim=query.output_shape[-1],
                    candidate_dim=other.output_shape[-1],
                )
            )
        if temperature is not None and not isinstance(temperature, LearnedTemperature):
            raise ValueError(expected("a layers.LearnedTemperature", temperature=temperature))
        if log_q not in LOG_Q:
            names = ", ".join(map(str, LOG_Q))
            raise ValueError(expected(f"log_q to be one of {names}", log_q=log_q))
        if isinstance(negatives, bool) or not isinstance(negatives, int) or negatives < 0:
            raise ValueError(expected("negatives to be a count of at least 0", negatives=negatives))
        numbered = [f"negative_{i + 1}" for i in range(negatives)]
        inputs = [*inputs_like(query, ["query"]), *inputs_like(other, ["candidate", *numbered])]
        sides = TowerSide(query, name="query_side"), TowerSide(other, name="candidate_side")
        rows = [sides[0](inputs[0]), *(sides[1](x) for x in inputs[1:])]
        rows = ops.stack(rows, axis=1)
        if temperature is not None:
            rows = temperature(rows)
        if log_q is not None:
            given = log_q == "given"
            # Explicit negatives are drawn, not met in a batch by their popularity.
            more = keras.Input((), dtype="float32" if given else "int64", name="log_q")
            inputs.append(more)
            value = more if given else StreamingLogQ(name="streaming_log_q")(more)
            rows = _beside(rows, value, negatives)
        super().__init__(inputs=tuple(inputs), outputs=rows, name=name)
        self.query, self.candidate, self.log_q = query, other, log_q
        self._given = {
            "query": query,
            "candidate": candidate,
            "temperature": temperature,
            "log_q": log_q,
            "negatives": negatives,
        }

    def get_config(self):
        """Every argument."""
        return {"name": self.name, **{key: saved(value) for key, value in self._given.items()}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that ``get_config`` describes."""
        return from_saved_parts(cls, config, custom_objects)


@keras.saving.register_keras_serializable(package="tfmetric")
class TowerSide(ConfigFromArguments, keras.layers.Layer):
    """A tower under a name of its own: the two sides of a model may have towers of one name.

    Args:
        tower: An embedder.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...
    """

    def __init__(self, tower, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.tower = tower

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The layer that ``get_config`` describes."""
        return from_saved_parts(cls, config, custom_objects)

    def call(self, inputs, training=False):
        """The embeddings ``(B, D)`` in float32."""
        return ops.cast(self.tower(inputs, training=training), "float32")

    def compute_output_spec(self, inputs, training=False):
        """The shape of the embeddings."""
        return keras.KerasTensor(self.tower.output_shape, "float32")


def _beside(rows, log_q, negatives):
    """The rows with a column more: log q of the candidate, 0 of the query and of negatives."""
    blank = ops.zeros_like(log_q)
    column = ops.stack([blank, log_q, *[blank] * negatives], axis=1)
    return ops.concatenate([rows, column[:, :, None]], axis=-1)
