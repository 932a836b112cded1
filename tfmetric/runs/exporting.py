"""Exports a run's model and asks the export for neighbours in a process without Keras."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tfmetric import export
from tfmetric.runs.pictures import NEIGHBOURS, names_of, some_queries


def export_and_ask(model, test, gallery, directory, distance, seed, progress) -> tuple:
    """Exports a model with a gallery, and asks it for neighbours of test examples.

    Args:
        model: The embedder.
        test: The test part, of which a few examples are asked for.
        gallery: The training part, where the test is of its classes; None for the test part
            without the examples that are asked for.
        directory: Directory for the next version of the SavedModel.
        distance: Distance between embeddings.
        seed: Seed of the choice of queries.
        progress: Prints the progress.

    Returns:
        The entry for metrics.json; the gallery, the queries and the answers.
    """
    closed, queries = gallery is not None, some_queries(test, seed)
    whole = "training" if closed else "unseen"
    progress.heading(f"Exporting, with the {whole} examples as the gallery")
    if not closed:
        gallery = test.subset(np.setdiff1d(np.arange(len(test)), queries))
    version = export.save(model, directory, gallery=gallery, distance=distance)
    progress.say(f"Wrote {version}: TensorFlow Serving serves {version.parent} as it is.")
    progress.lap("export")
    progress.heading("Asking the export for neighbours, in a process without keras and tfmetric")
    answers = _ask(version, test.read(queries))
    right = np.array(answers["labels"]) == names_of(test, queries)[:, None]
    first = int(right[:, 0].sum())
    progress.say(
        f"{first} of {len(queries)} {'test' if closed else 'unseen'} queries have a neighbour of "
        "their own class in the first place."
    )
    progress.lap("query")
    found = {
        "served": {
            "queries": len(queries),
            "first_neighbour_right": first,
            "answers": [
                {"query": query, "neighbours": ids}
                for query, ids in zip(test.ids[queries].tolist(), answers["ids"], strict=True)
            ],
        },
        "saved_model": str(version),
    }
    return found, gallery, queries, answers


def _ask(version, inputs):
    program = Path(__file__).with_name("asked_without_keras.py")
    with tempfile.TemporaryDirectory() as scratch:
        asked, told = Path(scratch, "queries.json"), Path(scratch, "answers.json")
        # JSON holds the numbers and texts of every kind of example without pickle.
        by_name = inputs if isinstance(inputs, dict) else {"inputs": inputs}
        rows = {name: np.asarray(array).tolist() for name, array in by_name.items()}
        asked.write_text(json.dumps(rows), encoding="utf-8")
        command = [sys.executable, program, version, asked, NEIGHBOURS, told]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [str(part) for part in command], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"The exported model did not answer: {done.stderr.strip()[-500:]}")
        return json.loads(told.read_text())
