"""Labels, ids and texts as arrays that lose nothing, and values in the form that JSON holds.

Every room reads these through this module, so that a column is read alike whether it comes as a
list, a NumPy array of any type, a column of pandas or a tensor.
"""

from tfmetric.values.columns import encoded, ids, labels, missing, texts
from tfmetric.values.excluded_ids import excluded
from tfmetric.values.json_plain import plain

__all__ = ["encoded", "excluded", "ids", "labels", "missing", "plain", "texts"]
