"""Judges a model on labelled data, beside two baselines."""

from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.relation import Relation
from tfmetric.distances import Distance as DistanceObject
from tfmetric.evaluation.checked_arrays import check_ks
from tfmetric.evaluation.classification.nearest_neighbors import knn_of_sides
from tfmetric.evaluation.classification.result import ClassificationResult
from tfmetric.evaluation.comparison import baselines as fair
from tfmetric.evaluation.comparison.result import Evaluation
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.examples_and_labels import (
    as_pair,
    check_finite,
    inputs_of,
    labels_of_both,
    with_named_inputs,
)
from tfmetric.evaluation.model_distance import judging_distance
from tfmetric.evaluation.queries_and_gallery import Sides, check_sides
from tfmetric.evaluation.retrieval.result import RetrievalResult
from tfmetric.evaluation.retrieval.retrieval import rank_sides, retrieval
from tfmetric.models import untrained_copy
from tfmetric.typing import Array, Distance

_NEIGHBORS = 5


def evaluate(
    model: keras.Model,
    data: LabeledData | tuple[Array, Array],
    *,
    gallery: LabeledData | tuple[Array, Array] | None = None,
    distance: Distance | None = None,
    ks: int | tuple[int, ...] = (1, 5, 10),
    baselines: bool = True,
    batch_size: int = 256,
    seed: int = 0,
    progress: bool = True,
) -> Evaluation:
    """Embeds ``data`` and measures retrieval of its classes, against two baselines.

    Without a gallery each example is searched among all others. Use this for classes not used in
    training. With a gallery the examples are queries against it. Use this for a closed set, whose
    test examples have the classes of the training, with the training part as the gallery. The
    result then also holds the accuracy of a vote of the 5 nearest neighbors, or of the nearest
    neighbor if most classes have fewer than 5 examples in the gallery.

    With few training classes a learned embedding can be worse on new classes than no learning at
    all. The first baseline is a fair one for the kind of data
    (:mod:`tfmetric.evaluation.comparison.baselines`): raw values, TF-IDF for texts, mean and
    deviation of the mel spectrum for sound. The second is the same architecture untrained, with the
    model's adapted preprocessing. Both follow the model's protocol.

    Args:
        model: An embedder, a ``keras.Model`` from one or several inputs to (B, D).
        data: A ``LabeledData`` or a pair (inputs, labels).
        gallery: The searched examples, in a form like ``data``; None for the others of ``data``.
        distance: Name or function, see :func:`tfmetric.distances.get`; None for the distance of the
            model's compiled loss, or euclidean if the loss has none. Baselines of raw values use
            the same distance.
        ks: The k of recall@k and precision@k, one or several.
        baselines: Whether the two baselines are computed; False saves their time.
        batch_size: Examples embedded at a time.
        seed: Seed of the untrained weights and of the sample of queries for wide raw inputs.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        An :class:`Evaluation`.

    Raises:
        ValueError: If the data has no labels, an input or an embedding is NaN or infinite, or the
            gallery equals the data.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x = np.random.default_rng(0).normal(size=(8, 6))
    >>> result = evaluate(tm.models.embedder((6,)), (x, [0, 0, 1, 1, 2, 2, 3, 3]), ks=(1,))
    >>> sorted(result.recall_at), result.protocol
    ([1], 'among 8 examples, each among all others')
    """
    if isinstance(data, Relation):
        raise ValueError(
            expected(
                "labelled data; evaluation.evaluate_relation(model, relation, train=...) judges the"
                " links of a relation",
                data=repr(data),
            )
        )
    data, gallery = as_pair(data), as_pair(gallery)
    used, source = judging_distance(model, distance)
    named, named_gallery = with_named_inputs(model, data), with_named_inputs(model, gallery)
    labels, gallery_labels = labels_of_both(named, named_gallery)
    asked: dict[str, Any] = {"distance": used, "ks": check_ks(ks), "progress": progress}

    def embedded(of_model):
        own = embed(of_model, data, batch_size)
        others = None if gallery is None else embed(of_model, gallery, batch_size)
        return check_sides(own, labels, others, gallery_labels)

    sides = embedded(model)
    others = (None, None) if gallery is None else (sides.gallery, sides.gallery_labels)
    learned = retrieval(sides.queries, labels, *others, **asked)
    by_neighbors = _neighbors(sides, used, progress)
    found = {"distance_source": source, "knn": by_neighbors, "embeddings": sides.queries}
    if not baselines:
        return Evaluation(learned, **found)
    raw, raw_knn, raw_note = fair_baseline(
        named, labels, gallery=named_gallery, gallery_labels=gallery_labels, seed=seed, **asked
    )
    untrained = untrained_knn = None
    untrained_note = ""
    try:
        twin = untrained_copy(model, seed)
    except Exception as error:  # Cloning a user's model may raise any error.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        untrained_note = f"no figure for the untrained embedder, which cannot be cloned: {reason}"
    else:
        sides = embedded(twin)
        untrained, untrained_knn = rank_sides(sides, **asked), _neighbors(sides, used, progress)
    return Evaluation(
        learned,
        raw,
        untrained,
        tuple(note for note in (raw_note, untrained_note) if note),
        raw_title=fair.baseline_of(named).title,
        raw_knn=raw_knn,
        untrained_knn=untrained_knn,
        **found,
    )


def fair_baseline(
    data,
    labels: np.ndarray,
    *,
    distance: Distance,
    ks: tuple[int, ...],
    seed: int,
    gallery=None,
    gallery_labels: np.ndarray | None = None,
    progress: bool = True,
) -> tuple[RetrievalResult | None, ClassificationResult | None, str]:
    """Evaluates the fair baseline of the kind of data by the model's protocol.

    Args:
        data: A ``LabeledData`` or a pair (inputs, labels).
        labels: (N,), the labels of the data.
        distance: The distance of the model.
        ks: The k of the figures.
        seed: Seed of the sample of queries.
        gallery: The searched examples, or None.
        gallery_labels: (M,), with ``gallery``.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        Retrieval figures, None if they would take too much memory; the classification by neighbors,
        None without a gallery; and a note on both, or "".
    """
    rule, searched = fair.baseline_of(data), data if gallery is None else gallery
    count, total = len(labels), fair.example_count(searched)
    sample, note = None, ""
    if (width := fair.width_of(data)) is not None:
        size = 4 if not hasattr(data, "dtype") else max(np.dtype(data.dtype).itemsize, 4)
        needed = (count + (total if gallery is not None else 0)) * width * size
        if needed > fair.MOST_BYTES:
            gib = needed / 2**30
            return (
                None,
                None,
                f"no figure for the {rule.title}, which would take {gib:.1f} GiB of memory",
            )
        queries = max(100, int(fair.MOST_PRODUCTS / max(1, total * width)))
        if queries < count:
            sample = np.sort(np.random.default_rng(seed).choice(count, queries, replace=False))
            note = f"the figures of the {rule.title} rest on a random sample of {queries:,} queries"
    inputs = inputs_of(data)
    others = inputs if gallery is None else inputs_of(gallery)
    for side in (inputs, others):
        check_finite(side)
    element = getattr(data, "element", None)
    own = rule.vectors(inputs, others, element)
    among = own if gallery is None else rule.vectors(others, others, element)
    among_labels = labels if gallery_labels is None else gallery_labels
    sides = Sides(own, labels, among, among_labels, gallery is None)
    distance = rule.distance or distance
    result = rank_sides(sides, distance=distance, ks=ks, queries=sample, progress=progress)
    if sample is not None:
        sides = sides._replace(queries=own[sample], labels=labels[sample])
    return result, _neighbors(sides, distance, progress), note


def _neighbors(sides, distance: DistanceObject, progress):
    """Returns the classification by neighbors in the gallery; None without a gallery."""
    if sides.one_set or not sides.gallery.shape[0]:
        return None
    _, sizes = np.unique(sides.gallery_labels, return_counts=True)
    k = _NEIGHBORS if np.median(sizes) >= _NEIGHBORS else 1
    return knn_of_sides(sides, k=k, distance=distance, progress=progress)
