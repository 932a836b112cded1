"""The kinds without fields, which are also the kinds of the fields of a record."""

from tfmetric.datasets.modalities import audio, image, sequence, text, vector, video

_MODULES = (image, text, audio, vector, sequence, video)
SINGLE = {module.MODALITY.kind: module.MODALITY for module in _MODULES}
