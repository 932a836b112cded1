"""``tfmetric doctor``: what is broken is a line and an exit code, never a crash.

That all is well on a machine where it is, is in test_entry_point.py: that takes seconds.
"""

import importlib.metadata
import json
import os
import sys

import pytest
from click.testing import CliRunner

from tfmetric._version import __version__
from tfmetric.cli import cli, doctor_checks

EXTRAS = {"viz", "search", "qdrant", "serve", "edge", "test", "bench"}


def doctor(*arguments):
    done = CliRunner().invoke(cli, ["doctor", *arguments])
    assert "Traceback" not in done.output
    return done


def checks(done):
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.fixture
def no_start(monkeypatch):
    """Does not start Keras."""
    monkeypatch.setattr(doctor_checks, "of_keras", list)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Puts wheels before those that are there: installed("name", "1.0", "Requires-Dist: x")."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, version, *lines, module=None):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        (folder / "METADATA").write_text(text + "\n")
        (folder / "top_level.txt").write_text(f"{module or name}\n")

    return install


def test_what_extras_lack_and_how_to_install_it(no_start, installed):
    installed(
        "tfmetric",
        __version__,
        "Requires-Dist: click>=8",
        "Provides-Extra: viz",
        "Provides-Extra: odd",
        'Requires-Dist: click>=7; extra == "viz"',
        'Requires-Dist: no-such-package<2,>=1; extra == "odd"',
        'Requires-Dist: click>=99; extra == "odd"',
        'Requires-Dist: nothing; extra == "odd" and python_version < "3"',
    )
    done = doctor("--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert found["extras"] == {
        "viz": {"missing": [], "install": None},
        "odd": {
            "missing": ["no-such-package<2,>=1", "click>=99"],
            "install": 'pip install "tfmetric[odd]"',
        },
    }
    assert found["versions"]["click"] == importlib.metadata.version("click")
    assert found["system"]["processors"] >= 1
    text = doctor().stdout
    assert '  missing odd              no-such-package<2,>=1, click>=99: pip install "tf' in text
    assert "  ok      viz\n" in text
    assert text.endswith("\nEverything required works.\n")


def test_a_requirement_that_is_not_met_fails(no_start, installed):
    installed("tfmetric", "0.0.1", "Requires-Dist: click>=99", "Requires-Dist: no-such-package")
    done = doctor("--json")
    assert done.exit_code == 1
    text = checks(done)["requirements"]["text"]
    assert "click>=99 is required, " in text
    assert "no-such-package is not installed" in text
    assert "Not everything required works." in doctor().stdout


def test_metadata_of_another_version_is_a_note(no_start, installed):
    installed("tfmetric", "0.0.1", "Requires-Dist: click")
    found = checks(doctor("--json"))["requirements"]
    assert found["status"] == "note"
    assert "tfmetric 0.0.1; this is" in found["text"]


def test_without_metadata_it_works_and_says_so(no_start, monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    done = doctor("--json")
    assert done.exit_code == 0, done.output
    found = checks(done)["requirements"]
    assert found["status"] == "note"
    assert "pip install -e" in found["text"]
    assert json.loads(done.stdout)["extras"] == {}


def test_broken_metadata_is_a_line(no_start, installed, monkeypatch):
    installed("tfmetric", __version__, "Requires-Dist: ][")
    done = doctor("--json")
    assert done.exit_code == 1
    assert checks(done)["requirements"]["text"].startswith("InvalidRequirement")
    real = importlib.metadata.version

    def version(name):
        if name == "numpy":
            raise OSError("broken")
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert json.loads(doctor("--json").stdout)["versions"]["numpy"] == "broken"


def test_wheels_that_overwrite_each_other_are_named(no_start, installed):
    installed("tensorflow-cpu", "2.21.0", module="tensorflow")
    found = checks(doctor("--json"))["wheels"]
    assert found["status"] == "note"
    assert found["text"].startswith("tensorflow and tensorflow-cpu overwrite")


@pytest.mark.parametrize(
    ("keras", "name", "said"),
    [
        ("raise RuntimeError('one\\ntwo')", "backend", "RuntimeError: one ("),
        ("import os; os.kill(os.getpid(), 4)", "backend", "SIGILL: this processor lacks"),
        ("import os; os._exit(3)", "backend", "Python ended with code 3"),
        ("import time; time.sleep(60)", "backend", "no answer within 1 s"),
    ],
    ids=["raises", "dies", "ends", "hangs"],
)
def test_a_keras_that_does_not_start_is_a_line(keras, name, said, tmp_path, monkeypatch):
    if "kill" in keras and os.name != "posix":
        pytest.skip("takes a signal")
    (tmp_path / "keras.py").write_text(keras)
    # Before Keras, but not before tfmetric; which need not be tried once more each time.
    (tmp_path / "tfmetric.py").write_text("raise ImportError('not this one')")
    monkeypatch.setattr(doctor_checks, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(doctor_checks, "_TIMEOUT", 1 if "sleep" in keras else 60)
    done = doctor("--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["ok"] is False
    found = checks(done)[name]
    assert found["status"] == "failed"
    assert said in found["text"]


@pytest.mark.skipif(os.name != "posix", reason="a program that is a shell script")
def test_a_gpu_that_keras_does_not_see_is_noted(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho NVIDIA X\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    seen = [doctor_checks.Check("devices", "ok", "CPU, GPU NVIDIA X")]
    assert doctor_checks.of_gpus(seen) is None
    found = doctor_checks.of_gpus([doctor_checks.Check("devices", "ok", "CPU")])
    assert found.text.startswith("the driver shows NVIDIA X, and Keras does not see it: pip")


def test_the_extras_are_those_of_the_installed_package(no_start):
    try:
        importlib.metadata.distribution("tfmetric")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("tfmetric is not installed")
    found = json.loads(doctor("--json").stdout)
    assert set(found["extras"]) >= EXTRAS
    assert found["python"]["path"] == sys.executable
