"""The command line: ``offhours run weekend-gap`` and its companions.

Only what a command needs is imported, so that the market starts at once. A person's mistake is one sentence on stderr and exit
code 2; Ctrl-C ends a run with what there is and exit code 130.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from offhours.experiments import calc_cli, venues_cli

if TYPE_CHECKING:
    from offhours.experiments.advance import Stage
    from offhours.experiments.compare import Comparison
    from offhours.experiments.many import Step
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import Scenario
    from offhours.sim.declare import Knob

MISTAKE, INTERRUPTED = 2, 130

app = typer.Typer(
    name="offhours",
    help="A laboratory for markets that never close on assets whose own market sleeps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def main() -> None:
    """The command ``offhours``."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot print a character shows a question mark instead of failing.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()


def _refuse(sentence: str, code: int = MISTAKE) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(code)


def _guarded(command: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A command whose mistakes are one sentence."""

    @functools.wraps(command)
    def guarded(*arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            raise _refuse("interrupted; nothing was written", INTERRUPTED) from None
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            raise _refuse(sentence) from None

    return guarded


def _sentence(error: Exception) -> str | None:
    """What a person is told of a mistake of his; None for a mistake of the program."""
    from offhours.sim.hours import HoursError
    from offhours.sim.mistake import Mistake
    from offhours.sim.units import UnitError

    if isinstance(error, (Mistake, UnitError, HoursError)):
        return str(error)
    from offhours.experiments.advance import MarketFull

    return str(error) if isinstance(error, MarketFull) else None


# Options that several commands have ----------------------------------------------------------------------------------

Name = Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="a scenario's name, or a TOML file")]
Seed = Annotated[str, typer.Option("--seed", metavar="N", help="the run's luck, a whole number")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KNOB=VALUE", help="change a knob; may be given again and again")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="where run folders go [default: runs]")]
Json = Annotated[bool, typer.Option("--json", help="print the summary as one JSON object")]
Allow = Annotated[
    bool,
    typer.Option("--allow-policies", help="let policies of one's own run, like my_policy.py:fair; they are programs"),
]


def _changes(pairs: list[str] | None) -> dict[str, str]:
    from offhours.sim.mistake import Mistake

    found = {}
    for pair in pairs or ():
        knob, equals, value = pair.partition("=")
        if not equals or not knob.strip():
            raise Mistake("--set", "", pair, f"'{pair}' is not written like perp.margin.leverage_max=10")
        found[knob.strip()] = value.strip()
    return found


def _whole(option: str, text: str, low: int, high: int, meaning: str) -> int:
    """A whole number given to an option."""
    from offhours.sim.mistake import Mistake

    digits = text.strip()
    if not digits.isdecimal() or not low <= int(digits) <= high:
        raise Mistake(option, "", text, f"'{text}' is not a whole number from {low:,} to {high:,} ({meaning})")
    return int(digits)


def _seed(text: str) -> int:
    return _whole("--seed", text, 0, (1 << 62) - 1, "the run's luck")


def _luck(seed: str, seeds: str) -> range:
    """The seeds of a comparison."""
    first = _seed(seed)
    return range(first, first + _whole("--seeds", seeds, 1, 100_000, "how many seeds, from --seed on"))


# Progress ------------------------------------------------------------------------------------------------------------


class _Line:
    """How far a run is, on stderr: a live line on a terminal, now and then a plain one elsewhere."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._live: Any = None
        self._task: Any = None
        self._doing = ""
        self._began = self._said = time.monotonic()
        self._events_began = 0

    def __enter__(self) -> _Line:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._live = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:3.0f} %"),
                TextColumn("{task.fields[reached]}"),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, stage: Stage) -> None:
        from offhours.sim.hours import format_new_york

        now = time.monotonic()
        if stage.doing != self._doing:
            self._doing, self._began, self._events_began = stage.doing, now, stage.events
            if self._live is not None:
                if self._task is not None:
                    self._live.remove_task(self._task)
                self._task = self._live.add_task(stage.doing, total=stage.to_us - stage.from_us, reached="", speed="")
        speed = (stage.events - self._events_began) / max(now - self._began, 1e-3)
        reached = format_new_york(stage.now_us - stage.now_us % 1_000_000)[:-7]
        if self._live is not None:
            self._live.update(
                self._task,
                completed=stage.now_us - stage.from_us,
                reached=f"{reached} New York",
                speed=f"{speed / 1e6:.2f}M events/s",
            )
        elif now - self._said >= self.EVERY_S:
            self._said = now
            share = (stage.now_us - stage.from_us) / max(1, stage.to_us - stage.from_us)
            text = f"{stage.doing}: {reached} New York, {100 * share:.0f} %"
            if share >= 0.02:
                left = (now - self._began) * (1 - share) / share
                text += f", {speed / 1e6:.2f}M events/s, about {left:.0f} s left"
            typer.echo(text, err=True)


def _say_compiling() -> None:
    """Say why the first run takes longer."""
    from offhours.sim.compile import CACHE_FOLDER

    if CACHE_FOLDER is not None and not any(CACHE_FOLDER.rglob("*.nbi")):
        typer.echo("compiling the market, once after each installation: up to half a minute ...", err=True)


# Commands ------------------------------------------------------------------------------------------------------------


@app.command("run")
@_guarded
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
    """Run a scenario, and write its folder: summary, tables, report, figures, provenance."""
    from offhours.experiments.run import run
    from offhours.experiments.scenario import scenario
    from offhours.experiments.summary_text import lines

    chosen, luck = scenario(name, _changes(changes), allow_policies=allow_policies), _seed(seed)
    for total in chosen.positions.totals() if chosen.positions is not None else ():
        typer.echo(total, err=True)
    _say_compiling()
    with _Line() as line:
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


@app.command("scenarios")
@_guarded
def scenarios_command(
    name: Annotated[str | None, typer.Argument(help="one scenario: its question, knobs and rules")] = None,
    basis: Annotated[bool, typer.Option("--basis", help="say of each knob what it rests on")] = False,
) -> None:
    """List the scenarios, or say what is in one."""
    from offhours.experiments.scenario import scenario, scenarios

    if name is not None:
        for text in _described(scenario(name), basis):
            typer.echo(text)
        return
    for each in scenarios():
        own = scenario(each)
        typer.echo(f"{each}\n  {own.question}")
        if own.hypothetical:
            typer.echo(f"  {own.hypothetical}")


def _described(own: Scenario, basis: bool) -> list[str]:
    """A scenario for reading: question, times, groups, and what differs from the venue's own file."""
    from offhours.experiments.scenario import every_knob
    from offhours.sim import units
    from offhours.sim.given import plain_text
    from offhours.sim.hours import format_new_york

    known = every_knob()

    def why(key: str, text: str) -> list[str]:
        """What a value rests on: its default's basis where it is the default, else that somebody set it."""
        knob = known.get(key)
        if not basis or knob is None:
            return []
        if _same(knob, text):
            return [f"        {knob.basis}"]
        return [f"        set by the scenario; its default {knob.default} is {knob.basis}"]

    venue = own.rules.venue
    text = [own.name, f"  {own.question}"]
    if own.hypothetical:
        text.append(f"  {own.hypothetical}")
    text += [
        f"  venue         {own.rules.title}, rulebook of {venue.effective}",
        f"  tickers       {', '.join(own.tickers)} (headline {own.headline})",
        f"  regime        {own.regime}; stock hours {own.calendar}{', always open' if own.always_open else ''}",
        f"  starts        {format_new_york(own.start_us)}",
        f"  measured from {format_new_york(own.measure_from_us)}",
        f"  ends          {format_new_york(own.end_us)}",
        f"  controls      {', '.join(own.controls) or 'none'}",
    ]
    for gap in own.gaps:
        change, surprise = (units.write(value, "ppb") for value in (gap.change_ppb, gap.surprise_ppb))
        span = f"from {format_new_york(gap.from_us)} to {format_new_york(gap.to_us)}"
        text.append(f"  given move    {gap.ticker} {change} {span}, {surprise} of it a surprise")
    text.append("  groups")
    for group in own.groups:
        text.append(f"    {group.name}: {group.count:,} {group.population}")
        for key, value in group.texts.items():
            if key != "count":
                text.append(f"      {key} = {_plainly(value)}")
                knob = f"{group.population}.{key}"
                text += why(knob if knob in known else f"group.{key}", plain_text(value))
    text.append("  what a group has where it says nothing")
    for population in dict.fromkeys(group.population for group in own.groups):
        names = [name for name in known if name.startswith(f"{population}.")]
        text += _knob_lines(population, {name: (known[name].default, known[name].basis) for name in names}, basis)
    names = ["group.latency", "group.mode"]
    text += _knob_lines("group", {name: (known[name].default, known[name].basis) for name in names}, basis)
    text.append("  what differs from the venue's own file")
    for d in own.differences():
        text.append(f"    {f'{d.ticker}.' if d.ticker else ''}{d.name}: {d.text} instead of {d.venue_text}")
    if not own.differences():
        text.append("    nothing")
    text.append("  rules")
    sections: dict[str, dict[str, tuple[str, str]]] = {}
    for (ticker, name), setting in own.rules.settings.items():
        same = all(own.rules.settings[other, name].text == setting.text for other in own.tickers)
        if same and ticker != own.tickers[0]:
            continue
        origin = setting.origin
        source = origin.source or known[name].basis
        if origin.layer in ("scenario", "set") and not origin.source:
            source = f"set by the scenario; its default {known[name].default} is {source}"
        source = f"{'assumed: ' if origin.assumed else ''}{source} [{origin.file or 'default'}]"
        own_name = name if same else f"{name} of {ticker}"
        sections.setdefault(name.rpartition(".")[0], {})[own_name] = (setting.text, source)
    for section, settings in sections.items():
        text += _knob_lines(section, settings, basis)
    return text


def _same(knob: Knob, text: str) -> bool:
    """Whether a text says a knob's default."""
    from offhours.sim import units

    try:
        return units.read(text, knob.unit, None, knob.choices) == units.read(
            knob.default, knob.unit, None, knob.choices
        )
    except (units.UnitError, KeyError):
        return text == knob.default


def _knob_lines(section: str, values: Mapping[str, tuple[str, str]], basis: bool) -> list[str]:
    """Knobs of a section with their values: a paragraph, or one by one with what each rests on."""
    import textwrap

    if basis:
        return [line for name, (text, why) in values.items() for line in (f"    {name} = {text}", f"        {why}")]
    listed = "; ".join(f"{name.removeprefix(f'{section}.')} {text}" for name, (text, _) in values.items())
    return textwrap.wrap(f"{section}: {listed}", 116, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)  # fmt: skip


def _plainly(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plainly(item)}" for key, item in value.items())
    return str(value)


@app.command("knob")
@_guarded
def knob_command(name: Annotated[str, typer.Argument(help="like perp.margin.leverage_max, or its last part")]) -> None:
    """Say what a knob means: unit, range, default, and what that rests on."""
    from offhours.experiments.document import FIELDS
    from offhours.experiments.scenario import every_knob, populations
    from offhours.sim.mistake import Mistake, nearest
    from offhours.sim.names import CLASS_KNOB

    if name in FIELDS:
        typer.echo(f"{name}: {FIELDS[name]}; a field of the scenario")
        return
    known = every_knob()
    parts = name.split(".")
    if parts[0] == "group" and parts[-1] == "size":
        # A group's size is what each member has at the venue.
        parts = [*parts[:-1], "endowment", "usd"]
    if name not in known and len(parts) > 2 and parts[0] in ("group", "gap"):
        # group.tourists.leverage: the group's population decides; the knob is shown for each that has it.
        last = ".".join(parts[2:])
        found = [k for k in known if k == f"{parts[0]}.{last}" or k in {f"{p}.{last}" for p in populations()}]
    else:
        without_ticker = ".".join(parts[1:])
        found = [k for k in known if k in (name, without_ticker)] or [k for k in known if k.endswith(f".{name}")]
    if not found:
        raise Mistake("knob", "", name, f"there is no knob '{name}'{nearest(name, (*known, *FIELDS))}")
    for key in found:
        knob = known[key]
        typer.echo(f"{key}: {knob.meaning}")
        if knob.choices:
            typer.echo(f"  one of   {', '.join(knob.choices)}")
        elif knob.low and knob is not CLASS_KNOB:
            typer.echo(f"  range    {knob.low} to {knob.high}")
        typer.echo(f"  default  {knob.default}\n  unit     {knob.unit}\n  basis    {knob.basis}")


@app.command("reproduce")
@_guarded
def reproduce_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a run's folder")], allow_policies: Allow = False
) -> None:
    """Make a run again from its provenance alone, and say whether it is identical."""
    from offhours.experiments.provenance import reproduce

    with _Line() as line:
        found = reproduce(folder, line, allow_policies=allow_policies)
    typer.echo(found.sentence)
    if not found.identical:
        raise typer.Exit(1)


@app.command("runs")
@_guarded
def runs_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="where the runs are", show_default=False)] = Path(
        "runs"
    ),
) -> None:
    """List the runs there are: changes, headline, time."""
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


@app.command("new")
@_guarded
def new_command(
    name: Annotated[str, typer.Argument(help="the new scenario's name")],
    source: Annotated[str, typer.Option("--from", metavar="SCENARIO", help="a scenario's name, or a file")],
) -> None:
    """Write a scenario's file anew, to be changed."""
    import importlib.resources

    from offhours.experiments.scenario import scenario
    from offhours.sim.given import read_text
    from offhours.sim.mistake import Mistake

    scenario(source)
    target = Path(name if name.endswith(".toml") else f"{name}.toml")
    if not target.stem or target.stem == ".toml":
        raise Mistake("new", "", name, f"'{name}' is not a name for a scenario")
    if source.endswith(".toml"):
        text = read_text(source)
    else:
        inside = importlib.resources.files("offhours.experiments").joinpath("scenarios", f"{source}.toml")
        text = inside.read_text("utf-8")
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise Mistake(str(target), "", "", "exists already; choose another name") from None
    except OSError as error:
        raise Mistake(str(target), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None
    typer.echo(f"{target}: change it, then `offhours check {target}` and `offhours run {target}`")


@app.command("check")
@_guarded
def check_command(name: Name) -> None:
    """Read a scenario's file and say whether all is well."""
    from offhours.experiments.scenario import scenario
    from offhours.sim.hours import format_new_york

    own = scenario(name)
    own.plans()
    own.releases()
    own.replays()
    traders = sum(group.count for group in own.groups)
    typer.echo(f"{own.name}: all is well (digest {own.digest})")
    typer.echo(f"  {', '.join(own.tickers)} at {own.rules.title}, {traders:,} traders in {len(own.groups)} groups")
    typer.echo(f"  measured from {format_new_york(own.measure_from_us)} to {format_new_york(own.end_us)}")
    if own.hypothetical:
        typer.echo(f"  {own.hypothetical}")


def _counting() -> Callable[[Step], None]:
    """A line a finished run: how many of all, and about how long the others take."""
    began = time.monotonic()

    def done(step: Step) -> None:
        left = (time.monotonic() - began) / step.done * (step.total - step.done)
        before = f" ({step.kept} more were there from before)" if step.kept else ""
        typer.echo(
            f"{step.done} of {step.total} runs{before}: {step.label}, seed {step.seed}; {_about(left)} left", err=True
        )

    return done


def _about(seconds: float) -> str:
    """ "about 40 s", "about 12 min", "about 2.5 h"."""
    if seconds < 120:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 7200 else f"about {seconds / 3600:.1f} h"


def _listed(option: str, text: str | None) -> list[str]:
    """What an option names, separated by commas."""
    from offhours.sim.mistake import Mistake

    if text is None:
        return []
    names = [name.strip().strip("\"'").strip() for name in text.split(",")]
    if not all(names):
        raise Mistake(option, "", text, f"'{text}' is not a list like A,B,C: a name is empty")
    return names


def _kept(out: Path) -> Path:
    """Where finished runs of comparisons are kept."""
    return out / "kept"


def _side_by_side(chosen: Scenario, venues: list[str], policies: list[str], seeds: range, out: Path, as_json: bool) -> None:  # fmt: skip
    """Several rulebooks or policies on the same luck: who pays, and what else differs."""
    from offhours.experiments import who_pays, who_pays_page

    try:
        found = who_pays.side_by_side(chosen, venues, seeds, _counting(), policies, _kept(out))
        if not any(book.runs for book in found.books):
            for note in who_pays_page.notes(found):
                typer.echo(f"note: {note}", err=True)
            raise _refuse("no run came to its end, so there is no page", INTERRUPTED if found.interrupted else 1)
        page = who_pays_page.write_page(found, out, who_pays_page.file_name(chosen.name, found))
    except KeyboardInterrupt:
        raise _refuse(f"interrupted; the finished runs are kept in {_kept(out)}, and the same command goes on from there", INTERRUPTED) from None  # fmt: skip
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


@app.command("compare")
@_guarded
def compare_command(
    a: Annotated[str, typer.Argument(metavar="RUN_A | SCENARIO", help="a run's folder; with --vary a scenario")],
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
    """Compare two runs, or a scenario under several values of a knob: inputs, results, who gained and lost."""
    from offhours.experiments.compare import compare, variants
    from offhours.experiments.many import run_all
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import scenario
    from offhours.sim.mistake import Mistake

    if venues is not None or policies is not None:
        if b is not None or vary is not None:
            raise Mistake("compare", "", b or str(vary), "--venues and --policies go with one scenario, without --vary")
        names, ways = _listed("--venues", venues), _listed("--policies", policies)
        luck = _luck(seed, seeds)
        chosen_alone = scenario(a, _changes(changes), allow_policies=allow_policies)
        _say_compiling()
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
    chosen = variants(scenario(a, _changes(changes), allow_policies=allow_policies), vary)
    luck = _luck(seed, seeds)
    _say_compiling()
    # The first seed's paths are drawn, so its runs come with tables.
    many = run_all(chosen, luck, _counting(), _kept(out), with_tables=luck[:1])
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


@app.command("figures")
@_guarded
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


@app.command("account")
@_guarded
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
    """Tell an account's life: sentences, a ledger that sums, a picture of its equity."""
    from offhours.experiments import story
    from offhours.experiments.figures.account import write_picture
    from offhours.experiments.run import Run
    from offhours.experiments.story_text import lines
    from offhours.sim.mistake import Mistake

    number = (
        None if named is None else _whole("ID", named, 0, 1 << 40, "an account's number, as in the table of accounts")
    )
    if (number is not None) + worst + broken_hedge != 1:
        raise Mistake(
            "account", "", "", "takes a run's folder and one of: an account's number, --worst, --broken-hedge"
        )
    run = Run.open(folder)
    if allow_policies:
        run.scenario = run.scenario.allowing_policies()
    chosen = number if number is not None else story.worst(run) if worst else story.broken_hedge(run)
    with _Line() as line:
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


@app.command("schema")
@_guarded
def schema_command(table: Annotated[str | None, typer.Argument(help="one table")] = None) -> None:
    """Say what a run's tables and columns mean."""
    from offhours.experiments.tables import SENTENCES, names, schema
    from offhours.sim.mistake import Mistake, nearest

    if table is None:
        for name in names():
            typer.echo(f"{name}: {SENTENCES[name]}")
        return
    if table not in names():
        raise Mistake("schema", "", table, f"there is no table '{table}'; there are {', '.join(names())}{nearest(table, names())}")  # fmt: skip
    rows = schema(table)
    width, unit_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    typer.echo(SENTENCES[table])
    for name, unit, meaning in rows:
        typer.echo(f"  {name:<{width}}  {unit:<{unit_width}}  {meaning}")


@app.command("glossary")
@_guarded
def glossary_command(word: Annotated[str | None, typer.Argument(help="one word")] = None) -> None:
    """Say what a word of the trade means here."""
    import importlib.resources
    import tomllib

    from offhours.sim.mistake import Mistake, nearest

    text = importlib.resources.files("offhours.experiments").joinpath("glossary.toml").read_text("utf-8")
    words: dict[str, str] = tomllib.loads(text)
    if word is None:
        for name in words:
            typer.echo(f"{name}: {words[name]}")
        return
    found = [name for name in words if name.lower() == word.lower()] or [n for n in words if word.lower() in n.lower()]
    if not found:
        raise Mistake("glossary", "", word, f"there is no '{word}'{nearest(word, words)}")
    for name in found:
        typer.echo(f"{name}: {words[name]}")


calc_cli.add(app, _guarded)
venues_cli.add(app, _guarded)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    import offhours

    typer.echo(f"offhours {offhours.__version__}")


def _say_version(wanted: bool) -> None:
    if wanted:
        version_command()
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="print it")] = False,
) -> None:
    """A laboratory for markets that never close on assets whose own market sleeps."""


if __name__ == "__main__":
    main()
