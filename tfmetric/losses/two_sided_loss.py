"""The base of the losses on links between two sides, such as questions and their answers."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _inputs
from tfmetric.losses.base import EmbeddingLoss, Terms, takes_references
from tfmetric.losses.references import Memory, References, joined_labels, read_batch
from tfmetric.mining import by_class
from tfmetric.typing import Tensor


class Links(NamedTuple):
    """The links of a batch in one direction.

    Attributes:
        labels: ``(B,)`` integer id of the candidate of each link.
        anchors: ``(B, D)`` embeddings of one side.
        references: :class:`References`: the other side of all links, then what else the anchors
            are compared with. The anchors are not among them.
        partner: ``(B,)`` index of each link's other side among the references.
        forward: Whether the anchors are the queries.
    """

    labels: Any
    anchors: Any
    references: References
    partner: Any
    forward: bool


class TwoSidedLoss(EmbeddingLoss):
    """Base of the losses on links of a query and a candidate.

    A batch holds B links. :func:`tfmetric.models.two_tower` gives their two embeddings side by
    side. A subclass implements :meth:`link_terms`.

    Inputs: ``y_true`` ``(B,)`` the ids of the candidates; two links of one candidate have the same
    id. ``y_pred`` ``(B, 2, D)``: queries, then candidates; or ``(B, 2 + H, D)`` with H explicit
    negatives of each query, which are negatives of every query of the batch. ``y_true``
    ``(B, 1 + H)`` gives the ids of those too; without them they are candidates of no link.

    Args:
        symmetric: Whether the loss is the mean of both directions: candidates for queries, and
            queries for candidates.
        reduction: As in :class:`EmbeddingLoss`, each anchor being a query.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
        gather: As in :class:`EmbeddingLoss`.
    """

    def __init__(
        self,
        symmetric: bool = False,
        reduction: str | None = "auto",
        name: str | None = None,
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype, gather=gather)
        self.symmetric = bool(symmetric)

    def link_terms(self, links: Links) -> Terms:
        """Computes the terms of each anchor in one direction.

        Args:
            links: :class:`Links`.
        """
        raise NotImplementedError

    # A batch with two sides brings its references: the base's argument is missing on purpose.
    def call(self, y_true: Tensor, y_pred: Tensor, memory: Memory | None = None) -> Tensor:  # type: ignore[override]
        """Values ``(B,)`` whose plain mean, or sum, is the reduced loss.

        Args:
            y_true: Ids of the candidates.
            y_pred: Embeddings of both sides.
            memory: Candidates of earlier batches to compare the queries with besides; they get no
                gradient.
        """
        y_true, y_pred = _inputs.rows(y_true), ops.convert_to_tensor(y_pred)
        if len(y_pred.shape) != 3 or None in y_pred.shape[1:] or y_pred.shape[1] < 2:
            raise ValueError(
                expected(
                    "y_pred to be embeddings (batch, 2, dim) of both sides, as models.two_tower "
                    "gives them",
                    y_pred_shape=tuple(y_pred.shape),
                )
            )
        if _inputs.at_hand(y_true) is None:
            # Both sides must have one type, and joined ids are comparable ones.
            y_true = _inputs.comparable(y_true)
        replicas, number = self._replicas(), y_pred.shape[1] - 2
        ids, others = _ids(y_true, number)
        queries, candidates = y_pred[:, 0], y_pred[:, 1]

        def read(x, labels, y, memory=None):
            compute = "float64" if self.dtype == "float64" else "float32"
            partner = ops.arange(ops.shape(y_pred)[0], dtype="int32")
            given = References._make((labels, y, partner, None, None))
            return read_batch(ids, x, self.read_labels, compute, replicas, memory, given)

        labels, compared = ids, candidates
        if number:
            labels = joined_labels(ids, *([ids] * number if others is None else [others]))
            negatives = ops.reshape(y_pred[:, 2:], (-1, y_pred.shape[2]))
            compared = ops.concatenate([candidates, negatives])
        batch = read(queries, labels, compared, memory)
        if number and others is None:
            batch = _apart(batch, ops.shape(y_pred)[0], number, replicas)
        terms = self.link_terms(_links(batch, True))
        if self.symmetric:
            back = self.link_terms(_links(read(candidates, ids, queries), False))
            terms = Terms(*(0.5 * (one + other) for one, other in zip(terms, back, strict=True)))
        return self.values_of(terms, batch.right, y_pred, replicas)

    def __call__(  # type: ignore[override]
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Any = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """The reduced loss; see the class.

        Args:
            y_true: ``(B,)`` ids of the candidates.
            y_pred: ``(B, 2, D)`` embeddings of queries and candidates.
            sample_weight: ``(B,)`` weights of the links, or None.
            memory: :class:`Memory` of further candidates; it gets no gradient.
        """
        return super().__call__(y_true, y_pred, sample_weight, memory)


def _ids(y_true, number):
    """Ids of the candidates, and of the explicit negatives, None where they are not given."""
    shape = tuple(y_true.shape[1:])
    if number and shape == (1 + number,):
        own, others = y_true[:, 0], y_true[:, 1:]
        flat = np.reshape if isinstance(y_true, np.ndarray) else ops.reshape
        return own, flat(others, (-1,))
    return y_true, None


def _links(batch, forward):
    given = batch.references
    return Links(batch.labels, batch.embeddings, given._replace(own=None), given.own, forward)


def _apart(batch, size, number, replicas):
    """The batch with explicit negatives as candidates of no link."""
    given = batch.references
    added = ops.concatenate(
        [ops.zeros((size,), dtype="int32"), ops.ones((size * number,), dtype="int32")]
    )
    added = _inputs.at_least_one_row(replicas.gather(added) if replicas else added) > 0
    labels = ops.concatenate([given.labels, batch.labels])
    whole, known = ops.shape(labels)[0], ops.shape(given.labels)[0]
    classes = by_class(labels)
    numbers = ops.take(classes.start, classes.back)
    place = ops.arange(known, dtype="int32")
    added = ops.concatenate([added, ops.zeros((known - ops.shape(added)[0],), dtype="bool")])
    theirs = ops.where(added, whole + place, numbers[:known])
    return batch._replace(labels=numbers[known:], references=given._replace(labels=theirs))


@keras.saving.register_keras_serializable(package="tfmetric")
class OnTwoSides(TwoSidedLoss):
    """Applies any loss on labels and embeddings to the links of queries and candidates.

    Each query is an anchor, the candidates of its id are its positives, all other candidates its
    negatives: queries are not compared with queries. ``OnTwoSides(MultipleNegativesRankingLoss())``
    equals the loss of Sentence-Transformers, ``OnTwoSides(NPairsLoss())`` equals Sohn's.

    Formula:
        With ℓ(a; P, N) the sum of the loss's terms for an anchor a, its positives P and its
        negatives N, and q, c and id the queries, the candidates and their ids, link i gives

            ℓ(q_i; {c_j : id_j = id_i}, {c_j : id_j ≠ id_i})

    Inputs: As in :class:`TwoSidedLoss`.

    Args:
        loss: A loss on labels and embeddings that takes references: every pair loss and
            :class:`tfmetric.losses.TripletLoss`, for example. Its reduction, dtype and ``gather``
            apply.
        symmetric: As in :class:`TwoSidedLoss`.
        name: Name of the loss.

    Raises:
        ValueError: If ``loss`` takes no references.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> loss = OnTwoSides(tm.losses.MultipleNegativesRankingLoss())
    >>> both = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.arange(2), both)), 4)
    1.62

    References:
        Henderson et al.: Efficient Natural Language Response Suggestion for Smart Reply (2017),
        section 4.4; Sohn: Improved Deep Metric Learning with Multi-class N-pair Loss Objective
        (2016), eq. 7.
    """

    def __init__(self, loss: Any, symmetric: bool = False, name: str | None = "on_two_sides"):
        loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(loss, EmbeddingLoss) or isinstance(loss, TwoSidedLoss):
            raise ValueError(expected("a loss on labels and embeddings, one side each", loss=loss))
        if not takes_references(loss):
            raise ValueError(
                expected("a loss that can compare a batch with other examples", loss=loss)
            )
        super().__init__(symmetric, loss.reduction, name, loss.dtype, loss.gather)
        self.loss = loss

    @property
    def auto_reduction(self) -> str:
        """The reduction that "auto" means for the loss."""
        return self.loss.auto_reduction

    def read_labels(self, y_true: Tensor) -> Any:
        """Reads labels as the loss does."""
        return self.loss.read_labels(y_true)

    def link_terms(self, links: Any) -> Terms:
        """See :class:`TwoSidedLoss`."""
        return self.loss.terms(links.labels, links.anchors, links.references)
