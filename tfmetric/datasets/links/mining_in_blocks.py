"""Mines hard negatives a block of queries at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.fingerprint import fingerprint
from tfmetric.datasets.links.chosen_negatives import Rules, choose
from tfmetric.datasets.links.embedded_sides import Embeddings
from tfmetric.datasets.links.hard_negative_shards import Arrays, Shards
from tfmetric.datasets.links.nearest_unlinked import Unlinked, nearest_unlinked, paired_scores
from tfmetric.datasets.progress import progress as progress_bar

_BLOCK = 1024


class BlockMining:
    """One mining: the blocks of queries, and what the result depends on."""

    def __init__(
        self,
        relation: Any,
        sides: tuple[Embeddings, Embeddings],
        ranks: tuple[int, int],
        rules: Rules,
        rescore: Callable[[Any, Any], Any] | None,
        distance: str,
        seed: int,
    ):
        """Sorts the links.

        Args:
            relation: The relation.
            sides: The embeddings of its left and right elements.
            ranks: As for `mine_hard_negatives`, and so the others.
            rules: The bounds, and how many negatives are chosen.
            rescore: A function of examples, or `None`.
            distance: The name of a similarity.
            seed: Seed of the random sampling.
        """
        self._relation, self._sides, self._ranks = relation, sides, ranks
        self._rules, self._rescore, self._distance, self._seed = rules, rescore, distance, seed
        # Links in the order of their queries: a block of queries has a run of links.
        self._order = np.argsort(relation.links[:, 0], kind="stable")
        self._queries = np.unique(relation.links[:, 0])
        known = np.concatenate([relation.links, relation.seen])
        self._unlinked = Unlinked(known, relation.left.labels, relation.right.labels)

    def identity(self) -> dict[str, Any]:
        """Settings and digests that every block depends on."""
        links = hashlib.sha256(self._relation.links.tobytes())
        links.update(self._relation.seen.tobytes())
        rescore = self._rescore
        return {
            "data": [fingerprint(self._relation.left), fingerprint(self._relation.right)],
            "links": links.hexdigest()[:16],
            "embedder": [side.digest() for side in self._sides],
            "settings": {
                **vars(self._rules),
                "ranks": list(self._ranks),
                "distance": self._distance,
                "seed": self._seed,
                "rescore": None if rescore is None else _name(rescore),
                "block": _BLOCK,
            },
        }

    def run(self, shards: Shards | None, progress: bool) -> Arrays:
        """Mines every block that is not in the shards.

        Args:
            shards: Where blocks are kept, or `None`.
            progress: Whether a bar is shown.

        Returns:
            The arrays of `HardNegatives`, link by link.
        """
        left, right = self._sides
        if shards is None or right.given:
            candidates = right.all()
        else:
            candidates = shards.stored("candidates", right.all)
        blocks = range(0, len(self._queries), _BLOCK)
        parts = []
        with progress_bar(len(self._queries), "Mining hard negatives", progress) as done:
            for number, start in enumerate(blocks):
                queries = self._queries[start : start + _BLOCK]

                def make(number=number, queries=queries):
                    return self._block(number, queries, left.some(queries), candidates)

                parts.append(make() if shards is None else shards.block(number, make))
                done(len(queries))
        return self._joined(parts)

    def _block(self, number, queries, embeddings, candidates):
        low, high = self._ranks
        places, scores = nearest_unlinked(
            embeddings,
            queries,
            candidates,
            high,
            distance=self._distance,
            unlinked=self._unlinked,
            own=self._relation.left is self._relation.right,
        )
        owners = self._relation.links[self._order, 0]
        links = self._order[np.searchsorted(owners, queries[0]) :][
            : np.searchsorted(owners, queries[-1], "right") - np.searchsorted(owners, queries[0])
        ]
        rng = np.random.default_rng([self._seed, number])
        row = np.searchsorted(queries, self._relation.links[links, 0])
        positives = self._relation.links[links, 1:]
        found = []
        step = max(1, 2**21 // high)
        for start in range(0, len(links), step):
            part = slice(start, start + step)
            own = paired_scores(embeddings[row[part]], candidates, positives[part], self._distance)
            considered, theirs = places[row[part], low:], scores[row[part], low:]
            if self._rescore is not None:
                both = np.concatenate([positives[part], considered], axis=1)
                again = self._rescored(queries[row[part]], both)
                own, theirs = again[:, :1], again[:, 1:]
            found.append((own[:, 0], *choose(self._rules, own, considered, theirs, rng)))
        own, chosen, theirs = (np.concatenate(x) for x in zip(*found, strict=True))
        return {
            "links": links,
            "places": chosen,
            "scores": theirs.astype(np.float32),
            "positive_scores": own.astype(np.float32),
        }

    def _rescored(self, queries, places):
        """Scores of each query and its candidates by the function of the caller; −inf for −1."""
        row, column = np.nonzero(places >= 0)
        found = np.full(places.shape, -np.inf)
        for start in range(0, len(row), _BLOCK):
            part = row[start : start + _BLOCK], column[start : start + _BLOCK]
            examples = self._relation.left.read(queries[part[0]])
            scores = np.asarray(self._rescore(examples, self._relation.right.read(places[part])))
            if scores.shape != part[0].shape or not np.isfinite(scores).all():
                raise ValueError(
                    expected(f"rescore to return {len(part[0])} finite scores", shape=scores.shape)
                )
            found[part] = scores
        return found

    def _joined(self, parts):
        links = np.concatenate([part["links"] for part in parts])
        arrays = {}
        for name in ("places", "scores", "positive_scores"):
            whole = np.concatenate([part[name] for part in parts])
            arrays[name] = np.empty_like(whole)
            arrays[name][links] = whole
            arrays[name].flags.writeable = False
        return arrays


def _name(function: Any) -> str:
    """The name of a function, or of the class of a callable object."""
    return getattr(function, "__qualname__", type(function).__name__)
