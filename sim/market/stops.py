"""Stop and take-profit orders: they wait on the mark and then become market orders.

STOP-1  A stop waits outside the book; when the mark reaches its price it is sent as a market order. One whose price is the
        mark is sent at once.
STOP-2  Reduce-only stops never open a position; a stop of an account in liquidation is void.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.attention import frozen
from offhours.sim.market.clock import clock
from offhours.sim.market.flight import ENGINE_LANE, send
from offhours.sim.market.matching import ACCEPTED, BAD_SIZE, GONE, IN_LIQUIDATION, MARKET, POOL_FULL, place, refuse
from offhours.sim.market.oracle import oracles
from offhours.sim.market.triggers import DOWN, UP, arm, disarm, waits

NO_STOP = 0

MARKET_STOP = 15
"""Message kind: a stop that fired; `name` is its row."""


class Stop:
    """One row a waiting stop order; row 0 is nobody, its `next` the free list."""

    account: A[int, Column("i8", "account", "owner; -1 where the row is free")]
    ticker: A[int, Column("i8", "ticker", "perp it trades")]
    side: A[int, Column("i8", "side", "BUY or SELL when it fires")]
    size_lots: A[int, Column("i8", "lots", "size when it fires")]
    flags: A[int, Column("i8", "bits", "REDUCE_ONLY")]
    next: A[int, Column("i8", "row", "next stop of the same owner, or next free row")]


class StopList:
    """One row an account."""

    head: A[int, Column("i8", "row", "latest stop of the account, or NO_STOP")]


stops = table(Stop)
stop_lists = table(StopList)


@kernel
def begin(world: World) -> None:
    """Chain all rows into the free list."""
    last = len(stops(world)) - 1
    for row in range(last + 1):
        stops(world)[row].account = -1
        stops(world)[row].next = row + 1 if row < last else NO_STOP


@kernel
def node_of(world: World, row: int) -> int:
    """Trigger node of a stop: they follow the positions'."""
    c = clock(world)[0]
    return 2 * c.accounts * c.tickers + row


@kernel
@rare
def place_stop(world: World, account: int, ticker: int, side: int, trigger_ticks: int, lots: int, flags: int) -> int:
    """Wait for a mark: below the present one the stop fires on the way down, above it on the way up (STOP-1)."""
    if lots <= 0:
        return refuse(world, BAD_SIZE)
    if frozen(world, account):
        return refuse(world, IN_LIQUIDATION)
    row = stops(world)[0].next
    if row == NO_STOP:
        return refuse(world, POOL_FULL)
    s = stops(world)[row]
    stops(world)[0].next = s.next
    s.account = account
    s.ticker = ticker
    s.side = side
    s.size_lots = lots
    s.flags = flags
    s.next = stop_lists(world)[account].head
    stop_lists(world)[account].head = row
    mark_ticks = oracles(world)[ticker].mark_ticks
    if trigger_ticks == mark_ticks:
        fire(world, row)
    else:
        arm(world, node_of(world, row), ticker, DOWN if trigger_ticks < mark_ticks else UP, trigger_ticks)
    return ACCEPTED


@kernel
def fire(world: World, row: int) -> None:
    """Send a stop whose price was reached as a market order, through the engine's lane; it is void where that is full."""
    s = stops(world)[row]
    if send(world, ENGINE_LANE, s.account, 2 * s.ticker, MARKET_STOP, s.side, 0, s.size_lots, s.flags, row) != ACCEPTED:
        drop(world, row)


@kernel
def drop(world: World, row: int) -> None:
    """Void a stop and free its row."""
    s = stops(world)[row]
    disarm(world, node_of(world, row))
    mine = stop_lists(world)[s.account]
    if mine.head == row:
        mine.head = s.next
    else:
        before = mine.head
        while stops(world)[before].next != row:
            before = stops(world)[before].next
        stops(world)[before].next = s.next
    s.account = -1
    s.next = stops(world)[0].next
    stops(world)[0].next = row


@kernel
@rare
def drop_all(world: World, account: int) -> int:
    """Void all stops of an account; returns how many."""
    number = 0
    while stop_lists(world)[account].head != NO_STOP:
        drop(world, stop_lists(world)[account].head)
        number += 1
    return number


@kernel
@rare
def fired(world: World, row: int, account: int) -> int:
    """The order of a stop whose price was reached arrives as a market order; the stop is gone (STOP-1, STOP-2)."""
    s = stops(world)[row]
    # A row that waits for a price again is another stop, placed after the one that fired was dropped.
    if s.account != account or waits(world, node_of(world, row)):
        return refuse(world, GONE)
    ticker, side, lots, flags = s.ticker, s.side, s.size_lots, s.flags
    drop(world, row)
    return place(world, account, 2 * ticker, side, 0, lots, MARKET, flags)
