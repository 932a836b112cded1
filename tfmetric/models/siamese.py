"""Siamese and triplet models: one embedder, applied to two or three inputs."""

import keras
from keras import ops

from tfmetric.layers import PairwiseDistance
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.like_inputs import inputs_like
from tfmetric.typing import Distance


def siamese(
    embedder: keras.Model, distance: Distance = "euclidean", name: str = "siamese"
) -> keras.Model:
    """Makes a model that maps a pair of inputs to the distance of their embeddings.

    Train it on explicit pairs with :class:`tfmetric.losses.SiameseContrastiveLoss`. It shares the
    weights of ``embedder``, so training it trains ``embedder``, which you then evaluate and
    export.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            inputs.
        distance: The distance, by name or registered function; see
            :class:`tfmetric.layers.PairwiseDistance`. Defaults to ``"euclidean"``.
        name: Name of the model.

    Returns:
        A functional ``keras.Model`` with inputs ``(a, b)``, each in the form the embedder takes,
        and one output, the distances (B,) in float32.

    Raises:
        ValueError: If ``embedder`` is not such a model or the distance is not known.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = siamese(tm.models.embedder((3,), embedding_dim=2))
    >>> tuple(model((np.ones((4, 3)), np.zeros((4, 3)))).shape)
    (4,)

    Reference: Hadsell, Chopra, LeCun: Dimensionality reduction by learning an invariant mapping,
    CVPR 2006.
    """
    check_embedder(embedder)
    a, b = inputs_like(embedder, ("a", "b"))
    distances = PairwiseDistance(distance, name="distance")((embedder(a), embedder(b)))
    return keras.Model((a, b), distances, name=name)


def triplet(
    embedder: keras.Model, distance: Distance = "euclidean", name: str = "triplet"
) -> keras.Model:
    """Makes a model that maps an anchor, a positive and a negative to two distances.

    Train it on explicit triplets with :class:`tfmetric.losses.SiameseTripletLoss`. It shares the
    weights of ``embedder``, as :func:`siamese` does. If you have labels, an embedding loss that
    mines its triplets inside the batch learns more from each batch.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            inputs.
        distance: The distance, by name or registered function. Defaults to ``"euclidean"``.
        name: Name of the model.

    Returns:
        A functional ``keras.Model`` with inputs ``(anchor, positive, negative)``, each in the form
        the embedder takes, and one output (B, 2): the distances anchor to positive and anchor to
        negative, float32.

    Raises:
        ValueError: If ``embedder`` is not such a model or the distance is not known.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = triplet(tm.models.embedder((3,), embedding_dim=2))
    >>> tuple(model((np.ones((4, 3)), np.ones((4, 3)), np.zeros((4, 3)))).shape)
    (4, 2)

    Reference: Hoffer, Ailon: Deep metric learning using triplet network, 2015.
    """
    check_embedder(embedder)
    inputs = inputs_like(embedder, ("anchor", "positive", "negative"))
    anchor, positive, negative = (embedder(x) for x in inputs)
    head = PairwiseDistance(distance, name="distance")
    both = ops.stack([head((anchor, positive)), head((anchor, negative))], axis=-1)
    return keras.Model(inputs, both, name=name)
