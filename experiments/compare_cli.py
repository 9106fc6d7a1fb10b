"""``offhours compare``: two runs, values of a knob, rulebooks or policies, on the same luck."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhours.experiments.command import (
    INTERRUPTED,
    Allow,
    Guard,
    Json,
    Seed,
    Set,
    changes_of,
    listed,
    luck_of,
    refused,
)
from offhours.experiments.progress import counting, say_compiling

if TYPE_CHECKING:
    from offhours.experiments.compare import Comparison
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import Scenario


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the command to the others."""
    app.command("compare")(guarded(compare_command))


def compare_command(
    a: Annotated[
        str,
        typer.Argument(
            metavar="RUN_A | SCENARIO", help="a run's folder, or with --venues, --policies or --vary a scenario"
        ),
    ],
    b: Annotated[str | None, typer.Argument(metavar="[RUN_B]", help="another run's folder", show_default=False)] = None,
    vary: Annotated[
        str | None, typer.Option(metavar="KNOB=A,B,C", help="run each of these values on the same luck")
    ] = None,
    venues: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="run each of these rulebooks, as it stands, on the same luck")
    ] = None,
    policies: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="run each of these policies of auto-deleveraging on the same luck, at each venue"
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N", help="how many seeds, from --seed on")] = "8",
    seed: Seed = "7",
    changes: Set = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="where the picture of the paths goes")] = Path(
        "runs"
    ),
    as_json: Json = False,
    allow_policies: Allow = False,
) -> None:
    """Compare runs, rulebooks, policies, or values of a knob.

    Two runs' folders, or one scenario with --venues, --policies or --vary, each on the same luck: what went in, what came out, who
    gained and lost.
    """
    from offhours.experiments.compare import compare, variants
    from offhours.experiments.many import run_all
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import scenario
    from offhours.sim.mistake import Mistake

    if venues is not None or policies is not None:
        if b is not None or vary is not None:
            raise Mistake("compare", "", b or str(vary), "--venues and --policies go with one scenario, without --vary")
        names, ways = listed("--venues", venues), listed("--policies", policies)
        luck = luck_of(seed, seeds)
        chosen_alone = scenario(a, changes_of(changes), allow_policies=allow_policies)
        say_compiling()
        _side_by_side(chosen_alone, names, ways, luck, out, as_json)
        return
    if vary is None:
        if b is None:
            raise Mistake(
                "compare",
                "",
                "",
                "takes two run folders, or a scenario with --venues A,B, --policies A,B or --vary KNOB=A,B",
            )
        if changes:
            raise Mistake("compare", "--set", "", "goes with --vary; two runs are compared as they are")
        one, other = Run.open(a), Run.open(b)
        name = f"compare_{Path(a).name}_{Path(b).name}"
        _show([compare(a, [one], b, [other])], {_path("A", one): one, _path("B", other): other}, out, name, as_json)
        return
    if b is not None:
        raise Mistake("compare", "", b, "give two run folders, or one scenario with --vary")
    chosen = variants(scenario(a, changes_of(changes), allow_policies=allow_policies), vary)
    luck = luck_of(seed, seeds)
    say_compiling()
    # The first seed's paths are drawn, so its runs come with tables.
    many = run_all(chosen, luck, counting(), _kept(out), with_tables=luck[:1])
    found, failures, interrupted = many.runs, many.failures, many.interrupted
    for failure in failures:
        typer.echo(f"{failure.label}, seed {failure.seed} failed: {failure.sentence}", err=True)
    base, *others = chosen
    if interrupted:
        typer.echo("interrupted; what follows rests on the runs that were done", err=True)
    comparisons = [compare(base, found[base], label, found[label]) for label in others if found[base] and found[label]]
    first = {label: runs[0] for label, runs in found.items() if runs and runs[0].tables()}
    if comparisons:
        knob = vary.partition("=")[0].rpartition(".")[2]
        _show(comparisons, first, out, f"compare_{Path(a).stem}_{knob}", as_json)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if failures:
        raise typer.Exit(1)


def _kept(out: Path) -> Path:
    """Where finished runs of comparisons are kept."""
    return out / "kept"


def _side_by_side(chosen: Scenario, venues: list[str], policies: list[str], seeds: range, out: Path, as_json: bool) -> None:  # fmt: skip
    """Several rulebooks or policies on the same luck: who pays, and what else differs."""
    from offhours.experiments import who_pays, who_pays_page

    try:
        found = who_pays.side_by_side(chosen, venues, seeds, counting(), policies, _kept(out))
        if not any(book.runs for book in found.books):
            for note in who_pays_page.notes(found):
                typer.echo(f"note: {note}", err=True)
            raise refused("no run came to its end, so there is no page", INTERRUPTED if found.interrupted else 1)
        page = who_pays_page.write_page(found, out, who_pays_page.file_name(chosen.name, found))
    except KeyboardInterrupt:
        raise refused(f"interrupted; the finished runs are kept in {_kept(out)}, and the same command goes on from there", INTERRUPTED) from None  # fmt: skip
    if as_json:
        typer.echo(json.dumps(who_pays_page.to_json(found), indent=2))
    else:
        for text in who_pays_page.lines(found):
            typer.echo(text)
        typer.echo(f"page: {page}")
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)
    if found.failures:
        raise typer.Exit(1)


def _path(letter: str, run: Run) -> str:
    """What the path of a run is called in a picture: by what was changed in it."""
    changes = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in run.scenario.changes)
    return f"{letter}, {changes or run.scenario.name}"[:36]


def _show(comparisons: list[Comparison], runs: Mapping[str, Run], out: Path, name: str, as_json: bool) -> None:
    """Print comparisons and draw the paths of the first seed, where it was run to its end."""
    from offhours.experiments.compare import lines, write_paths
    from offhours.sim.mistake import Mistake

    try:
        out.mkdir(parents=True, exist_ok=True)
        file = write_paths(runs, out / f"{name[:120]}.png") if runs else None
    except OSError as error:
        raise Mistake(str(out), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None
    if as_json:
        paths = None if file is None else str(file)
        typer.echo(json.dumps({"comparisons": [c.to_json() for c in comparisons], "paths": paths}, indent=2))
        return
    for number, comparison in enumerate(comparisons):
        typer.echo(("\n" if number else "") + "\n".join(lines(comparison)))
    if file is not None:
        typer.echo(f"\npaths on one axis: {file}")
