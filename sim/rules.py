"""All rooms' rules as one value, resolved from layers of text.

A rule is written down in layers, each of which may speak of any knob, for all tickers or for one:

1. the default of its :class:`~offhours.sim.declare.Knob`, where the room declares it;
2. the venue's rulebook, ``venues/kraken.toml``, a dated document in which every value names its source;
3. the ticker's own file, ``assets/TSLAx.toml``;
4. the scenario;
5. what was set for this run (``--set perp.margin.leverage_max=10``).

A later layer wins; within a layer, what is said of one ticker wins over what is said of all. The rooms beside this one
each do a part: ``rulebook`` and ``tiers`` read the files, ``layers`` finds the knobs in them, ``knobs`` and ``names`` say what
there is to set, and ``given`` reads a value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from offhours.sim import units
from offhours.sim.declare import Accessor, spec_of, update_digest
from offhours.sim.given import Given, Origin, read_knob
from offhours.sim.knobs import SECTIONS, Named, Section, knobs
from offhours.sim.layers import LAYERS, Layer, check_ticker, read_layer
from offhours.sim.market import ask, book, brackets, deleverage, waterfall
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import (
    BY_FORM,
    CLASS,
    FORMS_OF,
    FUNDING_POLICY,
    POLICY,
    STAGES,
    read_policy,
    read_stages,
)
from offhours.sim.rulebook import Venue, read_asset, read_spot, read_venue, runs, tickers
from offhours.sim.tiers import FLAT, FLAT20, Tier, read_classes
from offhours.sim.units import Instrument, UnitError


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
        first = self[brackets.tiers][brackets.TIERS * self.tickers.index(ticker)]
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
        """Write each ticker's class into the tier table; :func:`brackets.prepare` holds it to the largest leverage."""
        name = "perp.margin.leverage_max"
        table = np.zeros(brackets.TIERS * len(self.tickers), dtype=spec_of(brackets.tiers).dtype)
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
            own = table[brackets.TIERS * number : brackets.TIERS * (number + 1)]
            own["from_uusd"] = brackets.NO_TIER
            for row, tier in zip(own, tiers):
                row["from_uusd"], row["initial_ppb"] = tier.from_uusd, tier.initial_ppb
                row["maintenance_ppb"] = tier.maintenance_ppb
        self.arrays[brackets.tiers] = table

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
