"""Holders: accounts that were handed in with the positions they have, and that do nothing of their own.

Story. A venue hands in its book (account, side, size, entry price, collateral). How those people would act is not in such
a file, so they hold: they pay funding, and they are liquidated or reduced like anybody else, but send no order, add no
margin and take no profit. What happens to them is therefore what rules and prices alone do to the book.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Knob, World, table


class Holder:
    """The one knob of a holder."""

    mean_sleep_us: A[int, Knob("30 days", "us", "1 s", "90 days", "time between two wakes, at which nothing happens", basis="chosen: longer than a run; half or twice changes nothing that anybody can see")]  # fmt: skip


holders = table(Holder)


@kernel
@rare
def decide(crowd: World, row: int) -> int:
    """Nothing; how long until the next time, microseconds."""
    return holders(crowd)[row].mean_sleep_us
