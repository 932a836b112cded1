"""Static pretrained vectors of words and word pieces, from a local folder."""

from tfmetric.models.towers.static.reading import StaticVectors, read

__all__ = ["StaticVectors", "read"]
