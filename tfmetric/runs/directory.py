"""The directory of a run: the paths of its files, and its lock."""

from contextlib import contextmanager
from pathlib import Path

from tfmetric._process_lock import locked
from tfmetric._run_files import CONFIG, METRICS, MODEL
from tfmetric._whole_numbers import whole_number


class RunDirectory:
    """Paths of a run.

    Args:
        path: The directory.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.config = self.path / CONFIG
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        self.history = self.logs / "history.csv"
        self.model = self.path / MODEL
        self.metrics = self.path / METRICS

    @classmethod
    def next_in(cls, parent) -> "RunDirectory":
        """Makes the next of the directories ``1``, ``2``, ... inside a directory."""
        parent = Path(parent)
        parent.mkdir(parents=True, exist_ok=True)
        taken = (whole_number(path.name) or 0 for path in parent.iterdir())
        number = max(taken, default=0) + 1
        while True:
            try:
                (parent / str(number)).mkdir()
            except FileExistsError:  # Another process was faster.
                number += 1
            else:
                return cls(parent / str(number))

    @property
    def finished(self) -> bool:
        """Whether the run is finished; its figures are written last."""
        return self.metrics.is_file()

    @contextmanager
    def locked(self):
        """Locks out other processes during the block.

        The lock ends with the process, even if it is killed.

        Raises:
            ValueError: If another process works on the run.
        """
        self.checkpoints.mkdir(exist_ok=True)
        with locked(self.checkpoints / "lock", self.path):
            yield
