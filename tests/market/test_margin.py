"""Margin: equity, the worst fill, buckets (MARG-1, MARG-2, MARG-3, MARG-4)."""

from __future__ import annotations

import pytest

from offhours.sim.market import funding, margin, matching
from offhours.sim.market.orders import REDUCE_ONLY
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    NO_FEES,
    SELL,
    jump,
    lots_of,
    market,
    perp,
    usd,
)


def test_equity_is_dollars_plus_positions_at_the_mark_plus_funding() -> None:
    """MARG-1: $1,000, long 200 lots ($200) at $100, mark $103, funding of $0.40 owed: 1000 + 6 - .4."""
    sim = market(dollars=1_000, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 200)
    perp(sim, BOB, SELL, 10_000, 200)
    jump(sim, 103.0)
    assert (sim.equity(ANN), sim.equity(BOB)) == (1_006 * DOLLAR, 994 * DOLLAR)
    sim.memory[funding.fundings]["paid_pusd"][0] += 2_000 * 1_000_000  # a lot owes 2,000 micro-dollars
    assert (sim.equity(ANN), sim.equity(BOB)) == (1_006 * DOLLAR - 400_000, 994 * DOLLAR + 400_000)


def test_initial_margin_after_the_worst_fill() -> None:
    """MARG-2: $100 carry $2,000 of perp at 20x. A bid of 1,200 and an ask of 1,200 need the larger side only."""
    sim = market(people=1, dollars=100, knobs=NO_FEES)
    assert perp(sim, ANN, BUY, 10_000, 2_001) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, BUY, 10_000, 1_200) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 1_200) == matching.ACCEPTED
    assert perp(sim, ANN, BUY, 10_000, 801) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, BUY, 10_000, 800) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 800) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 1) == matching.NOT_ENOUGH_MARGIN


def test_a_price_away_from_the_mark_is_paid_for_at_once() -> None:
    """MARG-2: 1,000 lots at $110 with the mark at $100 lose $100 on the fill, beside $50 of margin.

    An order that fills is not born bankrupt; at $90 there is no loss and $50 are enough.
    """
    sim = market(people=2, dollars=149, knobs=NO_FEES)
    assert perp(sim, ANN, BUY, 11_000, 1_000) == matching.NOT_ENOUGH_MARGIN
    sim.endow(ANN, 0, 1 * DOLLAR)
    assert perp(sim, ANN, BUY, 11_000, 1_000) == matching.ACCEPTED
    assert perp(sim, BOB, SELL, 11_000, 1_000) == matching.ACCEPTED
    assert sim.equity(ANN) == 50 * DOLLAR >= margin.required(sim.world, ANN)


def test_the_fee_is_part_of_what_must_be_there() -> None:
    """MARG-2: 5 bp of $2,000 are a dollar."""
    sim = market(people=1, dollars=100)
    assert perp(sim, ANN, BUY, 10_000, 2_000) == matching.NOT_ENOUGH_MARGIN
    sim.endow(ANN, 0, 1 * DOLLAR)
    assert perp(sim, ANN, BUY, 10_000, 2_000) == matching.ACCEPTED


def test_margin_is_shared_by_all_tickers() -> None:
    """MARG-2: $100 and two tickers: $1,500 of one leave $500 of the other."""
    sim = market(people=1, dollars=100, tickers=2, knobs=NO_FEES)
    assert sim.place(ANN, 0, BUY, 10_000, 1_500) == matching.ACCEPTED
    assert sim.place(ANN, 2, SELL, 10_000, 501) == matching.NOT_ENOUGH_MARGIN
    assert sim.place(ANN, 2, SELL, 10_000, 500) == matching.ACCEPTED


def test_what_only_reduces_needs_no_margin() -> None:
    """MARG-3: Ann lost all but $30 of $100 and could open nothing, but may sell what she holds, however often she asks."""
    sim = market(people=3, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, SELL, 10_000, 1_000)
    jump(sim, 93.0)
    assert sim.equity(ANN) == 30 * DOLLAR
    assert perp(sim, ANN, BUY, 9_300, 1) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, SELL, 9_310, 1_000) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 9_310, 1) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, SELL, 9_310, 1_000, flags=REDUCE_ONLY) == matching.ACCEPTED


def test_money_moves_to_a_bucket_and_back_while_both_keep_their_margin() -> None:
    """MARG-4: of $100 Ann needs $50 for 1,000 lots of her own; her bucket needs $5 of its $20 for 100 lots."""
    sim = market(people=2, dollars=100, buckets=[ANN], knobs=NO_FEES)
    bucket = CAT
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, SELL, 10_000, 1_000)
    assert margin.move(sim.world, ANN, bucket, 50 * DOLLAR + 1) == 0
    assert margin.move(sim.world, ANN, bucket, 20 * DOLLAR) == 1
    perp(sim, bucket, SELL, 10_000, 100)
    perp(sim, ANN, BUY, 10_000, 100)
    assert (lots_of(sim, bucket), lots_of(sim, ANN)) == (-100, 1_100)
    assert margin.move(sim.world, bucket, ANN, 15 * DOLLAR + 1) == 0
    assert margin.move(sim.world, bucket, ANN, 15 * DOLLAR) == 1
    assert sim.equity(bucket) == 5 * DOLLAR
    assert usd(sim, ANN) + 1_100 * DOLLAR == 95 * DOLLAR
    with pytest.raises(AssertionError):
        margin.move(sim.world, ANN, BOB, 1)


def test_a_bucket_does_not_net_with_its_owner() -> None:
    """MARG-4, LEDGER-4: long in the account and short in the bucket are margined each by itself."""
    sim = market(people=2, dollars=100, buckets=[ANN], knobs=NO_FEES)
    bucket = CAT
    margin.move(sim.world, ANN, bucket, 50 * DOLLAR)
    assert perp(sim, ANN, BUY, 10_000, 1_000) == perp(sim, bucket, SELL, 10_000, 1_000) == matching.ACCEPTED
    assert (margin.required(sim.world, ANN), margin.required(sim.world, bucket)) == (25 * DOLLAR, 25 * DOLLAR)


def test_small_orders_of_one_second_are_added_up() -> None:
    """MARG-2: $100 carry 2,000 lots at 20x: 66 orders of 30 and then no more, though each alone is far
    below what is spare."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    codes = [perp(sim, ANN, BUY, 9_999, 30) for _ in range(70)]
    assert codes == [matching.ACCEPTED] * 66 + [matching.NOT_ENOUGH_MARGIN] * 4
    matching.cancel_all(sim.world, ANN, 0)
    assert perp(sim, ANN, BUY, 9_999, 1_980) == matching.ACCEPTED
