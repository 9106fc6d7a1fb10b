"""Interest on collateral, dividends of tokens and shares (INT-1 to INT-3)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.market import accounts, interest, oracle
from plain.market import ANN, BOB, BUY, CAT, DOLLAR, NO_FEES, SELL, SHARE, Simulation, go, market, perp, usd

TO_THE_HOUR = 30 * 60
FIVE = {**NO_FEES, (interest.interest_rules, "quote_ppb"): 50_000_000}


def hours(sim: Simulation, number: int) -> None:
    """Let full hours strike, beginning at half past."""
    go(sim, TO_THE_HOUR + (number - 1) * 3_600)


def test_dollars_earn_an_hour_of_a_year() -> None:
    """INT-1: 8,760 dollars at 5 % are 5 cents an hour, paid by the outside world; nothing between the hours."""
    sim = market(dollars=8_760, knobs=FIVE)
    outside = usd(sim, accounts.OUTSIDE)
    go(sim, TO_THE_HOUR - 1)
    assert usd(sim, ANN) == 8_760 * DOLLAR
    go(sim, 1)
    assert usd(sim, ANN) == 8_760 * DOLLAR + 50_000
    assert usd(sim, accounts.OUTSIDE) == outside - 5 * 50_000
    assert sim.audit() == []


def test_nothing_by_default() -> None:
    """INT-1, INT-2: rates are zero unless somebody says otherwise."""
    sim = market(dollars=8_760, shares_of_tokens=10)
    hours(sim, 3)
    assert usd(sim, ANN) == 8_760 * DOLLAR


def test_a_position_by_itself_earns_nothing() -> None:
    """INT-1: Ann is long and Bob short $500: their dollars differ by $1,000 now, their collateral and interest do not."""
    sim = market(dollars=8_760, knobs=FIVE)
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, ANN, BUY, 10_000, 500)
    assert usd(sim, BOB) - usd(sim, ANN) == 1_000 * DOLLAR
    assert [interest.collateral(sim.world, who) for who in (ANN, BOB, CAT)] == [8_760 * DOLLAR] * 3
    hours(sim, 1)
    assert [interest.collateral(sim.world, who) for who in (ANN, BOB, CAT)] == [8_760 * DOLLAR + 50_000] * 3


def test_who_is_below_zero_pays() -> None:
    """INT-1: collateral of minus $876 costs half a cent an hour."""
    sim = market(dollars=1_000, knobs=FIVE)
    accounts.transfer(sim.world, accounts.USD, ANN, accounts.OUTSIDE, 1_876 * DOLLAR, accounts.DEPOSIT)
    interest.settle_hour(sim.world)
    assert usd(sim, ANN) == -876 * DOLLAR - 5_000


def test_tokens_pay_at_the_venue_and_shares_at_the_broker() -> None:
    """INT-2: 876 tokens and 438 shares at an index of $100 and 2 % a year: 20 cents and 10 cents an hour."""
    sim = market(shares_of_tokens=876, knobs={(interest.dividend_rules, "dividend_ppb"): 20_000_000})
    sim.endow(ANN, accounts.share_asset(0), 438 * SHARE)
    hours(sim, 1)
    assert (usd(sim, ANN), usd(sim, ANN, accounts.BROKER_USD)) == (200_000, 100_000)
    assert (usd(sim, BOB), usd(sim, BOB, accounts.BROKER_USD)) == (200_000, 0)
    sim.memory[oracle.oracles]["index_usd"] = 50.0
    interest.settle_hour(sim.world)
    assert usd(sim, ANN) == 300_000
    assert sim.audit() == []


def test_houses_neither_pay_nor_receive() -> None:
    """INT-2: the custodian holds the shares and the issuer owes the tokens; the backstop has dollars."""
    sim = market(dollars=100, shares_of_tokens=100, knobs={**FIVE, (interest.dividend_rules, "dividend_ppb"): 20_000_000})  # fmt: skip
    before = [usd(sim, house) for house in range(1, accounts.HOUSES)]
    hours(sim, 2)
    assert [usd(sim, house) for house in range(1, accounts.HOUSES)] == before


@pytest.mark.parametrize("dollars_uusd", [1, 7, 175_199, -7, -175_201])
def test_crumbs_are_kept_until_they_are_worth_something(dollars_uusd: int) -> None:
    """INT-3: after a year's hours at 5 % the sum is the year's interest, rounded once an hour to a 8,760th of a micro-dollar."""
    crumbs, paid = 0, 0
    yearly = interest.yearly(dollars_uusd, 50_000_000)
    for _ in range(interest.HOURS_A_YEAR):
        got = interest.due(yearly, crumbs)
        crumbs += yearly - got * interest.HOURS_A_YEAR
        paid += got
    assert paid == yearly and crumbs == 0
    assert yearly <= Fraction(dollars_uusd, 20) < yearly + 1


@given(st.integers(-(10**15), 10**15), st.integers(0, 10**9), st.integers(0, 8_759))
def test_an_hour_and_its_remainder_are_the_whole(owned: int, rate: int, crumbs: int) -> None:
    """INT-3: nothing is lost between what is paid and what is kept."""
    yearly = interest.yearly(owned, rate)
    got = interest.due(yearly, crumbs)
    assert 0 <= yearly + crumbs - got * interest.HOURS_A_YEAR < interest.HOURS_A_YEAR


def test_the_market_keeps_the_remainder() -> None:
    """INT-3: a dollar at 5 % is 5.7 micro-dollars an hour: 5, 6, 6, 5, 6, 6, ... which is 17 in three hours."""
    sim = market(dollars=1, knobs=FIVE)
    seen: list[Any] = []
    for _ in range(3):
        interest.settle_hour(sim.world)
        seen.append(usd(sim, ANN) - DOLLAR)
    assert seen == [5, 11, 17]


def test_the_broker_keeps_the_remainder_too() -> None:
    """INT-2, INT-3: a thousandth of a share at $100 and 5 % a year is 0.57 micro-dollars an hour: nothing, 1, 1."""
    sim = market(knobs={**NO_FEES, (interest.dividend_rules, "dividend_ppb"): 50_000_000})
    sim.endow(ANN, accounts.share_asset(0), SHARE // 1_000)
    seen = []
    for _ in range(4):
        interest.settle_hour(sim.world)
        seen.append(usd(sim, ANN, accounts.BROKER_USD))
    assert seen == [0, 1, 1, 2]
