"""Every block of code of every page runs, and prints what the page says."""

import pytest
from support.pages import Block, blocks, compare, pages, run

# Blocks of these kinds are run, compared or read by a test; there are no others.
KINDS = {"setup", "python", "bash", "console", "text", "toml", "json"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_says_what_it_is(page):
    assert [block for block in blocks(page) if block.kind not in KINDS] == []
    assert [block for block in blocks(page) if block.skipped == ""] == []


# README.md has a test of its own, with less data.
@pytest.mark.parametrize(
    "page", [page for page in pages() if page.name != "README.md"], ids=lambda page: page.name
)
def test_every_block_runs(page, tmp_path):
    run(page, tmp_path)


def test_blocks_are_found_with_their_kind_line_and_reason(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- setup\nx = 1\n-->\nwords\n```python\nprint(x)\n```\n```text\n1\n```\n"
        "<!-- not run: needs a server -->\n```bash\nfalse\n```\n"
    )
    assert blocks(page) == [
        Block("setup", "x = 1\n", 2),
        Block("python", "print(x)\n", 6),
        Block("text", "1\n", 9),
        Block("bash", "false\n", 13, "needs a server"),
    ]
    run(page, tmp_path)


@pytest.mark.parametrize(
    "text", ["```python\nprint(2)\n```\n```text\n1\n```\n", "```bash\nfalse\n```\n"]
)
def test_another_output_and_a_failing_command_are_noticed(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(AssertionError):
        run(page, tmp_path)


def test_dots_stand_for_any_text():
    compare("a ... c", "a b\n c\n", "here")
