"""The directory of a search: what is written there, at once or not at all, and read again.

search.json          what is searched, on which data
oracle.json          where Keras Tuner stands
trial_0003/run-0-1.json    one finished run: fold 0, repetition 1
trial_0003/outcome.json    a finished trial
best.json, trials.csv      after each trial
retrained.json, result.json, model.keras    at the end
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tfmetric._errors import expected
from tfmetric.tuning.json_files import read_json, write_json

SEARCH, ORACLE, RESULT = "search.json", "oracle.json", "result.json"
RETRAINED, MODEL, BEST, TABLE = "retrained.json", "model.keras", "best.json", "trials.csv"
_OUTCOME = "outcome.json"


class SearchDirectory:
    """What a search has written down.

    Args:
        directory: The search's directory.
    """

    def __init__(self, directory):
        self.directory = Path(directory)

    @property
    def lock(self) -> Path:
        """The file that keeps other processes out, beside the directory, which may not exist."""
        return self.directory.parent / f".{self.directory.name}.lock"

    def path(self, name: str) -> Path:
        """The path of a file in the directory."""
        return self.directory / name

    def read(self, name: str):
        """The values of a JSON file, None if it is not there or not whole."""
        return read_json(self.path(name))

    def write(self, name: str, values) -> None:
        """Writes a JSON file."""
        write_json(self.path(name), values)

    def clear(self) -> None:
        """Removes the search, so that another can take its place.

        Raises:
            ValueError: If the directory holds something else.
        """
        if not self._is_empty() and not self.path(SEARCH).is_file():
            raise ValueError(
                expected(
                    f"the directory of a search, which holds {SEARCH}, or an empty one, to "
                    "overwrite",
                    directory=str(self.directory),
                )
            )
        shutil.rmtree(self.directory, ignore_errors=True)

    def begin(self, config: dict) -> None:
        """Writes down what is searched, or makes sure that it is the same as before.

        Raises:
            ValueError: If the directory holds another search, or something else.
        """
        known, config = self.read(SEARCH), json.loads(json.dumps(config))
        if known is None:
            if not self._is_empty() and not self.path(SEARCH).is_file():
                raise ValueError(
                    expected(
                        "an empty directory, or that of a search, for this one; take another "
                        "directory",
                        directory=str(self.directory),
                    )
                )
            self.write(SEARCH, config)
        else:
            self.check(config, known)

    def check(self, config: dict, known: dict | None = None) -> None:
        """Makes sure that this is the search that the directory holds."""
        known = self.read(SEARCH) if known is None else known
        config = json.loads(json.dumps(config))
        if known is None:
            return
        other = [key for key in {**known, **config} if known.get(key) != config.get(key)]
        if other:
            raise ValueError(
                expected(
                    f"the search that {self.directory} holds, to go on with it; what differs is "
                    f"{', '.join(other)}. For another search give another directory, or "
                    "overwrite=True to remove the old one",
                    **{key: config.get(key) for key in other[:2]},
                    **{f"{key}_there": known.get(key) for key in other[:2]},
                )
            )

    def trial_path(self, trial_id: str, name: str) -> Path:
        """The path of a file of a trial."""
        return self.directory / f"trial_{trial_id}" / name

    def outcome(self, trial_id: str, values: dict) -> dict | None:
        """What a finished trial of these values gave."""
        known = read_json(self.trial_path(trial_id, _OUTCOME))
        return known if known and known.get("values") == values else None

    def write_outcome(self, trial_id: str, outcome: dict) -> None:
        """Writes down a finished trial; ``values`` are those of Keras Tuner."""
        write_json(self.trial_path(trial_id, _OUTCOME), outcome)

    def run(self, trial_id: str, values: dict, fold: int, repeat: int) -> dict | None:
        """What a finished run of a trial of these values gave."""
        known = read_json(self.trial_path(trial_id, f"run-{fold}-{repeat}.json"))
        return known["run"] if known and known.get("values") == values else None

    def write_run(self, trial_id: str, values: dict, run: dict) -> None:
        """Writes down a finished run."""
        name = f"run-{run['fold']}-{run['repeat']}.json"
        write_json(self.trial_path(trial_id, name), {"values": values, "run": run})

    def outcomes(self) -> list[dict]:
        """What all finished trials gave, in their order."""
        found = (read_json(path) for path in self.directory.glob(f"trial_*/{_OUTCOME}"))
        return sorted((outcome for outcome in found if outcome), key=lambda o: o["trial"]["number"])

    def _is_empty(self):
        # A caller may keep its own options there, and a kill may leave hidden scratch behind: a
        # search that was stopped at its start begins anew.
        return not self.directory.is_dir() or all(
            path.suffix == ".toml" or path.name.startswith(".") for path in self.directory.iterdir()
        )
