"""Imports optional packages lazily, with an error that names the extra to install."""

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Imports ``module``, or raises an error that names the extra of tfmetric that installs it.

    Args:
        module: Dotted name of the module.
        extra: The extra of tfmetric that installs it.

    Raises:
        ImportError: If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not module.startswith(error.name or ""):
            raise  # A dependency is broken; advice to install the module would mislead.
        raise ImportError(
            f'Expected the package {module!r} to be installed: run pip install "tfmetric[{extra}]"'
        ) from error
