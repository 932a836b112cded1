"""Directories of former versions are read, or refused with what to do; edited files are refused."""

import json
import random
import shutil

import pytest

import tfmetric as tm


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished.path, tmp_path / "run")


def test_a_quickstart_without_a_config_is_read(copy):
    (copy / "config.toml").unlink()
    run = tm.runs.open(copy)
    assert (run.config.dataset, run.config.settings.epochs) == ("people", 2)
    assert run.config.split_seed == run.config.seed == 0
    assert run.resume() is run
    assert run.report(copy / "page.html").stat().st_size > 10_000


def test_a_config_of_one_seed_splits_by_it(copy):
    text = (copy / "config.toml").read_text().replace("seed = 0", "seed = 5", 1)
    (copy / "config.toml").write_text(text.replace("split_seed = 0\n", ""))
    assert tm.runs.open(copy).config.split_seed == 5


def test_the_best_of_a_search_of_old_is_a_run(copy):
    (copy / "config.toml").rename(copy / "best.toml")
    (copy / "tune.toml").write_text("")
    assert tm.runs.open(copy).config.settings.epochs == 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"metrics.json": '{"result": {}, "recipe": {}}'}, "Train again"),
        ({"tune.toml": ""}, "`tfmetric tune --resume"),
        ({}, "the directory of a run"),
        ({"metrics.json": "[" * 5000}, "JSON"),
        ({"metrics.json": '{"result": {}, "history": "x"}'}, "of another kind"),
        ({"metrics.json": '{"result": {}, "history": {"loss": ["x"]}}'}, "history: loss"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(files, words, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=words):
        tm.runs.open(tmp_path).config  # noqa: B018


def test_metrics_edited_by_hand_make_a_page_or_an_error_of_ours(copy, monkeypatch):
    (copy / "evidence.npz").unlink()  # The figures are drawn from metrics.json alone.
    metrics = json.loads((copy / "metrics.json").read_text())
    rng, words = random.Random(0), []
    for _ in range(40):
        text = json.loads(json.dumps(metrics))
        place = text
        while isinstance(place, dict) and place:
            key = rng.choice(list(place))
            if not isinstance(place[key], dict) or rng.random() < 0.3:
                place[key] = rng.choice(["x", 3, None, [], [1], {}, {"a": 1}, True, 1e400])
                break
            place = place[key]
        (copy / "metrics.json").write_text(json.dumps(text))
        try:
            tm.report.write(copy)
        except ValueError as error:
            words.append(str(error))
    assert [text for text in words if not text.startswith("Expected")] == []
