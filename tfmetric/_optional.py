"""Lazy imports of optional packages, with an error that says what to install."""

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Imports ``module``, or says which extra of tfmetric brings it.

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
            raise  # Something under it is broken: hiding that behind our advice would mislead.
        raise ImportError(
            f'Expected the package {module!r} to be installed: run pip install "tfmetric[{extra}]"'
        ) from error
