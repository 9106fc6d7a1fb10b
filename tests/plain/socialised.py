"""A socialised loss the plain way: who bears what of it, from lists of holders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plain.waterfall import allot


@dataclass
class Bearer:
    """One account in one ticker; dollars are micro-dollars."""

    lots: int
    cost: int
    realised: int
    dollars: int
    at_eight: int
    """Its result, closed and open, at 08:00 UTC."""
    frozen: bool = False

    def profit(self, lot_value: int) -> int:
        return self.lots * lot_value - self.cost

    def worth(self, lot_value: int) -> int:
        return self.dollars + self.lots * lot_value


def weight(bearer: Bearer, lot_value: int, form: str) -> int:
    """By what one shares: dollars that can be charged, or lots."""
    if bearer.frozen:
        return 0
    if form == "both sides":
        return abs(bearer.lots)
    if form == "profits":
        gain = bearer.profit(lot_value) if bearer.lots else 0
    else:
        gain = bearer.realised + bearer.profit(lot_value) - bearer.at_eight
    return max(0, min(gain, bearer.worth(lot_value)))


def charges(bearers: Sequence[Bearer], lot_value: int, missing: int, form: str) -> list[int]:
    """What each is charged (SOC-1 to SOC-3)."""
    weights = [weight(bearer, lot_value, form) for bearer in bearers]
    rest, left = missing if form == "both sides" else min(missing, sum(weights)), sum(weights)
    found = []
    for bearer, mine in zip(bearers, weights):
        part = allot(rest, mine, left, rest if form == "both sides" else mine)
        rest, left = rest - part, left - mine
        found.append(max(0, min(part, bearer.worth(lot_value))))
    return found
