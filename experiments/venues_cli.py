"""``offhours venues``: the rulebooks there are, how two of them differ rule by rule, and a rulebook of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhours.experiments.command import Commands, Guard

if TYPE_CHECKING:
    from offhours.sim.rulebook import Venue

Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Ticker = Annotated[str, typer.Option("--ticker", help="whose values are compared")]


def add(app: typer.Typer, guarded: Guard) -> None:
    """Add the commands to the others."""
    venues = typer.Typer(
        cls=Commands,
        help="List the rulebooks, compare two, begin one of your own.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    venues.callback(invoke_without_command=True)(guarded(venues_command))
    for name, command in (("diff", diff_command), ("new", new_command), ("check", check_command)):
        venues.command(name)(guarded(command))
    app.add_typer(venues, name="venues")


# What a rulebook says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One rule as a rulebook has it."""

    text: str
    source: str
    assumed: bool = False
    default: bool = False
    """Whether the rulebook says nothing of it and the knob's default holds."""

    @property
    def basis(self) -> str:
        """Why, in a few words."""
        return f"{'assumed: ' if self.assumed else 'not said; default: ' if self.default else ''}{self.source}"


def rules_of(name: str, ticker: str) -> dict[str, Said]:
    """Every rule of a rulebook by name: knobs (for a ticker), margin tiers, forms of the calculator, further facts."""
    from offhours.sim import layers, rulebook, rules
    from offhours.sim.calculator import tiers_of
    from offhours.sim.names import CLASS

    book = rulebook.read_venue(name)
    found: dict[str, Said] = {}
    layers.check_ticker(ticker, rulebook.tickers(), "--ticker", "")
    if rulebook.runs(book):
        resolved = rules.resolve(book, (ticker,))
        for (_, knob), setting in resolved.settings.items():
            if not knob.startswith("stock"):
                default = setting.origin.layer == "default"
                found[knob] = Said(setting.text, setting.origin.source, setting.origin.assumed, default)
        chosen = resolved.setting(CLASS)
        found["perp.margin.tiers"] = Said(
            "; ".join(_tier(*tier) for tier in tiers_of(resolved, ticker)), f"class {chosen.text}"
        )
    else:
        layer = layers.read_layer(book.document, "venue", book.file, rulebook.tickers())
        for knob in (knob for of, knob in layer if of in ("", ticker)):
            given = layer.get((ticker, knob)) or layer["", knob]
            found[knob] = Said(given.text, given.origin.source, given.origin.assumed)
    found |= _forms(name, book, ticker)
    for fact, entry in book.document.get("facts", {}).items():
        found[f"facts.{fact}"] = _entry(book, entry)
    return found


def _tier(edge: Any, initial: Any, maintenance: Any) -> str:
    return f"from ${float(edge):,.0f} {float(100 * initial):g} % / {float(100 * maintenance):g} %"


def _entry(book: Venue, entry: Any) -> Said:
    leaf: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"value": entry}
    why = str(leaf.get("source") or leaf.get("reason") or "")
    return Said(str(leaf.get("value", "")), str(book.sources.get(why, why)), leaf.get("assumed") is True)


def _forms(name: str, book: Venue, ticker: str) -> dict[str, Said]:
    """The formula of each question that a rulebook answers."""
    from offhours.sim.calculator import QUESTIONS, chosen
    from offhours.sim.mistake import Mistake

    found = {}
    for question in QUESTIONS:
        try:
            form, _ = chosen(question, name, ticker)
        except Mistake:
            continue
        last = form.steps[-1]
        found[f"calc {question}"] = Said(f"{last.name} = {last.formula}", form.source)
        entry = book.document.get("calculator", {}).get(question, {})
        for key, value in entry.items() if isinstance(entry, Mapping) else ():
            if key != "form":
                found[f"calc {question}.{key}"] = _entry(book, value)
    return found


KINDS = {"perp": "perps, a market runs by it", "formulas": "formulas only", "spot": "spot of tokens"}

# Commands ---------------------------------------------------------------------------------------------------------------


def venues_command(context: typer.Context, as_json: Json = False) -> None:
    """List the rulebooks: what each is, from when, how much of it is sourced and how much assumed."""
    from offhours.sim import rulebook

    if context.invoked_subcommand is not None:
        return
    rows = []
    for name in rulebook.venues():
        book = rulebook.read_venue(name)
        sourced, assumed = rulebook.evidence(book)
        kind = str(book.document.get("kind", "perp"))
        rows.append({"name": name, "title": book.title, "kind": kind, "effective": str(book.effective), "sourced": sourced, "assumed": assumed})  # fmt: skip
    rows.sort(key=lambda row: (list(KINDS).index(str(row["kind"])), row["name"]))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {row['title']}, rulebook of {row['effective']}: {KINDS[str(row['kind'])]}")
        typer.echo(f"{'':<{width}}  sourced {row['sourced']}, assumed {row['assumed']}")


def diff_command(
    a: Annotated[str, typer.Argument(metavar="A", help="a venue, or the path of a rulebook")],
    b: Annotated[str, typer.Argument(metavar="B", help="another one, or another date of it")],
    ticker: Ticker = "TSLAx",
    everything: Annotated[bool, typer.Option("--all", help="show rules that are the same, too")] = False,
    as_json: Json = False,
) -> None:
    """Say rule by rule how two rulebooks differ, and what each value rests on."""
    from offhours.sim.rulebook import read_venue

    one, other = read_venue(a), read_venue(b)
    left, right = rules_of(a, ticker), rules_of(b, ticker)
    names = [*left, *(name for name in right if name not in left)]
    rows = [
        (name, left.get(name), right.get(name))
        for name in names
        if everything or _differ(left.get(name), right.get(name))
    ]
    if as_json:
        shown = [
            {"rule": name, **{key: _row(said) for key, said in (("a", in_a), ("b", in_b))}} for name, in_a, in_b in rows
        ]
        typer.echo(json.dumps({"a": one.name, "b": other.name, "ticker": ticker, "rules": shown}, indent=2))
        return
    label_a, label_b = (one.name, other.name) if one.name != other.name else (a, b)
    width = max(len(label_a), len(label_b))
    typer.echo(f"{one.title} ({one.effective}) and {other.title} ({other.effective}), {ticker}")
    for name, in_a, in_b in rows:
        typer.echo(name)
        for label, said in ((label_a, in_a), (label_b, in_b)):
            basis = f"  ({said.basis})" if said is not None and said.source else ""
            typer.echo(f"  {label:<{width}}  {_text(said)}{basis}")
    differ = sum(_differ(left.get(name), right.get(name)) for name in names)
    same = sum(name in right and not _differ(left[name], right[name]) for name in left)
    alone = len(names) - differ - same
    text = f"{differ} rule{' differs' if differ == 1 else 's differ'}, {same} {'is' if same == 1 else 'are'} the same"
    typer.echo(
        text + (f", {alone} stand at a default where the other has no market (--all shows them)" if alone else "")
    )


def _differ(in_a: Said | None, in_b: Said | None) -> bool:
    """Whether two rulebooks say different things; a default is nothing said."""
    if in_a is None or in_b is None:
        only = in_a or in_b
        return only is not None and not only.default
    return in_a.text != in_b.text


def _text(said: Said | None) -> str:
    return "nothing said" if said is None else said.text


def _row(said: Said | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {"value": said.text, "source": said.source, "assumed": said.assumed, "default": said.default}


def new_command(
    name: Annotated[str, typer.Argument(help="name of the new rulebook, or its file")],
    source: Annotated[str, typer.Option("--from", metavar="VENUE", help="the rulebook to begin with")],
) -> None:
    """Write a rulebook of one's own: all of another one, and as comments every knob it does not speak of."""
    import importlib.resources
    import re

    from offhours.sim import layers, rulebook
    from offhours.sim.given import read_text
    from offhours.sim.mistake import Mistake

    book = rulebook.read_venue(source)
    if "@" in source:
        raise Mistake("--from", "", source, f"a rulebook of one's own begins with a whole one: --from {source.partition('@')[0]}")  # fmt: skip
    target = Path(name if name.endswith(".toml") else f"{name}.toml")
    if target.name == ".toml":
        raise Mistake(
            "venues new", "", name, f"'{name}' is no name for a rulebook; write like `venues new mine --from kraken`"
        )
    if source.endswith(".toml"):
        text = read_text(source)
    else:
        text = importlib.resources.files("offhours.sim.venues").joinpath(f"{source}.toml").read_text("utf-8")
    # What held before, which comes last, is the other venue's past.
    text = re.split(r"(?m)^(?:# What held before|\[\[earlier\]\])", text)[0].rstrip("\n") + "\n"
    own = json.dumps(target.stem)
    text = re.sub(r"(?m)^name = .*$", lambda _: f"name = {own}", text, count=1)
    title = json.dumps(f"{target.stem}, begun from {book.title}", ensure_ascii=False)
    text = re.sub(r"(?m)^title = .*$", lambda _: f"title = {title}", text, count=1)
    if rulebook.runs(book):
        text = _with_the_rest(
            text, {knob for _, knob in layers.read_layer(book.document, "venue", book.file, rulebook.tickers())}
        )
    if not source.endswith(".toml"):
        like = f"formulas_of = {json.dumps(source)}  # whose formulas the calculator takes where the knobs leave them open\n"
        text = re.sub(r"(?m)^effective = .*\n", lambda found: found[0] + like, text, count=1)
    head = f"# A rulebook of one's own. A scenario names it by its path: venue = {json.dumps(target.name)}\n"
    whole = head + text
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(whole)
    except FileExistsError:
        raise Mistake(str(target), "", "", "exists already; choose another name") from None
    except OSError as error:
        raise Mistake(str(target), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None  # fmt: skip
    typer.echo(
        f'{target}: change it, then `offhours venues check {target}` and name it in a scenario: venue = "{target}"'
    )


def _with_the_rest(text: str, said: set[str]) -> str:
    """A rulebook's text with a comment for every knob it does not speak of, below the table that the knob belongs to."""
    import re

    from offhours.sim.knobs import knobs

    rest: dict[str, list[str]] = {}
    for name, named in knobs().items():
        if name not in said and not name.startswith("stock"):
            choices = f" ({', '.join(named.knob.choices)})" if named.knob.choices else ""
            line = f"# {name.rpartition('.')[2]} = {json.dumps(named.knob.default)}  # {named.knob.meaning}{choices}"
            rest.setdefault(named.section, []).append(line)
    missing = []
    for section, lines in rest.items():
        block = "\n".join(["# Not spoken of here, with the default of each knob:", *lines]) + "\n"
        header = re.search(rf"(?m)^\[{re.escape(section)}\]\n", text)
        if header is None:
            missing.append(f"# [{section}]\n{block}")
            continue
        after = re.compile(r"(?m)^(?=\[|# [^\n]*---)").search(text, header.end())
        end = after.start() if after else len(text)
        text = text[:end].rstrip("\n") + "\n" + block + "\n" + text[end:]
    return text.rstrip("\n") + "\n" + ("\n" + "\n".join(missing) if missing else "")


def check_command(
    name: Annotated[str, typer.Argument(metavar="FILE_OR_VENUE", help="a rulebook's file, or a venue")],
    ticker: Ticker = "TSLAx",
    as_json: Json = False,
) -> None:
    """Read a rulebook, for every ticker, and run the calculator over it."""
    from offhours.sim import calculator, layers, rulebook, rules
    from offhours.sim.mistake import Mistake, nearest

    book = rulebook.read_venue(name)
    layers.check_ticker(ticker, rulebook.tickers(), "--ticker", "")
    if rulebook.runs(book):
        rules.resolve(book, rulebook.tickers())
        for span in book.document.get("earlier", []):
            rules.resolve(f"{name.partition('@')[0]}@{span['begin']}", rulebook.tickers())
    else:
        layers.read_layer(book.document, "venue", book.file, rulebook.tickers())
    for question in book.document.get("calculator", {}):
        if question not in calculator.QUESTIONS:
            near = nearest(question, calculator.QUESTIONS)
            raise Mistake(book.file, f"calculator.{question}", "", f"there is no such question{near}")
        calculator.chosen(question, name, ticker)
    answers = {}
    for question in calculator.QUESTIONS:
        try:
            calculator.chosen(question, name, ticker)
        except Mistake:
            continue
        answers[question] = calculator.example(question, name, ticker, by_knobs=True)
    sourced, assumed = rulebook.evidence(book)
    if as_json:
        shown = {question: answer.to_json() for question, answer in answers.items()}
        typer.echo(json.dumps({"name": book.name, "sourced": sourced, "assumed": assumed, "answers": shown}, indent=2))
        return
    typer.echo(f"{book.title}: all is well (rulebook of {book.effective}; sourced {sourced}, assumed {assumed})")
    for question, answer in answers.items():
        inputs = ", ".join(f"{shown.name} {shown.text}" for shown in answer.inputs)
        typer.echo(f"  {question} = {answer.text}\n    {inputs}")
