"""Funding (FUND-1 to FUND-6)."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.sim.market import accounts, funding, matching, oracle
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    NO_FEES,
    SELL,
    Simulation,
    go,
    market,
    perp,
    usd,
)

SMALL = {**NO_FEES, (oracle.oracle_rules, "impact_uusd"): 100 * DOLLAR}
TO_THE_HOUR = 30 * 60


def row(sim: Simulation) -> Any:
    """The funding row."""
    return sim.memory[funding.fundings][0]


def rates(sim: Simulation) -> Any:
    """All rates so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(funding.funding_events)


def sampled(premiums: list[int], **knobs: int) -> int:
    """The rate after an hour whose minutes had these premiums (ppb)."""
    sim = market(knobs={(funding.funding_rules, name): value for name, value in knobs.items()})
    go(sim, TO_THE_HOUR + 3_600 - 1)
    sim.memory[funding.samples]["premium_ppb"][: len(premiums)] = premiums
    row(sim)["samples"] = len(premiums)
    go(sim, 1)
    return int(row(sim)["rate_ppb"])


def test_the_premium_is_sampled_each_minute_that_has_an_impact_mid() -> None:
    """FUND-1: impact mid 100.24 over an index of 100; five minutes with quotes, five without."""
    sim = market(dollars=100_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_014, 200)
    perp(sim, ANN, SELL, 10_034, 200)
    go(sim, 300)
    matching.cancel_all(sim.world, ANN, 0)
    go(sim, 300)
    assert row(sim)["samples"] == 5
    assert sim.memory[funding.samples]["premium_ppb"][:5].tolist() == [2_400_000] * 5


def test_the_rate_is_the_mean_of_the_middle_half_over_the_divisor() -> None:
    """FUND-2: premiums of 1 .. 60 bp in some order: the middle 30 are 16 .. 45, mean 30.5 bp, over 24: 1.2708333 bp."""
    premiums = [100_000 * (1 + (7 * i) % 60 + (1 if i >= 60 else 0)) for i in range(60)]
    assert sorted(premiums) == [100_000 * n for n in range(1, 61)]
    assert sampled(premiums) == 3_050_000 // 24 == 127_083


def test_two_wild_quarters_do_not_matter() -> None:
    """FUND-2: fifteen minutes at -50 % and fifteen at +90 % around a premium of 24 bp: 1 bp an hour."""
    assert sampled([-500_000_000] * 15 + [2_400_000] * 30 + [900_000_000] * 15) == 100_000


def test_the_cap_and_the_sign() -> None:
    """FUND-2: 7 % over 24 is .29 %, held at .25 %; the same below; with divisor 1 a premium of .3 % reaches the cap."""
    assert sampled([70_000_000] * 60) == 2_500_000
    assert sampled([-70_000_000] * 60) == -2_500_000
    assert sampled([3_000_000] * 60, divisor=1) == 2_500_000
    assert sampled([-2_400_000] * 60) == -100_000


@pytest.mark.parametrize(
    ("premium", "divisor", "cap", "expected"),
    [(240, 24, 100, 10), (-240, 24, 100, -10), (-25, 24, 100, -1), (10**9, 1, 7, 7)],
)
def test_the_formula_of_the_rate(premium: int, divisor: int, cap: int, expected: int) -> None:
    """FUND-2: divided, rounded towards zero, held within the cap."""
    assert funding.clamped_rate(premium, divisor, cap) == expected


def test_too_few_samples_leave_the_previous_rate() -> None:
    """FUND-3: 29 samples do not make a rate, 30 do."""
    assert sampled([2_400_000] * 29) == 0
    assert sampled([2_400_000] * 30) == 100_000


def test_the_rate_of_one_hour_is_paid_in_the_next_on_the_index_at_its_start() -> None:
    """FUND-4: 10 bp for ten o'clock to eleven, index 100: a lot ($1) pays 1,000 micro-dollars, all of it after ten."""
    sim = market(dollars=100_000, knobs={**SMALL, (funding.funding_rules, "divisor"): 1})
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, CAT, BUY, 10_000, 1_000)
    perp(sim, CAT, SELL, 10_020, 1_000)
    go(sim, TO_THE_HOUR - 1)
    assert (row(sim)["samples"], row(sim)["paid_pusd"]) == (29, 0)
    go(sim, 1)
    assert row(sim)["rate_ppb"] == 1_000_000
    assert row(sim)["hourly_pusd"] == 1_000 * 1_000_000
    assert usd(sim, ANN) == 100_000 * DOLLAR - 500 * DOLLAR
    go(sim, 1_800)
    assert funding.owed(sim.world, ANN, 0) == 250_000
    assert funding.owed(sim.world, BOB, 0) == -250_000
    go(sim, 1_800)
    assert usd(sim, ANN) == 100_000 * DOLLAR - 500 * DOLLAR - 500_000
    assert usd(sim, BOB) == 100_000 * DOLLAR + 500 * DOLLAR + 500_000
    first, second = rates(sim)
    assert (first["time_us"], first["rate_ppb"], first["samples"]) == (FRIDAY_OPEN + 30 * MINUTE, 1_000_000, 30)
    assert second["time_us"] == first["time_us"] + HOUR


def test_funding_is_settled_when_the_position_changes() -> None:
    """FUND-5: after a quarter of an hour at 1,000 micro-dollars an hour and lot Ann adds a lot and pays 10 x 250."""
    sim = market(dollars=100_000, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 10)
    perp(sim, BOB, SELL, 10_000, 10)
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 1_000 * 1_000_000
    go(sim, 900)
    perp(sim, BOB, SELL, 10_000, 1)
    perp(sim, ANN, BUY, 10_000, 1)
    assert usd(sim, ANN) == 100_000 * DOLLAR - 11 * DOLLAR - 2_500
    go(sim, 900)
    assert funding.owed(sim.world, ANN, 0) == 11 * 250


def test_payers_are_rounded_up_receivers_down_and_crumbs_are_kept() -> None:
    """FUND-6: a rate of 1 micro-dollar an hour and lot; after 20 minutes a third of one is owed by each of 3 longs."""
    sim = market(dollars=1_000, knobs=NO_FEES)
    perp(sim, ANN, SELL, 10_000, 3)
    for account in (BOB, CAT):
        perp(sim, account, BUY, 10_000, 1)
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 1_000_000
    go(sim, 1_200)
    assert [funding.owed(sim.world, a, 0) for a in (ANN, BOB, CAT)] == [0, 1, 1]
    go(sim, 2_400)
    assert usd(sim, accounts.FUNDING) == 0 + 1 + 1 - 2
    assert sim.conservation_error() == 0


def test_what_accrues_in_odd_seconds_adds_up_to_the_hour() -> None:
    """FUND-5, FUND-6: 7 picodollars an hour leave crumbs each second, and none of them is lost over the hour."""
    sim = market()
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 7
    go(sim, 3_599)
    assert row(sim)["paid_pusd"] == 6
    go(sim, 1)
    assert (row(sim)["paid_pusd"], row(sim)["crumbs"]) == (7, 0)


def test_an_interval_of_eight_hours() -> None:
    """FUND-4: rates turn at 00, 08 and 16 o'clock UTC and are paid over eight hours."""
    sim = market(knobs={(funding.funding_rules, "interval_us"): 8 * HOUR, (funding.funding_rules, "samples_min"): 1})
    go(sim, TO_THE_HOUR)
    assert len(rates(sim)) == 0
    sim.memory[funding.samples]["premium_ppb"][0], row(sim)["samples"] = 24 * 800_000, 1
    go(sim, 3_600)
    (event,) = rates(sim)
    assert event["time_us"] % (8 * HOUR) == 0
    assert (event["rate_ppb"], event["hourly_pusd"]) == (800_000, 100 * 1_000_000)
