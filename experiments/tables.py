"""The recorded tables as people read them: dollars, shares, names and UTC times, and the way back to the exact integers.

A run's tape is whole numbers: ticks, lots, micro-dollars, codes. Each of its columns is shown in one unit of a person's, by a
rule that follows from the unit it was declared with, and :func:`exact` turns a shown table back into the very integers.
Columns that are made of others (``value / size``) are added behind and are not needed for the way back.

Every Parquet file carries its instruments: what a tick, a lot and a micro-unit are worth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.sim.declare import Accessor, Column, columns_of, spec_of
from offhours.sim.market import (
    accounts,
    bars,
    conversion,
    deleverage,
    funding,
    halts,
    liquidation,
    matching,
    oracle,
    stock,
    waterfall,
)

if TYPE_CHECKING:
    import pandas as pd

    from offhours.sim.rules import Rules

Array = np.ndarray[Any, Any]

PHASES = ("regular", "pre", "post", "overnight", "weekend", "holiday", "halted")
BOOKS = ("perp", "token")
LEVERAGES = (
    *(f"up to {edge:g}x" for edge in bars.BUCKET_EDGES),
    f"above {bars.BUCKET_EDGES[-1]:g}x",
)
"""Names of the leverage buckets, from the lowest."""

RECORDED: Mapping[str, Accessor] = {
    "bars": bars.bars,
    "trades": matching.trades,
    "funding": funding.funding_events,
    "liquidations": liquidation.liquidation_events,
    "leverage": bars.leverages,
    "first_prices": stock.first_prices,
    "halts": halts.halt_events,
    "cases": liquidation.case_events,
    "deleverages": deleverage.deleverage_events,
    "collateral_sales": conversion.collateral_events,
}
"""Name of each recorded table, in the order of ``TABLES.md``."""

SENTENCES = {
    "bars": "What each ticker looked like at each full minute, after that second's prices, funding and risk.",
    "trades": "Every fill on every book.",
    "funding": "Every funding rate that began to be paid.",
    "liquidations": "Every forced trade, every assignment, takeover and close against others, and every shortfall (a row without a ticker).",
    "leverage": "Open interest by the leverage of its accounts, every five minutes.",
    "first_prices": "The first stock quote after each time without one.",
    "halts": "Every halt of a stock, or of all (a row without a ticker), that began in regular hours.",
    "cases": "Every beginning and end of a liquidation.",
    "deleverages": "Every cut of a position by auto-deleveraging: whose, at what price, for whom, and from which rank.",
    "collateral_sales": "Every forced trade in a token book: tokens sold for dollars owed, or bought for tokens owed, and what it did to the index.",
    "groups": "Each group and house account: its result, and what it received (+) and paid (-) by kind of flow.",
    "accounts": "Each account of the venue: whose it is, its equity, what it holds, how often it was liquidated.",
    "calm": "The same luck with nobody liquidated from the first measured instant on, at each full minute.",
}


# Instruments ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instruments:
    """What the integers are worth: for each ticker the steps of price and size of its two books."""

    tickers: tuple[str, ...]
    tick_uusd: tuple[int, ...]
    """Of book 2k (perp of ticker k) and 2k + 1 (its token book)."""
    lot_ushares: tuple[int, ...]

    @classmethod
    def of(cls, rules: Rules) -> Instruments:
        """Those of a market's rules."""
        steps = [rules.instrument(ticker, book) for ticker in rules.tickers for book in BOOKS]
        return cls(rules.tickers, tuple(s.tick_uusd for s in steps), tuple(s.lot_ushares for s in steps))

    def to_json(self) -> str:
        """As it stands in every Parquet file's metadata."""
        own = {"tickers": self.tickers, "tick_uusd": self.tick_uusd, "lot_ushares": self.lot_ushares, "money_unit": "1e-6 USD"}  # fmt: skip
        return json.dumps(own)

    @classmethod
    def from_json(cls, text: str) -> Instruments:
        """The inverse of :meth:`to_json`."""
        own = json.loads(text)
        return cls(tuple(own["tickers"]), tuple(own["tick_uusd"]), tuple(own["lot_ushares"]))


# Columns -------------------------------------------------------------------------------------------------------------

Shows = Callable[[Mapping[str, Array], Instruments], Array]


@dataclass(frozen=True)
class Shown:
    """One column as people read it, and how it is made of the exact ones."""

    name: str
    unit: str
    meaning: str
    show: Shows
    source: str = ""
    """The exact column that it turns back into; empty where it is derived."""
    exact: Callable[[Mapping[str, Array], Instruments], Array] | None = None


def _names(words: Sequence[str]) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Codes to words and back."""
    table = np.array(list(words), dtype=object)
    codes = {word: code for code, word in enumerate(words)}
    return lambda code: table[code], lambda word: np.array([codes[str(w)] for w in word], dtype=np.int64)


def _divided(whole: Array, by: float) -> Array:
    return np.asarray(whole, dtype=np.float64) / by


def _multiplied(value: Array, by: float) -> Array:
    return np.rint(np.asarray(value, dtype=np.float64) * by).astype(np.int64)


def _book_of(columns: Mapping[str, Array], name: str) -> Array:
    """Which book a column of ticks or lots is counted in, row by row."""
    if "book" in columns:
        return columns["book"]
    return np.asarray(2 * np.maximum(columns["ticker"], 0) + (1 if name.startswith("token_") else 0))


def _shown_book(columns: Mapping[str, Array], name: str, instruments: Instruments) -> Array:
    """The same of a shown table."""
    code = {ticker: number for number, ticker in enumerate(instruments.tickers)}
    number = np.array([code.get(str(t), 0) for t in columns["ticker"]], dtype=np.int64)
    if "book" in columns:
        return np.asarray(2 * number + (np.asarray(columns["book"]) == "token"))
    return np.asarray(2 * number + (1 if name.startswith("token_") else 0))


def _ticks(source: str, name: str, meaning: str) -> Shown:
    empty = "or 0" in meaning

    def show(columns: Mapping[str, Array], own: Instruments) -> Array:
        ticks = columns[source]
        price = ticks * np.array(own.tick_uusd)[_book_of(columns, source)] / 1e6
        return np.asarray(np.where(ticks == 0, np.nan, price) if empty else price)

    def exact(columns: Mapping[str, Array], own: Instruments) -> Array:
        tick = np.array(own.tick_uusd)[_shown_book(columns, source, own)]
        price = np.nan_to_num(np.asarray(columns[name], dtype=np.float64))
        return np.asarray(np.rint(price * 1e6 / tick).astype(np.int64))

    return Shown(name, "USD a share", meaning.replace(", or 0", "; empty where there is none"), show, source, exact)


def _lots(source: str, name: str, meaning: str) -> Shown:
    def show(columns: Mapping[str, Array], own: Instruments) -> Array:
        return np.asarray(columns[source] * np.array(own.lot_ushares)[_book_of(columns, source)] / 1e6)

    def exact(columns: Mapping[str, Array], own: Instruments) -> Array:
        lot = np.array(own.lot_ushares)[_shown_book(columns, source, own)]
        shares = np.asarray(columns[name], dtype=np.float64)
        return np.asarray(np.rint(shares * 1e6 / lot).astype(np.int64))

    return Shown(name, "shares", meaning, show, source, exact)


def _scaled(source: str, name: str, unit: str, meaning: str, by: float) -> Shown:
    return Shown(
        name,
        unit,
        meaning,
        lambda columns, own: _divided(columns[source], by),
        source,
        lambda columns, own: _multiplied(columns[name], by),
    )


def _coded(source: str, name: str, meaning: str, words: Sequence[str]) -> Shown:
    to_words, to_codes = _names(words)
    return Shown(
        name,
        "name",
        f"{meaning}: {', '.join(words)}",
        lambda columns, own: to_words(columns[source]),
        source,
        lambda columns, own: to_codes(columns[name]),
    )


def _plain(source: str, unit: str, meaning: str, dtype: type = np.int64) -> Shown:
    return Shown(
        source,
        unit,
        meaning,
        lambda columns, own: np.asarray(columns[source]),
        source,
        lambda columns, own: np.asarray(columns[source], dtype=dtype),
    )


def _instant(source: str, name: str, meaning: str) -> Shown:
    return Shown(
        name,
        "UTC",
        meaning,
        lambda columns, own: columns[source].astype("datetime64[us]"),
        source,
        lambda columns, own: np.asarray(columns[name]).astype("datetime64[us]").astype(np.int64),
    )


def _ticker(meaning: str) -> Shown:
    def show(columns: Mapping[str, Array], own: Instruments) -> Array:
        return np.asarray(np.array([*own.tickers, ""], dtype=object)[columns["ticker"]])

    def exact(columns: Mapping[str, Array], own: Instruments) -> Array:
        code = {"": -1} | {ticker: number for number, ticker in enumerate(own.tickers)}
        return np.array([code[str(word)] for word in columns["ticker"]], dtype=np.int64)

    return Shown("ticker", "name", meaning, show, "ticker", exact)


def _market() -> list[Shown]:
    """The book of a trade as two columns: ticker, and perp or token."""

    def ticker(columns: Mapping[str, Array], own: Instruments) -> Array:
        return np.asarray(np.array(own.tickers, dtype=object)[columns["book"] // 2])

    def book(columns: Mapping[str, Array], own: Instruments) -> Array:
        return np.asarray(np.array(BOOKS, dtype=object)[columns["book"] % 2])

    return [
        Shown("ticker", "name", "whose book", ticker),
        Shown("book", "name", "perp or token", book, "book", lambda columns, own: _shown_book(columns, "", own)),
    ]


_SIDES = ("buy", "sell")


def _side(source: str, meaning: str) -> Shown:
    return Shown(
        source,
        "name",
        f"{meaning}: buy, sell",
        lambda columns, own: np.where(columns[source] > 0, *np.array(_SIDES, dtype=object)),
        source,
        lambda columns, own: np.where(np.asarray(columns[source]) == "buy", 1, -1).astype(np.int64),
    )


def _flag(source: str, meaning: str) -> Shown:
    return Shown(
        source,
        "yes/no",
        meaning.removeprefix("1 where ").removeprefix("1 while "),
        lambda columns, own: columns[source] == 1,
        source,
        lambda columns, own: np.asarray(columns[source]).astype(np.int64),
    )


def _ppb(source: str, meaning: str) -> Shown:
    """Funding rates are read in basis points, all other rates in percent."""
    if source == "rate_ppb":
        return _scaled(source, "rate_bp", "bp", meaning, 1e5)
    return _scaled(source, source.replace("_ppb", "_pct"), "%", meaning, 1e7)


_WORDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("bars", "phase"): PHASES,
    ("first_prices", "phase"): PHASES,
    ("halts", "reason"): halts.REASONS,
    ("bars", "index_state"): oracle.FALLBACKS,
    ("leverage", "bucket"): LEVERAGES,
    ("liquidations", "stage"): waterfall.STAGES,
    ("cases", "event"): liquidation.EVENTS,
    ("trades", "repair"): matching.REPAIRS,
    ("collateral_sales", "cause"): conversion.CAUSES,
}


def _shown(table: str, source: str, column: Column) -> list[Shown]:
    """One exact column as people read it, by the unit it was declared with."""
    meaning = column.meaning
    if (table, source) in _WORDS:
        return [_coded(source, source, meaning, _WORDS[table, source])]
    if (table, source) == ("funding", "hourly_pusd"):
        return [_funding_per_share()]
    if (table, source) in (("liquidations", "lots"), ("deleverages", "lots")):
        return _closed_lots(meaning)
    match column.unit:
        case "us" if source == "interval_us":
            return [_scaled(source, "interval_h", "h", meaning, 3.6e9)]
        case "us":
            return [_instant(source, source.replace("_us", "_utc"), meaning)]
        case "ticker":
            return [_ticker("name of the ticker")]
        case "book":
            return _market()
        case "side":
            return [_side(source, meaning)]
        case "flag":
            return [_flag(source, meaning)]
        case "ticks":
            return [_ticks(source, source.replace("_ticks", "_usd"), meaning)]
        case "lots":
            return [_lots(source, source.replace("_lots", "_shares"), meaning)]
        case "uusd":
            return [_scaled(source, source.replace("_uusd", "_usd"), "USD", meaning, 1e6)]
        case "ppb":
            return [_ppb(source, meaning)]
        case "score":
            return [_plain(source, "score", meaning, np.float64)]
        case "usd":
            return [_plain(source, "USD a share", meaning, np.float64)]
        case unit:
            return [_plain(source, unit, meaning)]


def _funding_per_share() -> Shown:
    name = "rate_usd_per_share_hour"

    def show(columns: Mapping[str, Array], own: Instruments) -> Array:
        lot_shares = np.array(own.lot_ushares)[_book_of(columns, name)] / 1e6
        return np.asarray(columns["hourly_pusd"] / 1e12 / lot_shares)

    def exact(columns: Mapping[str, Array], own: Instruments) -> Array:
        lot_shares = np.array(own.lot_ushares)[_shown_book(columns, name, own)] / 1e6
        dollars = np.asarray(columns[name], dtype=np.float64)
        return np.asarray(np.rint(dollars * lot_shares * 1e12).astype(np.int64))

    return Shown(name, "USD", "what a long of one share pays an hour", show, "hourly_pusd", exact)


def _closed_lots(meaning: str) -> list[Shown]:
    """Signed lots that were closed as the side that was closed, and a size."""

    def side(columns: Mapping[str, Array], own: Instruments) -> Array:
        sides = np.select([columns["lots"] > 0, columns["lots"] < 0], ["long", "short"], "")
        return np.asarray(sides.astype(object))

    def size(columns: Mapping[str, Array], own: Instruments) -> Array:
        return np.asarray(np.abs(columns["lots"]) * np.array(own.lot_ushares)[_book_of(columns, "")] / 1e6)

    def exact(columns: Mapping[str, Array], own: Instruments) -> Array:
        lot = np.array(own.lot_ushares)[_shown_book(columns, "", own)]
        lots = np.rint(np.asarray(columns["size_shares"], dtype=np.float64) * 1e6 / lot).astype(np.int64)
        return np.asarray(np.where(np.asarray(columns["side"]) == "short", -lots, lots))

    return [
        Shown("side", "name", "side of the position that was closed: long, short", side),
        Shown("size_shares", "shares", "how much of it", size, "lots", exact),
    ]


def _interest_usd(columns: Mapping[str, Array], own: Instruments) -> Array:
    perp = 2 * columns["ticker"]
    unit_uusd = np.array(own.tick_uusd)[perp] * np.array(own.lot_ushares)[perp] // 10**6
    return np.asarray(columns["interest_lots"] * columns["mark_ticks"] * unit_uusd / 1e6)


def _mean_price(columns: Mapping[str, Array], own: Instruments) -> Array:
    shares = np.abs(columns["lots"]) * np.array(own.lot_ushares)[_book_of(columns, "")]
    price = np.divide(columns["value_uusd"], shares, out=np.full(len(shares), np.nan), where=shares > 0)
    return np.asarray(price)


_DERIVED: Mapping[str, tuple[Shown, ...]] = {
    "bars": (Shown("open_interest_usd", "USD", "open interest at the mark", _interest_usd),),
    "liquidations": (Shown("price_usd", "USD a share", "mean price of what was traded or taken over", _mean_price),),
}


def columns_shown(table: str) -> tuple[Shown, ...]:
    """The columns of a recorded table as people read it."""
    found: list[Shown] = []
    for source, column in columns_of(spec_of(RECORDED[table]).row).items():
        assert isinstance(column, Column)
        found += _shown(table, source, column)
    return (*found, *_DERIVED.get(table, ()))


# There and back ------------------------------------------------------------------------------------------------------


def shown(table: str, rows: Array, instruments: Instruments) -> pd.DataFrame:
    """A recorded table (a structured array of exact integers) as people read it."""
    import pandas as pd

    exact_columns = {name: rows[name] for name in rows.dtype.names or ()}
    return pd.DataFrame({column.name: column.show(exact_columns, instruments) for column in columns_shown(table)})


def exact(table: str, frame: pd.DataFrame, instruments: Instruments) -> Array:
    """The exact rows that a shown table was made of. Exact for amounts below 2^50 of their smallest piece."""
    spec = spec_of(RECORDED[table])
    read = {name: frame[name].to_numpy() for name in frame.columns}
    rows = np.zeros(len(frame), dtype=spec.dtype)
    for column in columns_shown(table):
        if column.exact is not None:
            rows[column.source] = column.exact(read, instruments)
    return rows


def frame_of(rows: Array) -> pd.DataFrame:
    """Exact rows as a DataFrame of integers (and of floats where the tape holds floats)."""
    import pandas as pd

    return pd.DataFrame({name: rows[name] for name in rows.dtype.names or ()})


def table_digest(rows: Array) -> str:
    """SHA-256 over the columns of exact rows: the name of a table's content, whatever file holds it."""
    digest = hashlib.sha256()
    for name in rows.dtype.names or ():
        column = np.ascontiguousarray(rows[name])
        digest.update(f"{name}:{column.dtype.str}:{len(column)};".encode() + column.tobytes())
    return digest.hexdigest()


# Files ---------------------------------------------------------------------------------------------------------------


def write_parquet(path: Path, frame: pd.DataFrame, instruments: Instruments) -> None:
    """Write one table; its metadata hold what the numbers are worth."""
    import fastparquet

    fastparquet.write(
        str(path),
        frame,
        compression="ZSTD",
        write_index=False,
        object_encoding="utf8",
        custom_metadata={"offhours.instruments": instruments.to_json()},
    )


def read_parquet(path: Path) -> pd.DataFrame:
    """Read one table."""
    import fastparquet

    frame: pd.DataFrame = fastparquet.ParquetFile(str(path)).to_pandas()
    return frame


# Made at the end of a run --------------------------------------------------------------------------------------------

_MADE: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "groups": (
        ("group", "name", "group of the scenario, or house account"),
        ("population", "name", "its population; 'house' for an account of the venue or of the world around it"),
        ("members", "count", "how many traders"),
        ("pnl_usd", "USD", "result from the first measured instant to the last, all at one price; sums to zero"),
        *(
            (f"{name.replace(' ', '_')}_usd", "USD", f"received less paid in dollars at the venue: {name}")
            for name in accounts.FLOW_NAMES
        ),
    ),
    "accounts": (
        ("account", "account", "row of the account"),
        ("group", "name", "group of the scenario, or house account"),
        ("equity_start_usd", "USD", "equity at the mark at the first measured instant"),
        ("equity_usd", "USD", "equity at the mark at the last"),
        ("notional_usd", "USD", "size of all its perp positions at the mark at the last"),
        ("liquidations", "count", "forced trades and takeovers of its positions"),
    ),
    "calm": (
        ("time_utc", "UTC", "the full minute"),
        ("ticker", "name", "name of the ticker"),
        ("mark_usd", "USD a share", "mark"),
        ("index_usd", "USD a share", "index"),
        ("perp_usd", "USD a share", "mid of the perp's best prices, or its mark where a side is empty"),
    ),
}
"""Tables that no tape holds: name -> (column, unit, meaning)."""


def schema(table: str) -> list[tuple[str, str, str]]:
    """Columns of a table: name, unit, meaning."""
    if table in _MADE:
        return list(_MADE[table])
    return [(column.name, column.unit, column.meaning) for column in columns_shown(table)]


def names() -> tuple[str, ...]:
    """All tables of a run."""
    return (*RECORDED, *_MADE)


def tables_md(present: Sequence[str] | None = None) -> str:
    """``TABLES.md``: what each table and column means."""
    lines = [
        "# Tables",
        "",
        "One Parquet file each. Times are UTC; prices and amounts are US dollars; sizes are shares (one token",
        "stands for one share). `run.tables(exact=True)` gives ticks, lots and micro-dollars, to which these round back.",
    ]
    for table in present if present is not None else names():
        lines += ["", f"## {table}", "", SENTENCES[table], "", "| column | unit | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {unit} | {meaning} |" for name, unit, meaning in schema(table)]
    return "\n".join(lines) + "\n"


def usd(uusd: int) -> float:
    """Micro-dollars as dollars; printed, it shows exactly those six decimals (below a billion dollars)."""
    return int(uusd) / 1e6


def utc(instant_us: int) -> str:
    """An instant as ISO 8601 text in UTC."""
    text = str(np.datetime64(int(instant_us), "us"))
    return text.removesuffix(".000000") + "Z"
