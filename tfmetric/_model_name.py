"""The names that exported models may have: one rule for saving, serving and deployment."""

import re
from pathlib import Path

from tfmetric._errors import expected

_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


def is_model_name(name: str) -> bool:
    """Whether a directory of this name can be served: its name becomes part of a URL.

    >>> is_model_name("faces-2.1"), is_model_name("my faces"), is_model_name(".faces")
    (True, False, False)
    """
    return bool(_NAME.fullmatch(name))


def model_name(directory) -> str:
    """Returns the name of the model whose versions are in ``directory``.

    Raises:
        ValueError: If no server can serve it under that name.
    """
    name = Path(directory).resolve().name
    if not is_model_name(name):
        raise ValueError(
            expected(
                "a directory named with letters, digits, '_', '.' and '-', the first a letter, a "
                "digit or '_', as it becomes part of a URL: rename it",
                name=name,
            )
        )
    return name
