"""Every knob of the market by the name that people use: its section and its column without the unit.

``perp.margin.leverage_max`` is the column ``leverage_max_milli`` of the margin's rules. The rooms declare the columns; the
sections are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offhours.sim import units
from offhours.sim.declare import Accessor, Knob, spec_of
from offhours.sim.market import (
    backstop,
    bank,
    book,
    brackets,
    collateral,
    conversion,
    deleverage,
    engine,
    fees,
    funding,
    gap,
    halts,
    insurance,
    interest,
    issuer,
    lending,
    matching,
    oracle,
    pool,
    providers,
    socialised,
    sources,
    stock,
)
from offhours.sim.names import NAMES


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
    "perp.sources": Section(sources.source_rules),
    "perp.funding": Section(funding.funding_rules),
    "perp.margin": Section(brackets.margin_rules),
    "perp.collateral": Section(collateral.collateral_rules),
    "perp.conversion": Section(conversion.conversion_rules, "market"),
    "lending": Section(lending.lending_rules),
    "lending.dollars": Section(lending.dollar_rules, "market"),
    "perp.liquidation": Section(engine.liquidation_rules, "market"),
    "perp.backstop": Section(backstop.backstop_rules, "market"),
    "perp.pool": Section(pool.pool_rules, "market"),
    "perp.insurance": Section(insurance.insurance_rules, "market"),
    "perp.adl": Section(deleverage.adl_rules, "market"),
    "perp.socialised": Section(socialised.socialised_rules, "market"),
    "perp.providers": Section(providers.provider_rules, "market"),
    "stock": Section(stock.stock_rules),
    "stock.halt": Section(halts.halt_rules),
    "stock.gap": Section(gap.gap_rules, "market"),
    "interest": Section(interest.interest_rules, "market"),
    "interest.token": Section(interest.dividend_rules),
    "issuer": Section(issuer.issuer_rules),
    "bank": Section(bank.bank_rules, "market"),
}


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
