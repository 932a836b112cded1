"""The contract of every loss on labels and embeddings."""

import inspect
from numbers import Real
from typing import Any, NamedTuple

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import narrowed
from tfmetric.losses import _inputs, _replicas
from tfmetric.losses._no_terms import NoTermsWarning
from tfmetric.losses.references import Memory, References, read_batch
from tfmetric.typing import Array, Tensor

GATHER = ("local", "global")
REDUCTIONS = ("auto", "sum_over_batch_size", "mean_over_active", "sum", None)


class Terms(NamedTuple):
    """The loss of each anchor before any reduction.

    Attributes:
        total: ``(B,)`` sum of the anchor's valid terms.
        count: ``(B,)`` number of its valid terms; 0 for an anchor without any.
        active: ``(B,)`` number of its terms that are strictly positive.
    """

    total: Tensor
    count: Tensor
    active: Tensor


def gather_terms(values: Any, valid: Tensor, active: Tensor | None = None) -> Terms:
    """Sums a ``(B, M)`` matrix of terms into one :class:`Terms` row for each anchor.

    Args:
        values: ``(B, M)`` terms.
        valid: ``(B, M)`` booleans: which of them exist.
        active: ``(B, M)`` booleans: which valid terms are strictly positive; by default read from
            their values. Pass it where float32 rounds positive values to 0, as with a soft margin.
    """
    active = ops.logical_and(valid, values > 0) if active is None else active

    def number(mask):
        return ops.sum(ops.cast(mask, values.dtype), axis=1)

    return Terms(
        ops.sum(ops.where(valid, values, ops.zeros_like(values)), axis=1),
        number(valid),
        number(active),
    )


def anchor_terms(values: Any, valid: Tensor, active: Tensor | None = None) -> Terms:
    """Returns one term for each anchor as :class:`Terms`.

    Args:
        values: ``(B,)`` values.
        valid: ``(B,)`` booleans: which anchors have a term.
        active: ``(B,)`` booleans, as in :func:`gather_terms`.
    """
    active = None if active is None else ops.logical_and(valid, active)[:, None]
    return gather_terms(values[:, None], valid[:, None], active)


class Reduced(keras.losses.Loss):
    """Applies Keras's weighting, summing and scaling across replicas to computed values."""

    def call(self, y_true, y_pred):
        """The values."""
        return y_pred


class EmbeddingLoss(ConfigFromArguments, keras.losses.Loss):
    """Base of the losses on class ids and embeddings.

    A subclass implements :meth:`terms`. The base keeps integer labels integer, computes in
    float32 under mixed precision (float64 with ``dtype="float64"``), leaves anchors without a
    valid term out of every sum and count, and reduces.

    With s, c and a the sum, the count and the active count of each anchor's terms and w its
    ``sample_weight``, the reductions are

    * ``"sum_over_batch_size"``: Σ w·s / Σ c
    * ``"mean_over_active"``: Σ w·s / Σ a
    * ``"sum"``: Σ w·s
    * ``None``: the vector w·s / max(c, 1)
    * ``"auto"``: the reduction in :attr:`auto_reduction`.

    A batch with no valid term gives 0 with zero gradient; the first such batch of two or more
    examples raises a warning, except in steps that XLA or JAX compiles. Embeddings with NaN or Inf
    raise an error. Where the backend cannot raise from a compiled step (XLA, JAX) the loss is NaN,
    and ``keras.callbacks.TerminateOnNaN`` stops training. On JAX, ``fit`` keeps the low 32 bits of
    integers unless ``jax_enable_x64`` is set: the ids must differ in those bits.

    Args:
        reduction: "auto", "sum_over_batch_size", "mean_over_active", "sum" or None.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
        gather: The examples that a replica's anchors are compared with under a ``tf.distribute``
            strategy. ``"local"``, the default: with their own shard of the batch; nothing is sent,
            and on R replicas each anchor sees 1/R of the negatives. ``"global"``: with the whole
            batch; value and gradient, counts included, are those of one device. Each step every
            replica then receives the embeddings and labels of all, 4·B·D + 8·B bytes, sends back as
            much gradient, and holds a (B/R) × B matrix. On JAX a batch spread over devices is one
            batch, and this changes nothing.
    """

    @property
    def auto_reduction(self) -> str:
        """The reduction that "auto" is for this loss."""
        return "sum_over_batch_size"

    def __init__(
        self,
        reduction: str | None = "auto",
        name: str | None = None,
        dtype: str | None = None,
        gather: str = "local",
    ):
        reduction = None if reduction == "none" else reduction
        if reduction not in REDUCTIONS:
            raise ValueError(
                expected(
                    f"reduction to be one of {', '.join(map(str, REDUCTIONS))}",
                    reduction=reduction,
                )
            )
        if gather not in GATHER:
            raise ValueError(expected(f"gather to be one of {', '.join(GATHER)}", gather=gather))
        super().__init__(name=name, dtype=dtype)
        self.reduction, self.gather = reduction, gather
        self._no_terms = NoTermsWarning(self.name)
        self._reduce = Reduced(
            reduction=None if reduction is None else "sum" if reduction == "sum" else "mean",
            # The sum over a batch exceeds float16.
            dtype="float64" if self.dtype == "float64" else "float32",
        )

    def terms(
        self, labels: Array, embeddings: Array, references: References | None = None
    ) -> Terms:
        """Computes the terms of each anchor.

        Args:
            labels: ``(B,)`` integer class ids.
            embeddings: ``(B, D)`` float32 or float64.
            references: The examples to compare the anchors with; by default each other.
        """
        raise NotImplementedError

    def read_labels(self, y_true: Tensor) -> Any:
        """Returns labels as tensors, and whether they are distinguishable; see ``class_ids``."""
        return _inputs.class_ids(y_true)

    def call(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        memory: Memory | None = None,
        references: References | None = None,
    ) -> Tensor:
        """Returns values ``(B,)`` whose plain mean, or sum, is the reduced loss.

        Args:
            y_true: Labels.
            y_pred: Embeddings.
            memory: :class:`Memory` to compare with besides the batch; it gets no gradient.
            references: :class:`References` to compare with in place of the batch.
        """
        replicas = self._replicas()
        labels, embeddings, references, right = read_batch(
            _inputs.rows(y_true),
            ops.convert_to_tensor(y_pred),
            self.read_labels,
            "float64" if self.dtype == "float64" else "float32",
            replicas,
            memory,
            references,
        )
        more = () if references is None else (references,)
        if more and not takes_references(self):
            raise ValueError(
                expected("a loss that can compare a batch with other examples", loss=self)
            )
        terms = self.terms(labels, embeddings, *more)
        return self.values_of(terms, right, y_pred, replicas)

    def values_of(self, terms: Terms, right: Any, y_pred: Tensor, replicas: Any = None) -> Any:
        """Values ``(B,)`` whose plain mean, or sum, is the reduced loss of some terms.

        Args:
            terms: The terms of each anchor.
            right: Boolean scalar: without it the values are NaN.
            y_pred: ``(B, ...)``, as given; a batch of none has a row in ``terms`` all the same.
            replicas: The replicas whose anchors count as one batch, or None.
        """
        if _inputs.may_be_empty(y_pred):
            size = ops.shape(y_pred)[0]
            terms = Terms(*(each[:size] for each in terms))
        total, count, active = terms
        self._no_terms.check(count)
        total = ops.where(right, total, ops.cast(float("nan"), total.dtype))
        reduction = self.auto_reduction if self.reduction == "auto" else self.reduction
        if reduction is None:
            return total / ops.maximum(count, 1.0)
        if reduction == "sum":
            return total
        number = ops.sum(count if reduction == "sum_over_batch_size" else active)
        batch = ops.cast(ops.shape(total)[0], total.dtype)
        if replicas:
            # Keras divides each replica's mean by the number of replicas.
            number, batch = replicas.sum(number), batch * replicas.number
        return total * (batch / ops.maximum(number, 1.0))

    def _replicas(self):
        return _replicas.current() if self.gather == "global" else None

    def __call__(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Any = None,
        memory: Memory | None = None,
        references: References | None = None,
    ) -> Tensor:
        """Returns the reduced loss; see the class.

        Args:
            y_true: ``(B,)`` labels of the anchors.
            y_pred: ``(B, D)`` embeddings of the anchors.
            sample_weight: ``(B,)`` weights of the anchors, or None.
            memory: :class:`Memory` to compare with too; it gets no gradient.
            references: :class:`References` to compare with in place of the batch, such as the
                other side of each pair.
        """
        with keras.name_scope(self.name):
            given = {"memory": memory, "references": references}
            more: dict[str, Any] = {
                name: value for name, value in given.items() if value is not None
            }
            y_pred = ops.convert_to_tensor(y_pred)
            values = self.call(y_true, y_pred, **more)
            loss = self._reduce(values, values, _inputs.weights(sample_weight, y_pred))
            if self.reduction is not None:
                # Keras does not reduce an empty vector.
                loss = ops.sum(loss)
            replicas = self._replicas()
            if replicas and self.reduction is not None:
                # Each replica reports the loss of the whole batch, divided evenly as Keras does;
                # its gradient is that of its own anchors.
                loss = loss + ops.stop_gradient(replicas.sum(loss) / replicas.number - loss)
            return narrowed(loss, self.dtype)


def takes_references(loss: EmbeddingLoss) -> bool:
    """Whether a loss can compare a batch with others than itself."""
    return "references" in inspect.signature(loss.terms).parameters


def check_margin(margin, name="margin", optional=False):
    """Returns the margin as a float; raises ValueError if it is not valid."""
    if margin is None and optional:
        return None
    if isinstance(margin, bool) or not isinstance(margin, Real) or not 0 <= margin < 1e30:
        kind = "a number of at least 0" + (", or None for the soft margin" if optional else "")
        raise ValueError(expected(f"{name} to be {kind}", **{name: margin}))
    return float(margin)
