"""The liquidity pool (POOL-1 to POOL-3, LIQ-11). Ann is long 1,000 lots at $100 on $50; a case is covered at once."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, liquidation, pool, providers, waterfall
from offhours.sim.market.waterfall import COVERED, DELEVERAGED, FUND, VAULT
from plain.market import (  # fmt: skip
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
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

EMPTY = CAT + 1
"""An account with nothing in it."""


def covered(capital: int) -> Simulation:
    """Ann against Bob, and what the pool starts with."""
    sim = market(
        people=4,
        knobs={**NO_FEES, (pool.pool_rules, "capital_uusd"): capital * DOLLAR},
        stages=(COVERED, DELEVERAGED),
    )
    return ann_at_20x(sim, CAT)


def test_it_pays_what_a_close_costs_beyond_the_zero_equity_price() -> None:
    """POOL-2, POOL-3, LIQ-11: mark 94, equity -10. Bids: 500 at 93.50, 300 at 89, 200 at 88; 5 % below the best is 88.825.

    800 lots cost 2.5 + 15 against the mark and their share of the equity is -8: the pool pays 25.5, equity is -2 for the 200
    that are left. A second later the best is 88: 12 more and -2, so 14. Ann ends with nothing.
    """
    sim = covered(1_000)
    for price, lots in ((9_350, 500), (8_900, 300), (8_800, 200)):
        perp(sim, CAT, BUY, price, lots)
    jump(sim, 94.0)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), sim.equity(ANN)) == (200, -2 * DOLLAR)
    assert usd(sim, accounts.POOL) == 1_000 * DOLLAR - 25_500_000
    go(sim, 1)
    assert (lots_of(sim, ANN), usd(sim, ANN), usd(sim, accounts.POOL)) == (0, 0, 960_500_000)
    assert events(sim)["shortfall_uusd"].tolist() == [25_500_000, 14_000_000]
    assert sim.memory[pool.liquidity_pools][0].tolist() == (0, 2)
    assert int(sim.memory[waterfall.debts]["shortfall_uusd"][0]) == 39_500_000
    assert sim.memory[waterfall.payers]["exhausted_us"][COVERED] == 0


def test_it_goes_no_further_than_its_money() -> None:
    """POOL-2, POOL-3: it has $5 for an equity of -10: no worse than (94 + 5 / 10) / .995 = 94.98; nobody bids that.

    A second later Bob is deleveraged; the pool has what it had.
    """
    sim = covered(5)
    perp(sim, CAT, BUY, 9_400, 1_000)
    jump(sim, 94.0)
    go(sim, 0.5)
    assert lots_of(sim, ANN) == 1_000
    go(sim, 1)
    assert (lots_of(sim, ANN), usd(sim, ANN), usd(sim, accounts.POOL)) == (0, 0, 5 * DOLLAR)
    assert events(sim)["stage"].tolist() == [DELEVERAGED]


def test_two_orders_in_flight_do_not_spend_the_same_dollars() -> None:
    """POOL-3: two accounts alike, $12 in the pool, each would take 10 of it; the second finds 2 and does not trade."""
    sim = market(
        people=4, knobs={**NO_FEES, (pool.pool_rules, "capital_uusd"): 12 * DOLLAR}, stages=(COVERED, DELEVERAGED)
    )
    pair = (ANN, ANN + 3)
    for account, dollars in ((pair[0], 50), (pair[1], 50), (BOB, 10_000), (CAT, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account in pair:
        perp(sim, BOB, SELL, 10_000, 1_000)
        perp(sim, account, BUY, 10_000, 1_000)
    perp(sim, CAT, BUY, 9_448, 2_000)
    jump(sim, 94.0)
    go(sim, 0.5)
    assert sorted(lots_of(sim, account) for account in pair) == [0, 1_000]
    assert usd(sim, accounts.POOL) == 12 * DOLLAR - 5_200_000
    assert sim.audit() == []


def test_its_income_is_liquidation_fees() -> None:
    """POOL-1, LIQ-8: at 97.4 everything sells there; 0.5 % of 974 is 4.87."""
    sim = covered(0)
    perp(sim, CAT, BUY, 9_740, 1_000)
    jump(sim, 97.4)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), usd(sim, accounts.POOL)) == (0, 4_870_000)
    assert sim.memory[pool.liquidity_pools]["income_uusd"][0] == 4_870_000


def test_empty_it_pays_nothing_and_says_when() -> None:
    """POOL-3: no money: the stage passes, and the run knows since when the pool was empty."""
    sim = covered(0)
    jump(sim, 94.0)
    go(sim, 1)
    assert sim.memory[waterfall.payers]["exhausted_us"][COVERED] == sim.now_us
    assert pool.money(sim.world) == 0
    assert (lots_of(sim, ANN), usd(sim, ANN)) == (0, 0)


@pytest.mark.parametrize("assigned", [False, True])
def test_tokens_pay_before_it_does(assigned: bool) -> None:
    """LIQ-11, CONV-2: at 94 equity is -10 and half a token would bring $49.25. Closed in the book or taken by Cat for 7.05, the
    pool pays nothing and receives at most its fees."""
    sim = covered(1_000)
    sim.endow(ANN, accounts.token_asset(0), 500_000)
    sim.place(BOB, 1, BUY, 9_300, 10_000)
    if assigned:
        providers.offer(sim.world, CAT, 0, 0, 5_000 * DOLLAR)
    else:
        perp(sim, CAT, BUY, 9_400, 1_000)
    jump(sim, 94.0)
    go(sim, 3)
    assert (lots_of(sim, ANN), lots_of(sim, CAT)) == (0, 1_000)
    assert usd(sim, accounts.POOL) >= 1_000 * DOLLAR
    assert (sim.memory[pool.liquidity_pools]["covers"][0], sim.memory[waterfall.debts]["shortfall_uusd"][0]) == (0, 0)
    assert usd(sim, ANN) >= 0 and 0 < usd(sim, ANN, accounts.token_asset(0)) < 500_000
    assert sim.audit() == []


def test_it_makes_good_what_an_account_owes_in_the_end() -> None:
    """LIQ-14, POOL-3: minus $5, of which it has $3."""
    sim = covered(3)
    leave(sim, EMPTY, -5 * DOLLAR)
    assert liquidation.absorb(sim.world, EMPTY, -1) == 5 * DOLLAR
    assert (usd(sim, EMPTY), usd(sim, accounts.POOL)) == (0, 0)
    assert int(sim.memory[waterfall.payers]["paid_uusd"][COVERED]) == 3 * DOLLAR
    assert int(sim.memory[waterfall.debts]["unpaid_uusd"][0]) == 2 * DOLLAR


def test_fees_go_to_the_pool_before_the_fund_and_the_backstop() -> None:
    """LIQ-8: a venue that has all three; then one without a pool."""
    for stages, house in (((COVERED, FUND, VAULT), accounts.POOL), ((FUND, VAULT), accounts.INSURANCE)):
        sim = market(people=1, dollars=100, stages=stages)
        before = usd(sim, house)
        liquidation.charge_fee(sim.world, ANN, 0, 100 * DOLLAR)
        assert usd(sim, house) - before == DOLLAR // 2


def test_a_provider_beyond_its_limit_is_not_paid_by_it() -> None:
    """POOL-2, LIQ-11: it covers closes up to 1 % away; an edge of 2 % is further, one of 1 % is not."""
    for edge_ppb, taken in ((20_000_000, 0), (10_000_000, 1_000)):
        sim = covered(1_000)
        sim.memory[pool.pool_rules]["cover_ppb"] = 10_000_000
        providers.offer(sim.world, CAT, 0, edge_ppb, 5_000 * DOLLAR)
        jump(sim, 94.0)
        assert lots_of(sim, CAT) == taken
