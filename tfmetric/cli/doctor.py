"""``tfmetric doctor``: reports installed packages, runs checks, and advises what to install."""

import json
import sys
from dataclasses import asdict

import click

from tfmetric._version import __version__

_LOOK = {"ok": "green", "note": "yellow", "failed": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not text.")
def doctor(as_json):
    """Report installed packages, run checks, and advise what to install.

    Starts Keras, trains a step with and without XLA, and compares the installed packages with the
    requirements of tfmetric and its extras. The exit code is 0 if everything required works, else
    1.
    """
    from tfmetric.cli import doctor_checks

    if sys.stderr.isatty():
        click.echo("Starting Keras in a separate process ...", err=True)
    packages, checks = doctor_checks.of_packages()
    checks += doctor_checks.of_keras()
    checks += filter(None, [doctor_checks.of_gpus(checks)])
    checks.append(doctor_checks.of_data())
    system = {
        "tfmetric": {
            "version": __version__,
            "path": str(doctor_checks.PACKAGE),
            "metadata": packages.metadata,
        },
        "python": {"version": sys.version.split()[0], "path": sys.executable},
        "system": doctor_checks.of_machine(),
    }
    healthy = all(check.status != "failed" for check in checks)
    if as_json:
        answer = {
            "ok": healthy,
            **system,
            "versions": packages.versions,
            "checks": [asdict(check) for check in checks],
            "extras": {
                extra: {"missing": missing, "install": _install(extra) if missing else None}
                for extra, missing in packages.extras.items()
            },
            "conflicts": packages.conflicts,
        }
        click.echo(json.dumps(answer, indent=2))
    else:
        _print(system, packages, checks)
        click.echo(
            "\nEverything required works." if healthy else "\nNot everything required works."
        )
    if not healthy:
        raise click.exceptions.Exit(1)


def _install(extra):
    return f'pip install "tfmetric[{extra}]"'


def _print(system, packages, checks):
    own, python, machine = (system[key] for key in ("tfmetric", "python", "system"))
    memory = machine["memory_gb"]
    click.echo(f"tfmetric {own['version']} in {own['path']}")
    click.echo(f"Python {python['version']} in {python['path']}")
    click.echo(
        f"{machine['os']}, {machine['processors']} processors, "
        + (f"{memory:g} GB of memory" if memory else "memory not known")
    )
    click.secho("\nPackages", bold=True)
    for name, version in packages.versions.items():
        click.echo(f"  {name:<22}{version or 'not installed'}")
    click.secho("\nChecks", bold=True)
    for check in checks:
        status = click.style(f"{check.status:<7}", fg=_LOOK[check.status])
        click.echo(f"  {status} {check.name:<16} {check.text}")
    if packages.extras:
        click.secho("\nExtras", bold=True)
    for extra, missing in packages.extras.items():
        if not missing:
            click.echo(f"  {click.style('ok     ', fg='green')} {extra}")
            continue
        click.echo(
            f"  missing {extra:<16} {', '.join(missing)}: {click.style(_install(extra), bold=True)}"
        )
