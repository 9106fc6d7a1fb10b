"""A takeover: a position goes out of a liquidation into the hands of a provider or of the backstop, at the mark.

What whoever takes it asks for beside the mark, and how much he may take, his own room says (BACK-1, PROV-4).
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market.accounts import TAKEOVER, USD, transfer
from offhours.sim.market.attention import note_change, note_holding
from offhours.sim.market.funding import settle
from offhours.sim.market.oracle import value_at_mark
from offhours.sim.market.positions import trade


@kernel
def take_at_mark(world: World, taker: int, account: int, ticker: int, lots: int) -> int:
    """Move `lots` (signed) of an account's position to a taker at the mark; returns their value, micro-dollars, signed."""
    assert lots != 0 and taker != account
    settle(world, account, ticker)
    settle(world, taker, ticker)
    value = value_at_mark(world, ticker, lots)
    if lots > 0:
        transfer(world, USD, taker, account, value, TAKEOVER)
    else:
        transfer(world, USD, account, taker, -value, TAKEOVER)
    trade(world, account, ticker, -lots, -value)
    trade(world, taker, ticker, lots, value)
    note_holding(world, taker, ticker)
    note_change(world, taker)
    note_change(world, account)
    return value
