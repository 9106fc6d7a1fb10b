"""Brackets: what a position of a size must have behind it, by a venue's tiers, the hour, open interest and its own size.

TIER-1  Requirements grow by tiers of notional, marginally or on the whole position, by a knob.
TIER-2  By a knob both rates grow with the position itself, rate + slope x shares, at most 100 % (Deribit).
TIER-3  By knobs initial margin grows with open interest: rate + (1 - rate) x its place in a band, made each second (dYdX v4).
TIER-4  By knobs margin is larger while regular trading is closed, from some minutes before the close on: a largest leverage of
        its own, for new positions or for all (Ostium closes what is above it), and a share added to both rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.attention import note_everybody
from offhours.sim.market.book import books
from offhours.sim.market.clock import HALTED, REGULAR, clock, phases
from offhours.sim.market.money import PPB, share_up
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.positions import interests

TIERS = 8
NO_TIER = 1 << 62
MARGINAL, WHOLE, SIZE_LINEAR = 0, 1, 2
NEW_POSITIONS, ALL_POSITIONS = 0, 1


class MarginRules:
    """Margin of one perp. The tiers themselves are rows of the tier table."""

    leverage_max_milli: A[int, Knob("20x", "leverage", "1x", "150x", "largest leverage an account may open with", basis="rule: Kraken xStocks perps, announced 2026-02-24: up to 20x")]  # fmt: skip
    maintenance_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "maintenance margin as a share of initial margin where leverage_max binds", basis="rule: Kraken multi-collateral margin schedules, 2026: maintenance is half of initial")]  # fmt: skip
    form: A[int, Knob("marginal", "choice", "", "", "whether a tier's rate counts for the part above its edge or for the whole position", basis="chosen: not stated by the venue; marginal has no jump at an edge; neither half nor twice applies to a choice", choices=("marginal", "whole", "size-linear"))]  # fmt: skip
    slope_ppb: A[int, Knob("0 %", "ppb", "0 %", "10 %", "what each share of a position adds to its rates, in the form `size-linear`", basis="rule: Kraken multi-collateral margin schedules, 2026: tiers, no slope; Deribit, linear perpetuals, as of 2026: 0.005 % a BTC, 0.0005 % a SOL")]  # fmt: skip
    crowded_from_uusd: A[int, Knob("$0", "uusd", "$0", "$1,000B", "open interest from which initial margin grows", basis="rule: Kraken multi-collateral margin schedules, 2026: none; dYdX v4, liquidity tiers at genesis, 2026: $20M to $50M for small caps")]  # fmt: skip
    crowded_to_uusd: A[int, Knob("$0", "uusd", "$0", "$1,000B", "open interest at which it is 100 %; it never grows where this is not above the other", basis="rule: Kraken multi-collateral margin schedules, 2026: none; dYdX v4, liquidity tiers at genesis, 2026: $20M to $50M for small caps")]  # fmt: skip
    closed_leverage_milli: A[int, Knob("150x", "leverage", "1x", "150x", "largest leverage while regular trading is closed", basis="rule: Kraken xStocks perps, announced 2026-02-24: the same at every hour; Binance says so of week-ends, 2026; Ostium has an overnight cap")]  # fmt: skip
    closed_for: A[int, Knob("new positions", "choice", "", "", "whom that leverage binds: orders alone, or also whoever is above it, who is liquidated", basis="chosen: the milder of the two; Ostium closes what is above its overnight cap at 15:45 New York; neither half nor twice applies to a choice", choices=("new positions", "all"))]  # fmt: skip
    closed_add_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "added to initial and maintenance rates while regular trading is closed", basis="rule: Kraken multi-collateral margin schedules, 2026: the same at every hour")]  # fmt: skip
    closed_lead_us: A[int, Knob("15 min", "us", "0 s", "6h", "how long before the regular close that begins", basis="literature: Ostium, overnight leverage: 15:45 New York")]  # fmt: skip


class Tier:
    """TIERS rows a ticker, by rising notional."""

    from_uusd: A[int, Column("i8", "uusd", "notional at which the tier begins; NO_TIER where there is none")]
    initial_ppb: A[int, Column("i8", "ppb", "initial margin, share of notional")]
    maintenance_ppb: A[int, Column("i8", "ppb", "maintenance margin, share of notional")]
    initial_below_uusd: A[int, Column("i8", "uusd", "initial margin of everything below the tier")]
    maintenance_below_uusd: A[int, Column("i8", "uusd", "maintenance margin of everything below the tier")]


class Grade:
    """One row a ticker: what its tiers follow from at this second, where they move at all (TIER-3, TIER-4)."""

    moves: A[int, Column("i8", "flag", "1 where open interest or the hour changes them")]
    closed: A[int, Column("i8", "flag", "1 while the rates of closed hours hold")]
    crowded_uusd: A[int, Column("i8", "uusd", "open interest within the band that they were made for")]


class StatedTier:
    """TIERS rows a ticker: the rates of the venue's table, before open interest and the hour change them."""

    initial_ppb: A[int, Column("i8", "ppb", "initial margin, share of notional")]
    maintenance_ppb: A[int, Column("i8", "ppb", "maintenance margin, share of notional")]


margin_rules = table(MarginRules)
tiers = table(Tier)
grades = table(Grade)
stated_tiers = table(StatedTier)


def prepare(rows: np.ndarray[Any, Any], leverage_max_milli: int, maintenance_ppb: int) -> None:
    """Hold one ticker's tier rows to `leverage_max` and fill in the margin below each tier, in place (TIER-1)."""
    floor_ppb = -(-PPB * 1000 // leverage_max_milli)
    for tier in rows:
        if tier["initial_ppb"] < floor_ppb:
            tier["initial_ppb"] = floor_ppb
            tier["maintenance_ppb"] = max(int(tier["maintenance_ppb"]), floor_ppb * maintenance_ppb // PPB)
    for row in range(1, len(rows)):
        lower, upper = rows[row - 1], rows[row]
        if upper["from_uusd"] != NO_TIER:
            width = int(upper["from_uusd"]) - int(lower["from_uusd"])
            for kind in ("initial", "maintenance"):
                below = int(lower[f"{kind}_below_uusd"])
                upper[f"{kind}_below_uusd"] = below + -(-width * int(lower[f"{kind}_ppb"]) // PPB)


def check(rules: Any) -> tuple[str, str] | None:
    """What is wrong with a row of the rules: its column and a sentence; None where nothing is."""
    if rules.slope_ppb > 0 and rules.form != SIZE_LINEAR:
        return "slope_ppb", "only the form 'size-linear' has a slope"
    if rules.crowded_to_uusd > 0 and rules.crowded_to_uusd <= rules.crowded_from_uusd:
        return "crowded_to_uusd", "the band of open interest ends above where it begins"
    return None


@kernel
def begin(world: World, ticker: int) -> None:
    """Remember the rates of the venue's table, and whether anything changes them."""
    rules, g = margin_rules(world)[ticker], grades(world)[ticker]
    for row in range(ticker * TIERS, (ticker + 1) * TIERS):
        stated_tiers(world)[row].initial_ppb = tiers(world)[row].initial_ppb
        stated_tiers(world)[row].maintenance_ppb = tiers(world)[row].maintenance_ppb
    shorter = rules.closed_leverage_milli < rules.leverage_max_milli
    if rules.crowded_to_uusd > rules.crowded_from_uusd or shorter or rules.closed_add_ppb > 0:
        g.moves = 1
        regrade(world, ticker)


@kernel
def closed_hours(world: World, lead_us: int) -> int:
    """1 from so long before a regular close until the next regular open (TIER-4). A halt lies inside regular hours."""
    c = clock(world)[0]
    p = phases(world)[c.phase_row]
    trading = p.phase == REGULAR or p.phase == HALTED
    return 0 if trading and c.now_us < p.end_us - lead_us else 1


@kernel
def regrade(world: World, ticker: int) -> None:
    """Each second, where tiers move: make them anew if open interest or the hour changed (TIER-3, TIER-4)."""
    g = grades(world)[ticker]
    if g.moves == 0:
        return
    rules = margin_rules(world)[ticker]
    closed = closed_hours(world, rules.closed_lead_us)
    interest = abs(value_at_mark(world, ticker, interests(world)[ticker].long_lots))
    crowded = min(max(interest, rules.crowded_from_uusd), rules.crowded_to_uusd)
    if closed == g.closed and crowded == g.crowded_uusd:
        return
    g.crowded_uusd = crowded
    for row in range(ticker * TIERS, (ticker + 1) * TIERS):
        stated, t = stated_tiers(world)[row], tiers(world)[row]
        t.initial_ppb = stated.initial_ppb
        t.maintenance_ppb = stated.maintenance_ppb
        if closed:
            binds_milli = rules.closed_leverage_milli if rules.closed_for == ALL_POSITIONS else 0
            t.initial_ppb = closed_ppb(t.initial_ppb, rules.closed_leverage_milli, rules.closed_add_ppb)
            t.maintenance_ppb = closed_ppb(t.maintenance_ppb, binds_milli, rules.closed_add_ppb)
        if rules.crowded_to_uusd > rules.crowded_from_uusd:
            t.initial_ppb = crowded_ppb(t.initial_ppb, crowded, rules.crowded_from_uusd, rules.crowded_to_uusd)
        if row > ticker * TIERS and t.from_uusd != NO_TIER:
            lower = tiers(world)[row - 1]
            width = t.from_uusd - lower.from_uusd
            t.initial_below_uusd = lower.initial_below_uusd + share_up(width, lower.initial_ppb)
            t.maintenance_below_uusd = lower.maintenance_below_uusd + share_up(width, lower.maintenance_ppb)
    if closed != g.closed:
        g.closed = closed
        note_everybody(world)


@kernel
def size_linear_rate(base_rate: float, slope: float, size: float) -> float:
    """A margin rate that grows with the position itself, in base units (Deribit, linear contracts)."""
    return base_rate + slope * size


@kernel
def open_interest_scaled_rate(base_rate: float, open_interest: float, lower: float, upper: float) -> float:
    """Initial margin rate that rises to 100 % as open interest crosses a band (dYdX v4, liquidity tiers).

    A band whose upper end is not above its lower one scales nothing.
    """
    if upper <= lower:
        return base_rate
    return base_rate + (1 - base_rate) * (min(max(open_interest, lower), upper) - lower) / (upper - lower)


@kernel
def closed_ppb(rate_ppb: int, leverage_milli: int, add_ppb: int) -> int:
    """A rate while regular trading is closed, ppb: at least 1 / leverage (where one binds: above 0), and a share added (TIER-4)."""
    least_ppb = -(-PPB * 1000 // leverage_milli) if leverage_milli > 0 else 0
    return min(PPB, max(rate_ppb, least_ppb) + add_ppb)


@kernel
def crowded_ppb(rate_ppb: int, interest_uusd: int, lower_uusd: int, upper_uusd: int) -> int:
    """A rate of initial margin as open interest has scaled it, in whole billionths rounded up (TIER-3)."""
    share = rate_ppb / PPB
    return rounded_up(
        open_interest_scaled_rate(share, float(interest_uusd), float(lower_uusd), float(upper_uusd)) * PPB
    )


@kernel
def rounded_up(rate: float) -> int:
    """A rate in billionths as a whole number of them, rounded up, but for what a float cannot hold; at most all."""
    held = min(rate, 1.0e9)
    down = int(held)
    return down + 1 if held - down > 1.0e-6 else down


@kernel
@rare
def own_rate(world: World, ticker: int, notional_uusd: int, rate_ppb: int) -> int:
    """A rate that grows with the position itself, ppb rounded up, at most all of it (TIER-2)."""
    o = oracles(world)[ticker]
    shares = float(notional_uusd) / (o.mark_ticks * books(world)[2 * ticker].unit_uusd) * o.lot_shares
    rate = size_linear_rate(float(rate_ppb), float(margin_rules(world)[ticker].slope_ppb), shares)
    return rounded_up(rate)


@kernel
def tier_row(world: World, ticker: int, notional_uusd: int) -> int:
    """Row of the tier a notional falls into."""
    row = ticker * TIERS
    last = row + TIERS - 1
    while row < last and notional_uusd >= tiers(world)[row + 1].from_uusd:
        row += 1
    return row


@kernel
def initial(world: World, ticker: int, notional_uusd: int) -> int:
    """Initial margin of a notional, micro-dollars rounded up (TIER-1)."""
    t = tiers(world)[tier_row(world, ticker, notional_uusd)]
    form = margin_rules(world)[ticker].form
    if form != MARGINAL:
        return share_up(notional_uusd, t.initial_ppb if form == WHOLE else own_rate(world, ticker, notional_uusd, t.initial_ppb))  # fmt: skip
    return t.initial_below_uusd + share_up(notional_uusd - t.from_uusd, t.initial_ppb)


@kernel
def maintenance(world: World, ticker: int, notional_uusd: int) -> int:
    """Maintenance margin of a notional, micro-dollars rounded up (TIER-1)."""
    t = tiers(world)[tier_row(world, ticker, notional_uusd)]
    form = margin_rules(world)[ticker].form
    if form != MARGINAL:
        return share_up(notional_uusd, t.maintenance_ppb if form == WHOLE else own_rate(world, ticker, notional_uusd, t.maintenance_ppb))  # fmt: skip
    return t.maintenance_below_uusd + share_up(notional_uusd - t.from_uusd, t.maintenance_ppb)
