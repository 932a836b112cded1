import copy

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric import datasets

from .kinds import EXAMPLES, equal, example, length, read_row


def _side(count):
    """Each element holds its own place, so that a batch shows which elements it took."""
    return datasets.from_arrays(np.arange(count, dtype="float32")[:, None], np.arange(count))


def _relation(links, num_left=None, num_right=None, **columns):
    links = np.asarray(links)
    sizes = links.max(0) + 1
    return datasets.Relation(
        _side(num_left or sizes[0]), _side(num_right or sizes[1]), links, **columns
    )


def _random(seed=0, links=300, left=40, right=60, **columns):
    rng = np.random.default_rng(seed)
    every = np.stack(np.meshgrid(np.arange(left), np.arange(right)), -1).reshape(-1, 2)
    # Some right elements are met more often than others.
    weight = 1 / (1 + every[:, 1])
    chosen = rng.choice(len(every), links, replace=False, p=weight / weight.sum())
    return _relation(every[chosen], left, right, **columns)


def _pairs(relation):
    """The links by the values of their elements, which are the same in all parts."""
    left, right = relation.left.read()[:, 0], relation.right.read()[:, 0]
    return {(int(left[a]), int(right[b])) for a, b in relation.links}


def _seen(relation):
    left, right = relation.left.read()[:, 0], relation.right.read()[:, 0]
    return {(int(left[a]), int(right[b])) for a, b in relation.seen}


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"links": [[0, 3]]}, ValueError, "right side, 0 to 2. Received: place=3, link=0"),
        ({"links": [[0, 0], [-1, 0]]}, ValueError, "left side, 0 to 1. Received: place=-1"),
        ({"links": [[0, 0], [1, 1], [0, 0]]}, ValueError, r"each pair once .*rows=\(0, 2\)"),
        ({"links": []}, ValueError, "at least one"),
        ({"links": [0, 1]}, ValueError, r"shape \(number of links, 2\)"),
        ({"links": [[0.0, 1.0]]}, ValueError, "as integers"),
        ({"score": [1.0]}, ValueError, "one number for each of 2 links as score"),
        ({"score": [1.0, np.nan]}, ValueError, "finite numbers as score. Received: score=nan"),
        ({"score": [np.inf, 1.0]}, ValueError, "finite numbers as score"),
        ({"score": ["a", "b"]}, ValueError, "one number for each"),
        ({"time": [1.0, np.nan]}, ValueError, "known time for each link. Received: time=nan, li"),
        ({"time": np.array(["2020", "NaT"], "datetime64[D]")}, ValueError, "known time"),
        ({"time": [1]}, ValueError, "one time for each of 2 links"),
        ({"seen": [[0, 0]]}, ValueError, r"not among the seen ones. Received: link=\[0, 0\]"),
        ({"seen": [[7, 0]]}, ValueError, "seen to places of the left side"),
        ({"left": np.zeros(3)}, TypeError, "left as LabeledData"),
    ],
)
def test_wrong_links_scores_and_times_are_refused(wrong, error, words):
    given = {"left": _side(2), "right": _side(3), "links": [[0, 0], [1, 2]], **wrong}
    with pytest.raises(error, match=words):
        datasets.Relation(**given)


def test_a_relation_cannot_be_changed():
    relation = _random()
    with pytest.raises(AttributeError):
        relation.links = None
    with pytest.raises(ValueError, match="read-only"):
        relation.links[0, 0] = 1
    assert copy.deepcopy(relation) is relation


def test_log_q_is_the_share_of_the_links():
    relation = _relation([[0, 0], [1, 0], [2, 2], [3, 0]], num_right=4)
    expected = np.array([np.log(3 / 4), -np.inf, np.log(1 / 4), -np.inf]).astype("float32")
    np.testing.assert_array_equal(relation.log_q, expected)
    assert relation.log_q.dtype == np.float32


@pytest.mark.parametrize("once", ["right", "left", None])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_each_link_is_once_in_an_epoch(once, batch_size):
    relation = _random()
    wanted = sorted(map(tuple, relation.links.tolist()))
    batches = relation.batches(batch_size, once=once)
    found, sizes = [], []
    for (left, right), ids in batches:
        rows = np.stack([left.numpy()[:, 0], right.numpy()[:, 0]], 1).astype(int)
        assert (rows[:, 1] == ids.numpy()).all()
        if once is not None:
            column = rows[:, int(once == "right")]
            assert len(set(column.tolist())) == len(column)
        found += map(tuple, rows.tolist())
        sizes.append(len(rows))
    assert sorted(found) == wanted
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    most = {"right": 1, "left": 0}.get(once)
    least = -(-300 // batch_size)
    if most is not None:
        least = max(least, np.bincount(relation.links[:, most]).max())
    assert len(sizes) == int(batches.cardinality()) == least


def test_batches_are_a_function_of_the_seed_and_the_epoch():
    relation = _random()

    def epoch(batches):
        return [ids.numpy().tolist() for _, ids in batches]

    first, again = (relation.batches(64, seed=3) for _ in range(2))
    epochs = [epoch(first) for _ in range(3)]
    assert epochs[0] != epochs[1]
    assert epoch(again) == epochs[0]
    again.set_epoch(2)
    assert epoch(again) == epochs[2]
    assert epoch(relation.batches(64, seed=4)) != epochs[0]


def test_batches_of_one_candidate_have_other_members_in_each_epoch():
    relation = _random()
    batches = relation.batches(64)
    company = [
        next({*ids.numpy().tolist()} for _, ids in batches if 40 in ids.numpy())
        for _ in range(4)
        if (relation.links[:, 1] == 40).any()
    ]
    assert len({frozenset(one) for one in company}) == len(company)


def test_drawn_negatives_are_not_linked_and_have_their_ids():
    relation = _random(seen=())
    known = {tuple(link) for link in relation.links.tolist()}
    drawn = set()
    for (left, right, first, second), ids in relation.batches(64, negatives=2):
        columns = np.stack([side.numpy()[:, 0] for side in (right, first, second)], 1)
        assert (columns == ids.numpy()).all()
        for owner, *others in zip(left.numpy()[:, 0], *columns[:, 1:].T, strict=True):
            assert not known & {(int(owner), int(other)) for other in others}
            drawn |= set(others)
    assert len(drawn) > 50


def test_a_nearly_full_relation_still_has_negatives():
    every = np.stack(np.meshgrid(np.arange(3), np.arange(50)), -1).reshape(-1, 2)
    relation = _relation([link for link in every.tolist() if link[1] != 10 * link[0]])
    for (left, _, negative), _ in relation.batches(20, once=None, negatives=1):
        assert (negative.numpy() == 10 * left.numpy()).all()
    with pytest.raises(ValueError, match=r"without a link for every left .*linked=50"):
        _relation(every).batches(20, negatives=1)


def test_given_negatives_stand_beside_their_links():
    relation = _random(links=50)
    given = np.array([np.setdiff1d(np.arange(60), relation.links[relation.links[:, 0] == a, 1])[:3]
                      for a in relation.links[:, 0]])  # fmt: skip
    rows = {tuple(link): row for link, row in zip(relation.links.tolist(), given, strict=True)}
    for (left, right, *negatives), _ in relation.batches(16, negatives=given):
        for row, (a, b) in enumerate(zip(left.numpy()[:, 0], right.numpy()[:, 0], strict=True)):
            wanted = rows[int(a), int(b)]
            assert [int(side[row, 0]) for side in negatives] == wanted.tolist()
    with pytest.raises(ValueError, match=r"integers of shape \(50, H\)"):
        relation.batches(16, negatives=given[:4])
    with pytest.raises(ValueError, match="places of the right side, 0 to 59"):
        relation.batches(16, negatives=given - 100)
    with pytest.raises(ValueError, match="not linked to the left element"):
        relation.batches(16, negatives=relation.links[:, 1:])


@pytest.mark.parametrize(("log_q", "dtype"), [("given", "float32"), ("estimated", "int64")])
def test_the_column_of_log_q_belongs_to_the_candidate(log_q, dtype):
    relation = _random()
    for (_, _, column), ids in relation.batches(64, log_q=log_q):
        wanted = relation.log_q[ids.numpy()] if log_q == "given" else ids.numpy()
        assert column.dtype == dtype
        assert (column.numpy() == wanted).all()


def test_graded_batches_have_the_score_of_their_link():
    score = np.random.default_rng(1).random(300)
    relation = _random(score=score)
    scores = dict(zip(map(tuple, relation.links.tolist()), relation.score.tolist(), strict=True))
    count = 0
    for (left, right), graded in relation.graded_batches(64):
        for a, b, grade in zip(left.numpy(), right.numpy(), graded.numpy(), strict=True):
            assert scores[int(a[0]), int(b[0])] == grade
            count += 1
    assert count == 300
    with pytest.raises(ValueError, match="links with scores"):
        _random().graded_batches(4)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch_size": 0}, "batch_size as a positive integer"),
        ({"once": "both"}, "once as one of"),
        ({"log_q": True}, "log_q as one of"),
        ({"negatives": 0}, "negatives as a positive integer"),
        ({"seed": -1}, "seed as an integer from 0"),
    ],
)
def test_wrong_arguments_of_batches_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        _random().batches(**wrong)


def test_one_candidate_in_all_is_refused():
    with pytest.raises(ValueError, match="at least two right elements"):
        _relation([[0, 0], [1, 0]]).batches(4)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_both_sides_may_be_of_any_kind(kind):
    values, options = EXAMPLES[kind]
    count = length(values)
    data = datasets.from_arrays(values, np.arange(count), **options)
    links = np.stack([np.arange(count), np.arange(count)[::-1]], 1)
    relation = datasets.Relation(data, data, links)
    met = 0
    for (left, right, negative), ids in relation.batches(7, negatives=1):
        columns = ids.numpy()
        for row, (own, other) in enumerate(columns):
            assert equal(read_row(left, row), example(values, count - 1 - own))
            assert equal(read_row(right, row), example(values, own))
            assert equal(read_row(negative, row), example(values, other))
            met += 1
    assert met == count


def test_files_are_read_beside_texts(image_folder, recwarn):
    images, _ = datasets.load(image_folder, split="examples", cache_bytes=0)
    names = datasets.from_arrays(list(images.class_names), np.arange(4))
    relation = datasets.Relation(
        images, names, np.stack([np.arange(len(images)), images.labels], 1)
    )
    pictures = images.read()
    for (left, right), ids in relation.batches(3, augment_left=lambda x: x + 1):
        for picture, text, label in zip(left.numpy(), right.numpy(), ids.numpy(), strict=True):
            assert text.decode() == images.class_names[label]
            assert (pictures[images.labels == label] + 1 == picture).all((1, 2, 3)).any()


def test_two_towers_learn_from_batches():
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    numbers = rng.normal(size=(40, 6)).astype("float32")
    data = datasets.from_arrays(numbers[:, :4], np.arange(40))
    vectors = datasets.from_arrays(numbers, np.arange(40))
    relation = datasets.Relation(data, vectors, np.stack([np.arange(40)] * 2, 1))
    model = tm.models.two_tower(
        tm.models.embedder(data.element, 8),
        tm.models.embedder(vectors.element, 8),
        negatives=1,
        log_q="given",
    )
    model.compile(keras.optimizers.Adam(0.01), tm.losses.InBatchSoftmaxLoss(log_q=True))
    losses = model.fit(
        relation.batches(20, negatives=1, log_q="given"), epochs=15, shuffle=False, verbose=0
    ).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def _degrees(relation, side):
    return np.bincount(relation.links[:, side], minlength=1)


@pytest.mark.parametrize("rule", ["left", "right", "components", "links", "time", "leave_last"])
def test_splits_lose_and_double_no_link(rule):
    rng = np.random.default_rng(0)
    relation = _random(links=60, left=60, right=90, time=rng.integers(0, 50, 60))
    train, test = relation.split(rule, seed=1)
    every, first, second = map(_pairs, (relation, train, test))
    assert first | second == every
    assert not first & second
    assert len(train) + len(test) == 60
    assert len(test) > 0
    assert len(train) > 0
    assert len(train.seen) == 0
    lefts = {left for left, _ in second}
    rights = {int(x) for x in test.right.read()[:, 0]}
    assert _seen(test) == {(a, b) for a, b in first if a in lefts and b in rights}
    assert {int(x) for x in test.left.read()[:, 0]} == lefts
    assert rights == ({b for _, b in second} if rule in ("right", "components") else set(range(90)))
    if rule in ("left", "components"):
        assert not {a for a, _ in first} & lefts
    if rule in ("right", "components"):
        assert not {b for _, b in first} & {b for _, b in second}
    if rule == "time":
        assert train.time.max() < test.time.min()
    again = relation.split(rule, seed=1)
    assert _pairs(again[1]) == second


def test_the_last_of_each_left_element_is_left_out():
    relation = _random(time=np.random.default_rng(0).integers(0, 9, 300))
    train, test = relation.split("leave_last")
    wanted = set()
    for left in range(40):
        rows = [row for row in range(300) if relation.links[row, 0] == left]
        if len(rows) > 1:
            last = max(rows, key=lambda row: (relation.time[row], row))
            wanted.add(tuple(relation.links[last].tolist()))
    assert _pairs(test) == wanted
    assert _pairs(train) == _pairs(relation) - wanted


def test_users_are_apart_with_their_history():
    relation = _random(time=np.random.default_rng(0).permutation(300))
    train, test = relation.split("users", test_fraction=0.5)
    apart = {left for left, _ in _pairs(test)}
    assert not apart & {left for left, _ in _pairs(train)}
    assert _pairs(train) | _pairs(test) | _seen(test) == _pairs(relation)
    assert len(test) == len(apart) == len(test.left)
    last = _pairs(relation.split("leave_last")[1])
    assert _pairs(test) <= last
    # Users are whole: those apart have all their links in test and seen.
    assert _seen(test) == {link for link in _pairs(relation) if link[0] in apart} - _pairs(test)


@pytest.mark.parametrize(
    ("links", "columns", "rule", "words"),
    [
        ([[0, 0], [1, 1]], {}, "time", "links with times for split='time'"),
        ([[0, 0], [1, 1]], {}, "leave_last", "links with times for split='leave_last'"),
        ([[0, 0], [1, 1]], {"time": [1, 2]}, "leave_last", "a left element with two links"),
        ([[0, 0], [1, 1]], {"time": [1, 1]}, "time", "at least two different times"),
        ([[0, 0], [0, 1]], {}, "components", "at least two unconnected parts"),
        ([[0, 0], [0, 1]], {}, "left", "at least 2 groups"),
        ([[0, 0]], {}, "links", "at least two links"),
        ([[0, 0], [0, 1]], {"time": [1, 2]}, "users", "two left elements with two links"),
        ([[0, 0]], {}, "classes", "rule as one of"),
    ],
)
def test_too_little_to_divide_is_refused(links, columns, rule, words):
    with pytest.raises(ValueError, match=words):
        _relation(links, **columns).split(rule)


def test_a_subset_keeps_its_columns():
    relation = _random(score=np.arange(300.0), time=np.arange(300))
    part = relation.subset(relation.score >= 298)
    assert part.time.tolist() == [298, 299]
    assert (part.links == relation.links[298:]).all()
