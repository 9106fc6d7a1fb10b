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
    room: A[int, Column("i8", "rows", "rows of its ring")]
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
    """One row: the earliest arrival over all lanes."""

    due_us: A[int, Column("i8", "us", "earliest arrival, or NEVER")]


lanes = table(Lane)
messages = table(Message)
nexts = table(Next)


@kernel
def begin(world: World, lane: int, latency_us: int, first_row: int, room: int) -> None:
    """Make an empty lane."""
    row = lanes(world)[lane]
    row.latency_us = latency_us
    row.first_row = first_row
    row.room = room
    nexts(world)[0].due_us = NEVER


@kernel
def send(world: World, lane: int, account: int, book: int, kind: int, side: int, price_ticks: int, lots: int, flags: int, name: int) -> int:  # fmt: skip
    """Send a message; ACCEPTED, or QUEUE_FULL (FLIGHT-3)."""
    row = lanes(world)[lane]
    if row.sent - row.arrived >= row.room:
        return refuse(world, QUEUE_FULL)
    m = messages(world)[row.first_row + row.sent % row.room]
    m.due_us = clock(world)[0].now_us + row.latency_us
    m.price_ticks = price_ticks
    m.size_lots = lots
    m.name = name
    m.account = account
    m.book = book
    m.kind = kind
    m.side = side
    m.flags = flags
    row.sent += 1
    if m.due_us < nexts(world)[0].due_us:
        nexts(world)[0].due_us = m.due_us
    return ACCEPTED


@kernel
def take(world: World) -> int:
    """Remove the message that arrives next (due by now) and return its row, or -1."""
    now_us = clock(world)[0].now_us
    if nexts(world)[0].due_us > now_us:
        return -1
    best, best_due, best_tie, second_due = -1, NEVER, 0, NEVER
    for lane in range(len(lanes(world))):
        row = lanes(world)[lane]
        if row.sent == row.arrived:
            continue
        due_us = messages(world)[row.first_row + row.arrived % row.room].due_us
        if due_us > best_due:
            second_due = min(second_due, due_us)
            continue
        if due_us == best_due:
            tie = tie_order(clock(world)[0].seed, due_us, lane)
            if best_tie < 0:
                best_tie = tie_order(clock(world)[0].seed, due_us, best)
            if tie > best_tie:
                second_due = due_us
                continue
            best_tie = tie
        else:
            best_tie = -1
        second_due = best_due
        best, best_due = lane, due_us
    row = lanes(world)[best]
    found = row.first_row + row.arrived % row.room
    row.arrived += 1
    following = NEVER
    if row.sent != row.arrived:
        following = messages(world)[row.first_row + row.arrived % row.room].due_us
    nexts(world)[0].due_us = min(following, second_due)
    return found
