"""A venue of one perp and one token book, slow and obvious: lists that are sorted anew at each look.

It follows the same rules and refuses for the same reasons as the market's matching, one sentence of the rulebook at a
time, and keeps no sum, no index and no window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from offhours.sim.market import matching as m
from offhours.sim.market.accounts import VENUE
from offhours.sim.market.orders import REDUCE_ONLY
from plain.ledger import Ledger, share_up
from plain.margin import Holding, Tier, equity, requirement

PERP, TOKEN = 0, 1


@dataclass
class Order:
    """An order at rest."""

    number: int
    account: int
    book: int
    side: int
    price: int
    lots: int
    flags: int


@dataclass
class Venue:
    """Both books, the ledger behind them, and what was filled: (book, price, lots, buyer, seller, side that arrived)."""

    mark: int
    tiers: Sequence[Tier]
    maker_ppb: int = 200_000
    taker_ppb: int = 500_000
    band_ppb: int = 200_000_000
    slippage_ppb: int = 10_000_000
    units: tuple[int, int] = (100, 1)
    lot_utokens: int = 100
    ledger: Ledger = field(default_factory=Ledger)
    resting: list[Order] = field(default_factory=list)
    fills: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    sequence: int = 0

    def queue(self, book: int, side: int) -> list[Order]:
        """The orders of a side as they would fill: best price first, then the earliest."""
        return sorted(
            (o for o in self.resting if (o.book, o.side) == (book, side)), key=lambda o: (-side * o.price, o.number)
        )

    def position(self, account: int) -> int:
        """Signed lots."""
        return self.ledger.positions[account].lots

    def holding(self, account: int, extra: Sequence[tuple[int, int, int]] = ()) -> Holding:
        """An account's perp position with its open orders and some more."""
        mine = [(o.side, o.price, o.lots) for o in self.resting if (o.book, o.account) == (PERP, account)]
        return Holding(self.position(account), self.mark, self.units[PERP], [*mine, *extra])

    def free_equity(self, account: int) -> int:
        """Equity less the dollars promised to spot bids."""
        worth = equity(self.ledger.owned[account, "usd"], [self.holding(account)])
        return worth - self.ledger.promised[account, "usd"]

    def spendable(self, account: int) -> int:
        """Dollars that may leave: initial margin stays, and open profit."""
        spare = self.free_equity(account) - self.holding(account).worst(self.tiers, whole=False)
        return max(0, min(spare, self.ledger.free(account, "usd") + self.ledger.positions[account].cost))

    def promise(self, order: Order, lots: int) -> tuple[str, int]:
        """What an order of so many lots promises to deliver."""
        if order.side < 0:
            return "token", lots * self.lot_utokens
        value = lots * order.price * self.units[TOKEN]
        return "usd", value + share_up(value, self.taker_ppb)

    def resize(self, order: Order, lots: int) -> None:
        """An order at rest gets another size, and leaves with none; a spot order's promise follows."""
        if order.book == TOKEN:
            asset, before = self.promise(order, order.lots)
            self.ledger.promised[order.account, asset] += self.promise(order, lots)[1] - before
        order.lots = lots
        if lots == 0:
            self.resting.remove(order)

    def place(self, account: int, book: int, side: int, price: int, lots: int, kind: int, flags: int = 0) -> int:
        """An order arrives."""
        opposite = self.queue(book, -side)
        if kind == m.MARKET:
            if not opposite:
                return m.NO_LIQUIDITY
            best = opposite[0].price
            price = best + side * share_up(best, self.slippage_ppb)
        if flags & REDUCE_ONLY:
            lots = min(lots, self.reducible(account, side)) if book == PERP else 0
            if lots <= 0:
                return m.NOT_REDUCING
        code = self.refusal(account, book, side, price, lots, kind, flags)
        if code != m.ACCEPTED:
            return code
        for order in opposite:
            if lots == 0 or side * (order.price - price) > 0:
                break
            allowed = order.lots
            if order.flags & REDUCE_ONLY:
                allowed = min(allowed, self.reducible(order.account, -side))
            if order.account == account or allowed == 0:
                self.resize(order, 0)
                continue
            quantity = min(lots, allowed)
            self.resize(order, order.lots - quantity)
            self.settle(book, side, account, order.account, order.price, quantity)
            lots -= quantity
        if lots > 0 and kind in (m.LIMIT, m.POST_ONLY):
            self.sequence += 1
            order = Order(self.sequence, account, book, side, price, 0, flags)
            self.resting.append(order)
            self.resize(order, lots)
        return m.ACCEPTED

    def reducible(self, account: int, side: int) -> int:
        """Lots that may be traded without a larger or a turned position."""
        return max(0, -side * self.position(account))

    def refusal(self, account: int, book: int, side: int, price: int, lots: int, kind: int, flags: int) -> int:
        """Why an order may not enter, or ACCEPTED."""
        if lots <= 0:
            return m.BAD_SIZE
        if abs(price - self.mark) * 10**9 > self.mark * self.band_ppb:
            return m.OUTSIDE_BAND
        opposite = self.queue(book, -side)
        if kind == m.POST_ONLY and opposite and side * (price - opposite[0].price) >= 0:
            return m.WOULD_CROSS
        if flags & REDUCE_ONLY:
            return m.ACCEPTED
        value = lots * price * self.units[book]
        fee = share_up(value, self.taker_ppb)
        if book == TOKEN and side > 0:
            return m.ACCEPTED if value + fee <= self.spendable(account) else m.NOT_ENOUGH_FUNDS
        if book == TOKEN:
            enough = lots * self.lot_utokens <= self.ledger.free(account, "token")
            return m.ACCEPTED if enough else m.NOT_ENOUGH_FUNDS
        same = sum(o.lots for o in self.resting if (o.book, o.account, o.side) == (PERP, account, side))
        if self.position(account) * side < 0 and same + lots <= abs(self.position(account)):
            return m.ACCEPTED
        needed = self.holding(account, [(side, price, lots)]).worst(self.tiers, whole=False) + fee
        return m.ACCEPTED if needed <= self.free_equity(account) else m.NOT_ENOUGH_MARGIN

    def settle(self, book: int, side: int, taker: int, maker: int, price: int, lots: int) -> None:
        """A fill: dollars one way, the position or the tokens the other, and both fees to the venue."""
        buyer, seller = (taker, maker) if side > 0 else (maker, taker)
        value = price * lots * self.units[book]
        self.ledger.move("usd", buyer, seller, value)
        if book == PERP:
            self.ledger.positions[buyer].trade(lots, value)
            self.ledger.positions[seller].trade(-lots, -value)
        else:
            self.ledger.move("token", seller, buyer, lots * self.lot_utokens)
        self.ledger.move("usd", taker, VENUE, share_up(value, self.taker_ppb))
        self.ledger.move("usd", maker, VENUE, share_up(value, self.maker_ppb))
        self.fills.append((book, price, lots, buyer, seller, side))

    def cancel(self, account: int, number: int) -> int:
        """Take one order off."""
        for order in self.resting:
            if (order.number, order.account) == (number, account):
                self.resize(order, 0)
                return m.ACCEPTED
        return m.GONE

    def cancel_all(self, account: int, book: int) -> int:
        """Take all orders of an account on a book off; how many."""
        mine = [o for o in self.resting if (o.account, o.book) == (account, book)]
        for order in mine:
            self.resize(order, 0)
        return len(mine)

    def replace(self, account: int, number: int, price: int, lots: int) -> int:
        """Another price and size, at the end of the queue, checked anew; refused, the old one is gone."""
        found = [o for o in self.resting if (o.number, o.account) == (number, account)]
        if not found:
            return m.GONE
        self.resize(found[0], 0)
        return self.place(account, found[0].book, found[0].side, price, lots, m.LIMIT, found[0].flags)

    def requirement(self, account: int) -> int:
        """Maintenance margin."""
        return requirement(abs(self.position(account)) * self.mark * self.units[PERP], self.tiers, 2, False)
