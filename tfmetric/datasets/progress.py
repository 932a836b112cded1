"""A progress bar for work that takes long, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, what: str, show: bool = True) -> Iterator[Callable[[int], object]]:
    """Yields a function that takes the number of items just done.

    Nothing is shown in the first two seconds, or where stderr is not a terminal.
    """
    if not show:
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=what, disable=None, delay=2, leave=False) as bar:
        yield bar.update
