"""A limit order book: a dense window of price levels, a bitmap that finds the next one, price-time priority.

BOOK-1  Best price first, then the earliest order at that price.
BOOK-2  A book never crosses: the best bid is below the best ask after every action.
BOOK-3  The window of prices has a base; it moves when prices near its edge. Orders it leaves behind are withdrawn, and
        prices outside it are refused.
BOOK-4  Impact prices are averages over the depth needed for a size; without that depth there is none.
"""

from __future__ import annotations

from offhours.sim.compile import highest_bit, kernel, lowest_bit, rare
from offhours.sim.declare import A, Column, Knob, World, prefetch, table
from offhours.sim.market.orders import BUY, NIL, create, discard, orders, queue_behind, shrink, unqueue

WINDOW = 1 << 16
_WORDS = WINDOW >> 5
_SUMMARY = _WORDS >> 5
BITS_PER_BOOK = _WORDS + _SUMMARY + (_SUMMARY >> 5)

NO_BID = 0
NO_ASK = 1 << 40


class BookRules:
    """Rules of one book, perp or token."""

    tick_uusd: A[int, Knob("$0.01", "uusd", "$0.0001", "$100", "smallest step of price, dollars per share", basis="rule: Kraken futures instruments, API dump 2026-05-15: 0.01 for single stocks")]  # fmt: skip
    lot_ushares: A[int, Knob("0.01", "ushares", "0.000001", "1000", "smallest step of size, shares", basis="rule: Kraken futures instruments, 2026: TSLAx 0.01; others assumed alike")]  # fmt: skip
    size_min_lots: A[int, Knob("1", "count", "1", "1000000", "smallest order, in lots", basis="rule: Kraken futures instruments, 2026: the minimum lot is the step")]  # fmt: skip
    band_ppb: A[int, Knob("20 %", "ppb", "0.1 %", "100 %", "orders further than this from the mark are refused", basis="chosen: an ordinary collar; not half (10 %), because a week-end gap must be tradable at once; not twice, because stray prints would rest for ever")]  # fmt: skip
    market_slippage_ppb: A[int, Knob("1 %", "ppb", "0.01 %", "50 %", "how far beyond the best price a market order may fill", basis="chosen: market orders are protected limits; not half, because off-hours spreads reach 0.5 %; not twice, because one order would sweep a thin book")]  # fmt: skip


class Book:
    """One row a book: perp of ticker k is 2k, token book is 2k + 1."""

    best_bid: A[int, Column("i8", "ticks", "highest bid, or NO_BID")]
    best_ask: A[int, Column("i8", "ticks", "lowest ask, or NO_ASK")]
    base_ticks: A[int, Column("i8", "ticks", "price of the window's first level")]
    last_ticks: A[int, Column("i8", "ticks", "price of the last trade, or 0")]
    unit_uusd: A[int, Column("i8", "uusd", "value of one tick x one lot")]
    volume_lots: A[int, Column("i8", "lots", "traded so far")]
    signed_lots: A[int, Column("i8", "lots", "bought minus sold by arriving orders so far")]
    bid_lots: A[int, Column("i8", "lots", "sum of resting bids")]
    ask_lots: A[int, Column("i8", "lots", "sum of resting asks")]


class Level:
    """One row per book and price in the window (row = book x WINDOW + price - base)."""

    head: A[int, Column("i4", "slot", "first in the queue")]
    tail: A[int, Column("i4", "slot", "last in the queue")]
    size_lots: A[int, Column("i8", "lots", "sum of the queue")]


class Bits:
    """Words of 32 levels, words of 32 words, and those again; a book after the other."""

    word: A[int, Column("i8", "bits", "1 where a level, or a word below, holds something")]


book_rules = table(BookRules)
books = table(Book)
levels = table(Level)
bits = table(Bits)


@kernel
def begin(world: World, book: int, unit_uusd: int, around_ticks: int) -> None:
    """Make an empty book whose window is centred on a price."""
    b = books(world)[book]
    b.best_bid = NO_BID
    b.best_ask = NO_ASK
    b.base_ticks = window_base(around_ticks)
    b.unit_uusd = unit_uusd


@kernel
def window_base(around_ticks: int) -> int:
    """First price of a window centred on a price."""
    return max(0, around_ticks - WINDOW // 2)


@kernel
def in_window(world: World, book: int, price_ticks: int) -> int:
    """1 where a price has a level. The window's first level stays empty, so that price 0 is never one."""
    place = price_ticks - books(world)[book].base_ticks
    return 1 if 0 < place < WINDOW else 0


@kernel
def prefetch_level(world: World, book: int, price_ticks: int) -> None:
    """Ask for the level of a price, some time before an order comes to it or leaves it."""
    prefetch(levels(world), book * WINDOW + price_ticks - books(world)[book].base_ticks)


@kernel
def insert(world: World, account: int, book: int, side: int, price_ticks: int, size_lots: int, flags: int) -> int:
    """Rest an order behind all others of its price and return its slot. It must not cross."""
    b = books(world)[book]
    place = price_ticks - b.base_ticks
    assert 0 < place < WINDOW and size_lots > 0
    slot = create(world, account, book, side, price_ticks, size_lots, flags)
    level = levels(world)[book * WINDOW + place]
    tail = int(level.tail)
    if tail == NIL:
        level.head = slot
        _raise_bit(world, book, place)
        if side == BUY:
            assert price_ticks < b.best_ask
            if price_ticks > b.best_bid:
                b.best_bid = price_ticks
        else:
            assert price_ticks > b.best_bid
            if price_ticks < b.best_ask:
                b.best_ask = price_ticks
    else:
        queue_behind(world, slot, tail)
    level.tail = slot
    level.size_lots += size_lots
    if side == BUY:
        b.bid_lots += size_lots
    else:
        b.ask_lots += size_lots
    return slot


@kernel
def remove(world: World, slot: int) -> None:
    """Take a resting order off the book."""
    o = orders(world)[slot]
    book, side, price_ticks = int(o.book), int(o.side), o.price_ticks
    b = books(world)[book]
    place = price_ticks - b.base_ticks
    level = levels(world)[book * WINDOW + place]
    level.size_lots -= o.size_lots
    if side == BUY:
        b.bid_lots -= o.size_lots
    else:
        b.ask_lots -= o.size_lots
    before, after = int(o.prev), int(o.next)
    if before == NIL:
        level.head = after
    if after == NIL:
        level.tail = before
    unqueue(world, slot)
    discard(world, slot)
    if before == NIL and after == NIL:
        _drop_level(world, book, side, place)


@kernel
def fill(world: World, slot: int, lots: int) -> None:
    """Fill `lots` of a resting order; an order without rest leaves the book."""
    o = orders(world)[slot]
    if lots == o.size_lots:
        remove(world, slot)
        return
    book = int(o.book)
    b = books(world)[book]
    levels(world)[book * WINDOW + o.price_ticks - b.base_ticks].size_lots -= lots
    if o.side == BUY:
        b.bid_lots -= lots
    else:
        b.ask_lots -= lots
    shrink(world, slot, lots)


@kernel
def first(world: World, book: int, side: int) -> int:
    """Slot of the order that fills first among the bids (BUY) or asks (SELL), or NIL."""
    b = books(world)[book]
    price_ticks = b.best_bid if side == BUY else b.best_ask
    if price_ticks == NO_BID or price_ticks == NO_ASK:
        return NIL
    return int(levels(world)[book * WINDOW + price_ticks - b.base_ticks].head)


@kernel
def note_trade(world: World, book: int, price_ticks: int, lots: int, aggressor: int) -> None:
    """Remember the last price, the volume, and who came to whom."""
    b = books(world)[book]
    b.last_ticks = price_ticks
    b.volume_lots += lots
    b.signed_lots += aggressor * lots


@kernel
def next_price(world: World, book: int, side: int, price_ticks: int) -> int:
    """The next worse price with orders behind `price_ticks` on a side, or NO_BID / NO_ASK."""
    b = books(world)[book]
    place = price_ticks - b.base_ticks
    if side == BUY:
        below = _next_below(world, book, place)
        return NO_BID if below < 0 else below + b.base_ticks
    above = _next_above(world, book, place)
    return NO_ASK if above < 0 else above + b.base_ticks


@kernel
def impact_ticks(world: World, book: int, side: int, size_lots: int) -> float:
    """Average price in ticks at which `size_lots` would be sold into the bids (BUY) or bought from the asks (SELL).

    Minus one where that side is too thin (BOOK-4).
    """
    b = books(world)[book]
    price_ticks = b.best_bid if side == BUY else b.best_ask
    rest, paid = size_lots, 0
    if (b.bid_lots if side == BUY else b.ask_lots) < size_lots:
        return -1.0
    while rest > 0:
        lots = min(rest, levels(world)[book * WINDOW + price_ticks - b.base_ticks].size_lots)
        paid += lots * price_ticks
        rest -= lots
        if rest > 0:
            price_ticks = next_price(world, book, side, price_ticks)
    return paid / size_lots


@kernel
def depth_lots(world: World, book: int, side: int, limit_ticks: int) -> int:
    """Lots resting on a side at `limit_ticks` or better."""
    b = books(world)[book]
    price_ticks = b.best_bid if side == BUY else b.best_ask
    total = 0
    while price_ticks != NO_BID and price_ticks != NO_ASK and side * (price_ticks - limit_ticks) >= 0:
        total += levels(world)[book * WINDOW + price_ticks - b.base_ticks].size_lots
        price_ticks = next_price(world, book, side, price_ticks)
    return total


@kernel
def near_edge(world: World, book: int, around_ticks: int) -> int:
    """1 where a price is so near the window's edge that the window should move."""
    place = around_ticks - books(world)[book].base_ticks
    if place < WINDOW // 8 and books(world)[book].base_ticks > 0:
        return 1
    return 1 if place > WINDOW - WINDOW // 8 else 0


@kernel
@rare
def rebase(world: World, book: int, around_ticks: int) -> None:
    """Centre the window on a price (BOOK-3). Every resting order must have a place in the new window."""
    b = books(world)[book]
    base = window_base(around_ticks)
    shift = base - b.base_ticks
    here = book * WINDOW
    table_of_levels = levels(world)
    if shift > 0:
        for place in range(WINDOW):
            _move_level(world, book, table_of_levels[here + place].size_lots, here + place, here + place - shift, here)
    else:
        for step in range(WINDOW):
            place = WINDOW - 1 - step
            _move_level(world, book, table_of_levels[here + place].size_lots, here + place, here + place - shift, here)
    for word in range(BITS_PER_BOOK):
        bits(world)[book * BITS_PER_BOOK + word].word = 0
    for place in range(WINDOW):
        if levels(world)[here + place].head != NIL:
            _raise_bit(world, book, place)
    b.base_ticks = base


@kernel
def _move_level(world: World, book: int, size_lots: int, row: int, to: int, here: int) -> None:
    if size_lots == 0 or row == to:
        return
    assert here < to < here + WINDOW, "a resting order fell out of the window"
    source, target = levels(world)[row], levels(world)[to]
    target.head = source.head
    target.tail = source.tail
    target.size_lots = source.size_lots
    source.head = NIL
    source.tail = NIL
    source.size_lots = 0


@kernel
def _drop_level(world: World, book: int, side: int, place: int) -> None:
    """An emptied level leaves the bitmap, and the best price moves on where it was the best."""
    _lower_bit(world, book, place)
    b = books(world)[book]
    price_ticks = place + b.base_ticks
    if side == BUY:
        if price_ticks == b.best_bid:
            below = _next_below(world, book, place)
            b.best_bid = NO_BID if below < 0 else below + b.base_ticks
    elif price_ticks == b.best_ask:
        above = _next_above(world, book, place)
        b.best_ask = NO_ASK if above < 0 else above + b.base_ticks


@kernel
def _raise_bit(world: World, book: int, place: int) -> None:
    first_word = book * BITS_PER_BOOK
    row = first_word + (place >> 5)
    if bits(world)[row].word == 0:
        bits(world)[first_word + _WORDS + (place >> 10)].word |= 1 << ((place >> 5) & 31)
        bits(world)[first_word + _WORDS + _SUMMARY + (place >> 15)].word |= 1 << ((place >> 10) & 31)
    bits(world)[row].word |= 1 << (place & 31)


@kernel
def _lower_bit(world: World, book: int, place: int) -> None:
    first_word = book * BITS_PER_BOOK
    row = first_word + (place >> 5)
    bits(world)[row].word ^= 1 << (place & 31)
    if bits(world)[row].word == 0:
        middle = first_word + _WORDS + (place >> 10)
        bits(world)[middle].word ^= 1 << ((place >> 5) & 31)
        if bits(world)[middle].word == 0:
            bits(world)[first_word + _WORDS + _SUMMARY + (place >> 15)].word ^= 1 << ((place >> 10) & 31)


@kernel
def _next_above(world: World, book: int, place: int) -> int:
    """Lowest occupied level above `place`, or -1."""
    row = book * BITS_PER_BOOK
    rest = bits(world)[row + (place >> 5)].word >> (place & 31) >> 1
    if rest != 0:
        return place + 1 + lowest_bit(rest)
    word = place >> 5
    rest = bits(world)[row + _WORDS + (word >> 5)].word >> (word & 31) >> 1
    if rest == 0:
        middle = word >> 5
        top = middle >> 5
        rest = bits(world)[row + _WORDS + _SUMMARY + top].word >> (middle & 31) >> 1
        if rest != 0:
            middle += 1 + lowest_bit(rest)
        elif top == 0 and bits(world)[row + _WORDS + _SUMMARY + 1].word != 0:
            middle = 32 + lowest_bit(bits(world)[row + _WORDS + _SUMMARY + 1].word)
        else:
            return -1
        word = (middle << 5) + lowest_bit(bits(world)[row + _WORDS + middle].word)
    else:
        word += 1 + lowest_bit(rest)
    return (word << 5) + lowest_bit(bits(world)[row + word].word)


@kernel
def _next_below(world: World, book: int, place: int) -> int:
    """Highest occupied level below `place`, or -1."""
    row = book * BITS_PER_BOOK
    rest = bits(world)[row + (place >> 5)].word & ((1 << (place & 31)) - 1)
    if rest != 0:
        return (place >> 5 << 5) + highest_bit(rest)
    word = place >> 5
    rest = bits(world)[row + _WORDS + (word >> 5)].word & ((1 << (word & 31)) - 1)
    if rest == 0:
        middle = word >> 5
        top = middle >> 5
        rest = bits(world)[row + _WORDS + _SUMMARY + top].word & ((1 << (middle & 31)) - 1)
        if rest != 0:
            middle = (top << 5) + highest_bit(rest)
        elif top == 1 and bits(world)[row + _WORDS + _SUMMARY].word != 0:
            middle = highest_bit(bits(world)[row + _WORDS + _SUMMARY].word)
        else:
            return -1
        word = (middle << 5) + highest_bit(bits(world)[row + _WORDS + middle].word)
    else:
        word = (word >> 5 << 5) + highest_bit(rest)
    return (word << 5) + highest_bit(bits(world)[row + word].word)
