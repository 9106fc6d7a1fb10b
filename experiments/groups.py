"""Groups of traders: what every group has, whatever its population, and how its members differ by luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from offhours.agents import laws
from offhours.agents.laws import Law, Values
from offhours.experiments.document import Document, SetText
from offhours.experiments.positions import Handed
from offhours.sim import units
from offhours.sim.chance import key_of
from offhours.sim.declare import A, Knob, columns_of
from offhours.sim.given import Given, Origin, plain_text, read_knob
from offhours.sim.layers import LAYERS, check_ticker
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import CLASS
from offhours.sim.rules import Rules

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


_GROUP = columns_of(GroupKnobs)
ENDOWMENT = {
    "usd": "usd_uusd",
    "broker_usd": "broker_usd_uusd",
    "tokens": "tokens_ushares",
    "shares": "shares_ushares",
}
"""What a group may be endowed with, and the knob that it is."""


def _knob(columns: Mapping[str, Any], column: str) -> Knob:
    knob = columns[column]
    assert isinstance(knob, Knob)
    return knob


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


def read_groups(
    document: Document, populations: Mapping[str, type], used: tuple[str, ...], rules: Rules, handed: Handed | None
) -> tuple[Group, ...]:
    """The groups of ``[[group]]``, and one for each of those whose positions were handed in."""
    rows = document.rows("group")
    if handed is not None:
        if handed.replaces:
            rows = [{**row, "count": 0} if row.get("population") == "retail" else row for row in rows]
        members = handed.members()
        rows += [{"name": name, "population": "holder", "count": len(own)} for name, own in members.items()]
    found: list[Group] = []
    for row in rows:
        group = _group(document, populations, row, used, rules)
        if group.name in (other.name for other in found):
            raise Mistake(document.file, "group.name", group.name, "each group has a name of its own")
        found.append(group)
    return tuple(found)


def _group(
    document: Document, populations: Mapping[str, type], row: dict[str, Any], used: tuple[str, ...], rules: Rules
) -> Group:
    name = plain_text(row.get("name", ""))
    at = f"group.{name}"
    if not name or not all(letter.isalnum() or letter in "-_ " for letter in name):
        raise Mistake(document.file, "group.name", name, "each group has a name, of letters, digits, '-' and '_'")
    population = plain_text(row.get("population", ""))
    if population not in populations:
        there_are = f"there are {', '.join(populations)}{nearest(population, populations)}"
        allowed = f"there is no population '{population}'; {there_are}"
        raise Mistake(document.where("population", row), f"{at}.population", population, allowed)
    columns = columns_of(populations[population])
    own = {units.bare_name(c, k.unit): (c, k) for c, k in columns.items() if isinstance(k, Knob)}
    common = {"name", "population", "count", "latency", "mode", "size", "endowment"}
    for key in row.keys() - common - own.keys():
        words = {*own, *common}
        allowed = f"the population '{population}' has no knob '{key}'{nearest(key, words)}"
        raise Mistake(document.where(key, row), f"{at}.{key}", "", allowed)
    laws_of = {}
    for key, (column, knob) in own.items():
        laws_of[column] = _law(document, row, key, knob, f"{at}.{key}")
        if knob.unit == "leverage":
            _check_leverage(document, row, key, laws_of[column], f"{at}.{key}", rules)
    endowment = row.get("endowment", {})
    if not isinstance(endowment, Mapping):
        raise Mistake(document.file, f"{at}.endowment", "", 'is a table like { usd = "$5,000" }')
    for key in endowment.keys() - ENDOWMENT.keys():
        allowed = f"an endowment has no '{key}'{nearest(key, ENDOWMENT)}"
        raise Mistake(document.file, f"{at}.endowment.{key}", "", allowed)
    if "size" in row and "size" not in own:
        if "usd" in endowment:
            raise Mistake(document.where("size", row), f"{at}.size", "", "give a size or endowment.usd, not both")
        endowment = {**endowment, "usd": row["size"]}
    held = {
        kind: {ticker: _holding(document, endowment, kind, ticker, used, at) for ticker in used}
        for kind in ("tokens", "shares")
    }
    money = {
        kind: _law(document, endowment, kind, _knob(_GROUP, ENDOWMENT[kind]), f"{at}.endowment.{kind}")
        for kind in ("usd", "broker_usd")
    }
    return Group(
        name=name,
        population=population,
        count=_number(document, row, "count", "count", at),
        latency_us=_number(document, row, "latency", "latency_us", at),
        isolated=bool(_number(document, row, "mode", "mode", at)),
        row=populations[population],
        laws=laws_of,
        usd=money["usd"],
        broker_usd=money["broker_usd"],
        tokens=held["tokens"],
        shares=held["shares"],
        texts={key: value for key, value in row.items() if key not in ("name", "population")},
    )


def _number(document: Document, row: Mapping[str, Any], key: str, column: str, at: str) -> int:
    """A group's knob that is one value for all members."""
    if isinstance(row.get(key), (list, Mapping)):
        raise Mistake(document.file, f"{at}.{key}", "", "is one value for the whole group")
    knob = _knob(_GROUP, column)
    origin = Origin("scenario", document.where(key, row))
    return int(read_knob(knob, Given(plain_text(row.get(key, knob.default)), origin), f"{at}.{key}"))


def _law(document: Document, row: Mapping[str, Any], key: str, knob: Knob, name: str) -> Law:
    value = row.get(key, knob.default)
    file = document.where(key, row)
    if isinstance(value, list):
        raise Mistake(file, name, "", "is a value, or a table with a law or a file")
    given = value if isinstance(value, Mapping) else Given(plain_text(value), Origin("scenario", file))
    return laws.read_law(given, knob, name, file, document.folder)


def _holding(
    document: Document, endowment: Mapping[str, Any], kind: str, ticker: str, used: tuple[str, ...], at: str
) -> Holding:
    name = f"{at}.endowment.{kind}"
    value = endowment.get(kind, _knob(_GROUP, ENDOWMENT[kind]).default)
    if isinstance(value, Mapping) and not {"law", "file"} & value.keys():
        for other in value:
            check_ticker(other, used, document.file, name)
        value = value.get(ticker, _knob(_GROUP, ENDOWMENT[kind]).default)
    in_dollars = "$" in str(value)
    knob = _knob(_GROUP, "usd_uusd" if in_dollars else ENDOWMENT[kind])
    return Holding(_law(document, {kind: value}, kind, knob, name), in_dollars)


def _check_leverage(document: Document, row: Mapping[str, Any], key: str, law: Law, name: str, rules: Rules) -> None:
    """Nobody can want more leverage than the margin class lends, unless the class was chosen after they spoke."""
    if key not in row or law.largest is None:
        return
    layer = "set" if isinstance(row[key], SetText) else "scenario"
    for ticker in rules.tickers:
        chosen = rules.setting(CLASS, ticker)
        most = rules.class_leverage_milli(ticker)
        if law.largest > most and LAYERS.index(layer) >= LAYERS.index(chosen.origin.layer):
            lends = f"at most {units.write(most, 'leverage')}, the most that margin class {chosen.text} lends"
            text = plain_text(row[key]) if not isinstance(row[key], Mapping) else ""
            raise Mistake(document.where(key, row), name, text, lends, "wanted leverage")
