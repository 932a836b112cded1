"""``tfmetric report``, from the outside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.runs import make_run

from tfmetric.cli import cli

ROOT = Path(__file__).parents[2]


def tfmetric(*arguments, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, "-m", "tfmetric", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
        env=environment,
    )


def test_it_writes_the_page_and_loads_the_model_for_it(tmp_path):
    run = make_run(tmp_path / "run")
    done = tfmetric("report", "run", "--output", "pages/faces.html", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    page = tmp_path / "pages/faces.html"
    assert "pages/faces.html" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert text.count("integrated gradients") == 1
    assert 'class="none"' not in text
    assert not (run / "report.html").exists()
    assert [path.name for path in page.parent.iterdir()] == ["faces.html"]


@pytest.mark.parametrize("name", ["nothing", "empty", "file.txt", "broken"])
def test_what_is_no_run_is_one_line(name, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("text")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/metrics.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["report", name])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: Expected")
    assert done.stderr.count("\n") == 1
    assert name in done.stderr


def test_help_and_what_is_no_run_do_not_import_tensorflow(tmp_path):
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        f"sys.argv = ['tfmetric', 'report', {str(tmp_path)!r}]\n"
        "from tfmetric.cli import main; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert b"the directory of a run" in done.stderr, done.stderr
    assert done.returncode == 1
