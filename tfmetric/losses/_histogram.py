"""Histograms with a gradient: each value is shared between its two nearest nodes."""

from keras import ops


def between_nodes(position, last):
    """Returns the node before each position, and the position's distance beyond that node.

    Args:
        position: Floats from 0 to ``last``; positions outside count as the nearer end.
        last: Number of the last node; the nodes are 0, 1, ... last.

    Returns:
        int32 from 0 to ``last`` − 1, and floats from 0 to 1 that carry the gradient.
    """
    position = ops.clip(position, 0.0, float(last))
    before = ops.clip(ops.floor(ops.stop_gradient(position)), 0.0, float(last - 1))
    return ops.cast(before, "int32"), position - before


def row_histograms(position, mask, last):
    """Returns a histogram of the masked entries of each row.

    An entry between two nodes is shared between them by nearness: the triangular kernel of Ustinova
    and Lempitsky (2016), eq. 2. Takes O(B·N) time and memory for any number of nodes.

    Args:
        position: ``(B, N)`` in units of a bin, from 0 to ``last``.
        mask: ``(B, N)`` booleans.
        last: Number of the last node.

    Returns:
        ``(B, last + 1)`` counts, one column for each node.
    """
    height = ops.shape(position)[0]
    before, part = between_nodes(position, last)
    node = before + (last + 1) * ops.arange(height, dtype="int32")[:, None]
    shares = ops.where(mask, ops.stack([1.0 - part, part]), 0.0)
    sums = ops.segment_sum(
        ops.reshape(shares, (-1,)),
        ops.reshape(ops.stack([node, node + 1]), (-1,)),
        num_segments=height * (last + 1),
    )
    return ops.reshape(sums, (height, last + 1))
