"""`load_interactions`: the splits in time, ratings, features, and what is wrong."""

import numpy as np
import pytest

import tfmetric as tm
from tfmetric import datasets

_RNG = np.random.default_rng(0)
ROWS = {
    "user": [f"u{n}" for n in _RNG.integers(0, 12, 150)],
    "item": _RNG.integers(100, 130, 150),
    "time": _RNG.integers(0, 40, 150),
    "rating": _RNG.integers(1, 11, 150) / 2,
}


def _oracle(at_least=None):
    """The first row of each user and item, with its time and rating."""
    rows = list(zip(*(np.asarray(column).tolist() for column in ROWS.values()), strict=True))
    rows = [row for row in rows if at_least is None or row[3] >= at_least]
    found = {}
    for place, (user, item, time, rating) in enumerate(rows):
        if (user, item) not in found or time < found[user, item][0]:
            found[user, item] = (time, place, rating)
    return found


def _links(part, links):
    users = np.array(part.left.class_names)[part.left.labels]
    items = np.array(part.right.class_names)[part.right.labels]
    return {(str(users[a]), int(items[b])) for a, b in links}


def _load(**options):
    return datasets.load_interactions(ROWS, time="time", rating="rating", **options)


@pytest.mark.parametrize("at_least", [None, 3])
def test_the_last_item_of_each_user_is_the_test(at_least):
    train, test = _load(at_least=at_least)
    found = _oracle(at_least)
    last = set()
    for user in {user for user, _ in found}:
        own = [link for link in found if link[0] == user]
        if len(own) > 1:
            last.add(max(own, key=lambda link: found[link][:2]))
    assert _links(test, test.links) == last
    assert _links(train, train.links) == set(found) - last
    assert _links(test, test.seen) == set(set(found) - last)
    assert len(test.right) == len({item for _, item in found})
    for part in (train, test):
        for a, b in part.links:
            (link,) = _links(part, [(a, b)])
            row = np.flatnonzero((part.links == (a, b)).all(1))[0]
            assert (part.time[row], part.score[row]) == (found[link][0], found[link][2])


def test_a_cut_in_time():
    train, test = _load(split="time")
    assert train.time.max() < test.time.min()
    assert _links(train, train.links) | _links(test, test.links) == set(_oracle())
    assert "without a link before the cut" in str(train.report)


def test_users_apart():
    train, test = _load(split="users", test_fraction=0.5)
    apart = {user for user, _ in _links(test, test.links)}
    assert not apart & {user for user, _ in _links(train, train.links)}
    every = _links(train, train.links) | _links(test, test.links) | _links(test, test.seen)
    assert every == set(_oracle())


def test_ids_of_a_table_are_ordered_as_numbers(tmp_path):
    table = tmp_path / "a.tsv"
    table.write_text("user\titem\n1\t10\n2\t9\n1\t9\n10\t100\n", "utf-8")
    train, test = datasets.load_interactions(table, split="links")
    assert train.right.class_names == ("9", "10", "100")
    assert train.left.element.options["categories"] == 3
    assert len(train) + len(test) == 4


def test_times_may_be_dates():
    rows = {
        "user": [1, 1, 1],
        "item": [1, 2, 3],
        "time": ["2024-05-01", "2023-01-01", "2024-04-30"],
    }
    _, test = datasets.load_interactions(rows, time="time")
    assert test.right.class_names[test.links[0, 1]] == "1"
    with pytest.raises(ValueError, match="numbers, or dates such as"):
        datasets.load_interactions({**rows, "time": ["a", "b", "c"]}, time="time")


def test_users_with_one_item_are_counted():
    rows = {"user": [1, 1, 2], "item": [1, 2, 3], "time": [1, 2, 3]}
    train, test = datasets.load_interactions(rows, time="time")
    assert (len(train), len(test)) == (2, 1)
    assert "1 left element with one link only, without a held-out one: in train" in str(test.report)


FEATURES = {
    "item": np.arange(95, 140),
    "title": [f"film {n}" for n in range(45)],
    "year": np.arange(45),
}


def _feature_forms(tmp_path):
    import pandas as pd

    table = tmp_path / "items.csv"
    rows = zip(*(np.asarray(column).tolist() for column in FEATURES.values()), strict=True)
    lines = ["item,title,year", *(",".join(map(str, row)) for row in rows)]
    table.write_text("\n".join(lines), "utf-8")
    by_id = {
        int(item): {"title": title, "year": int(year)}
        for item, title, year in zip(*FEATURES.values(), strict=True)
    }
    return {"table": table, "columns": FEATURES, "frame": pd.DataFrame(FEATURES), "by id": by_id}


def test_features_of_items_in_every_form(tmp_path):
    for name, features in _feature_forms(tmp_path).items():
        train, _ = _load(item_features=features)
        element = train.right.element
        assert list(element.fields) == ["item", "title", "year"], name
        read = train.right.read()
        numbers = [int(text) for text in np.array(train.right.class_names)[train.right.labels]]
        assert read["title"].tolist() == [f"film {number - 95}" for number in numbers], name
        assert read["year"][:, 0].tolist() == [number - 95 for number in numbers], name
        assert element.fields["item"].options["categories"] == 30
        assert "features of 15 items without a link" in str(train.report)


def test_features_may_be_columns_of_the_source():
    rows = {**ROWS, "title": [f"film {n}" for n in ROWS["item"]]}
    train, _ = datasets.load_interactions(rows, time="time", item_features=("title",))
    read = train.right.read()["title"].tolist()
    assert read == [
        f"film {name}" for name in np.array(train.right.class_names)[train.right.labels]
    ]


def test_items_without_features_are_left_out_and_reported():
    features = {name: column[:20] for name, column in FEATURES.items()}  # Items 95 to 114.
    with pytest.warns(UserWarning, match=r"15 unusable .* item 115 \(no features\)"):
        train, test = _load(item_features=features)
    assert set(train.right.class_names) == {str(n) for n in range(100, 115)}
    wanted = {link for link in _oracle() if link[1] < 115}
    found = _links(train, train.links) | _links(test, test.links)
    assert found == wanted


def test_towers_look_ids_up():
    train, _ = _load(item_features={name: FEATURES[name] for name in ("item", "title")})
    model = tm.models.two_tower(
        tm.models.embedder(train.left.element, 8), tm.models.embedder(train.right.element, 8)
    )
    table = model.query.get_layer("ids")
    assert table.input_dim == 12 + 1
    (left, right), _ = next(iter(train.batches(8)))
    assert model.predict((left, right), verbose=0).shape == (len(left), 2, 8)
    unknown = model.query.predict(np.array([[-3], [12], [2**40]]), verbose=0)
    assert np.isfinite(unknown).all()
    assert (unknown[0] == unknown[1]).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"user": "who"}, "user= as one of the columns user, item"),
        ({"time": None}, "links with times for split='leave_last'"),
        ({"at_least": 9}, r"high enough to make a link. Received: at_least=9, highest=5.0"),
        ({"rating": None, "at_least": 3}, "as rating= beside at_least="),
        ({"split": "left"}, "split as one of 'leave_last', 'time', 'users'"),
        ({"item_features": {"id": [1], "x": [2]}}, "features= as one of the columns id, x"),
        ({"item_features": {"item": [1], "x": [2]}}, "features for the ids of the column item"),
        ({"item_features": {"item": [100]}}, "features with a column beside the ids"),
        ({"item_kinds": {"x": "text"}}, "item_features= with the fields"),
        ({"item_features": "nothing.csv"}, "existing .csv"),
        ({"split": "as given"}, "parts of its own"),
    ],
)
def test_wrong_arguments_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        datasets.load_interactions(ROWS, **{"time": "time", "rating": "rating", **wrong})


@pytest.fixture
def movielens(tmp_path):
    """A data set with the features of tensorflow-datasets' movielens."""
    import tensorflow_datasets as tfds

    genres = tfds.features.ClassLabel(names=["Action", "Comedy", "Drama"])
    features = tfds.features.FeaturesDict(
        {
            "movie_genres": tfds.features.Sequence(genres),
            "movie_id": tfds.features.Text(),
            "movie_title": tfds.features.Text(),
            "timestamp": np.int64,
            "user_gender": np.bool_,
            "user_id": tfds.features.Text(),
            "user_rating": np.float32,
        }
    )
    rows = [
        {
            "movie_genres": [movie % 3, (movie + 1) % 3][: 1 + movie % 2],
            "movie_id": str(movie),
            "movie_title": f"Film {movie} (1995)",
            "timestamp": 1000 + 10 * movie + user,
            "user_gender": True,
            "user_id": str(user),
            "user_rating": 3.0 + (user + movie) % 3,
        }
        for user in range(5)
        for movie in range(4)
    ]
    tfds.dataset_builders.store_as_tfds_dataset(
        "films", "1.0.0", features, {"train": list(enumerate(rows))}, data_dir=str(tmp_path)
    )
    return tmp_path


def test_movielens_of_tensorflow_datasets(movielens):
    names = {"user": "user_id", "item": "movie_id", "time": "timestamp", "rating": "user_rating"}
    train, test = datasets.load_interactions(
        "tfds:films",
        **names,
        at_least=4,
        item_features=("movie_title", "movie_genres"),
        data_dir=movielens,
    )
    wanted = {(str(u), m) for u in range(5) for m in range(4) if (u + m) % 3}
    assert _links(train, train.links) | _links(test, test.links) == wanted
    last = {(u, max(m for v, m in wanted if v == u)) for u, _ in wanted}
    assert _links(test, test.links) == last
    assert train.right.read()["movie_genres"].tolist() == [
        "Action", "Comedy, Drama", "Drama", "Action, Comedy",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="features of the data set"):
        datasets.load_interactions("tfds:films", user="who", data_dir=movielens)


def test_movielens_small(shared):
    folder = shared("data/movielens_small")
    train, test = datasets.load_interactions(
        folder / "ratings.csv",
        user="userId",
        item="movieId",
        time="timestamp",
        rating="rating",
        at_least=4,
        item_features=folder / "movies.csv",
    )
    assert (len(train), len(test), len(test.left), len(test.right)) == (47972, 608, 608, 6298)
    assert len(test.seen) == 47971
    assert "1 left element with one link only" in str(train.report)
    batches = train.batches(512)
    assert int(batches.cardinality()) == 271
    seen = 0
    for _, ids in batches:
        assert len(set(ids.numpy().tolist())) == len(ids)
        seen += len(ids)
    assert seen == 47972
