"""What the README says to type works as it stands there."""

import re
from pathlib import Path

import click.testing
import numpy as np
import pytest

import tfmetric
from tfmetric.cli import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_python_blocks_run_in_order(tmp_path, monkeypatch):
    whole = tfmetric.datasets.load

    def some_classes(*source, **options):
        """The quickstart trains on all of them."""
        parts = whole(*source, **options)
        return tuple(part.subset(np.isin(part.labels, part.labels[:500])) for part in parts)

    monkeypatch.setattr(tfmetric.datasets, "load", some_classes)
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    assert (tmp_path / "saved_models/glyphs/1/saved_model.pb").is_file()


def test_every_loss_and_model_is_on_the_page_on_losses():
    page = (ROOT / "docs/losses.md").read_text(encoding="utf-8")
    bases = {"EmbeddingLoss", "PairLoss", "ProxyLoss", "TwoSidedLoss", "EmbeddingRegularizer"}
    kinds = ("Loss", "Regularizer")
    losses = {name for name in tfmetric.losses.__all__ if name.endswith(kinds)} - bases
    assert [name for name in sorted(losses) if f"`{name}" not in page] == []


COMMANDS = sorted(set(re.findall(r"^tfmetric .*|(?<=&& )tfmetric .*", README, flags=re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_their_options_exist(command):
    _, name, *rest = command.split("#")[0].split()
    result = click.testing.CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    for option in (word for word in rest if word.startswith("--")):
        assert option in result.output


def test_the_checks_run_what_the_readme_says():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for command in ("pip install .", "tfmetric quickstart", 'pip install ".[test]"', "pytest"):
        assert command in README
        assert command in script
