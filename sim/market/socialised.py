"""Socialised loss: what was missing and nobody paid is shared among those who trade the ticker.

SOC-1  It is shared at the end of the instant, among those with a profit in the ticker, pro rata to it, at most all of it and at
       most their equity. What then is missing is bad debt.
SOC-2  By a knob it is shared pro rata to what each has gained in the ticker since 08:00 UTC, in positions closed since, too
       (Deribit, formerly: among that day's winners).
SOC-3  By a knob it is shared by size over all open positions of both sides (Drift, Mango: through funding), each at most its
       owner's equity; what one cannot pay is bad debt.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import HOUSES, NOBODY, SOCIALISED, USD, transfer
from offhours.sim.market.attention import frozen, note_change
from offhours.sim.market.clock import HOUR_US, clock
from offhours.sim.market.margin import equity
from offhours.sim.market.money import nearest
from offhours.sim.market.oracle import value_at_mark
from offhours.sim.market.positions import position_row, positions
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.waterfall import note_shared

PROFITS, DAYS_GAINS, BOTH_SIDES = 0, 1, 2
DAY_US = 24 * HOUR_US
DAY_BEGINS_US = 8 * HOUR_US
"""When a day of gains begins, from midnight UTC (Deribit settles then)."""


class SocialisedRules:
    """One row: who bears what nobody paid, where the venue's list of stages says that it is socialised."""

    form: A[int, Knob("profits", "choice", "", "", "by what a loss is shared that nobody paid: profits of open positions, gains since 08:00 UTC, or the size of positions of both sides", basis="rule: Vega, specification 0002-STTL: pro rata to gains; Deribit, formerly, gains of the day; Drift v2 and Mango v4, as of 2026, a loss a unit for both sides", choices=("profits", "day's gains", "both sides"))]  # fmt: skip


class Owed:
    """One row a ticker."""

    pending_uusd: A[int, Column("i8", "uusd", "missing, paid by nobody so far, to be shared")]


class DayStart:
    """One row per account and ticker, as positions, where gains of a day are asked for."""

    gain_uusd: A[int, Column("i8", "uusd", "its result when the day began, closed and open")]


socialised_rules = table(SocialisedRules)
owed = table(Owed)
day_starts = table(DayStart)


@kernel
def allotment(rest: int, weight: int, weights: int, most: int) -> int:
    """What falls to one of several sharing `rest` by weight, at most `most`; `weights` is the sum of his and all later ones.

    Called one after the other with what is left, whole numbers meet `rest` exactly: the last gets all of it.
    """
    if weights <= 0 or weight <= 0:
        return 0
    part = rest if weight >= weights else nearest(float(rest) * (float(weight) / float(weights)))
    return min(part, most, rest)


@kernel
def profit_of(world: World, account: int, ticker: int) -> int:
    """Profit of a position at the mark, micro-dollars."""
    p = positions(world)[position_row(world, account, ticker)]
    return value_at_mark(world, ticker, p.size_lots) - p.cost_uusd


@kernel
def owe(world: World, ticker: int, missing: int) -> None:
    """Note dollars that nobody paid and that are to be shared (SOC-1)."""
    owed(world)[ticker].pending_uusd += missing


@kernel
@rare
def turn(world: World) -> None:
    """At 08:00 UTC a day of gains begins, where they are asked for (SOC-2)."""
    c = clock(world)[0]
    if socialised_rules(world)[0].form != DAYS_GAINS or c.now_us % DAY_US != DAY_BEGINS_US:
        return
    for account in range(HOUSES, c.accounts):
        for ticker in range(c.tickers):
            day_starts(world)[position_row(world, account, ticker)].gain_uusd = result_of(world, account, ticker)


@kernel
def result_of(world: World, account: int, ticker: int) -> int:
    """What an account has made in a ticker since the run began, closed and open, fees and funding apart; micro-dollars."""
    return positions(world)[position_row(world, account, ticker)].realised_uusd + profit_of(world, account, ticker)


@kernel
def weight_of(world: World, account: int, ticker: int) -> int:
    """By what an account shares in a loss: dollars that can be charged, or lots (SOC-1 to SOC-3)."""
    form, lots = socialised_rules(world)[0].form, position_size(world, account, ticker)
    if frozen(world, account):
        return 0
    if form == BOTH_SIDES:
        return abs(lots)
    if form == DAYS_GAINS:
        row = position_row(world, account, ticker)
        gain = result_of(world, account, ticker) - day_starts(world)[row].gain_uusd
    else:
        gain = profit_of(world, account, ticker) if lots != 0 else 0
    return min(gain, max(0, equity(world, account))) if gain > 0 else 0


@kernel
def socialise(world: World, ticker: int) -> None:
    """Share what is owed in a ticker. Two passes of all accounts."""
    o = owed(world)[ticker]
    if o.pending_uusd == 0:
        return
    c = clock(world)[0]
    by_size = socialised_rules(world)[0].form == BOTH_SIDES
    weights = 0
    for account in range(HOUSES, c.accounts):
        weights += weight_of(world, account, ticker)
    rest = o.pending_uusd if by_size else min(o.pending_uusd, weights)
    o.pending_uusd = 0
    for account in range(HOUSES, c.accounts):
        weight = weight_of(world, account, ticker)
        if weight > 0 and rest > 0:
            part = allotment(rest, weight, weights, rest if by_size else weight)
            rest -= part
            weights -= weight
            paid = min(part, max(0, equity(world, account))) if by_size else part
            transfer(world, USD, account, NOBODY, paid, SOCIALISED)
            if socialised_rules(world)[0].form == DAYS_GAINS:
                # What was charged is no gain any more, should more be missing on the same day.
                day_starts(world)[position_row(world, account, ticker)].gain_uusd += paid
            note_shared(world, paid)
            note_change(world, account)
