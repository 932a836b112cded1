"""``tfmetric datasets``: what there is, what a source holds, and how it looks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import tfmetric as tm
from tfmetric.cli import cli
from tfmetric.cli.data_options import as_words
from tfmetric.cli.sources import BUILTIN, prepared_sets

TFDS = Path(__file__).parents[3] / "shared/tfds"


def invoke(*arguments):
    return CliRunner().invoke(cli, ["datasets", *map(str, arguments)])


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(12), 6)
    x = (rng.normal(size=(12, 20))[y] + 0.5 * rng.normal(size=(72, 20))).astype("float32")
    path = tmp_path_factory.mktemp("vectors") / "people.npz"
    np.savez(path, x=x, y=y)
    x[6] = x[0]  # The copy is of another class: a duplicate across the parts for some split.
    np.savez(path.with_name("twins.npz"), x=x, y=y)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six classes of five images, one of them cut short."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name in "abcdef":
        (root / name).mkdir()
        for number in range(5):
            pixels = rng.integers(0, 255, (12, 12, 3), "uint8")
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    whole = (root / "a/0.png").read_bytes()
    (root / "a/0.png").write_bytes(whole[: len(whole) // 2])
    return root


def test_the_built_in_sets_are_all_there_and_as_said():
    pytest.importorskip("babel")
    assert tuple(BUILTIN) == tm.datasets.builtin_names()
    for name, text in BUILTIN.items():
        if name == "names":  # Their number depends on the version of Babel.
            continue
        train, test = tm.datasets.load(name)
        assert f"{train.num_classes + test.num_classes:,} classes" in text
        if train.element.kind == "image":
            assert "{}×{}".format(*train.element_shape) in text
    assert BUILTIN["digits"].startswith("1,797 ")


def test_list(tmp_path):
    done = invoke("list", "--data-dir", tmp_path)
    assert done.exit_code == 0, done.output
    for text in ("digits", "glyphs", "FILE.csv", "tfds:NAME", str(tmp_path), "  none"):
        assert text in done.stdout
    found = json.loads(invoke("list", "--json", "--data-dir", tmp_path).stdout)
    assert found == {"builtin": BUILTIN, "forms": found["forms"], "prepared": []}
    assert invoke("list", "--data-dir", tmp_path / "none").exit_code == 2


@pytest.mark.skipif(not TFDS.is_dir(), reason="needs the prepared data sets beside the project")
def test_prepared_sets_are_found_by_their_files(tmp_path, monkeypatch):
    name = Path("fashion_mnist/3.0.1")
    for place in (name, Path("configured/plain/1.0.0"), Path("broken/1.0.0")):
        (tmp_path / place).mkdir(parents=True)
        for file in ("dataset_info.json", "features.json"):
            shutil.copy(TFDS / name / file, tmp_path / place)
    (tmp_path / "broken/1.0.0/features.json").write_text("{")
    found = prepared_sets(tmp_path)
    sources = ["tfds:fashion_mnist:3.0.1", "tfds:configured/plain:1.0.0"]
    assert [entry["source"] for entry in found] == sources
    assert (found[0]["examples"], found[0]["classes"]) == (70_000, 10)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert prepared_sets() == found
    assert "70,000 examples, 10 classes" in invoke("list").stdout


def test_inspect(people):
    done = invoke("inspect", people, "--test-fraction", "0.25")
    assert done.exit_code == 0, done.output
    assert "54 examples of 9 classes" in done.stdout
    done = invoke("inspect", people, "--json", "--check")
    assert done.exit_code == 0, done.output
    train, _ = tm.datasets.load(people)
    assert json.loads(done.stdout) == train.report.to_dict()


def test_check_says_by_its_exit_code_what_was_left_out(folder):
    done = invoke("inspect", folder)
    assert done.exit_code == 0, done.output
    assert "skipped: 1" in done.stdout
    assert done.stderr == ""
    done = invoke("inspect", folder, "--check", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["skipped"][0][0].endswith("0.png")
    done = invoke("inspect", folder, "--strict")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: Expected only usable examples")


def test_check_says_by_its_exit_code_what_is_in_both_parts(people):
    twins = people.with_name("twins.npz")
    codes = [
        invoke("inspect", twins, "--check", "--split-seed", seed).exit_code for seed in range(8)
    ]
    assert set(codes) == {0, 3}


def test_a_sheet_of_images_and_of_vectors(folder, people, tmp_path):
    options = ("--classes", 2, "--per-class", 3)
    for source, name in ((folder, "images.png"), (people, "vectors.svg")):
        done = invoke("sheet", source, tmp_path / "deep" / name, *options, "--part", "test")
        assert done.exit_code == 0, done.output
        assert done.stdout == f"Wrote {tmp_path / 'deep' / name}\n"
    with Image.open(tmp_path / "deep/images.png") as image:
        assert image.width > image.height > 200
    assert (tmp_path / "deep/vectors.svg").read_text().startswith("<?xml")
    assert len(list((tmp_path / "deep").iterdir())) == 2
    done = invoke("sheet", people, tmp_path / "a.jpg")
    assert done.exit_code == 2
    assert ".png, .pdf or .svg" in done.stderr


def test_what_is_no_source_is_one_line(tmp_path):
    for command in (("inspect",), ("sheet", tmp_path / "a.png")):
        done = invoke(command[0], tmp_path / "none", *command[1:])
        assert done.exit_code == 2
        assert "tfds:NAME, or an existing folder or file" in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_the_next_command_repeats_the_options_of_the_data(people):
    found = invoke("inspect", people, "--kind", "vector", "--split-seed", 3)
    assert f"tfmetric train {people} --kind vector --split-seed 3\n" in found.output
    given = {"image_size": None, "columns": ("a", "b c"), "download": True}
    assert as_words(given) == ["--columns", "a,b c", "--image-size", "none", "--download"]
