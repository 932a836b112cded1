"""The directory of a benchmark: its files are written whole or not at all, and read again.

protocol.json                    the losses, the data and how they are compared
searches/LABEL/                  the search for a loss, see search_directory.py
trainings/LABEL_seed0_fold1.json a finished training
embeddings/...                   embeddings of the test data, until a seed's are concatenated
baselines.json                   figures of raw inputs and the untrained embedder
results.json, results.md, results.png
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.tuning.benchmark.benchmark_result import RESULTS
from tfmetric.tuning.json_files import read_json, write_json

PROTOCOL, BASELINES = "protocol.json", "baselines.json"
PAGE, PICTURE = "results.md", "results.png"
# Seeds may be added: finished trainings keep their meaning.
_MAY_GROW = ("seeds",)


class BenchmarkDirectory:
    """Reads and writes the files of a benchmark.

    Args:
        directory: The benchmark's directory.
    """

    def __init__(self, directory):
        self.directory = Path(directory)

    def clear(self) -> None:
        """Removes the benchmark from the directory.

        Raises:
            ValueError: If the directory holds something else.
        """
        self._check_ours()
        shutil.rmtree(self.directory, ignore_errors=True)

    def begin(self, protocol: dict, settings: dict, versions: dict) -> None:
        """Writes protocol.json, or makes sure that it holds the same benchmark.

        Losses and seeds may be added or left out; nothing else may change.

        Args:
            protocol: The values that all losses share.
            settings: Settings by label as the caller gave them, before any search.
            versions: Versions of the packages by name.

        Raises:
            ValueError: If the directory holds another benchmark, or something else.
        """
        self._check_ours()
        protocol, settings = _plain(protocol), _plain(settings)
        known = self._read(PROTOCOL) or {"protocol": {}, "settings": {}, "versions": []}
        before = known["protocol"]
        other = [
            key
            for key in {**before, **protocol}
            if before and key not in _MAY_GROW and before.get(key) != protocol.get(key)
        ]
        if other:
            self._refuse(other, before, protocol)
        other = [
            k for k in settings if k in known["settings"] and known["settings"][k] != settings[k]
        ]
        if other:
            self._refuse(other, known["settings"], settings)
        self.versions = [*known["versions"], *([versions] * (versions not in known["versions"]))]
        self._write(
            PROTOCOL,
            {
                "protocol": protocol,
                "settings": {**known["settings"], **settings},
                "versions": self.versions,
            },
        )
        shared = {key: value for key, value in protocol.items() if key not in _MAY_GROW}
        self._shared = json.dumps(shared, sort_keys=True)

    def search_directory(self, label: str) -> Path:
        """The directory of the search for a loss."""
        return self.directory / "searches" / _file_name(label)

    def training(self, label, settings, seed, fold) -> dict | None:
        """Returns a finished training with these settings, or None."""
        row = self._read(self._training(label, seed, fold))
        return row["row"] if row and row.get("of") == self._digest(settings) else None

    def write_training(self, settings, row: dict) -> None:
        """Writes a finished training, or the figures of the concatenated models of a seed."""
        name = self._training(row["label"], row["seed"], row.get("fold"))
        self._write(name, {"of": self._digest(settings), "row": row})

    def embeddings(self, label, seed, fold) -> np.ndarray | None:
        """Returns the embeddings of the test data by a model, or None."""
        try:
            return np.load(self._embeddings(label, seed, fold), allow_pickle=False)
        except (FileNotFoundError, ValueError, EOFError):
            return None

    def write_embeddings(self, label, seed, fold, array) -> None:
        """Writes the embeddings of a model, until all folds of its seed are there."""
        with replacing(self._embeddings(label, seed, fold)) as new, open(new, "wb") as file:
            np.save(file, array)

    def forget_embeddings(self, label, seed, folds) -> None:
        """Removes the embeddings of a seed's models."""
        for fold in range(folds):
            self._embeddings(label, seed, fold).unlink(missing_ok=True)
        with suppress(OSError):  # It holds embeddings of other models.
            (self.directory / "embeddings").rmdir()

    def baselines(self) -> dict:
        """Returns the figures of the baselines that are there."""
        held = self._read(BASELINES) or {}
        return held.get("baselines", {}) if held.get("of") == self._digest({}) else {}

    def write_baselines(self, baselines: dict) -> None:
        """Writes the figures of the baselines."""
        self._write(BASELINES, {"of": self._digest({}), "baselines": baselines})

    def write_results(self, result) -> None:
        """Writes results.json and results.md."""
        self._write(RESULTS, result.to_dict())
        with replacing(self.directory / PAGE) as new:
            new.write_text(result.to_markdown(), encoding="utf-8")

    def write_picture(self, result) -> None:
        """Writes results.png."""
        with replacing(self.directory / PICTURE) as new:
            result.figure(title=result.protocol["data"]["name"]).savefig(new)

    def _training(self, label, seed, fold):
        part = "concatenated" if fold is None else f"fold{fold}"
        return f"trainings/{_file_name(label)}_seed{seed}_{part}.json"

    def _embeddings(self, label, seed, fold):
        return self.directory / "embeddings" / f"{_file_name(label)}_seed{seed}_fold{fold}.npy"

    def _digest(self, settings):
        text = self._shared + json.dumps(_plain(settings), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _read(self, name):
        return read_json(self.directory / name)

    def _write(self, name, values):
        write_json(self.directory / name, values)

    def _refuse(self, other, before, now):
        raise ValueError(
            expected(
                f"the benchmark that {self.directory} holds, to go on with it; these differ: "
                f"{', '.join(other)}. For another one give another directory, or overwrite=True to "
                "remove the old one",
                **{_argument(key): now.get(key) for key in other[:2]},
                **{f"{_argument(key)}_there": before.get(key) for key in other[:2]},
            )
        )

    def _check_ours(self):
        if self.directory.exists() and not self.directory.is_dir():
            raise ValueError(expected("a directory", directory=str(self.directory)))
        there = list(self.directory.iterdir()) if self.directory.is_dir() else []
        names = {path.name for path in there if not path.name.endswith(".tmp")}
        if names and not names & {PROTOCOL, "trainings", "searches"}:
            raise ValueError(
                expected(
                    f"the directory of a benchmark, which holds {PROTOCOL}, or an empty one",
                    directory=str(self.directory),
                )
            )


def _file_name(label):
    """Returns a name for files, another one for each label."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", label).strip("-.")[:60]
    if name == label:
        return name
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def _argument(key):
    return re.sub(r"\W+", "_", key)


def _plain(values):
    return json.loads(json.dumps(values))
