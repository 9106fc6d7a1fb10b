"""The ledger: what is moved, under which flow, and what is no margin (LEDGER-1 to LEDGER-5)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, margin, matching
from plain.market import ANN, BOB, BUY, DOLLAR, NO_FEES, SELL, SHARE, go, jump, lots_of, market, perp, token, usd


def test_every_asset_sums_to_zero_with_the_outside_world_in_it() -> None:
    """LEDGER-1: endowments, trades, fees and a price move later."""
    sim = market(dollars=1_000, shares_of_tokens=3)
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    token(sim, ANN, SELL, 10_000, 5_000)
    token(sim, BOB, BUY, 10_000, 5_000)
    jump(sim, 97.0)
    table = sim.memory[accounts.balances]["amount"].reshape(-1, 4)
    assert table.sum(axis=0).tolist() == [0, 0, 0, 0]
    assert usd(sim, accounts.OUTSIDE) == -5 * 1_000 * DOLLAR - usd(sim, accounts.BACKSTOP)
    assert usd(sim, accounts.VENUE) > 0


def test_a_transfer_of_dollars_is_booked_under_its_flow() -> None:
    """LEDGER-2: $7 from the second house to Ann, and no flow for dollars at the broker or tokens."""
    sim = market()
    before = sim.memory[accounts.flows]["amount"].copy()
    accounts.transfer(sim.world, accounts.USD, accounts.VENUE, ANN, 7 * DOLLAR, accounts.FEE)
    accounts.transfer(sim.world, accounts.BROKER_USD, accounts.VENUE, ANN, 9 * DOLLAR, accounts.STOCK_TRADE)
    change = (sim.memory[accounts.flows]["amount"] - before).reshape(-1, accounts.FLOWS)
    assert change[accounts.VENUE, accounts.FEE] == -7 * DOLLAR
    assert change[accounts.HOUSES, accounts.FEE] == 7 * DOLLAR
    assert abs(change).sum() == 14 * DOLLAR
    with pytest.raises(AssertionError):
        accounts.transfer(sim.world, accounts.USD, ANN, BOB, -1, accounts.FEE)


def test_wealth_at_the_broker_is_no_margin_at_the_venue() -> None:
    """LEDGER-3: a million at the broker, shares and tokens, and not a lot can be bought on margin."""
    sim = market()
    sim.endow(ANN, accounts.BROKER_USD, 1_000_000 * DOLLAR)
    sim.endow(ANN, accounts.share_asset(0), 1_000 * SHARE)
    sim.endow(ANN, accounts.token_asset(0), 1_000 * SHARE)
    assert sim.equity(ANN) == 0
    assert perp(sim, ANN, BUY, 10_000, 1) == matching.NOT_ENOUGH_MARGIN


def test_a_hedged_maker_is_liquidated_on_a_sunday() -> None:
    """LEDGER-3, LIQ-1: short the perp, long the shares. The gap is matched to the dollar, but the shares are elsewhere.

    400 lots (4 shares) short at $100 on $30 of margin; maintenance at $106 is $10.60 and equity 30 - 24 = 6.
    """
    sim = market(people=2, start_us=1_772_978_400 * 1_000_000, knobs=NO_FEES)  # Sunday 2026-03-08, 10:00 in New York
    sim.endow(ANN, accounts.USD, 30 * DOLLAR)
    sim.endow(ANN, accounts.share_asset(0), 4 * SHARE)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    assert perp(sim, ANN, SELL, 10_000, 400) == perp(sim, BOB, BUY, 10_000, 400) == matching.ACCEPTED
    go(sim)
    assert lots_of(sim, ANN) == -400
    wealth = sim.equity(ANN) + 4 * 100 * DOLLAR
    jump(sim, 106.0)
    assert sim.equity(ANN) + 4 * 106 * DOLLAR == wealth
    go(sim, 10)
    assert lots_of(sim, ANN) == 0
    assert usd(sim, ANN, accounts.share_asset(0)) == 4 * SHARE


def test_the_bankruptcy_of_a_bucket_never_touches_its_owner() -> None:
    """LEDGER-4: Ann puts $6 of her $1,000 into a bucket; the gap takes the $6 and the backstop the rest."""
    sim = market(people=2, dollars=1_000, buckets=[ANN], knobs=NO_FEES)
    bucket = BOB + 1
    assert margin.move(sim.world, ANN, bucket, 6 * DOLLAR) == 1
    assert perp(sim, bucket, BUY, 10_000, 100) == perp(sim, BOB, SELL, 10_000, 100) == matching.ACCEPTED
    jump(sim, 80.0)  # a loss of $20 on $6
    go(sim, 10)
    assert lots_of(sim, bucket) == 0
    assert usd(sim, bucket) == 0
    assert usd(sim, ANN) == 994 * DOLLAR
    assert usd(sim, BOB) == 1_000 * DOLLAR + 100 * DOLLAR
    assert sim.audit() == []


def test_tokens_are_born_with_shares_in_custody() -> None:
    """LEDGER-5."""
    sim = market(people=3, shares_of_tokens=7)
    assert usd(sim, accounts.ISSUER, accounts.token_asset(0)) == -21 * SHARE
    assert usd(sim, accounts.CUSTODIAN, accounts.share_asset(0)) == 21 * SHARE
