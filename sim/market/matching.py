"""Matching: an order arrives, is checked, meets the book, and every fill is settled at once.

MATCH-1  Limit, market, immediate-or-cancel and post-only orders; a market order is a limit order at the protection price.
MATCH-2  An order that would trade with its owner's resting order takes that order off the book first.
MATCH-3  A reduce-only order never makes a position larger or turns it, when it arrives and when it is filled at rest.
MATCH-4  A spot order reserves what it would deliver; nobody sells what he does not hold or has borrowed. Where tokens count as
         collateral, it leaves initial margin covered.
MATCH-5  Prices outside the band around the mark (index for tokens) or outside the window are refused. While the index
         is not live there is no band: a price that nobody makes must not keep the next one away.
MATCH-6  What is refused is refused with a code, counted, and changes nothing.
MATCH-7  The token book is open by the venue's hours.
MATCH-8  Fills of orders that even out a broken hedge are counted by group, book and cause, and say so on the tape.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import (
    PERP_TRADE,
    TOKEN_TRADE,
    USD,
    accounts,
    available,
    reserve,
    token_asset,
    transfer,
)
from offhours.sim.market.attention import frozen, note_change, note_holding, promise
from offhours.sim.market.book import (
    NO_ASK,
    NO_BID,
    WINDOW,
    book_rules,
    books,
    fill,
    first,
    in_window,
    insert,
    levels,
    near_edge,
    note_trade,
    prefetch_level,
    rebase,
    remove,
    window_base,
)
from offhours.sim.market.clock import HOLIDAY, TRADE_LOG, WEEKEND, clock, count_message, count_trade, log_row, phase
from offhours.sim.market.collateral import active, standing
from offhours.sim.market.fees import charge, fee_rules
from offhours.sim.market.funding import settle
from offhours.sim.market.margin import affords, cash, covers, most_needed, spare
from offhours.sim.market.money import PPB, share_up
from offhours.sim.market.oracle import priced, reference_ticks
from offhours.sim.market.orders import (
    BUY,
    LEG_TAKEN,
    NIL,
    REDUCE_ONLY,
    REPAIR,
    SELL,
    full,
    open_orders,
    open_row,
    orders,
    slot_of,
)
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.positions import trade as book_position

LIMIT, MARKET, IOC, POST_ONLY = 0, 1, 2, 3
ENGINE = 2
"""Flag of the liquidation engine's orders: no margin check, and the fee is the taker's."""

NO_REPAIR, UNFILLED_LEG, TAKEN_LEG = 0, 1, 2
REPAIRS = ("none", "leg that did not fill", "leg that was taken")
"""Why an order evens out a hedge: its other leg did not fill, or was taken by a liquidation or a deleveraging."""

SIZE_MOST_LOTS = 1 << 31
PRICE_MOST_TICKS = 1 << 31
"""Beyond these a product could overflow; nobody can mean them."""

ACCEPTED = 0
BAD_SIZE, OUTSIDE_BAND, OUTSIDE_WINDOW, WOULD_CROSS, NOT_REDUCING, NOT_ENOUGH_MARGIN, NOT_ENOUGH_FUNDS, MARKET_CLOSED, IN_LIQUIDATION, POOL_FULL, NO_LIQUIDITY, QUEUE_FULL, GONE = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
)  # fmt: skip
REFUSALS = 14
REFUSAL_SENTENCES = (
    "accepted",
    "the size is zero, negative, below the smallest order or absurdly large",
    "the price is further from the mark than the band allows",
    "the price is outside the window of prices the book can hold",
    "a post-only order would have traded at once",
    "a reduce-only order would have made the position larger",
    "after its worst fill the account would lack initial margin",
    "the account does not hold what the order would deliver",
    "the book is closed at this hour",
    "the account is being liquidated",
    "the table of resting orders is full",
    "the other side of the book is empty",
    "too many messages are in flight",
    "the order is no longer there",
)

ALWAYS, WEEKDAYS = 0, 1


class SessionRules:
    """When one token book is open."""

    hours: A[int, Knob("24/7", "choice", "", "", "24/7, or 24/5: closed at week-ends and on holidays", basis="rule: Kraken Pro xStocks spot, 2026: the ten largest trade 24/7, all others 24/5", choices=("24/7", "24/5"))]  # fmt: skip


class Report:
    """One row: what the order handled last came to."""

    code: A[int, Column("i8", "code", "ACCEPTED or a refusal")]
    filled_lots: A[int, Column("i8", "lots", "filled at once")]
    value_uusd: A[int, Column("i8", "uusd", "value of what was filled")]
    slot: A[int, Column("i8", "slot", "where the rest came to rest, or NIL")]


class Refused:
    """One row a code: how often."""

    count: A[int, Column("i8", "count", "orders refused for this reason")]


class Repair:
    """One row per group, book kind (perp, token) and cause (row = (group x 2 + kind) x 2 + cause - 1): repairs of hedges."""

    fills: A[int, Column("i8", "count", "fills of repair orders that arrived")]
    value_uusd: A[int, Column("i8", "uusd", "value that they traded")]


class Trade:
    """A fill."""

    time_us: A[int, Column("i8", "us", "when")]
    book: A[int, Column("i8", "book", "perp of ticker k is 2k, token book 2k + 1")]
    price_ticks: A[int, Column("i8", "ticks", "price of the resting order")]
    size_lots: A[int, Column("i8", "lots", "quantity")]
    buyer: A[int, Column("i8", "account", "who bought")]
    seller: A[int, Column("i8", "account", "who sold")]
    aggressor: A[int, Column("i8", "side", "side of the order that arrived")]
    forced: A[int, Column("i8", "flag", "1 where the liquidation engine's order arrived")]
    repair: A[int, Column("i8", "code", "NO_REPAIR, or why the order that arrived evened out a hedge")]


session_rules = table(SessionRules)
reports = table(Report)
refused = table(Refused)
repairs = table(Repair)
trades = table(Trade, recorded=True)


@kernel
def refuse(world: World, code: int) -> int:
    """Report and count a refusal (MATCH-6)."""
    report = reports(world)[0]
    report.code = code
    report.filled_lots = 0
    report.value_uusd = 0
    report.slot = NIL
    refused(world)[code].count += 1
    return code


@kernel
def place(world: World, account: int, book: int, side: int, price_ticks: int, lots: int, kind: int, flags: int) -> int:
    """Handle an order that arrives now. Returns ACCEPTED or a refusal; details are in the report row."""
    count_message(world, 1)
    if kind == MARKET:
        price_ticks = protection_ticks(world, book, side)
        if price_ticks == NO_BID:
            return refuse(world, NO_LIQUIDITY)
    ticker = book // 2
    perp = book % 2 == 0
    if flags & REDUCE_ONLY:
        if not perp:
            return refuse(world, NOT_REDUCING)
        lots = min(lots, reducible(world, account, ticker, side))
        if lots <= 0:
            return refuse(world, NOT_REDUCING)
    code = admissible(world, account, book, side, price_ticks, lots, kind, flags)
    if code == ACCEPTED and (kind == LIMIT or kind == POST_ONLY) and full(world):
        code = POOL_FULL
    if code != ACCEPTED:
        return refuse(world, code)
    report = reports(world)[0]
    report.code = ACCEPTED
    report.slot = NIL
    report.value_uusd = 0
    report.filled_lots = 0
    rest = sweep(world, account, book, side, price_ticks, lots, flags)
    report.filled_lots = lots - rest
    if rest > 0 and (kind == LIMIT or kind == POST_ONLY):
        if perp:
            note_holding(world, account, ticker)
            promise(world, account, most_needed(world, ticker, price_ticks, rest), 0)
        else:
            spot_reserve(world, account, book, side, price_ticks, 0, rest)
        report.slot = insert(world, account, book, side, price_ticks, rest, flags & REDUCE_ONLY)
    return ACCEPTED


@kernel
def admissible(world: World, account: int, book: int, side: int, price_ticks: int, lots: int, kind: int, flags: int) -> int:  # fmt: skip
    """ACCEPTED, or why an order may not enter the book."""
    rules = book_rules(world)[book]
    if lots <= 0 or lots >= SIZE_MOST_LOTS or (lots < rules.size_min_lots and not flags & (REDUCE_ONLY | ENGINE)):
        return BAD_SIZE
    if book % 2 == 1 and not token_open(world, book // 2):
        return MARKET_CLOSED
    reference = reference_ticks(world, book)
    beyond = abs(price_ticks - reference) * PPB > reference * rules.band_ppb
    if abs(price_ticks) >= PRICE_MOST_TICKS or (beyond and priced(world, book // 2)):
        return OUTSIDE_BAND
    if not in_window(world, book, price_ticks):
        if near_edge(world, book, reference):
            move_window(world, book, reference)
        if not in_window(world, book, price_ticks):
            return OUTSIDE_WINDOW
    b = books(world)[book]
    if kind == POST_ONLY and (price_ticks >= b.best_ask if side == BUY else price_ticks <= b.best_bid):
        return WOULD_CROSS
    if flags & ENGINE:
        return ACCEPTED
    if frozen(world, account):
        return IN_LIQUIDATION
    if flags & REDUCE_ONLY:
        return ACCEPTED
    taker_ppb = fee_rules(world)[book].taker_ppb
    if book % 2 == 0:
        return ACCEPTED if covers(world, account, book // 2, side, price_ticks, lots, taker_ppb) else NOT_ENOUGH_MARGIN
    if side == BUY:
        value = lots * price_ticks * b.unit_uusd
        cost = value + share_up(value, taker_ppb)
        gained = lots * lot_utokens(world, book)
        enough = affords(world, account, cost) or (
            active(world) and buys_on_margin(world, account, book // 2, cost, gained)
        )
    else:
        given = lots * lot_utokens(world, book)
        enough = given <= available(world, account, token_asset(book // 2))
        if enough and active(world):
            value = lots * price_ticks * b.unit_uusd
            change = standing(world, account, book // 2, -given) + value - share_up(value, taker_ppb)
            if change < 0 and change + spare(world, account) < 0:
                return NOT_ENOUGH_MARGIN
    return ACCEPTED if enough else NOT_ENOUGH_FUNDS


@kernel
def buys_on_margin(world: World, account: int, ticker: int, cost_uusd: int, utokens: int) -> int:
    """1 where an account has the dollars for tokens, borrowed ones among them, and the tokens count for enough (COLL-1)."""
    if cost_uusd > cash(world, account):
        return 0
    return 1 if cost_uusd - standing(world, account, ticker, utokens) <= spare(world, account) else 0


@kernel
def move_window(world: World, book: int, around_ticks: int) -> None:
    """Centre a book's window on a price. Orders that have no place in the new one are withdrawn (BOOK-3)."""
    shift = window_base(around_ticks) - books(world)[book].base_ticks
    for place_in_window in range(WINDOW):
        if not 0 < place_in_window - shift < WINDOW:
            row = book * WINDOW + place_in_window
            while levels(world)[row].head != NIL:
                withdraw(world, int(levels(world)[row].head))
    rebase(world, book, around_ticks)


@kernel
def reducible(world: World, account: int, ticker: int, side: int) -> int:
    """Lots an order of `side` may trade without making the position larger or turning it."""
    lots = position_size(world, account, ticker)
    return abs(lots) if lots * side < 0 else 0


@kernel
def protection_ticks(world: World, book: int, side: int) -> int:
    """Limit price of a market order: so far beyond the best price, or NO_BID where the other side is empty (MATCH-1)."""
    b = books(world)[book]
    slippage_ppb = book_rules(world)[book].market_slippage_ppb
    if side == BUY:
        return NO_BID if b.best_ask == NO_ASK else b.best_ask + share_up(b.best_ask, slippage_ppb)
    return NO_BID if b.best_bid == NO_BID else max(1, b.best_bid - share_up(b.best_bid, slippage_ppb))


@kernel
def token_open(world: World, ticker: int) -> int:
    """1 where the token book trades now (MATCH-7)."""
    if session_rules(world)[ticker].hours == ALWAYS:
        return 1
    now = phase(world)
    return 0 if now == WEEKEND or now == HOLIDAY else 1


@kernel
def sweep(world: World, account: int, book: int, side: int, price_ticks: int, lots: int, flags: int) -> int:
    """Fill an arriving order against the other side as far as its price reaches. Returns what is left."""
    b = books(world)[book]
    while lots > 0:
        # An empty side has no price that any order reaches, so that neither level nor order is looked at for nothing.
        resting_ticks = b.best_ask if side == BUY else b.best_bid
        if side * (resting_ticks - price_ticks) > 0:
            return lots
        slot = first(world, book, -side)
        resting = orders(world)[slot]
        owner = int(resting.account)
        if owner == account:
            withdraw(world, slot)
            continue
        quantity = min(lots, resting.size_lots)
        if resting.flags & REDUCE_ONLY:
            allowed = reducible(world, owner, book // 2, -side)
            if allowed == 0:
                withdraw(world, slot)
                continue
            quantity = min(quantity, allowed)
        if book % 2 == 1:
            spot_reserve(world, owner, book, -side, resting_ticks, resting.size_lots, resting.size_lots - quantity)
        fill(world, slot, quantity)
        if side == BUY:
            exchange(world, book, account, owner, resting_ticks, quantity, side, flags)
        else:
            exchange(world, book, owner, account, resting_ticks, quantity, side, flags)
        lots -= quantity
    return lots


@kernel
def exchange(world: World, book: int, buyer: int, seller: int, price_ticks: int, lots: int, aggressor: int, flags: int) -> None:  # fmt: skip
    """Settle one fill: dollars, position or tokens, fees, record."""
    value = price_ticks * lots * books(world)[book].unit_uusd
    ticker = book // 2
    if book % 2 == 0:
        settle(world, buyer, ticker)
        settle(world, seller, ticker)
        transfer(world, USD, buyer, seller, value, PERP_TRADE)
        book_position(world, buyer, ticker, lots, value)
        book_position(world, seller, ticker, -lots, -value)
        after_trade(world, buyer, ticker)
        after_trade(world, seller, ticker)
    else:
        transfer(world, USD, buyer, seller, value, TOKEN_TRADE)
        transfer(world, token_asset(ticker), seller, buyer, lots * lot_utokens(world, book), TOKEN_TRADE)
        note_change(world, buyer)
        note_change(world, seller)
    rules = fee_rules(world)[book]
    charge(world, buyer, value, rules.taker_ppb if aggressor == BUY else rules.maker_ppb)
    charge(world, seller, value, rules.taker_ppb if aggressor == SELL else rules.maker_ppb)
    note_trade(world, book, price_ticks, lots, aggressor)
    count_trade(world)
    reports(world)[0].value_uusd += value
    repair = 0
    if flags & REPAIR:
        repair = count_repair(world, buyer if aggressor == BUY else seller, book % 2, value, flags)
    if clock(world)[0].log_trades == 1:
        row = trades(world)[log_row(world, TRADE_LOG)]
        row.time_us = clock(world)[0].now_us
        row.book = book
        row.price_ticks = price_ticks
        row.size_lots = lots
        row.buyer = buyer
        row.seller = seller
        row.aggressor = aggressor
        row.forced = 1 if flags & ENGINE else 0
        row.repair = repair


@kernel
def count_repair(world: World, account: int, kind: int, value: int, flags: int) -> int:
    """Count a fill of an order that evens out a hedge (MATCH-8); returns why it was sent."""
    cause = TAKEN_LEG if flags & LEG_TAKEN else UNFILLED_LEG
    row = repairs(world)[(accounts(world)[account].group * 2 + kind) * 2 + cause - 1]
    row.fills += 1
    row.value_uusd += value
    return cause


@kernel
def after_trade(world: World, account: int, ticker: int) -> None:
    """A changed account is to be looked at."""
    note_holding(world, account, ticker)
    note_change(world, account)


@kernel
def lot_utokens(world: World, book: int) -> int:
    """Micro-tokens in one lot of a token book."""
    return book_rules(world)[book].lot_ushares


@kernel
def spot_reserve(world: World, account: int, book: int, side: int, price_ticks: int, old_lots: int, new_lots: int) -> None:  # fmt: skip
    """Change what a resting spot order has promised from `old_lots` to `new_lots` (MATCH-4)."""
    if side == BUY:
        unit = books(world)[book].unit_uusd * price_ticks
        rate = fee_rules(world)[book].taker_ppb
        change = 0
        if new_lots > 0:
            change += unit * new_lots + share_up(unit * new_lots, rate)
        if old_lots > 0:
            change -= unit * old_lots + share_up(unit * old_lots, rate)
        reserve(world, account, USD, change)
        promise(world, account, max(0, change), max(0, change))
    else:
        reserve(world, account, token_asset(book // 2), (new_lots - old_lots) * lot_utokens(world, book))


@kernel
def withdraw(world: World, slot: int) -> None:
    """Take a resting order off its book and release what it had reserved."""
    o = orders(world)[slot]
    if o.book % 2 == 1:
        spot_reserve(world, int(o.account), int(o.book), int(o.side), o.price_ticks, o.size_lots, 0)
    remove(world, slot)


@kernel
def cancel(world: World, account: int, name: int) -> int:
    """Cancel one order by its handle; GONE where it is no longer there or belongs to somebody else."""
    count_message(world, 1)
    slot = slot_of(world, name)
    if slot == NIL or int(orders(world)[slot].account) != account:
        return refuse(world, GONE)
    withdraw(world, slot)
    return ACCEPTED


@kernel
def cancel_all(world: World, account: int, book: int) -> int:
    """Cancel all of an account's orders on a book; returns how many."""
    slot = open_orders(world)[open_row(world, account, book)].head
    number = 0
    while slot != NIL:
        after = int(orders(world)[slot].owner_next)
        if after != NIL:
            prefetch_level(world, book, orders(world)[after].price_ticks)
        withdraw(world, slot)
        number += 1
        slot = after
    count_message(world, number)
    return number


@kernel
@rare
def replace(world: World, account: int, name: int, price_ticks: int, lots: int) -> int:
    """Give a resting order a new price and size: it loses its place and is checked anew; refused, the old one is gone."""
    slot = slot_of(world, name)
    if slot == NIL or int(orders(world)[slot].account) != account:
        count_message(world, 1)
        return refuse(world, GONE)
    o = orders(world)[slot]
    book, side, flags = int(o.book), int(o.side), int(o.flags)
    withdraw(world, slot)
    return place(world, account, book, side, price_ticks, lots, LIMIT, flags)
