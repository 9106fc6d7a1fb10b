"""Orders at rest: the pool they live in, the list each owner keeps, and what an owner has open in sum.

ORD-1  A handle names one order for ever: it carries a generation, and a reused slot has another one.
ORD-2  Each owner's orders on a book form a list, so that cancelling all costs what is there.
ORD-3  Sums of open size and open value per owner, book and side are kept exactly.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.clock import clock

BUY, SELL = 1, -1
NIL = 0

REDUCE_ONLY = 1
"""Flag of a resting order: it never makes a position larger or turns it."""
REPAIR = 4
"""Flag of an arriving order: it evens out a hedge that has lost a leg."""
LEG_TAKEN = 8
"""Flag beside REPAIR: the leg was taken by a liquidation or a deleveraging; without it, the leg did not fill."""

_SLOTS = 1 << 24


class Order:
    """One resting order; slot 0 is nobody. Free slots are chained through `next`."""

    price_ticks: A[int, Column("i8", "ticks", "limit price")]
    size_lots: A[int, Column("i8", "lots", "what remains")]
    next: A[int, Column("i4", "slot", "behind it at the same price")]
    prev: A[int, Column("i4", "slot", "before it at the same price")]
    owner_next: A[int, Column("i4", "slot", "next order of the same owner on the same book")]
    owner_prev: A[int, Column("i4", "slot", "previous order of the same owner on the same book")]
    account: A[int, Column("i4", "account", "owner")]
    generation: A[int, Column("i4", "number", "times the slot was used")]
    book: A[int, Column("i2", "book", "where it rests")]
    side: A[int, Column("i1", "side", "BUY or SELL")]
    flags: A[int, Column("i1", "bits", "REDUCE_ONLY")]


class Pool:
    """One row: the free list of the order table."""

    free: A[int, Column("i8", "slot", "first free slot that was used before, or NIL")]
    fresh: A[int, Column("i8", "slot", "first slot never used")]
    live: A[int, Column("i8", "count", "orders at rest")]


class OpenOrders:
    """One row per account and book (row = account x 2T + book)."""

    head: A[int, Column("i8", "slot", "latest order of the owner here, or NIL")]
    buy_lots: A[int, Column("i8", "lots", "sum of open buys")]
    sell_lots: A[int, Column("i8", "lots", "sum of open sells")]
    buy_value: A[int, Column("i8", "ticks x lots", "sum of price x size of open buys")]
    sell_value: A[int, Column("i8", "ticks x lots", "sum of price x size of open sells")]


orders = table(Order)
pools = table(Pool)
open_orders = table(OpenOrders)


@kernel
def open_row(world: World, account: int, book: int) -> int:
    """Row of the open-order sums."""
    return account * 2 * clock(world)[0].tickers + book


@kernel
def full(world: World) -> int:
    """1 where the pool has no free slot left."""
    pool = pools(world)[0]
    return 1 if pool.free == NIL and pool.fresh >= len(orders(world)) else 0


@kernel
def create(world: World, account: int, book: int, side: int, price_ticks: int, size_lots: int, flags: int) -> int:
    """Take a slot for a new order, enter it in its owner's list and sums, and return the slot."""
    pool = pools(world)[0]
    slot = pool.free
    if slot == NIL:
        slot = pool.fresh
        assert slot < len(orders(world)), "order pool is full"
        pool.fresh += 1
    else:
        pool.free = int(orders(world)[slot].next)
    pool.live += 1
    mine = open_orders(world)[account * 2 * clock(world)[0].tickers + book]
    o = orders(world)[slot]
    o.price_ticks = price_ticks
    o.size_lots = size_lots
    o.next = NIL
    o.prev = NIL
    o.owner_next = mine.head
    o.owner_prev = NIL
    o.account = account
    o.generation += 1
    o.book = book
    o.side = side
    o.flags = flags
    if mine.head != NIL:
        orders(world)[mine.head].owner_prev = slot
    mine.head = slot
    if side == BUY:
        mine.buy_lots += size_lots
        mine.buy_value += price_ticks * size_lots
    else:
        mine.sell_lots += size_lots
        mine.sell_value += price_ticks * size_lots
    return slot


@kernel
def shrink(world: World, slot: int, lots: int) -> None:
    """Take `lots` off an order that was filled or cut in part."""
    o = orders(world)[slot]
    assert 0 < lots <= o.size_lots
    o.size_lots -= lots
    mine = open_orders(world)[int(o.account) * 2 * clock(world)[0].tickers + int(o.book)]
    if o.side == BUY:
        mine.buy_lots -= lots
        mine.buy_value -= o.price_ticks * lots
    else:
        mine.sell_lots -= lots
        mine.sell_value -= o.price_ticks * lots


@kernel
def discard(world: World, slot: int) -> None:
    """Take an order out of its owner's list and sums and free its slot. The book has let go of it before."""
    o = orders(world)[slot]
    lots = o.size_lots
    o.size_lots = 0
    mine = open_orders(world)[int(o.account) * 2 * clock(world)[0].tickers + int(o.book)]
    if o.side == BUY:
        mine.buy_lots -= lots
        mine.buy_value -= o.price_ticks * lots
    else:
        mine.sell_lots -= lots
        mine.sell_value -= o.price_ticks * lots
    after = int(o.owner_next)
    before = int(o.owner_prev)
    if before == NIL:
        mine.head = after
    else:
        orders(world)[before].owner_next = after
    if after != NIL:
        orders(world)[after].owner_prev = before
    pool = pools(world)[0]
    o.next = pool.free
    pool.free = slot
    pool.live -= 1


@kernel
def queue_behind(world: World, slot: int, tail: int) -> None:
    """Chain an order behind the last one of its price."""
    orders(world)[slot].prev = tail
    if tail != NIL:
        orders(world)[tail].next = slot


@kernel
def unqueue(world: World, slot: int) -> None:
    """Take an order out of the chain of its price."""
    o = orders(world)[slot]
    before, after = int(o.prev), int(o.next)
    if before != NIL:
        orders(world)[before].next = after
    if after != NIL:
        orders(world)[after].prev = before


@kernel
def handle(world: World, slot: int) -> int:
    """The name of a resting order for its owner (ORD-1)."""
    return int(orders(world)[slot].generation) * _SLOTS + slot


@kernel
def slot_of(world: World, name: int) -> int:
    """The slot a handle names, or NIL where that order is gone."""
    slot = name % _SLOTS
    if slot <= NIL or slot >= len(orders(world)) or orders(world)[slot].size_lots == 0:
        return NIL
    return slot if int(orders(world)[slot].generation) == name // _SLOTS else NIL


@kernel
def begin(world: World) -> None:
    """Make the empty pool."""
    pools(world)[0].fresh = 1
