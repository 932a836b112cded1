"""Pictures: functions that return matplotlib figures, for a file, a notebook or a report.

Their colours are distinct for every colour vision, and never the only mark. The interactive map is
a plotly figure.
"""

from tfmetric._foreign_names import answering
from tfmetric.visualization.confusion import confusion_matrix
from tfmetric.visualization.curves import training_curves
from tfmetric.visualization.groups import group_gaps
from tfmetric.visualization.index_recall import recall_against_speed
from tfmetric.visualization.interactive import interactive_map, save_interactive
from tfmetric.visualization.intervals import intervals
from tfmetric.visualization.maps import embedding_map, project
from tfmetric.visualization.neighbors import neighbor_gallery
from tfmetric.visualization.objective_curve import objective_against
from tfmetric.visualization.parallel_coordinates_figure import parallel_coordinates
from tfmetric.visualization.parallel_coordinates_page import parallel_coordinates_html
from tfmetric.visualization.queries import (
    FoundNeighbors,
    find_neighbors,
    hardest,
    worst_queries,
)
from tfmetric.visualization.saliency import (
    SimilaritySaliency,
    saliency_figure,
    similarity_saliency,
)
from tfmetric.visualization.sheet import sample_sheet
from tfmetric.visualization.thumbnails import Thumbnails, thumbnails
from tfmetric.visualization.verification import det_curve, distance_histogram, roc_curve

__all__ = [
    "FoundNeighbors",
    "SimilaritySaliency",
    "Thumbnails",
    "confusion_matrix",
    "det_curve",
    "distance_histogram",
    "embedding_map",
    "find_neighbors",
    "group_gaps",
    "hardest",
    "interactive_map",
    "intervals",
    "neighbor_gallery",
    "objective_against",
    "parallel_coordinates",
    "parallel_coordinates_html",
    "project",
    "recall_against_speed",
    "roc_curve",
    "saliency_figure",
    "sample_sheet",
    "save_interactive",
    "similarity_saliency",
    "thumbnails",
    "training_curves",
    "worst_queries",
]

__getattr__ = answering(__name__)
