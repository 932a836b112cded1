"""Reads labels, ids and texts without loss, and converts values for JSON.

Every room reads columns through this module, so a list, a NumPy array of any type, a pandas column
and a tensor are read alike.
"""

from tfmetric.values.columns import encoded, ids, labels, missing, texts
from tfmetric.values.excluded_ids import excluded, excluded_pairs
from tfmetric.values.json_plain import plain

__all__ = ["encoded", "excluded", "excluded_pairs", "ids", "labels", "missing", "plain", "texts"]
