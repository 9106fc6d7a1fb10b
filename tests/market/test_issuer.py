"""The issuer (ISS-1 to ISS-4, ISS-6, ISS-7)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, clock, issuer, matching, transit
from plain.market import (
    ANN,
    BOB,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    SATURDAY_NOON,
    SELL,
    SHARE,
    Simulation,
    held,
    market,
    token,
    usd,
)

TOKEN, STOCK = accounts.token_asset(0), accounts.share_asset(0)


def rich(**more: int) -> Simulation:
    """Ann has ten shares and $1,000 at the broker, Bob ten tokens and no dollars."""
    sim = market(people=2, **more)
    sim.endow(ANN, STOCK, 10 * SHARE)
    sim.endow(ANN, accounts.BROKER_USD, 1_000 * DOLLAR)
    sim.endow(BOB, TOKEN, 10 * SHARE)
    return sim


def test_minting_and_redeeming_are_one_for_one_for_a_fee() -> None:
    """ISS-1, ISS-3: six shares at $100.10 are $600.60; a tenth of a percent of that is $0.6006."""
    sim = rich()
    assert issuer.mint(sim.world, ANN, 0, 6 * SHARE, 100.1) == matching.ACCEPTED
    assert (usd(sim, ANN, STOCK), usd(sim, ANN, TOKEN)) == (4 * SHARE, 6 * SHARE)
    assert usd(sim, ANN, accounts.BROKER_USD) == 1_000 * DOLLAR - 600_600
    assert issuer.redeem(sim.world, ANN, 0, 2 * SHARE, 100.1) == matching.ACCEPTED
    assert (usd(sim, ANN, STOCK), usd(sim, ANN, TOKEN)) == (6 * SHARE, 4 * SHARE)
    assert usd(sim, accounts.ISSUER, accounts.BROKER_USD) == 600_600 + 200_200
    row = sim.memory[issuer.issued][0]
    assert (row["minted_ushares"], row["redeemed_ushares"]) == (6 * SHARE, 2 * SHARE)


def test_the_fee_is_rounded_against_the_payer() -> None:
    """ISS-3, MONEY-2: 1.000001 shares at $100 are 100,000,100 micro-dollars, and a thousandth of that 100,000.1."""
    sim = rich()
    issuer.mint(sim.world, ANN, 0, SHARE + 1, 100.0)
    assert usd(sim, accounts.ISSUER, accounts.BROKER_USD) == 100_001


@pytest.mark.parametrize(
    ("start_us", "expected"),
    [
        (FRIDAY_OPEN - MINUTE, matching.MARKET_CLOSED),
        (FRIDAY_OPEN, matching.ACCEPTED),
        (FRIDAY_OPEN + 6 * HOUR + 29 * MINUTE, matching.ACCEPTED),
        (FRIDAY_OPEN + 6 * HOUR + 30 * MINUTE, matching.MARKET_CLOSED),
        (SATURDAY_NOON, matching.MARKET_CLOSED),
    ],
)
def test_only_in_regular_hours(start_us: int, expected: int) -> None:
    """ISS-2: not before 09:30, not from 16:00, not at the week-end."""
    sim = rich(start_us=start_us)
    assert issuer.mint(sim.world, ANN, 0, SHARE, 100.0) == expected
    assert issuer.redeem(sim.world, BOB, 0, SHARE, 100.0) in (expected, matching.NOT_ENOUGH_FUNDS)


def test_not_in_a_halt() -> None:
    """ISS-2, CLOCK-3."""
    sim = rich()
    clock.halt(sim.world)
    assert issuer.mint(sim.world, ANN, 0, SHARE, 100.0) == matching.MARKET_CLOSED
    clock.resume(sim.world)
    assert issuer.mint(sim.world, ANN, 0, SHARE, 100.0) == matching.ACCEPTED


def test_what_is_not_there_cannot_be_minted_or_redeemed() -> None:
    """ISS-1, ISS-3: too few shares, below the minimum of one share, no dollars for the fee, tokens promised to a sale."""
    sim = rich()
    assert issuer.mint(sim.world, ANN, 0, 10 * SHARE + 1, 100.0) == matching.NOT_ENOUGH_FUNDS
    assert issuer.mint(sim.world, ANN, 0, SHARE - 1, 100.0) == matching.BAD_SIZE
    assert issuer.redeem(sim.world, BOB, 0, SHARE, 100.0) == matching.NOT_ENOUGH_FUNDS
    sim.endow(BOB, accounts.BROKER_USD, DOLLAR)
    token(sim, BOB, SELL, 10_100, 95_000)
    assert held(sim, BOB, TOKEN) == 19 * SHARE // 2
    assert issuer.redeem(sim.world, BOB, 0, SHARE, 100.0) == matching.NOT_ENOUGH_FUNDS
    matching.cancel_all(sim.world, BOB, 1)
    assert issuer.redeem(sim.world, BOB, 0, SHARE, 100.0) == matching.ACCEPTED


def test_tokens_outstanding_are_the_shares_in_custody() -> None:
    """ISS-4, LEDGER-5: after each of several mints and redemptions."""
    sim = rich()
    for minted, redeemed in ((3, 1), (2, 4), (5, 5)):
        issuer.mint(sim.world, ANN, 0, minted * SHARE, 100.0)
        issuer.redeem(sim.world, ANN, 0, redeemed * SHARE, 100.0)
        assert -usd(sim, accounts.ISSUER, TOKEN) == usd(sim, accounts.CUSTODIAN, STOCK) > 0
        assert sim.audit() == []


def slow(days: int = 2) -> Simulation:
    """Ann, who mints, and Bob, who redeems, where everything takes `days`."""
    sim = rich()
    sim.memory[issuer.issuer_rules][0]["settlement_us"] = days * 24 * HOUR
    sim.endow(BOB, accounts.BROKER_USD, 10 * DOLLAR)
    return sim


def test_what_takes_two_days_arrives_after_two_days() -> None:
    """ISS-6, ISS-4: until then neither has it, and tokens outstanding are still the shares in custody."""
    sim = slow()
    begin_us = sim.now_us
    assert issuer.mint(sim.world, ANN, 0, 6 * SHARE, 100.0) == matching.ACCEPTED
    assert issuer.redeem(sim.world, BOB, 0, 4 * SHARE, 100.0) == matching.ACCEPTED
    for until_us, minted, redeemed in ((48 * HOUR - MINUTE, 0, 0), (48 * HOUR, 6, 4)):
        sim.advance(begin_us + until_us)
        assert (usd(sim, ANN, STOCK), usd(sim, ANN, TOKEN)) == (4 * SHARE, minted * SHARE)
        assert (usd(sim, BOB, TOKEN), usd(sim, BOB, STOCK)) == (6 * SHARE, redeemed * SHARE)
        assert usd(sim, accounts.CUSTODIAN, TOKEN) == (4 - redeemed) * SHARE
        assert (
            usd(sim, accounts.CUSTODIAN, STOCK) == -usd(sim, accounts.ISSUER, TOKEN) == (10 + minted - redeemed) * SHARE
        )
        assert sim.audit() == []
    assert len(transit.on_the_way(sim.memory, transit.TOKENS)) == 0


def test_each_delivery_has_its_own_time() -> None:
    """ISS-6: what was handed in an hour later arrives an hour later, whichever way it goes."""
    sim = slow(days=1)
    begin_us = sim.now_us
    issuer.mint(sim.world, ANN, 0, SHARE, 100.0)
    sim.advance(begin_us + HOUR)
    issuer.redeem(sim.world, BOB, 0, SHARE, 100.0)
    issuer.mint(sim.world, ANN, 0, 2 * SHARE, 100.0)
    seen = []
    for hours in (24, 25):
        sim.advance(begin_us + hours * HOUR)
        seen.append((usd(sim, ANN, TOKEN) // SHARE, usd(sim, BOB, STOCK) // SHARE))
    assert seen == [(1, 0), (3, 1)]


def test_more_than_can_be_on_the_way_is_refused() -> None:
    """ISS-6: the refusal has a code, costs no fee and moves nothing."""
    sim = slow()
    sim.endow(ANN, STOCK, 100 * SHARE)
    room = len(sim.memory[transit.deliveries]) - (int(sim.memory[clock.clock]["accounts"][0]) + 1) - 1
    for _ in range(room):
        assert issuer.mint(sim.world, ANN, 0, SHARE, 1.0) == matching.ACCEPTED
    before = usd(sim, ANN, accounts.BROKER_USD), usd(sim, ANN, STOCK)
    assert before[1] >= SHARE
    assert issuer.mint(sim.world, ANN, 0, SHARE, 1.0) == matching.QUEUE_FULL
    assert (usd(sim, ANN, accounts.BROKER_USD), usd(sim, ANN, STOCK)) == before


def test_tokens_that_are_not_convertible_are_neither_minted_nor_redeemed() -> None:
    """ISS-7."""
    sim = slow()
    sim.memory[issuer.issuer_rules][0]["converts"] = 0
    assert issuer.mint(sim.world, ANN, 0, SHARE, 100.0) == matching.MARKET_CLOSED
    assert issuer.redeem(sim.world, BOB, 0, SHARE, 100.0) == matching.MARKET_CLOSED
