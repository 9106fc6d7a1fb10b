"""Perp positions: quantity and integer cost per account and ticker.

POS-1  A trade moves price x size from the buyer's to the seller's dollars; the position keeps quantity and cost.
POS-2  Open longs equal open shorts.
POS-3  Cost and realised result balance: the sum over accounts of open cost equals the sum of realised results.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.clock import clock


class Position:
    """One row per account and ticker (row = account x T + ticker)."""

    size_lots: A[int, Column("i8", "lots", "positive long, negative short")]
    cost_uusd: A[int, Column("i8", "uusd", "dollars paid for the open quantity (negative: received)")]
    realised_uusd: A[int, Column("i8", "uusd", "result of all reductions so far, fees and funding apart")]


class Interest:
    """One row a ticker: what is open."""

    long_lots: A[int, Column("i8", "lots", "sum of long positions")]


positions = table(Position)
interests = table(Interest)


@kernel
def position_row(world: World, account: int, ticker: int) -> int:
    """Row of the position table."""
    return account * clock(world)[0].tickers + ticker


@kernel
def size(world: World, account: int, ticker: int) -> int:
    """Signed position in lots."""
    return positions(world)[account * clock(world)[0].tickers + ticker].size_lots


@kernel
def trade(world: World, account: int, ticker: int, lots: int, value_uusd: int) -> None:
    """Add `lots` (signed) bought for `value_uusd` (signed like lots) to a position.

    A reduction releases cost in proportion, rounded towards minus infinity; the rest of the value is result.
    """
    p = positions(world)[account * clock(world)[0].tickers + ticker]
    before = p.size_lots
    after = before + lots
    if (before >= 0 and lots > 0) or (before <= 0 and lots < 0):
        p.cost_uusd += value_uusd
    elif (before > 0) == (after > 0) and after != 0:
        released = proportion(p.cost_uusd, -lots, before)
        p.cost_uusd -= released
        p.realised_uusd -= value_uusd + released
    else:
        closing = value_uusd if after == 0 else proportion(value_uusd, -before, lots)
        p.realised_uusd -= closing + p.cost_uusd
        p.cost_uusd = value_uusd - closing
    p.size_lots = after
    interests(world)[ticker].long_lots += max(after, 0) - max(before, 0)


@kernel
def proportion(whole: int, part: int, of: int) -> int:
    """`whole` x part / of rounded towards minus infinity, for 0 <= part / of <= 1 and |of| < 2^31."""
    if of < 0:
        part, of = -part, -of
    assert 0 <= part <= of < 1 << 31
    return whole // of * part + whole % of * part // of
