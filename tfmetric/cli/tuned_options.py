"""tune.toml: the options of a search in its directory, for ``tfmetric tune --resume``."""

import tomllib
from pathlib import Path

import click

from tfmetric._errors import expected

OPTIONS = "tune.toml"
# Options that do not change a saved search.
_FREE = ("resume", "workers", "trials", "report", "as_json", "output", "overwrite")
# The location of the search, and options that each command may change.
_NOT_KEPT = ("workers", "as_json", "output", "overwrite", "name")
# Options that may differ from the saved ones.
_MAY_DIFFER = {"trials", "command", "report"}


def read_options(ctx, directory: Path, options: dict) -> dict:
    """The options of the search in a directory, with those that were given now.

    Args:
        ctx: The context of the command.
        directory: The directory of the search.
        options: The options of the command by name.

    Raises:
        click.UsageError: If there is no search, or an option was given that would change it.
    """
    default = click.core.ParameterSource.DEFAULT
    given = {
        parameter.name: parameter.opts[0]
        for parameter in ctx.command.params
        if ctx.get_parameter_source(parameter.name) != default
    }
    wrong = [option for name, option in given.items() if name not in _FREE]
    if wrong:
        raise click.UsageError(
            "Expected no other options with --resume than --trials, --workers, --report and "
            f"--json: the search has saved options. Received: {', '.join(wrong)}"
        )
    path = directory / OPTIONS
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(
            f"Expected the directory of a search of `tfmetric tune`, which holds {OPTIONS}. "
            f"Received: {directory} ({error})"
        ) from None
    now = {name: options[name] for name in ("workers", "as_json")}
    now |= {name: options[name] for name in ("trials", "report") if name in given}
    place = {"output": str(directory.resolve().parent.parent), "name": directory.resolve().name}
    if "split_seed" not in kept:  # Old versions had one seed for everything.
        kept["split_seed"] = kept.get("seed", 0)
    options = {name: value for name, value in options.items() if name != "source"}
    return {**options, **kept, **now, **place, "overwrite": False}


def keep_options(directory: Path, options: dict) -> None:
    """Writes the options of a search into its directory.

    Raises:
        ValueError: If the directory holds another search.
    """
    import tomli_w

    from tfmetric._files import replacing
    from tfmetric.tuning.search.search_directory import SEARCH, SearchDirectory

    if options["overwrite"]:
        SearchDirectory(directory).clear()
    kept = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if name not in _NOT_KEPT and value is not None
    }
    path = directory / OPTIONS
    if path.is_file() and SearchDirectory(directory).read(SEARCH):
        known = tomllib.loads(path.read_text(encoding="utf-8"))
        names = {*known, *kept} - _MAY_DIFFER
        other = sorted(name for name in names if known.get(name) != kept.get(name))
        if other:
            raise ValueError(
                expected(
                    f"the search that {directory} holds, to go on with it; these differ: "
                    f"{', '.join(other)}. Give --name for another search, or --overwrite",
                    **{name: kept.get(name) for name in other},
                )
            )
    with replacing(path) as draft:
        draft.write_text(tomli_w.dumps(kept), encoding="utf-8")
