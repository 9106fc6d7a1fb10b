"""Orders at rest: names, lists of owners, sums (ORD-1 to ORD-3)."""

from __future__ import annotations

from offhours.sim.market import matching, orders
from plain.market import ANN, BOB, BUY, SELL, last_handle, market, perp, queue, token


def test_a_name_is_never_used_again() -> None:
    """ORD-1: the slot of a cancelled order is taken by the next one, which another name cannot reach."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 9_900, 1)
    old = last_handle(sim)
    assert matching.cancel(sim.world, ANN, old) == matching.ACCEPTED
    perp(sim, ANN, BUY, 9_901, 2)
    new = last_handle(sim)
    assert new != old and new % (1 << 24) == old % (1 << 24)
    assert matching.cancel(sim.world, ANN, old) == matching.GONE
    assert queue(sim, 0, BUY) == [(9_901, ANN, 2)]
    assert matching.cancel(sim.world, ANN, new) == matching.ACCEPTED


def test_a_name_that_was_never_given_reaches_nothing() -> None:
    """ORD-1: zero, negative numbers and slots beyond the table."""
    sim = market(dollars=1_000)
    for name in (0, -1, 1 << 24, (1 << 24) + 5_000, 10**15):
        assert matching.cancel(sim.world, ANN, name) == matching.GONE


def test_cancelling_all_takes_the_owners_orders_on_that_book_and_no_others() -> None:
    """ORD-2."""
    sim = market(dollars=1_000, shares_of_tokens=1)
    for price in (9_800, 9_900, 9_700):
        perp(sim, ANN, BUY, price, 1)
        perp(sim, BOB, BUY, price, 1)
    perp(sim, ANN, SELL, 10_100, 1)
    token(sim, ANN, SELL, 10_100, 100)
    assert matching.cancel_all(sim.world, ANN, 0) == 4
    assert matching.cancel_all(sim.world, ANN, 0) == 0
    assert queue(sim, 0, BUY) == [(9_900, BOB, 1), (9_800, BOB, 1), (9_700, BOB, 1)]
    assert queue(sim, 0, SELL) == []
    assert queue(sim, 1, SELL) == [(10_100, ANN, 100)]
    assert sim.audit() == []


def test_sums_of_open_orders_follow_fills_and_cancels() -> None:
    """ORD-3: bids of 5 at 9,900 and 7 at 9,800; three of the first are filled, the second is cancelled."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 9_900, 5)
    perp(sim, ANN, BUY, 9_800, 7)
    second = last_handle(sim)
    mine = sim.memory[orders.open_orders][ANN * 2]
    assert (mine["buy_lots"], mine["buy_value"]) == (12, 5 * 9_900 + 7 * 9_800)
    perp(sim, BOB, SELL, 9_900, 3)
    assert (mine["buy_lots"], mine["buy_value"]) == (9, 2 * 9_900 + 7 * 9_800)
    matching.cancel(sim.world, ANN, second)
    assert (mine["buy_lots"], mine["buy_value"], mine["sell_lots"]) == (2, 2 * 9_900, 0)
