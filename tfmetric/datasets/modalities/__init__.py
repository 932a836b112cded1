"""One file for each kind of example: how to check, decode and batch a source."""

from tfmetric.datasets.modalities import audio, image, sequence, text, vector, video
from tfmetric.datasets.modalities.modality import Modality, Usable

# Add a new kind by a line here.
_MODULES = (image, text, audio, vector, sequence, video)
MODALITIES = {module.MODALITY.kind: module.MODALITY for module in _MODULES}

__all__ = ["MODALITIES", "Modality", "Usable"]
