"""The code is formatted and free of what the linter finds; prose follows the rules of the house."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
# Words that make a reader stop: archaic ones, and people where examples are meant.
RIDDLES = re.compile(
    r"(?i)\b(shall|whatever|whoever|nobody|everybody|lest|to be had|hangs? on|"
    r"it must be seen|none is said|what is none|one term an)\b"
)


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("room", ["tfmetric", "tests", "benchmarks", "examples"])
def test_prose_begins_with_its_subject_and_has_no_riddles(room):
    wrong = []
    for file in sorted((ROOT / room).rglob("*.py")):
        for line, text in _prose(file.read_text(encoding="utf-8")):
            words = " ".join(text.split())
            if re.match(r"Of\b", words) or RIDDLES.search(words):
                wrong.append(f"{file.relative_to(ROOT)}:{line}: {words[:90]}")
    assert not wrong, "Rewrite, subject and verb first:\n" + "\n".join(wrong)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *PAGES])
def test_pages_have_no_riddles(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert not [found[0] for found in RIDDLES.finditer(prose)]


def _prose(source):
    """Yields the line and the text of each docstring and each comment."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#: ")
