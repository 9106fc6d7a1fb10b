"""Margin as the venue's page says it, in unbounded integers and fractions, with lists instead of running sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plain.ledger import share_up

Tier = tuple[int, int, int]
"""(from micro-dollars, initial ppb, maintenance ppb)"""


def requirement(notional: int, tiers: Sequence[Tier], kind: int, whole: bool) -> int:
    """Initial (kind 1) or maintenance (2) margin of a notional, each tier's part rounded up."""
    inside = [t for t in tiers if t[0] <= notional]
    if whole:
        return share_up(notional, inside[-1][kind])
    ends = [t[0] for t in inside[1:]] + [notional]
    return sum(share_up(end - tier[0], tier[kind]) for tier, end in zip(inside, ends, strict=True))


@dataclass
class Holding:
    """A position in one ticker with the open orders beside it: (side, price ticks, lots)."""

    lots: int
    mark_ticks: int
    unit: int
    orders: Sequence[tuple[int, int, int]] = ()
    funding_owed: int = 0

    def value(self) -> int:
        """What the position is worth at the mark."""
        return self.lots * self.mark_ticks * self.unit

    def worst(self, tiers: Sequence[Tier], whole: bool) -> int:
        """Initial margin after the worst fill, and the loss of the limit prices against the mark."""
        buys = [(p, n) for side, p, n in self.orders if side > 0]
        sells = [(p, n) for side, p, n in self.orders if side < 0]
        largest = max(abs(self.lots + sum(n for _, n in buys)), abs(self.lots - sum(n for _, n in sells)))
        overpaid = max(0, sum((p - self.mark_ticks) * n for p, n in buys))
        undersold = max(0, sum((self.mark_ticks - p) * n for p, n in sells))
        return requirement(largest * self.mark_ticks * self.unit, tiers, 1, whole) + (overpaid + undersold) * self.unit


def equity(dollars: int, holdings: Iterable[Holding]) -> int:
    """Dollars and positions at the mark, less the funding that is owed."""
    return dollars + sum(h.value() - h.funding_owed for h in holdings)


def maintenance(holdings: Iterable[Holding], tiers: Sequence[Tier], whole: bool) -> int:
    """What an account must keep."""
    return sum(requirement(abs(h.value()), tiers, 2, whole) for h in holdings)
