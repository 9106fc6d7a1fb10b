"""Assignments to liquidity providers (PROV-1 to PROV-4, LIQ-10, LIQ-11). Ann is long 1,000 lots at $100 on $50."""

from __future__ import annotations

import pytest

from offhours.sim.chance import tie_order
from offhours.sim.market import accounts, attention, matching, oracle, pool, providers, waterfall
from offhours.sim.market.waterfall import ASSIGNED, COVERED, DELEVERAGED
from plain.market import (
    ANN,
    BUY,
    CAT,
    DAN,
    DOLLAR,
    EVE,
    NO_FEES,
    SELL,
    Simulation,
    ann_at_20x,
    events,
    go,
    jump,
    leave,
    lots_of,
    market,
    perp,
    usd,
)

ONE_PERCENT, CHEAP = 10_000_000, 7_500_000


def long_at_20x(side: int = BUY, capital: int = 1_000, cat: int = 10_000) -> Simulation:
    """Ann against Bob; Cat and Dan have money to provide with. A case goes to the providers at once."""
    sim = market(
        people=5,
        knobs={**NO_FEES, (pool.pool_rules, "capital_uusd"): capital * DOLLAR},
        stages=(ASSIGNED, COVERED, DELEVERAGED),
    )
    sim.endow(CAT, accounts.USD, cat * DOLLAR)
    return ann_at_20x(sim, DAN, EVE, side=side)


def test_an_offer_is_held_within_the_venues_bounds_and_can_be_taken_back() -> None:
    """PROV-1: 0.1 % becomes 0.75 %, 9 % becomes 2.5 %; a second offer replaces the first; a withdrawn one is gone."""
    sim = market(tickers=2)
    assert providers.offer(sim.world, CAT, 0, 1_000_000, 5) == CHEAP
    assert providers.offer(sim.world, CAT, 1, 90_000_000, 5) == 25_000_000
    assert providers.offer(sim.world, DAN, 1, ONE_PERCENT, 7) == ONE_PERCENT
    assert providers.offer(sim.world, CAT, 1, ONE_PERCENT, 9) == ONE_PERCENT
    assert (providers.offered_edge(sim.world, CAT, 1), providers.offered_room(sim.world, CAT, 1)) == (ONE_PERCENT, 9)
    assert sim.audit() == []
    providers.withdraw(sim.world, CAT)
    assert [providers.offered_edge(sim.world, a, 1) for a in (CAT, DAN)] == [-1, ONE_PERCENT]
    assert providers.offered_room(sim.world, CAT, 0) == 0
    providers.withdraw(sim.world, DAN)
    assert sim.memory[providers.offer_lists]["head"].tolist() == [0, 0]
    assert sim.audit() == []


def test_the_cheapest_edge_goes_first_and_no_offer_is_overdrawn() -> None:
    """PROV-2, PROV-3, PROV-4, LIQ-10: mark 97, a lot is worth $0.97. Dan has room for $300, 309 lots; Cat for $500, 515.

    Edges: 0.75 % of 299.73 and 1 % of 499.55, out of Ann's 20.
    """
    sim = long_at_20x()
    providers.offer(sim.world, CAT, 0, ONE_PERCENT, 500 * DOLLAR)
    providers.offer(sim.world, DAN, 0, CHEAP, 300 * DOLLAR)
    jump(sim, 97.0)
    assert [lots_of(sim, a) for a in (ANN, CAT, DAN)] == [176, 515, 309]
    assert sim.equity(ANN) == 20_000_000 - 2_247_975 - 4_995_500
    assert (sim.equity(DAN), sim.equity(CAT)) == (10_002_247_975, 10_004_995_500)
    found = events(sim)
    assert found[["stage", "lots", "value_uusd", "taker"]].tolist() == [
        (ASSIGNED, 309, 299_730_000, DAN),
        (ASSIGNED, 515, 499_550_000, CAT),
    ]
    assert providers.offered_room(sim.world, DAN, 0) == 270_000
    assert providers.taken(sim.world, CAT, 0) == 499_550_000


def test_equal_edges_go_by_a_draw() -> None:
    """PROV-2: the first of the two is the one whose draw by (seed, instant, person) is lower."""
    sim = long_at_20x()
    for account in (CAT, DAN):
        providers.offer(sim.world, account, 0, ONE_PERCENT, 100 * DOLLAR)
    jump(sim, 97.0)
    who = sim.memory[accounts.accounts]["who"]
    order = sorted((CAT, DAN), key=lambda a: tie_order(sim.setup.seed, sim.now_us, int(who[a])))
    assert events(sim)["taker"].tolist() == order


def test_a_short_is_assigned_in_the_mirror() -> None:
    """PROV-4: Ann is short, the mark 103: Dan takes all of it, pays nothing for it and receives 0.75 % of 1,030."""
    sim = long_at_20x(side=SELL)
    providers.offer(sim.world, DAN, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 103.0)
    assert (lots_of(sim, ANN), lots_of(sim, DAN), usd(sim, ANN)) == (0, -1_000, 20_000_000 - 7_725_000)
    assert sim.equity(DAN) == 10_007_725_000
    assert sim.audit() == []


def test_a_provider_keeps_his_initial_margin() -> None:
    """PROV-3: Cat has $10, at 5 % good for $200: 206 lots of $0.97, and nothing that a 207th would need."""
    sim = long_at_20x(cat=10)
    providers.offer(sim.world, CAT, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 97.0)
    assert lots_of(sim, CAT) == 206


def test_without_equity_for_the_edge_nothing_is_assigned() -> None:
    """PROV-4, LIQ-10: at 95.2 Ann has 2 left for 1,000 lots, 0.75 % would be 7.14: no assignment, also not of a few lots."""
    sim = long_at_20x(capital=0)
    providers.offer(sim.world, DAN, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 95.2)
    assert (lots_of(sim, DAN), len(events(sim))) == (0, 0)
    go(sim, 1)
    assert lots_of(sim, DAN) == 0


def test_in_a_covered_close_the_pool_pays_the_difference() -> None:
    """LIQ-11, POOL-3: at 94 equity is -10 and the edge 7.05: the pool puts in 17.05, Dan takes all, Ann ends with nothing."""
    sim = long_at_20x()
    providers.offer(sim.world, DAN, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 94.0)
    assert lots_of(sim, DAN) == 0
    go(sim, 1)
    assert (lots_of(sim, DAN), usd(sim, ANN), usd(sim, accounts.POOL)) == (1_000, 0, 982_950_000)
    (event,) = events(sim)
    assert (event["stage"], event["taker"], event["shortfall_uusd"]) == (COVERED, DAN, 17_050_000)
    assert int(sim.memory[waterfall.payers]["paid_uusd"][COVERED]) == 17_050_000
    assert sim.audit() == []


def test_who_is_being_liquidated_provides_nothing() -> None:
    """PROV-2: an offer of a frozen account is passed by, and so is one's own."""
    sim = long_at_20x()
    providers.offer(sim.world, ANN, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 97.0)
    assert lots_of(sim, ANN) == 1_000


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(("equity", "taken"), [(9_991_000, 206), (9_990_999, 205)])
def test_a_provider_may_just_meet_his_initial_margin(side: int, equity: int, taken: int) -> None:
    """PROV-3: 206 lots of $0.97 need 5 % of 199.82, which is 9.991. His own order of 100 lots in the other direction needs none."""
    sim = long_at_20x(side=side, cat=1_000)
    perp(sim, CAT, -side, 9_700, 100)
    matching.cancel_all(sim.world, CAT, 0)
    leave(sim, CAT, equity)
    providers.offer(sim.world, CAT, 0, CHEAP, 5_000 * DOLLAR)
    sim.memory[oracle.oracles]["mark_ticks"][0] = 9_700
    assert providers.takeable(sim.world, CAT, 0, side * 1_000) == taken


def test_what_a_provider_took_is_watched() -> None:
    """THR-1: at 97 Cat takes 206 lots on $10; at 92 he has lost them, and the position is closed for him too."""
    sim = long_at_20x(cat=10)
    providers.offer(sim.world, CAT, 0, CHEAP, 5_000 * DOLLAR)
    jump(sim, 97.0)
    assert lots_of(sim, CAT) == 206
    go(sim, 2)
    providers.withdraw(sim.world, CAT)
    jump(sim, 92.0)
    assert attention.frozen(sim.world, CAT) == 1
