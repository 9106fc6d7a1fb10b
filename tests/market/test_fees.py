"""Fees (FEE-1)."""

from __future__ import annotations

from offhours.sim.market import accounts
from plain.market import ANN, BOB, BUY, DOLLAR, SELL, market, perp, token, usd


def test_the_resting_order_pays_the_maker_rate_and_the_arriving_one_the_taker_rate() -> None:
    """FEE-1: 3 lots at $100.01 are $3.0003: 2 bp are 600.06 and 5 bp 1,500.15 micro-dollars, each rounded up."""
    sim = market(dollars=1_000)
    perp(sim, ANN, SELL, 10_001, 3)
    perp(sim, BOB, BUY, 10_001, 3)
    assert usd(sim, ANN) == 1_000 * DOLLAR + 3_000_300 - 601
    assert usd(sim, BOB) == 1_000 * DOLLAR - 3_000_300 - 1_501
    assert usd(sim, accounts.VENUE) == 601 + 1_501


def test_the_token_book_has_fees_of_its_own() -> None:
    """FEE-1: 10,000 lots of 0.0001 at $100 are $100; Ann sells into Bob's bid and pays as taker."""
    sim = market(dollars=1_000, shares_of_tokens=1)
    token(sim, BOB, BUY, 10_000, 10_000)
    token(sim, ANN, SELL, 10_000, 10_000)
    assert usd(sim, BOB) == 900 * DOLLAR - 20_000
    assert usd(sim, ANN) == 1_100 * DOLLAR - 50_000


def test_every_fill_pays_its_own_rounded_fee() -> None:
    """FEE-1: three fills of a lot at $100.01 cost 501 each, not 1,501 in sum."""
    sim = market(dollars=1_000)
    for _ in range(3):
        perp(sim, ANN, SELL, 10_001, 1)
    perp(sim, BOB, BUY, 10_001, 3)
    assert usd(sim, BOB) == 1_000 * DOLLAR - 3_000_300 - 3 * 501
