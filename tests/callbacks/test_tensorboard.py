import copy
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import tfmetric as tm
from tfmetric.callbacks import EmbeddingTensorBoard, write_projector
from tfmetric.callbacks.projector import sprite
from tfmetric.evaluation import embed, retrieval

pytest.importorskip("tensorboard")
RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 6)
X = RNG.integers(0, 255, (24, 10, 8, 1)).astype("uint8")
NAMES = np.array(["a\tb", "c\nd", "漢字", "plain"])


def trained(board, epochs):
    model = tm.models.embedder((10, 8, 1), embedding_dim=3)
    model.compile("sgd", loss=tm.losses.TripletLoss())
    model.fit(X, LABELS, epochs=epochs, verbose=0, batch_size=24, callbacks=[board])
    return model


def logged(directory):
    """What TensorBoard reads: {tag: [(step, value)]}, and the tensors of images."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    log = EventAccumulator(str(directory), {"tensors": 0})
    log.Reload()
    return {
        tag: [(event.step, make_ndarray(event.tensor_proto)) for event in log.Tensors(tag)]
        for tag in log.Tags()["tensors"]
    }


def settings(directory):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    text = Path(directory, "projector_config.pbtxt").read_text()
    return text_format.Parse(text, ProjectorConfig()).embeddings[0]


def test_what_tensorboard_reads_is_what_the_model_does(tmp_path):
    data = tm.datasets.from_arrays(X, NAMES[LABELS], groups=np.array(["l", "r"])[LABELS % 2])
    board = EmbeddingTensorBoard(tmp_path, data, every=2, ks=(1,), queries=3, neighbours=4)
    model = trained(board, epochs=5)
    found = logged(tmp_path)
    steps = [step for step, _ in found["retrieval/map_at_r"]]
    assert steps == [0, 1, 3, 4]  # The first, every second, and the last.
    embeddings = embed(model, data)
    want = retrieval(embeddings, data.labels, ks=(1,)).figures()
    for name, value in want.items():
        assert found[f"retrieval/{name}"][-1][1] == pytest.approx(value)
    size = found["neighbours"][-1][1][:2]
    assert all(int(side) > 100 for side in size)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "embeddings.tsv"), embeddings, rtol=1e-5)
    rows = (tmp_path / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "class\tgroup"
    assert rows[1:3] == ["a b\tl"] * 2
    assert {row.split("\t")[0] for row in rows[1:]} == {"a b", "c d", "漢字", "plain"}
    config = settings(tmp_path)
    assert (config.tensor_path, config.metadata_path) == ("embeddings.tsv", "metadata.tsv")
    assert list(config.sprite.single_image_dim) == [10, 10]
    with Image.open(tmp_path / config.sprite.image_path) as sheet:
        assert sheet.size == (50, 50)


def test_a_deep_copy_and_a_second_fit(tmp_path):
    board = copy.deepcopy(
        EmbeddingTensorBoard(tmp_path, (X, LABELS), queries=0, max_points=7, every=9)
    )
    trained(board, epochs=1)
    trained(board, epochs=1)
    assert len(np.loadtxt(tmp_path / "embeddings.tsv")) == 7
    assert "neighbours" not in logged(tmp_path)


def test_vectors_have_no_sprite(tmp_path):
    x = RNG.normal(size=(24, 5)).astype("float32")
    model = tm.models.embedder((5,), embedding_dim=2)
    model.compile("sgd", loss=tm.losses.TripletLoss())
    board = EmbeddingTensorBoard(tmp_path, (x, LABELS), queries=2, neighbours=40)
    model.fit(x, LABELS, verbose=0, callbacks=[board])
    assert not (tmp_path / "sprite.png").exists()
    assert not settings(tmp_path).HasField("sprite")


def test_each_thumbnail_is_in_its_place():
    images = np.zeros((5, 4, 4, 3), "uint8")
    images[np.arange(5), :, :, 0] = (np.arange(5) * 50)[:, None, None]
    sheet, side = sprite(images)
    assert side == 4
    for index in range(5):
        row, column = divmod(index, 3)
        part = sheet[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert (part == images[index]).all()
    assert (sheet[8:] == 255).all()


def test_the_sprite_is_never_too_large():
    sheet, side = sprite(np.zeros((90_000, 2, 2, 1), "uint8"))
    assert side == 2
    assert max(sheet.shape) <= 8192


def test_bad_arguments(tmp_path):
    for name in ("every", "queries", "neighbours", "max_points"):
        with pytest.raises(ValueError, match=f"Expected {name}"):
            EmbeddingTensorBoard(tmp_path, (X, LABELS), **{name: -1})
    with pytest.raises(ValueError, match="2 names"):
        write_projector(tmp_path, np.zeros((2, 3)), ["a"])


def test_an_embedder_of_its_own(tmp_path):
    other = tm.models.embedder((10, 8, 1), embedding_dim=2)
    board = EmbeddingTensorBoard(tmp_path, (X, LABELS), queries=0, embedder=other)
    trained(board, epochs=1)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "embeddings.tsv"), embed(other, X), rtol=1e-5)
    assert isinstance(board, keras.callbacks.Callback)
