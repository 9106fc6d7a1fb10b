"""Visitors: somebody who comes once, with one order, and is not seen again.

Story. A price far from the last one, for next to nothing, is all that happened in many hours of thin markets: somebody left a
limit order, somebody else met it. Who they were does not matter; at which instant, on which book, on which side, how far from
the stock's last quote and for how many shares does, because prices are made of it. So a scenario says it.
"""

from __future__ import annotations

from offhours.agents.desk import BUY, IOC, LIMIT, NEVER, SELL, lots, now_us, order, stock_usd, ticks
from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table


class Visitor:
    """Knobs and state of a visitor; his group says what he brings."""

    at_us: A[int, Knob("2026-05-09 12:00", "instant", "2015-01-02 00:00", "2030-12-31 00:00", "when he sends his order, New York time", basis="chosen: each scenario says; neither half nor twice has a meaning of its own")]  # fmt: skip
    ticker: A[int, Knob("0", "count", "0", "1000", "number of the ticker in the scenario's list, from 0", basis="chosen: the first; neither half nor twice has a meaning of its own")]  # fmt: skip
    book: A[int, Knob("perp", "choice", "", "", "which book he goes to", basis="chosen: perps trade at any hour; neither half nor twice applies to a choice", choices=("perp", "token"))]  # fmt: skip
    side: A[int, Knob("buys", "choice", "", "", "what he does", basis="chosen: each scenario says; neither half nor twice applies to a choice", choices=("buys", "sells"))]  # fmt: skip
    away_ppb: A[int, Knob("0 %", "ppb", "-99 %", "900 %", "his limit price from the stock's last quote", basis="chosen: each scenario says; neither half nor twice of nothing is another value")]  # fmt: skip
    shares_ushares: A[int, Knob("0.1", "ushares", "0", "1e9", "size of his order, shares", basis="chosen: an order that nobody would call a market; half or twice is one, too")]  # fmt: skip
    rests: A[int, Knob("yes", "flag", "no", "yes", "whether what does not fill stays in the book", basis="chosen: a switch has no half; twice means nothing")]  # fmt: skip

    came: A[int, Column("i8", "flag", "1 after his visit")]


visitors = table(Visitor)


@kernel
@rare
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Wait for the instant, send the order, leave."""
    me = visitors(crowd)[row]
    if now_us(world) < me.at_us:
        return me.at_us
    if me.came == 0:
        me.came = 1
        price = stock_usd(world, me.ticker) * (1.0 + me.away_ppb / 1.0e9)
        size = lots(world, me.ticker, me.book, me.shares_ushares / 1.0e6)
        kind = LIMIT if me.rests == 1 else IOC
        side = BUY if me.side == 0 else SELL
        order(world, crowd, agent, me.ticker, me.book, side, ticks(world, me.ticker, me.book, price), size, kind, 0)
    return NEVER
