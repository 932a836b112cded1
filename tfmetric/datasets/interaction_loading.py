"""`load_interactions`: reads what users chose, for recommendation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_choice, require_fraction, require_seed
from tfmetric.datasets.links.rows import Rows
from tfmetric.datasets.links.sides import side_of_features, side_of_ids
from tfmetric.datasets.links.sources import RowOptions, read_rows
from tfmetric.datasets.relation import Relation
from tfmetric.datasets.relation_loading import Wanted, assembled

RULES = ("leave_last", "time", "users", "links", "as given")


def load_interactions(
    source: Any,
    *,
    user: str = "user",
    item: str = "item",
    time: str | None = None,
    rating: str | None = None,
    at_least: float | None = None,
    user_features: Any = None,
    item_features: Any = None,
    user_kinds: Mapping[str, Any] | None = None,
    item_kinds: Mapping[str, Any] | None = None,
    split: str = "leave_last",
    test_fraction: float = 0.25,
    split_seed: int = 0,
    delimiter: str | None = None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    strict: bool = False,
) -> tuple[Relation, Relation]:
    """Loads what users bought, watched or rated, and divides it into train and test.

    Use it for recommendation. The left elements are users, the right ones items; each row is a
    link. Every item with a link is a candidate of the test, and `test.seen` has the links that a
    ranking must leave out. A user of the test whose held-out item is unknown is counted in the
    report, as are users without a held-out item.

    Args:
        source: As for :func:`load_pairs`. `"tfds:movielens/..."` has the columns `user_id`,
            `movie_id`, `timestamp`, `user_rating`, `movie_title`, `movie_genres` and more.
        user: The column of the ids of the users, integers or text.
        item: The column of the ids of the items.
        time: The column of the times, numbers or dates.
        rating: The column of the ratings, numbers; they are the `score` of the links.
        at_least: The lowest rating that makes a link; `None` makes each row one.
        user_features: What describes a user beside the id: a table, a data frame or a mapping of
            columns, with the column `user`; a mapping from ids to mappings; or the names of columns
            of the source. The left elements are then records of the id and these fields.
        item_features: What describes an item, as `user_features`, with the column `item`.
        user_kinds: The kinds of fields of users, as `fields` of `datasets.load`.
        item_kinds: The kinds of fields of items.
        split: The rule that divides the links:

            - "leave_last": each user's last item is the test. Of items at the same time the later
              in the source is the last. It needs `time`;
            - "time": what happened from a point in time on is the test, so that training knows
              nothing of the future;
            - "users": the users of the test are not in train; the last item of each is the test,
              the earlier ones are `seen`;
            - "links": at random, which leaks the future;
            - "as given": the data's own parts.
        test_fraction: The share of the test, of links or, under "users", of users; "leave_last"
            does not use it.
        split_seed: Seed of the split, an integer from 0.
        delimiter: As for :func:`load_pairs`.
        data_dir: As for :func:`load_pairs`.
        download: As for :func:`load_pairs`.
        strict: As for :func:`load_pairs`.

    Returns:
        (train, test), two `Relation`. Without features an element is its number among the ids, a
        vector of one category, which the towers look up; `class_names` has the ids.

    Raises:
        ValueError: As :func:`load_pairs`; or if the split needs times, or no user has two items.

    >>> rows = {
    ...     "user": ["ann", "ann", "bob", "bob", "cem"],
    ...     "item": [7, 8, 8, 9, 7],
    ...     "day": [1, 2, 1, 3, 2],
    ... }
    >>> train, test = load_interactions(rows, time="day")
    >>> [(test.left.class_names[u], test.right.class_names[i]) for u, i in test.links]
    [('ann', '8'), ('bob', '9')]
    >>> train.report.notes
    ('1 left element with one link only, without a held-out one: in train',)
    """
    require_choice("split", split, RULES)
    require_fraction(test_fraction)
    require_seed(split_seed, "split_seed")
    if at_least is not None and rating is None:
        raise ValueError(
            expected("the column of the ratings as rating= beside at_least=", rating=rating)
        )
    own = {"user": user, "item": item, "time": time, "rating": rating}
    sides = {user: (user_features, user_kinds), item: (item_features, item_kinds)}
    within = [name for given, _ in sides.values() for name in _names(given)]
    wanted = tuple(dict.fromkeys([name for name in own.values() if name is not None] + within))
    options = RowOptions(delimiter, data_dir, download, wanted)
    rows = read_rows(source, options)
    rows.require(**own)
    rows = rows.with_values([name for name in own.values() if name is not None])
    scores = None if rating is None else np.asarray(rows.numbers(rating), np.float64)
    notes: tuple[str, ...] = ()
    if at_least is not None and scores is not None:
        high = scores >= at_least
        if not high.any():
            raise ValueError(
                expected(
                    "a rating that is high enough to make a link",
                    at_least=at_least,
                    highest=float(scores.max()),
                )
            )
        notes = (f"{int((~high).sum()):,} ratings below {at_least:g} make no link",)
        rows, scores = rows.chosen(np.flatnonzero(high)), scores[high]
    users, items = (
        _side(rows, name, column, *sides[column], options)
        for name, column in (("user", user), ("item", item))
    )
    return assembled(
        rows,
        users,
        items,
        scores,
        None if time is None else rows.times(time),
        Wanted(split, test_fraction, split_seed, strict),
        notes,
    )


def _names(features: Any) -> tuple[str, ...]:
    """Returns the columns of the source that are features; none for features of their own."""
    if isinstance(features, (list, tuple)) and all(isinstance(name, str) for name in features):
        return tuple(features)
    return ()


def _side(rows, name, column, features, kinds, options):
    if features is None:
        if kinds:
            raise ValueError(
                expected(f"{name}_features= with the fields of {name}_kinds=", kinds=kinds)
            )
        return side_of_ids(rows, name, column)
    return side_of_features(rows, name, column, _read(rows, column, features, options), kinds or {})


def _read(rows: Rows, column: str, features: Any, options: RowOptions) -> Rows:
    names: Sequence[str] = _names(features)
    if names:
        rows.require(**{f"features[{place}]": one for place, one in enumerate(names)})
        return rows.only((column, *names))
    if isinstance(features, Mapping) and all(isinstance(v, Mapping) for v in features.values()):
        features = [{column: key, **fields} for key, fields in features.items()]
    found = read_rows(features, options)
    found.require(features=column)
    return found
