"""Margin of a position: tiers, amounts, and what the hour, open interest and size add to their rates."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from offhours.sim.compile import uncompiled
from offhours.sim.forms.form import PPB, Value, form, in_micro, in_ppb, step, up_to_micro
from offhours.sim.market import brackets


def maintenance_amount(edge: float, rate: float, rate_below: float, amount_below: float) -> float:
    """What is taken off notional x rate from a tier's edge on, so that margin has no jump there (Binance FAQ: leverage and
    margin): ``edge x (rate - rate below) + amount below``."""
    return edge * (rate - rate_below) + amount_below


def margin_less_amount(notional: float, rate: float, amount: float) -> float:
    """Margin of a tier with a maintenance amount (Binance FAQ; Bybit calls the amount a deduction)."""
    return notional * rate - amount


def slippage_and_risk_margin(notional: float, slippage: float, risk: float) -> float:
    """Maintenance margin as the cost of leaving plus the risk of holding (Vega specification 0019-MCAL)."""
    return notional * slippage + risk * notional


def half_of_initial(leverage_max: float) -> float:
    """Maintenance rate that is half of the initial one at the largest leverage (Hyperliquid)."""
    return 1 / (2 * leverage_max)


def tier_of(notional: float, edges: tuple[float, ...]) -> int:
    """Number of the tier that a notional falls into; an edge belongs to the tier that begins there."""
    return max(number for number, edge in enumerate(edges) if edge <= notional or number == 0)


def tiered_margin(notional: float, edges: tuple[float, ...], rates: tuple[float, ...], whole: int) -> float:
    """Margin by tiers, each rate for the part above its edge or (`whole`) for the whole position (TIER-1), not rounded."""
    last = tier_of(notional, edges)
    if whole == 1:
        return notional * rates[last]
    below: float = 0
    for number in range(last):
        below += (edges[number + 1] - edges[number]) * rates[number]
    return below + (notional - edges[last]) * rates[last]


def edges_of(tiers: Value) -> tuple[Fraction, ...]:
    return tuple(tier[0] for tier in tiers)


def of_tier(number: int) -> Callable[[Value, Fraction], Fraction]:
    """What the tier of a notional says: its edge (0), initial (1) or maintenance (2) rate."""
    return lambda tiers, notional: tiers[tier_of(notional, edges_of(tiers))][number]  # type: ignore[arg-type]


def _below(number: int) -> Callable[[Value, Fraction, Fraction], Fraction]:
    """Margin below a tier's edge, each part rounded up to the micro-dollar as the market does (TIER-1)."""

    def below(tiers: Value, edge: Fraction, whole: Fraction) -> Fraction:
        total = Fraction(0)
        for lower, upper in itertools.pairwise(tiers):
            if upper[0] <= edge and whole == 0:
                total += up_to_micro((upper[0] - lower[0]) * lower[number])
        return total

    return below


def _part(below: Fraction, notional: Fraction, edge: Fraction, rate: Fraction, whole: Fraction) -> Fraction:
    counted = notional if whole == 1 else notional - edge
    return below + up_to_micro(counted * rate)


NOTIONAL = step("notional", "money", "size * price", lambda size, price: size * price)


def _graded(
    tiers: Value, size: Fraction, slope: Fraction, closed: Fraction, closed_leverage: Fraction, closed_add: Fraction,
    all_positions: Fraction, open_interest: Fraction, lower: Fraction, upper: Fraction,
) -> Value:  # fmt: skip
    """A tier table as the market has it at such an hour, open interest and size (TIER-2 to TIER-4)."""
    by_hour, by_interest, up = (uncompiled(f) for f in (brackets.closed_ppb, brackets.crowded_ppb, brackets.rounded_up))
    least = int(closed_leverage * 1000)

    def rate(ppb: int, kind: int) -> Fraction:
        if closed:
            binds = kind == 1 or all_positions == 1
            ppb = by_hour(ppb, least if binds else 0, in_ppb(closed_add))
        if kind == 1 and upper > lower:
            ppb = by_interest(
                ppb, *(in_micro(amount) for amount in (min(max(open_interest, lower), upper), lower, upper))
            )
        return Fraction(up(uncompiled(brackets.size_linear_rate)(ppb, slope * PPB, size)), PPB)

    return tuple((edge, rate(in_ppb(initial), 1), rate(in_ppb(kept), 2)) for edge, initial, kept in tiers)


GRADES = "slope rate = 0; closed flag = no; closed_leverage leverage = 150x; closed_add rate = 0; all_positions flag = no; open_interest money = 0; lower money = 0; upper money = 0"
GRADE_KNOBS = {
    "slope": "perp.margin.slope", "closed_leverage": "perp.margin.closed_leverage", "closed_add": "perp.margin.closed_add",
    "all_positions": "perp.margin.closed_for", "lower": "perp.margin.crowded_from", "upper": "perp.margin.crowded_to",
}  # fmt: skip
GRADED = step(
    "rates", "tier*",
    "look up: the tiers; while closed at least 1 / closed_leverage (maintenance too where it binds all) plus closed_add; initial + (1 - initial) x the place of open_interest between lower and upper; plus slope x size",
    _graded, "tiers size slope closed closed_leverage closed_add all_positions open_interest lower upper",
)  # fmt: skip
form(
    "margin", "tiers", "Kraken, multi-collateral margin schedules; TIER-1 to TIER-4", "size size; price price; tiers tier*; whole flag = no; " + GRADES,
    NOTIONAL,
    GRADED,
    step("edge", "money", "look up: where the tier of the notional begins", of_tier(0), "rates notional"),
    step("initial_rate", "rate", "look up: initial margin rate of that tier", of_tier(1), "rates notional"),
    step("maintenance_rate", "rate", "look up: maintenance margin rate of that tier", of_tier(2), "rates notional"),
    step("initial_below", "money", "look up: initial margin of all tiers below", _below(1), "rates edge whole"),
    step("maintenance_below", "money", "look up: maintenance margin of all tiers below", _below(2), "rates edge whole"),
    step("initial_margin", "money", "initial_below + up((notional - edge * (1 - whole)) * initial_rate)", _part, "initial_below notional edge initial_rate whole"),
    step("maintenance_margin", "money", "maintenance_below + up((notional - edge * (1 - whole)) * maintenance_rate)", _part, "maintenance_below notional edge maintenance_rate whole"),
    tiers="tiers", whole="perp.margin.form", **GRADE_KNOBS,
)  # fmt: skip
form(
    "margin", "binance", "Binance FAQ: leverage and margin of USD-M futures", "size size; price price; maintenance rate; amount money = 0; leverage leverage",
    NOTIONAL,
    step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    step("maintenance_margin", "money", "notional * maintenance - amount", margin_less_amount, "notional maintenance amount"),
)  # fmt: skip
form(
    "margin", "deribit", "Deribit: linear perpetuals, margin", "size size; price price; initial rate; maintenance rate; slope rate",
    NOTIONAL,
    step("initial_rate", "rate", "initial + slope * size", brackets.size_linear_rate, "initial slope size"),
    step("maintenance_rate", "rate", "maintenance + slope * size", brackets.size_linear_rate, "maintenance slope size"),
    step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
    step("initial_margin", "money", "notional * initial_rate", lambda notional, initial_rate: notional * initial_rate),
)  # fmt: skip
form(
    "margin", "dydx", "dYdX v4, protocol/x/perpetuals liquidity tiers: initial margin scaled by open interest", "notional money; initial rate; maintenance_share rate = 60 %; open_interest money; lower money; upper money",
    step("initial_rate", "rate", "look up: initial + (1 - initial) * clamp((open_interest - lower) / (upper - lower), 0, 1), just initial where the band is empty", brackets.open_interest_scaled_rate, "initial open_interest lower upper"),
    step("maintenance_margin", "money", "up(up(notional * initial) * maintenance_share)", lambda notional, initial, maintenance_share: up_to_micro(up_to_micro(notional * initial) * maintenance_share)),
    step("initial_margin", "money", "up(notional * initial_rate)", lambda notional, initial_rate: up_to_micro(notional * initial_rate)),
    lower="perp.margin.crowded_from", upper="perp.margin.crowded_to",
)  # fmt: skip
form(
    "margin", "hyperliquid", "Hyperliquid documentation: margining", "size size; price price; leverage leverage; leverage_max leverage",
    NOTIONAL,
    step("maintenance_rate", "rate", "1 / (2 * leverage_max)", half_of_initial, "leverage_max"),
    step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
    leverage_max="perp.margin.leverage_max",
)  # fmt: skip
form(
    "margin", "lighter", "Lighter documentation: initial > maintenance > close-out margin fraction; 60 % and 40 % of initial in the published table", "size size; price price; initial rate; maintenance_share rate = 60 %; closeout_share rate = 40 %",
    NOTIONAL,
    step("initial_margin", "money", "notional * initial", lambda notional, initial: notional * initial),
    step("closeout_margin", "money", "notional * initial * closeout_share", lambda notional, initial, closeout_share: notional * initial * closeout_share),
    step("maintenance_margin", "money", "notional * initial * maintenance_share", lambda notional, initial, maintenance_share: notional * initial * maintenance_share),
)  # fmt: skip
form(
    "margin", "vega", "Vega specification 0019-MCAL: margin calculator", "size size; price price; slippage rate; risk rate; scaling number = 1.5",
    NOTIONAL,
    step("order_margin", "money", "notional * risk", lambda notional, risk: notional * risk),
    step("order_initial_margin", "money", "order_margin * scaling", lambda order_margin, scaling: order_margin * scaling),
    step("maintenance_margin", "money", "notional * slippage + risk * notional", slippage_and_risk_margin, "notional slippage risk"),
)  # fmt: skip


def _after_haircuts(balances: Value, haircuts: Value) -> Value:
    if len(balances) != len(haircuts):
        raise ValueError("each balance has a haircut")
    return tuple(balance * (1 - haircut) for balance, haircut in zip(balances, haircuts))


form(
    "margin-equity", "kraken", "Kraken support, multi-collateral futures: sum of balance x (1 - haircut) + unrealised profit (COLL-1)", "balances money*; haircuts rate*; profit money = 0",
    step("counted", "money*", "look up: each balance * (1 - its haircut)", _after_haircuts, "balances haircuts"),
    step("equity", "money", "sum(counted) + profit", lambda counted, profit: sum(counted, Fraction(0)) + profit),
)  # fmt: skip
form(
    "maintenance-amount", "binance", "Binance FAQ: leverage and margin of USD-M futures", "edge money; rate rate; rate_below rate; amount_below money = 0",
    step("amount", "money", "edge * (rate - rate_below) + amount_below", maintenance_amount),
)  # fmt: skip


def _amounts(tiers: Value, notional: Fraction) -> Value:
    amount: Any = Fraction(0)
    for lower, upper in itertools.pairwise(tiers):
        if upper[0] <= notional:
            amount = maintenance_amount(upper[0], upper[2], lower[2], amount)
    return amount


form(
    "maintenance-amount", "tiers", "Binance FAQ: leverage and margin of USD-M futures", "notional money; tiers tier*",
    step("maintenance_rate", "rate", "look up: maintenance margin rate of the tier", of_tier(2), "tiers notional"),
    step("amount", "money", "look up: sum over the edges up to the notional of edge * (rate - rate below)", _amounts, "tiers notional"),
    tiers="tiers",
)  # fmt: skip
