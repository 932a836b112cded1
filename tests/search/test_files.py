"""Saved indexes: the same after loading, and no other file is taken for one."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tfmetric import search
from tfmetric.search import ExactIndex, FaissIndex, files

X = np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32)
TEXTS = [f"ä{i}\ud800" if i % 2 else "" if not i else f"{i}/漢" for i in range(40)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"distance": "manhattan"},
        {"distance": "cosine", "storage": "float16"},
        {"distance": "euclidean", "storage": "int8"},
        {"distance": "hamming", "storage": "binary"},
        {"distance": "cosine", "storage": "binary", "rescore": "int8", "oversample": 3},
    ],
)
@pytest.mark.parametrize(
    "ids", [np.arange(40) - 2**62, np.arange(40, dtype=np.uint64) + np.uint64(2**63), TEXTS]
)
def test_a_loaded_index_answers_as_before(arguments, ids, tmp_path):
    index = ExactIndex(**arguments)
    index.add(X, ids)
    index.save(tmp_path / "index.npz")
    loaded = search.load(tmp_path / "index.npz")
    assert repr(loaded) == repr(index)
    before, after = index.query(X[:5], 4), loaded.query(X[:5], 4)
    np.testing.assert_array_equal(after.ids, before.ids)
    assert after.ids.dtype == before.ids.dtype
    np.testing.assert_array_equal(after.distances, before.distances)
    loaded.remove([before.ids[0, 0]])
    loaded.save(tmp_path / "index.npz")  # In place of the first.
    assert len(search.load(tmp_path / "index.npz")) == 39
    assert [path.name for path in tmp_path.iterdir()] == ["index.npz"]


def test_an_empty_index_is_saved_too(tmp_path):
    ExactIndex("cosine").save(tmp_path / "empty")
    loaded = ExactIndex.load(tmp_path / "empty")
    assert (len(loaded), loaded.dim, loaded.distance) == (0, None, "cosine")
    with pytest.raises(ValueError, match="a file of FaissIndex"):
        FaissIndex.load(tmp_path / "empty")


def test_a_file_cut_short_or_changed_is_named(tmp_path):
    index = ExactIndex("cosine")
    index.add(X, range(40))
    index.save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    broken = tmp_path / "broken.npz"
    for length in (0, 3, 60, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"broken\.npz"):
            search.load(broken)
    for place in range(100, len(whole), len(whole) // 30):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        broken.write_bytes(changed)
        try:
            loaded = search.load(broken)
        except ValueError as error:
            assert "broken.npz" in str(error)  # noqa: PT017
        else:  # A byte between the parts, which means nothing.
            np.testing.assert_array_equal(loaded.query(X, 3).ids, index.query(X, 3).ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distance": "euclidean"}, "checksums show a change"),
        ({"dim": 9}, "checksums show a change"),
        ({"tfmetric_index": 2}, "format 1"),
        ({"tfmetric_index": "x"}, "format 1"),
    ],
)
def test_a_header_that_was_changed(change, message, tmp_path):
    index = ExactIndex("cosine")
    index.add(X, range(40))
    index.save(tmp_path / "index.npz")
    arrays = dict(np.load(tmp_path / "index.npz", allow_pickle=False))
    header = json.loads(arrays.pop("header").tobytes()) | change
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "index.npz", header=text, **arrays)
    with pytest.raises(ValueError, match=message):
        search.load(tmp_path / "index.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"distance": "nearness"},
        {"dim": 9},
        {"count": 41},
        {"settings": {"storage": "int8"}},
        {"settings": {"speed": 3}},
    ],
)
def test_parts_that_do_not_fit_together(change, tmp_path):
    header = {"index": "exact", "distance": "cosine", "dim": 10, "count": 40}
    header |= {"settings": {"storage": "float32"}} | change
    files.write(tmp_path / "odd.npz", header, {"vectors": X, "ids": np.arange(40)})
    with pytest.raises(ValueError, match=r"fit together.*odd\.npz"):
        search.load(tmp_path / "odd.npz")


def test_other_files_are_no_index(tmp_path):
    np.save(tmp_path / "array.npy", X)
    np.savez(tmp_path / "archive.npz", x=X)
    np.savez(tmp_path / "pickled.npz", header=np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("hello")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match=path.name):
            search.load(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        search.load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="a file to write"):
        ExactIndex().save(tmp_path)


def test_what_fails_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    index = ExactIndex("cosine")
    index.add(X, range(40))
    index.save(tmp_path / "index.npz")

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(files.np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        index.save(tmp_path / "index.npz")
    assert len(search.load(tmp_path / "index.npz")) == 40
    assert len(list(tmp_path.iterdir())) == 1


SAVER = """
import os, random, signal, sys, time
from pathlib import Path
import os
import subprocess
import sys

import numpy as np
import tfmetric as tm
path = Path(sys.argv[1])
index = tm.search.ExactIndex()
index.add(np.random.default_rng(0).normal(size=(20_000, 64)), range(20_000))
index.save(path)
draw, most, hit = random.Random(0), 0, 0
for _ in range(50):
    child = os.fork()
    if not child:
        while True:
            index.save(path)
    time.sleep(draw.uniform(0.002, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = len(list(path.parent.iterdir())) - 1
    most, hit = max(most, left), hit + left
    assert len(tm.search.load(path)) == 20_000
index.save(path)
print(most, hit, len(list(path.parent.iterdir())))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fifty_kills_of_save_leave_one_scratch_at_most(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAVER, str(tmp_path / "index.npz")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    most, hit, left = map(int, done.stdout.split())
    assert most == 1  # The scratch of the last kill.
    assert hit > 20  # Most kills come within a write.
    assert left == 1  # The index alone.
