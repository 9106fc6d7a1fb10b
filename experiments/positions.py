"""A venue's own book of positions, handed in as a comma-separated file.

    positions = "book.csv"                                        # joins the synthetic accounts
    positions = { file = "book.csv", replaces = true }            # takes the place of the leveraged retail
    positions = { file = "book.csv", at = "2026-03-06 16:00" }    # New York time; else just before what the run is about

The file has a heading and a row a position: ``account, ticker, side, size, entry price, collateral`` and, where one
likes, ``group``. Sides are long and short, sizes shares, prices dollars a share, collateral dollars, added up over the
rows of an account. At the given instant each account receives its collateral and its positions, at what they are worth
by then; results count from there. What the book does not net to is held against the outside world, which is no account
that anybody could reduce. From then on the accounts hold (population ``holder``): they send nothing themselves.

``example-book.csv`` comes with the package and is found where no file of that name is in the folder.

Names of accounts stay outside: results speak of numbers within a group, unless names are asked for.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.words import counted
from offhours.sim.given import plain_text
from offhours.sim.market import accounts, brackets
from offhours.sim.market.book import book_rules
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.rules import Rules

if TYPE_CHECKING:
    from offhours.sim.simulation import Simulation

COLUMNS = ("account", "ticker", "side", "size", "entry price", "collateral")
GROUP = "group"
SIDES = {"long": 1, "buy": 1, "short": -1, "sell": -1}
NO_GROUP = "book"
ROWS_MOST = 1_000_000
MICRO = 10**6
NUMBER_MOST = 10**12
SHARES_MOST = 10**9
"""Of one ticker, in all."""
DOLLARS_MOST = 10**11
"""Of all positions and all collateral."""
_NUMBER = re.compile(r"[+-]?(\d{1,18}\.?\d{0,18}|\.\d{1,18})(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
EXAMPLE = "example-book.csv"


@dataclass(frozen=True)
class Position:
    """One position as it was handed in."""

    account: int
    ticker: int
    lots: int
    """Positive for a long."""
    value_uusd: int
    """What it cost, signed like `lots`."""


@dataclass(frozen=True)
class Handed:
    """A book of positions, read and checked."""

    file: str
    at_us: int | None
    replaces: bool
    groups: tuple[str, ...]
    """Of each account, in the order of the file."""
    collateral_uusd: tuple[int, ...]
    positions: tuple[Position, ...]
    tickers: tuple[str, ...]
    rounded: int
    """How many sizes were rounded to whole lots."""
    thin: int
    """How many accounts have less collateral than what is lent at most asks for, at their entry prices."""
    rows: tuple[str, ...] = field(repr=False)
    """The file's rows with numbers in place of names, so that a run can be made again from its own record."""
    names: tuple[str, ...] = field(repr=False, compare=False)

    def members(self) -> dict[str, list[int]]:
        """Accounts by group, both in the order of the file."""
        found: dict[str, list[int]] = {}
        for account, group in enumerate(self.groups):
            found.setdefault(group, []).append(account)
        return found

    def canonical(self) -> list[Any]:
        """What the scenario's digest is made of."""
        held = [[p.account, p.ticker, p.lots, p.value_uusd] for p in self.positions]
        return [self.at_us, self.replaces, list(self.groups), list(self.collateral_uusd), held]

    def document(self) -> dict[str, Any]:
        """As a scenario's field, without names."""
        table: dict[str, Any] = {"rows": list(self.rows), "replaces": self.replaces}
        if self.at_us is not None:
            from offhours.sim import units

            table["at"] = units.write(self.at_us, "instant").removesuffix(" New York")
        return table

    def totals(self) -> list[str]:
        """What was handed in, in words: totals to look at before anything runs."""
        lines = [
            f"{self.file}: {counted(len(self.groups), 'account')} in {counted(len(self.members()), 'group')}, "
            f"{counted(len(self.positions), 'position')}, collateral ${sum(self.collateral_uusd) / MICRO:,.0f}"
        ]
        for number, ticker in enumerate(self.tickers):
            own = [p for p in self.positions if p.ticker == number]
            long_uusd = sum(p.value_uusd for p in own if p.lots > 0)
            short_uusd = -sum(p.value_uusd for p in own if p.lots < 0)
            net_uusd = long_uusd - short_uusd
            if own:
                lines.append(
                    f"  {ticker}: long ${long_uusd / MICRO:,.0f}, short ${short_uusd / MICRO:,.0f} at entry; "
                    f"net {'−' if net_uusd < 0 else ''}${abs(net_uusd) / MICRO:,.0f} is held against the outside world"
                )
        if self.thin:
            lines.append(
                f"  {counted(self.thin, 'account')} with less collateral than the venue's largest leverage asks for at entry"
            )
        if self.rounded:
            lines.append(f"  {self.rounded:,} sizes were rounded to whole lots")
        return lines


def read_positions(value: Any, file: str, folder: Path, rules: Rules) -> Handed:
    """The field ``positions`` of a scenario. Raises :class:`Mistake` for whatever a person may get wrong."""
    table = value if isinstance(value, Mapping) else {"file": value}
    known = {"file", "rows", "replaces", "at"}
    for key in table.keys() - known:
        raise Mistake(file, f"positions.{key}", "", f"positions have no '{key}'{nearest(key, known)}")
    rows = table.get("rows", [])
    if (
        ("file" in table) == ("rows" in table)
        or not isinstance(table.get("file", ""), str)
        or not isinstance(rows, list)
    ):
        raise Mistake(file, "positions", "", 'is a file, or a table like { file = "book.csv", replaces = true }')
    if "rows" in table:
        name, text = f"{file}, positions", "\n".join([",".join((*COLUMNS, GROUP)), *map(plain_text, rows)])
    else:
        path = folder / plain_text(table["file"])
        if path.name == EXAMPLE and not path.exists():
            path = Path(str(importlib.resources.files("offhours.experiments").joinpath("scenarios", EXAMPLE)))
        name, text = path.name, _text_of(path)
    from offhours.sim import units

    try:
        at_us = int(units.read(plain_text(table["at"]), "instant")) if "at" in table else None
        replaces = bool(units.read(plain_text(table.get("replaces", "false")), "flag"))
    except units.UnitError as error:
        raise Mistake(file, "positions", "", str(error)) from None
    return _Book(name, rules).read(text, at_us, replaces)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Mistake(str(path), "positions", "", f"cannot be read: {reason}") from None


class _Book:
    """The work of reading a book."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name, self.rules = name, rules

    def read(self, text: str, at_us: int | None, replaces: bool) -> Handed:
        rows = self.rows(text)
        numbers: dict[str, int] = {}
        groups: list[str] = []
        collateral: list[int] = []
        positions: dict[tuple[int, int], Position] = {}
        anonymous: list[str] = []
        rounded = 0
        for line, row in rows:
            at = f"{self.name}, line {line}"
            account = numbers.setdefault(self.word(row, "account", at), len(numbers))
            group = row.get(GROUP, "") or NO_GROUP
            if account == len(groups):
                if not all(letter.isalnum() or letter in "-_ " for letter in group):
                    raise Mistake(at, GROUP, group, "has letters, digits, '-' and '_'")
                groups.append(group)
                collateral.append(0)
            elif groups[account] != group:
                raise Mistake(at, GROUP, group, f"the account is in group '{groups[account]}' already")
            ticker = self.ticker(self.word(row, "ticker", at), at)
            side = self.word(row, "side", at).lower()
            if side not in SIDES:
                raise Mistake(at, "side", side, f"'{side}' is not one of long, short")
            size, price = self.number(row, "size", at), self.number(row, "entry price", at)
            money = self.number(row, "collateral", at, zero=True)
            lot_ushares = int(self.rules[book_rules]["lot_ushares"][2 * ticker])
            lots = round(size * MICRO / lot_ushares)
            rounded += int(Fraction(lots * lot_ushares, MICRO) != size)
            if lots == 0:
                raise Mistake(at, "size", row["size"], f"is less than half a lot of {lot_ushares / MICRO:g} shares")
            lots *= SIDES[side]
            before = positions.get((account, ticker))
            if before is not None and (before.lots > 0) != (lots > 0):
                raise Mistake(at, "side", side, "the account holds the other side already; write what remains of both")
            value = round(lots * lot_ushares * price)
            positions[account, ticker] = Position(
                account, ticker, lots + (before.lots if before else 0), value + (before.value_uusd if before else 0)
            )
            collateral[account] += round(money * MICRO)
            words = [str(account + 1), self.rules.tickers[ticker], side, row["size"], row["entry price"]]
            anonymous.append(
                ",".join([*(w.replace(",", "") for w in words), row["collateral"].replace(",", ""), group])
            )
        self.check_reach(positions.values(), collateral)
        return Handed(
            self.name,
            at_us,
            replaces,
            tuple(groups),
            tuple(collateral),
            tuple(positions.values()),
            tuple(self.rules.tickers),
            rounded,
            self.thin(positions.values(), collateral),
            tuple(anonymous),
            tuple(numbers),
        )

    def check_reach(self, positions: Collection[Position], collateral: Sequence[int]) -> None:
        """Refuse a book that could not be counted exactly."""
        for number, ticker in enumerate(self.rules.tickers):
            lot_ushares = int(self.rules[book_rules]["lot_ushares"][2 * number])
            shares = sum(abs(p.lots) for p in positions if p.ticker == number) * lot_ushares // MICRO
            if shares > SHARES_MOST:
                raise Mistake(
                    self.name, "size", "", f"holds {shares:,} shares of {ticker}; at most {SHARES_MOST:,} fit"
                )
        dollars = (sum(abs(p.value_uusd) for p in positions) + sum(collateral)) // MICRO
        if dollars > DOLLARS_MOST:
            raise Mistake(
                self.name, "", "", f"comes to ${dollars:,} of positions and collateral; at most ${DOLLARS_MOST:,} fit"
            )

    def thin(self, positions: Collection[Position], collateral: Sequence[int]) -> int:
        """How many accounts have less collateral than what is lent at most asks for."""
        least = [0] * len(collateral)
        for p in positions:
            most_milli = int(self.rules[brackets.margin_rules]["leverage_max_milli"][p.ticker])
            least[p.account] += abs(p.value_uusd) * 1000 // most_milli
        return sum(own < needed for own, needed in zip(collateral, least))

    def rows(self, text: str) -> list[tuple[int, dict[str, str]]]:
        """Lines by number, as columns by name; headings may have `_` for a space and any case."""
        lines = csv.reader(io.StringIO(text), skipinitialspace=True)
        try:
            heading = [name.strip().lower().replace("_", " ") for name in next(lines, [])]
            missing = [name for name in COLUMNS if name not in heading]
            if missing:
                has = ", ".join(name for name in heading if name) or "nothing"
                said = f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; its heading has {has}"
                if len(heading) == 1 and any(mark in heading[0] for mark in ";\t|"):
                    said = f"separates its columns by something else than commas; write {','.join(COLUMNS)}"
                raise Mistake(self.name, "", "", said)
            found = []
            for row in lines:
                if len(row) > len(heading) and any(row[len(heading) :]):
                    at = f"{self.name}, line {lines.line_num}"
                    raise Mistake(at, "", "", "has more cells than columns; put '10,000' between quotes")
                if any(row):
                    found.append((lines.line_num, {name: cell.strip() for name, cell in zip(heading, row)}))
        except csv.Error as error:
            raise Mistake(self.name, "", "", f"is no comma-separated file: {error}") from None
        if not found:
            raise Mistake(self.name, "", "", "has no positions")
        if len(found) > ROWS_MOST:
            raise Mistake(self.name, "", "", f"has {len(found):,} positions; at most {ROWS_MOST:,} fit")
        return found

    def word(self, row: Mapping[str, str], column: str, at: str) -> str:
        if not row.get(column):
            raise Mistake(at, column, "", "is empty")
        return row[column]

    def number(self, row: Mapping[str, str], column: str, at: str, zero: bool = False) -> Fraction:
        text = self.word(row, column, at)
        bare = re.sub(r"[$,\s]", "", text)
        if not _NUMBER.fullmatch(bare):
            raise Mistake(at, column, text, f"'{text[:40]}' is not a number like 402.10")
        value = Fraction(bare)
        if value < 0 or (value == 0 and not zero):
            raise Mistake(at, column, text, f"'{text}' is not a number {'from zero on' if zero else 'above zero'}")
        if value > NUMBER_MOST:
            raise Mistake(at, column, text, f"'{text}' is above {NUMBER_MOST:,}")
        return value

    def ticker(self, word: str, at: str) -> int:
        if word not in self.rules.tickers:
            there = f"the scenario has no '{word}'; it has {', '.join(self.rules.tickers)}{nearest(word, self.rules.tickers)}"
            raise Mistake(at, "ticker", word, there)
        return list(self.rules.tickers).index(word)


def hand_in(simulation: Simulation, groups: Sequence[str], handed: Handed) -> None:
    """Give the accounts of a book what they hold, now. `groups` are the names of the market's groups, in order."""
    of_account = np.zeros(len(handed.groups), dtype=np.int64)
    table = simulation.memory[accounts.accounts]
    for name, members in handed.members().items():
        number = accounts.HOUSES + list(groups).index(name)
        of_account[members] = np.flatnonzero(table["group"] == number)
    for account, dollars in enumerate(handed.collateral_uusd):
        if dollars:
            simulation.endow(int(of_account[account]), accounts.USD, dollars)
    for p in handed.positions:
        simulation.hand_in(int(of_account[p.account]), p.ticker, p.lots, p.value_uusd)


def name_accounts(groups: Sequence[str], handed: Handed) -> list[str]:
    """The name of each account in the venue's own file, or nothing; `groups` is the group of each account of a market."""
    left = {group: iter(members) for group, members in handed.members().items()}
    return [handed.names[next(left[group])] if group in left else "" for group in groups]
