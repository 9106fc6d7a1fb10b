"""``offhours scenarios``, ``knob``, ``new`` and ``check``: what there is to run, what it says, and a scenario of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhours.experiments.command import Guard, Name

if TYPE_CHECKING:
    from offhours.experiments.scenario import Scenario
    from offhours.sim.declare import Knob


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the commands to the others."""
    for name, command in (
        ("scenarios", scenarios_command),
        ("check", check_command),
        ("new", new_command),
        ("knob", knob_command),
    ):
        app.command(name)(guarded(command))


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


def knob_command(name: Annotated[str, typer.Argument(help="like perp.margin.leverage_max, or its last part")]) -> None:
    """Say what a knob means, and what its default rests on."""
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
    for total in own.positions.totals() if own.positions is not None else ():
        typer.echo(f"  {total}")
    if own.hypothetical:
        typer.echo(f"  {own.hypothetical}")
