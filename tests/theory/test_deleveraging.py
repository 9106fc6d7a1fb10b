"""Auto-deleveraging against the literature: Chitra, "Autodeleveraging: Impossibilities and Optimization", arXiv 2512.01112 (v3).

The paper shares a budget among profits; the market closes lots at a price. They are the same where the price is the one at
which the winners entered: a lot that is closed there gives up all of its profit.
"""

from __future__ import annotations

import numpy as np
import pytest

from offhours.sim.market import accounts, attention, deleverage
from offhours.sim.market.waterfall import DELEVERAGED
from plain.market import BOB, BUY, CAT, DAN, DOLLAR, EVE, NO_FEES, SELL, Simulation, jump, leave, lots_of, market, perp

WINNERS = (BOB, CAT, DAN)
LOSER = EVE


def static_example(form: int, first: int = CAT) -> Simulation:
    """Profits 8, 4, 0.5 of the winners; a budget of 7.5: 150 of their 250 lots, closed at the price of entry.

    The loser is long 150 lots from 100 and has nothing left at 100; at 95 he is 7.5 below zero. The `first` winner has the
    highest leverage.
    """
    knobs = {**NO_FEES, (deleverage.adl_rules, "form"): form}
    sim = market(people=6, knobs=knobs, stages=(DELEVERAGED,))
    other = EVE + 1
    for account, dollars in (*zip(WINNERS, (20, 2, 50)), (LOSER, 10), (other, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account, lots, loser in ((BOB, 150, LOSER), (BOB, 10, other), (CAT, 39, other), (DAN, 10, other)):
        perp(sim, account, SELL, 10_000, lots)
        assert perp(sim, loser, BUY, 10_000, lots) == 0
    for account, lots in ((CAT, 41),):
        accounts.transfer(sim.world, accounts.USD, other, CAT, 3 * DOLLAR, accounts.BUCKET)
        perp(sim, account, SELL, 10_000, lots)
        assert perp(sim, other, BUY, 10_000, lots) == 0
    accounts.transfer(sim.world, accounts.USD, LOSER, other, 10 * DOLLAR, accounts.BUCKET)
    attention.note_change(sim.world, LOSER)
    if first == BOB:
        leave(sim, BOB, 8 * DOLLAR)
        leave(sim, CAT, 40 * DOLLAR)
    jump(sim, 95.0)
    assert lots_of(sim, LOSER) == 0
    return sim


@pytest.mark.parametrize(
    ("form", "haircuts"),
    [(deleverage.QUEUE, (0.4375, 1.0, 0.0)), (deleverage.PRO_RATA, (0.6, 0.6, 0.6))],
)
def test_the_static_example(form: int, haircuts: tuple[float, ...]) -> None:
    """Paper's example: profits (8, 4, .5), budget 7.5. Queue in the order 2, 1, 3: h = (.4375, 1, 0); pro rata: h = .6.

    Exact: no statistics. Lots are 160, 80 and 10; a lot's profit is 5 cents.
    """
    sim = static_example(form)
    before = {BOB: 160, CAT: 80, DAN: 10}
    found = tuple((before[a] + lots_of(sim, a)) / before[a] for a in WINNERS)
    assert found == pytest.approx(haircuts, abs=1e-12)
    assert sim.audit() == []


WAVES = ((2_266_240, 2.613e8), (1_065_843, 2.725e8), (8_056, 4.876e4), (5_584_124, 6.434e8), (9_400, 1.996e8))
"""Needed dollars and winners' capacity of waves of 10 October 2025 (Hyperliquid, 21:15-21:27 UTC), of which the published
table's largest pro rata haircut is needed / capacity; repository pluriholonomic/autodeleveraging-analysis,
policy_per_wave_metrics.csv, waves 1, 4, 7, 13, 17. Its other waves divide by equity."""


@pytest.mark.parametrize(("needed", "capacity"), WAVES)
def test_a_real_wave_shared_pro_rata(needed: int, capacity: float) -> None:
    """Every winner gives up needed / capacity of his profit, to one micro-dollar, and the budget is met to the last one.

    2,000 winners whose profits follow a Pareto law of exponent .8, as on that venue; exact, no statistics.
    """
    draws = (np.arange(2_000) + 0.5) / 2_000
    profits = (1.0 - draws) ** (-1 / 0.8)
    weights = [int(w) for w in np.rint(profits / profits.sum() * capacity * 1e6)]
    budget, rest, left = needed * 10**6, needed * 10**6, sum(weights)
    haircut = budget / left
    total = 0
    for weight in weights:
        part = deleverage.allotment(rest, weight, left, weight)
        assert part == pytest.approx(weight * haircut, abs=1.0 + 1e-9 * weight)
        rest, left, total = rest - part, left - weight, total + part
    assert total == budget and rest == 0


def test_the_queue_takes_from_the_largest_winner_what_pro_rata_spreads() -> None:
    """Queue identity (arXiv 2512.01112): where the largest winner stands first and the budget H is at most his w1, he keeps
    H (1 - w1 / U) more under pro rata. H = 7.5, w1 = 8, U = 12.5. Exact: no statistics.
    """
    survivor = {}
    for form in (deleverage.QUEUE, deleverage.PRO_RATA):
        sim = static_example(form, first=BOB)
        survivor[form] = -lots_of(sim, BOB) * 0.05
    assert survivor[deleverage.QUEUE] == pytest.approx(8 - 7.5)
    assert survivor[deleverage.PRO_RATA] - survivor[deleverage.QUEUE] == pytest.approx(7.5 * (1 - 8 / 12.5))
