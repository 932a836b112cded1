"""Reads installed packages for ``tfmetric doctor`` from their metadata, without imports."""

import importlib.metadata
from dataclasses import dataclass, field

# Always shown. Requirements are in the metadata of tfmetric.
_SHOWN = ("keras", "tensorflow", "jax", "numpy", "keras-tuner", "tensorflow-datasets", "click")
# Wheels of one of these overwrite each other's files: tensorflow and tensorflow-cpu, for one.
_ONE_WHEEL = ("tensorflow", "keras", "jax", "jaxlib", "faiss", "onnxruntime", "numpy", "torch")


@dataclass
class Packages:
    """Installed packages.

    Attributes:
        versions: Version by name; None where it is not installed.
        metadata: Version of the metadata of tfmetric that was read; None if there is none.
        wrong: Requirements that are missing or of another version, in words.
        extras: Missing requirements of each extra, in pip's form.
        conflicts: Sets of wheels that overwrite each other.
    """

    versions: dict[str, str | None] = field(default_factory=dict)
    metadata: str | None = None
    wrong: list[str] = field(default_factory=list)
    extras: dict[str, list[str]] = field(default_factory=dict)
    conflicts: list[list[str]] = field(default_factory=list)


def version_of(name: str) -> str | None:
    """Returns the version of an installed package; "broken" if its metadata cannot be read."""
    try:
        return importlib.metadata.version(name) or "broken"
    except importlib.metadata.PackageNotFoundError:
        return None
    except Exception:  # A partly uninstalled package may raise any error.
        return "broken"


def required(found: Packages) -> None:
    """Fills in the requirements of tfmetric and its extras, with faults.

    Raises:
        importlib.metadata.PackageNotFoundError: If tfmetric itself is not installed.
    """
    from packaging.requirements import Requirement

    own = importlib.metadata.distribution("tfmetric")
    found.metadata = own.version
    extras = own.metadata.get_all("Provides-Extra") or []
    requirements = [Requirement(text) for text in own.requires or []]
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.versions.setdefault(requirement.name, version_of(requirement.name))
            found.wrong += _wrong(requirement)
    for extra in extras:
        of_it = [r for r in requirements if r.marker and r.marker.evaluate({"extra": extra})]
        found.extras[extra] = [
            f"{r.name}{r.specifier}" for r in of_it if "extra" in str(r.marker) and _wrong(r)
        ]


def _wrong(requirement):
    version = version_of(requirement.name)
    wanted = f"{requirement.name}{requirement.specifier}"
    if version is None:
        return [f"{wanted} is not installed"]
    if version == "broken" or not requirement.specifier.contains(version, prereleases=True):
        return [f"{wanted} is required, {version} is installed"]
    return []


def shown(found: Packages) -> None:
    """Fills in the versions that are always shown."""
    for name in _SHOWN:
        found.versions[name] = version_of(name)


def conflicting(found: Packages) -> None:
    """Fills in the wheels that overwrite each other."""
    owners = importlib.metadata.packages_distributions()
    for module in _ONE_WHEEL:
        wheels = sorted(set(owners.get(module, ())))
        if len(wheels) > 1:
            found.conflicts.append(wheels)
