"""A scenario: a question about a market, written in TOML that a trader can read, resolved into one frozen value.

It names a venue's rulebook, tickers, a stretch of New York time, what the stock is to do, and who trades::

    question = "Who pays when TSLAx opens 8 % lower on a Monday?"
    venue = "kraken"
    tickers = ["TSLAx", "SPYx"]
    warm_up = "10 trading days"
    measure_from = "2026-03-06 09:30"
    end = "2026-03-10 16:00"
    controls = ["always-open"]

    [perp.margin]                      # any rule of the venue, for all tickers
    leverage_max = "10x"

    [asset.TSLAx.perp.margin]          # or for one
    leverage_max = "5x"

    [[gap]]                            # what the stock does while its exchange is closed
    ticker = "TSLAx"
    from = "2026-03-06 16:00"
    to = "2026-03-09 09:30"
    change = "-8 %"

    [[move]]                           # what it does at any other time, laid over its own movement
    ticker = "TSLAx"
    from = "2026-03-09 11:00"
    to = "2026-03-09 11:20"
    change = "-5 %"

    [[halt]]                           # when it may not trade though its exchange is open; "all" halts the whole market
    ticker = "TSLAx"
    from = "2026-03-09 11:00"
    to = "2026-03-09 12:15"

    [[group]]                          # who trades; as many groups as one likes
    name = "tourists"
    population = "retail"
    count = 2000
    leverage = "20x"                   # a knob of that population: a value, a law or a file
    size = { law = "pareto", exponent = 0.8, median = "$500" }    # dollars at the venue
    endowment = { tokens = "$100", broker_usd = "$1,000" }        # and what else they begin with

    [perp.adl]                         # who is cut: by a name, or by a function of one's own (run it with --allow-policies)
    policy = "my_policy.py:fair"

    [[target]]                         # what its runs should come to; makes no difference to the market
    metric = "adl.over_liquidated"
    low = "25 %"
    high = "50 %"
    source = "where the numbers are from"

    [set]                              # what `--set` adds: any of the above by name, after all else
    "group.tourists.count" = 0

Two scenarios with the same digest make the same market: it is over the resolved numbers, not over the words.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import importlib.resources
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.document import FIELDS, Document, with_set
from offhours.experiments.groups import ENDOWMENT, Group, GroupKnobs, read_groups
from offhours.experiments.moves import (
    EVERY_TICKER,
    Gap,
    GapKnobs,
    Halt,
    Move,
    check_gaps,
    check_halts,
    read_gap,
    read_halt,
    read_move,
    read_release,
    read_replay,
)
from offhours.experiments.positions import Handed, read_positions
from offhours.experiments.span import read_span
from offhours.experiments.targets import Target, read_targets
from offhours.experiments.toml_text import write_in_files, write_toml
from offhours.sim import units
from offhours.sim.curves import log
from offhours.sim.declare import Knob, columns_of, spec_of
from offhours.sim.given import plain_text, read_text, read_toml
from offhours.sim.hours import SECOND_US, HoursError, new_york_date, schedule
from offhours.sim.knobs import SECTIONS, knobs
from offhours.sim.layers import Layer, check_ticker, read_layer, set_layer
from offhours.sim.market import ask, halts, stock
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import CLASS, FUNDING_POLICY, POLICY, is_own
from offhours.sim.rulebook import is_file, read_asset, tickers
from offhours.sim.rules import REACH_TICKS, Difference, Rules, reach_sentence, resolve
from offhours.sim.tiers import read_classes
from offhours.sim.underlying import PPB, GivenGap, Release, earnings_rows, plan_rows, replay_rows

if TYPE_CHECKING:
    from offhours.agents.mesa_model import OffhoursModel
    from offhours.experiments.run import Run
    from offhours.sim.answers import Deciders
    from offhours.sim.programs import Program

REGIMES = ("mature", "launch")
CALENDARS = ("classic", "24x5")
_VENUE_TABLES = ("perp", "token")
"""Sections of rules that a venue writes for itself."""
_TABLES = {"group", "gap", "move", "halt", "earnings", "replay", "asset", "margin_class", "control", "sources", "policies", "target"}  # fmt: skip
"""What a scenario's file may hold besides fields and sections of rules."""

Changes = tuple[tuple[str, Any], ...]
"""What was set, in the order given: name and value."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario, resolved. Make one with :func:`scenario`; two are equal when their digests are."""

    name: str
    question: str
    file: str
    tickers: tuple[str, ...]
    headline: str
    regime: str
    calendar: str
    always_open: bool
    start_us: int
    measure_from_us: int
    end_us: int
    gaps: tuple[Gap, ...]
    moves: tuple[Move, ...]
    halts: tuple[Halt, ...]
    earnings: tuple[Release, ...]
    replay: Mapping[str, Path]
    """Ticker -> file of real prices that its stock follows instead of a law."""
    groups: tuple[Group, ...]
    controls: tuple[str, ...]
    targets: tuple[Target, ...]
    """What its runs should come to: no part of the market, nor of the digest."""
    positions: Handed | None
    """A venue's own book; its accounts are groups, too."""
    programs: Mapping[tuple[str, str], Program]
    """(ticker, knob) -> the function of somebody's own that the rules name, as its file was when it was read."""
    allow_policies: bool
    """Whether these may run."""
    rules: Rules = field(repr=False)
    changes: Changes
    """What was set on top of the file: (name, value) in the order given."""
    document: Mapping[str, Any] = field(repr=False)
    _folder: Path = field(repr=False)
    _populations: Mapping[str, type] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return self.full_digest == other.full_digest if isinstance(other, Scenario) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.full_digest)

    @property
    def full_digest(self) -> str:
        """SHA-256 over everything that makes the market: resolved numbers and structure, no words."""
        parts = [
            self.rules.digest(),
            [self.headline, self.regime, self.calendar, self.always_open],
            [self.start_us, self.measure_from_us, self.end_us],
            [[g.ticker, g.from_us, g.to_us, g.change_ppb, g.surprise_ppb] for g in self.gaps],
            [[e.ticker, e.at_us] for e in self.earnings],
            [[h.ticker, h.from_us, h.to_us] for h in self.halts],
            [[m.ticker, m.from_us, m.to_us, m.change_ppb] for m in self.moves],
            [group.canonical() for group in self.groups],
        ]
        if self.positions is not None:
            parts.append(self.positions.canonical())
        if self.replay:
            parts.append(hashlib.sha256(self.replays().tobytes()).hexdigest())
        if self.programs:
            parts.append(self.canonical_programs())
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """The first twelve hexadecimal digits of the full digest: enough to tell scenarios apart."""
        return self.full_digest[:12]

    @property
    def hypothetical(self) -> str:
        """Why this could not have happened, in a sentence: its dates are not those of the rulebook. Else empty."""
        day = new_york_date(self.measure_from_us)
        for book in filter(None, (self.rules.venue, self.rules.spot)):
            until = book.document.get("until")
            if book.effective > day or (isinstance(until, datetime.date) and until < new_york_date(self.end_us)):
                return f"hypothetical: the rulebook of {book.title} is of {book.effective}, the scenario of {day}"
        return ""

    @property
    def news_moves(self) -> tuple[Move, ...]:
        """The headline's given moves where it has no given gap: then they are the news that a run is about, and else a gap is."""
        if any(gap.ticker == self.headline for gap in self.gaps):
            return ()
        return tuple(move for move in self.moves if move.ticker == self.headline)

    def hours(self) -> np.ndarray[Any, Any]:
        """The phases of the week from start to end, as rows of the clock's table."""
        try:
            return schedule(self.start_us, self.end_us + SECOND_US, self.calendar)  # type: ignore[arg-type]
        except HoursError as error:
            raise Mistake(self.file, "end", "", str(error)) from None

    def plans(self) -> np.ndarray[Any, Any]:
        """The given moves as rows of the stock's plan table."""
        given = [GivenGap(g.ticker, g.change_ppb, g.from_us, g.surprise_ppb) for g in self.gaps]
        return plan_rows(given, self.tickers, self.hours(), self.file)

    def releases(self) -> np.ndarray[Any, Any]:
        """The scheduled earnings as rows of the stock's release table."""
        return earnings_rows(self.earnings, self.tickers, self.file)

    def move_rows(self) -> np.ndarray[Any, Any]:
        """The given moves as rows of the stock's table of them."""
        rows = np.zeros(len(self.moves), dtype=spec_of(stock.stock_moves).dtype)
        for row, given in zip(rows, self.moves):
            row["ticker"], row["from_us"], row["to_us"] = self.tickers.index(given.ticker), given.from_us, given.to_us
            row["log_return"] = log(1.0 + given.change_ppb / PPB)
        return rows

    def halt_rows(self) -> np.ndarray[Any, Any]:
        """The given halts as rows of the market's table of them."""
        rows = np.zeros(len(self.halts), dtype=spec_of(halts.given_halts).dtype)
        for row, given in zip(rows, self.halts):
            row["ticker"] = halts.EVERYBODY if given.ticker == EVERY_TICKER else self.tickers.index(given.ticker)
            row["from_us"], row["until_us"] = given.from_us, given.to_us
        return rows

    def replays(self) -> np.ndarray[Any, Any]:
        """Given prices as rows of the stock's replay table; reads the files that the scenario names."""
        rows = replay_rows(self.replay, self.tickers, self.hours(), self.start_us, self.end_us)
        for ticker, file in self.replay.items():
            prices = rows["price_usd"][rows["ticker"] == self.tickers.index(ticker)]
            for book in ("perp", "token"):
                tick_uusd = self.rules.instrument(ticker, book).tick_uusd
                low, high = (reach * tick_uusd / 1e6 for reach in REACH_TICKS)
                for price in (float(prices.min()), float(prices.max())):
                    if not low <= price <= high:
                        raise Mistake(str(file), "price", f"{price:g}", reach_sentence(tick_uusd))
        return rows

    def canonical_programs(self) -> list[list[str]]:
        """Whose function decides what, for digests: not where its file lies, but what stands in it."""
        return [[*key, program.function_name, program.sha256] for key, program in sorted(self.programs.items())]

    def deciders(self) -> Deciders:
        """Whom the rules ask: policies of ours by name, functions of one's own, whose files run here for the first time.

        Raises :class:`Mistake` where that was not allowed.
        """
        from offhours.sim.answers import Decider, Deciders
        from offhours.sim.policies import POLICIES
        from offhours.sim.programs import TIME_LIMIT_S, must_be_allowed

        found: dict[int, Decider] = {}
        for (ticker, knob), program in self.programs.items():
            if not self.allow_policies:
                raise Mistake(self.file, knob, program.name, must_be_allowed(program.name, "--allow-policies"))
            row = ask.ALLOCATION if knob == POLICY else 1 + self.tickers.index(ticker)
            found[row] = Decider(program.name, program.function(), TIME_LIMIT_S)
        name = self.rules.setting(POLICY).text
        if self.rules[ask.asked]["policy"][ask.ALLOCATION] and not is_own(name):
            found[ask.ALLOCATION] = Decider(name, POLICIES[name.replace(" ", "-")])
        allocation = found.pop(ask.ALLOCATION, None)
        return Deciders(allocation, {row - 1: decider for row, decider in found.items()})

    def group(self, name: str) -> Group:
        """A group by name."""
        return next(group for group in self.groups if group.name == name)

    def differences(self) -> list[Difference]:
        """Which rules differ from the venue's own file."""
        return self.rules.differences()

    def with_changes(self, changes: Mapping[str, Any]) -> Scenario:
        """This scenario with more set on top, by name as in ``--set``; values are text, or anything that TOML has."""
        merged = {name: value for name, value in self.changes if name not in changes}
        document = {key: value for key, value in self.document.items() if key != "set"}
        return _build(
            self.name,
            document,
            self.file,
            self._folder,
            tuple((merged | dict(changes)).items()),
            self._populations,
            self.allow_policies,
        )

    def allowing_policies(self) -> Scenario:
        """The same scenario, whose functions of one's own may run."""
        return replace(self, allow_policies=True)

    def own_rules(self) -> tuple[str, ...]:
        """The rules of perp, token and margin classes that the scenario's own file sets over its venue's, by name."""
        document = {key: value for key, value in self.document.items() if key in _VENUE_TABLES or key == "asset"}
        layer = read_layer(document, "scenario", self.file, tickers())
        named = [
            f"{ticker}.{name}" if ticker else name for ticker, name in layer if name.partition(".")[0] in _VENUE_TABLES
        ]
        return (*named, *(f"margin_class.{name}" for name in self.document.get("margin_class", {})))

    def at_venue(self, venue: str) -> Scenario:
        """The same question under another rulebook as it stands.

        What the scenario's own file says of perp, token and margin classes is left out; what was set for this run stays.
        Who wants more leverage than the venue lends gets what it lends.
        """
        document = {
            key: value for key, value in self.document.items() if key not in (*_VENUE_TABLES, "margin_class", "set")
        }
        own_assets = document.get("asset", {})
        document["asset"] = {
            ticker: {key: value for key, value in table.items() if key not in _VENUE_TABLES}
            for ticker, table in own_assets.items()
        }
        path = str(Path(venue).resolve()) if is_file(venue) else venue
        rules = resolve(path, self.tickers, assets=read_asset)
        classes = {f"{ticker}.{CLASS}": rules.setting(CLASS, ticker).text for ticker in self.tickers}
        changes = {**classes, **dict(self.changes), "venue": path}
        return _build(
            self.name, document, self.file, self._folder, tuple(changes.items()), self._populations, self.allow_policies
        )

    def control(self, name: str) -> Scenario:
        """A variation to run on the same luck: one of CONTROLS, or a table ``[control.NAME]`` of the file."""
        own = self.document.get("control", {})
        if name in own:
            return self.with_changes(own[name])
        if name not in CONTROLS:
            known = (*CONTROLS, *own)
            allowed = f"there is no control '{name}'; there are {', '.join(known)}{nearest(name, known)}"
            raise Mistake(self.file, "controls", name, allowed)
        return self.with_changes(CONTROLS[name](self))

    def to_toml(self) -> str:
        """The scenario as a file that gives the same digest when read.

        The values and the programs of user files are written in; files of real prices are named by their full path.
        """
        document = {key: copy.deepcopy(value) for key, value in self.document.items() if key != "set"}
        changes = {name: copy.deepcopy(value) for name, value in self.changes}
        for table in (document, changes):
            write_in_files(table, self._folder)
        if self.positions is not None:
            changes.pop("positions", None)
            document["positions"] = self.positions.document()
        if self.replay:
            document["replay"] = {ticker: str(path.resolve()) for ticker, path in self.replay.items()}
        if self.programs:
            document["policies"] = {program.file: program.source for program in self.programs.values()}
        if changes:
            document["set"] = changes
        return write_toml(document)

    def run(self, seed: int = 7, **options: Any) -> Run:
        """Run it; see :func:`offhours.experiments.run.run`."""
        from offhours.experiments.run import run

        return run(self, seed=seed, **options)

    def model(self, seed: int = 7, traders: int = 1, **options: Any) -> OffhoursModel:
        """The same market as a ``mesa.Model`` at its start, with seats for so many traders of one's own."""
        from offhours.agents.mesa_model import OffhoursModel
        from offhours.experiments.measure import setup_of

        return OffhoursModel(setup_of(self, seed), self.groups, seats=traders, **options)


def _no_arbitrage(of: Scenario) -> dict[str, Any]:
    return {f"group.{group.name}.count": "0" for group in of.groups if group.population == "arbitrageur"}


CONTROLS: Mapping[str, Callable[[Scenario], dict[str, Any]]] = {
    "always-open": lambda of: {"always_open": "true"},
    "no-leverage": lambda of: {"perp.margin.leverage_max": "1x"},
    "no-arbitrage": _no_arbitrage,
    "token-pinned": lambda of: {"perp.oracle.pinned": "true"},
    "no-liquidation": lambda of: {"perp.liquidation.active": "false"},
}
"""Built-in controls: what each sets."""


def every_knob(known: Mapping[str, type] | None = None) -> dict[str, Knob]:
    """All that can be set, by the name that ``offhours knob`` takes.

    Rules of the market ("perp.margin.leverage_max"), what every group has ("group.latency"), given moves
    ("gap.change"), and each population's own ("retail.leverage").
    """
    found = {name: named.knob for name, named in knobs().items()}
    tables = {"group": GroupKnobs, "gap": GapKnobs, **(populations() if known is None else known)}
    for table, row in tables.items():
        for column, knob in columns_of(row).items():
            if isinstance(knob, Knob):
                key = units.bare_name(column, knob.unit)
                is_held = table == "group" and column in ENDOWMENT.values()
                found[f"{table}.endowment.{key}" if is_held else f"{table}.{key}"] = knob
    return found


def scenarios() -> tuple[str, ...]:
    """The names of the scenarios that come with the package."""
    files = importlib.resources.files("offhours.experiments").joinpath("scenarios").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def populations() -> Mapping[str, type]:
    """The populations that a group may name, with the class that declares their knobs."""
    from offhours.agents.crowd import POPULATIONS

    return POPULATIONS


def scenario(
    name_or_path: str | Path,
    changes: Mapping[str, Any] | None = None,
    *,
    known: Mapping[str, type] | None = None,
    allow_policies: bool = False,
) -> Scenario:
    """A scenario by name ("weekend-gap") or from a TOML file, with `changes` by name as in ``--set``.

    Raises :class:`Mistake`, one sentence, for anything that a person may get wrong. `known` are the populations;
    `allow_policies` lets policies and rules of one's own run, which are programs.
    """
    name = str(name_or_path)
    if name.endswith(".toml") or isinstance(name_or_path, Path) or (os.sep in name and Path(name).is_file()):
        path = Path(name_or_path)
        return read_scenario(
            read_text(name), path.name, path.parent, changes, known=known, allow_policies=allow_policies
        )
    if name not in scenarios():
        built_in = scenarios()
        allowed = f"there is no scenario '{name}'; there are {', '.join(built_in)}{nearest(name, built_in)}"
        raise Mistake("scenario", "", name, allowed)
    text = importlib.resources.files("offhours.experiments").joinpath("scenarios", f"{name}.toml").read_text("utf-8")
    return read_scenario(text, f"{name}.toml", None, changes, known=known, allow_policies=allow_policies)


def read_scenario(
    text: str,
    file: str = "scenario.toml",
    folder: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    known: Mapping[str, type] | None = None,
    allow_policies: bool = False,
) -> Scenario:
    """A scenario from TOML text; `folder` is where the files that it names are."""
    document = read_toml(text, file)
    own = document.pop("set", {})
    if not isinstance(own, Mapping):
        raise Mistake(file, "set", "", 'is a table of changes: [set], then "group.tourists.count" = 0')
    merged = {name: value for name, value in own.items() if name not in (changes or {})} | dict(changes or {})
    name = file.removesuffix(".toml")
    return _build(name, document, file, folder or Path(), tuple(merged.items()), known or populations(), allow_policies)


def _build(
    name: str,
    document: Mapping[str, Any],
    file: str,
    folder: Path,
    changes: Changes,
    known: Mapping[str, type],
    allow_policies: bool,
) -> Scenario:
    """The scenario that a document makes with what was set on top of it."""
    content, rule_changes = with_set(document, changes)
    written = Document(content, file, folder)
    _check_keys(written)
    used = _read_tickers(written)
    headline = written.text("headline", used[0])
    check_ticker(headline, used, written.where("headline"), "headline")
    start_us, measure_from_us, end_us = read_span(written)
    rules = _read_rules(written, used, rule_changes)
    handed = _read_handed(written, rules, measure_from_us, end_us)
    built = Scenario(
        name=name,
        question=written.text("question", ""),
        file=file,
        tickers=used,
        headline=headline,
        regime=written.one_of("regime", REGIMES),
        calendar=written.one_of("calendar", CALENDARS),
        always_open=written.flag("always_open"),
        start_us=start_us,
        measure_from_us=measure_from_us,
        end_us=end_us,
        gaps=tuple(read_gap(written, row, used) for row in written.rows("gap")),
        moves=tuple(read_move(written, row, used) for row in written.rows("move")),
        halts=tuple(read_halt(written, row, used) for row in written.rows("halt")),
        earnings=tuple(read_release(written, row, used) for row in written.rows("earnings")),
        replay=read_replay(written, used),
        groups=read_groups(written, known, used, rules, handed),
        controls=_read_controls(written),
        targets=read_targets(written, document),
        positions=handed,
        programs=_read_programs(written, rules),
        allow_policies=allow_policies,
        rules=rules,
        changes=changes,
        document=document,
        _folder=folder,
        _populations=known,
    )
    check_gaps(written, built.gaps, built.hours())
    check_halts(written, built.halts)
    return built


def _check_keys(document: Document) -> None:
    """Refuse what is neither a field nor a table of a scenario, nor a section of rules."""
    sections = {section.split(".")[0] for section in SECTIONS}
    for key, value in document.content.items():
        if key not in FIELDS and key not in _TABLES | sections:
            words = FIELDS.keys() if not isinstance(value, (Mapping, list)) else _TABLES | sections | FIELDS.keys()
            raise Mistake(document.file, key, "", f"a scenario has no '{key}'{nearest(key, words)}")


def _read_tickers(document: Document) -> tuple[str, ...]:
    given = document.content.get("tickers")
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",")]
    if not isinstance(given, list) or not given:
        missing = "" if "tickers" in document.content else "is missing; it "
        raise Mistake(document.file, "tickers", "", f'{missing}is a list like ["TSLAx", "SPYx"]', FIELDS["tickers"])
    used = tuple(plain_text(ticker) for ticker in given)
    for ticker in used:
        check_ticker(ticker, tickers(), document.file, "tickers")
    if len(set(used)) < len(used):
        raise document.mistake("tickers", "each ticker is named once")
    return used


def _read_rules(document: Document, used: tuple[str, ...], rule_changes: list[tuple[str, str]]) -> Rules:
    sections = {section.split(".")[0] for section in SECTIONS} | {"asset", "sources"}
    tables = {key: value for key, value in document.content.items() if key in sections}
    known = tickers()
    layer: Layer = read_layer(tables, "scenario", document.file, known)
    venue, spot = (
        str(document.folder / name) if is_file(name) else name
        for name in (document.text("venue"), document.text("spot", ""))
    )
    classes, changes = read_classes(document.content, document.file), set_layer(rule_changes, known)
    return resolve(venue, used, layer, changes, spot=spot or None, classes=classes, assets=read_asset)


def _read_handed(document: Document, rules: Rules, measure_from_us: int, end_us: int) -> Handed | None:
    if "positions" not in document.content:
        return None
    folder = Path() if document.where("positions") == "--set" else document.folder
    handed = read_positions(document.content["positions"], document.file, folder, rules)
    if handed.at_us is not None and not measure_from_us <= handed.at_us < end_us:
        at = units.write(handed.at_us, "instant")
        raise Mistake(document.file, "positions.at", at, "must lie between measure_from and end")
    return handed


def _read_programs(document: Document, rules: Rules) -> dict[tuple[str, str], Program]:
    """The functions of one's own that the rules name: from the table `policies`, else from the files."""
    from offhours.sim.programs import Program, read_program

    within = document.content.get("policies", {})
    if not isinstance(within, Mapping):
        raise Mistake(document.file, "policies", "", 'is a table of programs: [policies], then "my_policy.py" = "..."')
    found: dict[tuple[str, str], Program] = {}
    for knob, names in ((POLICY, rules.tickers[:1]), (FUNDING_POLICY, rules.tickers)):
        for ticker in names:
            setting = rules.setting(knob, ticker)
            if not is_own(setting.text):
                continue
            program = Program(setting.text, "")
            if program.file in within:
                program = replace(program, source=plain_text(within[program.file]))
            else:
                folder = document.folder
                if setting.origin.layer == "venue":
                    folder = Path(rules.venue.file).parent
                elif setting.origin.layer == "set" and Path(program.file).is_file():
                    folder = Path()
                program = read_program(setting.text, folder, knob, setting.origin.file)
            found["" if knob == POLICY else ticker, knob] = program
    return found


def _read_controls(document: Document) -> tuple[str, ...]:
    given = document.content.get("controls", [])
    known = (*CONTROLS, *document.content.get("control", {}))
    if not isinstance(given, list):
        raise Mistake(document.file, "controls", "", 'is a list like ["always-open"]', FIELDS["controls"])
    for name in map(plain_text, given):
        if name not in known:
            allowed = f"there is no control '{name}'; there are {', '.join(known)}{nearest(name, known)}"
            raise Mistake(document.file, "controls", name, allowed)
    return tuple(map(plain_text, given))
