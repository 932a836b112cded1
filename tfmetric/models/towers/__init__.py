"""The default network of each kind of example, from raw inputs to features, one file per kind.

A tower is a function of the inputs by name, the :class:`tfmetric.elements.Element` and the
:class:`tfmetric.models.towers.options.Options`; it returns
:class:`tfmetric.models.towers.options.Features`. :func:`tfmetric.models.embedder` chooses the tower
by the kind and appends the embedding layer. A new kind needs a file here and a line in the table.
"""

from tfmetric.models.towers import record
from tfmetric.models.towers.single import SINGLE

TOWERS = {**SINGLE, "record": record.tower}
