"""One file for each kind of example: how to check, decode and batch a source."""

from tfmetric.datasets.modalities import record
from tfmetric.datasets.modalities.modality import Modality, Usable
from tfmetric.datasets.modalities.single import SINGLE

# Add a new kind by a line in the table of single kinds.
MODALITIES = {**SINGLE, record.MODALITY.kind: record.MODALITY}

__all__ = ["MODALITIES", "Modality", "Usable"]
