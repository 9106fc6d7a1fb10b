"""All rooms' rules as one value, resolved from text; the only reader of venue and asset files.

A rule is written down in layers, each of which may speak of any knob, for all tickers or for one:

1. the default of its :class:`~offhours.sim.declare.Knob`, where the room declares it;
2. the venue's rulebook, ``venues/kraken.toml``, a dated document in which every value names its source;
3. the ticker's own file, ``assets/TSLAx.toml``;
4. the scenario;
5. what was set for this run (``--set perp.margin.leverage_max=10``).

A later layer wins; within a layer, what is said of one ticker wins over what is said of all. Text stays text through
all layers, together with its origin, and is read once, exactly, or refused with a :class:`Mistake`.

A knob's name is its section and its column without the unit: ``perp.margin.leverage_max``, and for one ticker
``TSLAx.perp.margin.leverage_max``. In a file that is::

    [perp.margin]
    leverage_max = { value = "20x", source = "announcement" }

    [asset.TSLAx.perp.margin]
    leverage_max = "10x"

Margin classes are tables of tiers, named in the venue's or the scenario's file and chosen by ``perp.margin.class``.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import difflib
import hashlib
import importlib.resources
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from offhours.sim import units
from offhours.sim.declare import Accessor, Knob, spec_of, update_digest
from offhours.sim.market import (
    ask,
    backstop,
    bank,
    book,
    collateral,
    conversion,
    deleverage,
    fees,
    funding,
    gap,
    halts,
    insurance,
    interest,
    issuer,
    lending,
    liquidation,
    margin,
    matching,
    oracle,
    pool,
    providers,
    stock,
    waterfall,
)
from offhours.sim.units import Instrument, UnitError

LAYERS = ("default", "venue", "asset", "scenario", "set")


class Mistake(Exception):
    """A person's mistake at the door, in one sentence: which file, which knob, what was given, what is allowed."""

    def __init__(self, file: str, knob: str, given: str, allowed: str, meaning: str = "") -> None:
        self.file, self.knob, self.given, self.allowed, self.meaning = file, knob, given, allowed, meaning
        about = (
            f"{knob} = '{given}': " if knob and given and f"'{given}'" not in allowed else f"{knob}: " if knob else ""
        )
        super().__init__(f"{file}: {about}{allowed}" + (f" ({knob.rpartition('.')[2]}: {meaning})" if meaning else ""))


def nearest(word: str, words: Iterable[str]) -> str:
    """The words "; did you mean X?" for the most similar of `words`, or nothing where none is similar."""
    words = sorted(words)
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if not found:
        last = {name: name.rpartition(".")[2] for name in words}
        close = difflib.get_close_matches(word.rpartition(".")[2], last.values(), n=1, cutoff=0.6)
        found = [name for name in words if last[name] in close]
    return f"; did you mean {found[0]}?" if found else ""


# What there is to set ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A room's rules table under the name people use, and what it has a row for: each "ticker", its "perp" or "token"
    book, or the whole "market"."""

    accessor: Accessor
    per: str = "ticker"

    def row(self, ticker: int) -> int:
        """The row of the table that holds the rules of a ticker."""
        return {"ticker": ticker, "perp": 2 * ticker, "token": 2 * ticker + 1, "market": 0}[self.per]

    def rows(self, tickers: int) -> int:
        """How many rows the table has."""
        return {"ticker": tickers, "perp": 2 * tickers, "token": 2 * tickers, "market": 1}[self.per]


SECTIONS: Mapping[str, Section] = {
    "perp.book": Section(book.book_rules, "perp"),
    "token.book": Section(book.book_rules, "token"),
    "perp.fees": Section(fees.fee_rules, "perp"),
    "token.fees": Section(fees.fee_rules, "token"),
    "token.session": Section(matching.session_rules),
    "perp.oracle": Section(oracle.oracle_rules),
    "perp.funding": Section(funding.funding_rules),
    "perp.margin": Section(margin.margin_rules),
    "perp.collateral": Section(collateral.collateral_rules),
    "perp.conversion": Section(conversion.conversion_rules, "market"),
    "lending": Section(lending.lending_rules),
    "lending.dollars": Section(lending.dollar_rules, "market"),
    "perp.liquidation": Section(liquidation.liquidation_rules, "market"),
    "perp.backstop": Section(backstop.backstop_rules, "market"),
    "perp.pool": Section(pool.pool_rules, "market"),
    "perp.insurance": Section(insurance.insurance_rules, "market"),
    "perp.adl": Section(deleverage.adl_rules, "market"),
    "perp.providers": Section(providers.provider_rules, "market"),
    "stock": Section(stock.stock_rules),
    "stock.halt": Section(halts.halt_rules),
    "stock.gap": Section(gap.gap_rules, "market"),
    "interest": Section(interest.interest_rules, "market"),
    "interest.token": Section(interest.dividend_rules),
    "issuer": Section(issuer.issuer_rules),
    "bank": Section(bank.bank_rules, "market"),
}

CLASS = "perp.margin.class"
CLASS_KNOB = Knob(
    "flat",
    "class",
    "",
    "",
    "the table of margin tiers, by name",
    basis="chosen: a venue names its own; without one, a single tier of 20x; neither half nor twice applies to a name",
)
"""A knob that is a name, not a number, and so a column of no table: what it names fills the tier table."""

STAGES = "perp.liquidation.stages"
STAGES_KNOB = Knob(
    "partial step, full at zero equity, backstop vault",
    "stages",
    "",
    "",
    "the stages of a liquidation in their order, by name",
    basis="chosen: a venue names its own; without one, the shortest that leaves nothing open and costs no trader anything; neither half nor twice applies to a list",
)
"""A knob that is a list of names: what it names fills the table of the venue's stages."""


POLICY = "perp.adl.policy"
POLICY_KNOB = Knob(
    "form",
    "policy",
    "",
    "",
    f"who is cut, and by how much: `form`, as perp.adl.form says, or one of {', '.join(deleverage.POLICIES)}, or a function of one's own like my_policy.py:fair, which --allow-policies lets run",
    basis="rule: documents of Kraken, Binance and BitMEX, as of 2026, rank, which `form` says; the others are those of Chitra, arXiv 2512.01112",
)
"""A knob that names a policy of auto-deleveraging: one of the market's own forms, one that is asked, or somebody's file."""

FUNDING_POLICY = "perp.funding.policy"
FUNDING_POLICY_KNOB = Knob(
    "form",
    "policy",
    "",
    "",
    "who makes the rate: `form`, as the other knobs of funding say, or a function of one's own like my_rule.py:rate, which --allow-policies lets run",
    basis="rule: Kraken funding, read 2026-04-29, and each other venue's own formula, which `form` and its companions say",
)
"""A knob that names a funding rule of somebody's own."""

NAMES = {CLASS: CLASS_KNOB, STAGES: STAGES_KNOB, POLICY: POLICY_KNOB, FUNDING_POLICY: FUNDING_POLICY_KNOB}
"""Knobs that are names, not numbers: columns of no rules table."""


@dataclass(frozen=True)
class Named:
    """A knob under its full name."""

    name: str
    section: str
    column: str
    knob: Knob


def knobs(sections: Mapping[str, Section] = SECTIONS) -> dict[str, Named]:
    """Every knob of the market by name, in the order of the sections and of their columns."""
    found: dict[str, Named] = {}
    for section, at in sections.items():
        for column, knob in spec_of(at.accessor).columns.items():
            if isinstance(knob, Knob):
                name = f"{section}.{units.bare_name(column, knob.unit)}"
                found[name] = Named(name, section, column, knob)
        found |= {name: Named(name, section, "", own) for name, own in NAMES.items() if name.startswith(f"{section}.")}
    return found


# Layers of text ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """Who said a value: the layer, the file, and the document it rests on; `assumed` where no document was found."""

    layer: str
    file: str = ""
    source: str = ""
    assumed: bool = False


@dataclass(frozen=True)
class Given:
    """A value as it was written, and who wrote it."""

    text: str
    origin: Origin


Layer = dict[tuple[str, str], Given]
"""(ticker or "" for all, knob name) -> what was given."""


def plain_text(value: object) -> str:
    """A TOML scalar as the text a person would have put between quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_toml(text: str, file: str) -> dict[str, Any]:
    """A TOML document whose decimals stay text, or a :class:`Mistake`."""
    try:
        return tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        raise Mistake(file, "", "", f"is not TOML: {error}") from None


def read_layer(
    document: Mapping[str, Any],
    layer: str,
    file: str,
    tickers: Iterable[str],
    *,
    ticker: str = "",
    sections: Mapping[str, Section] = SECTIONS,
) -> Layer:
    """The knobs in a document's tables; those below ``asset.TICKER`` for one ticker, others for `ticker` (or all)."""
    known, found, all_tickers = knobs(sections), Layer(), tuple(tickers)
    sources = document.get("sources", {})

    def walk(table: Mapping[str, Any], path: str, of: str) -> None:
        for key, value in table.items():
            name = f"{path}.{key}" if path else key
            if isinstance(value, Mapping) and "value" not in value:
                walk(value, name, of)
                continue
            check_name(name, known, file)
            leaf = value if isinstance(value, Mapping) else {"value": value}
            unknown = sorted(set(leaf) - {"value", "source", "assumed", "reason"})
            if name == STAGES and isinstance(leaf["value"], list):
                leaf = dict(leaf) | {"value": ", ".join(plain_text(stage) for stage in leaf["value"])}
            if unknown or isinstance(leaf["value"], (list, Mapping)):
                raise Mistake(file, name, "", "is written as a value or as { value = ..., source = ... }")
            why = str(leaf.get("source") or leaf.get("reason") or "")
            origin = Origin(layer, file, str(sources.get(why, why)), leaf.get("assumed", False) is True)
            found[of, name] = Given(plain_text(leaf["value"]), origin)

    for key, value in document.items():
        if key == "asset":
            for name, own in value.items():
                check_ticker(name, all_tickers, file, "asset")
                walk(own, "", name)
        elif isinstance(value, Mapping) and key not in ("sources", "margin_class", "calculator", "facts"):
            walk({key: value}, "", ticker)
    return found


def check_name(name: str, known: Iterable[str], file: str) -> None:
    """Refuse a knob that does not exist, naming the nearest one that does."""
    known = tuple(known)
    if name not in known:
        raise Mistake(file, name, "", f"there is no such knob{nearest(name, known)}")


def check_ticker(ticker: str, tickers: Iterable[str], file: str, knob: str) -> None:
    """Refuse a ticker that does not exist, naming those that do."""
    tickers = tuple(tickers)
    if ticker not in tickers:
        raise Mistake(file, knob, ticker, f"there is no ticker '{ticker}'; there are {', '.join(tickers)}")


def set_layer(
    changes: Iterable[tuple[str, str]], tickers: Iterable[str], sections: Mapping[str, Section] = SECTIONS
) -> Layer:
    """The layer of ``--set name=value`` pairs; a name may begin with a ticker."""
    known, found, all_tickers = knobs(sections), Layer(), tuple(tickers)
    for name, text in changes:
        of, _, rest = name.partition(".")
        if rest in known and not any(section.startswith(f"{of}.") for section in sections):
            check_ticker(of, all_tickers, "--set", name)
        elif of not in all_tickers:
            of, rest = "", name
        check_name(rest, known, "--set")
        found[of, rest] = Given(text, Origin("set", "--set"))
    return found


# Files ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tier:
    """One step of a margin schedule: from which notional, and its rates."""

    from_uusd: int
    initial_ppb: int
    maintenance_ppb: int


@dataclass(frozen=True)
class Venue:
    """A venue's rulebook: a dated document."""

    name: str
    title: str
    effective: datetime.date
    file: str
    document: Mapping[str, Any] = field(repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)


def _folder(room: str) -> Any:
    return importlib.resources.files(f"offhours.sim.{room}")


def _names(room: str) -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".toml") for f in _folder(room).iterdir() if f.name.endswith(".toml")))


def venues() -> tuple[str, ...]:
    """The venues that have a rulebook here."""
    return _names("venues")


def tickers() -> tuple[str, ...]:
    """The tickers that have a file here."""
    return _names("assets")


def read_venue(name: str) -> Venue:
    """A venue's rulebook by name, or from a file of one's own (a path that ends in .toml); ``kraken@2026-03-01``: as of a day."""
    place, at, day = name.partition("@")
    if place.endswith(".toml"):
        file, text = place, read_text(place)
    elif place in venues():
        file, text = f"{place}.toml", (_folder("venues") / f"{place}.toml").read_text("utf-8")
    else:
        allowed = f"there is no venue '{place}'; there are {', '.join(venues())}{nearest(place, venues())}"
        raise Mistake("venue", "", place, allowed)
    document = read_toml(text, file)
    effective = document.get("effective", "")
    if not isinstance(effective, datetime.date):
        raise Mistake(file, "effective", plain_text(effective), "a rulebook is dated: effective = 2026-04-29")
    spans = _earlier(document, effective, file)
    if at:
        document, effective = _as_of(document, effective, spans, day, file)
    title = str(document.get("title", document.get("name", place))) + (f" as of {day}" if at else "")
    return Venue(str(document.get("name", place)), title, effective, file, document, document.get("sources", {}))


def is_file(name: str) -> bool:
    """Whether a venue is named by the path of a rulebook of one's own, as of whatever day."""
    return name.partition("@")[0].endswith(".toml")


def is_venue(name: str) -> bool:
    """Whether a name is that of a venue that has a rulebook here, on whatever day."""
    return name.partition("@")[0] in venues()


def _earlier(document: Mapping[str, Any], effective: datetime.date, file: str) -> list[Mapping[str, Any]]:
    """What a rulebook says of other days, ``[[earlier]]`` tables with begin and until, the latest first."""
    spans = document.get("earlier", [])
    for span in spans if isinstance(spans, list) else [{}]:
        begin, until = (span.get("begin"), span.get("until")) if isinstance(span, Mapping) else (None, None)
        dated = isinstance(begin, datetime.date) and isinstance(until, datetime.date)
        if not dated or not begin < until <= effective:  # type: ignore[operator]
            allowed = f"what held before is [[earlier]] with begin = and until = a day, up to {effective}"
            raise Mistake(file, "earlier", "", allowed)
    return sorted(spans, key=lambda span: span["until"], reverse=True)


def _as_of(
    document: dict[str, Any], effective: datetime.date, spans: list[Mapping[str, Any]], day: str, file: str
) -> tuple[dict[str, Any], datetime.date]:
    """A rulebook as it was on a day, and since when it had been so."""
    try:
        asked = datetime.date.fromisoformat(day)
    except ValueError:
        raise Mistake(file, "", day, f"'{day}' is not a day; write like {effective}") from None
    if asked >= effective:
        return document, effective
    if not spans or asked < min(span["begin"] for span in spans):
        first = min((span["begin"] for span in spans), default=effective)
        raise Mistake(file, "", day, f"the rulebook says nothing of days before {first}")
    since = [span["until"] for span in spans if span["until"] <= asked]
    for span in spans:
        if asked < span["until"]:
            document = _overlaid(document, {key: value for key, value in span.items() if key not in ("begin", "until")})
            since.append(span["begin"])
    return document, max(since_day for since_day in since if since_day <= asked)


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One document with another's values in the place of its own; a value with its source is replaced whole."""
    whole = dict(below)
    for key, value in above.items():
        own = whole.get(key)
        plain = isinstance(value, Mapping) and "value" not in value and isinstance(own, Mapping) and "value" not in own
        whole[key] = _overlaid(own, value) if plain and isinstance(own, Mapping) else value
    return whole


def runs(venue: Venue) -> bool:
    """Whether a market can run by a rulebook: it is one of perps (``kind = "perp"``, the default), not formulas or spot only."""
    return str(venue.document.get("kind", "perp")) == "perp"


def read_spot(spot: Venue, tickers: Iterable[str], sections: Mapping[str, Section] = SECTIONS) -> Layer:
    """What a spot rulebook says of the token and its issuer; :class:`Mistake` where it is one of perps."""
    kind = str(spot.document.get("kind", "perp"))
    if kind != "spot":
        there_are = ", ".join(n for n in venues() if read_venue(n).document.get("kind") == "spot")
        raise Mistake(
            spot.file, "kind", kind, f"is no spot rulebook, which the token could follow; there are {there_are}"
        )
    return read_layer(spot.document, "venue", spot.file, tickers, sections=sections)


def read_asset(ticker: str) -> dict[str, Any]:
    """A ticker's own file."""
    return read_toml((_folder("assets") / f"{ticker}.toml").read_text("utf-8"), f"{ticker}.toml")


def read_text(path: str) -> str:
    """A file's text, or a :class:`Mistake` where there is none."""
    try:
        return Path(path).read_text("utf-8-sig")  # Windows editors begin a file with a mark
    except UnicodeDecodeError:
        raise Mistake(path, "", "", "is not a text file") from None
    except OSError as error:
        raise Mistake(path, "", "", f"cannot be read: {error.strerror or error}") from None


def read_classes(document: Mapping[str, Any], file: str) -> dict[str, tuple[Tier, ...]]:
    """The margin classes of a document: ``[margin_class.D] tiers = [{ from = "$0", initial = "5 %", ... }]``.

    The tiers may also be a table with these columns in a CSV file beside it: ``tiers = "tiers.csv"``.
    """
    classes = {}
    for name, table in document.get("margin_class", {}).items():
        at = f"margin_class.{name}"
        rows = table.get("tiers") if isinstance(table, Mapping) else None
        if isinstance(rows, str):
            rows = _tiers_beside(rows, file, at)
        if not isinstance(rows, list) or not 0 < len(rows) <= margin.TIERS:
            raise Mistake(file, at, "", f"needs tiers = [...], one to {margin.TIERS} of them")
        schedule: list[Tier] = []
        for row in rows:
            if not isinstance(row, Mapping) or set(row) != {"from", "initial", "maintenance"}:
                raise Mistake(file, at, "", 'a tier is { from = "$0", initial = "5 %", maintenance = "2.5 %" }')
            try:
                edge, initial, maintenance = (
                    int(units.read(plain_text(row[key]), unit))
                    for key, unit in (("from", "uusd"), ("initial", "ppb"), ("maintenance", "ppb"))
                )
            except UnitError as error:
                raise Mistake(file, at, "", str(error)) from None
            before = schedule[-1].from_uusd if schedule else -1
            if edge <= before or (edge != 0 and not schedule):
                raise Mistake(file, at, plain_text(row["from"]), "tiers begin at $0 and rise")
            if not 0 < maintenance < initial <= 10**9:
                allowed = "maintenance margin lies between 0 and initial margin, and that is at most 100 %"
                raise Mistake(file, at, plain_text(row["maintenance"]), allowed)
            if schedule and (initial < schedule[-1].initial_ppb or maintenance < schedule[-1].maintenance_ppb):
                allowed = "the rates of a tier are not below those of the tier before it"
                raise Mistake(file, at, plain_text(row["initial"]), allowed)
            schedule.append(Tier(edge, initial, maintenance))
        classes[name] = tuple(schedule)
    return classes


def _tiers_beside(name: str, file: str, at: str) -> list[dict[str, str]]:
    """The rows of a CSV file with the columns from, initial, maintenance, beside the file that names it."""
    path = Path(file).parent / name
    reader = csv.DictReader(read_text(str(path)).splitlines(), skipinitialspace=True)
    columns = [column.strip() for column in reader.fieldnames or ()]
    missing = [column for column in ("from", "initial", "maintenance") if column not in columns]
    if missing:
        raise Mistake(str(path), at, "", f"has no column {' and no '.join(missing)}")
    rows = [{str(key).strip(): str(value or "").strip() for key, value in row.items()} for row in reader]
    for number, row in enumerate(rows, 2):
        if len(row) != len(columns):
            raise Mistake(str(path), at, "", f"line {number} has more cells than columns; put '$10,000' between quotes")
    return [{column: row[column] for column in ("from", "initial", "maintenance")} for row in rows]


FLAT = (Tier(0, 50_000_000, 25_000_000),)
FLAT20 = (
    *FLAT,
    Tier(10**12, 100_000_000, 50_000_000),
    Tier(10**13, 200_000_000, 100_000_000),
    Tier(2 * 10**13, 300_000_000, 150_000_000),
    Tier(6 * 10**13, 500_000_000, 250_000_000),
)
"""Of no venue: 20x for everybody up to $1M, to stand beside a venue's own class; above as Kraken's class A from its third level."""


# One value -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """One knob of one ticker, resolved: the number (for a margin class its name), the text, and who said so.

    `venue_text` is what the venue's rulebook and the ticker's file alone would have given.
    """

    name: str
    ticker: str
    value: int | float | str
    text: str
    origin: Origin
    venue_text: str

    @property
    def changed(self) -> bool:
        """Whether the scenario or this run differs from the venue's own file."""
        return self.text != self.venue_text


@dataclass(frozen=True)
class Difference:
    """A knob that differs from the venue's own file, for one ticker or, with ticker "", for all."""

    name: str
    ticker: str
    venue_text: str
    text: str
    origin: Origin


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a market: integers ready to be copied into its tables, and where each came from."""

    venue: Venue
    tickers: tuple[str, ...]
    settings: Mapping[tuple[str, str], Setting] = field(repr=False)
    sections: Mapping[str, Section] = field(repr=False)
    arrays: Mapping[Accessor, np.ndarray[Any, Any]] = field(repr=False)
    """The rows of each rules table and of the tier table, read-only."""
    spot: Venue | None = None
    """The spot rulebook that the token follows, where it is not the venue's own."""

    @property
    def title(self) -> str:
        """Whose rules these are: "Kraken xStocks perps", with whoever else the token follows."""
        return self.venue.title + (f", tokens by {self.spot.title}" if self.spot else "")

    def __getitem__(self, accessor: Accessor) -> np.ndarray[Any, Any]:
        """The rows of one table."""
        return self.arrays[accessor]

    def setting(self, name: str, ticker: str = "") -> Setting:
        """A knob's setting, by name (for the first ticker where none is named)."""
        return self.settings[ticker or self.tickers[0], name]

    def instrument(self, ticker: str, which: str = "perp") -> Instrument:
        """The steps of price and size of a ticker's "perp" or "token" book."""
        row = self[book.book_rules][2 * self.tickers.index(ticker) + (which == "token")]
        return Instrument(ticker, int(row["tick_uusd"]), int(row["lot_ushares"]))

    def class_leverage_milli(self, ticker: str) -> int:
        """The most that a ticker's margin class lends, before any lower limit."""
        first = self[margin.tiers][margin.TIERS * self.tickers.index(ticker)]
        return 10**12 // int(first["initial_ppb"])

    def digest(self) -> str:
        """SHA-256 over the resolved numbers: equal for rules that make the same market, however they were written."""
        digest = hashlib.sha256(",".join(self.tickers).encode())
        for accessor, rows in self.arrays.items():
            update_digest(digest, spec_of(accessor), rows)
        return digest.hexdigest()

    def differences(self) -> list[Difference]:
        """What the scenario and this run changed against the venue's own file, in the order of the knobs."""
        found: list[Difference] = []
        for name in knobs(self.sections):
            own = [self.settings[ticker, name] for ticker in self.tickers]
            if all((s.changed, s.text, s.venue_text) == (True, own[0].text, own[0].venue_text) for s in own):
                found.append(Difference(name, "", own[0].venue_text, own[0].text, own[0].origin))
            else:
                found += [Difference(name, s.ticker, s.venue_text, s.text, s.origin) for s in own if s.changed]
        return found


def resolve(
    venue: Venue | str,
    tickers_used: Sequence[str],
    scenario: Layer | None = None,
    changes: Layer | None = None,
    *,
    spot: Venue | str | None = None,
    classes: Mapping[str, tuple[Tier, ...]] | None = None,
    sections: Mapping[str, Section] = SECTIONS,
    assets: Callable[[str], Mapping[str, Any]] = read_asset,
    all_tickers: Sequence[str] | None = None,
) -> Rules:
    """The rules of `tickers_used` at a venue under a scenario's layer and this run's changes.

    `classes` are margin classes besides the venue's own; `spot` is a spot rulebook that the token follows in place of the
    venue's. Raises :class:`Mistake`.
    """
    venue = read_venue(venue) if isinstance(venue, str) else venue
    if not runs(venue):
        kind, use = str(venue.document["kind"]), "for the calculator and `venues diff`"
        if kind == "spot":
            use = f'for the token of a scenario (spot = "{venue.name}") and `venues diff`'
        allowed = f"{venue.title} is known by its {kind} only, {use}"
        raise Mistake(venue.file, "kind", str(venue.document["kind"]), f"no market of perps runs by it: {allowed}")
    known_tickers = tuple(all_tickers if all_tickers is not None else tickers())
    for ticker in tickers_used:
        check_ticker(ticker, known_tickers, venue.file, "tickers")
    layers = [read_layer(venue.document, "venue", venue.file, known_tickers, sections=sections)]
    spot = read_venue(spot) if isinstance(spot, str) else spot
    if spot is not None:
        layers[0] |= read_spot(spot, known_tickers, sections)
    asset_layer = Layer()
    for ticker in tickers_used:
        document = assets(ticker)
        asset_layer |= read_layer(document, "asset", f"{ticker}.toml", known_tickers, ticker=ticker, sections=sections)
    layers += [asset_layer, scenario or {}, changes or {}]
    schedule = {"flat": FLAT, "flat20": FLAT20, **read_classes(venue.document, venue.file), **(classes or {})}
    return dataclasses.replace(_Resolution(venue, tuple(tickers_used), layers, schedule, sections).rules(), spot=spot)


class _Resolution:
    """The work of turning layers of text into arrays."""

    def __init__(
        self,
        venue: Venue,
        tickers_used: tuple[str, ...],
        layers: list[Layer],
        classes: Mapping[str, tuple[Tier, ...]],
        sections: Mapping[str, Section],
    ) -> None:
        self.venue, self.tickers, self.layers = venue, tickers_used, layers
        self.classes, self.sections = classes, sections
        self.knobs = knobs(sections)
        self.settings: dict[tuple[str, str], Setting] = {}
        count = len(tickers_used)
        self.arrays = {s.accessor: np.zeros(s.rows(count), dtype=spec_of(s.accessor).dtype) for s in sections.values()}

    def rules(self) -> Rules:
        """Read every knob of every ticker once; prices and sizes after the steps that they are counted in."""
        waiting = [n for n in self.knobs.values() if n.knob.unit in ("ticks", "lots")]
        for named in [n for n in self.knobs.values() if n not in waiting] + waiting:
            for number, ticker in enumerate(self.tickers):
                self._set(named, number, ticker)
        if CLASS in self.knobs:
            self._fill_tiers()
        if POLICY in self.knobs and FUNDING_POLICY in self.knobs:
            self._fill_asked()
        ordered = {(t, name): self.settings[t, name] for name in self.knobs for t in self.tickers}
        self._check_relations()
        self._check_reach()
        for rows in self.arrays.values():
            rows.flags.writeable = False
        proxy = MappingProxyType
        return Rules(self.venue, self.tickers, proxy(ordered), self.sections, proxy(self.arrays))

    def _said(self, name: str, ticker: str, layers: Sequence[Layer]) -> Given | None:
        said = None
        for layer in layers:
            said = layer.get((ticker, name)) or layer.get(("", name)) or said
        return said

    def _set(self, named: Named, number: int, ticker: str) -> None:
        default = Given(named.knob.default, Origin("default", "", named.knob.basis))
        own = self._said(named.name, ticker, self.layers[:2]) or default
        said = self._said(named.name, ticker, self.layers) or default
        if named.name == CLASS:
            if said.text not in self.classes:
                allowed = f"there is no margin class '{said.text}'; there are {', '.join(self.classes)}{nearest(said.text, self.classes)}"  # fmt: skip
                raise Mistake(said.origin.file, CLASS, said.text, allowed)
            self.settings[ticker, CLASS] = Setting(CLASS, ticker, said.text, said.text, said.origin, own.text)
            return
        if named.name == STAGES:
            self._set_stages(ticker, said, own)
            return
        if named.name in (POLICY, FUNDING_POLICY):
            text, venue_text = (read_policy(named.name, given) for given in (said, own))
            if named.name == POLICY and self._differs_by_ticker(POLICY):
                raise Mistake(said.origin.file, POLICY, said.text, "is set for the whole market, not for one ticker")
            self.settings[ticker, named.name] = Setting(named.name, ticker, text, text, said.origin, venue_text)
            return
        section = self.sections[named.section]
        steps = self._instrument(section, number, ticker) if named.knob.unit in ("ticks", "lots") else None
        value = read_knob(named.knob, said, named.name, steps)
        venue_value = value if own is said else read_knob(named.knob, own, named.name, steps)
        rows = self.arrays[section.accessor]
        rows[section.row(number)][named.column] = value
        if section.per == "market" and self._differs_by_ticker(named.name):
            raise Mistake(said.origin.file, named.name, said.text, "is set for the whole market, not for one ticker")
        self.settings[ticker, named.name] = Setting(
            named.name,
            ticker,
            value,
            units.write(value, named.knob.unit, steps, named.knob.choices),
            said.origin,
            units.write(venue_value, named.knob.unit, steps, named.knob.choices),
        )

    def _set_stages(self, ticker: str, said: Given, own: Given) -> None:
        stages = read_stages(said)
        if self._differs_by_ticker(STAGES):
            raise Mistake(said.origin.file, STAGES, said.text, "is set for the whole market, not for one ticker")
        rows = np.zeros(waterfall.PLACES, dtype=spec_of(waterfall.places).dtype)
        rows["stage"][: len(stages)] = stages
        self.arrays[waterfall.places] = rows
        text, venue_text = (", ".join(waterfall.STAGES[stage] for stage in read_stages(g)) for g in (said, own))
        self.settings[ticker, STAGES] = Setting(STAGES, ticker, text, text, said.origin, venue_text)

    def _differs_by_ticker(self, name: str) -> bool:
        return any(of and knob == name for layer in self.layers for of, knob in layer)

    def _instrument(self, section: Section, number: int, ticker: str) -> Instrument:
        row = self.arrays[book.book_rules][2 * number + (section.per == "token")]
        return Instrument(ticker, int(row["tick_uusd"]), int(row["lot_ushares"]))

    def _fill_tiers(self) -> None:
        """Write each ticker's class into the tier table; :func:`margin.prepare` holds it to the largest leverage."""
        name = "perp.margin.leverage_max"
        table = np.zeros(margin.TIERS * len(self.tickers), dtype=spec_of(margin.tiers).dtype)
        for number, ticker in enumerate(self.tickers):
            chosen = self.settings[ticker, CLASS]
            tiers = self.classes[str(chosen.value)]
            largest = 10**12 // tiers[0].initial_ppb
            wanted = self.settings[ticker, name]
            # Who speaks last must be possible; who spoke earlier is limited by what came later.
            if int(wanted.value) > largest and LAYERS.index(wanted.origin.layer) >= LAYERS.index(chosen.origin.layer):
                if wanted.origin.layer != "default":
                    text = units.write(largest, "leverage")
                    allowed = f"at most {text}, the most that margin class {chosen.value} lends"
                    raise Mistake(wanted.origin.file, name, wanted.text, allowed, self.knobs[name].knob.meaning)
            own = table[margin.TIERS * number : margin.TIERS * (number + 1)]
            own["from_uusd"] = margin.NO_TIER
            for row, tier in zip(own, tiers):
                row["from_uusd"], row["initial_ppb"] = tier.from_uusd, tier.initial_ppb
                row["maintenance_ppb"] = tier.maintenance_ppb
        self.arrays[margin.tiers] = table

    def _fill_asked(self) -> None:
        """Write who is asked; a policy that the market has itself becomes its form (ADL-2, ADL-8, FUND-14)."""
        rows = np.zeros(1 + len(self.tickers), dtype=spec_of(ask.asked).dtype)
        chosen = self.settings[self.tickers[0], POLICY]
        if chosen.text != BY_FORM:
            self._follow(chosen, {} if chosen.text not in FORMS_OF else FORMS_OF[chosen.text])
            if chosen.text not in FORMS_OF:
                known = deleverage.POLICIES
                rows["policy"][0] = known.index(chosen.text) if chosen.text in known else deleverage.OWN
        for number, ticker in enumerate(self.tickers):
            own = self.settings[ticker, FUNDING_POLICY]
            payment = self.settings[ticker, "perp.funding.payment"]
            if own.text != BY_FORM:
                rows["policy"][1 + number] = deleverage.OWN
                if payment.text == "continuous":
                    allowed = f"'{own.text}' is asked where an interval ends, and perp.funding.payment = 'continuous' makes a rate each minute"
                    raise Mistake(own.origin.file, FUNDING_POLICY, own.text, allowed)
        self.arrays[ask.asked] = rows

    def _follow(self, chosen: Setting, forms: Mapping[str, str]) -> None:
        """Let form and score be what a policy needs; a :class:`Mistake` where whoever chose it, or somebody later, said otherwise."""
        for name in ("perp.adl.form", "perp.adl.score") if forms.get("perp.adl.score") else ("perp.adl.form",):
            before, needed = self.settings[self.tickers[0], name], forms.get(name)
            said_later = LAYERS.index(before.origin.layer) >= LAYERS.index(chosen.origin.layer)
            if said_later and before.text != needed:
                allowed = f"contradicts {name} = '{before.text}'; say one of them"
                raise Mistake(before.origin.file, POLICY, chosen.text, allowed)
            if needed is not None and before.text != needed:
                named = self.knobs[name]
                value = named.knob.choices.index(needed)
                self.arrays[deleverage.adl_rules][named.column] = value
                for ticker in self.tickers:
                    own = self.settings[ticker, name]
                    self.settings[ticker, name] = Setting(name, ticker, value, needed, chosen.origin, own.venue_text)

    def _check_relations(self) -> None:
        """Ask each room about relations between its knobs, and each book whether its steps make whole money.

        A room's ``check(rules)`` takes a row of its rules and returns None, or the column at fault and a sentence.
        """
        for section, at in self.sections.items():
            spec = spec_of(at.accessor)
            check = getattr(sys.modules[spec.row.__module__], "check", None)
            for number, ticker in enumerate(self.tickers):
                row = self.arrays[at.accessor][at.row(number)]
                values = SimpleNamespace(**{column: row[column].item() for column in spec.columns})
                wrong = check(values) if check else None
                if at.accessor is book.book_rules and not wrong:
                    try:
                        _ = self._instrument(at, number, ticker).unit_uusd
                    except UnitError as error:
                        wrong = ("tick_uusd", str(error))
                if wrong:
                    knob = next(n for n in self.knobs.values() if (n.section, n.column) == (section, wrong[0]))
                    setting = self.settings[ticker, knob.name]
                    raise Mistake(setting.origin.file, knob.name, setting.text, wrong[1], knob.knob.meaning)

    def _check_reach(self) -> None:
        """A stock's price is within reach of both books' steps."""
        for ticker in self.tickers if self.sections.keys() >= {"stock", "perp.book", "token.book"} else ():
            price, ticks = self.settings[ticker, "stock.price"], ("perp.book.tick", "token.book.tick")
            for tick in (self.settings[ticker, name] for name in ticks):
                low, high = (reach * int(tick.value) for reach in REACH_TICKS)
                if not low <= int(price.value) <= high:
                    later = max(tick, price, key=lambda setting: LAYERS.index(setting.origin.layer))
                    allowed = f"a stock of {price.text} in steps of {tick.text}: {reach_sentence(int(tick.value))}"
                    raise Mistake(later.origin.file, later.name, later.text, allowed)


REACH_TICKS = (100, 5 * book.WINDOW)
"""Prices that a book can trade at, in ticks: a tick is at most 1 %, and the window of prices a tenth to either side."""


def reach_sentence(tick_uusd: int) -> str:
    """Which prices a book with such a tick can trade at."""
    low, high = (units.write(reach * tick_uusd, "uusd") for reach in REACH_TICKS)
    return f"a book reaches from 100 of its steps to {REACH_TICKS[1]:,} of them, here from {low} to {high}"


BY_FORM = "form"
FORMS_OF: Mapping[str, Mapping[str, str]] = {
    "queue": {"perp.adl.form": "queue"},
    "unranked": {"perp.adl.form": "queue", "perp.adl.score": "draw"},
    "wealth pro rata": {"perp.adl.form": "pro rata"},
}
"""Policies that the market decides by itself, and how it is told."""
ALSO_CALLED = {"ranked queue": "queue", "pro rata": "wealth pro rata", "min max fair": "min-max fair"}


def own_program(text: str, knob: str, file: str) -> tuple[str, str]:
    """File and function of "my_policy.py:fair"; :class:`Mistake` where it is not written like that."""
    path, _, function = text.rpartition(":")
    if not path.endswith(".py") or not function.isidentifier():
        raise Mistake(file, knob, text, f"'{text}' is not written like my_policy.py:fair")
    return path, function


def read_policy(knob: str, given: Given) -> str:
    """The name of a policy as the rulebook has it ("risk-aware"), or a program as it was written; :class:`Mistake`."""
    text, file = given.text.strip(), given.origin.file
    if ".py" in text or ":" in text:
        own_program(text, knob, file)
        return text
    known = (BY_FORM, *(deleverage.POLICIES if knob == POLICY else ()))
    words = {name.replace("-", " "): name for name in known}
    if knob == POLICY:
        words |= {name.replace("-", " "): called for name, called in ALSO_CALLED.items()}
    found: str | None = words.get(text.lower().replace("-", " "))
    if found is None:
        allowed = f"there is no policy '{text}'{nearest(text, known)}; there are {', '.join(known)}, or a function of one's own like my_policy.py:fair"
        raise Mistake(file, knob, text, allowed)
    return found


def is_own(policy: str) -> bool:
    """Whether a policy's name is that of somebody's program."""
    return ":" in policy


def read_stages(given: Given) -> tuple[int, ...]:
    """The codes of a list of stages ("partial step, auto-deleverage"); :class:`Mistake` where no venue could have it."""
    file, stages = given.origin.file, []
    for word in filter(None, (part.strip() for part in given.text.split(","))):
        if word not in waterfall.STAGES[1:]:
            known = waterfall.STAGES[1:]
            raise Mistake(file, STAGES, word, f"there is no stage '{word}'{nearest(word, known)}; there are {', '.join(known)}")  # fmt: skip
        stages.append(waterfall.STAGES.index(word))
    wrong = waterfall.fault(tuple(stages))
    if wrong:
        raise Mistake(file, STAGES, given.text, wrong, STAGES_KNOB.meaning)
    return tuple(stages)


def read_knob(knob: Knob, given: Given, name: str, instrument: Instrument | None = None) -> int | float:
    """What a knob's text means, within its range; :class:`Mistake` otherwise."""
    try:
        value = units.read(given.text, knob.unit, instrument, knob.choices)
    except UnitError as error:
        near = nearest(given.text, knob.choices) if knob.choices else ""
        raise Mistake(given.origin.file, name, given.text, f"{error}{near}", knob.meaning) from None
    low, high = (units.read(t, knob.unit, instrument, knob.choices) if t else None for t in (knob.low, knob.high))
    if (low is not None and value < low) or (high is not None and value > high):
        if not knob.high:
            allowed = f"'{given.text}' is below {knob.low}"
        elif not knob.low:
            allowed = f"'{given.text}' is above {knob.high}"
        else:
            allowed = f"'{given.text}' is not between {knob.low} and {knob.high}"
        raise Mistake(given.origin.file, name, given.text, allowed, knob.meaning)
    return value
