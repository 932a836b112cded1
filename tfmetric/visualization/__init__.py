"""Pictures: functions that return matplotlib figures, for a file, a notebook or a report."""

from tfmetric.visualization.curves import training_curves
from tfmetric.visualization.neighbours import neighbour_gallery

__all__ = ["neighbour_gallery", "training_curves"]
