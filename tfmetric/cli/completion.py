"""``tfmetric completion``: prints the script that makes a shell complete commands and options."""

import os
from pathlib import Path

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
@click.pass_context
def completion(ctx, shell):
    """Print the script that makes SHELL complete tfmetric; by default your login shell.

    Write it once to the shell's folder, and open a new shell:

    \b
    tfmetric completion bash > ~/.local/share/bash-completion/completions/tfmetric
    tfmetric completion zsh > ~/.zfunc/_tfmetric     # a directory of $fpath
    tfmetric completion fish > ~/.config/fish/completions/tfmetric.fish

    For bash this takes the package bash-completion. Without it, put this into ~/.bashrc:

    \b
    eval "$(tfmetric completion bash)"
    """
    from click.shell_completion import get_completion_class

    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in _SHELLS:
        raise click.UsageError(
            f"Expected the name of a shell, one of {', '.join(_SHELLS)}: $SHELL names none of "
            f"them. "
            f"Received: {shell or 'nothing'}"
        )
    # The variable has click's name for this program.
    script = get_completion_class(shell)(
        ctx.find_root().command, {}, "tfmetric", "_TFMETRIC_COMPLETE"
    )
    click.echo(script.source())
