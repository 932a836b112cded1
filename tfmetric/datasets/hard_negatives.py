"""Hard negatives mined offline: unlinked candidates that an embedder takes for similar."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_choice, require_positive, require_seed
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.links.chosen_negatives import SAMPLING, Rules
from tfmetric.datasets.links.embedded_sides import embeddings_of
from tfmetric.datasets.links.hard_negative_shards import Shards
from tfmetric.datasets.links.mining_in_blocks import BlockMining
from tfmetric.datasets.links.nearest_unlinked import SIMILARITIES
from tfmetric.datasets.links_within_classes import linked_within_classes
from tfmetric.datasets.relation import Relation
from tfmetric.typing import PathLike


@dataclass(frozen=True, eq=False, repr=False)
class HardNegatives:
    """The hard negatives of each link of a relation. Immutable.

    Attributes:
        mined: The relation whose links they belong to.
        places: `int64` `(M, H)`, places in `mined.right`, the most similar first; −1 where a link
            has fewer than H.
        scores: `float32` `(M, H)`, the similarity of the query to each; NaN where there is none.
        positive_scores: `float32` `(M,)`, the similarity of the query to its linked candidate.
    """

    mined: Relation
    places: np.ndarray
    scores: np.ndarray
    positive_scores: np.ndarray

    def __repr__(self):
        return (
            f"<HardNegatives: {self.places.shape[1]} for each of {len(self.places):,} links; "
            f"{self.num_short:,} links have fewer>"
        )

    @cached_property
    def complete(self) -> np.ndarray:
        """Boolean `(M,)`: whether a link has all H negatives."""
        return np.all(self.places >= 0, axis=1)

    @property
    def num_short(self) -> int:
        """The number of links with fewer than H negatives."""
        return int((~self.complete).sum())

    @cached_property
    def relation(self) -> Relation:
        """The links that have all H negatives, M' of them."""
        return self.mined.subset(self.complete)

    @property
    def negatives(self) -> np.ndarray:
        """`int64` `(M', H)`: the negatives of the links of `relation`, for its `batches`."""
        return self.places[self.complete]


def mine_hard_negatives(
    data: Relation | LabeledData,
    embedder: Any,
    *,
    number: int = 1,
    ranks: tuple[int, int] = (0, 100),
    absolute_margin: float | None = None,
    relative_margin: float | None = None,
    max_score: float | None = None,
    min_score: float | None = None,
    rescore: Callable[[Any, Any], Any] | None = None,
    sampling: str = "top",
    distance: str | None = None,
    seed: int = 0,
    directory: PathLike | None = None,
    progress: bool = True,
) -> HardNegatives:
    """Finds, for each link, candidates that look right to an embedder but are not linked.

    Use it between two trainings: a first model, or any other embedder, says which wrong candidates
    are hard, and the next training takes them as explicit negatives. Very similar candidates are
    often right without a link; `ranks` and the margins leave them out.

    Each query is compared with all candidates, a block of queries and a tile of candidates at a
    time. A candidate is never a negative of a query to which any candidate of its id is linked, by
    `links` or by `seen`.

    Args:
        data: A `Relation`. Of `LabeledData`, each example of a class of two or more is linked to
            the next example of its class, and examples of other classes are the candidates.
        embedder: A model of `models.two_tower`; a model that embeds both sides; or a pair for left
            and right, each a model or an array of embeddings `(N, D)`, also a memory map.
        number: Negatives of a link, H.
        ranks: From which to which rank unlinked candidates are considered: (10, 100) leaves out
            the 10 most similar and considers the following 90.
        absolute_margin: A negative's score is at most that of the positive minus this.
        relative_margin: A negative's score is at most that of the positive minus this share of its
            size: 0.05 means at most 95 % of it.
        max_score: The highest score of a negative.
        min_score: The lowest score of a negative.
        rescore: Function of left examples and right examples, n of each, that returns `(n,)`
            scores, such as a cross-encoder. It scores the considered candidates and the positive
            anew; ranks are those of the embedder, margins and bounds those of these scores.
        sampling: "top" for the negatives of the highest scores; "random" for any of those left.
        distance: "cosine", with the cosine as score, or "inner_product". `None` for that of the
            loss of a compiled two-tower model, or else "cosine".
        seed: Seed of the random sampling.
        directory: Where embeddings and the negatives of each block are written. A mining that was
            stopped goes on from there: no block is mined twice. `None` keeps all in memory.
        progress: Whether a bar is shown, on a terminal.

    Returns:
        `HardNegatives`; `found.relation.batches(negatives=found.negatives)` trains on them. A
        warning says how many links have fewer than H negatives; `found.relation` leaves them out.

    Raises:
        ValueError: If an argument is out of range, embeddings do not fit or are not finite, or the
            directory holds a mining of other data, another embedder or other settings.

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> side = datasets.from_arrays(np.eye(4), np.arange(4))
    >>> relation = datasets.Relation(side, side, [[0, 1], [2, 3]])
    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> found = mine_hard_negatives(relation, (x, x), number=1, ranks=(0, 2))
    >>> found.places.tolist(), found.scores.round(2).tolist()
    ([[2], [1]], [[0.6000000238418579], [0.9599999785423279]])

    References:
        Xiong et al.: Approximate Nearest Neighbor Negative Contrastive Learning for Dense Text
        Retrieval (2021); de Souza P. Moreira et al.: NV-Retriever: Improving text embedding models
        with effective hard-negative mining (2024), section 4, for the margins.
    """
    require_positive(number=number)
    require_seed(seed)
    require_choice("sampling", sampling, SAMPLING)
    low, high = _checked_ranks(ranks, number)
    relation = linked_within_classes(data) if isinstance(data, LabeledData) else data
    if not isinstance(relation, Relation):
        raise TypeError(expected("data as a Relation or LabeledData", data=type(data).__name__))
    rules = Rules(
        number, absolute_margin, relative_margin, max_score, min_score, sampling == "random"
    )
    if distance is None:
        distance = getattr(getattr(embedder, "loss", None), "similarity", None)
        distance = distance if distance in SIMILARITIES else "cosine"
    require_choice("distance", distance, tuple(SIMILARITIES))
    sides = embeddings_of(embedder, relation)
    mining = BlockMining(relation, sides, (low, high), rules, rescore, distance, seed)
    with ExitStack() as stack:
        shards = None
        if directory is not None:
            stack.enter_context(Shards.locked(Path(directory)))
            shards = Shards(Path(directory), mining.identity())
        found = HardNegatives(relation, **mining.run(shards, progress))
    if found.num_short:
        warnings.warn(
            f"{found.num_short:,} of {len(found.places):,} links have fewer than {number} hard "
            "negatives within the ranks and bounds. HardNegatives.relation leaves them out; wider "
            "ranks or smaller margins give them more.",
            stacklevel=2,
        )
    return found


def _checked_ranks(ranks: Sequence[int], number: int) -> tuple[int, int]:
    whole = len(ranks) == 2 and all(
        isinstance(rank, (int, np.integer)) and not isinstance(rank, bool) for rank in ranks
    )
    if not whole or ranks[0] < 0 or ranks[1] - ranks[0] < number:
        raise ValueError(
            expected(
                f"ranks as two whole numbers from 0, the second greater by {number} or more",
                ranks=tuple(ranks),
            )
        )
    return int(ranks[0]), int(ranks[1])
