"""Networks over the valid steps of a sequence."""

from __future__ import annotations

from typing import Any

from keras import layers

from tfmetric.layers import PositionalEncoding, ZeroPadding
from tfmetric.layers.batch_statistics import PromptBatchNormalization


def convolutions(x: Any, mask: Any, widths: tuple[int, ...], size: int = 5) -> Any:
    """Convolutions over time with batch normalisation and ReLU; the number of steps stays.

    Args:
        x: ``(B, T, D)``.
        mask: ``(B, T)``, or None if all steps are valid.
        widths: Channels of each convolution.
        size: Steps covered by a convolution.
    """
    for width in widths:
        x = zeroed(x, mask)
        x = layers.Conv1D(width, size, padding="same", use_bias=False)(x)
        x = layers.ReLU()(normalized(x, mask))
    return x


def recurrent(cell: type, x: Any, mask: Any, units: int) -> Any:
    """Applies a bidirectional recurrent network and returns its states at every step."""
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
    """Returns the steps, with padding set to zero."""
    return x if mask is None else ZeroPadding()((x, mask))


def normalized(x: Any, mask: Any) -> Any:
    """Applies batch normalisation over the valid steps."""
    return PromptBatchNormalization()(x, mask=mask)
