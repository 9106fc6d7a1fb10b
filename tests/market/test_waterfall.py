"""The order of stages (FALL-1 to FALL-3)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, backstop, waterfall
from offhours.sim.market.waterfall import (
    ASSIGNED,
    COVERED,
    DELEVERAGED,
    FUND,
    SOCIALISED,
    STEPS,
    VAULT,
    WELL,
    WHOLE_POSITION,
)
from plain.market import ANN, DOLLAR, NO_FEES, ann_at_20x, go, jump, market, usd

KRAKEN = (STEPS, WHOLE_POSITION, ASSIGNED, COVERED, DELEVERAGED)


def test_the_stages_follow_one_another_as_the_venue_lists_them() -> None:
    """FALL-1: Kraken's list, asked place by place; a stage that is not in it is followed by nothing."""
    sim = market(stages=KRAKEN)
    seen, stage = [], waterfall.first_stage(sim.world)
    while stage != WELL:
        seen.append(stage)
        stage = waterfall.stage_after(sim.world, stage)
    assert tuple(seen) == KRAKEN
    assert [code for code in range(1, waterfall.PLACES) if waterfall.has(sim.world, code)] == sorted(KRAKEN)
    assert waterfall.stage_after(sim.world, VAULT) == WELL


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ((), "at least one"),
        ((STEPS, STEPS, VAULT), "'partial step' stands in it twice"),
        ((WHOLE_POSITION, STEPS, VAULT), "'partial step' can only come first"),
        ((STEPS, ASSIGNED), "'assignment' may leave a position open"),
        ((STEPS, DELEVERAGED, COVERED), "nothing but 'socialised' comes after 'auto-deleverage'"),
        ((SOCIALISED, DELEVERAGED), "nothing comes after 'socialised'"),
        ((STEPS, FUND, DELEVERAGED, SOCIALISED), ""),
        ((VAULT, DELEVERAGED), ""),
        (KRAKEN, ""),
    ],
)
def test_an_order_that_cannot_be_is_refused_in_a_sentence(stages: tuple[int, ...], says: str) -> None:
    """FALL-2."""
    found = waterfall.fault(stages)
    assert says in found and bool(says) == bool(found)


def test_every_stage_is_tried_once_a_second_in_its_order() -> None:
    """FALL-1: Ann is long 1,000 lots on $50 and the book is empty; at 97.4 she is at each stage in turn, none is left out."""
    sim = ann_at_20x(market(people=2, knobs=NO_FEES, stages=KRAKEN))
    jump(sim, 97.4)
    from offhours.sim.market import liquidation

    seen = [int(sim.memory[liquidation.cases]["stage"][ANN])]
    while seen[-1] != WELL:
        go(sim, 1)
        seen.append(int(sim.memory[liquidation.cases]["stage"][ANN]))
    assert seen == [STEPS, STEPS, WHOLE_POSITION, ASSIGNED, COVERED, WELL]
    sim.tape.drain(sim.memory)
    assert sim.tape.rows(liquidation.case_events)["event"].tolist() == [liquidation.OPENED, liquidation.FINISHED]
    assert usd(sim, ANN) == 0


def test_what_is_paid_and_what_is_not_sum_to_the_shortfall() -> None:
    """FALL-3: 5 paid by the pool, 3 by nobody, of which 2 are then shared: 8 in all, at any time."""
    sim = market()
    waterfall.note_paid(sim.world, COVERED, 5)
    waterfall.note_unpaid(sim.world, 3)
    waterfall.note_shared(sim.world, 2)
    paid = sim.memory[waterfall.payers]["paid_uusd"]
    assert (int(paid[COVERED]), int(paid[SOCIALISED])) == (5, 2)
    assert sim.memory[waterfall.debts][0].tolist() == (8, 1)
    waterfall.note_not_paid(sim.world, COVERED, 1)
    assert sim.memory[waterfall.debts][0].tolist() == (8, 2)
    assert int(paid.sum()) + 2 == 8


def test_when_a_payer_was_first_exhausted_is_remembered() -> None:
    """FALL-3, BACK-3: a second time changes nothing."""
    sim = market()
    waterfall.note_exhausted(sim.world, VAULT)
    first = sim.now_us
    go(sim, 1)
    waterfall.note_exhausted(sim.world, VAULT)
    waterfall.note_exhausted(sim.world, COVERED)
    assert sim.memory[waterfall.payers]["exhausted_us"][[VAULT, COVERED]].tolist() == [first, sim.now_us]


def test_a_vault_that_is_not_willing_says_since_when() -> None:
    """BACK-3, FALL-1: it has $4 where $10 are missing: it does not take the position, which is deleveraged a second later."""
    knobs = {**NO_FEES, (backstop.backstop_rules, "capital_uusd"): 4 * DOLLAR}
    sim = ann_at_20x(market(people=2, knobs=knobs, stages=(VAULT, DELEVERAGED)))
    jump(sim, 94.0)
    first = sim.now_us
    go(sim, 1)
    assert sim.memory[waterfall.payers]["exhausted_us"][VAULT] == first
    assert (usd(sim, ANN), usd(sim, accounts.BACKSTOP)) == (0, 4 * DOLLAR)
    assert int(sim.memory[waterfall.payers]["paid_uusd"][DELEVERAGED]) == 10 * DOLLAR
