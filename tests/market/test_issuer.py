"""The issuer (ISS-1 to ISS-4)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, clock, issuer, matching
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
