"""What a result was measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version


def describe(*packages):
    """Processor, cores, Python and the versions of some packages."""
    model = platform.processor()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line for line in file if line.startswith("model name"))
            model = model.split(":")[1].strip()
    except (OSError, StopIteration):
        pass
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "machine": {"processor": model, "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version(), **versions},
    }
