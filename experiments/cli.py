"""The command line: ``offhours run weekend-gap`` and its companions.

Only what a command needs is imported, so that the market starts at once. A person's mistake is one sentence on stderr and exit
code 2; Ctrl-C ends a run with what there is and exit code 130.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from offhours.experiments import calc_cli, compare_cli, run_cli, scenario_cli, venues_cli, words_cli
from offhours.experiments.command import Commands, guarded

app = typer.Typer(
    name="offhours",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """The command ``offhours``."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot print a character shows a question mark instead of failing.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()


def _say_version(wanted: bool) -> None:
    if wanted:
        version_command()
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="print it")] = False,
) -> None:
    """A laboratory for markets that never close on assets whose own market sleeps."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _group in (run_cli, compare_cli, scenario_cli, calc_cli, venues_cli, words_cli):
    _group.add(app, guarded)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    import offhours

    typer.echo(f"offhours {offhours.__version__}")


if __name__ == "__main__":
    main()
