"""Each kind of example through a whole run: training, report, export, serving, index, search."""

import dataclasses
import json
import subprocess
import sys

import click.testing
import numpy as np
import pytest
import tensorflow as tf
from support import every_kind as kinds

import tfmetric as tm
from tfmetric.cli import cli
from tfmetric.datasets.modalities import MODALITIES

pytestmark = pytest.mark.slow
KINDS = [kind for kind in kinds.KINDS if kind in MODALITIES]
QUICK = {
    "epochs": 1,
    "batches_per_epoch": 2,
    "classes_per_batch": 4,
    "examples_per_class": 3,
    "embedding_dim": 8,
}
# In a process that may not import Keras: what serves a model needs neither Keras nor tfmetric.
WITHOUT_KERAS = """
import json, sys
sys.modules["keras"] = sys.modules["tfmetric"] = None
import numpy as np
import tensorflow as tf

path, inputs, output = sys.argv[1:]
served = tf.saved_model.load(path)
given = dict(np.load(inputs, allow_pickle=False))
given = {k: v.tolist() if v.dtype.kind == "U" else v for k, v in given.items()}
embed = served.signatures["embed"]
takes = embed.structured_input_signature[1]
found = embed(**{k: tf.constant(v, takes[k].dtype) for k, v in given.items()})
np.save(output, found["embedding"].numpy())
"""


class Ran:
    """A finished run on a kind, split by classes, with a report and an export."""

    def __init__(self, kind, directory):
        self.kind, self.directory, self.tiny = kind, directory, kinds.tiny(kind)
        given = (self.tiny.values, kinds.NAMES[kinds.LABELS])
        self.train, self.test = tm.datasets.load(given, **self.tiny.options)
        self.run = tm.runs.train(
            (self.train, self.test),
            QUICK,
            directory / "run",
            name=kind,
            export=directory / kind,
            progress=False,
        )
        self.servable = tm.export.load(directory / kind)
        self.inputs = self.test.read(np.arange(3))
        self.model = self.run.model()
        self.embeddings = tm.evaluation.embed(self.model, self.test)

    def arrays(self):
        """The inputs by the names of the signatures."""
        return self.inputs if isinstance(self.inputs, dict) else {"inputs": self.inputs}


@pytest.fixture(scope="module", params=KINDS)
def ran(request, tmp_path_factory):
    return Ran(request.param, tmp_path_factory.mktemp(request.param))


def test_the_run_is_judged_and_shown(ran):
    figures = ran.run.metrics["result"]
    assert figures["raw"] is not None
    assert figures["untrained"] is not None
    page = (ran.run.path / "report.html").read_text()
    assert "class 0" in page or "class 1" in page
    assert "traceback" not in page.lower()


def test_the_export_embeds_and_searches(ran):
    np.testing.assert_allclose(
        ran.servable.embed(ran.inputs), ran.embeddings[:3], rtol=1e-3, atol=1e-4
    )
    found = ran.servable.search(ran.inputs, k=2)
    assert found.ids[:, 0].tolist() == ran.test.ids[:3].tolist()
    assert ran.servable.verify(ran.inputs, ran.inputs).distances.max() < 1e-3


def test_the_export_answers_without_keras(ran, tmp_path):
    arrays = {k: v.astype("U") if v.dtype == object else v for k, v in ran.arrays().items()}
    np.savez(tmp_path / "inputs.npz", **arrays)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_KERAS,
            str(ran.servable.path),
            str(tmp_path / "inputs.npz"),
            str(tmp_path / "found.npy"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(
        np.load(tmp_path / "found.npy"), ran.embeddings[:3], rtol=1e-3, atol=1e-4
    )


def test_the_server_answers_json(ran):
    pytest.importorskip("tensorflow_serving.apis", reason="needs the extra serve")
    from tfmetric.serving import json_tensors
    from tfmetric.serving.loaded import Loaded
    from tfmetric.serving.refusals import Refused

    loaded = Loaded(ran.kind, ran.servable.path)
    takes = loaded.signature("embed").inputs
    types = {name: tf.dtypes.as_dtype(tensor.dtype).name for name, tensor in takes.items()}
    body = json.dumps({"inputs": {name: value.tolist() for name, value in ran.arrays().items()}})
    document = json_tensors.parse(body.encode())
    found = loaded.predict("embed", json_tensors.from_columns(document["inputs"], types))
    np.testing.assert_allclose(found["embedding"], ran.embeddings[:3], rtol=1e-3, atol=1e-4)
    bad = kinds.poisoned(ran.inputs)
    if bad is not None:
        bad = bad if isinstance(bad, dict) else {"inputs": bad}
        given = {n: v if types[n] == "string" else v.astype(types[n]) for n, v in bad.items()}
        with pytest.raises(Refused, match="without NaN or infinity"):
            loaded.predict("embed", given)
    loaded.close()


def test_an_index_of_its_embeddings(ran, tmp_path):
    index = tm.search.ExactIndex("cosine")
    index.add(ran.embeddings, ran.test.ids)
    again = tm.search.Index.load(index.save(tmp_path / "index.npz"))
    assert again.query(ran.embeddings[:3], 1).ids[:, 0].tolist() == ran.test.ids[:3].tolist()


def test_closed_sets_are_judged_in_the_training_part(ran):
    given = (ran.tiny.values, kinds.NAMES[kinds.LABELS])
    train, test = tm.datasets.load(given, split="examples", **ran.tiny.options)
    result = tm.evaluation.evaluate(ran.model, test, gallery=train, ks=(1,), progress=False)
    assert result.raw_knn.accuracy > 0.6


def test_one_trial_of_a_search(ran, tmp_path):
    result = tm.tuning.margin_search(
        ran.train,
        settings=dataclasses.replace(ran.run.config.settings, **QUICK),
        validation=tm.tuning.Validation(fraction=0.5),
        max_trials=1,
        judged=(),
        directory=tmp_path / "search",
        progress=False,
    )
    assert result.trials[0].status == "completed", result.trials[0]


def test_the_command_writes_the_page_again(ran):
    done = click.testing.CliRunner().invoke(cli, ["report", str(ran.run.path)])
    assert done.exit_code == 0, done.output
