import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmetric import datasets
from tfmetric.datasets.sources import ArraySource


def _data(counts=(6, 5, 9, 4, 7), shape=(4, 4, 1), seed=0):
    """Each image holds its own index, so that a batch shows which examples it took."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    x = np.broadcast_to(np.arange(len(labels))[:, None, None, None], (len(labels), *shape))
    return datasets.from_arrays(x.astype("uint8"), labels)


def _drain(batches):
    return [(x.numpy(), y.numpy()) for x, y in batches]


def test_shapes_length_and_labels():
    data = _data()
    batches = datasets.balanced_batches(data, 3, 2)
    assert batches.element_spec[0].shape == (6, 4, 4, 1)
    assert batches.element_spec[1] == tf.TensorSpec((6,), tf.int64)
    drained = _drain(batches)
    assert len(drained) == int(batches.cardinality()) == 31 // 6
    for x, y in drained:
        assert (data.labels[x[:, 0, 0, 0]] == y).all()
        assert np.unique(y, return_counts=True)[1].tolist() == [2, 2, 2]
    assert {int(label) for _, y in drained for label in y} == set(range(5))


def test_an_epoch_is_long_enough_to_visit_every_class():
    data = _data((2,) * 23)
    drained = _drain(datasets.balanced_batches(data, 5, 2))
    assert len(drained) == 5
    assert {int(label) for _, y in drained for label in y} == set(range(23))
    assert len(_drain(datasets.balanced_batches(data, 5, 2, batches_per_epoch=3))) == 3


def _brighter(images):
    return tf.cast(images, tf.float32) + tf.random.uniform(tf.shape(images), seed=1)


def _stateless(images, seed):
    shape = tf.shape(images)
    return tf.cast(images, tf.float32) + tf.random.stateless_uniform(shape, seed)


_AUGMENTERS = {
    "none": lambda: None,
    "ours": lambda: datasets.augmentation(brightness=0.1, contrast=0.1),
    "keras": lambda: keras.layers.RandomRotation(0.2),
    "keras_chain": lambda: keras.layers.Pipeline(
        [keras.layers.RandomTranslation(0.3, 0.3), keras.layers.RandomZoom(0.5)]
    ),
    "seeded_function": lambda: _stateless,
}


@pytest.mark.parametrize("name", _AUGMENTERS)
def test_a_function_of_the_seed_and_the_number_of_the_epoch(name):
    def batches(seed=4):
        return datasets.balanced_batches(
            _data(), 3, 2, batches_per_epoch=6, augment=_AUGMENTERS[name](), seed=seed
        )

    def epoch(batches):
        return np.stack([x for x, _ in _drain(batches)])

    straight, resumed = batches(), batches()
    epochs = [epoch(straight) for _ in range(3)]
    assert straight.next_epoch() == 3
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], epoch(batches(5)))
    next(iter(resumed))  # Keras looks at a batch before it trains.
    derived = resumed.map(lambda x, y: (x, y)).prefetch(1)
    for number in (2, 0):
        resumed.set_epoch(number)
        np.testing.assert_array_equal(epoch(derived), epochs[number])
    np.testing.assert_array_equal(epoch(resumed), epochs[1])


def test_any_function_augments():
    batches = datasets.balanced_batches(_data(), 3, 2, augment=_brighter)
    assert batches.element_spec[0].dtype == tf.float32
    assert batches.element_spec[0].shape == (6, 4, 4, 1)
    assert len(_drain(batches)) == 5


def test_rule_for_small_classes():
    data = _data((1, 5, 6, 7))
    x, y = _drain(datasets.balanced_batches(data, 4, 4, batches_per_epoch=1))[0]
    assert len(set(x[y == 0].ravel().tolist())) == 1
    dropped = _drain(datasets.balanced_batches(data, 3, 4, small_classes="drop"))
    assert {int(label) for _, y in dropped for label in y} == {1, 2, 3}
    with pytest.raises(ValueError, match="at least 4 examples in every class"):
        datasets.balanced_batches(data, 2, 4, small_classes="error")
    with pytest.raises(ValueError, match="small_classes as one of"):
        datasets.balanced_batches(data, 2, 4, small_classes="ignore")


def test_where_classes_are_few_more_examples_of_each_fill_the_batch():
    x, labels = np.arange(400)[:, None], np.arange(400) % 10
    batches = datasets.balanced_batches((x, labels), 32, 4)
    spec = batches.element_spec[0].shape.as_list()
    assert spec == [10 * (32 * 4 // 10), 1]
    x, labels = next(iter(batches))
    assert np.bincount(labels).tolist() == [12] * 10
    assert len(set(x.numpy().ravel().tolist())) == 120
    small = datasets.balanced_batches((np.arange(40)[:, None], np.arange(40) % 10), 32, 4)
    assert small.element_spec[0].shape.as_list() == [40, 1]  # K stays at the size of the classes.
    with pytest.raises(ValueError, match="at least two classes"):
        datasets.balanced_batches((np.eye(4), np.zeros(4, int)), 2, 2)


def test_an_epoch_says_how_much_of_unequal_classes_it_shows():
    labels = np.concatenate([np.zeros(2000, int), np.repeat(np.arange(1, 61), 2)])
    batches = datasets.balanced_batches((np.arange(len(labels))[:, None], labels), 20, 4)
    shown = {int(one) for x, _ in _drain(batches) for one in x.ravel()}
    assert abs(batches.distinct_examples - len(shown)) <= 4
    assert batches.distinct_examples < 300


@pytest.mark.parametrize("bad", [0, -1, 2.0, True])
def test_sizes_are_positive_integers(bad):
    with pytest.raises(ValueError, match="positive integer"):
        datasets.balanced_batches(_data(), bad, 2)
    with pytest.raises(ValueError, match="positive integer"):
        datasets.balanced_batches(_data(), 2, 2, batches_per_epoch=bad)


class _CountingSource(ArraySource):
    """Stands for a million images on disk: counts what is read, holds nothing."""

    def __init__(self, size):
        super().__init__(np.zeros((0, 2, 2, 1), np.uint8))
        self.size, self.read_rows = size, 0

    def __len__(self):
        return self.size

    def handle_specs(self):
        return (("uint8", self.element.shape),)

    def handles(self, positions):
        self.read_rows += len(positions)
        return (np.zeros((len(positions), *self.element.shape), np.uint8),)

    def loader(self):
        return lambda rows: rows


def test_only_what_the_batches_need_is_read():
    source = _CountingSource(1_000_000)
    labels = np.repeat(np.arange(100_000), 10)
    names = tuple(map(str, range(100_000)))
    data = datasets.LabeledData(source, labels, names)
    batches = datasets.balanced_batches(data, 32, 4)
    assert int(batches.cardinality()) == 1_000_000 // 128
    iterator = iter(batches)
    for _ in range(3):
        next(iterator)
    assert source.read_rows < 128 * 200


def test_trains_a_keras_model_for_two_epochs():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    batches = datasets.balanced_batches(_data(), 3, 2)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 2


def test_pairs():
    data = _data()
    batches = datasets.pairs(data, batch_size=8, positive_fraction=0.25)
    assert int(batches.cardinality()) == 4
    for (a, b), same in batches:
        a, b, same = (t.numpy() for t in (a, b, same))
        assert same.dtype == np.float32
        assert same.sum() == 2
        a, b = a[:, 0, 0, 0], b[:, 0, 0, 0]
        assert ((data.labels[a] == data.labels[b]) == same.astype(bool)).all()
        assert (a != b).all()


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_pairs_of_one_kind_only(fraction):
    data = _data((4,)) if fraction == 1 else _data((1, 1, 1))
    for _, same in datasets.pairs(data, batch_size=4, positive_fraction=fraction):
        assert (same.numpy() == fraction).all()


def test_triplets():
    data = _data()
    seen = set()
    for (a, p, n), zeros in datasets.triplets(data, batch_size=8, seed=2):
        a, p, n = (t.numpy()[:, 0, 0, 0] for t in (a, p, n))
        assert (data.labels[a] == data.labels[p]).all()
        assert (a != p).all()
        assert (data.labels[a] != data.labels[n]).all()
        assert zeros.shape == (8,)
        seen |= set(a.tolist())
    assert seen == set(range(len(data)))


@pytest.mark.parametrize("make", [datasets.pairs, datasets.triplets])
def test_pairs_and_triplets_are_determined_by_the_seed(make):
    def made(seed):
        return make(_data(), batch_size=8, augment=datasets.augmentation(), seed=seed)

    def first(batches):
        return [side.numpy() for side in next(iter(batches))[0]]

    batches = made(1)
    one, later = first(batches), first(batches)
    np.testing.assert_array_equal(one, first(made(1)))
    assert not np.array_equal(one, later)
    assert not np.array_equal(one, first(made(2)))
    batches.set_epoch(1)
    np.testing.assert_array_equal(later, first(batches))


def test_bad_pairs():
    with pytest.raises(ValueError, match="positive_fraction from 0 to 1"):
        datasets.pairs(_data(), positive_fraction=1.5)
    with pytest.raises(ValueError, match="one class with two examples"):
        datasets.pairs(_data((1, 1)))
    with pytest.raises(ValueError, match="at least two classes"):
        datasets.triplets(_data((5,)))


def test_one_class_a_batch_has_no_negatives():
    with pytest.raises(ValueError, match=r"at least 2 classes_per_batch.*Received: classes_per"):
        datasets.balanced_batches(_data(), 1, 2)


_MAKERS = [
    lambda data, **options: datasets.balanced_batches(data, 2, 2, **options),
    datasets.pairs,
    datasets.triplets,
]


@pytest.mark.parametrize("make", _MAKERS)
@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True, 2**63])
def test_bad_seeds_are_refused_at_once(make, seed):
    with pytest.raises(ValueError, match=r"seed as an integer from 0.*Received: seed="):
        make(_data(), seed=seed)


@pytest.mark.parametrize("make", _MAKERS)
def test_batches_of_arrays(make):
    data = _data()
    mine, arrays = (make(source, seed=3) for source in (data, (data.read(), data.labels)))
    for one, two in zip(
        tf.nest.flatten(next(iter(mine))), tf.nest.flatten(next(iter(arrays))), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match=r"as LabeledData or arrays.*data_type='ndarray'"):
        make(data.read())
    with pytest.raises(ValueError, match="pass train"):
        make((data, data))


@pytest.mark.parametrize("bad", [-1, 1.0, True, None])
def test_the_number_of_an_epoch_is_an_integer_from_0(bad):
    with pytest.raises(ValueError, match="number of an epoch, from 0"):
        datasets.balanced_batches(_data(), 3, 2).set_epoch(bad)
