"""Socialised loss (SOC-1 to SOC-3). Ann is long 1,000 lots at $100 on $50; at 94 ten dollars of hers are missing."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, socialised, waterfall
from offhours.sim.market.waterfall import SOCIALISED
from plain.market import (
    ANN,
    BOB,
    BUY,
    DAN,
    DOLLAR,
    EVE,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    NO_FEES,
    SELL,
    Simulation,
    go,
    jump,
    lots_of,
    market,
    perp,
)


def owing(form: int, *, start_us: int = FRIDAY_OPEN, eve: int = 10_000, ann: bool = True) -> Simulation:
    """Ann against Bob; Bob and Dan short 500 and 250 more against Eve. The venue's only stage is a socialised close."""
    knobs = {**NO_FEES, (socialised.socialised_rules, "form"): form}
    sim = market(people=5, knobs=knobs, stages=(SOCIALISED,), start_us=start_us)
    for account, dollars in ((ANN, 50), (BOB, 1_000), (EVE, eve), (DAN, 100_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account, other, lots in ((BOB, ANN, 1_000), (BOB, EVE, 500), (DAN, EVE, 250))[0 if ann else 1 :]:
        perp(sim, account, SELL, 10_000, lots)
        perp(sim, other, BUY, 10_000, lots)
    return sim


def borne(sim: Simulation, *people: int) -> list[float]:
    """What each has been charged of a loss, dollars."""
    flows = sim.memory[accounts.flows]["amount"].reshape(-1, accounts.FLOWS)[:, accounts.SOCIALISED]
    assert -flows.sum() == 0
    return [(1_000 if a == BOB else 10_000 if a == EVE else 100_000) - sim.equity(a) / DOLLAR for a in people]


def unpaid(sim: Simulation) -> tuple[float, float]:
    """What was shared and what nobody paid, dollars."""
    shared = sim.memory[waterfall.payers]["paid_uusd"][SOCIALISED]
    return float(shared) / DOLLAR, float(sim.memory[waterfall.debts]["unpaid_uusd"][0]) / DOLLAR


def test_a_loss_is_shared_by_profits_of_open_positions() -> None:
    """LIQ-13, LIQ-14, SOC-1: Ann is closed at 94 against those ahead in the line; of the missing 10, Bob's 500 lots that are
    left, 30 of profit, and Dan's 250, 15, bear two thirds and one third. Once.
    """
    sim = owing(socialised.PROFITS)
    jump(sim, 94.0)
    assert [lots_of(sim, a) for a in (ANN, BOB, DAN)] == [0, -500, -250]
    assert unpaid(sim) == (10.0, 0.0)
    lost = borne(sim, BOB, DAN)
    assert lost == pytest.approx([20 / 3 - 90, 10 / 3 - 15], abs=2e-6) and sum(lost) == pytest.approx(10 - 105)
    go(sim, 3)
    assert unpaid(sim) == (10.0, 0.0)
    assert sim.audit() == []


def test_a_loss_is_shared_by_the_size_of_both_sides() -> None:
    """SOC-3: of 1,500 open lots Eve has 750, Bob 500, Dan 250: of 10 they bear 5, 3.33 and 1.67, though Eve has lost."""
    sim = owing(socialised.BOTH_SIDES)
    jump(sim, 94.0)
    assert unpaid(sim) == (10.0, 0.0)
    assert borne(sim, EVE, BOB, DAN) == pytest.approx([45 + 5, 10 / 3 - 90, 5 / 3 - 15], abs=2e-6)
    assert sim.audit() == []


def test_what_one_of_them_cannot_pay_nobody_pays() -> None:
    """SOC-3: at 60 Ann lacks 350. Eve's part is 175, and she has 20 left; the rest is bad debt, and nobody is charged for her."""
    sim = owing(socialised.BOTH_SIDES, eve=320)
    jump(sim, 60.0)
    assert unpaid(sim) == (195.0, 155.0)
    assert sim.equity(EVE) == 0
    assert borne(sim, BOB, DAN) == pytest.approx([350 / 3 - 600, 350 / 6 - 100], abs=2e-6)
    assert sim.audit() == []


MORNING = FRIDAY_OPEN - 6 * HOUR - 31 * MINUTE
"""Friday 07:59 UTC in winter time: a minute before a day of gains begins."""


def test_a_loss_is_shared_by_the_gains_of_a_day_of_closed_positions_too() -> None:
    """SOC-2: before 08:00 Bob's and Dan's shorts gain 5 and 2.50. After it Bob closes his 500 two dollars lower, a gain of 10,
    and Ann comes in. When she fails, Bob has gained 10 and the 60 of what he sold her, Dan 10 since 98.
    """
    sim = owing(socialised.DAYS_GAINS, start_us=MORNING, ann=False)
    jump(sim, 99.0)
    go(sim, 90)
    jump(sim, 97.0)
    perp(sim, EVE, SELL, 9_700, 500)
    perp(sim, BOB, BUY, 9_700, 500)
    jump(sim, 100.0)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    jump(sim, 94.0)
    assert lots_of(sim, ANN) == lots_of(sim, BOB) == 0
    assert unpaid(sim) == (10.0, 0.0)
    bob, dan = 10 + 60, 5 * 2.5
    lost = [10 * bob / (bob + dan), 10 * dan / (bob + dan)]
    assert borne(sim, BOB, DAN) == pytest.approx([lost[0] - 15 - 60, lost[1] - 15], abs=2e-6)
    assert sim.audit() == []


def test_days_are_remembered_only_where_they_are_asked_for() -> None:
    """SOC-2: the table has one row where it is not needed."""
    assert len(owing(socialised.PROFITS).memory[socialised.day_starts]) == 1
    assert len(owing(socialised.DAYS_GAINS).memory[socialised.day_starts]) > 5
