"""Runs the code blocks of a page of the documentation, and compares what they print."""

import contextlib
import io
import re
import shlex
import subprocess
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import click.testing

from tfmetric.cli import cli

ROOT = Path(__file__).parent.parent.parent
_FENCE = re.compile(
    r"^(?:<!--\s*(?P<before>[^>]*?)\s*-->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)
_SETUP = re.compile(r"<!-- setup\n(.*?)-->", flags=re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of code of a page.

    Attributes:
        kind: "setup" (a comment that readers do not see), or the language after the fence.
        text: The code.
        line: Line of the page that the code begins at.
        skipped: The reason why the block is not run, or None.
    """

    kind: str
    text: str
    line: int
    skipped: str | None = None


def pages() -> list[Path]:
    """The README, the recipes of CONTRIBUTING and all pages under docs/."""
    root = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [*root, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order.

    A comment ``<!-- not run: REASON -->`` on the line before a block keeps it from being run.
    """
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _SETUP.finditer(text):
        found.append((match.start(1), "setup", match[1], None))
    for match in _FENCE.finditer(text):
        before = match["before"] or ""
        skipped = before.removeprefix("not run:").strip() if before.startswith("not run:") else None
        found.append((match.start("text"), match["language"], match["text"], skipped))
    return [
        Block(kind, code, text.count("\n", 0, start) + 1, skipped)
        for start, kind, code, skipped in sorted(found, key=lambda each: each[0])
    ]


def run(page: Path, directory: Path) -> None:
    """Runs all blocks of a page in one namespace and one directory.

    ``python`` blocks are executed. Lines of ``bash`` and ``console`` blocks (after ``$``) are run,
    ``tfmetric`` in this process. A ``text`` block, and the lines below a ``$`` line, hold the
    output of what was run last: ``...`` stands for any text, and space may differ.
    """
    namespace, printed = {"__name__": "__main__"}, ""
    with contextlib.chdir(directory):
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            if block.skipped:
                printed = None
            elif block.kind in ("python", "setup"):
                printed = _python(block.text, namespace, where)
            elif block.kind == "bash":
                printed = "".join(_shell(line, where) for line in _commands(block.text))
            elif block.kind == "console":
                for command, output in _session(block.text):
                    compare(output, _shell(command, where), where)
            elif block.kind == "text" and printed is not None:
                compare(block.text, printed, where)


def compare(wanted: str, printed: str, where: str) -> None:
    """Fails where the printed text is not the wanted one."""
    rules = ELLIPSIS | NORMALIZE_WHITESPACE
    assert OutputChecker().check_output(wanted.strip(), printed.strip(), rules), (
        f"{where}\nThe page has:\n{wanted}\nand this is printed:\n{printed}"
    )


def _python(text, namespace, where):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, where, "exec"), namespace)
    return printed.getvalue()


def _commands(text):
    """The commands of a bash block: continued lines joined, comments and empty lines left out."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _session(text):
    """Pairs of a command and the output below it."""
    parts = re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.MULTILINE)[1:]
    return [part.split("\n", 1) for part in parts]


def _shell(command, where):
    words = shlex.split(command, comments=True)
    if words[:1] == ["tfmetric"] and not {"|", ">", "&&"} & set(words):
        result = click.testing.CliRunner().invoke(cli, words[1:])
        assert result.exit_code == 0, f"{where}: {command}\n{result.output}{result.exception!r}"
        return result.output
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True)
    assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout
