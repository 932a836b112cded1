"""Keeps track of the served versions: follows a directory and never drops a version in use."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfmetric._errors import expected
from tfmetric._model_name import is_model_name, model_name
from tfmetric._whole_numbers import whole_number
from tfmetric.serving.loaded import Loaded
from tfmetric.serving.refusals import Refused, said

LOG = logging.getLogger("tfmetric.serving")


@dataclass
class State:
    """The state of a version.

    Attributes:
        name: "LOADING", "AVAILABLE", "UNLOADING" or "END".
        code: 0, or that of the error which kept it from being loaded.
        message: Of that error.
    """

    name: str
    code: int = 0
    message: str = ""


class _Held:
    """A loaded version, and the number of requests that use it."""

    def __init__(self, loaded):
        self.loaded = loaded
        self.users = 0
        self.dropped = False


class Registry:
    """The models under a directory.

    It serves the newest loadable versions of each model. A new version takes over once it is
    loaded; the older version is closed after its last request. If a version does not load, the
    older version keeps serving, and the new one is tried again when its files change.

    Args:
        directory: Directory of one model with numbered versions, or of several models.
        num_versions: Number of newest versions of a model to serve.

    Raises:
        FileNotFoundError: If there is no version.
        ValueError: If ``directory`` is a model whose name cannot be part of a URL.
    """

    def __init__(self, directory, num_versions: int = 1):
        self.directory = Path(directory).resolve()
        self._single = bool(_numbers(self.directory))
        self._num_versions = num_versions
        self._lock = threading.Lock()
        self._held: dict[str, dict[int, _Held]] = {}
        self._states: dict[str, dict[int, State]] = {}
        self._failed: dict[Path, tuple] = {}
        self._unnamed: set[str] = set()
        if self._single:
            model_name(self.directory)
        if not self.directory.is_dir() or not self._found():
            raise FileNotFoundError(
                expected(
                    "the directory of a model with versions from export.save, or of several models",
                    directory=str(directory),
                )
            )

    def poll(self) -> None:
        """Loads new versions and drops those that are gone or too old."""
        try:
            found = self._found()
        except OSError as error:  # A briefly unavailable disk must not drop models.
            LOG.warning("Cannot read %s: %s", self.directory, error)
            return
        for name in sorted({*found, *self._held}):
            self._update(name, found.get(name, {}))

    def models(self) -> dict[str, list[int]]:
        """Returns the served versions by model."""
        with self._lock:
            return {name: sorted(held) for name, held in sorted(self._held.items()) if held}

    def states(self, name: str) -> dict[int, State]:
        """Returns the state of each version of a model, including dropped versions."""
        with self._lock:
            return dict(sorted(self._states.get(name, {}).items(), reverse=True))

    @contextmanager
    def use(self, name: str, version: int | None = None) -> Iterator[Loaded]:
        """Yields a version that stays open inside the block.

        Args:
            name: Of the model.
            version: Its number; None for the newest.

        Raises:
            Refused: If it is not served.
        """
        with self._lock:
            served = self._held.get(name, {})
            newest = max(served, default=0)  # Versions are above 0.
            held = served.get(newest if version is None else version)
            if held is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise Refused("NOT_FOUND", f"Servable not found for request: {asked}")
            held.users += 1
        try:
            yield held.loaded
        finally:
            with self._lock:
                held.users -= 1
                last = held.dropped and not held.users
            if last:
                self._end(name, held)

    def close(self) -> None:
        """Drops all versions."""
        for name in list(self._held):
            self._drop(name, list(self._held[name]))

    def _found(self):
        """Returns paths of versions by model and number."""
        if self._single:
            return {self.directory.name: _numbers(self.directory)}
        models = {}
        for path in self.directory.iterdir():
            if not (numbers := _numbers(path)):
                continue
            if is_model_name(path.name):
                models[path.name] = numbers
            elif not path.name.startswith(".") and path.name not in self._unnamed:
                self._unnamed.add(path.name)  # The log says it once, not with every poll.
                LOG.error(
                    "%r is not served, as its name cannot be part of a URL: rename it, with "
                    "letters, digits, '_', '.' and '-' only",
                    path.name,
                )
        return models

    def _update(self, name, found):
        wanted = []
        for number in sorted(found, reverse=True):
            if len(wanted) == self._num_versions:
                break
            if number in self._held.get(name, {}) or self._load(name, found[number]):
                wanted.append(number)
        # Without a replacement, served versions stay, even if their files are gone.
        if wanted or not found:
            self._drop(name, [n for n in self._held.get(name, {}) if n not in wanted])

    def _load(self, name, path):
        files = _files(path)
        if self._failed.get(path) == files:
            return False
        number = int(path.name)
        self._state(name, number, State("LOADING"))
        try:
            held = _Held(Loaded(name, path))
        except Exception as error:  # A broken version may raise any error.
            served = self.models().get(name)
            LOG.error(
                "%s/%s cannot be served, and will be tried again when its files change; %s. %s: %s",
                name,
                number,
                f"version {served[-1]} goes on" if served else "no other version is loaded",
                type(error).__name__,
                _first_line(error),
            )
            self._failed[path] = files
            code = getattr(error, "error_code", None) or 2
            self._state(name, number, State("END", code, _first_line(error)))
            return False
        self._failed.pop(path, None)
        with self._lock:
            self._held.setdefault(name, {})[number] = held
            self._states[name][number] = State("AVAILABLE")
        LOG.info("Serving %s/%s", name, number)
        return True

    def _drop(self, name, numbers):
        for number in numbers:
            with self._lock:
                held = self._held[name].pop(number)
                held.dropped = True
                self._states[name][number] = State("UNLOADING")
                idle = not held.users
            if idle:
                self._end(name, held)

    def _end(self, name, held):
        held.loaded.close()
        number = held.loaded.version
        with self._lock:
            # The version may be back.
            if self._states[name][number].name == "UNLOADING":
                self._states[name][number] = State("END")
        LOG.info("Dropped %s/%s", name, number)

    def _state(self, name, number, state):
        with self._lock:
            self._states.setdefault(name, {})[number] = state


def _numbers(path):
    if not path.is_dir():
        return {}
    # Do not check the contents here, so that an incomplete version is logged.
    found = {whole_number(entry.name): entry for entry in path.iterdir() if entry.is_dir()}
    return {number: entry for number, entry in found.items() if str(number) == entry.name}


def _files(path):
    found = []
    for file in sorted(path.rglob("*")):
        try:
            about = file.stat()
        except OSError:  # The version is being replaced and will differ next time.
            continue
        found.append((str(file), about.st_size, about.st_mtime_ns))
    return tuple(found)


def _first_line(error):
    return next((line for line in said(error).splitlines() if line.strip()), type(error).__name__)
