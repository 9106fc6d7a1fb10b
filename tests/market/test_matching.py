"""Matching: kinds of orders, refusals, self-trades, reduce-only, spot reservations (MATCH-1 to MATCH-8)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, book, margin, matching, orders
from offhours.sim.market.matching import IOC, LIMIT, MARKET, POST_ONLY
from offhours.sim.market.orders import REDUCE_ONLY
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    NO_FEES,
    SATURDAY_NOON,
    SELL,
    SHARE,
    best,
    go,
    held,
    jump,
    last_handle,
    lots_of,
    market,
    perp,
    queue,
    refusals,
    report,
    token,
    trades,
    usd,
)


def test_limit_market_ioc_and_post_only() -> None:
    """MATCH-1: the four kinds against an ask of 5 at 10,000."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 5)
    assert perp(sim, BOB, BUY, 10_000, 2, POST_ONLY) == matching.WOULD_CROSS
    assert perp(sim, BOB, BUY, 9_999, 2, POST_ONLY) == matching.ACCEPTED
    assert perp(sim, CAT, BUY, 9_999, 2, IOC) == matching.ACCEPTED
    assert (report(sim)["filled_lots"], report(sim)["slot"]) == (0, orders.NIL)
    assert perp(sim, CAT, BUY, 10_000, 2, IOC) == matching.ACCEPTED
    assert (report(sim)["filled_lots"], report(sim)["value_uusd"]) == (2, 2_000_000)
    assert perp(sim, CAT, BUY, 0, 1, MARKET) == matching.ACCEPTED
    assert perp(sim, CAT, BUY, 10_010, 4, LIMIT) == matching.ACCEPTED
    assert report(sim)["filled_lots"] == 2
    assert queue(sim, 0, BUY) == [(10_010, CAT, 2), (9_999, BOB, 2)]
    assert queue(sim, 0, SELL) == []


def test_a_market_order_is_protected() -> None:
    """MATCH-1: 1 % beyond the best ask of 10,000 is 10,100; the ask at 10,101 is not touched and nothing rests."""
    sim = market(dollars=10_000)
    assert perp(sim, CAT, BUY, 0, 1, MARKET) == matching.NO_LIQUIDITY
    perp(sim, ANN, SELL, 10_000, 1)
    perp(sim, ANN, SELL, 10_100, 1)
    perp(sim, ANN, SELL, 10_101, 1)
    assert perp(sim, CAT, BUY, 0, 5, MARKET) == matching.ACCEPTED
    assert report(sim)["filled_lots"] == 2
    assert (queue(sim, 0, BUY), queue(sim, 0, SELL)) == ([], [(10_101, ANN, 1)])
    perp(sim, BOB, BUY, 9_000, 1)
    perp(sim, BOB, BUY, 8_909, 1)
    assert perp(sim, CAT, SELL, 0, 5, MARKET) == matching.ACCEPTED
    assert trades(sim)["price_ticks"].tolist() == [10_000, 10_100, 9_000]


def test_an_order_takes_its_owners_resting_order_off_instead_of_trading_with_it() -> None:
    """MATCH-2: Ann's ask at 10,000 goes, Bob's behind it is filled."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 3)
    perp(sim, BOB, SELL, 10_000, 3)
    perp(sim, ANN, SELL, 10_001, 3)
    assert perp(sim, ANN, BUY, 10_000, 2) == matching.ACCEPTED
    assert trades(sim)[["buyer", "seller", "size_lots"]].tolist() == [(ANN, BOB, 2)]
    assert queue(sim, 0, SELL) == [(10_000, BOB, 1), (10_001, ANN, 3)]
    assert sim.audit() == []


def test_the_taken_off_spot_order_gives_back_its_reserve() -> None:
    """MATCH-2, MATCH-4."""
    sim = market(dollars=100, shares_of_tokens=1)
    token(sim, ANN, SELL, 10_000, 5_000)
    assert held(sim, ANN, 2) == SHARE // 2
    token(sim, ANN, BUY, 10_000, 100)
    assert held(sim, ANN, 2) == 0
    assert held(sim, ANN) == 1_000_000 + 500
    assert sim.audit() == []


def test_reduce_only_at_arrival() -> None:
    """MATCH-3: long 5, a reduce-only sale of 8 sells 5; flat, it is refused; a reduce-only purchase on a long too."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 5)
    perp(sim, BOB, BUY, 10_000, 5)
    perp(sim, CAT, BUY, 9_990, 20)
    assert perp(sim, BOB, BUY, 9_980, 1, LIMIT, REDUCE_ONLY) == matching.NOT_REDUCING
    assert perp(sim, BOB, SELL, 9_990, 8, IOC, REDUCE_ONLY) == matching.ACCEPTED
    assert (report(sim)["filled_lots"], lots_of(sim, BOB)) == (5, 0)
    assert perp(sim, BOB, SELL, 9_990, 8, IOC, REDUCE_ONLY) == matching.NOT_REDUCING
    assert sim.place(ANN, 1, SELL, 10_000, 5, LIMIT, REDUCE_ONLY) == matching.NOT_REDUCING


def test_reduce_only_at_rest() -> None:
    """MATCH-3: Bob is long 5 with a resting reduce-only sale of 5. He sells 3 elsewhere: the rest may fill 2 only."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 5)
    perp(sim, BOB, BUY, 10_000, 5)
    assert perp(sim, BOB, SELL, 10_010, 5, LIMIT, REDUCE_ONLY) == matching.ACCEPTED
    perp(sim, CAT, BUY, 9_990, 3)
    perp(sim, BOB, SELL, 9_990, 3)
    perp(sim, ANN, SELL, 10_010, 9)
    assert perp(sim, CAT, BUY, 10_010, 4) == matching.ACCEPTED
    assert lots_of(sim, BOB) == 0
    assert trades(sim)[["seller", "size_lots"]].tolist()[-2:] == [(BOB, 2), (ANN, 2)]
    assert queue(sim, 0, SELL) == [(10_010, ANN, 7)]
    assert sim.audit() == []


def test_a_turned_position_takes_reduce_only_orders_off() -> None:
    """MATCH-3: Bob turns short; his resting reduce-only sale would make it larger and leaves the book unfilled."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 5)
    perp(sim, BOB, BUY, 10_000, 5)
    perp(sim, BOB, SELL, 10_010, 5, LIMIT, REDUCE_ONLY)
    perp(sim, CAT, BUY, 9_990, 9)
    perp(sim, BOB, SELL, 9_990, 9)
    assert perp(sim, CAT, BUY, 10_010, 1) == matching.ACCEPTED
    assert lots_of(sim, BOB) == -4
    assert queue(sim, 0, SELL) == []


def test_a_spot_order_reserves_what_it_would_deliver() -> None:
    """MATCH-4: buying 5,000 lots (half a token) at $90 reserves $45 and 5 bp of it; $60 do not cover two of these."""
    sim = market(people=2, dollars=60, shares_of_tokens=1)
    assert token(sim, ANN, BUY, 9_000, 5_000) == matching.ACCEPTED
    assert held(sim, ANN) == 45_000_000 + 22_500
    assert token(sim, ANN, BUY, 9_000, 5_000) == matching.NOT_ENOUGH_FUNDS
    assert token(sim, BOB, SELL, 9_000, 2_000) == matching.ACCEPTED
    assert held(sim, ANN) == 27_000_000 + 13_500
    assert token(sim, BOB, SELL, 11_000, 8_001) == matching.NOT_ENOUGH_FUNDS
    assert token(sim, BOB, SELL, 11_000, 8_000) == matching.ACCEPTED
    assert token(sim, BOB, SELL, 11_000, 1) == matching.NOT_ENOUGH_FUNDS
    assert matching.cancel_all(sim.world, ANN, 1) == 1
    assert held(sim, ANN) == 0
    assert sim.audit() == []


def test_a_long_may_spend_what_a_short_may() -> None:
    """MATCH-4, MARG-1: both have $100 and 500 lots ($500) of perp, initial margin $25, so $75 may go into tokens.

    The long's dollars stand at -400 and the short's at +600, for price x size went from one to the other.
    """
    sim = market(people=3, dollars=100, shares_of_tokens=1, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    assert (usd(sim, ANN), usd(sim, BOB)) == (-400 * DOLLAR, 600 * DOLLAR)
    for account in (ANN, BOB):
        assert margin.withdrawable(sim.world, account) == 75 * DOLLAR
        assert token(sim, account, BUY, 9_000, 8_334) == matching.NOT_ENOUGH_FUNDS
        assert token(sim, account, BUY, 9_000, 8_333) == matching.ACCEPTED


def test_the_band_around_the_mark_and_around_the_index() -> None:
    """MATCH-5: 20 % of $100 on both sides, to the tick."""
    sim = market(dollars=10_000, shares_of_tokens=10)
    for place in (perp, token):
        assert place(sim, ANN, BUY, 7_999, 1) == matching.OUTSIDE_BAND
        assert place(sim, ANN, BUY, 8_000, 1) == matching.ACCEPTED
        assert place(sim, ANN, SELL, 12_000, 1) == matching.ACCEPTED
        assert place(sim, ANN, SELL, 12_001, 1) == matching.OUTSIDE_BAND
    jump(sim, 110.0)
    assert perp(sim, BOB, SELL, 12_001, 1) == matching.ACCEPTED
    assert perp(sim, BOB, BUY, 8_000, 1) == matching.OUTSIDE_BAND


def test_without_a_live_index_there_is_no_band() -> None:
    """MATCH-5: nobody quotes the token, so that the index is held: what the band refused a second ago is taken now."""
    sim = market(dollars=10_000, shares_of_tokens=1, pinned=False)
    assert perp(sim, ANN, SELL, 13_000, 1) == token(sim, ANN, SELL, 13_000, 1) == matching.OUTSIDE_BAND
    go(sim)
    assert perp(sim, ANN, SELL, 13_000, 1) == token(sim, ANN, SELL, 13_000, 1) == matching.ACCEPTED


@pytest.mark.parametrize("lots", [0, -1, 1 << 31, 1 << 44, 1 << 62])
def test_an_impossible_size_is_refused(lots: int) -> None:
    """MATCH-6: also one whose value would not fit 64 bits."""
    sim = market(dollars=10_000, shares_of_tokens=1)
    assert perp(sim, ANN, BUY, 10_000, lots) == matching.BAD_SIZE
    assert token(sim, ANN, SELL, 10_000, lots) == matching.BAD_SIZE


@pytest.mark.parametrize("price", [0, -10_000, 1 << 33, 1 << 62, -(1 << 62)])
def test_an_impossible_price_is_refused(price: int) -> None:
    """MATCH-5, MATCH-6."""
    sim = market(dollars=10_000)
    assert perp(sim, ANN, BUY, price, 1) == matching.OUTSIDE_BAND


def test_the_smallest_order() -> None:
    """MATCH-6: below 5 lots an order is refused, a reduce-only one is not."""
    sim = market(dollars=10_000, knobs={(book.book_rules, "size_min_lots"): 5})
    assert perp(sim, ANN, SELL, 10_000, 4) == matching.BAD_SIZE
    perp(sim, ANN, SELL, 10_000, 5)
    perp(sim, BOB, BUY, 10_000, 5)
    perp(sim, CAT, BUY, 9_990, 5)
    assert perp(sim, BOB, SELL, 9_990, 4, IOC, REDUCE_ONLY) == matching.ACCEPTED
    assert lots_of(sim, BOB) == 1
    assert perp(sim, BOB, SELL, 9_990, 1, IOC, REDUCE_ONLY) == matching.ACCEPTED
    assert lots_of(sim, BOB) == 0


def test_a_refusal_changes_nothing_and_is_counted() -> None:
    """MATCH-6: each refused in turn; state but for report, counts and what was reckoned stays as it was."""
    sim = market(dollars=100)
    perp(sim, ANN, SELL, 10_000, 5)
    tables = [t for t in sim.memory.arrays if t not in ("Report", "Refused", "Clock", "Reckoned")]
    before = {t: sim.memory.arrays[t].tobytes() for t in tables}
    tries = [
        (perp(sim, BOB, BUY, 10_000, 0), matching.BAD_SIZE),
        (perp(sim, BOB, BUY, 13_000, 1), matching.OUTSIDE_BAND),
        (perp(sim, BOB, BUY, 10_000, 1, POST_ONLY), matching.WOULD_CROSS),
        (perp(sim, BOB, BUY, 10_000, 1, LIMIT, REDUCE_ONLY), matching.NOT_REDUCING),
        (perp(sim, BOB, BUY, 9_990, 10_000), matching.NOT_ENOUGH_MARGIN),
        (token(sim, BOB, SELL, 10_000, 1), matching.NOT_ENOUGH_FUNDS),
        (perp(sim, BOB, SELL, 0, 1, MARKET), matching.NO_LIQUIDITY),
        (matching.cancel(sim.world, BOB, 12_345), matching.GONE),
    ]
    for given, expected in tries:
        assert given == expected
        assert refusals(sim, expected) == 1
    assert {t: sim.memory.arrays[t].tobytes() for t in tables} == before
    assert len(matching.REFUSAL_SENTENCES) == matching.REFUSALS


def test_a_full_table_of_orders_refuses_before_anything_trades() -> None:
    """MATCH-6: two slots; the third order would fill one lot and rest with another, and is refused as a whole."""
    sim = market(dollars=10_000, orders=2)
    perp(sim, ANN, SELL, 10_000, 1)
    perp(sim, ANN, SELL, 10_100, 1)
    assert perp(sim, BOB, BUY, 10_000, 2) == matching.POOL_FULL
    assert lots_of(sim, BOB) == 0
    assert perp(sim, BOB, BUY, 10_000, 2, IOC) == matching.ACCEPTED
    assert lots_of(sim, BOB) == 1


@pytest.mark.parametrize(("hours", "expected"), [(0, matching.ACCEPTED), (1, matching.MARKET_CLOSED)])
def test_the_hours_of_the_token_book(hours: int, expected: int) -> None:
    """MATCH-7: on Saturday a 24/7 book is open and a 24/5 book is closed; the perp is always open."""
    sim = market(dollars=1_000, start_us=SATURDAY_NOON, knobs={(matching.session_rules, "hours"): hours})
    assert token(sim, ANN, BUY, 10_000, 100) == expected
    assert perp(sim, ANN, BUY, 10_000, 1) == matching.ACCEPTED


def test_a_24_5_token_book_opens_and_closes_with_the_week() -> None:
    """MATCH-7: open on Friday at 19:59:59 New York, closed at 20:00."""
    sim = market(dollars=1_000, knobs={(matching.session_rules, "hours"): matching.WEEKDAYS})
    go(sim, 10 * 3_600 + 30 * 60 - 1)
    assert token(sim, ANN, BUY, 10_000, 1) == matching.ACCEPTED
    go(sim)
    assert token(sim, ANN, BUY, 10_000, 1) == matching.MARKET_CLOSED


def test_replacing_loses_the_place_and_is_checked_anew() -> None:
    """MATCH-1, ORD-1: Ann replaces her bid and is behind Bob; a replacement that is refused leaves nothing."""
    sim = market(people=3, dollars=100)
    perp(sim, ANN, BUY, 9_900, 5)
    name = last_handle(sim)
    perp(sim, BOB, BUY, 9_900, 5)
    assert matching.replace(sim.world, BOB, name, 9_900, 1) == matching.GONE
    assert matching.replace(sim.world, ANN, name, 9_900, 6) == matching.ACCEPTED
    assert queue(sim, 0, BUY) == [(9_900, BOB, 5), (9_900, ANN, 6)]
    new = last_handle(sim)
    assert matching.replace(sim.world, ANN, name, 9_900, 7) == matching.GONE
    assert matching.replace(sim.world, ANN, new, 9_900, 10_000) == matching.NOT_ENOUGH_MARGIN
    assert queue(sim, 0, BUY) == [(9_900, BOB, 5)]
    assert best(sim) == (9_900, book.NO_ASK)


def test_fills_that_even_out_a_hedge_are_counted_with_and_without_a_log() -> None:
    """MATCH-8: 3 lots at $1 of a leg that did not fill, 2 of one that was taken, and one token lot of $0.01; ANN's are none."""
    taken = orders.REPAIR | orders.LEG_TAKEN
    sim = market(dollars=10_000, shares_of_tokens=10)
    perp(sim, ANN, SELL, 10_000, 9)
    perp(sim, BOB, BUY, 10_000, 3, IOC, orders.REPAIR)
    perp(sim, BOB, BUY, 10_000, 2, IOC, taken)
    token(sim, ANN, SELL, 10_000, 5)
    sim.place(BOB, 1, BUY, 10_000, 1, IOC, taken)
    assert perp(sim, CAT, BUY, 10_000, 1, IOC) == matching.ACCEPTED
    own = sim.memory[matching.repairs].reshape(-1, 2, 2)[accounts.HOUSES]
    assert own["value_uusd"].tolist() == [[3_000_000, 2_000_000], [0, 10_000]]
    assert own["fills"].tolist() == [[1, 1], [0, 1]]
    assert sim.memory[matching.repairs]["fills"].sum() == 3, "nobody else's are counted"
    assert trades(sim)["repair"].tolist() == [1, 2, 2, 0]
