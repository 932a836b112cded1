"""``tfmetric serve``, from the outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from tfmetric.cli import cli

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "saved_models"


def test_usage(tmp_path):
    done = CliRunner().invoke(cli, ["serve", "--help"])
    assert done.exit_code == 0
    assert "for testing" in done.output
    assert CliRunner().invoke(cli, ["serve", str(tmp_path / "no")]).exit_code == 2
    done = CliRunner().invoke(cli, ["serve", str(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith("Error: Expected the directory of a model")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_serves_until_it_is_told_to_end(number, code):
    pytest.importorskip("uvicorn")
    pytest.importorskip("tensorflow_serving.apis")
    arguments = ["serve", str(MODELS), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfmetric", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        lines = []
        while not lines or "TensorFlow Serving in production" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        url = re.search(r"http://127\.0\.0\.1:\d+/v1/models/characters", "".join(lines))[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            (entry,) = json.load(answer)["model_version_status"]
        assert entry["state"] == "AVAILABLE"
        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - asked < 60
    finally:
        process.kill()
        process.wait(30)
    assert process.returncode == code
    assert "Stopping" in out
    assert "Traceback" not in err
