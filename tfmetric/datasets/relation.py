"""Links between the elements of two sides: images and captions, users and items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import (
    require_choice,
    require_fraction,
    require_positive,
    require_seed,
)
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.links.batches import FURTHER, ONCE, linked_batches, scored_batches
from tfmetric.datasets.links.checks import (
    checked_links,
    checked_score,
    checked_time,
    link_codes,
)
from tfmetric.datasets.links.negatives import checked_negatives
from tfmetric.datasets.links.parts import Linked, parts_of
from tfmetric.datasets.links.report import RelationReport
from tfmetric.datasets.links.splits import RULES, divide_links


@dataclass(frozen=True, eq=False, repr=False)
class Relation:
    """Elements of two sides and the links between them. Immutable.

    Use it for questions and answers, images and captions, sentence pairs with a grade, users and
    items. `datasets.load_pairs` and `datasets.load_interactions` make a pair of them, train and
    test. Train `models.two_tower` on :meth:`batches`.

    Attributes:
        left: `LabeledData` of the distinct left elements (the queries). The label of an element is
            its id: an index into `class_names`, which hold the ids as text.
        right: `LabeledData` of the distinct right elements (the candidates, the catalogue).
        links: `int64` `(M, 2)`: the place in `left` and the place in `right` of each link.
        score: `float32` `(M,)`, the grade of each link, or `None`.
        time: `(M,)`, the time of each link, integers, floats or `datetime64`, or `None`.
        seen: `int64` `(S, 2)`, links of these left elements that were known before this part, such
            as those of the training part; empty in a training part. A ranking leaves them out.
        report: What loading found, or `None`.

    Raises:
        ValueError: If a link leads to a place that does not exist or is given twice, a link is
            among the seen ones, a score or a time is missing, or the shapes differ.

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> texts = datasets.from_arrays(["a cat", "a dog", "a cow"], [0, 1, 2])
    >>> images = datasets.from_arrays(np.zeros((4, 8, 8), "uint8"), [0, 1, 2, 3])
    >>> relation = Relation(images, texts, [[0, 0], [1, 1], [2, 2], [3, 2]])
    >>> relation
    <Relation: 4 links of 4 left (images of 8×8×1 uint8) and 3 right elements (texts)>
    >>> np.exp(relation.log_q).tolist()
    [0.25, 0.25, 0.5]
    """

    left: LabeledData
    right: LabeledData
    links: np.ndarray
    score: np.ndarray | None = None
    time: np.ndarray | None = None
    seen: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    report: RelationReport | None = None

    def __post_init__(self):
        for side in ("left", "right"):
            if not isinstance(getattr(self, side), LabeledData):
                raise TypeError(
                    expected(
                        f"{side} as LabeledData; datasets.from_arrays makes it of arrays",
                        **{f"{side}_type": type(getattr(self, side)).__name__},
                    )
                )
        sizes = len(self.left), len(self.right)
        links = checked_links(self.links, *sizes)
        seen = checked_links(self.seen, *sizes, name="seen", empty=True)
        known = np.isin(link_codes(links, sizes[1]), link_codes(seen, sizes[1]))
        if known.any():
            first = links[known.argmax()].tolist()
            raise ValueError(
                expected("links that are not among the seen ones", link=first, number=known.sum())
            )
        found = {
            "links": links,
            "score": checked_score(self.score, len(links)),
            "time": checked_time(self.time, len(links)),
            "seen": seen,
        }
        for name, array in found.items():
            if array is not None:
                array = array.copy()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __len__(self) -> int:
        return len(self.links)

    def __repr__(self):
        left, right = self.left.element.describe(), self.right.element.describe()
        return (
            f"<Relation: {len(self):,} links of {len(self.left):,} left ({left}) and"
            f" {len(self.right):,} right elements ({right})>"
        )

    @cached_property
    def log_q(self) -> np.ndarray:
        """`float32` `(len(right),)`: the log of each candidate's share of the links.

        It is the `log_q` of `models.two_tower(log_q="given")`, and a ranking by it is the baseline
        of popularity. A candidate without a link has −inf.
        """
        count = np.bincount(self.links[:, 1], minlength=len(self.right))
        with np.errstate(divide="ignore"):
            found = np.log(count / len(self.links)).astype(np.float32)
        found.flags.writeable = False
        return found

    def subset(self, indices: Sequence[int] | np.ndarray) -> Relation:
        """Returns only these links, in this order, with both sides as they are.

        Args:
            indices: Numbers of links, or a boolean mask `(M,)`, such as `relation.score >= 4`.
        """
        chosen = np.arange(len(self))[np.asarray(indices)]
        return replace(self, links=self.links[chosen], **self._columns(chosen))

    def split(
        self, rule: str, *, test_fraction: float = 0.25, seed: int = 0
    ) -> tuple[Relation, Relation]:
        """Divides the links between train and test.

        Left elements of a part are those with a link in it. The test part's right elements are all
        candidates, and so are the training part's, but for the rules that keep them apart.

        Args:
            rule: One of

                - "left" or "right": no element of this side has links in both parts;
                - "components": no element of either side has; links that are connected through
                  common elements stay together;
                - "links": at random;
                - "time": links from a point in time on are the test, which leaks no future;
                - "leave_last": the last link of each left element is the test. Of links at the same
                  time the later in the source is the last. A left element with one link is in
                  train only;
                - "users": left elements apart; the last link of each is the test, and the earlier
                  ones are `seen`.
            test_fraction: The share of the test: of left or right elements, of links, or of left
                elements with two links under "users". "leave_last" does not use it.
            seed: Seed of the split, an integer from 0.

        Returns:
            (train, test).

        Raises:
            ValueError: If there is too little to divide, or the rule needs times.

        >>> import numpy as np
        >>> from tfmetric import datasets
        >>> users, items = (datasets.from_arrays(np.eye(n), np.arange(n)) for n in (2, 4))
        >>> links = [[0, 0], [0, 1], [0, 2], [1, 3], [1, 0]]
        >>> train, test = Relation(users, items, links, time=[1, 3, 2, 5, 9]).split("leave_last")
        >>> test.links.tolist(), test.seen.tolist()
        ([[0, 1], [1, 0]], [[0, 0], [0, 2], [1, 3]])
        """
        require_choice("rule", rule, tuple(RULES))
        require_fraction(test_fraction)
        require_seed(seed)
        division = divide_links(self.links, self.time, rule, test_fraction, seed)
        whole = Linked(self.left, self.right, self.links, self.score, self.time)
        train, test = (Relation(**part, report=self.report) for part in parts_of(whole, division))
        return train, test

    def batches(
        self,
        batch_size: int = 256,
        *,
        once: str | None = "right",
        negatives: int | np.ndarray | None = None,
        log_q: str | None = None,
        augment_left: Callable | None = None,
        augment_right: Callable | None = None,
        seed: int = 0,
    ) -> Any:
        """Batches of links for `models.two_tower` and a loss on two sides.

        An epoch shows each link once and is shuffled anew. Batches are a function of `seed` and the
        number of the epoch; `set_epoch` and `next_epoch` are those of `balanced_batches`. Batches
        have one size, or one link less, so that none is much smaller than the others.

        Args:
            batch_size: The most links of a batch.
            once: "right" for batches without two links of one candidate; where a candidate has more
                links than `len(self) / batch_size`, batches are smaller. "left" for batches without
                two links of one left element. `None` for full batches, whose accidental hits the
                losses leave out by `y_true`.
            negatives: Explicit negatives of each link: H for so many right elements that are not
                linked to the left one, drawn anew each epoch; or `(M, H)` places in `right`, such
                as the hard negatives that are mined.
            log_q: The further column of `models.two_tower(log_q=...)`: "given" for `log_q` of the
                candidate, "estimated" for its id.
            augment_left: What augments a batch of left elements, as for `balanced_batches`.
            augment_right: What augments a batch of right elements, negatives included.
            seed: Seed of the batches, an integer from 0.

        Returns:
            A `tf.data.Dataset` of known length with elements `((left, right, negatives..., log_q),
            ids)`. `ids` are the labels of the right elements, `int64` `(B,)`, or `(B, 1 + H)` with
            negatives.

        Raises:
            ValueError: If an argument is out of range, or all links have one candidate.

        >>> import numpy as np
        >>> from tfmetric import datasets
        >>> users, items = (datasets.from_arrays(np.eye(n), np.arange(n)) for n in (3, 4))
        >>> relation = Relation(users, items, [[0, 0], [0, 1], [1, 0], [2, 3]])
        >>> (left, right, negative), ids = next(iter(relation.batches(2, negatives=1)))
        >>> left.shape.as_list(), negative.shape.as_list(), ids.shape.as_list()
        ([2, 3], [2, 4], [2, 2])
        """
        require_positive(batch_size=batch_size)
        require_seed(seed)
        require_choice("once", once, ONCE)
        require_choice("log_q", log_q, tuple(FURTHER))
        return linked_batches(
            self.left,
            self.right,
            self.links,
            batch_size,
            once=once,
            negatives=checked_negatives(negatives, self.links, self.seen, self.left, self.right),
            further=log_q,
            log_q=self.log_q,
            augment=(augment_left, augment_right),
            seed=seed,
        )

    def graded_batches(
        self,
        batch_size: int = 256,
        *,
        augment_left: Callable | None = None,
        augment_right: Callable | None = None,
        seed: int = 0,
    ) -> Any:
        """Batches of links with their scores, for `models.two_tower` and a loss on graded pairs.

        Args:
            batch_size: The most links of a batch; batches have one size, or one link less.
            augment_left: As for :meth:`batches`.
            augment_right: As for :meth:`batches`.
            seed: As for :meth:`batches`.

        Returns:
            A `tf.data.Dataset` of known length with elements `((left, right), score)`, the score
            `float32` `(B,)`.

        Raises:
            ValueError: If the links have no scores.
        """
        require_positive(batch_size=batch_size)
        require_seed(seed)
        if self.score is None:
            raise ValueError(expected("links with scores; name them by score=", score=None))
        return scored_batches(
            self.left,
            self.right,
            self.links,
            self.score,
            batch_size,
            augment=(augment_left, augment_right),
            seed=seed,
        )

    def _columns(self, chosen):
        columns = {"score": self.score, "time": self.time}
        return {name: None if x is None else x[chosen] for name, x in columns.items()}
