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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.agents import laws
from offhours.agents.laws import Law, Values
from offhours.experiments.positions import Handed, read_positions
from offhours.experiments.targets import METRICS, Target, read_bound
from offhours.sim import units
from offhours.sim.chance import key_of
from offhours.sim.curves import log
from offhours.sim.declare import A, Knob, columns_of, spec_of
from offhours.sim.given import Given, Origin, plain_text, read_knob, read_text, read_toml
from offhours.sim.hours import (
    DAY_US,
    SECOND_US,
    HoursError,
    Phase,
    new_york_date,
    phase_at,
    regular_closes,
    regular_opens,
    schedule,
)
from offhours.sim.knobs import SECTIONS, knobs
from offhours.sim.layers import LAYERS, Layer, check_ticker, read_layer, set_layer
from offhours.sim.market import ask, halts, stock
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import CLASS, FUNDING_POLICY, POLICY, is_own
from offhours.sim.rulebook import is_file, read_asset, tickers
from offhours.sim.rules import REACH_TICKS, Difference, Rules, reach_sentence, resolve
from offhours.sim.tiers import read_classes
from offhours.sim.underlying import PPB, GivenGap, Release, closed_windows, earnings_rows, plan_rows, replay_rows

if TYPE_CHECKING:
    from offhours.agents.mesa_model import OffhoursModel
    from offhours.experiments.run import Run
    from offhours.sim.answers import Deciders
    from offhours.sim.policies import Program

REGIMES = ("mature", "launch")
_VENUE_TABLES = ("perp", "token")
"""Sections of rules that a venue writes for itself."""
CALENDARS = ("classic", "24x5")
EVERY_TICKER = "all"
"""The ticker of a halt of the whole market."""

FIELDS = {
    "question": "what the scenario asks, in words",
    "venue": "whose rulebook: a name, or a file of one's own",
    "spot": "whose spot rulebook the token follows, where not the venue's own: a name, or a file of one's own",
    "tickers": "which tokens have a perp and a token book",
    "headline": "the ticker that figures and summary speak of; the first where none is named",
    "regime": "which table of dollars the run is printed beside: mature or launch",
    "calendar": "the stock's hours: classic, or 24x5",
    "always_open": "whether the stock can be seen and traded at any hour (a control)",
    "start": "when the market begins to trade, New York time",
    "warm_up": "how long it trades before it is measured, where no start is given",
    "measure_from": "from when it is measured, New York time",
    "end": "when the run ends, New York time",
    "controls": "variations to run on the same luck",
    "positions": "a venue's own book of positions, handed in at the close",
}


_EACH_SAYS = "chosen: each scenario says; neither half nor twice has a meaning of its own"


class GroupKnobs:
    """What every group has, whatever its population."""

    count: A[int, Knob("0", "count", "0", "1,000,000", "how many members", _EACH_SAYS)]
    latency_us: A[
        int,
        Knob(
            "50 ms",
            "us",
            "0 s",
            "1 h",
            "time an order is on its way to the venue",
            basis="chosen: a retail connection over the internet; not half, because that needs a server nearby; "
            "not twice, because that is the far side of the world",
        ),
    ]
    mode: A[
        int,
        Knob(
            "cross",
            "choice",
            "",
            "",
            "whether positions share the account's equity",
            basis="chosen: what a venue begins with; neither half nor twice applies to a choice",
            choices=("cross", "isolated"),
        ),
    ]
    usd_uusd: A[int, Knob("$0", "uusd", "$0", "$100B", "dollars at the venue", _EACH_SAYS)]
    broker_usd_uusd: A[int, Knob("$0", "uusd", "$0", "$100B", "dollars at the broker", _EACH_SAYS)]
    tokens_ushares: A[int, Knob("0", "ushares", "0", "1e9", "tokens of each ticker, in shares or dollars", _EACH_SAYS)]
    shares_ushares: A[int, Knob("0", "ushares", "0", "1e9", "shares of each ticker, in shares or dollars", _EACH_SAYS)]


class GapKnobs:
    """A given move of a stock while its exchange is closed."""

    change_ppb: A[int, Knob("0 %", "ppb", "-90 %", "900 %", "return from the close to the open", _EACH_SAYS)]
    surprise_ppb: A[
        int,
        Knob(
            "0 %",
            "ppb",
            "0 %",
            "100 %",
            "share of the move that nobody can know before the open",
            basis="chosen: nothing beyond what the information clock leaves for the bell; a scenario that wants a "
            "shock says so; neither half nor twice of nothing is another value",
        ),
    ]


_GROUP = columns_of(GroupKnobs)
_GAP = columns_of(GapKnobs)
_ENDOWMENT = {
    "usd": "usd_uusd",
    "broker_usd": "broker_usd_uusd",
    "tokens": "tokens_ushares",
    "shares": "shares_ushares",
}


def _knob(columns: Mapping[str, Any], column: str) -> Knob:
    knob = columns[column]
    assert isinstance(knob, Knob)
    return knob


# Values --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gap:
    """A given move of a ticker's stock from a close to an open."""

    ticker: str
    from_us: int
    to_us: int
    change_ppb: int
    surprise_ppb: int


@dataclass(frozen=True)
class Move:
    """A given move of a ticker's stock from one instant to another, laid over its own movement."""

    ticker: str
    from_us: int
    to_us: int
    change_ppb: int


@dataclass(frozen=True)
class Halt:
    """A halt of a ticker's stock inside regular hours, or of all stocks (ticker "all")."""

    ticker: str
    from_us: int
    to_us: int


@dataclass(frozen=True)
class Holding:
    """Tokens or shares of one ticker: a law of micro-shares, or of micro-dollars' worth of them at the start."""

    law: Law
    in_dollars: bool = False


@dataclass(frozen=True)
class Endowment:
    """What each member of a group begins with: integers, a row a member (and a column a ticker)."""

    usd_uusd: Values
    broker_usd_uusd: Values
    tokens_ushares: Values
    shares_ushares: Values


@dataclass(frozen=True)
class Group:
    """Traders of one population who differ by luck only."""

    name: str
    population: str
    count: int
    latency_us: int
    isolated: bool
    row: type = field(repr=False)
    """The population's class: its knobs are columns."""
    laws: Mapping[str, Law] = field(repr=False)
    """Column of the population -> how it is spread over the members."""
    usd: Law = field(repr=False)
    broker_usd: Law = field(repr=False)
    tokens: Mapping[str, Holding] = field(repr=False)
    shares: Mapping[str, Holding] = field(repr=False)
    texts: Mapping[str, Any] = field(repr=False, compare=False)
    """What was written, by knob, for people to read."""

    @cached_property
    def key(self) -> int:
        """The number that stands for the group in its members' luck."""
        return key_of(self.name)

    def who(self) -> Values:
        """Whose luck each member's is (int64)."""
        return laws.members(self.name, self.count)

    def draw(self, seed: int) -> dict[str, Values]:
        """Each knob of the population, by column: a value for each member."""
        who, columns = self.who(), columns_of(self.row)
        found = {}
        for column, law in self.laws.items():
            knob = _knob(columns, column)
            found[column] = laws.draw(law, knob, units.bare_name(column, knob.unit), seed, who)
        return found

    def endow(self, seed: int, price_uusd: Mapping[str, int]) -> Endowment:
        """What the members begin with; dollars' worth becomes shares at the stock prices given, rounded down."""
        who = self.who()
        worth = _knob(_GROUP, "usd_uusd")

        def holding(of: Mapping[str, Holding], kind: str, column: str) -> Values:
            table = np.zeros((self.count, len(price_uusd)), dtype=np.int64)
            for number, (ticker, price) in enumerate(price_uusd.items()):
                knob = worth if of[ticker].in_dollars else _knob(_GROUP, column)
                drawn = laws.draw(of[ticker].law, knob, f"endowment.{kind}", seed, who)
                table[:, number] = [int(value) * 10**6 // price for value in drawn] if of[ticker].in_dollars else drawn
            return table

        return Endowment(
            laws.draw(self.usd, worth, "endowment.usd", seed, who),
            laws.draw(self.broker_usd, worth, "endowment.broker_usd", seed, who),
            holding(self.tokens, "tokens", "tokens_ushares"),
            holding(self.shares, "shares", "shares_ushares"),
        )

    def canonical(self) -> list[Any]:
        """What the scenario's digest is made of."""
        held = [
            [kind, ticker, h.in_dollars, *h.law.canonical()]
            for kind, of in (("tokens", self.tokens), ("shares", self.shares))
            for ticker, h in of.items()
        ]
        spread = [[column, *law.canonical()] for column, law in sorted(self.laws.items())]
        money = [self.usd.canonical(), self.broker_usd.canonical()]
        return [self.name, self.population, self.count, self.latency_us, self.isolated, spread, money, held]


Changes = tuple[tuple[str, Any], ...]


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
        from offhours.sim.policies import POLICIES, TIME_LIMIT_S, must_be_allowed

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
            _write_in_files(table, self._folder)
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
        from offhours.experiments.run import setup_of

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
                is_held = table == "group" and column in _ENDOWMENT.values()
                found[f"{table}.endowment.{key}" if is_held else f"{table}.{key}"] = knob
    return found


# Finding and reading -------------------------------------------------------------------------------------------------


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


def _value(value: Any) -> Any:
    """A change as TOML has it: text that looks like a table or a list is read as one."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return read_toml(f"x = {value}", "--set")["x"]
    return value


class _Set(str):
    """Text that was set for this run, not written in the scenario's file."""


def _mark(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _mark(item) for key, item in value.items()}
    return [_mark(item) for item in value] if isinstance(value, list) else _Set(plain_text(value))


def _build(
    name: str,
    document: Mapping[str, Any],
    file: str,
    folder: Path,
    changes: Changes,
    known: Mapping[str, type],
    allow_policies: bool,
) -> Scenario:
    changed = copy.deepcopy(dict(document))
    rule_changes: list[tuple[str, str]] = []
    for path, value in changes:
        if not _change(changed, path, _value(value)):
            rule_changes.append((path, plain_text(value)))
    return _Reader(name, changed, file, folder, known).scenario(changes, document, rule_changes, allow_policies)


def _change(document: dict[str, Any], path: str, value: Any) -> bool:
    """Set a field, a group's or a gap's knob in the document; False where the name is a rule's."""
    first, _, rest = path.partition(".")
    if first in FIELDS and not rest:
        document[first] = _mark(value)
        if first in ("start", "warm_up"):
            document.pop("warm_up" if first == "start" else "start", None)
        return True
    for table, by in (("group", "name"), ("gap", "ticker"), ("move", "ticker")):
        if first == table and rest:
            member, _, key = rest.partition(".")
            rows = document.get(table, [])
            rows = rows if isinstance(rows, list) else []
            names = [plain_text(row.get(by, "")) for row in rows if isinstance(row, Mapping)]
            if member not in names:
                allowed = f"there is no {table} '{member}'; there are {', '.join(names)}{nearest(member, names)}"
                raise Mistake("--set", path, member, allowed)
            target = rows[names.index(member)]
            *parents, last = key.split(".")
            for parent in parents:
                target = target.setdefault(parent, {})
                if not isinstance(target, dict):
                    raise Mistake("--set", path, "", f"{parent} is one value, not a table")
            target[last] = _mark(value)
            return True
    return False


class _Reader:
    """The work of turning a scenario's document into a value."""

    def __init__(self, name: str, document: dict[str, Any], file: str, folder: Path, known: Mapping[str, type]) -> None:
        self.name, self.document, self.file, self.folder, self.known = name, document, file, folder, known

    def scenario(self, changes: Changes, original: Mapping[str, Any], rule_changes: list[tuple[str, str]], allow_policies: bool) -> Scenario:  # fmt: skip
        self.check_keys()
        used = self.tickers()
        headline = self.text("headline", used[0])
        check_ticker(headline, used, self.where("headline"), "headline")
        start_us, measure_from_us, end_us = self.instants()
        rules = self.rules(used, rule_changes)
        handed = self.positions(rules, measure_from_us, end_us)
        built = Scenario(
            name=self.name,
            question=self.text("question", ""),
            file=self.file,
            tickers=used,
            headline=headline,
            regime=self.one_of("regime", REGIMES),
            calendar=self.one_of("calendar", CALENDARS),
            always_open=self.flag("always_open"),
            start_us=start_us,
            measure_from_us=measure_from_us,
            end_us=end_us,
            gaps=tuple(self.gap(row, used) for row in self.rows("gap")),
            moves=tuple(self.move(row, used) for row in self.rows("move")),
            halts=tuple(self.halt(row, used) for row in self.rows("halt")),
            earnings=tuple(self.release(row, used) for row in self.rows("earnings")),
            replay=self.replay(used),
            groups=self.groups(used, rules, handed),
            controls=self.controls(),
            targets=self.targets(original),
            positions=handed,
            programs=self.programs(rules),
            allow_policies=allow_policies,
            rules=rules,
            changes=changes,
            document=original,
            _folder=self.folder,
            _populations=self.known,
        )
        self.check_gaps(built)
        self.check_halts(built)
        return built

    # Fields

    def where(self, key: str, table: Mapping[str, Any] | None = None) -> str:
        """Whose mistake it would be: the file's, or of what was set for this run."""
        value = (self.document if table is None else table).get(key)
        return "--set" if isinstance(value, _Set) else self.file

    def mistake(self, key: str, allowed: str) -> Mistake:
        given = self.document.get(key, "")
        return Mistake(self.where(key), key, plain_text(given), allowed, FIELDS.get(key, ""))

    def text(self, key: str, default: str | None = None) -> str:
        value = self.document.get(key, default)
        if value is None:
            raise Mistake(self.file, key, "", "is missing", FIELDS[key])
        if isinstance(value, (list, Mapping)):
            raise self.mistake(key, "is one text")
        return plain_text(value)

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        word = self.text(key, words[0])
        if word not in words:
            raise self.mistake(key, f"'{word}' is not one of {', '.join(words)}")
        return word

    def flag(self, key: str) -> bool:
        try:
            return bool(units.read(self.text(key, "false"), "flag"))
        except units.UnitError as error:
            raise self.mistake(key, str(error)) from None

    def check_keys(self) -> None:
        """Refuse what is neither a field nor a table of a scenario, nor a section of rules."""
        tables = {
            "group",
            "gap",
            "move",
            "halt",
            "earnings",
            "replay",
            "asset",
            "margin_class",
            "control",
            "sources",
            "policies",
            "target",
        }
        sections = {section.split(".")[0] for section in SECTIONS}
        for key, value in self.document.items():
            if key not in FIELDS and key not in tables | sections:
                words = FIELDS.keys() if not isinstance(value, (Mapping, list)) else tables | sections | FIELDS.keys()
                raise Mistake(self.file, key, "", f"a scenario has no '{key}'{nearest(key, words)}")

    def rows(self, key: str) -> list[dict[str, Any]]:
        rows = self.document.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Mistake(self.file, key, "", f"is written as [[{key}]], once for each")
        return rows

    def tickers(self) -> tuple[str, ...]:
        given = self.document.get("tickers")
        if isinstance(given, str):
            given = [part.strip() for part in given.split(",")]
        if not isinstance(given, list) or not given:
            missing = "" if "tickers" in self.document else "is missing; it "
            raise Mistake(self.file, "tickers", "", f'{missing}is a list like ["TSLAx", "SPYx"]', FIELDS["tickers"])
        used = tuple(plain_text(ticker) for ticker in given)
        for ticker in used:
            check_ticker(ticker, tickers(), self.file, "tickers")
        if len(set(used)) < len(used):
            raise self.mistake("tickers", "each ticker is named once")
        return used

    def controls(self) -> tuple[str, ...]:
        given = self.document.get("controls", [])
        known = (*CONTROLS, *self.document.get("control", {}))
        if not isinstance(given, list):
            raise Mistake(self.file, "controls", "", 'is a list like ["always-open"]', FIELDS["controls"])
        for name in map(plain_text, given):
            if name not in known:
                allowed = f"there is no control '{name}'; there are {', '.join(known)}{nearest(name, known)}"
                raise Mistake(self.file, "controls", name, allowed)
        return tuple(map(plain_text, given))

    def targets(self, original: Mapping[str, Any]) -> tuple[Target, ...]:
        """The targets, which are of the rulebook that the file names: at another one there are none."""
        found = tuple(self.target(row) for row in self.rows("target"))
        same = plain_text(self.document.get("venue", "")) == plain_text(original.get("venue", ""))
        return found if same else ()

    def target(self, row: dict[str, Any]) -> Target:
        self.check_row(row, "target", {"metric", "source"}, {"low", "high"})
        metric = plain_text(row["metric"])
        if metric not in METRICS:
            allowed = f"there is no metric '{metric}'; there are {', '.join(METRICS)}{nearest(metric, METRICS)}"
            raise Mistake(self.where("metric", row), "target.metric", metric, allowed)
        bounds: dict[str, float | None] = {"low": None, "high": None}
        for key in bounds.keys() & row.keys():
            try:
                bounds[key] = read_bound(metric, plain_text(row[key]))
            except units.UnitError as error:
                raise Mistake(self.where(key, row), f"target.{key}", plain_text(row[key]), str(error)) from None
        low, high = bounds["low"], bounds["high"]
        if (low is None and high is None) or (low is not None and high is not None and low > high):
            raise Mistake(
                self.where("metric", row), "target.metric", metric, "has a low, a high, or both, in this order"
            )
        return Target(metric, low, high, plain_text(row["source"]))

    # Time

    def instant(self, key: str, row: Mapping[str, Any] | None = None, table: str = "") -> int:
        source = self.document if row is None else row
        knob = f"{table}.{key}" if table else key
        if key not in source:
            raise Mistake(self.file, knob, "", "is missing", FIELDS.get(key, ""))
        text = plain_text(source[key]).replace("T", " ")
        try:
            return int(units.read(text, "instant"))
        except units.UnitError as error:
            raise Mistake(self.where(key, source), knob, text, str(error)) from None

    def instants(self) -> tuple[int, int, int]:
        """Start, begin of the measurement, end."""
        measure_from_us, end_us = self.instant("measure_from"), self.instant("end")
        measured = plain_text(self.document["measure_from"])
        if end_us <= measure_from_us:
            raise self.mistake("end", f"must be later than measure_from, '{measured}'")
        if "start" in self.document:
            if "warm_up" in self.document:
                raise self.mistake("warm_up", "give a start or a warm_up, not both")
            start_us = self.instant("start")
        else:
            start_us = self.warmed_from(measure_from_us)
        if start_us > measure_from_us:
            raise self.mistake("start", f"must not be later than measure_from, '{measured}'")
        return start_us, measure_from_us, end_us

    def warmed_from(self, measure_from_us: int) -> int:
        """The start of a warm-up: a duration, or "10 trading days", which begins with a regular open."""
        text = self.text("warm_up", "10 trading days")
        words = text.split()
        try:
            if words[1:] in (["trading", "days"], ["trading", "day"]):
                days = int(units.read(words[0], "count"))
                start_us = measure_from_us + 1 if days < 0 else self.sessions_before(measure_from_us, days)
            else:
                start_us = measure_from_us - int(units.read(text, "us"))
            new_york_date(start_us)
        except HoursError as error:
            raise self.mistake("warm_up", str(error)) from None
        except units.UnitError:
            allowed = "is written like '10 trading days' or '2 weeks'"
            raise self.mistake("warm_up", allowed) from None
        if start_us > measure_from_us:
            raise self.mistake("warm_up", "a warm-up is not shorter than nothing")
        return start_us

    def sessions_before(self, at_us: int, count: int) -> int:
        """The regular open `count` sessions before the one that an instant lies in or follows."""
        # Twice the days and ten more hold enough sessions, whatever the holidays.
        opens = regular_opens(at_us - (2 * count + 10) * DAY_US, at_us + 1)
        return int(opens[-1 - count])

    # What the stock does

    def gap(self, row: dict[str, Any], used: tuple[str, ...]) -> Gap:
        self.check_row(row, "gap", {"ticker", "from", "to", "change"}, {"surprise"})
        ticker = plain_text(row["ticker"])
        check_ticker(ticker, used, self.where("ticker", row), "gap.ticker")
        values = {}
        for column in _GAP:
            knob = _knob(_GAP, column)
            key = units.bare_name(column, knob.unit)
            origin = Origin("scenario", self.where(key, row))
            given = Given(plain_text(row.get(key, knob.default)), origin)
            values[column] = int(read_knob(knob, given, f"gap.{ticker}.{key}"))
        from_us, to_us = self.instant("from", row, "gap"), self.instant("to", row, "gap")
        if to_us <= from_us:
            raise Mistake(self.where("to", row), "gap.to", plain_text(row["to"]), "must be later than from")
        return Gap(ticker, from_us, to_us, **values)

    def move(self, row: dict[str, Any], used: tuple[str, ...]) -> Move:
        self.check_row(row, "move", {"ticker", "from", "to", "change"}, set())
        ticker = plain_text(row["ticker"])
        check_ticker(ticker, used, self.where("ticker", row), "move.ticker")
        origin = Origin("scenario", self.where("change", row))
        change = int(read_knob(_knob(_GAP, "change_ppb"), Given(plain_text(row["change"]), origin), "move.change"))
        from_us, to_us = self.instant("from", row, "move"), self.instant("to", row, "move")
        if to_us <= from_us:
            raise Mistake(self.where("to", row), "move.to", plain_text(row["to"]), "must be later than from")
        if from_us % SECOND_US or to_us % SECOND_US:
            raise Mistake(self.file, "move", "", "begins and ends on full seconds")
        return Move(ticker, from_us, to_us, change)

    def halt(self, row: dict[str, Any], used: tuple[str, ...]) -> Halt:
        self.check_row(row, "halt", {"ticker", "from", "to"}, set())
        ticker = plain_text(row["ticker"])
        check_ticker(ticker, (*used, EVERY_TICKER), self.where("ticker", row), "halt.ticker")
        return Halt(ticker, self.instant("from", row, "halt"), self.instant("to", row, "halt"))

    def release(self, row: dict[str, Any], used: tuple[str, ...]) -> Release:
        self.check_row(row, "earnings", {"ticker", "at"}, set())
        ticker = plain_text(row["ticker"])
        check_ticker(ticker, used, self.file, "earnings.ticker")
        return Release(ticker, self.instant("at", row, "earnings"))

    def check_gaps(self, built: Scenario) -> None:
        """A given move spans one closed window, within the run."""
        windows = {window.close_us: window.open_us for window in closed_windows(built.hours())}
        given = [(gap.ticker, gap.from_us) for gap in built.gaps]
        for row, gap in zip(self.rows("gap"), built.gaps):
            if gap.from_us not in windows:
                allowed = "is not the close of a regular session of the run"
                raise Mistake(self.where("from", row), "gap.from", plain_text(row["from"]), allowed)
            if gap.to_us != windows[gap.from_us]:
                opens = units.write(windows[gap.from_us], "instant")
                allowed = f"is not the next regular open, which is {opens}"
                raise Mistake(self.where("to", row), "gap.to", plain_text(row["to"]), allowed)
            if given.count((gap.ticker, gap.from_us)) > 1:
                raise Mistake(
                    self.file, "gap.from", plain_text(row["from"]), "two moves are given for one closed window"
                )

    def check_halts(self, built: Scenario) -> None:
        """A given halt lies inside one regular session."""
        for row, given in zip(self.rows("halt"), built.halts):
            if given.to_us <= given.from_us:
                raise Mistake(self.where("to", row), "halt.to", plain_text(row["to"]), "must be later than from")
            closes = regular_closes(given.from_us + 1, given.from_us + DAY_US)
            if phase_at(given.from_us) != Phase.REGULAR:
                allowed = "lies outside regular hours, and what is closed cannot be halted"
                raise Mistake(self.where("from", row), "halt.from", plain_text(row["from"]), allowed)
            if given.to_us > closes[0]:
                allowed = f"is later than the close of that session, {units.write(int(closes[0]), 'instant')}"
                raise Mistake(self.where("to", row), "halt.to", plain_text(row["to"]), allowed)

    def replay(self, used: tuple[str, ...]) -> dict[str, Path]:
        given = self.document.get("replay", {})
        if not isinstance(given, Mapping):
            raise Mistake(self.file, "replay", "", 'is a table: [replay], then TSLAx = "prices.csv"')
        for ticker in given:
            check_ticker(ticker, used, self.file, "replay")
        return {ticker: self.folder / plain_text(given[ticker]) for ticker in used if ticker in given}

    def check_row(self, row: Mapping[str, Any], table: str, needed: set[str], optional: set[str]) -> None:
        for key in row.keys() - needed - optional:
            allowed = f"a {table} has no '{key}'{nearest(key, needed | optional)}"
            raise Mistake(self.where(key, row), f"{table}.{key}", "", allowed)
        for key in sorted(needed - row.keys()):
            raise Mistake(self.file, f"{table}.{key}", "", "is missing")

    # Rules

    def rules(self, used: tuple[str, ...], rule_changes: list[tuple[str, str]]) -> Rules:
        sections = {section.split(".")[0] for section in SECTIONS} | {"asset", "sources"}
        tables = {key: value for key, value in self.document.items() if key in sections}
        known = tickers()
        layer: Layer = read_layer(tables, "scenario", self.file, known)
        venue, spot = (
            str(self.folder / name) if is_file(name) else name for name in (self.text("venue"), self.text("spot", ""))
        )
        classes, changes = read_classes(self.document, self.file), set_layer(rule_changes, known)
        return resolve(venue, used, layer, changes, spot=spot or None, classes=classes, assets=read_asset)

    def programs(self, rules: Rules) -> dict[tuple[str, str], Program]:
        """The functions of one's own that the rules name: from the table `policies`, else from the files."""
        from offhours.sim.policies import Program, read_program

        within = self.document.get("policies", {})
        if not isinstance(within, Mapping):
            raise Mistake(self.file, "policies", "", 'is a table of programs: [policies], then "my_policy.py" = "..."')
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
                    folder = self.folder
                    if setting.origin.layer == "venue":
                        folder = Path(rules.venue.file).parent
                    elif setting.origin.layer == "set" and Path(program.file).is_file():
                        folder = Path()
                    program = read_program(setting.text, folder, knob, setting.origin.file)
                found["" if knob == POLICY else ticker, knob] = program
        return found

    # Groups

    def positions(self, rules: Rules, measure_from_us: int, end_us: int) -> Handed | None:
        if "positions" not in self.document:
            return None
        folder = Path() if self.where("positions") == "--set" else self.folder
        handed = read_positions(self.document["positions"], self.file, folder, rules)
        if handed.at_us is not None and not measure_from_us <= handed.at_us < end_us:
            at = units.write(handed.at_us, "instant")
            raise Mistake(self.file, "positions.at", at, "must lie between measure_from and end")
        return handed

    def groups(self, used: tuple[str, ...], rules: Rules, handed: Handed | None) -> tuple[Group, ...]:
        rows = self.rows("group")
        if handed is not None:
            if handed.replaces:
                rows = [{**row, "count": 0} if row.get("population") == "retail" else row for row in rows]
            members = handed.members()
            rows += [{"name": name, "population": "holder", "count": len(own)} for name, own in members.items()]
        found: list[Group] = []
        for row in rows:
            group = self.group(row, used, rules)
            if group.name in (other.name for other in found):
                raise Mistake(self.file, "group.name", group.name, "each group has a name of its own")
            found.append(group)
        return tuple(found)

    def group(self, row: dict[str, Any], used: tuple[str, ...], rules: Rules) -> Group:
        name = plain_text(row.get("name", ""))
        at = f"group.{name}"
        if not name or not all(letter.isalnum() or letter in "-_ " for letter in name):
            raise Mistake(self.file, "group.name", name, "each group has a name, of letters, digits, '-' and '_'")
        population = plain_text(row.get("population", ""))
        if population not in self.known:
            there_are = f"there are {', '.join(self.known)}{nearest(population, self.known)}"
            allowed = f"there is no population '{population}'; {there_are}"
            raise Mistake(self.where("population", row), f"{at}.population", population, allowed)
        columns = columns_of(self.known[population])
        own = {units.bare_name(c, k.unit): (c, k) for c, k in columns.items() if isinstance(k, Knob)}
        common = {"name", "population", "count", "latency", "mode", "size", "endowment"}
        for key in row.keys() - common - own.keys():
            words = {*own, *common}
            allowed = f"the population '{population}' has no knob '{key}'{nearest(key, words)}"
            raise Mistake(self.where(key, row), f"{at}.{key}", "", allowed)
        laws_of = {}
        for key, (column, knob) in own.items():
            laws_of[column] = self.law(row, key, knob, f"{at}.{key}")
            if knob.unit == "leverage":
                self.check_leverage(row, key, laws_of[column], f"{at}.{key}", rules)
        endowment = row.get("endowment", {})
        if not isinstance(endowment, Mapping):
            raise Mistake(self.file, f"{at}.endowment", "", 'is a table like { usd = "$5,000" }')
        for key in endowment.keys() - _ENDOWMENT.keys():
            allowed = f"an endowment has no '{key}'{nearest(key, _ENDOWMENT)}"
            raise Mistake(self.file, f"{at}.endowment.{key}", "", allowed)
        if "size" in row and "size" not in own:
            if "usd" in endowment:
                raise Mistake(self.where("size", row), f"{at}.size", "", "give a size or endowment.usd, not both")
            endowment = {**endowment, "usd": row["size"]}
        held = {
            kind: {ticker: self.holding(endowment, kind, ticker, used, at) for ticker in used}
            for kind in ("tokens", "shares")
        }
        money = {
            kind: self.law(endowment, kind, _knob(_GROUP, _ENDOWMENT[kind]), f"{at}.endowment.{kind}")
            for kind in ("usd", "broker_usd")
        }
        return Group(
            name=name,
            population=population,
            count=self.number(row, "count", "count", at),
            latency_us=self.number(row, "latency", "latency_us", at),
            isolated=bool(self.number(row, "mode", "mode", at)),
            row=self.known[population],
            laws=laws_of,
            usd=money["usd"],
            broker_usd=money["broker_usd"],
            tokens=held["tokens"],
            shares=held["shares"],
            texts={key: value for key, value in row.items() if key not in ("name", "population")},
        )

    def number(self, row: Mapping[str, Any], key: str, column: str, at: str) -> int:
        """A group's knob that is one value for all members."""
        if isinstance(row.get(key), (list, Mapping)):
            raise Mistake(self.file, f"{at}.{key}", "", "is one value for the whole group")
        knob = _knob(_GROUP, column)
        origin = Origin("scenario", self.where(key, row))
        return int(read_knob(knob, Given(plain_text(row.get(key, knob.default)), origin), f"{at}.{key}"))

    def law(self, row: Mapping[str, Any], key: str, knob: Knob, name: str) -> Law:
        value = row.get(key, knob.default)
        file = self.where(key, row)
        if isinstance(value, list):
            raise Mistake(file, name, "", "is a value, or a table with a law or a file")
        given = value if isinstance(value, Mapping) else Given(plain_text(value), Origin("scenario", file))
        return laws.read_law(given, knob, name, file, self.folder)

    def holding(self, endowment: Mapping[str, Any], kind: str, ticker: str, used: tuple[str, ...], at: str) -> Holding:
        name = f"{at}.endowment.{kind}"
        value = endowment.get(kind, _knob(_GROUP, _ENDOWMENT[kind]).default)
        if isinstance(value, Mapping) and not {"law", "file"} & value.keys():
            for other in value:
                check_ticker(other, used, self.file, name)
            value = value.get(ticker, _knob(_GROUP, _ENDOWMENT[kind]).default)
        in_dollars = "$" in str(value)
        knob = _knob(_GROUP, "usd_uusd" if in_dollars else _ENDOWMENT[kind])
        return Holding(self.law({kind: value}, kind, knob, name), in_dollars)

    def check_leverage(self, row: Mapping[str, Any], key: str, law: Law, name: str, rules: Rules) -> None:
        """Nobody can want more leverage than the margin class lends, unless the class was chosen after they spoke."""
        if key not in row or law.largest is None:
            return
        layer = "set" if isinstance(row[key], _Set) else "scenario"
        for ticker in rules.tickers:
            chosen = rules.setting(CLASS, ticker)
            most = rules.class_leverage_milli(ticker)
            if law.largest > most and LAYERS.index(layer) >= LAYERS.index(chosen.origin.layer):
                lends = f"at most {units.write(most, 'leverage')}, the most that margin class {chosen.text} lends"
                text = plain_text(row[key]) if not isinstance(row[key], Mapping) else ""
                raise Mistake(self.where(key, row), name, text, lends, "wanted leverage")


# Writing -------------------------------------------------------------------------------------------------------------


def _write_in_files(table: Any, folder: Path) -> None:
    """Replace each ``{ file, column }`` by the values that the file holds, so that a scenario stands alone."""
    items: Iterable[tuple[Any, Any]] = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in list(items):
        if isinstance(value, dict) and set(value) == {"file", "column"}:
            table[key] = {"law": "list", "values": laws.read_column(value, folder)}
        elif isinstance(value, (dict, list)):
            _write_in_files(value, folder)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quote(plain_text(value))


def _key(key: str) -> str:
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in key)
    return key if bare else _quote(key)


def write_toml(document: Mapping[str, Any]) -> str:
    """A document as TOML: plain values first, then tables, then arrays of tables."""
    lines: list[str] = []

    def table(content: Mapping[str, Any], path: str) -> None:
        plain = {k: v for k, v in content.items() if not _is_table(v) and not _is_rows(v)}
        if path and (plain or not content):
            lines.append(f"\n[{path}]")
        lines.extend(f"{_key(key)} = {_inline(value)}" for key, value in plain.items())
        for key, value in content.items():
            at = f"{path}.{_key(key)}" if path else _key(key)
            if _is_table(value):
                table(value, at)
            elif _is_rows(value):
                for row in value:
                    lines.append(f"\n[[{at}]]")
                    lines.extend(f"{_key(k)} = {_inline(v)}" for k, v in row.items())

    table(document, "")
    return "\n".join(lines).lstrip("\n") + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" not in value and "law" not in value and "file" not in value


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
