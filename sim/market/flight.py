"""Messages in flight: what was sent and has not arrived, in one queue per latency.

FLIGHT-1  A message arrives after its sender's latency; one sender's messages arrive in the order they were sent.
FLIGHT-2  At one instant lanes are served in an order drawn from (seed, instant, lane): no lane is always first.
FLIGHT-3  A full lane refuses; nothing is dropped without a word.
"""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.clock import clock
from offhours.sim.market.matching import ACCEPTED, QUEUE_FULL, refuse

CANCEL_ALL, CANCEL, REPLACE, STOP_ORDER, DROP_STOPS = 10, 11, 12, 13, 14
"""Message kinds beyond the order kinds of the matching room."""

ENGINE_LANE = 0
NEVER = 1 << 62


class Lane:
    """One row a latency: lane 0 is the liquidation engine's, then one per group."""

    latency_us: A[int, Column("i8", "us", "time from sending to arriving")]
    first_row: A[int, Column("i8", "row", "first row of its ring")]
    room: A[int, Column("i8", "rows", "rows of its ring, a power of two")]
    head_us: A[int, Column("i8", "us", "when its first message arrives, or NEVER")]
    sent: A[int, Column("i8", "count", "messages ever sent")]
    arrived: A[int, Column("i8", "count", "messages ever arrived")]


class Message:
    """One message in a lane's ring."""

    due_us: A[int, Column("i8", "us", "when it arrives")]
    price_ticks: A[int, Column("i8", "ticks", "limit or trigger price; a handle for cancel")]
    size_lots: A[int, Column("i8", "lots", "size")]
    name: A[int, Column("i8", "handle", "order to replace")]
    account: A[int, Column("i4", "account", "sender")]
    book: A[int, Column("i4", "book", "book it goes to")]
    kind: A[int, Column("i2", "code", "order kind or message kind")]
    side: A[int, Column("i2", "side", "BUY or SELL")]
    flags: A[int, Column("i4", "bits", "flags of the order")]


class Next:
    """One row: the lane that is served next."""

    due_us: A[int, Column("i8", "us", "earliest arrival over all lanes, or NEVER")]
    lane: A[int, Column("i8", "lane", "whose message that is")]
    other_us: A[int, Column("i8", "us", "earliest arrival over the other lanes, or NEVER")]


lanes = table(Lane)
messages = table(Message)
nexts = table(Next)


@kernel
def begin(world: World, lane: int, latency_us: int, first_row: int, room: int) -> None:
    """Make an empty lane; `room` is a power of two, so that its ring needs no division."""
    assert room > 0 and room & (room - 1) == 0
    row = lanes(world)[lane]
    row.latency_us = latency_us
    row.first_row = first_row
    row.room = room
    row.head_us = NEVER
    nexts(world)[0].due_us = NEVER
    nexts(world)[0].other_us = NEVER


@kernel
def send(world: World, lane: int, account: int, book: int, kind: int, side: int, price_ticks: int, lots: int, flags: int, name: int) -> int:  # fmt: skip
    """Send a message; ACCEPTED, or QUEUE_FULL (FLIGHT-3)."""
    row = lanes(world)[lane]
    if row.sent - row.arrived >= row.room:
        return refuse(world, QUEUE_FULL)
    due_us = clock(world)[0].now_us + row.latency_us
    m = messages(world)[row.first_row + (row.sent & (row.room - 1))]
    m.due_us = due_us
    m.price_ticks = price_ticks
    m.size_lots = lots
    m.name = name
    m.account = account
    m.book = book
    m.kind = kind
    m.side = side
    m.flags = flags
    if row.sent == row.arrived:
        row.head_us = due_us
        _queue_up(world, lane, due_us)
    row.sent += 1
    return ACCEPTED


@kernel
def _queue_up(world: World, lane: int, due_us: int) -> None:
    """A lane that was empty has a first message: see whether it is served next."""
    n = nexts(world)[0]
    if due_us < n.due_us or (due_us == n.due_us and _goes_before(world, lane, n.lane, due_us)):
        n.other_us = n.due_us
        n.due_us = due_us
        n.lane = lane
    else:
        n.other_us = min(n.other_us, due_us)


@kernel
def _goes_before(world: World, lane: int, other: int, due_us: int) -> int:
    """1 where a lane is served before another at one instant (FLIGHT-2)."""
    seed = clock(world)[0].seed
    return 1 if tie_order(seed, due_us, lane) < tie_order(seed, due_us, other) else 0


@kernel
def take(world: World) -> int:
    """Remove the message that arrives next (due by now) and return its row, or -1."""
    n = nexts(world)[0]
    if n.due_us > clock(world)[0].now_us:
        return -1
    row = lanes(world)[n.lane]
    found = row.first_row + (row.arrived & (row.room - 1))
    row.arrived += 1
    row.head_us = (
        NEVER if row.sent == row.arrived else messages(world)[row.first_row + (row.arrived & (row.room - 1))].due_us
    )
    if row.head_us != n.due_us:
        if row.head_us < n.other_us:
            n.due_us = row.head_us
        else:
            _choose(world)
    return found


@kernel
def _choose(world: World) -> None:
    """Find the lane that is served next, and the earliest arrival of the others."""
    n = nexts(world)[0]
    n.due_us = NEVER
    n.other_us = NEVER
    n.lane = 0
    for lane in range(len(lanes(world))):
        if lanes(world)[lane].head_us != NEVER:
            _queue_up(world, lane, lanes(world)[lane].head_us)
