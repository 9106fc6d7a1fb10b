"""The last stages of a liquidation as one would do them by hand: lists, unbounded integers, everything looked up anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plain.ledger import share_up

UNIT = 100
"""Micro-dollars of a tick of one lot."""
INITIAL_PPB, MAINTENANCE_PPB = 50_000_000, 25_000_000


@dataclass
class Holder:
    """One account with one position."""

    name: int
    tie: int
    dollars: int
    lots: int
    cost: int

    def value(self, mark: int) -> int:
        """The position at the mark."""
        return self.lots * mark * UNIT

    def worth(self, mark: int) -> int:
        """Equity."""
        return self.dollars + self.value(mark)

    def profit(self, mark: int) -> int:
        """What the position has gained."""
        return self.value(mark) - self.cost

    def needs(self, mark: int) -> int:
        """Maintenance margin."""
        return share_up(abs(self.value(mark)), MAINTENANCE_PPB)

    def trade(self, lots: int, dollars: int) -> None:
        """Buy `lots` for `dollars` (both negative for a sale) towards zero; cost leaves in proportion, rounded down."""
        before = self.lots
        self.cost -= self.cost * -lots // before if before > 0 else self.cost * lots // -before
        self.lots += lots
        self.dollars -= dollars


def order_of_cases(holders: Sequence[Holder], mark: int) -> list[Holder]:
    """Who is below maintenance, weakest first."""
    ill = [h for h in holders if h.lots and h.worth(mark) < h.needs(mark)]
    return sorted(ill, key=lambda h: (float(h.worth(mark)) / float(max(1, h.needs(mark))), h.tie))


def bitmex(holder: Holder, mark: int) -> float:
    """Profit rate times leverage, or divided by it."""
    leverage = abs(holder.value(mark)) / max(1, holder.worth(mark))
    rate = holder.profit(mark) / max(1, abs(holder.cost))
    return rate * leverage if rate > 0 else rate / max(leverage, 1e-9)


def deleverage(
    holders: Sequence[Holder], mark: int, at_mark: bool, score: Callable[[Holder, int], float]
) -> tuple[int, int]:
    """Close all who are below maintenance against the others, by rank; returns what the others paid, and what nobody did."""
    cases = order_of_cases(holders, mark)
    paid, unpaid, pending = 0, 0, 0
    for side in (1, -1):
        others = [h for h in holders if h.lots * side < 0 and h not in cases]
        line = sorted(others, key=lambda h: (h.profit(mark) <= 0, -score(h, mark), h.tie))
        aside: list[Holder] = []
        for case in [c for c in cases if c.lots * side > 0]:
            of, value, done = abs(case.lots), case.value(mark) - (0 if at_mark else case.worth(mark)), 0
            while done < of and line:
                other = line[0]
                part = min(of - done, abs(other.lots))
                dollars = value * (done + part) // of - value * done // of
                if other.worth(mark) - (dollars - side * part * mark * UNIT) < 0:
                    aside.append(line.pop(0))
                    continue
                case.trade(-side * part, -dollars)
                other.trade(side * part, dollars)
                done += part
                if other.lots == 0:
                    line.pop(0)
            paid += max(0, value * done // of - side * done * mark * UNIT)
            if done < of:
                missing = value - value * done // of - case.value(mark)
                for other in [*aside, *holders]:
                    if case.lots and other.lots * case.lots < 0:
                        part = min(abs(case.lots), abs(other.lots)) * side
                        case.trade(-part, -part * mark * UNIT)
                        other.trade(part, part * mark * UNIT)
                case.dollars += max(0, missing)
                unpaid += max(0, missing)
                pending += max(0, missing)
    for case in cases:
        assert case.lots == 0
        unpaid += max(0, -case.dollars)
        case.dollars = max(0, case.dollars)
    return paid, unpaid - socialise(holders, mark, pending)


def socialise(holders: Sequence[Holder], mark: int, missing: int) -> int:
    """Charge those with a profit in proportion to it, as far as they can pay; returns what was charged."""
    shares = [max(0, min(h.profit(mark), h.worth(mark))) if h.lots else 0 for h in holders]
    rest = charged = min(missing, sum(shares))
    weights = sum(shares)
    for holder, share in zip(holders, shares):
        if share and rest:
            part = rest if share >= weights else int(float(rest) * (float(share) / float(weights)) + 0.5)
            part = min(part, share, rest)
            holder.dollars -= part
            rest, weights = rest - part, weights - share
    return charged - rest


@dataclass
class Offer:
    """A standing offer."""

    owner: Holder
    edge_ppb: int
    room: int


def assign(case: Holder, offers: Sequence[Offer], mark: int) -> None:
    """Hand a position to providers, cheapest first, while its equity pays for the edge."""
    for offer in sorted(offers, key=lambda o: (o.edge_ppb, o.owner.tie)):
        side = 1 if case.lots > 0 else -1
        lots = 0
        while lots < abs(case.lots):
            size = max(abs(offer.owner.lots + side * (lots + 1)), abs(offer.owner.lots))
            enough = share_up(size * mark * UNIT, INITIAL_PPB) <= offer.owner.worth(mark)
            if not enough or (lots + 1) * mark * UNIT > offer.room:
                break
            lots += 1
        if lots == 0:
            continue
        edge = share_up(lots * mark * UNIT, offer.edge_ppb)
        if edge > case.worth(mark) * lots // abs(case.lots):
            return
        value = side * lots * mark * UNIT
        case.lots, case.dollars = case.lots - side * lots, case.dollars + value - edge
        offer.owner.lots, offer.owner.dollars = offer.owner.lots + side * lots, offer.owner.dollars - value + edge
        offer.room -= abs(value)
        if case.lots == 0:
            return


def take_over(case: Holder, vault: Holder, mark: int, edge_ppb: int) -> tuple[int, int]:
    """A vault takes the whole position and pays what is missing; returns what it and what nobody paid."""
    value = case.value(mark)
    vault.lots, vault.dollars = vault.lots + case.lots, vault.dollars - value
    case.lots, case.dollars = 0, case.dollars + value
    edge = max(0, min(abs(value) * edge_ppb // 10**9, case.dollars))
    case.dollars, vault.dollars = case.dollars - edge, vault.dollars + edge
    missing = max(0, -case.dollars)
    paid = min(missing, max(0, vault.worth(mark)))
    case.dollars, vault.dollars = case.dollars + missing, vault.dollars - paid
    return paid, missing - paid
