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
    owes: int = 0
    """Funding accrued and not settled, against it."""
    tokens: int = 0
    """What its tokens would bring if they were sold."""
    house: bool = False

    def value(self, mark: int) -> int:
        """The position at the mark."""
        return self.lots * mark * UNIT

    def worth(self, mark: int) -> int:
        """Equity."""
        return self.dollars + self.value(mark) - self.owes

    def profit(self, mark: int) -> int:
        """What the position has gained."""
        return self.value(mark) - self.cost

    def needs(self, mark: int) -> int:
        """Maintenance margin."""
        return share_up(abs(self.value(mark)), MAINTENANCE_PPB)

    def settle(self) -> None:
        """Funding accrued is paid."""
        self.dollars, self.owes = self.dollars - self.owes, 0

    def trade(self, lots: int, dollars: int) -> None:
        """Buy `lots` for `dollars` (both negative for a sale) towards zero; cost leaves in proportion, rounded down."""
        before = self.lots
        self.cost -= self.cost * -lots // before if before > 0 else self.cost * lots // -before
        self.settle()
        self.lots += lots
        self.dollars -= dollars


def order_of_cases(holders: Sequence[Holder], mark: int) -> list[Holder]:
    """Who is below maintenance, weakest first."""
    ill = [h for h in holders if h.lots and h.worth(mark) < h.needs(mark) and not h.house]
    return sorted(ill, key=lambda h: (float(h.worth(mark)) / float(max(1, h.needs(mark))), h.tie))


def bitmex(holder: Holder, mark: int) -> float:
    """Profit rate times leverage, or divided by it."""
    leverage = abs(holder.value(mark)) / max(1, holder.worth(mark))
    rate = holder.profit(mark) / max(1, abs(holder.cost))
    return rate * leverage if rate > 0 else rate / max(leverage, 1e-9)


Score = Callable[[Holder, int], float]


@dataclass
class Venue:
    """How a venue deleverages: what a lot brings ("bankruptcy", or micro-dollars a lot), by which score or (None) pro rata."""

    price: str | int
    score: Score | None
    shares: bool
    """Whether what nobody paid is shared among those with a profit."""

    def value(self, case: Holder, mark: int) -> int:
        """What closing the whole position brings."""
        if self.price != "bankruptcy":
            return case.lots * int(self.price)
        worth = case.worth(mark)
        return case.value(mark) - (worth if worth >= 0 else min(0, worth + case.tokens))


def slices(value: int, done: int, part: int, of: int) -> int:
    """Value of the lots after `done` of `of`, as differences of a running floor."""
    return value * (done + part) // of - value * done // of


def allot(rest: int, weight: int, weights: int, most: int) -> int:
    """A part of `rest` by weight, to the nearest, at most `most`; the last gets what is left."""
    if weight <= 0:
        return 0
    part = rest if weight >= weights else int(float(rest) * (float(weight) / float(weights)) + 0.5)
    return min(part, most, rest)


def deleverage(holders: Sequence[Holder], mark: int, venue: Venue) -> tuple[int, int, int]:
    """Close all who are below maintenance against the others; returns what these paid, what was shared, and what nobody paid."""
    cases = order_of_cases(holders, mark)
    paid, unpaid, pending = 0, 0, 0
    for side in (1, -1):
        others = [h for h in holders if h.lots * side < 0 and h not in cases and not h.house]
        served = [c for c in cases if c.lots * side > 0]
        result = (by_rank if venue.score else in_proportion)(others, served, holders, mark, side, venue)
        paid, unpaid, pending = paid + result[0], unpaid + result[1], pending + result[1]
    for case in cases:
        assert case.lots == 0
        if case.tokens < 1 or case.dollars >= 0:
            missing = max(0, -case.dollars)
            unpaid += missing
            pending += missing if venue.shares else 0
            case.dollars += missing
    shared = socialise(holders, mark, pending)
    return paid, shared, unpaid - shared


def by_rank(
    others: Sequence[Holder], served: Sequence[Holder], holders: Sequence[Holder], mark: int, side: int, venue: Venue
) -> tuple[int, int]:
    """The first is closed whole, the last in part; who would fall below zero is passed over."""
    assert venue.score
    score, aside, paid, unpaid = venue.score, [], 0, 0
    line = sorted(others, key=lambda h: (h.profit(mark) <= 0, -score(h, mark), h.tie))
    for case in served:
        of, value, done = abs(case.lots), venue.value(case, mark), 0
        while done < of and line:
            other = line[0]
            part = min(of - done, abs(other.lots))
            dollars = slices(value, done, part, of)
            if other.worth(mark) - (dollars - side * part * mark * UNIT) < 0:
                aside.append(line.pop(0))
                continue
            case.trade(-side * part, -dollars)
            other.trade(side * part, dollars)
            done += part
            if other.lots == 0:
                line.pop(0)
        paid += max(0, value * done // of - side * done * mark * UNIT)
        unpaid += at_mark(case, aside, holders, mark, value - value * done // of)
    return paid, unpaid


def in_proportion(
    others: Sequence[Holder], served: Sequence[Holder], holders: Sequence[Holder], mark: int, side: int, venue: Venue
) -> tuple[int, int]:
    """Everybody's part by profit, then by size where there is none, all at one price; who cannot pay it pays what he has."""
    values = [venue.value(case, mark) for case in served]
    wanted, total = sum(abs(case.lots) for case in served), sum(values)
    gained = sorted((h for h in others if h.profit(mark) > 0), key=lambda h: (abs(h.lots) / h.profit(mark), h.tie))
    rest_of_them = sorted((h for h in others if h.profit(mark) <= 0), key=lambda h: h.tie)
    parts, rest = [], wanted
    for group, weigh in ((gained, lambda h: h.profit(mark)), (rest_of_them, lambda h: abs(h.lots))):
        weights = sum(map(weigh, group))
        for other in group:
            lots = allot(rest, weigh(other), weights, abs(other.lots))
            weights -= weigh(other)
            if wanted and other.worth(mark) < total * lots // wanted - side * lots * mark * UNIT:
                lots = 0
            parts.append(lots)
            rest -= lots
    common_lots, common, left = wanted - rest, 0, wanted - rest
    for case, value in zip(served, values):
        common += value * min(left, abs(case.lots)) // abs(case.lots)
        left -= min(left, abs(case.lots))
    line, aside, pooled = [[h, n] for h, n in zip([*gained, *rest_of_them], parts)], [], 0
    paid, unpaid, clipped = 0, 0, 0
    for case, value in zip(served, values):
        of, done = abs(case.lots), 0
        while done < of and line:
            other, most = line[0]
            part = min(of - done, most)
            if part:
                theirs = slices(common, pooled, part, common_lots)
                theirs = min(theirs, side * part * mark * UNIT + max(0, other.worth(mark)))
                own = slices(value, done, part, of)
                case.trade(-side * part, -own)
                other.trade(side * part, theirs)
                clipped, pooled, done = clipped + own - theirs, pooled + part, done + part
                line[0][1] -= part
            if line[0][1] == 0:
                aside.append(line.pop(0)[0])
        paid += max(0, value * done // of - side * done * mark * UNIT)
        unpaid += at_mark(case, aside, holders, mark, value - value * done // of)
    return paid - clipped, unpaid + clipped


def at_mark(case: Holder, aside: Sequence[Holder], holders: Sequence[Holder], mark: int, value: int) -> int:
    """Close what is left at the mark, against those passed over and then anybody; returns what is missing to `value`."""
    if not case.lots:
        return 0
    missing = max(0, value - case.value(mark))
    for other in [*aside, *holders]:
        if case.lots and other.lots * case.lots < 0:
            part = min(abs(case.lots), abs(other.lots)) * (1 if case.lots > 0 else -1)
            case.trade(-part, -part * mark * UNIT)
            other.trade(part, part * mark * UNIT)
    case.dollars += missing
    return missing


def socialise(holders: Sequence[Holder], mark: int, missing: int) -> int:
    """Charge those with a profit in proportion to it, as far as they can pay; returns what was charged."""
    shares = [max(0, min(h.profit(mark), h.worth(mark))) if h.lots and not h.house else 0 for h in holders]
    rest = charged = min(missing, sum(shares))
    weights = sum(shares)
    for holder, share in zip(holders, shares):
        part = allot(rest, share, weights, share)
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
        case.settle()
        offer.owner.settle()
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
