"""Money: exact products, and the three roundings there are (MONEY-1 to MONEY-3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.market import book, money
from plain.market import ANN, BOB, BUY, NO_FEES, SELL, market, perp, usd


def test_price_times_size_moves_to_the_micro_dollar() -> None:
    """MONEY-1: 3 lots of 0.01 share at $99.99 are $2.9997, exactly."""
    sim = market(dollars=1_000, knobs=NO_FEES)
    assert sim.memory[book.books]["unit_uusd"].tolist() == [100, 1]
    perp(sim, ANN, SELL, 9_999, 3)
    perp(sim, BOB, BUY, 9_999, 3)
    assert usd(sim, BOB) == 1_000_000_000 - 2_999_700
    assert usd(sim, ANN) == 1_000_000_000 + 2_999_700


def test_a_market_whose_tick_and_lot_make_no_whole_money_is_not_built() -> None:
    """MONEY-1: $0.0001 x 0.001 share is a tenth of a micro-dollar."""
    with pytest.raises(ValueError, match="not a whole number"):
        market(knobs={(book.book_rules, "tick_uusd"): 100, (book.book_rules, "lot_ushares"): 1_000})


@pytest.mark.parametrize(
    ("amount", "rate_ppb", "down", "up"),
    [
        (1_000_000, 500_000, 500, 500),  # 5 bp of $1 is exactly 500
        (1_999, 500_000, 0, 1),  # 5 bp of 1,999 is .9995
        (-1_999, 500_000, -1, 0),
        (7, 0, 0, 0),
        (10**18, 1_000_000_000, 10**18, 10**18),  # 100 % of a million million dollars: no product overflows
        (10**18, 333_333_333, 333_333_333 * 10**9, 333_333_333 * 10**9),
    ],
)
def test_a_share_is_rounded_as_its_name_says(amount: int, rate_ppb: int, down: int, up: int) -> None:
    """MONEY-2, MONEY-3."""
    assert money.share_down(amount, rate_ppb) == down
    assert money.share_up(amount, rate_ppb) == up


@given(st.integers(-(10**18), 10**18), st.integers(0, money.RATE_MOST_PPB))
def test_shares_are_those_of_unbounded_integers(amount: int, rate_ppb: int) -> None:
    """MONEY-2, MONEY-3, at random."""
    assert money.share_down(amount, rate_ppb) == amount * rate_ppb // 10**9
    assert money.share_up(amount, rate_ppb) == -(-amount * rate_ppb // 10**9)


def test_the_nearest_integer() -> None:
    """MONEY-2: halves go up."""
    assert [money.nearest(x) for x in (0.5, 0.49, -0.5, -0.51, 1.5, 2.5, -7.0)] == [1, 0, 0, -1, 2, 3, -7]
