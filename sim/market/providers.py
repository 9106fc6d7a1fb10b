"""Liquidity providers: who stands ready to take positions out of liquidations, at which edge and how much.

PROV-1  A standing offer holds for both sides of one ticker: an edge from the mark, held within the venue's bounds, and the
        value that its owner would still take.
PROV-2  The cheapest edge goes first, ties by a draw from (seed, instant, person).
PROV-3  A provider takes no more than what his offer has room for and what leaves him his initial margin.
PROV-4  He takes the position at the mark for his edge; the account in liquidation pays it out of the position's share of its
        equity. Where that is too little, the pool may pay the difference in a covered close, as far as it has money.
"""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import ASSIGNMENT_EDGE, USD, accounts, transfer
from offhours.sim.market.attention import frozen
from offhours.sim.market.book import books
from offhours.sim.market.clock import clock
from offhours.sim.market.margin import free_equity, initial_needed, worst_case
from offhours.sim.market.money import share_up
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.positions import position_row, proportion
from offhours.sim.market.takeover import take_at_mark

NO_OFFER = 0


class ProviderRules:
    """One row: the venue's programme."""

    edge_min_ppb: A[int, Knob("0.75 %", "ppb", "0 %", "10 %", "smallest edge from the mark that a provider may ask", basis="rule: Kraken position assignment, developer guide, 2026: default edge at least 75 bp; an older page says 0.5 %")]  # fmt: skip
    edge_max_ppb: A[int, Knob("2.5 %", "ppb", "0 %", "20 %", "largest edge from the mark that a provider may ask", basis="rule: Kraken position assignment, 2026: at most 2.5 %")]  # fmt: skip


class Offer:
    """One row per account and ticker (row = account x T + ticker)."""

    registered: A[int, Column("i8", "flag", "1 while the offer stands")]
    edge_ppb: A[int, Column("i8", "ppb", "what its owner keeps of the value at the mark")]
    room_uusd: A[int, Column("i8", "uusd", "value at the mark that its owner would still take")]
    taken_uusd: A[int, Column("i8", "uusd", "value at the mark taken so far")]
    next: A[int, Column("i8", "row", "next offer of the ticker, plus one, or NO_OFFER")]


class OfferList:
    """One row a ticker: its offers."""

    head: A[int, Column("i8", "row", "first offer, plus one, or NO_OFFER")]


provider_rules = table(ProviderRules)
offers = table(Offer)
offer_lists = table(OfferList)


@kernel
def offer(world: World, account: int, ticker: int, edge_ppb: int, room_uusd: int) -> int:
    """Stand ready for assignments of both sides; an offer that stands is replaced. Returns the edge that holds (PROV-1)."""
    assert room_uusd >= 0
    row = position_row(world, account, ticker)
    o = offers(world)[row]
    if o.registered == 0:
        o.registered = 1
        o.next = offer_lists(world)[ticker].head
        offer_lists(world)[ticker].head = row + 1
    rules = provider_rules(world)[0]
    o.edge_ppb = min(max(edge_ppb, rules.edge_min_ppb), rules.edge_max_ppb)
    o.room_uusd = room_uusd
    return o.edge_ppb


@kernel
def withdraw(world: World, account: int) -> None:
    """Take back all offers of an account."""
    for ticker in range(clock(world)[0].tickers):
        row = position_row(world, account, ticker)
        if offers(world)[row].registered == 1:
            offers(world)[row].registered = 0
            _unlist(world, ticker, row)


@kernel
def _unlist(world: World, ticker: int, row: int) -> None:
    after = offers(world)[row].next
    link = offer_lists(world)[ticker].head
    if link == row + 1:
        offer_lists(world)[ticker].head = after
        return
    while offers(world)[link - 1].next != row + 1:
        link = offers(world)[link - 1].next
    offers(world)[link - 1].next = after


@kernel
def offered_edge(world: World, account: int, ticker: int) -> int:
    """Edge of an account's standing offer in a ticker, ppb, or -1."""
    o = offers(world)[position_row(world, account, ticker)]
    return o.edge_ppb if o.registered == 1 else -1


@kernel
def offered_room(world: World, account: int, ticker: int) -> int:
    """Value that an account's standing offer would still take, micro-dollars; 0 where it has none."""
    o = offers(world)[position_row(world, account, ticker)]
    return o.room_uusd if o.registered == 1 else 0


@kernel
def taken(world: World, account: int, ticker: int) -> int:
    """Value at the mark that an account has taken out of liquidations of a ticker so far, micro-dollars."""
    return offers(world)[position_row(world, account, ticker)].taken_uusd


@kernel
def cheapest(world: World, account: int, ticker: int, edge_ppb: int, tie: int) -> int:
    """The provider whose offer comes next after (edge, tie) for a position of `account`, or -1 (PROV-2)."""
    c = clock(world)[0]
    found, best_edge, best_tie = -1, 0, 0
    link = offer_lists(world)[ticker].head
    while link != NO_OFFER:
        o = offers(world)[link - 1]
        owner = (link - 1) // c.tickers
        own_tie = order_of(world, owner)
        behind = o.edge_ppb > edge_ppb or (o.edge_ppb == edge_ppb and own_tie > tie)
        ahead = found < 0 or o.edge_ppb < best_edge or (o.edge_ppb == best_edge and own_tie < best_tie)
        if behind and ahead and owner != account and o.room_uusd > 0 and not frozen(world, owner):
            found, best_edge, best_tie = owner, o.edge_ppb, own_tie
        link = o.next
    return found


@kernel
def order_of(world: World, owner: int) -> int:
    """The draw by which an offer goes before another of the same edge at this instant (PROV-2)."""
    c = clock(world)[0]
    return tie_order(c.seed, c.now_us, accounts(world)[owner].who)


@kernel
def takeable(world: World, owner: int, ticker: int, lots: int) -> int:
    """How many of `lots` (signed, as the position to be taken) a provider takes, without sign (PROV-3)."""
    o = offers(world)[position_row(world, owner, ticker)]
    per_lot = oracles(world)[ticker].mark_ticks * books(world)[2 * ticker].unit_uusd
    most = min(abs(lots), o.room_uusd // per_lot)
    side = 1 if lots > 0 else -1
    if has_margin(world, owner, ticker, side * most):
        return most
    least = 0
    while most - least > 1:
        middle = (least + most) // 2
        if has_margin(world, owner, ticker, side * middle):
            least = middle
        else:
            most = middle
    return least


@kernel
def has_margin(world: World, owner: int, ticker: int, lots: int) -> int:
    """1 where a provider keeps his initial margin with `lots` (signed) more, at the mark."""
    value = abs(lots) * oracles(world)[ticker].mark_ticks
    free = free_equity(world, owner) - initial_needed(world, owner, ticker)
    if lots > 0:
        return 1 if worst_case(world, owner, ticker, lots, value, 0, 0) <= free else 0
    return 1 if worst_case(world, owner, ticker, 0, 0, -lots, value) <= free else 0


@kernel
def edge_of(world: World, owner: int, ticker: int, lots: int) -> int:
    """What a provider asks for taking `lots`, micro-dollars."""
    edge_ppb = offers(world)[position_row(world, owner, ticker)].edge_ppb
    return share_up(abs(value_at_mark(world, ticker, lots)), edge_ppb)


@kernel
def beyond_equity(share_uusd: int, lots: int, of_lots: int, edge_uusd: int) -> int:
    """By how much an edge exceeds the equity that belongs to `lots` of a position of `of_lots`, micro-dollars (PROV-4)."""
    return max(0, edge_uusd - proportion(share_uusd, lots, of_lots))


@kernel
def take(world: World, owner: int, account: int, ticker: int, lots: int, edge_uusd: int) -> None:
    """Move `lots` (signed) of a position at the mark, and the edge, to a provider (PROV-4)."""
    value = take_at_mark(world, owner, account, ticker, lots)
    transfer(world, USD, account, owner, edge_uusd, ASSIGNMENT_EDGE)
    o = offers(world)[position_row(world, owner, ticker)]
    o.room_uusd -= abs(value)
    o.taken_uusd += abs(value)
