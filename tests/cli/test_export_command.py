"""``tfmetric export``, from the outside."""

import json
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric.cli import cli


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    tm.models.embedder((8, 8, 1), embedding_dim=8).save(directory / "model.keras")
    return directory


def invoke(*arguments):
    return CliRunner().invoke(cli, ["export", *map(str, arguments)])


def test_a_quantized_file_and_what_it_loses(run, tmp_path):
    written = tmp_path / "m.tflite"
    done = invoke(run, written, "--quantization", "int8", "--dataset", "digits")
    assert done.exit_code == 0, done.output
    assert written.is_file()
    assert "latency" in done.output
    assert "m.tflite" in done.output
    done = invoke(run / "model.keras", written, "--dataset", "digits", "--json")
    found = json.loads(done.output.splitlines()[-1])
    assert found["bytes"] == written.stat().st_size
    assert found["rows"][1]["recall_at_1"] == pytest.approx(found["rows"][0]["recall_at_1"])


def test_a_model_of_our_layers_is_found_in_a_process_of_its_own(run, tmp_path):
    command = [sys.executable, "-m", "tfmetric", "export", str(run), str(tmp_path / "m.tflite")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote ")


def test_a_saved_model_with_a_gallery(run, tmp_path):
    done = invoke(run, tmp_path / "digits", "--dataset", "digits")
    assert done.exit_code == 0, done.output
    assert tm.export.load(tmp_path / "digits").metadata["gallery_size"] > 0


def test_a_gallery_of_the_data_of_a_run_is_what_the_run_was_judged_on(run, tmp_path):
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    (tmp_path / "metrics.json").write_text('{"result": {"distance": "cosine"}}')
    (tmp_path / "config.toml").write_text(
        'seed = 4\n[data]\ndataset = "digits"\ntest_fraction = 0.3\n'
    )
    done = invoke(tmp_path, tmp_path / "saved", "--dataset", "digits")
    assert done.exit_code == 0, done.output
    metadata = tm.export.load(tmp_path / "saved").metadata
    _, test = tm.datasets.load("digits", split_seed=4, test_fraction=0.3)
    assert (metadata["distance"], metadata["gallery_size"]) == ("cosine", len(test))


@pytest.mark.slow
def test_killed_while_the_gallery_is_written_it_leaves_no_version(run, tmp_path):
    output = tmp_path / "digits"
    command = [sys.executable, "-m", "tfmetric", "export", run, output, "--dataset", "digits"]
    process = subprocess.Popen([*map(str, command)])
    while not list(output.glob(".export.*/*/variables/*")):
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -9
    assert [path.name for path in output.iterdir() if not path.name.startswith(".")] == []
    assert invoke(run, output, "--dataset", "digits").exit_code == 0
    assert tm.export.load(output).metadata["gallery_size"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{run}", "m.onnx", "--quantization", "int8"], "ends in .tflite with --quantization"),
        (["{run}", "m.tflite", "--quantization", "int8"], "--dataset with --quantization int8"),
        (["{tmp}", "m.tflite"], "a directory with model.keras"),
        (["{tmp}/none", "m.tflite"], "does not exist"),
    ],
)
def test_what_cannot_be_exported(run, tmp_path, arguments, said):
    done = invoke(*(text.format(run=run, tmp=tmp_path) for text in arguments))
    assert done.exit_code == 2
    assert said in done.output
