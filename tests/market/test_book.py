"""The book: priority, no crossing, the window, impact prices (BOOK-1 to BOOK-4)."""

from __future__ import annotations

import pytest

from offhours.sim.market import book, matching
from plain.market import ANN, BOB, BUY, CAT, DAN, EVE, SELL, best, go, jump, market, perp, queue, trades


def test_best_price_first_then_the_earliest() -> None:
    """BOOK-1: asks by Ann 10,001, Bob 10,000, Cat 10,000; Dan takes seven of them."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_001, 4)
    perp(sim, BOB, SELL, 10_000, 3)
    perp(sim, CAT, SELL, 10_000, 2)
    perp(sim, DAN, BUY, 10_002, 7)
    fills = trades(sim)
    assert fills["seller"].tolist() == [BOB, CAT, ANN]
    assert fills["size_lots"].tolist() == [3, 2, 2]
    assert fills["price_ticks"].tolist() == [10_000, 10_000, 10_001]
    assert queue(sim, 0, SELL) == [(10_001, ANN, 2)]


def test_a_partial_fill_keeps_its_place() -> None:
    """BOOK-1: Ann's rest is still before Bob."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 4)
    perp(sim, BOB, SELL, 10_000, 4)
    perp(sim, CAT, BUY, 10_000, 3)
    perp(sim, CAT, BUY, 10_000, 2)
    assert trades(sim)["seller"].tolist() == [ANN, ANN, BOB]


def test_a_book_never_crosses() -> None:
    """BOOK-2: an order that reaches the other side trades before its rest comes to rest."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 2)
    perp(sim, BOB, BUY, 10_005, 5)
    assert best(sim) == (10_005, book.NO_ASK)
    assert queue(sim, 0, BUY) == [(10_005, BOB, 3)]
    perp(sim, CAT, SELL, 10_004, 1)
    assert best(sim) == (10_005, book.NO_ASK)
    assert trades(sim)["price_ticks"].tolist() == [10_000, 10_005]


def test_the_window_follows_the_mark_and_keeps_the_book() -> None:
    """BOOK-3: at $600 the first window ends at $655.36; the order at $670 makes it move, and nothing at rest is lost."""
    sim = market(dollars=100_000, price_usd=600.0)
    sim.memory[book.books]["base_ticks"][0] = 1_000  # as if the market had been built at a lower price
    for price in (59_000, 60_001, 59_990):
        assert perp(sim, ANN, BUY if price < 60_000 else SELL, price, 3) == matching.ACCEPTED
    jump(sim, 660.0)
    assert perp(sim, BOB, SELL, 67_000, 2) == matching.ACCEPTED
    assert sim.memory[book.books]["base_ticks"][0] == 66_000 - book.WINDOW // 2
    assert queue(sim, 0, BUY) == [(59_990, ANN, 3), (59_000, ANN, 3)]
    assert queue(sim, 0, SELL) == [(60_001, ANN, 3), (67_000, BOB, 2)]
    assert sim.audit() == []


def test_a_price_outside_the_window_is_refused() -> None:
    """BOOK-3, MATCH-5: with a band of 100 % a price four times too high has no level."""
    sim = market(dollars=100_000, price_usd=600.0, knobs={(book.book_rules, "band_ppb"): 10**9})
    assert perp(sim, ANN, SELL, 100_000, 1) == matching.OUTSIDE_WINDOW
    assert perp(sim, ANN, SELL, 92_000, 1) == matching.ACCEPTED


def test_impact_prices_are_averages_over_the_depth_that_is_needed() -> None:
    """BOOK-4: asks 2 at 10,000, 3 at 10,010; five cost 10,006 on average, six are not there."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 2)
    perp(sim, ANN, SELL, 10_010, 3)
    perp(sim, BOB, BUY, 9_990, 1)
    assert book.impact_ticks(sim.world, 0, SELL, 2) == 10_000.0
    assert book.impact_ticks(sim.world, 0, SELL, 5) == 10_006.0
    assert book.impact_ticks(sim.world, 0, SELL, 6) == -1.0
    assert book.impact_ticks(sim.world, 0, BUY, 1) == 9_990.0
    assert book.impact_ticks(sim.world, 0, BUY, 2) == -1.0
    assert book.depth_lots(sim.world, 0, SELL, 10_009) == 2
    assert book.depth_lots(sim.world, 0, SELL, 10_010) == 5
    assert book.depth_lots(sim.world, 0, BUY, 9_991) == 0


def test_the_volume_and_who_came_to_whom() -> None:
    """BOOK-1: three bought and one sold by arriving orders."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 3)
    perp(sim, BOB, BUY, 9_990, 3)
    perp(sim, EVE, BUY, 10_000, 3)
    perp(sim, EVE, SELL, 9_990, 1)
    row = sim.memory[book.books][0]
    assert (row["volume_lots"], row["signed_lots"], row["last_ticks"]) == (4, 2, 9_990)
    assert (row["bid_lots"], row["ask_lots"]) == (2, 0)
    go(sim)
    assert sim.audit() == []


@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_left_behind_by_a_moving_window_is_taken_off(side: int) -> None:
    """BOOK-3: the mark leaves an order further behind than the new window reaches; the order goes, the market stays."""
    start, later = (600.0, 800.0) if side == BUY else (1_200.0, 800.0)
    far = 48_100 if side == BUY else 143_000
    sim = market(dollars=1_000_000, price_usd=start)
    assert perp(sim, ANN, side, far, 1) == matching.ACCEPTED
    jump(sim, later)
    steps = [later * (1.1 if side == BUY else 0.9) ** n for n in range(1, 5)]
    for price in steps:
        jump(sim, price)
        assert perp(sim, BOB, side, round(price * 100), 1) == matching.ACCEPTED
    assert ANN not in [account for _, account, _ in queue(sim, 0, side)]
    assert sim.audit() == []
