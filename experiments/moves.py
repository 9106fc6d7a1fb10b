"""What a scenario gives the stocks to do: moves over a closed window, moves at any other time, halts, earnings, real prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offhours.experiments.document import Document
from offhours.sim import units
from offhours.sim.declare import A, Knob, columns_of
from offhours.sim.given import Given, Origin, plain_text, read_knob
from offhours.sim.hours import DAY_US, SECOND_US, Phase, phase_at, regular_closes
from offhours.sim.layers import check_ticker
from offhours.sim.mistake import Mistake
from offhours.sim.underlying import Release, closed_windows

EVERY_TICKER = "all"
"""The ticker of a halt of the whole market."""


class GapKnobs:
    """A given move of a stock while its exchange is closed."""

    change_ppb: A[
        int,
        Knob(
            "0 %",
            "ppb",
            "-90 %",
            "900 %",
            "return from the close to the open",
            basis="chosen: each scenario says; neither half nor twice has a meaning of its own",
        ),
    ]
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


_KNOBS: Mapping[str, Knob] = {name: knob for name, knob in columns_of(GapKnobs).items() if isinstance(knob, Knob)}


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


def read_gap(document: Document, row: dict[str, Any], used: tuple[str, ...]) -> Gap:
    """A row of ``[[gap]]``."""
    document.check_row(row, "gap", {"ticker", "from", "to", "change"}, {"surprise"})
    ticker = plain_text(row["ticker"])
    check_ticker(ticker, used, document.where("ticker", row), "gap.ticker")
    values = {}
    for column, knob in _KNOBS.items():
        key = units.bare_name(column, knob.unit)
        origin = Origin("scenario", document.where(key, row))
        given = Given(plain_text(row.get(key, knob.default)), origin)
        values[column] = int(read_knob(knob, given, f"gap.{ticker}.{key}"))
    from_us, to_us = document.instant("from", row, "gap"), document.instant("to", row, "gap")
    if to_us <= from_us:
        raise Mistake(document.where("to", row), "gap.to", plain_text(row["to"]), "must be later than from")
    return Gap(ticker, from_us, to_us, **values)


def check_gaps(document: Document, gaps: tuple[Gap, ...], hours: np.ndarray[Any, Any]) -> None:
    """A given move spans one closed window, within the run."""
    windows = {window.close_us: window.open_us for window in closed_windows(hours)}
    given = [(gap.ticker, gap.from_us) for gap in gaps]
    for row, gap in zip(document.rows("gap"), gaps):
        if gap.from_us not in windows:
            allowed = "is not the close of a regular session of the run"
            raise Mistake(document.where("from", row), "gap.from", plain_text(row["from"]), allowed)
        if gap.to_us != windows[gap.from_us]:
            opens = units.write(windows[gap.from_us], "instant")
            allowed = f"is not the next regular open, which is {opens}"
            raise Mistake(document.where("to", row), "gap.to", plain_text(row["to"]), allowed)
        if given.count((gap.ticker, gap.from_us)) > 1:
            raise Mistake(
                document.file, "gap.from", plain_text(row["from"]), "two moves are given for one closed window"
            )


def read_move(document: Document, row: dict[str, Any], used: tuple[str, ...]) -> Move:
    """A row of ``[[move]]``."""
    document.check_row(row, "move", {"ticker", "from", "to", "change"}, set())
    ticker = plain_text(row["ticker"])
    check_ticker(ticker, used, document.where("ticker", row), "move.ticker")
    origin = Origin("scenario", document.where("change", row))
    change = int(read_knob(_KNOBS["change_ppb"], Given(plain_text(row["change"]), origin), "move.change"))
    from_us, to_us = document.instant("from", row, "move"), document.instant("to", row, "move")
    if to_us <= from_us:
        raise Mistake(document.where("to", row), "move.to", plain_text(row["to"]), "must be later than from")
    if from_us % SECOND_US or to_us % SECOND_US:
        raise Mistake(document.file, "move", "", "begins and ends on full seconds")
    return Move(ticker, from_us, to_us, change)


def read_halt(document: Document, row: dict[str, Any], used: tuple[str, ...]) -> Halt:
    """A row of ``[[halt]]``."""
    document.check_row(row, "halt", {"ticker", "from", "to"}, set())
    ticker = plain_text(row["ticker"])
    check_ticker(ticker, (*used, EVERY_TICKER), document.where("ticker", row), "halt.ticker")
    return Halt(ticker, document.instant("from", row, "halt"), document.instant("to", row, "halt"))


def check_halts(document: Document, halts: tuple[Halt, ...]) -> None:
    """A given halt lies inside one regular session."""
    for row, given in zip(document.rows("halt"), halts):
        if given.to_us <= given.from_us:
            raise Mistake(document.where("to", row), "halt.to", plain_text(row["to"]), "must be later than from")
        closes = regular_closes(given.from_us + 1, given.from_us + DAY_US)
        if phase_at(given.from_us) != Phase.REGULAR:
            allowed = "lies outside regular hours, and what is closed cannot be halted"
            raise Mistake(document.where("from", row), "halt.from", plain_text(row["from"]), allowed)
        if given.to_us > closes[0]:
            allowed = f"is later than the close of that session, {units.write(int(closes[0]), 'instant')}"
            raise Mistake(document.where("to", row), "halt.to", plain_text(row["to"]), allowed)


def read_release(document: Document, row: dict[str, Any], used: tuple[str, ...]) -> Release:
    """A row of ``[[earnings]]``."""
    document.check_row(row, "earnings", {"ticker", "at"}, set())
    ticker = plain_text(row["ticker"])
    check_ticker(ticker, used, document.file, "earnings.ticker")
    return Release(ticker, document.instant("at", row, "earnings"))


def read_replay(document: Document, used: tuple[str, ...]) -> dict[str, Path]:
    """Ticker -> file of real prices that its stock follows."""
    given = document.content.get("replay", {})
    if not isinstance(given, Mapping):
        raise Mistake(document.file, "replay", "", 'is a table: [replay], then TSLAx = "prices.csv"')
    for ticker in given:
        check_ticker(ticker, used, document.file, "replay")
    return {ticker: document.folder / plain_text(given[ticker]) for ticker in used if ticker in given}
