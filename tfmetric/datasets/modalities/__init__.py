"""One file a kind of example: what to look at in a source, how to decode, how to batch."""

from tfmetric.datasets.modalities import audio, image, sequence, text, vector
from tfmetric.datasets.modalities.modality import Modality, Usable

# A new kind joins by its line here.
_MODULES = (image, text, audio, vector, sequence)
MODALITIES = {module.MODALITY.kind: module.MODALITY for module in _MODULES}

__all__ = ["MODALITIES", "Modality", "Usable"]
