"""The directory of a search: its files are written whole or not at all, and read again.

search.json          the identity of the search: space, folds, data
oracle.json          the state of Keras Tuner
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
    """Reads and writes the files of a search.

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
        """Returns the path of a file in the directory."""
        return self.directory / name

    def read(self, name: str):
        """Returns the values of a JSON file; None if it is missing or cut off."""
        return read_json(self.path(name))

    def write(self, name: str, values) -> None:
        """Writes a JSON file."""
        write_json(self.path(name), values)

    def clear(self) -> None:
        """Removes the search from the directory.

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
        """Writes search.json, or makes sure that it holds the same search.

        Raises:
            ValueError: If the directory holds another search, or something else.
        """
        known, config = self.read(SEARCH), json.loads(json.dumps(config))
        if known is None:
            if not self._is_empty() and not self.path(SEARCH).is_file():
                raise ValueError(
                    expected(
                        "an empty directory for this search, or the directory of a search; take "
                        "another one",
                        directory=str(self.directory),
                    )
                )
            self.write(SEARCH, config)
        else:
            self.check(config, known)

    def check(self, config: dict, known: dict | None = None) -> None:
        """Raises a ValueError if the directory holds another search."""
        known = self.read(SEARCH) if known is None else known
        config = json.loads(json.dumps(config))
        if known is None:
            return
        other = [key for key in {**known, **config} if known.get(key) != config.get(key)]
        if other:
            raise ValueError(
                expected(
                    f"the search that {self.directory} holds, to go on with it; these differ: "
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
        """Returns the outcome of a finished trial with these values, or None."""
        known = read_json(self.trial_path(trial_id, _OUTCOME))
        return known if known and known.get("values") == values else None

    def write_outcome(self, trial_id: str, outcome: dict) -> None:
        """Writes the outcome of a finished trial; its "values" are those of Keras Tuner."""
        write_json(self.trial_path(trial_id, _OUTCOME), outcome)

    def run(self, trial_id: str, values: dict, fold: int, repeat: int) -> dict | None:
        """Returns a finished run of a trial with these values, or None."""
        known = read_json(self.trial_path(trial_id, f"run-{fold}-{repeat}.json"))
        return known["run"] if known and known.get("values") == values else None

    def write_run(self, trial_id: str, values: dict, run: dict) -> None:
        """Writes a finished run."""
        name = f"run-{run['fold']}-{run['repeat']}.json"
        write_json(self.trial_path(trial_id, name), {"values": values, "run": run})

    def outcomes(self) -> list[dict]:
        """Returns the outcomes of all finished trials, in their order."""
        found = (read_json(path) for path in self.directory.glob(f"trial_*/{_OUTCOME}"))
        return sorted((outcome for outcome in found if outcome), key=lambda o: o["trial"]["number"])

    def _is_empty(self):
        # A caller may keep its own options there, and a kill may leave hidden scratch behind: a
        # search that was stopped at its start begins anew.
        return not self.directory.is_dir() or all(
            path.suffix == ".toml" or path.name.startswith(".") for path in self.directory.iterdir()
        )
