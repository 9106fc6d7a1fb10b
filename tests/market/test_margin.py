"""Margin: equity, tiers, the worst fill, buckets, triggers (MARG-1 to MARG-6)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, funding, margin, matching
from offhours.sim.market.orders import REDUCE_ONLY
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    CLASS_D,
    DOLLAR,
    FRIDAY_OPEN,
    MINUTE,
    NO_FEES,
    SELL,
    go,
    jump,
    lots_of,
    mark,
    market,
    perp,
    put_price,
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


@pytest.mark.parametrize(
    ("notional", "marginal", "whole"),
    [
        # Class D, initial margin: 5 % to 10k, 10 % to 250k, 20 % to 500k, 30 % to 2M, 50 % beyond.
        (0, (0, 0), (0, 0)),
        (4_000, (200, 100), (200, 100)),
        (10_000, (500, 250), (1_000, 500)),
        (30_000, (500 + 2_000, 250 + 1_000), (3_000, 1_500)),
        (300_000, (500 + 24_000 + 10_000, 250 + 12_000 + 5_000), (60_000, 30_000)),
        (1_000_000, (500 + 24_000 + 50_000 + 150_000, 250 + 12_000 + 25_000 + 75_000), (300_000, 150_000)),
        (3_000_000, (500 + 24_000 + 50_000 + 450_000 + 500_000, 512_250), (1_500_000, 750_000)),
    ],
)
def test_class_d_by_hand(notional: int, marginal: tuple[int, int], whole: tuple[int, int]) -> None:
    """MARG-2: Kraken's multi-collateral schedule, maintenance being half of initial; marginal and whole-position."""
    for form, expected in ((margin.MARGINAL, marginal), (margin.WHOLE, whole)):
        sim = market(tiers=CLASS_D, knobs={(margin.margin_rules, "form"): form})
        assert margin.initial(sim.world, 0, notional * DOLLAR) == expected[0] * DOLLAR
        assert margin.maintenance(sim.world, 0, notional * DOLLAR) == expected[1] * DOLLAR


def test_margin_is_rounded_up() -> None:
    """MARG-2, MONEY-2: 2.5 % of 1,001 micro-dollars is 25.025."""
    sim = market()
    assert margin.maintenance(sim.world, 0, 1_001) == 26


def test_a_lower_leverage_limit_lifts_the_first_tiers() -> None:
    """MARG-2: at most 8x makes 12.5 % of the 5 and 10 % tiers, with half of that as maintenance, and leaves 20 % alone."""
    sim = market(tiers=CLASS_D, knobs={(margin.margin_rules, "leverage_max_milli"): 8_000})
    rows = sim.memory[margin.tiers]
    assert rows["initial_ppb"][:4].tolist() == [125_000_000, 125_000_000, 200_000_000, 300_000_000]
    assert rows["maintenance_ppb"][:4].tolist() == [62_500_000, 62_500_000, 100_000_000, 150_000_000]
    assert margin.initial(sim.world, 0, 260_000 * DOLLAR) == (31_250 + 2_000) * DOLLAR


def test_initial_margin_after_the_worst_fill() -> None:
    """MARG-3: $100 carry $2,000 of perp at 20x. A bid of 1,200 and an ask of 1,200 need the larger side only."""
    sim = market(people=1, dollars=100, knobs=NO_FEES)
    assert perp(sim, ANN, BUY, 10_000, 2_001) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, BUY, 10_000, 1_200) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 1_200) == matching.ACCEPTED
    assert perp(sim, ANN, BUY, 10_000, 801) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, BUY, 10_000, 800) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 800) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 10_001, 1) == matching.NOT_ENOUGH_MARGIN


def test_a_price_away_from_the_mark_is_paid_for_at_once() -> None:
    """MARG-3: 1,000 lots at $110 with the mark at $100 lose $100 on the fill, beside $50 of margin.

    An order that fills is not born bankrupt; at $90 there is no loss and $50 are enough.
    """
    sim = market(people=2, dollars=149, knobs=NO_FEES)
    assert perp(sim, ANN, BUY, 11_000, 1_000) == matching.NOT_ENOUGH_MARGIN
    sim.endow(ANN, 0, 1 * DOLLAR)
    assert perp(sim, ANN, BUY, 11_000, 1_000) == matching.ACCEPTED
    assert perp(sim, BOB, SELL, 11_000, 1_000) == matching.ACCEPTED
    assert sim.equity(ANN) == 50 * DOLLAR >= margin.required(sim.world, ANN)


def test_the_fee_is_part_of_what_must_be_there() -> None:
    """MARG-3: 5 bp of $2,000 are a dollar."""
    sim = market(people=1, dollars=100)
    assert perp(sim, ANN, BUY, 10_000, 2_000) == matching.NOT_ENOUGH_MARGIN
    sim.endow(ANN, 0, 1 * DOLLAR)
    assert perp(sim, ANN, BUY, 10_000, 2_000) == matching.ACCEPTED


def test_margin_is_shared_by_all_tickers() -> None:
    """MARG-3: $100 and two tickers: $1,500 of one leave $500 of the other."""
    sim = market(people=1, dollars=100, tickers=2, knobs=NO_FEES)
    assert sim.place(ANN, 0, BUY, 10_000, 1_500) == matching.ACCEPTED
    assert sim.place(ANN, 2, SELL, 10_000, 501) == matching.NOT_ENOUGH_MARGIN
    assert sim.place(ANN, 2, SELL, 10_000, 500) == matching.ACCEPTED


def test_what_only_reduces_needs_no_margin() -> None:
    """MARG-4: Ann lost all but $30 of $100 and could open nothing, but may sell what she holds, however often she asks."""
    sim = market(people=3, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, SELL, 10_000, 1_000)
    jump(sim, 93.0)
    assert sim.equity(ANN) == 30 * DOLLAR
    assert perp(sim, ANN, BUY, 9_300, 1) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, SELL, 9_310, 1_000) == matching.ACCEPTED
    assert perp(sim, ANN, SELL, 9_310, 1) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, ANN, SELL, 9_310, 1_000, flags=REDUCE_ONLY) == matching.ACCEPTED


def test_an_account_is_looked_at_once_and_again_when_a_mark_crosses_its_price() -> None:
    """MARG-5: 1,000 lots long on $100; equity 100 - 10 d meets maintenance 25 - .25 d at d = $7.69: a mark of 92.31."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, SELL, 10_000, 1_000)
    assert sim.memory[margin.changed]["account"][0] == 3  # Ann, Bob, and the backstop that was endowed
    go(sim)
    assert sim.memory[margin.changed]["account"][0] == 0
    jump(sim, 92.31)
    assert margin.frozen(sim.world, ANN) == 0
    jump(sim, 92.30)
    assert margin.frozen(sim.world, ANN) == 1
    assert margin.frozen(sim.world, BOB) == 0


def test_two_tickers_falling_together_are_seen() -> None:
    """MARG-5: 500 lots of each; either may fall 7 % alone, both by 7.7 % are too much."""
    sim = market(people=2, dollars=100, tickers=2, knobs=NO_FEES)
    for number in (0, 2):
        sim.place(ANN, number, BUY, 10_000, 500)
        sim.place(BOB, number, SELL, 10_000, 500)
    go(sim)
    put_price(sim, 92.30, 1)
    jump(sim, 92.32)
    assert (mark(sim, 0), mark(sim, 1), margin.frozen(sim.world, ANN)) == (9_232, 9_230, 0)
    jump(sim, 92.30)
    assert margin.frozen(sim.world, ANN) == 1


def test_funding_alone_is_seen_though_no_mark_moves() -> None:
    """MARG-5, FUND-5: $.05 above maintenance and $40 an hour to pay: below it in the fifth second, at a mark that stands."""
    sim = market(people=2, knobs=NO_FEES, start_us=FRIDAY_OPEN + MINUTE)
    sim.endow(ANN, 0, 50 * DOLLAR)
    sim.endow(BOB, 0, 10_000 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    accounts.transfer(sim.world, 0, ANN, accounts.OUTSIDE, 25 * DOLLAR - 50_000, accounts.DEPOSIT)
    go(sim)
    sim.memory[funding.fundings]["hourly_pusd"][0] = 40_000 * 1_000_000
    margin.note_change(sim.world, ANN)  # as everybody is looked at when the rate changes
    seen = []
    for _ in range(6):
        go(sim)
        seen.append((sim.equity(ANN) < margin.required(sim.world, ANN), margin.frozen(sim.world, ANN) == 1))
    assert seen == [(False, False)] * 4 + [(True, True)] * 2


def test_money_moves_to_a_bucket_and_back_while_both_keep_their_margin() -> None:
    """MARG-6: of $100 Ann needs $50 for 1,000 lots of her own; her bucket needs $5 of its $20 for 100 lots."""
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
    """MARG-6, LEDGER-4: long in the account and short in the bucket are margined each by itself."""
    sim = market(people=2, dollars=100, buckets=[ANN], knobs=NO_FEES)
    bucket = CAT
    margin.move(sim.world, ANN, bucket, 50 * DOLLAR)
    assert perp(sim, ANN, BUY, 10_000, 1_000) == perp(sim, bucket, SELL, 10_000, 1_000) == matching.ACCEPTED
    assert (margin.required(sim.world, ANN), margin.required(sim.world, bucket)) == (25 * DOLLAR, 25 * DOLLAR)


def test_small_orders_of_one_second_are_added_up() -> None:
    """MARG-3: $100 carry 2,000 lots at 20x: 66 orders of 30 and then no more, though each alone is far
    below what is spare."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    codes = [perp(sim, ANN, BUY, 9_999, 30) for _ in range(70)]
    assert codes == [matching.ACCEPTED] * 66 + [matching.NOT_ENOUGH_MARGIN] * 4
    matching.cancel_all(sim.world, ANN, 0)
    assert perp(sim, ANN, BUY, 9_999, 1_980) == matching.ACCEPTED
