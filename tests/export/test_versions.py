import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tfmetric._files import SUFFIX
from tfmetric.export.versions import keep_newest, new_version, versions


def write(directory, content="x"):
    with new_version(directory) as draft:
        draft.path.mkdir()
        (draft.path / "saved_model.pb").write_text(content)
    return draft.published


def test_versions_count_up_by_number_and_leave_older_ones_alone(tmp_path):
    assert versions(tmp_path / "none") == []
    assert write(tmp_path, "first") == tmp_path / "1"
    (tmp_path / "10").mkdir()
    for name in ("latest", "007", "٣"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("")
    assert write(tmp_path) == tmp_path / "11"
    assert versions(tmp_path) == [1, 11]  # 10 holds no model, 007 and ٣ are no plain numbers.
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "first"
    (tmp_path / "12").write_text("a file with a number for its name")
    assert write(tmp_path) == tmp_path / "13"


def test_exports_at_the_same_time_each_get_a_version(tmp_path):
    barrier, published = threading.Barrier(8), []

    def export(content):
        with new_version(tmp_path) as draft:
            draft.path.mkdir()
            (draft.path / "saved_model.pb").write_text(content)
            barrier.wait()
        published.append((draft.published, content))

    threads = [threading.Thread(target=export, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions(tmp_path) == list(range(1, 9))
    for path, content in published:
        assert (path / "saved_model.pb").read_text() == content


def test_a_version_is_not_there_until_it_is_whole_also_if_killed(tmp_path):
    write(tmp_path)
    # Empty stand-ins for the packages, or the child would spend seconds on importing TensorFlow.
    script = (
        "import os, sys, types\n"
        "for name, path in (('tfmetric', 'tfmetric'), ('tfmetric.export', 'tfmetric/export')):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__path__ = [path]\n"
        "from tfmetric.export.versions import new_version\n"
        "with new_version(sys.argv[1]) as draft:\n"
        "    draft.path.mkdir()\n"
        "    os._exit(9)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root)
    assert done.returncode == 9
    left = sorted(p.name for p in tmp_path.iterdir())
    assert len(left) == 2
    assert left[0].startswith(".export.")
    assert versions(tmp_path) == [1]
    assert write(tmp_path) == tmp_path / "2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2"]


def test_the_next_export_removes_only_what_a_killed_one_left(tmp_path):
    for name in (f".export-old{SUFFIX}", ".export-old.tmp", f"seen{SUFFIX}"):
        (tmp_path / name / "version").mkdir(parents=True)
        (tmp_path / name / "lock").write_text("")
    with new_version(tmp_path) as running:
        running.path.mkdir()
        os.utime(running.path.parent, (0, 0))  # However old it seems, its lock is held.
        write(tmp_path)
        assert running.path.is_dir()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"1", "2", ".export-old.tmp", f"seen{SUFFIX}"}


def test_an_error_leaves_nothing(tmp_path):
    def half():
        with new_version(tmp_path) as draft:
            draft.path.mkdir()
            raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "under"):
        with pytest.raises(ValueError, match="Expected a directory"), new_version(place):
            pass

    def denied(**kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", denied)
    with (
        pytest.raises(ValueError, match=r"can be written to \(Permission denied\)"),
        new_version(tmp_path),
    ):
        pass


def test_only_the_newest_are_kept_and_nothing_else_is_touched(tmp_path):
    for _ in range(4):
        write(tmp_path)
    (tmp_path / "0").mkdir()
    (tmp_path / "notes").mkdir()
    assert keep_newest(tmp_path, None) == []
    assert keep_newest(tmp_path, 9) == []
    assert keep_newest(tmp_path, 2) == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "3", "4", "notes"]
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="keep_last to be an integer above 0"):
            keep_newest(tmp_path, wrong)
