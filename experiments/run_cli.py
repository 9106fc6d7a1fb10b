"""``offhours run`` and what is done with a run's folder: list them, make one again, draw its figures, follow an account."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhours.experiments.command import (
    INTERRUPTED,
    Allow,
    Guard,
    Json,
    Name,
    Out,
    Seed,
    Set,
    changes_of,
    seed_of,
    whole,
)
from offhours.experiments.progress import Line, say_compiling

if TYPE_CHECKING:
    from offhours.experiments.run import Run


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the commands to the others."""
    for name, command in (
        ("run", run_command),
        ("runs", runs_command),
        ("reproduce", reproduce_command),
        ("account", account_command),
        ("figures", figures_command),
    ):
        app.command(name)(guarded(command))


def run_command(
    name: Name,
    seed: Seed = "7",
    changes: Set = None,
    out: Out = None,
    folder: Annotated[str | None, typer.Option("--name", help="name of the run's folder")] = None,
    as_json: Json = False,
    report: Annotated[bool, typer.Option(help="write report and figures")] = True,
    controls: Annotated[bool, typer.Option(help="run the scenario's controls on the same luck, too")] = True,
    names: Annotated[
        bool, typer.Option("--names", help="write the account names of a handed-in book into the results")
    ] = False,
    allow_policies: Allow = False,
) -> None:
    """Run a scenario, and write its folder.

    In it: summary, tables, report, figures, provenance.
    """
    from offhours.experiments.run import run
    from offhours.experiments.scenario import scenario
    from offhours.experiments.summary_text import lines

    chosen, luck = scenario(name, changes_of(changes), allow_policies=allow_policies), seed_of(seed)
    for total in chosen.positions.totals() if chosen.positions is not None else ():
        typer.echo(total, err=True)
    say_compiling()
    with Line() as line:
        made = run(
            chosen,
            luck,
            out,
            folder,
            line,
            save=True,
            controls=controls,
            report=report,
            command=" ".join(["offhours", *sys.argv[1:]]),
            names=names,
        )
    if as_json:
        typer.echo(json.dumps(made.summary, indent=2))
    else:
        _print_run(made, lines(made.summary))
    if made.stopped:
        typer.echo(f"interrupted: the run is whole and kept, {made.stopped}", err=True)
    if made.interrupted or made.stopped:
        raise typer.Exit(INTERRUPTED)


def _print_run(made: Run, rows: list[tuple[str, str]]) -> None:
    question = f": {made.scenario.question}" if made.scenario.question else ""
    typer.echo(f"{made.scenario.name}, seed {made.seed}{question}")
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        typer.echo(f"  {label:<{width}}  {text}")
    assert made.folder is not None
    report = made.folder / "report.html"
    typer.echo(f"  {'report' if report.exists() else 'folder':<{width}}  {report if report.exists() else made.folder}")


def runs_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="where the runs are", show_default=False)] = Path(
        "runs"
    ),
) -> None:
    """List the runs there are."""
    from offhours.sim.mistake import Mistake

    if not folder.is_dir():
        raise Mistake(str(folder), "", "", "is not a folder; runs go to 'runs' where --out says nothing else")
    files = [folder / "summary.json"] if (folder / "summary.json").exists() else sorted(folder.glob("*/summary.json"))
    for file in sorted(files, key=lambda f: f.stat().st_mtime):
        try:
            summary = json.loads(file.read_text("utf-8"))
            changes = ", ".join(f"{knob}={value}" for knob, value in summary["changes"]) or "as written"
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))
            text = f"{file.parent.name}\n  {summary['scenario']}, seed {summary['seed']}: {changes}\n  {summary['finding']}\n  made {made}, simulated in {summary['wall_s']:.1f} s; {summary['outcome']}"  # fmt: skip
        except (ValueError, LookupError, TypeError, OSError):
            text = f"{file.parent.name}\n  its summary cannot be read"
        typer.echo(text)
    if not files:
        typer.echo(f"there are no runs in {folder}")


def reproduce_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a run's folder")], allow_policies: Allow = False
) -> None:
    """Make a run again, and say whether it is identical.

    Nothing but its provenance is read.
    """
    from offhours.experiments.provenance import reproduce

    with Line() as line:
        found = reproduce(folder, line, allow_policies=allow_policies)
    typer.echo(found.sentence)
    if not found.identical:
        raise typer.Exit(1)


def account_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a run's folder")],
    named: Annotated[str | None, typer.Argument(metavar="[ID]", help="an account", show_default=False)] = None,
    worst: Annotated[bool, typer.Option("--worst", help="the one that left the largest shortfall behind")] = False,
    broken_hedge: Annotated[
        bool, typer.Option("--broken-hedge", help="the one that lost the largest leg of a hedge")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="run again with the dollars that would have saved it from its first liquidation, and say what came of it",
        ),
    ] = False,
    allow_policies: Allow = False,
) -> None:
    """Tell an account's life.

    In sentences, with a ledger that sums and a picture of its equity.
    """
    from offhours.experiments import story
    from offhours.experiments.figures.account import write_picture
    from offhours.experiments.run import Run
    from offhours.experiments.story_text import lines
    from offhours.sim.mistake import Mistake

    number = (
        None if named is None else whole("ID", named, 0, 1 << 40, "an account's number, as in the table of accounts")
    )
    if (number is not None) + worst + broken_hedge != 1:
        raise Mistake(
            "account", "", "", "takes a run's folder and one of: an account's number, --worst, --broken-hedge"
        )
    run = Run.open(folder)
    if allow_policies:
        run.scenario = run.scenario.allowing_policies()
    chosen = number if number is not None else story.worst(run) if worst else story.broken_hedge(run)
    with Line() as line:
        told = story.tell(run, chosen, line)
        tried = story.tried(told, 0, line) if check and len(told.cases) else ""
    for text in lines(told):
        typer.echo(text)
    if tried:
        typer.echo(tried)
    try:
        typer.echo(f"picture: {write_picture(told, folder)}")
    except OSError as error:
        raise Mistake(str(folder), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None


def figures_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a run's folder")],
    only: Annotated[str, typer.Option(help="names of figures, separated by commas")] = "",
    formats: Annotated[str, typer.Option("--format", help="pdf, svg, png, separated by commas")] = "png",
) -> None:
    """Draw a run's figures again."""
    from offhours.experiments.figures import FIGURES, write_figures
    from offhours.experiments.run import Run
    from offhours.sim.mistake import Mistake, nearest

    chosen = tuple(filter(None, (word.strip() for word in only.split(","))))
    for word in chosen:
        if word not in FIGURES:
            allowed = f"there is no figure '{word}'; there are {', '.join(FIGURES)}{nearest(word, FIGURES)}"
            raise Mistake("--only", "", word, allowed)
    kinds = tuple(word.strip().lower() for word in formats.split(","))
    for kind in kinds:
        if kind not in ("pdf", "svg", "png"):
            raise Mistake("--format", "", kind, f"'{kind}' is not one of pdf, svg, png")
    try:
        for path in write_figures(Run.open(folder), folder, only=chosen or None, formats=kinds):
            typer.echo(path)
    except OSError as error:
        raise Mistake(str(folder), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None
