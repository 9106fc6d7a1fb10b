"""Prices that somebody waits for: lists per ticker, direction and tick, visited only when the mark crosses them.

TRIG-1  A mark move visits only the ticks it crosses, and each thing waiting there once.
TRIG-2  What waits beyond the window waits at its edge; the window moves before the mark gets there.

Two nodes a position ask for a look at its account: one where a loss begins to matter, one where a tier begins. Stop
orders have theirs after all of these.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, World, table

DOWN, UP = 0, 1
NO_NODE = 0
WINDOW = 1 << 14
"""Ticks in a ticker's window: a quarter of a book's, because what waits beyond it waits at its edge."""


class TriggerWindow:
    """One row a ticker."""

    base_ticks: A[int, Column("i8", "ticks", "price of the window's first place")]


class TriggerHead:
    """One row per ticker, direction and place: the first node that waits there."""

    node: A[int, Column("i4", "node", "first node, or NO_NODE")]


class TriggerNode:
    """Two rows per position, then one per stop order."""

    price_ticks: A[int, Column("i8", "ticks", "fires when the mark is here or beyond")]
    row: A[int, Column("i4", "row", "head row it hangs on, plus one; 0 where it does not wait")]
    next: A[int, Column("i4", "node", "next at the same tick")]
    prev: A[int, Column("i4", "node", "previous at the same tick")]


class Hit:
    """Nodes that fired and were not looked at yet; row 0 holds their number."""

    node: A[int, Column("i4", "node", "fired node; in row 0 the count")]


trigger_windows = table(TriggerWindow)
trigger_heads = table(TriggerHead)
trigger_nodes = table(TriggerNode)
hits = table(Hit)


@kernel
def loss_node(position: int) -> int:
    """Node of a position's row where a loss begins to matter."""
    return 2 * position + 1


@kernel
def tier_node(position: int) -> int:
    """Node of a position's row where a higher tier begins."""
    return 2 * position + 2


@kernel
def begin(world: World, ticker: int, mark_ticks: int) -> None:
    """Centre a ticker's window on its first mark."""
    trigger_windows(world)[ticker].base_ticks = max(0, mark_ticks - WINDOW // 2)


@kernel
def disarm(world: World, node: int) -> None:
    """Stop waiting."""
    n = trigger_nodes(world)[node]
    if n.row == 0:
        return
    before, after = int(n.prev), int(n.next)
    if before == NO_NODE:
        trigger_heads(world)[int(n.row) - 1].node = after
    else:
        trigger_nodes(world)[before].next = after
    if after != NO_NODE:
        trigger_nodes(world)[after].prev = before
    n.row = 0


@kernel
def arm(world: World, node: int, ticker: int, direction: int, price_ticks: int) -> None:
    """Wait until the mark is at `price_ticks` or below (DOWN) or above (UP)."""
    disarm(world, node)
    place = min(max(price_ticks - trigger_windows(world)[ticker].base_ticks, 0), WINDOW - 1)
    row = (2 * ticker + direction) * WINDOW + place
    first = int(trigger_heads(world)[row].node)
    n = trigger_nodes(world)[node]
    n.price_ticks = price_ticks
    n.row = row + 1
    n.prev = NO_NODE
    n.next = first
    if first != NO_NODE:
        trigger_nodes(world)[first].prev = node
    trigger_heads(world)[row].node = node


@kernel
def cross(world: World, ticker: int, old_ticks: int, new_ticks: int) -> None:
    """Collect all nodes that a mark move from `old_ticks` to `new_ticks` fires (TRIG-1)."""
    base = trigger_windows(world)[ticker].base_ticks
    if new_ticks < old_ticks:
        for place in range(max(new_ticks - base, 0), min(old_ticks - base, WINDOW)):
            _collect(world, ticker, DOWN, place, new_ticks)
    else:
        for place in range(max(old_ticks + 1 - base, 0), min(new_ticks + 1 - base, WINDOW)):
            _collect(world, ticker, UP, place, new_ticks)
    place = new_ticks - base
    if (place < WINDOW // 8 and base > 0) or place > WINDOW - WINDOW // 8:
        _rebase(world, ticker, new_ticks)


@kernel
def _collect(world: World, ticker: int, direction: int, place: int, mark_ticks: int) -> None:
    """Collect what waits at a place; at the window's edge some wait for a price that was not reached yet."""
    row = (2 * ticker + direction) * WINDOW + place
    node = int(trigger_heads(world)[row].node)
    trigger_heads(world)[row].node = NO_NODE
    while node != NO_NODE:
        n = trigger_nodes(world)[node]
        after = int(n.next)
        n.row = 0
        if mark_ticks <= n.price_ticks if direction == DOWN else mark_ticks >= n.price_ticks:
            hit(world, node)
        else:
            arm(world, node, ticker, direction, n.price_ticks)
        node = after


@kernel
def hit(world: World, node: int) -> None:
    """Enter a node among those that fired."""
    count = int(hits(world)[0].node) + 1
    hits(world)[0].node = count
    hits(world)[count].node = node


@kernel
def waits(world: World, node: int) -> int:
    """1 while a node waits for a price."""
    return 1 if trigger_nodes(world)[node].row != 0 else 0


@kernel
def take_hit(world: World) -> int:
    """Remove and return a fired node, or NO_NODE."""
    count = int(hits(world)[0].node)
    if count == 0:
        return NO_NODE
    hits(world)[0].node = count - 1
    return int(hits(world)[count].node)


@kernel
@rare
def _rebase(world: World, ticker: int, mark_ticks: int) -> None:
    """Move a ticker's window to the mark and hang every waiting node on its new place (TRIG-2)."""
    trigger_windows(world)[ticker].base_ticks = max(0, mark_ticks - WINDOW // 2)
    first_row = 2 * ticker * WINDOW
    chain = NO_NODE
    for row in range(first_row, first_row + 2 * WINDOW):
        node = int(trigger_heads(world)[row].node)
        trigger_heads(world)[row].node = NO_NODE
        while node != NO_NODE:
            after = int(trigger_nodes(world)[node].next)
            trigger_nodes(world)[node].next = chain
            chain, node = node, after
    while chain != NO_NODE:
        n = trigger_nodes(world)[chain]
        node, chain = chain, int(n.next)
        direction = (int(n.row) - 1 - first_row) // WINDOW
        n.row = 0
        arm(world, node, ticker, direction, n.price_ticks)
