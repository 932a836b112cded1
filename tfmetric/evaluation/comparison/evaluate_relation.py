"""Judges two towers on the links of a relation, beside baselines."""

from typing import Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.datasets.relation import Relation
from tfmetric.evaluation.checked_arrays import check_ks
from tfmetric.evaluation.comparison import baselines as fair
from tfmetric.evaluation.comparison.relation_result import RelationEvaluation
from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.embedding import embed
from tfmetric.evaluation.examples_and_labels import inputs_of
from tfmetric.evaluation.graded_similarity import SimilarityResult, similarity
from tfmetric.evaluation.model_distance import judging_distance
from tfmetric.evaluation.ranking import baselines as recommenders
from tfmetric.evaluation.ranking.ranking import (
    ranking,
    ranking_of_scores,
    ranking_of_vectors,
)
from tfmetric.losses._targets import TargetLoss
from tfmetric.models import untrained_copy
from tfmetric.models.two_tower import TwoTower
from tfmetric.typing import Distance

# EASE inverts a matrix of items by items.
_MOST_ITEMS = 20_000


def evaluate_relation(
    model: keras.Model,
    relation: Relation,
    *,
    train: Relation | None = None,
    graded: bool | None = None,
    distance: Distance | None = None,
    ks: int | tuple[int, ...] = (1, 5, 10, 50),
    baselines: bool = True,
    reverse: bool = False,
    batch_size: int = 256,
    seed: int = 0,
    progress: bool = True,
) -> RelationEvaluation:
    """Judges two towers on the links between two sides, beside baselines.

    The left side is ranked against the whole right side, without the links of ``relation.seen``; a
    relation with grades is judged by the correlation of the similarities and the grades. Baselines
    are:

    * the same towers, untrained;
    * the fair baseline of the kind of data, such as TF-IDF of texts, where both sides are of one
      kind;
    * popularity, item-kNN and EASE, learned from earlier links, where there are such: those of
      ``train`` and ``relation.seen``.

    Args:
        model: The model of :func:`tfmetric.models.two_tower`, or one embedder for both sides.
        relation: The test part, as ``load_pairs`` and ``load_interactions`` give it.
        train: The training part: it says how popular each candidate is, which candidates are cold,
            and teaches the baselines.
        graded: Whether scores of links are grades to follow; None for whether the model was trained
            for that, by a loss on graded pairs.
        distance: Name or function; None for the distance of the model's loss, as for
            :func:`evaluate`; the cosine for grades.
        ks: The k of the figures at k.
        baselines: Whether the baselines are computed.
        reverse: Whether the left side is ranked for each right element too, such as captions for
            pictures and pictures for captions.
        batch_size: Elements embedded at a time.
        seed: Seed of the untrained weights.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        A :class:`RelationEvaluation`.

    Raises:
        ValueError: If grades are asked for and the relation has none, or an argument does not fit.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> users, items = (tm.datasets.from_arrays(np.eye(n, 8), np.arange(n)) for n in (3, 5))
    >>> relation = tm.datasets.Relation(users, items, [[0, 0], [1, 1], [2, 4]])
    >>> tower = tm.models.embedder((8,), embedding_dim=4)
    >>> result = evaluate_relation(tm.models.two_tower(tower), relation, ks=(1, 5))
    >>> result.learned.recall_at[5], sorted(result.baselines)
    (1.0, ['standardised columns', 'the untrained towers'])
    """
    for name, given in (("relation", relation), ("train", train)):
        if not isinstance(given, Relation) and (given is not None or name == "relation"):
            raise TypeError(
                expected(
                    f"{name} as a datasets.Relation, such as load_pairs gives",
                    **{f"{name}_type": type(given).__name__},
                )
            )
    if not isinstance(model, keras.Model):
        raise TypeError(
            expected("a model of two towers, or an embedder", model_type=type(model).__name__)
        )
    if graded is None:
        graded = isinstance(getattr(model, "loss", None), TargetLoss)
    if graded and relation.score is None:
        raise ValueError(expected("a relation with scores, to be judged by grades", score=None))
    if graded and (train is not None or reverse):
        raise ValueError(
            expected("train and reverse with graded=False only", train=train, reverse=reverse)
        )
    towers = _towers(model)
    sides = relation.left, relation.right
    left, right = (
        embed(tower, side, batch_size) for tower, side in zip(towers, sides, strict=True)
    )
    judge: Any = _Graded(relation, distance)
    if not graded:
        judge = _Ranked(relation, train, judging_distance(model, distance)[0], ks, progress)
    found: dict[str, Any] = {}
    notes: list[str] = []
    if baselines:
        try:
            twins = _untrained(towers, seed)
        except Exception as error:  # Cloning a user's model may raise any error.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            notes.append(f"no figure for the untrained towers, which cannot be cloned: {reason}")
        else:
            both = (
                embed(tower, side, batch_size) for tower, side in zip(twins, sides, strict=True)
            )
            found["the untrained towers"] = judge.of(*both)
        found |= _same_kind(relation, judge, notes)
        found |= judge.of_earlier_links(notes)
    backwards = None
    if reverse:
        backwards = ranking(
            right, left, relation.links[:, ::-1], distance=judge.distance, ks=ks, progress=progress
        )
    return RelationEvaluation(
        judge.of(left, right),
        found,
        backwards,
        tuple(notes),
        query_embeddings=left,
        candidate_embeddings=right,
    )


class _Graded:
    """Judges by the correlation of similarities and grades."""

    def __init__(self, relation, distance):
        self._relation = relation
        self.distance = distances.get("cosine" if distance is None else distance)

    def of(self, left, right, distance=None) -> SimilarityResult:
        """Returns the figures of vectors of both sides."""
        links = self._relation.links
        own, others = left[links[:, 0]], right[links[:, 1]]
        if not isinstance(own, np.ndarray):  # Sparse vectors, whose distance is the cosine's.
            from sklearn.preprocessing import normalize

            near = np.asarray(normalize(own).multiply(normalize(others)).sum(axis=1)).ravel()
            return similarity(near, self._relation.score)
        used = self.distance if distance is None else distances.get(distance)
        return similarity(-pair_distances.paired(used, own, others), self._relation.score)

    def of_earlier_links(self, notes):
        """Returns no baseline: earlier links say nothing of grades."""
        return {}


class _Ranked:
    """Judges by the ranking of the right side."""

    def __init__(self, relation, train, distance, ks, progress):
        self._relation, self.distance = relation, distance
        self._earlier = _earlier_links(relation, train)
        count = len(relation.right)
        self._asked = {
            "exclude": relation.seen,
            "ks": check_ks(ks),
            "progress": progress,
            "popularity": np.bincount(self._earlier[:, 1], minlength=count)
            if len(self._earlier)
            else None,
        }

    def of(self, left, right, distance=None):
        """Returns the figures of vectors of both sides."""
        used = self.distance if distance is None else distance
        return ranking_of_vectors(left, right, self._relation.links, distance=used, **self._asked)

    def of_earlier_links(self, notes):
        """Returns the recommenders that learn from earlier links, by title."""
        if not len(self._earlier):
            return {}
        count = len(self._relation.right)
        shape = int(self._earlier[:, 0].max()) + 1, count
        shape = max(shape[0], len(self._relation.left)), count
        makers = {
            "popularity": recommenders.popularity_scores,
            "item-kNN": recommenders.item_knn_scores,
            "EASE": recommenders.ease_scores,
        }
        if count > _MOST_ITEMS:
            del makers["EASE"]
            notes.append(f"no figure for EASE, which inverts a matrix of {count:,} by {count:,}")
        asked = {**self._asked, "shape": (len(self._relation.left), count)}
        return {
            title: ranking_of_scores(make(self._earlier, shape), self._relation.links, **asked)
            for title, make in makers.items()
        }


def _earlier_links(relation, train):
    """Links known before the test, by places of its sides; other left elements come behind."""
    if train is None:
        return relation.seen
    place_of_right = {label: place for place, label in enumerate(_names(relation.right))}
    place_of_left = {label: place for place, label in enumerate(_names(relation.left))}
    right = np.array([place_of_right.get(name, -1) for name in _names(train.right)])
    names = _names(train.left)
    left = np.array([place_of_left.setdefault(name, len(place_of_left)) for name in names])
    links = np.stack([left[train.links[:, 0]], right[train.links[:, 1]]], axis=1)
    links = np.concatenate([relation.seen, links[links[:, 1] >= 0]])
    return np.unique(links, axis=0)


def _names(side):
    """The id of each element of a side, as text."""
    return np.asarray(side.class_names, object)[side.labels].tolist()


def _towers(model):
    if isinstance(model, TwoTower):
        return model.query, model.candidate
    return model, model


def _untrained(towers, seed):
    query = untrained_copy(towers[0], seed)
    return query, query if towers[0] is towers[1] else untrained_copy(towers[1], seed)


def _same_kind(relation, judge, notes):
    """The fair baseline, where both sides have elements of one kind and width."""
    left, right = relation.left.element, relation.right.element
    ids = "categories" in right.options
    if (left.kind, left.shape) != (right.kind, right.shape) or left.kind == "record" or ids:
        return {}
    rule = fair.baseline_of(relation.right)
    width = fair.width_of(relation.right)
    if width is not None:
        needed = 4 * width * (len(relation.left) + len(relation.right))
        if needed > fair.MOST_BYTES:
            notes.append(
                f"no figure for {rule.title}, which would take {needed / 2**30:.1f} GiB of memory"
            )
            return {}
    queries, candidates = inputs_of(relation.left), inputs_of(relation.right)
    vectors = [rule.vectors(side, candidates, right) for side in (queries, candidates)]
    return {rule.title: judge.of(*vectors, distance=rule.distance)}
