"""``tfmetric index``, from the outside and from the inside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click.testing
import numpy as np
import pytest

from tfmetric.cli import cli

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)


def tfmetric(*arguments):
    return click.testing.CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("faces.npz", embeddings=X, ids=np.array([f"é{i}" for i in range(50)]))
    np.save("queries.npy", X[:3] + 0.01)
    return tmp_path


def test_build_query_and_evaluate(here):
    for name, options in (("exact", []), ("small", ["--storage", "int8"])):
        done = tfmetric("index", "build", "faces.npz", "-o", f"{name}.npz", *options)
        assert done.exit_code == 0, done.output
        assert f"Wrote {name}.npz: ExactIndex('cosine', count=50, dim=8" in done.output
    done = tfmetric("index", "query", "exact.npz", "queries.npy", "-k", "2")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].split() == ["query", "rank", "distance", "id"]
    assert [line.split()[3] for line in lines[1::2]] == ["é0", "é1", "é2"]
    done = tfmetric("index", "query", "exact.npz", "queries.npy", "-k", "2", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["ids"][0] for row in rows] == ["é0", "é1", "é2"]
    assert len(rows[0]["distances"]) == 2
    command = ("index", "evaluate", "exact.npz", "small.npz", "--queries", "queries.npy")
    done = tfmetric(*command, "--exact", "exact.npz", "--plot", "plots/speed.png")
    assert done.exit_code == 0, done.output
    assert "recall@10" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[1:3]] == ["exact", "small"]
    assert Path("plots/speed.png").read_bytes().startswith(b"\x89PNG")
    done = tfmetric(*command, "--json")
    assert [row["recall"] for row in json.loads(done.stdout)] == [None, None]


def test_ids_from_a_file_and_from_none(here):
    np.save("rows.npy", X)
    Path("names.txt").write_text("".join(f"name {i}\n" for i in range(50)))
    np.save("numbers.npy", 2**60 + np.arange(50))
    for options, first in (
        (["--ids", "names.txt"], "name 0"),
        (["--ids", "numbers.npy"], 2**60),
        ([], 0),
    ):
        assert tfmetric("index", "build", "rows.npy", "-o", "i", *options).exit_code == 0
        done = tfmetric("index", "query", "i", "queries.npy", "-k", "1", "--json")
        assert json.loads(done.stdout.splitlines()[0])["ids"] == [first]


def test_other_kinds_and_their_settings(here):
    pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    command = ("index", "build", "faces.npz", "-o", "graph", "--kind", "hnsw")
    done = tfmetric(*command, "--distance", "euclidean", "--set", "links=4")
    assert done.exit_code == 0, done.output
    assert "links=4" in done.output
    done = tfmetric(*command, "--set", "leaves=4")
    assert done.exit_code == 2
    assert "leaves" in done.output
    assert tfmetric(*command, "--set", "links=many").exit_code == 2
    done = tfmetric("index", "build", "faces.npz", "-o", "pq", "--kind", "ivf_pq")
    assert done.exit_code == 1
    assert "at least 9,984 embeddings" in done.output
    assert not Path("pq").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("build", "nothing.npy", "-o", "i"), "nothing.npy"),
        (("build", "text.npy", "-o", "i"), "text.npy"),
        (("build", "other.npz", "-o", "i"), 'the array "embeddings"'),
        (("build", "cube.npy", "-o", "i"), "shape (N, D)"),
        (("build", "nan.npy", "-o", "i"), "NaN or infinity"),
        (("build", "faces.npz", "-o", "i", "--ids", "text.npy.txt"), "50 ids"),
        (("build", "faces.npz", "-o", "i", "--ids", "no.txt"), "no.txt"),
        (("build", "faces.npz", "-o", "i", "--ids", "latin.txt"), "one id per line"),
        (("build", "faces.npz", "-o", "i", "--distance", "near"), "distance to be one of"),
        (("build", "faces.npz", "-o", "i", "--storage", "binary"), "hamming"),
        (("query", "text.npy", "queries.npy"), "text.npy"),
        (("query", "i", "queries.npy"), "the file of a saved index"),
        (("evaluate", "i", "--queries", "queries.npy"), "the file of a saved index"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, says, here):
    Path("text.npy").write_text("text")
    Path("text.npy.txt").write_text("one\ntwo\n")
    Path("latin.txt").write_bytes(b"\xff\n" * 50)
    np.savez("other.npz", x=X)
    np.save("cube.npy", np.zeros((2, 2, 2)))
    np.save("nan.npy", np.full((2, 2), np.nan))
    done = tfmetric("index", *arguments)
    assert done.exit_code == 1, done.output
    assert done.output.startswith("Error: Expected"), done.output
    assert done.output.count("\n") == 1
    assert says in done.output
    assert not Path("i").exists()


def test_usage_errors_and_help_import_nothing_heavy(here):
    assert tfmetric("index", "build", "faces.npz").exit_code == 2
    for options in (["--storage", "int8"], ["--rescore", "int8"]):
        done = tfmetric("index", "build", "faces.npz", "-o", "i", "--kind", "hnsw", *options)
        assert (done.exit_code, "need --kind exact" in done.output) == (2, True)
    done = tfmetric("index", "evaluate", "a", "--queries", "b", "--plot", "c.png")
    assert "give --exact" in done.output
    code = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'faiss', 'numpy'): sys.modules[name] = None\n"
        "sys.argv = ['tfmetric', 'index', 'build', '--help']\n"
        "from tfmetric.cli import main; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "--storage" in done.stdout
