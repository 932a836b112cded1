import struct

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from tfmetric import datasets
from tfmetric.datasets.records import example_fields, record_spans


def _example(**features):
    kinds = {
        int: lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=[v])),
        bytes: lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=[v])),
        float: lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=[v])),
        list: lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v)),
    }
    built = {name: kinds[type(value)](value) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=built)).SerializeToString()


def test_records_are_located_without_parsing(tmp_path):
    image = bytes(range(256)) * 300
    written = [
        _example(image=image, label=2**40, x=1.5),
        _example(label=-1, image=b""),
        _example(other=b"abc", label=[], image=b"z"),
    ]
    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for record in written:
            writer.write(record)
    with open(path, "rb") as file:
        data = file.read()
    spans = list(record_spans(data, path))
    assert [data[a:b] for a, b in spans] == written
    wanted = frozenset({"image", "label", "x"})
    found = [example_fields(data, a, b, wanted) for a, b in spans]
    assert [data[slice(*f["image"])] for f in found] == [image, b"", b"z"]
    assert [f.get("label") for f in found] == [2**40, -1, None]
    for cut in (5, len(data) - 3):
        with pytest.raises(ValueError, match="cut short"):
            list(record_spans(data[:cut], path))
    with pytest.raises(ValueError, match="cut short"):
        list(record_spans(struct.pack("<Q", 2**62) + b"0123", path))


def test_needs_a_download(tmp_path):
    with pytest.raises(ValueError, match=r"download=True, or the data_dir"):
        datasets.load("tfds:omniglot", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "no_such_data",
        "",
        "/",
        "omniglot/",
        ":",
        "omniglot:9.9.9",
        "no_such:x",
        "../x",
        "a b",
        "omniglot/no_such",
        "x" * 5000,
    ],
)
def test_unknown_and_malformed_names(tmp_path, name):
    with pytest.raises(ValueError, match="name of a data set of tensorflow-datasets") as caught:
        datasets.load(f"tfds:{name}", data_dir=tmp_path)
    assert len(str(caught.value)) < 300


def test_stray_folders_are_not_remarked_on(tmp_path, caplog):
    (tmp_path / "omniglot" / "stray").mkdir(parents=True)
    (tmp_path / "omniglot" / "variant" / "3.0.0").mkdir(parents=True)
    before = logging.get_verbosity()
    with pytest.raises(ValueError, match="download=True"):
        datasets.load("tfds:omniglot", data_dir=tmp_path)
    assert logging.get_verbosity() == before
    assert "ariant folder" not in caplog.text


def test_omniglot(shared):
    train, test = datasets.load("tfds:omniglot", data_dir=shared("tfds"), cache_bytes=0)
    assert (len(train), len(test)) == (19280, 13180)
    assert (train.num_classes, test.num_classes) == (964, 659)
    assert train.element_shape == (105, 105, 1)
    assert "the data's own" in train.report.split
    chosen = [0, 777, 13179]
    images = test.read(chosen)
    assert set(np.unique(images)) == {0, 255}
    for i in chosen:
        assert test.class_names[test.labels[i]].startswith(test.groups[i])


def test_fashion_mnist_is_merged_and_split_by_class(shared):
    train, test = datasets.load(
        "tfds:fashion_mnist", data_dir=shared("tfds"), cache_bytes=0, verify="quick"
    )
    assert len(train) + len(test) == 70000
    assert (train.num_classes, test.num_classes) == (5, 5)
    assert "merged" in str(train.report)
    import tensorflow_datasets as tfds

    builder = tfds.builder("fashion_mnist", data_dir=str(shared("tfds")))
    oracle = next(iter(builder.as_dataset(split="train")))
    names = builder.info.features["label"].names
    part = next(p for p in (train, test) if "fashion_mnist/0" in p.ids[:1])
    np.testing.assert_array_equal(part.read([0])[0], oracle["image"])
    assert part.class_names[part.labels[0]] == names[int(oracle["label"])]
