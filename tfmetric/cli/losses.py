"""``tfmetric losses``: lists the losses and describes one of them."""

import dataclasses
import difflib
import json
import shutil
import sys
import textwrap

import click

_WIDTH = 96


class LossName(click.ParamType):
    """A loss's name in any spelling: TripletLoss, triplet_loss, triplet."""

    name = "loss"

    def convert(self, value, param, ctx):
        """Returns the name of the class."""
        from tfmetric.cli import loss_pages

        known = {}
        for name, page in loss_pages.pages().items():
            known |= {_key(name): name, _key(page.snake_name): name}
        found = known.get(_key(value))
        if found:
            return found
        near = difflib.get_close_matches(_key(value), known, n=3, cutoff=0.5)
        near = " or ".join(dict.fromkeys(known[key] for key in near))
        advice = f" Did you mean {near}?" if near else ""
        raise click.BadParameter(
            f"Expected a name of `tfmetric losses list`. Received: {value}.{advice}", ctx, param
        )

    def shell_complete(self, ctx, param, incomplete):
        """Returns the names with this beginning."""
        from click.shell_completion import CompletionItem

        from tfmetric.cli import loss_pages

        return [
            CompletionItem(name, help=page.summary)
            for name, page in sorted(loss_pages.pages().items())
            if name.lower().startswith(incomplete.lower())
        ]


def _key(name):
    letters = "".join(c for c in name.lower() if c.isalnum())
    return letters.removesuffix("loss").removesuffix("regularizer") or letters


@click.group()
def losses():
    """List the losses, or describe one of them."""


@losses.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def list_losses(as_json):
    """List all losses by their inputs, one per line."""
    from tfmetric.cli import loss_pages

    pages = [page for _, page in sorted(loss_pages.pages().items())]
    if as_json:
        short = ("name", "snake_name", "family", "summary")
        click.echo(
            json.dumps([{key: getattr(page, key) for key in short} for page in pages], indent=2)
        )
        return
    # One line each for another program; a terminal wraps lines at its width.
    formatter = click.HelpFormatter(width=_columns() if sys.stdout.isatty() else 200)
    for family, title in loss_pages.FAMILIES.items():
        with formatter.section(title):
            rows = [(page.name, page.summary) for page in pages if page.family == family]
            formatter.write_dl(rows)
    click.echo(formatter.getvalue())
    click.echo("`tfmetric losses show NAME` has the formula and the arguments of one.")


@losses.command()
@click.argument("name", type=LossName())
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a page.")
def show(name, as_json):
    """Describe the loss NAME: formula, arguments, inputs, example, papers.

    NAME is the name of the class or Keras's name: TripletLoss, triplet_loss, triplet.
    """
    from tfmetric.cli import loss_pages

    page = loss_pages.pages()[name]
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(page), indent=2))
        return
    click.echo(f"{click.style(f'tfmetric.losses.{page.name}', bold=True)}  ({page.snake_name})")
    click.echo(_wrapped(page.summary, 0))
    if page.description:
        click.echo(f"\n{_wrapped(page.description, 0)}")
    takes = f"{loss_pages.FAMILIES[page.family]}.\n\n{page.inputs}"
    arguments = "\n\n".join(_argument(argument) for argument in page.arguments)
    for title, text in (("Takes", takes), ("Formula", page.formula)):
        _section(title, _wrapped(text))
    _section("Arguments", arguments)
    example = f">>> from tfmetric.losses import {page.name}\n{page.example}"
    _section("Example", textwrap.indent(example, "  "))
    _section("References", _wrapped(page.references))


def _section(title, text):
    if text.strip():
        click.echo(f"\n{click.style(title, bold=True)}\n{text}")


def _argument(argument):
    default = "" if argument.required else f" = {argument.default}"
    return f"  {argument.name}{default}\n{_wrapped(argument.meaning, 6)}"


def _wrapped(text, indent=2):
    """Wraps the text to the terminal's width, except indented mathematics and code."""
    margin = " " * indent
    width = min(_columns(), _WIDTH)
    paragraphs = []
    for paragraph in text.strip("\n").split("\n\n"):
        if paragraph.startswith("  "):
            paragraphs.append("\n".join(margin + line for line in paragraph.split("\n")))
            continue
        points = paragraph.replace("\n* ", "\n\n* ").split("\n\n")
        paragraphs.append(
            "\n".join(
                click.wrap_text(
                    " ".join(point.split()),
                    width,
                    margin,
                    margin + "  " * point.startswith("* "),
                )
                for point in points
            )
        )
    return "\n\n".join(paragraphs)


def _columns():
    return shutil.get_terminal_size().columns
