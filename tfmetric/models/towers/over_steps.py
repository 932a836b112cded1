"""Networks over the steps of a sequence, which look at no step that is not there."""

from __future__ import annotations

from typing import Any

from keras import layers

from tfmetric.layers import PositionalEncoding, ZeroPadding
from tfmetric.layers.batch_statistics import PromptBatchNormalization


def convolutions(x: Any, mask: Any, widths: tuple[int, ...], size: int = 5) -> Any:
    """Convolutions over time with batch normalisation and ReLU; the number of steps stays.

    Args:
        x: ``(B, T, D)``.
        mask: ``(B, T)``, or None where all steps are there.
        widths: Channels of each convolution.
        size: Steps that a convolution looks at.
    """
    for width in widths:
        x = zeroed(x, mask)
        x = layers.Conv1D(width, size, padding="same", use_bias=False)(x)
        x = layers.ReLU()(normalized(x, mask))
    return x


def recurrent(cell: type, x: Any, mask: Any, units: int) -> Any:
    """A recurrent network in both directions, its states at every step."""
    network = layers.Bidirectional(cell(units, return_sequences=True))
    return network(x, mask=mask)


def transformer(x: Any, mask: Any, blocks: int = 2, heads: int = 4) -> Any:
    """Blocks of self-attention and a dense layer, each normalised before (pre-norm)."""
    width = x.shape[-1]
    x = PositionalEncoding()(x)
    seen = None if mask is None else mask[:, None, :]
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(heads, width // heads)(y, y, attention_mask=seen)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(2 * width, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    return layers.LayerNormalization()(x)


def zeroed(x: Any, mask: Any) -> Any:
    """The steps, zero where none is."""
    return x if mask is None else ZeroPadding()((x, mask))


def normalized(x: Any, mask: Any) -> Any:
    """Batch normalisation over the steps that are there."""
    return PromptBatchNormalization()(x, mask=mask)
