"""Shows a progress bar for long work, only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, what: str, show: bool = True) -> Iterator[Callable[[int], object]]:
    """Yields a function that takes the number of items just done.

    The bar appears after two seconds, and only if stderr is a terminal.
    """
    if not show:
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=what, disable=None, delay=2, leave=False) as bar:
        yield bar.update
