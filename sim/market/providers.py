"""Liquidity providers: who stands ready to take positions out of liquidations, at which edge and how much.

PROV-1  A standing offer holds for both sides of one ticker: an edge from the mark, held within the venue's bounds, and the
        value that its owner would still take.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.clock import clock
from offhours.sim.market.positions import position_row

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
