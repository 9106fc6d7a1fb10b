"""Thresholds: who is looked at again, and when (THR-1, ATT-1)."""

from __future__ import annotations

from offhours.sim.market import accounts, attention, funding, margin
from plain.market import (
    ANN,
    BOB,
    BUY,
    DOLLAR,
    FRIDAY_OPEN,
    MINUTE,
    NO_FEES,
    SELL,
    go,
    jump,
    mark,
    market,
    perp,
    put_price,
)


def test_an_account_is_looked_at_once_and_again_when_a_mark_crosses_its_price() -> None:
    """THR-1, ATT-1: 1,000 lots long on $100; equity 100 - 10 d meets maintenance 25 - .25 d at d = $7.69: a mark of 92.31."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, SELL, 10_000, 1_000)
    assert sim.memory[attention.changed]["account"][0] == 3  # Ann, Bob, and the backstop that was endowed
    go(sim)
    assert sim.memory[attention.changed]["account"][0] == 0
    jump(sim, 92.31)
    assert attention.frozen(sim.world, ANN) == 0
    jump(sim, 92.30)
    assert attention.frozen(sim.world, ANN) == 1
    assert attention.frozen(sim.world, BOB) == 0


def test_two_tickers_falling_together_are_seen() -> None:
    """THR-1: 500 lots of each; either may fall 7 % alone, both by 7.7 % are too much."""
    sim = market(people=2, dollars=100, tickers=2, knobs=NO_FEES)
    for number in (0, 2):
        sim.place(ANN, number, BUY, 10_000, 500)
        sim.place(BOB, number, SELL, 10_000, 500)
    go(sim)
    put_price(sim, 92.30, 1)
    jump(sim, 92.32)
    assert (mark(sim, 0), mark(sim, 1), attention.frozen(sim.world, ANN)) == (9_232, 9_230, 0)
    jump(sim, 92.30)
    assert attention.frozen(sim.world, ANN) == 1


def test_funding_alone_is_seen_though_no_mark_moves() -> None:
    """THR-1, FUND-5: $.05 above maintenance and $40 an hour to pay: below it in the fifth second, at a mark that stands."""
    sim = market(people=2, knobs=NO_FEES, start_us=FRIDAY_OPEN + MINUTE)
    sim.endow(ANN, 0, 50 * DOLLAR)
    sim.endow(BOB, 0, 10_000 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    accounts.transfer(sim.world, 0, ANN, accounts.OUTSIDE, 25 * DOLLAR - 50_000, accounts.DEPOSIT)
    go(sim)
    sim.memory[funding.fundings]["hourly_pusd"][0] = 40_000 * 1_000_000
    attention.note_change(sim.world, ANN)  # as everybody is looked at when the rate changes
    seen = []
    for _ in range(6):
        go(sim)
        seen.append((sim.equity(ANN) < margin.required(sim.world, ANN), attention.frozen(sim.world, ANN) == 1))
    assert seen == [(False, False)] * 4 + [(True, True)] * 2
