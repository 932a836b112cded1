"""Margin loss: a fixed or learned threshold β between positives and negatives."""

from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _arguments, _inputs
from tfmetric.losses.base import Terms, check_margin, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Count, Sum
from tfmetric.mining import drawn_negatives
from tfmetric.typing import Array, Distance, Match, Tensor

MINING = ("all", "distance-weighted")


def margin_terms(
    matrix: Tensor,
    positives: Tensor,
    negatives: Tensor,
    alpha: float = 0.2,
    beta: float = 1.2,
    draws: Any = None,
) -> Terms:
    """Computes the terms of the pairs of each anchor.

    The function under :class:`MarginLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        alpha: Half of the gap between positives and negatives.
        beta: The threshold, a number or ``(B, 1)``.
        draws: ``(B, N)`` number of draws of each negative; by default all count once.
    """
    hinge = ops.relu(alpha + ops.where(positives, matrix - beta, beta - matrix))
    nothing = ops.zeros_like(hinge)
    times = ops.ones_like(hinge) if draws is None else draws
    times = ops.where(positives, 1.0, ops.where(negatives, times, nothing))
    return Terms(
        ops.sum(ops.where(times > 0, times * hinge, nothing), axis=1),
        ops.sum(times, axis=1),
        ops.sum(ops.where(hinge > 0, times, nothing), axis=1),
    )


@keras.saving.register_keras_serializable(package="tfmetric")
class MarginLoss(PairLoss):
    """Margin loss with distance-weighted sampling.

    Positives must be nearer than β − α and negatives further than β + α. One negative is drawn for
    each positive of an anchor, such that all distances beyond 0.5 are equally likely: hard
    negatives are drawn often, without the noise of the very hardest.

    Use it for retrieval and clustering where a relative loss on few negatives is unstable. Unlike a
    triplet loss it also fixes an absolute distance, which verification needs.

    β may be learned, for all classes together or for each class. End the training model with
    :class:`tfmetric.layers.LearnedMargin`, which appends β to the embedding, and set
    ``learned_betas`` to the number of appended columns. The embedder stays a separate model::

        training = keras.Sequential([embedder, tm.layers.LearnedMargin()])
        training.compile("adam", loss=tm.losses.MarginLoss(learned_betas=1))

    Formula:
        With d the distance of a pair, a positive costs the first term, a negative the second:

            max(0, α + d − β)
            max(0, α + β − d)

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``; ``y_pred`` embeddings ``(B, D)`` of length
    1, as the defaults assume: end the embedder with :class:`tfmetric.layers.L2Normalization`.

    Args:
        alpha: α, at least 0, in units of the distance.
        beta: β, a number; learned values (``learned_betas``) are added to it.
        mining: "distance-weighted" negatives as above, or "all" of them.
        learned_betas: Number of last columns of ``y_pred`` that are β: 0; 1 for all classes; or the
            number of classes, whose ids must then be 0, 1, 2 and so on.
        distance: As in :class:`PairLoss`.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`; "auto" is "mean_over_active".
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range, or ``y_pred`` has no more columns
            than ``learned_betas``.

    Example:

    >>> import numpy as np
    >>> loss = MarginLoss(alpha=0.2, beta=1.2, mining="all")
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.9424

    References:
        Wu, Manmatha, Smola, Krähenbühl: Sampling Matters in Deep Embedding Learning (2017), sec. 4;
        β of a class by eq. 7.
    """

    auto_reduction = "mean_over_active"

    def __init__(
        self,
        alpha: float = 0.2,
        beta: float = 1.2,
        mining: Any = "distance-weighted",
        learned_betas: Any = 0,
        distance: Distance = "euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "margin_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        if mining not in MINING:
            raise ValueError(expected(f"mining to be one of {', '.join(MINING)}", mining=mining))
        self.alpha = check_margin(alpha, "alpha")
        self.beta = _arguments.number("beta", beta, -1e6, 1e6)
        self.mining = mining
        self.learned_betas = _arguments.whole("learned_betas", learned_betas, 0)
        if self.learned_betas > 1 and match is not None:
            raise ValueError(expected("a β for each class with class ids only", match=match))

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        alpha, beta = self.alpha, self.beta
        pulled = alpha + positives.distance - beta
        active = ops.logical_and(positives.mask, pulled > 0)
        pull = gather_terms(ops.relu(pulled), positives.mask, active)
        push, active = negatives.reduce(
            Sum(
                lambda distance: ops.relu((alpha + beta) - distance),
                lambda distance: -ops.cast(distance < alpha + beta, distance.dtype),
            ),
            Count(lambda distance: distance < alpha + beta),
        )
        push = Terms(push, negatives.number, active)
        return Terms(*map(ops.add, pull, push))

    def streams(self) -> bool:
        """Returns False for draws and learned thresholds, which are not sums over negatives."""
        return super().streams() and self.mining == "all" and not self.learned_betas

    def row_terms(
        self, labels: Array, embeddings: Array, references: Any = None, members: Any = None
    ) -> Terms:
        """See :class:`PairLoss`."""
        embeddings, betas = self._split(embeddings)
        others = embeddings
        if references is not None:
            others, _ = self._split(references.embeddings)
            references = references._replace(embeddings=others)
        beta = self.beta
        if self.learned_betas > 1:
            betas = ops.take_along_axis(betas, ops.cast(labels[:, None], "int32"), axis=1)
        if self.learned_betas:
            beta = beta + betas
        matrix, positives, negatives = self.pairs(labels, embeddings, references, members)
        draws = None
        if self.mining == "distance-weighted":
            constant = ops.stop_gradient(embeddings), ops.stop_gradient(others)
            number = ops.sum(ops.cast(positives, "int32"), axis=1)
            draws = drawn_negatives(*constant, negatives, number)
        return margin_terms(matrix, positives, negatives, self.alpha, beta, draws)

    def _split(self, y_pred):
        """Splits ``y_pred`` into the embeddings and the learned β."""
        dim = y_pred.shape[1] - self.learned_betas
        if dim < 1:
            raise ValueError(
                expected(
                    f"embeddings followed by {self.learned_betas} columns of layers.LearnedMargin",
                    y_pred_shape=tuple(y_pred.shape),
                )
            )
        return y_pred[:, :dim], y_pred[:, dim:]

    def read_labels(self, y_true: Tensor) -> Any:
        """Checks the class ids where each class has its β."""
        if self.learned_betas > 1:
            return _inputs.proxy_indices(y_true, self.learned_betas)
        return super().read_labels(y_true)
