"""Describes the checks of ``tfmetric doctor``, which report failures instead of raising errors."""

import contextlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tfmetric._version import __version__
from tfmetric.cli import doctor_packages
from tfmetric.cli.sources import default_data_dir, prepared_sets

PACKAGE = Path(__file__).parent.parent
_PROBE = Path(__file__).with_name("doctor_probe.py")
_TIMEOUT = 300


@dataclass(frozen=True)
class Check:
    """Something that was tried.

    Attributes:
        name: What.
        status: "ok", "note" where something is worth knowing, "failed" where something that is
            needed does not work.
        text: What was found.
    """

    name: str
    status: str
    text: str


def of_packages() -> tuple[doctor_packages.Packages, list[Check]]:
    """Checks the installed packages."""
    found, checks = doctor_packages.Packages(), []
    for name, look, say in (
        ("versions", doctor_packages.shown, None),
        ("requirements", doctor_packages.required, _requirements),
        ("wheels", doctor_packages.conflicting, _wheels),
    ):
        try:
            look(found)
        except Exception as error:
            checks.append(Check(name, *_unreadable(error)))
        else:
            checks += [Check(name, *say(found))] if say else []
    return found, checks


def _unreadable(error):
    from importlib.metadata import PackageNotFoundError

    if isinstance(error, PackageNotFoundError):
        return "note", (
            "tfmetric runs from its sources and is not installed: the requirements of it and its "
            "extras are unknown; pip install -e {PACKAGE.parent}"
        )
    return "failed", f"{type(error).__name__}: {error}"


def _requirements(found):
    if found.wrong:
        return "failed", "; ".join(found.wrong)
    if found.metadata != __version__:
        return "note", (
            f"met are those of the installed tfmetric {found.metadata}; this is {__version__}"
        )
    return "ok", "all packages that tfmetric requires are installed"


def _wheels(found):
    if not found.conflicts:
        return "ok", "no two overwrite each other"
    return "note", "; ".join(
        f"{' and '.join(wheels)} overwrite each other's files: uninstall them all, install one"
        for wheels in found.conflicts
    )


def of_keras() -> list[Check]:
    """Returns the answer of the process that starts Keras, even if the process dies."""
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # -P: not with the directory of the file on the path, whose modules have common names.
    command = [sys.executable, "-P", str(_PROBE)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT
        )
        out, end = done.stdout, _ending(done)
    except subprocess.TimeoutExpired as error:
        out, end = (error.stdout or b"").decode(), f"no answer within {_TIMEOUT} s"
    checks = {}
    for line in out.splitlines():
        if line.startswith('{"check"'):
            found = json.loads(line)
            checks[found["check"]] = Check(found["check"], found["status"], found["text"])
    if not checks:
        return [Check("backend", "failed", end)]
    return [
        Check(check.name, "failed", end) if check.status == "started" else check
        for check in checks.values()
    ]


def _ending(done):
    said = [line for line in done.stderr.splitlines() if line.strip()]
    last = f": {said[-1].strip()}" if said else ""
    if done.returncode >= 0:
        return f"Python ended with code {done.returncode}{last}"
    import signal

    try:
        name = signal.Signals(-done.returncode).name
    except ValueError:
        name = f"signal {-done.returncode}"
    if name == "SIGILL":
        last = ": this processor lacks instructions that a package was compiled for"
    return f"Python was ended by {name}{last}"


def of_gpus(checks) -> Check | None:
    """Returns a note if the driver shows a GPU that Keras does not see."""
    devices = next((check for check in checks if check.name == "devices"), None)
    if devices is None or devices.status != "ok" or "CPU" not in devices.text:
        return None
    if "GPU" in devices.text or "CUDA" in devices.text:
        return None
    try:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    if not names.strip():
        return None
    text = (
        f"the driver shows {', '.join(names.strip().splitlines())}, and Keras does not see it: "
        'pip install "tensorflow[and-cuda]", or "jax[cuda12]" for the JAX backend'
    )
    return Check("GPU", "note", text)


def of_data() -> Check:
    """Returns the folder of TensorFlow Datasets."""
    where = default_data_dir()
    if not where.is_dir():
        return Check("data", "ok", f"{where} is not there yet: TensorFlow Datasets would make it")
    number = len(prepared_sets())
    return Check("data", "ok", f"{where} holds {number} data sets of TensorFlow Datasets")


def of_machine() -> dict:
    """The machine: system, processors, memory."""
    processors = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    return {
        "os": platform.platform(),
        "machine": platform.machine(),
        "processors": processors,
        "memory_gb": _memory(),
    }


def _memory():
    """Returns the gigabytes of memory that this process may use, or None."""
    found = []
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        try:
            import psutil

            found.append(psutil.virtual_memory().total)
        except Exception:  # It is not required by tfmetric.
            return None
    with contextlib.suppress(OSError, ValueError):  # A container may be limited to less.
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return round(min(found) / 1e9, 1)
