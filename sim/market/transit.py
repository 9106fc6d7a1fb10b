"""What is on the way: dollars that the bank carries, tokens and shares that the issuer delivers, each with its own arrival.

Two queues lie in one table, the bank's before the issuer's. The first row of each holds how many are on the way and the
earliest arrival, so that nothing due costs one comparison. What an arrival means, its sender knows (BANK-1, ISS-6).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Memory, World, table
from offhours.sim.market.clock import clock

DOLLARS, TOKENS = 0, 1
"""The queues: the bank's, and the issuer's of tokens and shares."""
NEVER = 1 << 62
NOTHING = -1


class Delivery:
    """One row per delivery. The first row of a queue holds their number in `amount` and the earliest arrival in `due_us`."""

    due_us: A[int, Column("i8", "us", "when it arrives")]
    account: A[int, Column("i8", "account", "who receives it")]
    asset: A[int, Column("i8", "asset", "what he receives")]
    amount: A[int, Column("i8", "micro-unit", "how much")]


deliveries = table(Delivery)


@kernel
def begin(world: World) -> None:
    """Nothing is on the way."""
    deliveries(world)[head(world, DOLLARS)].due_us = NEVER
    deliveries(world)[head(world, TOKENS)].due_us = NEVER


@kernel
def head(world: World, queue: int) -> int:
    """First row of a queue; the bank's has room for one delivery an account."""
    return 0 if queue == DOLLARS else clock(world)[0].accounts + 1


@kernel
def count(world: World, queue: int) -> int:
    """How many deliveries of a queue are on the way; they are the rows after its head."""
    return deliveries(world)[head(world, queue)].amount


@kernel
def full(world: World, queue: int) -> bool:
    """Whether a queue has no room for another delivery."""
    end = head(world, TOKENS) if queue == DOLLARS else len(deliveries(world))
    return head(world, queue) + count(world, queue) + 1 >= end


@kernel
def send(world: World, queue: int, due_us: int, account: int, asset: int, amount: int) -> None:
    """Put a delivery on the way; the queue has room."""
    assert not full(world, queue)
    first = deliveries(world)[head(world, queue)]
    first.amount += 1
    d = deliveries(world)[head(world, queue) + first.amount]
    d.due_us = due_us
    d.account = account
    d.asset = asset
    d.amount = amount
    first.due_us = min(first.due_us, due_us)


@kernel
def arrived(world: World, queue: int, row: int) -> int:
    """The first row from this one on whose delivery has arrived by now; NOTHING, and the earliest of the rest, where none has."""
    now_us = clock(world)[0].now_us
    top = head(world, queue)
    first = deliveries(world)[top]
    if first.due_us > now_us:
        return NOTHING
    last = top + first.amount
    row = max(row, top + 1)
    while row <= last:
        if deliveries(world)[row].due_us <= now_us:
            return row
        row += 1
    first.due_us = NEVER
    for left in range(top + 1, last + 1):
        first.due_us = min(first.due_us, deliveries(world)[left].due_us)
    return NOTHING


@kernel
def drop(world: World, queue: int, row: int) -> None:
    """Forget a delivery that was handed out; the queue's last takes its place."""
    first = deliveries(world)[head(world, queue)]
    d, last = deliveries(world)[row], deliveries(world)[head(world, queue) + first.amount]
    d.due_us = last.due_us
    d.account = last.account
    d.asset = last.asset
    d.amount = last.amount
    first.amount -= 1


def on_the_way(memory: Memory, queue: int) -> np.ndarray[Any, Any]:
    """The deliveries of a queue that are on the way, to look at."""
    rows = memory[deliveries]
    top = 0 if queue == DOLLARS else int(memory[clock]["accounts"][0]) + 1
    return rows[top + 1 : top + 1 + int(rows["amount"][top])]
