"""Names of the types that public signatures share."""

import os
from collections.abc import Callable
from typing import Any, TypeAlias

# Everything that numpy.asarray accepts: arrays, lists, columns of a frame. NumPy's own ArrayLike
# holds scalars too, which have no length.
Array: TypeAlias = Any
# Keras has no common type of its backends' tensors; NumPy's arrays are accepted too.
Tensor: TypeAlias = Any
# A name, a Distance, or a function of vectors; see tfmetric.distances.get.
Distance: TypeAlias = Any
# None, "any_shared", or a function of two label arrays; see tfmetric.losses.PairLoss.
Match: TypeAlias = str | Callable[..., Any] | None
PathLike: TypeAlias = str | os.PathLike[str]
