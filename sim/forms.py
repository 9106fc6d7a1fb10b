"""The formulas of venues, by question: what each asks for, its text, and the function of a room of the market that it is.

A *question* ("liquidation-price") has one or more *forms*, named after the venue that has it. A form lists its inputs and its
steps; the last step is the answer. :mod:`offhours.sim.calculator` reads inputs, asks rulebooks and works a form out.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from offhours.sim import policies
from offhours.sim.compile import uncompiled
from offhours.sim.market import deleverage, funding, insurance, issuer, liquidation, margin, oracle
from offhours.sim.rules import Mistake

MICRO = 1_000_000

Value = Any
"""A Fraction, or a tuple of them for a list."""

MEANINGS: dict[str, str] = {
    "side": "long or short",
    "entry": "price at which the position was opened",
    "price": "price now (mark or oracle)",
    "size": "size without sign, in base units",
    "signed_size": "size, negative for a short",
    "leverage": "notional over margin at the start",
    "leverage_max": "largest leverage of the market",
    "maintenance": "maintenance margin rate",
    "initial": "initial margin rate",
    "amount": "maintenance amount (deduction) of the tier",
    "balance": "quote balance of the account",
    "wallet": "balance of the wallet",
    "equity": "what the account is worth at the price",
    "others_maintenance": "maintenance margin of the other positions",
    "others_notional": "net notional of the other positions, shorts negative",
    "others_pnl": "unrealised profit of the other positions",
    "taker": "taker fee",
    "margin": "margin of the position (coin for inverse contracts)",
    "contracts": "number of inverse contracts of one dollar",
    "close": "size that is closed, without sign; 0 for all of it",
    "notional": "value of the position",
    "tiers": "tier table: from:initial:maintenance, ...",
    "whole": "yes (or whole) where a tier's rate counts for the whole position",
    "slope": "growth of the rate per unit of size",
    "closed": "yes while regular trading is closed",
    "closed_leverage": "largest leverage while it is closed",
    "closed_add": "added to both rates while it is closed",
    "all_positions": "yes (or all) where that leverage binds positions too",
    "down": "how many tiers lower a step goes",
    "rising": "yes (or rising) where the k-th premium counts k times",
    "maintenance_share": "maintenance margin as a share of what it is compared with",
    "open_interest": "open interest of the market",
    "lower": "open interest at which the scaling begins",
    "upper": "open interest at which it is complete",
    "slippage": "cost of leaving as a share of value",
    "risk": "risk factor of the side",
    "scaling": "initial margin over maintenance margin",
    "edge": "notional at which the tier begins",
    "rate": "rate of the tier, or of the fee",
    "rate_below": "rate of the tier below",
    "amount_below": "maintenance amount of the tier below",
    "added": "further equity behind the position",
    "threshold": "share at which it happens",
    "collateral": "collateral behind the position",
    "rollover": "rollover fees owed",
    "funding_owed": "funding owed",
    "closing_fee": "fee of the closing value",
    "tick": "smallest step of price; rounded up to it",
    "tier": "number of the tier, from 1",
    "limits": "largest size of each tier, from the first",
    "share": "share of the position, or of the fund",
    "smallest": "smallest step of size",
    "large": "notional above which a liquidation is partial",
    "level": "highest level of the insurance fund",
    "fee": "liquidation fee rate",
    "adjustment": "bankruptcy adjustment",
    "spread": "spread to maintenance margin ratio",
    "shortage": "margin that is missing",
    "most": "largest rate",
    "fill": "value at which it was filled, without sign",
    "fund": "insurance fund",
    "delta": "change of the fund",
    "margin_left": "margin that is left of the closed-out party",
    "loss": "loss to be paid",
    "fee_paid": "fees to be paid",
    "pool": "insurance pool",
    "stop": "share at which it ends",
    "fund_rate": "fee for the insurance fund",
    "quote_price": "price of the quote currency in dollars",
    "asset_weight": "weight of the collateral",
    "liability_weight": "weight of the borrow",
    "asset_multiplier": "liquidation multiplier of the collateral",
    "liability_multiplier": "liquidation multiplier of the borrow",
    "levels": "levels of a book from the best: size@price, ...",
    "bids": "bids from the best: size@price, ...",
    "asks": "asks from the best: size@price, ...",
    "impact": "impact notional",
    "impact_bid": "average price of selling the impact size",
    "impact_ask": "average price of buying the impact size",
    "impact_mid": "middle of the impact prices",
    "index": "index (oracle) price",
    "mark": "mark price, or its average",
    "premiums": "premiums of the interval, separated by commas",
    "premium": "premium",
    "kept": "middle share of the sorted premiums that counts",
    "interest": "interest part, per interval",
    "band": "band within which the rate is the interest",
    "scale": "what the rate is multiplied by",
    "divisor": "what the rate is divided by",
    "cap": "largest value, both ways",
    "factor": "funding factor",
    "quote_rate": "interest of the quote currency",
    "base_rate": "interest or yield of the base",
    "third_rate": "interest of the currency of margin",
    "intervals": "intervals a day",
    "clamp": "largest spread as a share of the oracle price",
    "offset": "share of the oracle price that is added",
    "periods": "periods a day",
    "exponent": "exponent (of the imbalance; of price and resolution together)",
    "long_interest": "open interest of longs",
    "short_interest": "open interest of shorts",
    "internal": "average of the perp",
    "external": "average of the spot price",
    "years": "length in years",
    "clamp_lower": "lower clamp of the interest part",
    "clamp_upper": "upper clamp of the interest part",
    "rate_lower": "lowest rate",
    "rate_upper": "highest rate",
    "trading": "share of the period without auction",
    "hours": "hours over which it is paid off",
    "pure": "rate of longs without the broker's part",
    "broker": "the broker's part",
    "duration": "how long it was held",
    "basis": "hours of the basis",
    "points": "times and prices: time@price, ...",
    "begin": "time at which the period begins",
    "end": "time at which it ends",
    "pause_from": "time at which an auction begins",
    "pause_to": "time at which it ends",
    "average_premium": "average of price less index, dollars",
    "share_left": "share of the interval that is to come",
    "last": "last trade",
    "bid": "best bid",
    "ask": "best ask",
    "others": "marks of other venues, separated by commas",
    "before": "mark before",
    "step": "largest step",
    "sources": "prices of the sources, separated by commas",
    "weights": "weights of the sources, separated by commas",
    "guard": "largest distance of a source from the median",
    "elapsed": "time since the last update",
    "constant": "time constant",
    "future": "price of the dated future",
    "carry": "rate less yield, a year",
    "spot": "spot price",
    "kappa": "weight of the premium in the funding formula, per period",
    "iota": "interest in the funding formula, per period",
    "correlation": "correlation of spot and exchange rate",
    "spot_vol": "volatility of the spot price",
    "rate_vol": "volatility of the exchange rate",
    "raw": "raw tokens",
    "multiplier": "tokens shown for a raw one",
    "new": "new shares",
    "old": "old shares",
    "fee_a_year": "fee a year",
    "other_balance": "quote balance of the counterparty, whose position is of the same size",
    "settled": "whether the market is in final settlement",
    "budget": "how much is to be cut in all",
    "rooms": "most that can be cut of each, separated by commas",
    "scores": "the venue's score of each",
    "profits": "profit of each",
    "leverages": "leverage of each",
    "equities": "equity of each",
    "hedged": "part of each that is a hedge",
    "place": "place in the queue, 1 first",
    "profit": "unrealised profit of the position, negative where it has lost",
    "cost": "value at which the position was opened",
    "margin_kept": "maintenance margin of the account",
    "count": "how many stand in the queue",
    "losses": "losses of the symbols, separated by commas",
    "pool_before": "pool before these losses",
    "missing": "what the pool could not pay",
    "gains": "gains of the winners, separated by commas",
    "shortfall": "what is missing",
    "long_size": "open longs",
    "short_size": "open shorts",
    "deposits": "all deposits",
    "days": "days",
}
"""What each input means; the same word means the same everywhere."""


EXAMPLES: dict[str, str] = {
    "side": "long", "entry": "250", "price": "250", "size": "100", "signed_size": "100", "leverage": "10x",
    "leverage_max": "20x", "maintenance": "2.5 %", "initial": "5 %", "balance": "-22000", "wallet": "2500", "equity": "2500",
    "margin": "2", "contracts": "5000", "notional": "25000", "tiers": "0:5%:2.5%, 10k:10%:5%, 250k:20%:10%",
    "slope": "0.0005 %", "open_interest": "30M", "lower": "20M", "upper": "50M", "slippage": "10 %", "risk": "15 %",
    "edge": "10000", "rate": "0.01 %", "rate_below": "0.005 %", "threshold": "25 %", "collateral": "2500", "tier": "3",
    "limits": "100, 500, 1000", "level": "1000000", "close": "50", "fill": "12000", "fund": "1000000", "delta": "-5000",
    "margin_left": "100", "loss": "350000", "fee_paid": "20", "pool": "1000000", "shortage": "100", "most": "5 %",
    "asset_weight": "0.8", "liability_weight": "1.2", "levels": "10@250, 50@250.10, 500@250.50", "impact": "10000",
    "impact_bid": "249.80", "impact_ask": "250.40", "index": "250", "bids": "10@249.90, 500@249.50",
    "asks": "10@250.10, 500@250.50", "mark": "250.50", "premiums": "0.1 %, 0.12 %, 0.15 %, 0.2 %", "quote_rate": "0.05 %",
    "base_rate": "0.01 %", "third_rate": "0.02 %", "factor": "0.00002", "long_interest": "150000",
    "short_interest": "50000", "internal": "250.50", "external": "250", "impact_mid": "250.10", "premium": "0.1 %",
    "pure": "0.001 %", "broker": "0.0005 %", "duration": "8h", "points": "0@250, 3@251, 7@249", "end": "10",
    "average_premium": "0.50", "share_left": "50 %", "last": "250.20", "bid": "249.90", "ask": "250.10",
    "others": "250.20, 250.40", "before": "249", "sources": "249, 250, 251, 290", "weights": "3, 2, 2, 1", "elapsed": "1 s",
    "future": "255", "years": "0.25", "spot": "250", "correlation": "0.3", "spot_vol": "40 %", "rate_vol": "10 %",
    "raw": "100", "fee_a_year": "1 %", "other_balance": "50000", "budget": "20", "rooms": "10, 10, 20",
    "scores": "1, 3, 2", "profits": "100, 50, 10", "leverages": "2x, 5x, 1x", "equities": "100, 20, 40",
    "hedged": "10, 0, 5", "place": "3", "profit": "2000", "cost": "23000", "margin_kept": "625", "count": "20", "gains": "2000, 80, 6000", "losses": "200000, 300000", "pool_before": "1000000", "missing": "50000", "shortfall": "5500",
    "long_size": "7", "short_size": "4", "deposits": "120",
}  # fmt: skip
"""An input's value where somebody only wants to see a form at work (`offhours venues check`)."""


# What a form is --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """A number that a form asks for; `knob` is where a rulebook has it."""

    name: str
    kind: str
    default: str | None
    knob: str = ""


@dataclass(frozen=True)
class Step:
    """One formula: its name, the kind of its result, its text, and the function of a room that is it.

    A text that begins with "look up" or "where" is a sentence; every other one can be worked out by hand, as a test does.
    """

    name: str
    kind: str
    formula: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """A venue's way to answer a question: the last step is the answer."""

    question: str
    name: str
    source: str
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]


QUESTIONS: dict[str, str] = {}
"""Every question with the sentence that says what is asked."""

FORMS: dict[str, dict[str, Form]] = {}
"""Every form by question and name; the first of a question is taken where no venue is named."""


def _question(name: str, sentence: str) -> None:
    QUESTIONS[name] = sentence
    FORMS[name] = {}


def _step(name: str, kind: str, formula: str, function: Callable[..., Any], arguments: str = "") -> Step:
    """A step whose arguments are named like the function's parameters, or listed."""
    plain = uncompiled(function)
    names = tuple(arguments.split()) if arguments else tuple(inspect.signature(plain).parameters)
    return Step(name, kind, formula, plain, names)


def _form(question: str, name: str, source: str, inputs: str, *steps: Step, **knobs: str) -> None:
    """Declare a form. Inputs are written "name kind" or "name kind = default", separated by semicolons."""
    found = []
    for text in filter(None, (word.strip() for word in inputs.split(";"))):
        left, _, default = text.partition("=")
        key, kind = left.split()
        assert key in MEANINGS, f"nobody says what '{key}' means"
        found.append(Input(key, kind, default.strip() or None, knobs.get(key, "")))
    FORMS[question][name] = Form(question, name, source, tuple(found), steps)


# Margin ---------------------------------------------------------------------------------------------------------------


PPB = 10**9


def _micro(value: Fraction) -> int:
    return round(value * MICRO)


def _ppb(value: Fraction) -> int:
    """A share of one in whole billionths, as the market keeps it: the nearest."""
    return math.floor(value * PPB + Fraction(1, 2))


def _up(value: Fraction) -> Fraction:
    """Rounded up to a millionth of a dollar."""
    return Fraction(math.ceil(value * MICRO), MICRO)


def _edges(tiers: Value) -> tuple[Fraction, ...]:
    return tuple(tier[0] for tier in tiers)


def _at(number: int) -> Callable[[Value, Fraction], Fraction]:
    """What the tier of a notional says: its edge (0), initial (1) or maintenance (2) rate."""
    return lambda tiers, notional: tiers[margin.tier_of(notional, _edges(tiers))][number]  # type: ignore[arg-type]


def _below(number: int) -> Callable[[Value, Fraction, Fraction], Fraction]:
    """Margin below a tier's edge, each part rounded up to the micro-dollar as the market does (MARG-2)."""

    def below(tiers: Value, edge: Fraction, whole: Fraction) -> Fraction:
        total = Fraction(0)
        for lower, upper in itertools.pairwise(tiers):
            if upper[0] <= edge and whole == 0:
                total += _up((upper[0] - lower[0]) * lower[number])
        return total

    return below


def _part(below: Fraction, notional: Fraction, edge: Fraction, rate: Fraction, whole: Fraction) -> Fraction:
    counted = notional if whole == 1 else notional - edge
    return below + _up(counted * rate)


_NOTIONAL = _step("notional", "money", "size * price", lambda size, price: size * price)

_question("margin", "initial and maintenance margin of a position")


def _graded(
    tiers: Value, size: Fraction, slope: Fraction, closed: Fraction, closed_leverage: Fraction, closed_add: Fraction,
    all_positions: Fraction, open_interest: Fraction, lower: Fraction, upper: Fraction,
) -> Value:  # fmt: skip
    """A tier table as the market has it at such an hour, open interest and size (MARG-7 to MARG-9)."""
    by_hour, by_interest, up = (uncompiled(f) for f in (margin.closed_ppb, margin.crowded_ppb, margin.rounded_up))
    least = int(closed_leverage * 1000)

    def rate(ppb: int, kind: int) -> Fraction:
        if closed:
            binds = kind == 1 or all_positions == 1
            ppb = by_hour(ppb, least if binds else 0, _ppb(closed_add))
        if kind == 1 and upper > lower:
            ppb = by_interest(
                ppb, *(_micro(amount) for amount in (min(max(open_interest, lower), upper), lower, upper))
            )
        return Fraction(up(uncompiled(margin.size_linear_rate)(ppb, slope * PPB, size)), PPB)

    return tuple((edge, rate(_ppb(initial), 1), rate(_ppb(kept), 2)) for edge, initial, kept in tiers)


_GRADES = "slope rate = 0; closed flag = no; closed_leverage leverage = 150x; closed_add rate = 0; all_positions flag = no; open_interest money = 0; lower money = 0; upper money = 0"
_GRADE_KNOBS = {
    "slope": "perp.margin.slope", "closed_leverage": "perp.margin.closed_leverage", "closed_add": "perp.margin.closed_add",
    "all_positions": "perp.margin.closed_for", "lower": "perp.margin.crowded_from", "upper": "perp.margin.crowded_to",
}  # fmt: skip
_GRADED = _step(
    "rates", "tier*",
    "look up: the tiers; while closed at least 1 / closed_leverage (maintenance too where it binds all) plus closed_add; initial + (1 - initial) x the place of open_interest between lower and upper; plus slope x size",
    _graded, "tiers size slope closed closed_leverage closed_add all_positions open_interest lower upper",
)  # fmt: skip
_form(
    "margin", "tiers", "Kraken, multi-collateral margin schedules; MARG-2, MARG-7 to MARG-9", "size size; price price; tiers tier*; whole flag = no; " + _GRADES,
    _NOTIONAL,
    _GRADED,
    _step("edge", "money", "look up: where the tier of the notional begins", _at(0), "rates notional"),
    _step("initial_rate", "rate", "look up: initial margin rate of that tier", _at(1), "rates notional"),
    _step("maintenance_rate", "rate", "look up: maintenance margin rate of that tier", _at(2), "rates notional"),
    _step("initial_below", "money", "look up: initial margin of all tiers below", _below(1), "rates edge whole"),
    _step("maintenance_below", "money", "look up: maintenance margin of all tiers below", _below(2), "rates edge whole"),
    _step("initial_margin", "money", "initial_below + up((notional - edge * (1 - whole)) * initial_rate)", _part, "initial_below notional edge initial_rate whole"),
    _step("maintenance_margin", "money", "maintenance_below + up((notional - edge * (1 - whole)) * maintenance_rate)", _part, "maintenance_below notional edge maintenance_rate whole"),
    tiers="tiers", whole="perp.margin.form", **_GRADE_KNOBS,
)  # fmt: skip
_form(
    "margin", "binance", "Binance FAQ: leverage and margin of USD-M futures", "size size; price price; maintenance rate; amount money = 0; leverage leverage",
    _NOTIONAL,
    _step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    _step("maintenance_margin", "money", "notional * maintenance - amount", margin.margin_less_amount, "notional maintenance amount"),
)  # fmt: skip
_form(
    "margin", "deribit", "Deribit: linear perpetuals, margin", "size size; price price; initial rate; maintenance rate; slope rate",
    _NOTIONAL,
    _step("initial_rate", "rate", "initial + slope * size", margin.size_linear_rate, "initial slope size"),
    _step("maintenance_rate", "rate", "maintenance + slope * size", margin.size_linear_rate, "maintenance slope size"),
    _step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
    _step("initial_margin", "money", "notional * initial_rate", lambda notional, initial_rate: notional * initial_rate),
)  # fmt: skip
_form(
    "margin", "dydx", "dYdX v4, protocol/x/perpetuals liquidity tiers: initial margin scaled by open interest", "notional money; initial rate; maintenance_share rate = 60 %; open_interest money; lower money; upper money",
    _step("initial_rate", "rate", "look up: initial + (1 - initial) * clamp((open_interest - lower) / (upper - lower), 0, 1), just initial where the band is empty", margin.open_interest_scaled_rate, "initial open_interest lower upper"),
    _step("maintenance_margin", "money", "up(notional * initial * maintenance_share)", lambda notional, initial, maintenance_share: _up(notional * initial * maintenance_share)),
    _step("initial_margin", "money", "up(notional * initial_rate)", lambda notional, initial_rate: _up(notional * initial_rate)),
    lower="perp.margin.crowded_from", upper="perp.margin.crowded_to",
)  # fmt: skip
_form(
    "margin", "hyperliquid", "Hyperliquid documentation: margining", "size size; price price; leverage leverage; leverage_max leverage",
    _NOTIONAL,
    _step("maintenance_rate", "rate", "1 / (2 * leverage_max)", margin.half_of_initial, "leverage_max"),
    _step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    _step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
    leverage_max="perp.margin.leverage_max",
)  # fmt: skip
_form(
    "margin", "vega", "Vega specification 0019-MCAL: margin calculator", "size size; price price; slippage rate; risk rate; scaling number = 1.5",
    _NOTIONAL,
    _step("order_margin", "money", "notional * risk", lambda notional, risk: notional * risk),
    _step("order_initial_margin", "money", "order_margin * scaling", lambda order_margin, scaling: order_margin * scaling),
    _step("maintenance_margin", "money", "notional * slippage + risk * notional", margin.slippage_and_risk_margin, "notional slippage risk"),
)  # fmt: skip

_question("maintenance-amount", "what a tier takes off notional x rate, so that margin has no jump at its edge")
_form(
    "maintenance-amount", "binance", "Binance FAQ: leverage and margin of USD-M futures", "edge money; rate rate; rate_below rate; amount_below money = 0",
    _step("amount", "money", "edge * (rate - rate_below) + amount_below", margin.maintenance_amount),
)  # fmt: skip


def _amounts(tiers: Value, notional: Fraction) -> Value:
    amount: Any = Fraction(0)
    for lower, upper in itertools.pairwise(tiers):
        if upper[0] <= notional:
            amount = margin.maintenance_amount(upper[0], upper[2], lower[2], amount)
    return amount


_form(
    "maintenance-amount", "tiers", "Binance FAQ: leverage and margin of USD-M futures", "notional money; tiers tier*",
    _step("maintenance_rate", "rate", "look up: maintenance margin rate of the tier", _at(2), "tiers notional"),
    _step("amount", "money", "look up: sum over the edges up to the notional of edge * (rate - rate below)", _amounts, "tiers notional"),
    tiers="tiers",
)  # fmt: skip

# Liquidation price -----------------------------------------------------------------------------------------------------

_question("liquidation-price", "the price at which an account is below its maintenance margin")
for _name, _source in (
    ("kraken-paper", "krakenfx/kraken-cli, src/futures_paper.rs"),
    ("bybit", "Bybit USDT contracts, isolated margin, as freqtrade computes it"),
):
    _form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate = 2 %",
        _step("price", "price", "entry * (1 - side / leverage + side * maintenance)", margin.leverage_liquidation_price, "side entry leverage maintenance"),
    )  # fmt: skip


def _tiered(side: Fraction, size: Fraction, entry: Fraction, equity: Fraction, tiers: Value, whole: Fraction) -> Any:
    rates = tuple(tier[2] for tier in tiers)
    found = margin.tiered_liquidation_price(equity, side * size, entry, _edges(tiers), rates, int(whole))  # type: ignore[arg-type]
    return "none: it cannot fall that far" if found == -1 else found


def _tier_there(number: int) -> Callable[..., Fraction]:
    """What the tier says in which the liquidation price lies: its edge (0) or maintenance rate (2)."""

    def there(
        side: Fraction, size: Fraction, entry: Fraction, equity: Fraction, tiers: Value, whole: Fraction
    ) -> Fraction:
        price = _tiered(side, size, entry, equity, tiers, whole)
        tier: Any = margin.tier_of
        return Fraction(tiers[0 if isinstance(price, str) else tier(price * size, _edges(tiers))][number])

    return there


def _margin_below(tiers: Value, edge: Fraction, whole: Fraction) -> Fraction:
    """Maintenance margin of the tiers below an edge, none where a rate counts for the whole position."""
    summed: Any = margin.tiered_margin
    return Fraction(0) if whole == 1 else Fraction(summed(edge, _edges(tiers), tuple(tier[2] for tier in tiers), 0))


_form(
    "liquidation-price", "tiers", "Kraken, multi-collateral margin schedules; MARG-1, MARG-2", "side side; size size = 1; entry price; leverage leverage; added money = 0; tiers tier*; whole flag = no; " + _GRADES,
    _step("equity", "money", "size * entry / leverage + added", lambda size, entry, leverage, added: size * entry / leverage + added),
    _GRADED,
    _step("edge", "money", "look up: where the tier begins in which the price lies", _tier_there(0), "side size entry equity rates whole"),
    _step("rate", "rate", "look up: maintenance margin rate of that tier", _tier_there(2), "side size entry equity rates whole"),
    _step("below", "money", "look up: maintenance margin of all tiers below it", _margin_below, "rates edge whole"),
    _step("price", "price", "max(edge / size * (1 - side) / 2, (equity - side * size * entry - below + rate * edge * (1 - whole)) / (size * rate - side * size))", _tiered, "side size entry equity rates whole"),
    tiers="tiers", whole="perp.margin.form", **_GRADE_KNOBS,
)  # fmt: skip
_form(
    "liquidation-price", "binance", "Binance FAQ: liquidation price of USD-M futures", "side side; wallet money; size size; entry price; maintenance rate; amount money = 0; others_maintenance money = 0; others_pnl money = 0",
    _step("price", "price", "(wallet - others_maintenance + others_pnl + amount - side * size * entry) / (size * maintenance - side * size)", margin.wallet_liquidation_price, "side wallet size entry maintenance amount others_maintenance others_pnl"),
)  # fmt: skip
for _name, _source in (
    ("okx", "OKX, isolated margin of linear swaps, as freqtrade computes it"),
    ("gate", "Gate, isolated margin of linear perpetuals, as freqtrade computes it"),
):
    _form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate; taker rate = 0.05 %",
        _step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
        _step("price", "price", "(entry - side * margin_per_unit) / (1 - side * (maintenance + taker))", margin.margin_liquidation_price, "side entry margin_per_unit maintenance taker"),
    )  # fmt: skip
for _name, _source in (
    ("dydx", "dYdX v4 documentation: liquidation price"),
    ("account", "where equity is maintenance margin, one position"),
):
    _form(
        "liquidation-price", _name, _source, "equity money; signed_size size; price price; maintenance rate",
        _step("price_at", "price", "(equity - signed_size * price) / (abs(signed_size) * maintenance - signed_size)", margin.equity_liquidation_price, "equity signed_size price maintenance"),
    )  # fmt: skip
_form(
    "liquidation-price", "deribit", "Deribit: linear perpetuals, margin; where equity is maintenance margin", "equity money; signed_size size; price price; maintenance rate; slope rate",
    _step("maintenance_rate", "rate", "maintenance + slope * abs(signed_size)", lambda m, s, q: uncompiled(margin.size_linear_rate)(m, s, abs(q)), "maintenance slope signed_size"),
    _step("price_at", "price", "(equity - signed_size * price) / (abs(signed_size) * maintenance_rate - signed_size)", margin.equity_liquidation_price, "equity signed_size price maintenance_rate"),
)  # fmt: skip
for _name, _source in (
    ("hyperliquid", "Hyperliquid documentation: liquidations"),
    ("trade-xyz", "trade.xyz documentation: HIP-3 markets liquidate as Hyperliquid does"),
    ("lighter", "Lighter documentation: below the maintenance margin fraction; where equity is maintenance margin"),
):
    _form(
        "liquidation-price", _name, _source, "side side; size size = 1; price price; equity money; leverage_max leverage",
        _step("maintenance_rate", "rate", "1 / (2 * leverage_max)", margin.half_of_initial, "leverage_max"),
        _step("available", "money", "equity - size * price * maintenance_rate", lambda equity, size, price, maintenance_rate: equity - size * price * maintenance_rate),
        _step("price_at", "price", "price - side * available / size / (1 - maintenance_rate * side)", margin.available_liquidation_price, "side price available size maintenance_rate"),
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip
_form(
    "liquidation-price", "ostium", "Ostium contracts: liquidation margin and distance", "side side; entry price; leverage leverage; leverage_max leverage; threshold rate; collateral money; rollover money = 0; funding_owed money = 0",
    _step("kept", "money", "collateral * threshold * leverage / leverage_max", lambda collateral, threshold, leverage, leverage_max: collateral * threshold * leverage / leverage_max),
    _step("price", "price", "entry - side * entry * (collateral - kept - rollover - funding_owed) / collateral / leverage", margin.threshold_liquidation_price, "side entry leverage leverage_max threshold collateral rollover funding_owed"),
)  # fmt: skip
_form(
    "liquidation-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number; maintenance rate",
    _step("price", "price", "(1 + side * maintenance) * contracts / (contracts / entry + side * margin)", margin.inverse_liquidation_price, "side contracts entry margin maintenance"),
)  # fmt: skip
_form(
    "liquidation-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; rates inferred from it", "side side; contracts size; entry price; margin number; maintenance rate = 0.5 %; closing_fee rate = 0.06 %; tick price = 0.05",
    _step("bankruptcy", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", liquidation.inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    _step("kept", "number", "contracts / entry * maintenance + contracts / bankruptcy * closing_fee", lambda contracts, entry, maintenance, bankruptcy, closing_fee: contracts / entry * maintenance + contracts / bankruptcy * closing_fee),
    _step("exact", "price", "contracts / (contracts / entry + side * (margin - kept))", margin.inverse_entry_liquidation_price, "side contracts entry margin kept"),
    _step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

_question("partial-size", "how much of a position a liquidation closes first")
_form(
    "partial-size", "okx", "OKX: partial liquidation by tiers", "size size; tier number; limits size*; down number = 2",
    _step("part", "size", "look up: size - limit so many tiers lower, all of it where there is none", margin.partial_to_tier, "size tier limits down"),
)  # fmt: skip


def _to_tier(size: Fraction, price: Fraction, tiers: Value, down: Fraction, least: Fraction) -> Fraction:
    """What takes a position below the edge of a lower tier; nothing where there is none so far down (LIQ-17)."""
    edges = _edges(tiers)
    number = margin.tier_of(size * price, edges) - int(down)  # type: ignore[arg-type]
    if number < 0:
        return Fraction(0)
    lots = int(size / least)
    return (
        size - least * uncompiled(liquidation.lots_below)(_micro(edges[number + 1]), _micro(price * least))
        if lots
        else size
    )


_form(
    "partial-size", "tiers", "LIQ-17: just below the edge of a lower tier (Bybit, BitMEX: the next); none in the lowest", "size size; price price; tiers tier*; down number = 1; smallest size = 0.01",
    _NOTIONAL,
    _step("part", "size", "look up: size - most whole lots whose value is below the edge where the tier above that one begins, 0 in the lowest tiers", _to_tier, "size price tiers down smallest"),
    tiers="tiers", down="perp.liquidation.step_tiers", smallest="perp.book.lot",
)  # fmt: skip
_form(
    "partial-size", "kraken", "Kraken support, Equity Protection Process: 10 % steps", "size size; share rate = 10 %",
    _step("closed", "size", "size * share", lambda size, share: size * share),
    share="perp.liquidation.step",
)  # fmt: skip
_form(
    "partial-size", "hyperliquid", "Hyperliquid documentation: liquidations; first a fifth above $100,000, then 30 s of rest", "size size; price price; share rate = 20 %; large money = 100000",
    _NOTIONAL,
    _step("closed", "size", "size * share if notional > large else size", lambda size, share, notional, large: size * share if notional > large else size),
    share="perp.liquidation.step", large="perp.liquidation.large",
)  # fmt: skip

# Bankruptcy and fillable price ------------------------------------------------------------------------------------------

_question("bankruptcy-price", "the price at which nothing of the margin is left")
_form(
    "bankruptcy-price", "bitmex", "BitMEX: bankruptcy price, isolated margin", "side side; entry price; leverage leverage",
    _step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
    _step("price", "price", "entry - side * margin_per_unit", liquidation.linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
_form(
    "bankruptcy-price", "kraken", "LIQ-7: zero-equity price of one of several positions, fees included", "signed_size size; price price; equity money; maintenance_share rate = 100 %; taker rate = 0.05 %; fee rate = 0.5 %",
    _step("share", "money", "equity * maintenance_share", lambda equity, maintenance_share: equity * maintenance_share),
    _step("fees", "rate", "taker + fee", lambda taker, fee: taker + fee),
    _step("price_at", "price", "(price - share / signed_size) / (1 - fees * (1 if signed_size > 0 else -1))", lambda price, share, signed_size, fees: _zero_equity(price, share, signed_size, fees)),
    taker="perp.fees.taker", fee="perp.liquidation.fee",
)  # fmt: skip


def _zero_equity(price: Fraction, share: Fraction, signed_size: Fraction, fees: Fraction) -> Fraction:
    """LIQ-7 as the market has it, in units of a whole dollar and a whole coin: it counts size in lots, so whole ones go in."""
    scale = signed_size.denominator
    lots = int(signed_size * scale)
    formula = uncompiled(liquidation.zero_equity_price)
    return Fraction(formula(float(price), float(share * scale), lots, 1, float(fees * 10**9)))


def _sign(value: Fraction) -> int:
    return 1 if value > 0 else -1


_DYDX_ACCOUNT = "balance money; signed_size size; price price; maintenance rate; others_notional money = 0; others_maintenance money = 0"
_COLLATERAL = _step(
    "collateral", "money", "balance + signed_size * price + others_notional",
    lambda balance, signed_size, price, others_notional: balance + signed_size * price + others_notional,
)  # fmt: skip
_ALL_MAINTENANCE = _step(
    "all_maintenance", "money", "up(abs(signed_size) * price * maintenance) + others_maintenance",
    lambda signed_size, price, maintenance, others_maintenance: _up(abs(signed_size) * price * maintenance) + others_maintenance,
)  # fmt: skip
_CLOSED = _step(
    "closed",
    "size",
    "close if close > 0 else abs(signed_size)",
    lambda close, signed_size: close if close > 0 else abs(signed_size),
)
_SLICE = (
    _COLLATERAL,
    _ALL_MAINTENANCE,
    _CLOSED,
    _step("notional_change", "money", "-closed * price * sign(signed_size)", lambda closed, price, signed_size: -closed * price * _sign(signed_size)),
    _step("maintenance_change", "money", "up(abs(signed_size) * price * maintenance) - up((abs(signed_size) - closed) * price * maintenance)", lambda signed_size, price, maintenance, closed: _up(abs(signed_size) * price * maintenance) - _up((abs(signed_size) - closed) * price * maintenance)),
    _step("bankruptcy_value", "money", "up(-notional_change - collateral * maintenance_change / all_maintenance)", lambda n, c, d, m: Fraction(liquidation.slice_bankruptcy_quantums(_micro(n), _micro(c), _micro(d), _micro(m)), MICRO), "notional_change collateral maintenance_change all_maintenance"),
)  # fmt: skip
_form(
    "bankruptcy-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go: what closing must bring (a cost is negative)", _DYDX_ACCOUNT + "; close size = 0",
    *_SLICE,
)  # fmt: skip
_form(
    "bankruptcy-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number",
    _step("price", "price", "contracts / (contracts / entry + side * margin)", lambda side, contracts, entry, margin: liquidation.inverse_bankruptcy_price(side, contracts, entry, margin, 0)),
)  # fmt: skip
_form(
    "bankruptcy-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; the fee is inferred from it", "side side; contracts size; entry price; margin number; closing_fee rate = 0.06 %; tick price = 0.05",
    _step("exact", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", liquidation.inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    _step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

_question("fillable-price", "the worst price at which a liquidation order may fill")
_form(
    "fillable-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", _DYDX_ACCOUNT + "; adjustment rate = 100 %; spread rate = 10 %",
    _COLLATERAL,
    _ALL_MAINTENANCE,
    _step("distressed", "rate", "min(max(adjustment * (1 - collateral / all_maintenance), 0), 1)", liquidation.distress, "collateral all_maintenance adjustment"),
    _step("price_at", "price", "(signed_size * price - distressed * spread * abs(signed_size) * price * maintenance) / signed_size", lambda q, p, m, spread, d: uncompiled(liquidation.fillable_price)(q * p, q, abs(q) * p * m, spread, d), "signed_size price maintenance spread distressed"),
    adjustment="perp.liquidation.adjustment", spread="perp.liquidation.spread",
)  # fmt: skip

# Fees, insurance --------------------------------------------------------------------------------------------------------

_question("liquidation-fee", "what a liquidated account pays for it")
_form(
    "liquidation-fee", "kraken", "LIQ-9: at most what equity is left", "notional money; equity money; rate rate = 0.5 %",
    _step("fee", "money", "max(0, min(notional * rate, equity))", liquidation.capped_fee, "notional rate equity"),
    rate="perp.liquidation.fee",
)  # fmt: skip
_form(
    "liquidation-fee", "drift", "drift-labs/protocol-v2, math/liquidation: fee for the insurance fund", "shortage money; size size; price price; maintenance rate; rate rate; most rate",
    _step("fee", "rate", "look up: min(most, max(0, maintenance - rate - shortage / (size * price)) * 19 / 20), rounded down to a millionth; 0 without price, size or room", lambda shortage, size, price, maintenance, rate, most: Fraction(liquidation.fund_fee_ppm(_micro(shortage), round(size * 10**9), _micro(maintenance), _micro(rate), _micro(price), _micro(most)), MICRO)),
)  # fmt: skip

_question("insurance-delta", "what an insurance fund gets or, negative, pays when a position is closed")
_form(
    "insurance-delta", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", _DYDX_ACCOUNT + "; close size = 0; fill money; most rate = 0.5 %",
    *_SLICE,
    _step("proceeds", "money", "fill * sign(signed_size)", lambda fill, signed_size: fill * _sign(signed_size)),
    _step("delta", "money", "min(proceeds - bankruptcy_value, down(fill * most)) if proceeds > bankruptcy_value else proceeds - bankruptcy_value", lambda p, b, f, m: Fraction(liquidation.insurance_delta_quantums(_micro(p), _micro(b), _micro(f), round(m * MICRO)), MICRO), "proceeds bankruptcy_value fill most"),
)  # fmt: skip
_form(
    "insurance-delta", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: IsValidInsuranceFundDelta", "fund money; delta money",
    _step("allowed", "flag", "delta >= 0 or fund + delta >= 0", lambda fund, delta: liquidation.fund_can_pay(_micro(fund), _micro(delta))),
)  # fmt: skip
_form(
    "insurance-delta", "vega", "Vega specification 0003-MTMK: closed-out party", "fund money; margin_left money; loss money; fee_paid money",
    _step("fund_after", "money", "fund + margin_left - loss - fee_paid", liquidation.fund_after_closeout, "fund margin_left loss fee_paid"),
)  # fmt: skip
_form(
    "insurance-delta", "bybit", "Bybit: ADL, 8 h drawdown of the insurance pool", "loss money; pool money; threshold rate = -30 %; stop rate = -25 %",
    _step("ratio", "rate", "-loss / pool", liquidation.drawdown, "loss pool"),
    _step("begins", "flag", "ratio < threshold", lambda ratio, threshold: ratio < threshold),
    _step("ends", "flag", "ratio > stop", lambda ratio, stop: ratio > stop),
    _step("moved", "money", "max(0, loss + threshold * pool)", liquidation.beyond_drawdown, "loss pool threshold"),
)  # fmt: skip

_question("insurance-room", "what an insurance fund may still spend before others pay")
_form(
    "insurance-room", "drawdown", "INS-3 to INS-5: a share of its highest level; Bybit: 30 % of 8 h, ends at 25 %; OKX: 30 % of its 8 h peak", "level money; loss money; share rate = 100 %; stop rate = 100 %",
    _step("stays", "flag", "loss >= up(level * stop)", lambda level, loss, stop: uncompiled(insurance.stays_stopped)(_micro(level), _micro(loss), _ppb(stop))),
    _step("room", "money", "max(0, down(level * share) - loss)", lambda level, loss, share: Fraction(uncompiled(insurance.room_left)(_micro(level), _micro(loss), _ppb(share)), MICRO)),
    share="perp.insurance.drawdown", stop="perp.insurance.resume",
)  # fmt: skip

_question("cover-size", "how much must be closed to cover a margin shortage")
_form(
    "cover-size", "drift", "drift-labs/protocol-v2, math/liquidation", "shortage money; price price; maintenance rate; rate rate = 0; fund_rate rate = 0; quote_price price = 1",
    _step("size", "size", "look up: shortage / (price * quote_price * (maintenance - rate) - price * fund_rate), rounded down at each division", lambda shortage, price, maintenance, rate, fund_rate, quote_price: Fraction(liquidation.cover_size_nano(_micro(shortage), _micro(maintenance), _micro(rate), _micro(fund_rate), _micro(price), _micro(quote_price)), 10**9)),
)  # fmt: skip
_form(
    "cover-size", "drift-spot", "drift-labs/protocol-v2, math/liquidation: borrow taken over with collateral", "shortage money; asset_weight number; liability_weight number; asset_multiplier number = 1; liability_multiplier number = 1; price price; fund_rate rate = 0",
    _step("size", "size", "look up: shortage / price / (liability_weight * (1 - fund_rate) - asset_weight * asset_multiplier / liability_multiplier), rounded down at each division", lambda shortage, asset, liability, asset_by, liability_by, price, fund_rate: Fraction(liquidation.cover_transfer_nano(_micro(shortage), round(asset * 10_000), _micro(asset_by), round(liability * 10_000), _micro(liability_by), _micro(price), _micro(fund_rate)), 10**9), "shortage asset_weight liability_weight asset_multiplier liability_multiplier price fund_rate"),
)  # fmt: skip

# Premium and funding ----------------------------------------------------------------------------------------------------


def _ppm(value: Value) -> int:
    """A share of one in whole millionths, towards zero."""
    return int(value * MICRO)


def _quote(levels: Value, value: Fraction) -> Fraction:
    """Impact price of a side, -1 where it is too thin or empty."""
    return Fraction(oracle.price_of_value(levels, value)) if levels else Fraction(-1)  # type: ignore[arg-type]


def _whole_units(*prices: Fraction) -> tuple[int, ...]:
    """Prices in one unit that makes all of them whole, -1 staying what it is."""
    unit = math.lcm(*(price.denominator for price in prices))
    return tuple(-1 if price < 0 else int(price * unit) for price in prices)


_question("impact-price", "average price at which a book takes or gives an amount")
_form(
    "impact-price", "value", "impact notional of Binance, dYdX, Hyperliquid: a size in dollars", "levels level*; impact money",
    _step("price", "price", "look up: dollars over size, walking the levels from the best", oracle.price_of_value, "levels impact"),
)  # fmt: skip
_form(
    "impact-price", "size", "impact size of Kraken: a size in base units", "levels level*; size size",
    _step("price", "price", "look up: dollars over size, walking the levels from the best", oracle.price_of_size, "levels size"),
)  # fmt: skip

_question("premium", "distance of the perp from its index, as a share of the index")
_form(
    "premium", "kraken", "Kraken, funding of linear perpetuals: premium of the impact mid (FUND-1)", "impact_bid price; impact_ask price; index price",
    _step("impact_mid", "price", "(impact_bid + impact_ask) / 2", lambda impact_bid, impact_ask: (impact_bid + impact_ask) / 2),
    _step("premium", "rate", "ppb((impact_mid - index) / index)", lambda impact_mid, index: Fraction(_ppb((impact_mid - index) / index), PPB)),
)  # fmt: skip
for _name, _source in (
    ("binance", "Binance: premium index from impact bid and ask (FUND-7)"),
    ("bitmex", "BitMEX, perpetual contracts guide: premium index (FUND-7)"),
    ("bybit", "Bybit: premium index from impact bid and ask (FUND-7)"),
    ("okx", "OKX: premium index from impact bid and ask (FUND-7)"),
    ("hyperliquid", "Hyperliquid: premium from impact prices (FUND-7)"),
    ("trade-xyz", "trade.xyz: premium from impact prices (FUND-7)"),
    ("lighter", "Lighter: premium from impact prices of 500 USDC over the initial margin fraction"),
):
    _form(
        "premium", _name, _source, "impact_bid price; impact_ask price; index price",
        _step("premium", "rate", "(max(0, impact_bid - index) - max(0, index - impact_ask)) / index", lambda index, bid, ask: oracle_difference(index, bid, ask) / index, "index impact_bid impact_ask"),
    )  # fmt: skip
_form(
    "premium", "dydx", "dydxprotocol/v4-chain, memclob premium votes: impact notional, whole ppm", "bids level* = none; asks level* = none; impact money = 5000; index price",
    _step("impact_bid", "price", "look up: average price at which the bids take the impact notional, -1 where they are too thin", _quote, "bids impact"),
    _step("impact_ask", "price", "look up: average price at which the asks give the impact notional, -1 where they are too thin", _quote, "asks impact"),
    _step("premium", "rate", "truncated((max(0, impact_bid - index) - (max(0, index - impact_ask) if impact_ask > 0 else 0)) / index)", lambda index, bid, ask: Fraction(funding.premium_ppm(*_whole_units(index, bid, ask)), MICRO), "index impact_bid impact_ask"),
)  # fmt: skip
_form(
    "premium", "deribit", "Deribit: (mark - index) / index", "mark price; index price",
    _step("premium", "rate", "(mark - index) / index", lambda mark, index: (mark - index) / index),
)  # fmt: skip


def oracle_difference(index: Fraction, bid: Fraction, ask: Fraction) -> Fraction:
    """FUND-7 as the market has it, exactly."""
    return Fraction(uncompiled(oracle.impact_difference)(index, bid, ask))


def _averaged(premiums: Value, kept: Fraction, rising: Fraction) -> Fraction:
    """FUND-2, first part, and FUND-15, as the market has them: whole billionths; the middle share, or by rising weights."""
    if rising == 1:
        weight, weights, down = (
            uncompiled(f) for f in (funding.weight_of, funding.sum_of_weights, funding.toward_zero)
        )
        total = sum(weight(k, funding.RISING) * _ppb(premium) for k, premium in enumerate(premiums, 1))
        return Fraction(down(total, weights(len(premiums), funding.RISING)), PPB)
    ordered = sorted(_ppb(premium) for premium in premiums)
    count = max(1, int(len(ordered) * kept))
    skipped = (len(ordered) - count) // 2
    return Fraction(sum(ordered[skipped : skipped + count]) // count, PPB)


def _rate(shape: int) -> Callable[..., Fraction]:
    made = uncompiled(funding.rate_of)

    def rate(
        average: Fraction, interest: Fraction, band: Fraction, scale: Fraction, divisor: Fraction, cap: Fraction
    ) -> Fraction:
        return Fraction(
            made(shape, _ppb(average), _ppb(interest), _ppb(band), _ppb(scale), int(divisor), _ppb(cap)), PPB
        )

    return rate


_FUNDING_KNOBS = {
    name: f"perp.funding.{name}" for name in ("kept", "interest", "band", "scale", "divisor", "cap")
} | {"rising": "perp.funding.weights"}  # fmt: skip
_AVERAGE = _step(
    "average",
    "rate",
    "look up: mean of the middle `kept` share of the premiums, sorted; where weights rise (1 x first + 2 x second + ..) / (1 + 2 + ..); to a billionth",
    _averaged,
    "premiums kept rising",
)

_question("funding-rate", "rate that longs pay (negative: receive) per interval")
for _name, _source, _kept, _interest, _band, _scale, _divisor, _cap in (
    ("kraken", "Kraken, funding of linear perpetuals, read 2026-04-29 (FUND-2)", "50 %", "0", "0", "100 %", "24", "0.25 %"),
    ("binance", "Binance: F = [P + clamp(I - P, -0.05 %, 0.05 %)] / (8 / N) (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "2 %"),
    ("bitmex", "BitMEX, perpetual contracts guide (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "1.875 %"),
    ("bybit", "Bybit: F = P + clamp(I - P, -0.05 %, 0.05 %) (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "2 %"),
    ("okx", "OKX: F = P + clamp(I - P, -0.05 %, 0.05 %) (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "1.5 %"),
    ("hyperliquid", "Hyperliquid: 8 h rate paid an eighth each hour, at most 4 % an hour (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "8", "4 %"),
    ("trade-xyz", "trade.xyz: half of P + clamp(r - P, -0.05 %, 0.05 %) since 2025-12-19, at most 4 % an hour (FUND-8)", "100 %", "0.01 %", "0.05 %", "50 %", "8", "4 %"),
    ("deribit", "Deribit: max(0.025 %, P) + min(-0.025 %, P), per 8 h (FUND-9)", "100 %", "0", "0.025 %", "100 %", "1", "0.5 %"),
    ("drift-rate", "Drift v2 as shares of the oracle price: the spread held within a band, and an offset (FUND-12)", "100 %", "0.02 %", "10 %", "100 %", "24", "4 %"),
):  # fmt: skip
    _shape = {"kraken": funding.PREMIUM_ALONE, "deribit": funding.DEAD_BAND, "drift-rate": funding.OFFSET}.get(
        _name, funding.CLAMPED
    )
    _drawn = {
        funding.PREMIUM_ALONE: "average",
        funding.CLAMPED: "(average + min(max(interest - average, -band), band))",
        funding.DEAD_BAND: "(max(band, average) + min(-band, average))",
        funding.OFFSET: "(min(max(average, -band), band) + interest)",
    }[_shape]
    _form(
        "funding-rate", _name, _source,
        f"premiums rate*; kept rate = {_kept}; rising flag = {'yes' if _name in ('binance', 'bybit') else 'no'}; interest rate = {_interest}; band rate = {_band}; scale rate = {_scale}; divisor number = {_divisor}; cap rate = {_cap}",
        _AVERAGE,
        _step("rate", "rate", f"min(max(ppb({_drawn} * scale / divisor), -cap), cap)", _rate(_shape), "average interest band scale divisor cap"),
        **_FUNDING_KNOBS,
    )  # fmt: skip
_form(
    "funding-rate", "dydx", "dydxprotocol/v4-chain, x/perpetuals: 8 h rate, held within 600 % of initial less maintenance margin", "premiums rate*; initial rate; maintenance rate; factor rate = 600 %",
    _step("average", "rate", "truncated(sum(premiums) / len(premiums))", lambda premiums: Fraction(_ppm(sum(premiums) / len(premiums)), MICRO)),
    _step("cap", "rate", "factor * (initial - maintenance)", lambda factor, initial, maintenance: factor * (initial - maintenance)),
    _step("rate", "rate", "min(max(average, -cap), cap)", lambda average, cap: Fraction(uncompiled(funding.held_within)(_ppm(average), _ppm(cap)), MICRO)),
)  # fmt: skip
_form(
    "funding-rate", "interest", "BitMEX, perpetual contracts guide: interest of the two currencies, per interval", "quote_rate rate; base_rate rate; intervals number = 3",
    _step("rate", "rate", "(quote_rate - base_rate) / intervals", funding.interest_of_currencies, "quote_rate base_rate intervals"),
)  # fmt: skip
_form(
    "funding-rate", "drift", "drift-labs/protocol-v2, math/funding: hourly", "mark price; index price; clamp rate = 10 %; offset number = 0; periods number = 24",
    _step("spread", "money", "min(max(mark - index, -index * clamp), index * clamp)", funding.held_spread, "mark index clamp"),
    _step("per_unit", "money", "(spread + index * offset) / periods", funding.spread_funding, "spread index offset periods"),
    _step("rate", "rate", "per_unit / index", lambda per_unit, index: per_unit / index),
)  # fmt: skip
_form(
    "funding-rate", "gmx", "GMX v2 synthetics: funding a second", "factor number; exponent number = 1; long_interest money; short_interest money",
    _step("imbalance", "money", "abs(long_interest - short_interest)", lambda a, b: abs(a - b), "long_interest short_interest"),
    _step("raised", "number", "imbalance ** exponent", lambda imbalance, exponent: imbalance**exponent if exponent.denominator == 1 else Fraction(float(imbalance) ** float(exponent))),
    _step("paid", "rate", "factor * raised / (long_interest + short_interest)", lambda f, r, a, b: funding.larger_side_rate(f, r, a + b), "factor raised long_interest short_interest"),
    _step("received", "rate", "-paid * max(long_interest, short_interest) / min(long_interest, short_interest)", lambda p, a, b: funding.smaller_side_rate(p, max(a, b), min(a, b)), "paid long_interest short_interest"),
    _step("long_rate", "rate", "paid if long_interest > short_interest else received", lambda paid, received, a, b: paid if a > b else received, "paid received long_interest short_interest"),
)  # fmt: skip
_VEGA = "internal price; external price; years number = 0; interest rate = 0; clamp_lower rate = 0; clamp_upper rate = 0; scaling number = 1; rate_lower rate = -100000 %; rate_upper rate = 100000 %"
_form(
    "funding-rate", "vega", "Vega specification 0053-PERP", _VEGA,
    _step("unscaled", "money", "internal - external + min(clamp_upper * external, max(clamp_lower * external, (1 + years * interest) * external - internal))", funding.interest_clamped_payment, "internal external years interest clamp_lower clamp_upper"),
    _step("payment", "money", "min(max(unscaled * scaling, rate_lower * external), rate_upper * external)", funding.bounded_payment, "unscaled external scaling rate_lower rate_upper"),
    _step("rate", "rate", "payment / external", lambda payment, external: payment / external),
)  # fmt: skip
_form(
    "funding-rate", "mango", "Mango v4: a day's rate, impact mid over oracle within bounds", "impact_mid price; index price; rate_lower rate = -5 %; rate_upper rate = 5 %",
    _step("rate", "rate", "min(max(impact_mid / index - 1, rate_lower), rate_upper)", lambda impact_mid, index, rate_lower, rate_upper: min(max(impact_mid / index - 1, rate_lower), rate_upper)),
)  # fmt: skip
_form(
    "funding-rate", "derive", "Derive: premium paid off over 16 h (BTC, ETH, SOL) or 8 h, an hour", "premium rate; hours number = 8; cap rate = 0.068493 %",
    _step("rate", "rate", "min(max(premium / hours, -cap), cap)", funding.amortised_rate, "premium hours cap"),
)  # fmt: skip
_form(
    "funding-rate", "ostium", "Ostium contracts: rollover of a side", "pure rate; side side; broker rate",
    _step("rate", "rate", "side * pure + broker", funding.broker_rate, "pure side broker"),
)  # fmt: skip

_question("funding-payment", "what a position pays (negative: receives)")
for _name, _source in (
    ("kraken", "Kraken, funding of linear perpetuals: relative rate x index (FUND-4)"),
    ("hyperliquid", "Hyperliquid: size x oracle price x rate (FUND-10)"),
    ("trade-xyz", "trade.xyz: payment on the oracle price (FUND-10)"),
    ("binance", "Binance: on the mark (FUND-10)"),
    ("bybit", "Bybit: on the mark (FUND-10)"),
    ("bitmex", "BitMEX: on the mark (FUND-10)"),
    ("okx", "OKX: on the mark"),
    ("gmx", "GMX v2: rate a second x value"),
):
    _form(
        "funding-payment", _name, _source, "rate rate; index price; signed_size size",
        _step("payment", "money", "rate * index * signed_size", funding.index_payment, "rate index signed_size"),
    )  # fmt: skip
_form(
    "funding-payment", "bitmex-inverse", "BitMEX, perpetual contracts guide: inverse contract of one dollar; in coin", "contracts number; price price; rate rate",
    _step("value", "number", "contracts / price", funding.inverse_value, "contracts price"),
    _step("payment", "number", "value * rate", lambda value, rate: value * rate),
)  # fmt: skip
for _name, _basis in (("thalex", 24), ("deribit", 8)):
    _form(
        "funding-payment", _name, f"{_name.title()}: distance of mark and index, accrued over {_basis} h", f"mark price; index price; signed_size size; duration hours; basis number = {_basis}",
        _step("payment", "money", "(mark - index) * signed_size * duration / basis", funding.accrued_payment, "mark index signed_size duration basis"),
    )  # fmt: skip
_form(
    "funding-payment", "dydx", "dydxprotocol/v4-chain, x/perpetuals/funding: funding index, whole quantums, rounded towards zero", "rate rate; price price; duration hours = 1h; exponent number = -10; signed_size size = 1",
    _step("index_change", "number", "whole(rate * 1000000 * price * duration / 8 * 10 ** (exponent + 6))", lambda rate, price, duration, exponent: Fraction(_dydx_index(rate, price, duration, exponent))),
    _step("payment", "money", "signed_size * index_change / 10 ** (exponent + 12)", lambda signed_size, index_change, exponent: signed_size * index_change / Fraction(10) ** (int(exponent) + 12)),
)  # fmt: skip


def _dydx_index(rate: Fraction, price: Fraction, duration: Fraction, exponent: Fraction) -> int:
    """Decimals of the price go into the exponent, so that whole numbers go in."""
    digits = 0
    while (price * 10**digits).denominator != 1:
        digits += 1
    if duration.denominator != 1:
        raise ValueError("funding is settled each hour")
    return funding.index_change_quantums(_ppm(rate), int(price * 10**digits), int(duration), int(exponent) + 6 - digits)


_form(
    "funding-payment", "vega", "Vega specification 0053-PERP: payment of a period per unit, part of it in an auction", _VEGA + "; trading rate = 100 %; signed_size size = 1",
    _step("unscaled", "money", "internal - external + min(clamp_upper * external, max(clamp_lower * external, (1 + years * interest) * external - internal))", funding.interest_clamped_payment, "internal external years interest clamp_lower clamp_upper"),
    _step("per_unit", "money", "min(max(unscaled * scaling, rate_lower * external), rate_upper * external)", funding.bounded_payment, "unscaled external scaling rate_lower rate_upper"),
    _step("payment", "money", "per_unit * trading * signed_size", lambda per_unit, trading, signed_size: per_unit * trading * signed_size),
)  # fmt: skip

_question("time-average", "average of a price over a period")
_form(
    "time-average", "vega", "Vega specification 0053-PERP: without the time in an auction", "points point*; begin number = 0; end number; pause_from number = 0; pause_to number = 0",
    _step("average", "price", "look up: each price times the time it stood within the period and outside the pause, over that time", funding.average_over_time, "points begin end pause_from pause_to"),
)  # fmt: skip

# Mark and index ---------------------------------------------------------------------------------------------------------

_question("mark", "the price that margin and liquidation use")
_form(
    "mark", "kraken", "Kraken, mark price of futures, read 2026-04-29: index + average premium within a cap (ORC-3)", "index price; average_premium money; cap rate = 1 %",
    _step("mark", "price", "index + min(max(average_premium, -index * cap), index * cap)", lambda index, average, cap: uncompiled(oracle.mark_price)(index, average, _ppb(cap)), "index average_premium cap"),
    cap="perp.oracle.premium_cap",
)  # fmt: skip
for _name, _source in (
    ("binance", "Binance: median of fair price, index + basis average, last price (ORC-8)"),
    ("bybit", "Bybit: median of fair price, index + basis average, last price (ORC-8)"),
):
    _form(
        "mark", _name, _source, "index price; rate rate; share_left rate; average_premium money; last price",
        _step("fair", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
        _step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
        _step("mark", "price", "median([fair, averaged, last])", oracle.median_of_three, "fair averaged last"),
    )  # fmt: skip
_form(
    "mark", "bitmex", "BitMEX, fair price marking: index x (1 + funding rate x time left / interval) (ORC-8)", "index price; rate rate; share_left rate",
    _step("mark", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
)  # fmt: skip
for _name, _source in (
    ("hyperliquid", "Hyperliquid: median of index, index + average of (mid - index), and of bid, ask, last (ORC-8)"),
    ("trade-xyz", "trade.xyz: as Hyperliquid, before its step clamp (ORC-8, ORC-9)"),
):
    _form(
        "mark", _name, _source, "index price; average_premium money; bid price; ask price; last price",
        _step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
        _step("own", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
        _step("mark", "price", "median([index, averaged, own])", oracle.median_of_three, "index averaged own"),
    )  # fmt: skip
_form(
    "mark", "dydx", "dYdX v4: the oracle price (ORC-8)", "index price",
    _step("mark", "price", "index", lambda index: index),
)  # fmt: skip
_form(
    "mark", "okx", "OKX: index + moving average of the basis", "index price; average_premium money",
    _step("mark", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
)  # fmt: skip
_form(
    "mark", "deribit", "Deribit: index + 30 s average of (fair - index)", "index price; average_premium money",
    _step("mark", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
)  # fmt: skip
_form(
    "mark", "deribit-band", "Deribit, mark price page (older rule): last price within the quotes, within 3 % of the index", "index price; bid price; ask price; last price; cap rate = 3 %",
    _step("quoted", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
    _step("mark", "price", "min(max(quoted, index * (1 - cap)), index * (1 + cap))", lambda quoted, index, cap: uncompiled(oracle.bounded)(quoted, index, _ppb(cap)), "quoted index cap"),
)  # fmt: skip
_form(
    "mark", "lighter", "Lighter: median of fair price, median of other venues' marks, impact price", "index price; rate rate; share_left rate; others price*; impact_mid price",
    _step("fair", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
    _step("elsewhere", "price", "median(others)", oracle.middle, "others"),
    _step("mark", "price", "median([fair, elsewhere, impact_mid])", oracle.median_of_three, "fair elsewhere impact_mid"),
)  # fmt: skip
_form(
    "mark", "step", "HIP-3 and edgeX: at most a step from the mark before (ORC-9)", "price price; before price; step rate = 1 %",
    _step("mark", "price", "before + min(max(price - before, -before * step), before * step)", lambda price, before, step: uncompiled(oracle.stepped)(price, before, _ppb(step)), "price before step"),
)  # fmt: skip

_question("index", "the reference price, and what its guard does to sources that are far away")
for _name, _source, _guard in (
    ("binance", "Binance, price index FAQ: a source beyond the guard is capped", "3 %"),
    ("okx", "OKX: index of several spot venues; capped beyond the guard", "3 %"),
):
    _form(
        "index", _name, _source, f"sources price*; guard rate = {_guard}",
        _step("centre", "price", "median(sources)", oracle.middle, "sources"),
        _step("held", "price*", "look up: each source within centre * (1 - guard) and centre * (1 + guard)", oracle.guarded, "sources guard"),
        _step("index", "price", "mean(held)", lambda held: sum(held) / len(held)),
    )  # fmt: skip
_form(
    "index", "bybit", "Bybit: a source beyond the guard is left out and the rest re-weighted", "sources price*; weights number*; guard rate = 5 %",
    _step("centre", "price", "median(sources)", oracle.middle, "sources"),
    _step("kept_weights", "rate*", "look up: weights of sources within the guard, rescaled to one", oracle.kept_weights, "sources weights guard"),
    _step("index", "price", "look up: sum of sources times kept weights", oracle.weighted_mean, "sources kept_weights"),
)  # fmt: skip
_form(
    "index", "hyperliquid", "Hyperliquid: weighted median of spot venues, weights 3, 2, 2, 1, 1, 1, 1, 1", "sources price*; weights number* = 3,2,2,1,1,1,1,1",
    _step("index", "price", "look up: the lowest source at which half of the weight is reached", lambda sources, weights: oracle.weighted_middle(sources, weights[: len(sources)]), "sources weights"),
)  # fmt: skip
_form(
    "index", "phemex", "Phemex: without the highest and the lowest source", "sources price*",
    _step("index", "price", "look up: mean without the highest and the lowest", oracle.trimmed_of_ends, "sources"),
)  # fmt: skip
_form(
    "index", "trade-xyz", "trade.xyz, internal oracle while the stock is closed (ORC-7)", "index price; impact_bid price; impact_ask price; elapsed hours; constant hours = 1h",
    _step("difference", "money", "max(0, impact_bid - index) - max(0, index - impact_ask)", oracle_difference, "index impact_bid impact_ask"),
    _step("moved", "rate", "look up: 1 - exp(-min(elapsed, constant / 10) / constant)", lambda elapsed, constant: uncompiled(oracle.own_book_weight)(float(elapsed), float(constant)), "elapsed constant"),
    _step("index_after", "price", "index + moved * difference", lambda index, moved, difference: index + moved * difference),
    constant="perp.oracle.own",
)  # fmt: skip
_form(
    "index", "kraken", "CF Benchmarks and ORC-1: mid of the token book's impact prices", "bids level*; asks level*; size size",
    _step("impact_bid", "price", "look up: average price at which the bids take the size", oracle.price_of_size, "bids size"),
    _step("impact_ask", "price", "look up: average price at which the asks give the size", oracle.price_of_size, "asks size"),
    _step("index", "price", "(impact_bid + impact_ask) / 2", lambda impact_bid, impact_ask: (impact_bid + impact_ask) / 2),
)  # fmt: skip
_form(
    "index", "future", "trade.xyz: spot from a dated future", "future price; carry rate = 4 %; years number",
    _step("index", "price", "look up: future * exp(-carry * years)", lambda future, carry, years: uncompiled(oracle.carried_spot)(float(future), float(carry), float(years)), "future carry years"),
)  # fmt: skip

_question("price-band", "prices that are allowed while the stock is closed, or at all")
for _name, _source, _inputs, _share in (
    ("edgex", "edgeX, stock perps: 1 / largest leverage around the last close", "price price; leverage_max leverage", "1 / leverage_max"),
    ("trade-xyz", "trade.xyz, discovery bounds: 1 / largest leverage around the last external price (ORC-10)", "price price; leverage_max leverage", "1 / leverage_max"),
    ("lighter", "Lighter: mark within 1 / largest leverage of the price", "price price; leverage_max leverage", "1 / leverage_max"),
    ("qfex", "QFEX: an index outside half to one and a half of the market's price is refused", "price price; share rate = 50 %", "share"),
    ("aster", "Aster: off-hours orders within 2 % of the mark", "price price; share rate = 2 %", "share"),
):  # fmt: skip
    _form(
        "price-band", _name, _source, _inputs,
        *([_step("width", "rate", _share, lambda leverage_max: 1 / leverage_max)] if "leverage" in _share else [_step("width", "rate", _share, lambda share: share)]),
        _step("lower", "price", "price * (1 - width)", lambda price, width: oracle.price_band(price, width)[0]),
        _step("upper", "price", "price * (1 + width)", lambda price, width: oracle.price_band(price, width)[1]),
        _step("band", "price*", "look up: lower and upper", lambda lower, upper: (lower, upper)),
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip

# The perp in theory -----------------------------------------------------------------------------------------------------

_THEORY = "Ackerer, Hugonnier, Jermann, Perpetual Futures Pricing, Mathematical Finance 2025"
_RATES = "kappa number = 1; iota number = 0; quote_rate rate; base_rate rate = 0"
_question("perp-price", "where a perp stands without arbitrage; rates are per funding period")
_form(
    "perp-price", "linear", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    _step("price", "price", "spot * (kappa - iota) / (kappa + base_rate - quote_rate)", funding.anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
_form(
    "perp-price", "linear-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    _step("price", "price", "spot * (kappa - iota) * (1 + base_rate) / (base_rate - quote_rate + kappa * (1 + base_rate))", funding.anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
_form(
    "perp-price", "inverse", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    _step("price", "price", "spot * (kappa + quote_rate - base_rate) / (kappa - iota)", funding.inverse_anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
_form(
    "perp-price", "inverse-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    _step("price", "price", "spot * (quote_rate - base_rate + kappa * (1 + quote_rate)) / ((kappa - iota) * (1 + quote_rate))", funding.inverse_anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
_form(
    "perp-price", "quanto", f"{_THEORY}: continuous time, margin in a third currency", "spot price; kappa number = 1; iota number = 0; quote_rate rate; third_rate rate; correlation number; spot_vol rate; rate_vol rate",
    _step("price", "price", "spot * (kappa - iota) / (kappa + third_rate - quote_rate - correlation * spot_vol * rate_vol)", funding.quanto_anchored_price, "spot kappa iota quote_rate third_rate correlation spot_vol rate_vol"),
)  # fmt: skip

_question("anchoring-interest", "interest of the funding formula at which the perp stands at spot, or at a price")
_form(
    "anchoring-interest", "linear", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    _step("iota", "number", "quote_rate - base_rate", funding.anchoring_interest, "quote_rate base_rate"),
)  # fmt: skip
_form(
    "anchoring-interest", "linear-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    _step("iota", "number", "(quote_rate - base_rate) / (1 + base_rate)", funding.anchoring_interest_discrete, "quote_rate base_rate"),
)  # fmt: skip
_form(
    "anchoring-interest", "inverse", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    _step("iota", "number", "base_rate - quote_rate", lambda quote_rate, base_rate: funding.anchoring_interest(base_rate, quote_rate)),
)  # fmt: skip
_form(
    "anchoring-interest", "inverse-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    _step("iota", "number", "(base_rate - quote_rate) / (1 + quote_rate)", lambda quote_rate, base_rate: funding.anchoring_interest_discrete(base_rate, quote_rate)),
)  # fmt: skip
_form(
    "anchoring-interest", "implied", f"{_THEORY}: continuous time, linear, from a price", "price price; spot price; kappa number = 1; quote_rate rate; base_rate rate = 0",
    _step("iota", "number", "kappa - price * (kappa + base_rate - quote_rate) / spot", funding.implied_interest, "price spot kappa quote_rate base_rate"),
)  # fmt: skip

# The token --------------------------------------------------------------------------------------------------------------

_question("token", "what a tokenized share shows and stands for")
_form(
    "token", "split", "Backed token contract: multiplier of a rebasing token", "raw number; multiplier number = 1; new number = 1; old number = 1",
    _step("multiplier_after", "number", "multiplier * new / old", issuer.multiplier_after_split, "multiplier new old"),
    _step("shown", "number", "raw * multiplier_after", issuer.shown_tokens, "raw multiplier_after"),
)  # fmt: skip
_form(
    "token", "fee", "Backed token contract: a fee a year, taken in periods of 24 h", "multiplier number = 1; fee_a_year rate; days number = 1",
    _step("fee_a_day", "rate", "look up: 1 - (1 - fee_a_year) ^ (1 / 365)", lambda fee_a_year: 1 - (1 - float(fee_a_year)) ** (1 / 365)),
    _step("multiplier_after", "number", "look up: multiplier * (1 - fee_a_day) ^ days", lambda multiplier, fee_a_day, days: functools.reduce(lambda m, _: issuer.multiplier_after_period(m, float(fee_a_day)), range(int(days)), float(multiplier))),
)  # fmt: skip
_form(
    "token", "stock-price", "Bybit, tokenized stocks: stock price = token price / multiplier", "price price; multiplier number = 1",
    _step("stock_price", "price", "price / multiplier", issuer.stock_price_of, "price multiplier"),
)  # fmt: skip


def _allocated(name: str, column: str) -> Callable[..., tuple[Fraction, ...]]:
    """A policy on candidates with their rooms and one more column (for leverage: value over an equity of one)."""

    def allocated(budget: Fraction, rooms: Value, *values: Value) -> tuple[Fraction, ...]:
        columns = {column: [float(value) for value in values[0]]} if values else {}
        if any(len(given) != len(rooms) for given in columns.values()):
            allowed = f"there are {len(rooms)} rooms and {len(values[0])} of what goes with them"
            raise Mistake("calc adl-allocation", "", "", allowed)
        candidates = policies.Candidates.of([float(room) for room in rooms], **columns)
        taken = policies.checked(policies.POLICIES[name], candidates, float(budget), name=name)
        return tuple(Fraction(repr(float(part))) for part in taken)

    return allocated


# Auto-deleveraging and socialised loss -----------------------------------------------------------------------------------

_question("adl-score", "what a venue ranks a position by in its queue; the highest is cut first")
_DOLLARS = 1_000_000.0


def _in_micro_dollars(function: Callable[..., Any], money: int) -> Callable[..., Any]:
    """A formula that counts micro-dollars, asked in dollars: its last `money` arguments are money."""
    plain = uncompiled(function)

    def asked(*values: Fraction) -> Any:
        first = len(values) - money
        return plain(*map(float, values[:first]), *(float(value) * _DOLLARS for value in values[first:]))

    return asked


_form(
    "adl-score", "bitmex", "BitMEX, auto-deleveraging: profit rate x effective leverage, a loss divided by it (ADL-1)", "profit money; cost money; notional money; equity money",
    _step("profit_rate", "rate", "profit / cost", lambda profit, cost: profit / cost),
    _step("effective_leverage", "number", "notional / equity", lambda notional, equity: notional / equity),
    _step("score", "number", "profit_rate * effective_leverage if profit > 0 else profit_rate / effective_leverage", _in_micro_dollars(deleverage.bitmex_score, 4), "profit cost notional equity"),
)  # fmt: skip
_form(
    "adl-score", "hyperliquid", "Hyperliquid, auto-deleveraging: (mark / entry) x (notional / account value), for a short entry / mark (ADL-1)", "side side; mark price; entry price; notional money; equity money",
    _step("score", "number", "(mark / entry if side > 0 else entry / mark) * (notional / equity)", _in_micro_dollars(deleverage.hyperliquid_score, 2), "side mark entry notional equity"),
)  # fmt: skip
_form(
    "adl-score", "binance", "Binance, leverage-weighted profit: profit over collateral x margin ratio (ADL-1)", "profit money; margin_kept money; equity money",
    _step("score", "number", "profit / equity * (margin_kept / equity)", _in_micro_dollars(deleverage.binance_score, 3), "profit margin_kept equity"),
)  # fmt: skip
_form(
    "adl-score", "bybit", "Bybit, auto-deleveraging: leveraged return (ADL-1)", "profit money; equity money",
    _step("score", "number", "profit / equity", _in_micro_dollars(deleverage.bybit_score, 2), "profit equity"),
)  # fmt: skip

_question("adl-price", "what closing against a counterparty costs, and what both have left")
_form(
    "adl-price", "dydx", "dydxprotocol/v4-chain, keeper/deleveraging.go: at the bankruptcy price; the counterparty must not end below zero", _DYDX_ACCOUNT + "; close size = 0; other_balance money",
    *_SLICE,
    _step("balance_after", "money", "balance + bankruptcy_value", lambda balance, value: Fraction(liquidation.offset_room_quantums(_micro(balance), _micro(value)), MICRO), "balance bankruptcy_value"),
    _step("other_after", "money", "other_balance - bankruptcy_value", lambda balance, value: Fraction(liquidation.offset_room_quantums(_micro(balance), -_micro(value)), MICRO), "other_balance bankruptcy_value"),
)  # fmt: skip
_form(
    "adl-price", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: CanDeleverageSubaccount", "balance money; signed_size size; price price; settled flag = no",
    _step("collateral", "money", "balance + signed_size * price", lambda balance, signed_size, price: balance + signed_size * price),
    _step("allowed", "flag", "collateral < 0 or settled == 1", liquidation.may_deleverage, "collateral settled"),
)  # fmt: skip
_form(
    "adl-price", "bankruptcy", "Binance, Bybit, BitMEX: bankruptcy price of the liquidated position", "side side; entry price; leverage leverage",
    _step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
    _step("price", "price", "entry - side * margin_per_unit", liquidation.linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
for _name, _source in (
    ("okx", "OKX: the mark price"),
    ("hyperliquid", "Hyperliquid: the oracle price before"),
    ("trade-xyz", "trade.xyz: the mark before"),
):
    _form(
        "adl-price", _name, _source, "mark price",
        _step("price", "price", "mark", lambda mark: mark),
    )  # fmt: skip

_question("adl-allocation", "who is cut, and by how much")
for _name, _policy in policies.POLICIES.items():
    _asked = {
        "queue": "; scores number*",
        "wealth-pro-rata": "; profits money*",
        "risk-aware": "; leverages leverage*",
        "min-max-fair": "; equities money*",
        "hedge-aware": "; hedged size*",
    }.get(_name, "")
    _column = {
        "queue": "score",
        "wealth-pro-rata": "profit",
        "risk-aware": "notional",
        "min-max-fair": "equity",
        "hedge-aware": "offset",
    }.get(_name, "")
    _form(
        "adl-allocation", _name, str(_policy.__doc__).partition("\n")[0].rstrip("."), f"budget number; rooms number*{_asked}",
        _step("reductions", "number*", f"look up: the policy '{_name}' on these candidates", _allocated(_name, _column), "budget rooms" + (f" {_asked.split()[1]}" if _asked else "")),
    )  # fmt: skip

_question("queue-light", "how many of five lights an account's place in the queue lights")
_form(
    "queue-light", "binance", "Binance, BitMEX: five lights by fifths of the queue", "place number; count number",
    _step("lights", "number", "5 - floor((place - 1) * 5 / count)", lambda place, count: liquidation.lights(int(place), int(count))),
)  # fmt: skip
_form(
    "queue-light", "kraken", "Kraken, unwind queue: percentile, 100 % is cut first", "place number; count number",
    _step("percentile", "rate", "1 - (place - 1) / count", lambda place, count: 1 - (place - 1) / count),
)  # fmt: skip

_question("socialised-loss", "what nobody else could pay, spread over others")
_form(
    "socialised-loss", "vega", "Vega 0002-STTL: winners receive what was collected in proportion to their gains, in whole pieces", "gains number*; shortfall number",
    _step("received", "number*", "look up: gain * (sum of gains - shortfall) / sum of gains, rounded down; the last gets the rest", lambda gains, shortfall: tuple(Fraction(paid) for paid in liquidation.socialised(tuple(int(gain) for gain in gains), int(sum(gains) - shortfall)))),
    _step("forgone", "number*", "look up: gains less what was received", lambda gains, received: tuple(gain - paid for gain, paid in zip(gains, received))),
)  # fmt: skip
_form(
    "socialised-loss", "bybit", "Bybit, ADL alert page, example 3: the pool is empty and no symbol has drawn 30 % of it: the loss is shared by symbol", "losses money*; pool money = 0; pool_before money; missing money; threshold rate = -30 %",
    _step("worst", "rate", "-max(losses) / pool_before", lambda losses, pool_before: liquidation.drawdown(max(losses), pool_before)),
    _step("by_symbol", "flag", "worst < threshold", lambda worst, threshold: worst < threshold),
    _step("by_pool", "flag", "pool <= 0", lambda pool: pool <= 0),
    _step("shares", "money*", "look up: missing * loss / sum of losses", liquidation.shared_by_loss, "losses missing"),
)  # fmt: skip
_form(
    "socialised-loss", "drift", "drift-labs/protocol-v2, math/liquidation: loss a unit, carried by both sides, rounded up to a millionth", "loss money; long_size size; short_size size",
    _step("per_unit", "money", "up(loss / (long_size + short_size))", lambda loss, long_size, short_size: Fraction(liquidation.spread_over_units(_micro(loss) * 10**9, round((long_size + short_size) * 10**9)), MICRO)),
)  # fmt: skip
_form(
    "socialised-loss", "drift-deposits", "drift-labs/protocol-v2, math/liquidation: fall of the deposit index, 1e-10, rounded up", "loss money; deposits money",
    _step("fall", "rate", "up10(loss / deposits)", lambda loss, deposits: Fraction(liquidation.spread_over_deposits(_micro(loss), _micro(deposits), 10**10), 10**10)),
)  # fmt: skip
