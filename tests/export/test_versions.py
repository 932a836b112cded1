import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tfmetric.export.versions import new_version, versions


def write(directory, content="x"):
    with new_version(directory) as draft:
        draft.path.mkdir()
        (draft.path / "file").write_text(content)
    return draft.published


def test_versions_count_up_by_number_and_leave_older_ones_alone(tmp_path):
    assert versions(tmp_path / "none") == []
    assert write(tmp_path, "first") == tmp_path / "1"
    (tmp_path / "10").mkdir()
    (tmp_path / "latest").mkdir()
    assert write(tmp_path) == tmp_path / "11"
    assert versions(tmp_path) == [1, 10, 11]
    assert (tmp_path / "1" / "file").read_text() == "first"
    (tmp_path / "12").write_text("a file with a number for its name")
    assert write(tmp_path) == tmp_path / "13"


def test_exports_at_the_same_time_each_get_a_version(tmp_path):
    barrier, published = threading.Barrier(8), []

    def export(content):
        with new_version(tmp_path) as draft:
            draft.path.mkdir()
            (draft.path / "file").write_text(content)
            barrier.wait()
        published.append((draft.published, content))

    threads = [threading.Thread(target=export, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions(tmp_path) == list(range(1, 9))
    for path, content in published:
        assert (path / "file").read_text() == content


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
    assert left[0].startswith(".export-")
    assert versions(tmp_path) == [1]
    assert write(tmp_path) == tmp_path / "2"


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
