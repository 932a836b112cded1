"""Logits of two sides as the product of two matrices, with what layers have put beside them."""

from typing import Any, NamedTuple

from keras import ops

from tfmetric._errors import expected
from tfmetric.distances import l2_normalize

SIMILARITIES = ("cosine", "inner_product")


class Columns(NamedTuple):
    """What follows the embedding in each row of ``y_pred``.

    Attributes:
        scale: The logits are multiplied by it; None for no such column.
        bias: Added to the logits; None for no such column.
        log_q: Log of the probability that a candidate is in a batch; None for no such column.
    """

    scale: Any = None
    bias: Any = None
    log_q: Any = None


def split(rows, names):
    """Embeddings and :class:`Columns`.

    Args:
        rows: ``(B, D + len(names))``.
        names: Names of the last columns, in their order.
    """
    dim = rows.shape[1] - len(names)
    if dim < 1:
        raise ValueError(
            expected(
                f"embeddings followed by the columns {', '.join(names)}, as models.two_tower "
                "gives them",
                y_pred_width=rows.shape[1],
            )
        )
    return rows[:, :dim], Columns(**{name: rows[:, dim + i] for i, name in enumerate(names)})


def factors(links, names, similarity, scale, bias=None):
    """Two matrices whose product are the logits of each anchor and each reference.

    Args:
        links: :class:`tfmetric.losses.two_sided_loss.Links`.
        names: As in :func:`split`.
        similarity: One of ``SIMILARITIES``.
        scale: Multiplies the similarities where there is no such column.
        bias: Added to all logits where there is no such column; None for none.

    Returns:
        ``(B, E)`` and ``(N, E)``.
    """
    x, mine = split(links.anchors, names)
    y, theirs = split(links.references.embeddings, names)
    if similarity == "cosine":
        x, y = l2_normalize(x), l2_normalize(y)
    x = x * (scale if mine.scale is None else mine.scale[:, None])
    left, right = [x], [y]
    if mine.bias is not None or bias is not None:
        ones = ops.ones_like(x[:, :1])
        left.append(ones * bias if mine.bias is None else mine.bias[:, None])
        right.append(ops.ones_like(y[:, :1]))
    if theirs.log_q is not None and links.forward:
        left.append(ops.ones_like(x[:, :1]))
        right.append(-theirs.log_q[:, None])
    return ops.concatenate(left, axis=1), ops.concatenate(right, axis=1)


def own_logits(left, right, partner):
    """``(B,)`` the logit of each link."""
    return ops.sum(left * ops.take(right, partner, axis=0), axis=1)


def compared(links, right, mask_accidental_hits):
    """Returns labels of the anchors and the references, in which only masked pairs are left out.

    Args:
        links: :class:`Links`.
        right: ``(N, E)`` the references as a factor of the logits.
        mask_accidental_hits: Whether references of the id of the own candidate are left out;
            without it, the own one alone.
    """
    references = links.references._replace(embeddings=right)
    if mask_accidental_hits:
        return links.labels, references
    place = ops.arange(ops.shape(right)[0], dtype="int32")
    return ops.cast(links.partner, "int32"), references._replace(labels=place)


def check_similarity(similarity):
    """Returns the name, or says that it is none."""
    if similarity not in SIMILARITIES:
        raise ValueError(
            expected(f"similarity to be one of {', '.join(SIMILARITIES)}", similarity=similarity)
        )
    return similarity
