"""A reader finds the old file or the new one, whole; the scratch of a killed writer goes."""

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tfmetric import _files
from tfmetric._files import SUFFIX, filling, remove_abandoned, replacing, scratch_beside

ROOT = Path(__file__).parents[1]
WRITER = """
import sys, types
sys.modules["tfmetric"] = types.ModuleType("tfmetric")  # Importing the package takes seconds.
sys.modules["tfmetric"].__path__ = ["tfmetric"]
from tfmetric._files import replacing
print("ready", flush=True)
number = 0
while True:
    with replacing(sys.argv[1]) as draft, draft.open("wb") as file:
        for _ in range(8):
            file.write(bytes([number]) * 50_000)
    number = (number + 1) % 256
"""


def scratch_in(directory):
    return sorted(path.name for path in directory.iterdir() if path.name.endswith(SUFFIX))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill on this system")
@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_leave_a_whole_file_and_one_scratch_at_most(tmp_path, kills):
    path, draw = tmp_path / "file", random.Random(0)
    path.write_bytes(b"\0" * 400_000)
    kills_with_scratch = 0
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        ) as writer:
            writer.stdout.readline()
            time.sleep(draw.uniform(0, 0.02))
            writer.kill()
        content = path.read_bytes()
        assert len(content) == 400_000
        assert len(set(content)) == 1
        left = scratch_in(tmp_path)
        assert len(left) <= 1
        kills_with_scratch += len(left)
    assert kills_with_scratch > 0  # Some kill hit a write.
    with replacing(path) as draft:
        draft.write_text("after")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "after"


def test_scratch_in_use_stays_whatever_its_age(tmp_path):
    with scratch_beside(tmp_path, "long") as held:
        (held / "work").write_text("half")
        os.utime(held, (0, 0))
        with replacing(tmp_path / "other") as draft:
            draft.write_text("done")
        remove_abandoned(tmp_path)
        assert (held / "work").read_text() == "half"
    assert scratch_in(tmp_path) == []


def test_scratch_of_all_kinds_is_removed_and_nothing_else(tmp_path):
    names = [f".empty.1{SUFFIX}", f".file.2{SUFFIX}", f".tree.3{SUFFIX}"]
    for name in names:
        (tmp_path / name).mkdir()
    for name in names[1:]:
        (tmp_path / name / "lock").write_text("")
    (tmp_path / names[1] / "half.png").write_text("half")
    (tmp_path / names[2] / "version/variables").mkdir(parents=True)
    (tmp_path / names[2] / "version/variables/data").write_text("half")
    (tmp_path / names[2] / "outside").symlink_to(tmp_path / "kept")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_text("mine")
    foreign = tmp_path / f".foreign{SUFFIX}"
    foreign.mkdir()
    (foreign / "no lock of ours").write_text("")
    visible = tmp_path / f"visible{SUFFIX}"
    visible.mkdir()
    with replacing(tmp_path / "new") as draft:
        draft.write_text("new")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([foreign.name, "kept", "new", visible.name])
    assert (kept / "mine").read_text() == "mine"
    remove_abandoned(tmp_path / "none")


def test_writers_at_the_same_time_do_not_remove_each_other(tmp_path):
    faults = []

    def write(number):
        try:
            for turn in range(20):
                with replacing(tmp_path / f"{number}") as draft:
                    draft.write_text(f"{number}/{turn}")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{number}": f"{number}/19" for number in range(6)
    }


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with replacing(path) as draft:
            draft.write_text("half")
            raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_contents_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def synced(number):
        events.append(("sync", os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    def replaced(source, target):
        events.append(("rename", str(target)))
        replace(source, target)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not tell which file is behind a number")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with replacing(tmp_path / "file") as draft:
        draft.write_text("x")
    kinds = [(kind, Path(path).name) for kind, path in events]
    assert kinds == [("sync", "file"), ("rename", "file"), ("sync", tmp_path.name)]
    events.clear()
    with replacing(tmp_path / "tree") as draft:
        (draft / "inner").mkdir(parents=True)
        (draft / "inner/data").write_text("x")
    kinds = [(kind, Path(path).name) for kind, path in events]
    assert kinds[:3] == [("sync", "data"), ("sync", "inner"), ("sync", "tree")]
    assert kinds[3:] == [("rename", "tree"), ("sync", tmp_path.name)]


def test_files_move_into_a_directory_the_last_one_last(tmp_path, monkeypatch):
    moved, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(Path(b).name), replace(a, b)))
    (tmp_path / "metrics.json").write_text("old")
    with filling(tmp_path, "metrics.json") as draft:
        for name in ("metrics.json", "z.png", "a.keras"):
            (draft / name).write_text("new")
        assert (tmp_path / "metrics.json").read_text() == "old"
    assert moved == ["a.keras", "z.png", "metrics.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(moved)


@pytest.mark.parametrize("lack", ["module", "file system"])
def test_a_system_without_locks_writes_all_the_same(tmp_path, monkeypatch, lack):
    if lack == "module":
        monkeypatch.setattr(_files, "fcntl", None)
    else:

        def refused(*arguments):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(_files.fcntl, "flock", refused)
    with scratch_beside(tmp_path, "held") as held:
        (held / "work").write_text("half")
        with replacing(tmp_path / "file") as draft:
            draft.write_text("x")
        monkeypatch.undo()  # Another machine on the same disk, which has locks.
        remove_abandoned(tmp_path)
        assert (held / "work").exists()
    assert (tmp_path / "file").read_text() == "x"
    assert scratch_in(tmp_path) == []


def test_a_full_disk_is_said_with_the_path(tmp_path):
    def fill():
        with replacing(tmp_path / "index.npz"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"room on the disk.*index\.npz"):
        fill()
    assert list(tmp_path.iterdir()) == []
