"""Spells a command for typing it again."""

import shlex

import click


def spelled(ctx, always=()) -> str:
    """Returns the command line of the given options, and of some options in any case."""
    default = click.core.ParameterSource.DEFAULT
    words = ["tfmetric", ctx.info_name]
    for option in ctx.command.params:
        if ctx.get_parameter_source(option.name) == default and option.name not in always:
            continue
        value = ctx.params[option.name]
        if isinstance(option, click.Argument):
            words.append(str(value))
            continue
        if option.is_flag:
            words.append(option.opts[0] if value else option.secondary_opts[0])
        elif option.multiple:
            words += [word for item in value for word in (option.opts[0], str(item))]
        else:
            shown = ",".join(value) if isinstance(value, tuple) else str(value)
            words += [option.opts[0], shown]
    return shlex.join(words)
