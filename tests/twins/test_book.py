"""The book and its matching against a venue of sorted lists: same fills, same refusals, same ledger, same queues.

Also the bitmap against a linear search, impact prices and depth against a walk over the orders, and the moving window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.market import accounts, book, matching, orders, positions
from plain.book import PERP, TOKEN, Venue
from plain.market import (
    ANN,
    BUY,
    CLASS_D,
    DOLLAR,
    SELL,
    SHARE,
    Simulation,
    held,
    last_handle,
    market,
    queue,
    report,
    trades,
    usd,
)

PEOPLE = 4
_BASE: dict[int, Simulation] = {}


def base() -> Simulation:
    """A market of four with too little money to do everything they want; forked for each example."""
    if 0 not in _BASE:
        _BASE[0] = market(PEOPLE, dollars=30, shares_of_tokens=1, tiers=CLASS_D)
    return _BASE[0].fork()


def plain() -> Venue:
    """The same on paper."""
    venue = Venue(10_000, CLASS_D)
    for account in range(ANN, ANN + PEOPLE):
        venue.ledger.move("usd", accounts.OUTSIDE, account, 30 * DOLLAR)
        venue.ledger.move("token", accounts.ISSUER, account, SHARE)
    return venue


people = st.integers(ANN, ANN + PEOPLE - 1)
near = st.one_of(st.integers(9_985, 10_015), st.sampled_from([8_000, 7_999, 12_000, 12_001, 9_000, 11_000]))
messages = st.one_of(
    st.tuples(
        st.just("place"),
        people,
        st.sampled_from([PERP, PERP, TOKEN]),
        st.sampled_from([BUY, SELL]),
        near,
        st.one_of(st.integers(1, 40), st.sampled_from([0, 100, 300, 600, 5_000])),
        st.sampled_from([matching.LIMIT, matching.LIMIT, matching.MARKET, matching.IOC, matching.POST_ONLY]),
        st.sampled_from([0, 0, 0, orders.REDUCE_ONLY]),
    ),
    st.tuples(st.just("cancel"), people, st.integers(0, 30)),
    st.tuples(st.just("replace"), people, st.integers(0, 30), near, st.integers(0, 50)),
    st.tuples(st.just("all"), people, st.sampled_from([PERP, TOKEN])),
)


def apply(sim: Simulation, venue: Venue, names: list[tuple[int, int]], message: tuple[Any, ...]) -> tuple[int, int]:
    """Send one message to both and return both answers. `names` pairs a handle with the twin's number."""
    kind, account, *rest = message
    before = venue.sequence
    if kind == "all":
        return matching.cancel_all(sim.world, account, rest[0]), venue.cancel_all(account, rest[0])
    if kind == "place":
        number, side, price, lots, sort, flags = rest
        token_lots = lots * 100 if number == TOKEN else lots
        answers = sim.place(account, number, side, price, token_lots, sort, flags), venue.place(account, number, side, price, token_lots, sort, flags)  # fmt: skip
    else:
        if not names:
            return 0, 0
        name, twin = names[rest[0] % len(names)]
        if kind == "cancel":
            return matching.cancel(sim.world, account, name), venue.cancel(account, twin)
        answers = matching.replace(sim.world, account, name, *rest[1:]), venue.replace(account, twin, *rest[1:])
    if venue.sequence > before:
        names.append((last_handle(sim), venue.sequence))
    else:
        assert report(sim)["slot"] == orders.NIL
    return answers


@given(st.lists(messages, max_size=60))
@settings(max_examples=150)
def test_matching_does_what_sorted_lists_do(script: list[tuple[Any, ...]]) -> None:
    """BOOK-1, MATCH-1 to MATCH-6, POS-1, FEE-1, ORD-2: any sequence of orders, cancels and replacements."""
    sim, venue = base(), plain()
    names: list[tuple[int, int]] = []
    for message in script:
        found, expected = apply(sim, venue, names, message)
        assert found == expected, message
    fills = trades(sim)[["book", "price_ticks", "size_lots", "buyer", "seller", "aggressor"]].tolist()
    assert fills == venue.fills
    for number in (PERP, TOKEN):
        for side in (BUY, SELL):
            assert queue(sim, number, side) == [(o.price, o.account, o.lots) for o in venue.queue(number, side)]
    for account in [*range(ANN, ANN + PEOPLE), accounts.VENUE]:
        ledger, position = venue.ledger, sim.memory[positions.positions][account]
        assert usd(sim, account) == ledger.owned[account, "usd"]
        assert usd(sim, account, 2) == ledger.owned[account, "token"]
        assert held(sim, account) == ledger.promised[account, "usd"]
        assert held(sim, account, 2) == ledger.promised[account, "token"]
        mine = ledger.positions[account]
        assert position.tolist() == (mine.lots, mine.cost, mine.realised)
    assert sim.audit() == []


def quoted(levels: list[tuple[int, int]], side: int) -> tuple[Simulation, list[tuple[int, int]]]:
    """A market where these (price, lots) rest on one side, best first."""
    sim = base()
    sim.endow(ANN, 0, 10**9 * DOLLAR)
    for price, lots in levels:
        assert sim.place(ANN, 0, side, price, lots) == matching.ACCEPTED
    return sim, sorted(levels, key=lambda level: -side * level[0])


level_lists = st.lists(st.tuples(st.integers(8_000, 12_000), st.integers(1, 500)), min_size=1, max_size=25)


@given(level_lists, st.sampled_from([BUY, SELL]), st.integers(1, 3_000))
def test_an_impact_price_is_the_average_of_the_first_lots(levels: list[tuple[int, int]], side: int, size: int) -> None:
    """BOOK-4."""
    sim, ordered = quoted(levels, side)
    single = [price for price, lots in ordered for _ in range(lots)][:size]
    found = book.impact_ticks(sim.world, 0, side, size)
    assert found == (sum(single) / size if len(single) == size else -1.0)


@given(level_lists, st.sampled_from([BUY, SELL]), st.integers(7_990, 12_010))
def test_depth_is_what_rests_at_a_price_or_better(levels: list[tuple[int, int]], side: int, limit: int) -> None:
    """BOOK-4."""
    sim, ordered = quoted(levels, side)
    assert book.depth_lots(sim.world, 0, side, limit) == sum(n for price, n in ordered if side * (price - limit) >= 0)


EDGES = sorted({max(1, min(book.WINDOW - 1, place + off)) for place in (1, 32, 64, 1_024, 2_048, 32_768, book.WINDOW - 1) for off in (-1, 0, 1)})  # fmt: skip
places = st.one_of(st.sampled_from(EDGES), st.integers(1, book.WINDOW - 1))


@given(st.sets(places, max_size=12), st.lists(places, min_size=1, max_size=12))
def test_the_bitmap_finds_what_a_linear_search_finds(occupied: set[int], starts: list[int]) -> None:
    """BOOK-1, BOOK-3: words' edges, words of words' edges and the middle of the window; each place occupied and left again."""
    sim = base()
    sim.memory[orders.pools]["fresh"] = 1
    b = sim.memory[book.books][0]
    base_ticks = int(b["base_ticks"])
    slots = [book.insert(sim.world, ANN, 0, BUY, base_ticks + place, 1, 0) for place in occupied]
    while True:
        for start in starts:
            above = min((p for p in occupied if p > start), default=None)
            below = max((p for p in occupied if p < start), default=None)
            found_above = book.next_price(sim.world, 0, SELL, base_ticks + start)
            found_below = book.next_price(sim.world, 0, BUY, base_ticks + start)
            assert found_above == (book.NO_ASK if above is None else base_ticks + above)
            assert found_below == (book.NO_BID if below is None else base_ticks + below)
        assert b["best_bid"] == (base_ticks + max(occupied) if occupied else book.NO_BID)
        if not slots:
            break
        gone = slots.pop()
        occupied = occupied - {int(sim.memory[orders.orders]["price_ticks"][gone]) - base_ticks}
        book.remove(sim.world, gone)


@given(
    st.lists(st.tuples(st.integers(9_000, 11_000), st.integers(1, 9)), max_size=30),
    st.lists(st.integers(10_000, 90_000), min_size=1, max_size=4),
)
@settings(max_examples=30)
def test_a_moving_window_keeps_the_book(levels: list[tuple[int, int]], centres: list[int]) -> None:
    """BOOK-3: queues, best prices and bitmap are the same wherever the window is, as long as the orders lie in it."""
    sim = base()
    sim.endow(ANN, 0, 10**9 * DOLLAR)
    for price, lots in levels:
        sim.place(ANN, 0, BUY if price < 10_000 else SELL, price, lots)
    before = queue(sim, 0, BUY), queue(sim, 0, SELL), sim.memory[book.books][0][["best_bid", "best_ask"]].tolist()
    for centre in centres:
        around = min(centre, 8_999 + book.WINDOW // 2)
        book.rebase(sim.world, 0, around)
        assert sim.memory[book.books]["base_ticks"][0] == max(0, around - book.WINDOW // 2)
        after = queue(sim, 0, BUY), queue(sim, 0, SELL), sim.memory[book.books][0][["best_bid", "best_ask"]].tolist()
        assert after == before
        assert sim.audit() == []


@pytest.mark.parametrize("number", [PERP, TOKEN])
def test_an_empty_book_has_no_next_price(number: int) -> None:
    """BOOK-4."""
    sim = base()
    for side, nothing in ((BUY, book.NO_BID), (SELL, book.NO_ASK)):
        assert book.next_price(sim.world, number, side, 10_000) == nothing
        assert book.impact_ticks(sim.world, number, side, 1) == -1.0
    assert np.count_nonzero(sim.memory[book.bits]["word"]) == 0
