"""The insurance fund (INS-1 to INS-5, LIQ-12). Ann is long 1,000 lots at $100 on $50; a case goes to the fund at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from offhours.sim.market import accounts, insurance, waterfall
from offhours.sim.market.waterfall import DELEVERAGED, FUND
from plain.market import (  # fmt: skip
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    NO_FEES,
    Simulation,
    ann_at_20x,
    events,
    go,
    jump,
    lots_of,
    market,
    perp,
    usd,
)


def insured(capital: int = 1_000, drawdown_ppb: int = 10**9) -> Simulation:
    """Ann against Bob, and what the fund starts with."""
    knobs = {(insurance.insurance_rules, "capital_uusd"): capital * DOLLAR}
    knobs[insurance.insurance_rules, "drawdown_ppb"] = drawdown_ppb
    sim = market(people=3, knobs={**NO_FEES, **knobs}, stages=(FUND, DELEVERAGED))
    return ann_at_20x(sim, CAT)


def test_it_starts_with_its_capital_which_is_its_first_peak() -> None:
    """INS-1."""
    sim = insured(700)
    assert usd(sim, accounts.INSURANCE) == 700 * DOLLAR
    assert sim.memory[insurance.insurance_funds]["peak_uusd"][0] == 700 * DOLLAR
    assert usd(sim, accounts.POOL) == usd(sim, accounts.BACKSTOP) == 0


def test_a_better_close_than_bankruptcy_is_the_funds() -> None:
    """INS-2, LIQ-12: at 97 Ann has 20, the position is taken at 95. It sells at 96.50: 15 are the fund's, Ann has nothing."""
    sim = insured()
    perp(sim, CAT, BUY, 9_650, 1_000)
    jump(sim, 97.0)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), usd(sim, ANN), usd(sim, accounts.INSURANCE)) == (0, 0, 1_015 * DOLLAR)
    row = sim.memory[insurance.insurance_funds][0]
    assert (row["income_uusd"], row["peak_uusd"], row["drawdown_uusd"]) == (15 * DOLLAR, 1_015 * DOLLAR, 0)
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 0


def test_a_worse_close_it_pays() -> None:
    """INS-2, INS-3: at 94 bankruptcy is 95 and 400 lots sell at 93: 8 from the fund; the rest finds a bid a second later."""
    sim = insured()
    perp(sim, CAT, BUY, 9_300, 400)
    jump(sim, 94.0)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), sim.equity(ANN), usd(sim, accounts.INSURANCE)) == (600, -6 * DOLLAR, 992 * DOLLAR)
    perp(sim, CAT, BUY, 9_500, 600)
    go(sim, 1)
    assert (lots_of(sim, ANN), usd(sim, ANN), usd(sim, accounts.INSURANCE)) == (0, 0, 992 * DOLLAR)
    row = sim.memory[insurance.insurance_funds][0]
    assert (row["peak_uusd"], row["drawdown_uusd"]) == (1_000 * DOLLAR, 8 * DOLLAR)
    assert sim.memory[waterfall.payers]["paid_uusd"][FUND] == 8 * DOLLAR


def test_too_small_a_fund_leaves_it_to_deleveraging_at_the_bankruptcy_price() -> None:
    """INS-3, LIQ-13, ADL-3: it has $5; 94.50 is as low as it can go, and nobody bids. Bob buys his 1,000 lots back at 95."""
    sim = insured(5)
    perp(sim, CAT, BUY, 9_449, 1_000)
    jump(sim, 94.0)
    go(sim, 1)
    assert (lots_of(sim, ANN), lots_of(sim, BOB), usd(sim, ANN)) == (0, 0, 0)
    assert usd(sim, BOB) == 10_000 * DOLLAR + 1_000 * DOLLAR - 950 * DOLLAR
    assert usd(sim, accounts.INSURANCE) == 5 * DOLLAR
    assert events(sim)["stage"].tolist() == [DELEVERAGED]


def test_it_may_be_told_to_keep_most_of_itself() -> None:
    """INS-3: a drawdown of 1 % of $1,000 leaves $10 to spend; $9 of them are gone, then $1 is left and not $991."""
    sim = insured(1_000, 10_000_000)
    assert insurance.money(sim.world, 0) == 10 * DOLLAR
    assert insurance.pay(sim.world, ANN, 0, 9 * DOLLAR) == 9 * DOLLAR
    assert insurance.money(sim.world, 0) == 1 * DOLLAR
    assert insurance.pay(sim.world, ANN, 0, 9 * DOLLAR) == 1 * DOLLAR
    assert sim.memory[waterfall.payers]["exhausted_us"][FUND] == sim.now_us
    assert sim.memory[insurance.insurance_funds]["drawdown_uusd"][0] == 10 * DOLLAR


def looking_back(loss_of: int, **numbers: int) -> Simulation:
    """A fund of $1,000,000 that may lose 30 % within 96 s, and two tickers."""
    given = {"capital_uusd": 10**6 * DOLLAR, "drawdown_ppb": 300_000_000, "window_us": 96_000_000, "loss_of": loss_of}
    knobs = {(insurance.insurance_rules, name): value for name, value in {**given, **numbers}.items()}
    sim = market(people=2, dollars=10**6, tickers=2, knobs={**NO_FEES, **knobs}, stages=(FUND, DELEVERAGED))
    go(sim)
    return sim


def test_a_fund_that_fell_thirty_percent_in_the_window_waits_for_the_window_to_pass() -> None:
    """INS-4: OKX: 30 % from the peak of the last hours. $300,000 are paid of 350,000; when the peak has left the window, 30 % of
    the 700,000 that are left may go."""
    sim = looking_back(insurance.WHOLE_FUND)
    assert insurance.pay(sim.world, ANN, 0, 350_000 * DOLLAR) == 300_000 * DOLLAR
    assert insurance.money(sim.world, 0) == insurance.money(sim.world, 1) == 0
    go(sim, 94)
    assert insurance.money(sim.world, 0) == 0
    go(sim, 3)
    assert insurance.money(sim.world, 1) == 210_000 * DOLLAR
    assert sim.memory[insurance.insurance_funds]["peak_uusd"][0] == 10**6 * DOLLAR


def test_a_tickers_own_loss_leaves_the_fund_to_the_others() -> None:
    """INS-4: Bybit, ADL page, example 1 (V-I17): a pool of 1M, one symbol loses 350k: the 50k beyond 30 % are its counterparties'.
    Another symbol has its own 30 %."""
    sim = looking_back(insurance.EACH_TICKER)
    assert insurance.pay(sim.world, ANN, 0, 350_000 * DOLLAR) == 300_000 * DOLLAR
    assert insurance.money(sim.world, 0) == 0
    assert insurance.money(sim.world, 1) == 300_000 * DOLLAR
    go(sim, 97)
    assert insurance.money(sim.world, 0) == 210_000 * DOLLAR


@pytest.mark.parametrize("loss_of", [insurance.WHOLE_FUND, insurance.EACH_TICKER])
def test_a_fund_that_stopped_pays_again_below_a_smaller_loss(loss_of: int) -> None:
    """INS-5: Bybit (V-I17): begins at 30 %, ends above -25 %: at a loss of 260,000 it still pays nothing, at 249,000 it pays the
    51,000 up to 30 %; without the rule it would have paid 40,000 at 260,000."""
    for resume, first in ((250_000_000, 0), (10**9, 40_000)):
        sim = looking_back(loss_of, resume_ppb=resume)
        insurance.pay(sim.world, ANN, 0, 300_000 * DOLLAR)
        assert insurance.money(sim.world, 0) == 0
        insurance.keep(sim.world, ANN, 0, 40_000 * DOLLAR)
        assert insurance.money(sim.world, 0) == first * DOLLAR
        insurance.earn(sim.world, ANN, 0, 11_000 * DOLLAR)
        assert insurance.money(sim.world, 0) == 51_000 * DOLLAR


def test_what_a_drawdown_leaves() -> None:
    """INS-3, INS-4, INS-5: the formulas."""
    assert insurance.room_left(1_000, 100, 300_000_000) == 200
    assert insurance.room_left(1_000, 400, 300_000_000) == 0
    assert (insurance.stays_stopped(1_000, 250, 250_000_000), insurance.stays_stopped(1_000, 249, 250_000_000)) == (
        1,
        0,
    )


@pytest.mark.parametrize(("window", "loss_of", "wrong"), [(0, 1, True), (0, 0, False), (1_000_000, 0, True), (96_000_000, 1, False)])  # fmt: skip
def test_what_is_wrong_with_a_window_is_said_of_it(window: int, loss_of: int, wrong: bool) -> None:
    """INS-4: a ticker's loss needs a time over which it counts; the shortest is 96 s."""
    found = insurance.check(SimpleNamespace(window_us=window, loss_of=loss_of))
    assert (found is not None and found[0] == "window_us") == wrong


def test_its_price_has_no_liquidation_fee_in_it() -> None:
    """ENG-1, LIQ-12: at 97 bankruptcy is 95, not 95 / .995: with nothing to spend it still closes there."""
    sim = insured(0)
    perp(sim, CAT, BUY, 9_500, 1_000)
    jump(sim, 97.0)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), usd(sim, ANN), usd(sim, accounts.INSURANCE)) == (0, 0, 0)


def test_tokens_pay_before_it_does() -> None:
    """LIQ-12, CONV-2: at 94 equity is -10 and half a token would bring $49.25: the fund pays nothing, and a token is sold."""
    sim = insured()
    sim.endow(ANN, accounts.token_asset(0), 500_000)
    perp(sim, CAT, BUY, 9_400, 1_000)
    sim.place(BOB, 1, BUY, 9_300, 10_000)
    jump(sim, 94.0)
    go(sim, 3)
    assert (lots_of(sim, ANN), usd(sim, accounts.INSURANCE)) == (0, 1_000 * DOLLAR)
    assert 0 <= usd(sim, ANN) < 3 * DOLLAR and 0 < usd(sim, ANN, accounts.token_asset(0)) < 500_000
    assert sim.audit() == []


def test_of_a_part_that_is_closed_only_its_share_is_the_funds() -> None:
    """INS-2, LIQ-8, LIQ-12: at 97 Ann has 20. 400 lots sell at 96.50, 6 above bankruptcy; for the other 600 she still has 12,
    of which no fee is taken."""
    sim = insured()
    perp(sim, CAT, BUY, 9_650, 400)
    jump(sim, 97.0)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), sim.equity(ANN), usd(sim, accounts.INSURANCE)) == (600, 12 * DOLLAR, 1_006 * DOLLAR)


def test_its_peak_and_its_deepest_fall_are_remembered() -> None:
    """INS-3: from 1,000 it falls by 9, earns a fee of 20 and pays 5: the peak is 1,011, the deepest fall 9."""
    sim = insured()
    insurance.pay(sim.world, ANN, 0, 9 * DOLLAR)
    insurance.earn(sim.world, ANN, 0, 20 * DOLLAR)
    insurance.pay(sim.world, ANN, 0, 5 * DOLLAR)
    row = sim.memory[insurance.insurance_funds][0]
    assert (row["peak_uusd"], row["drawdown_uusd"], row["income_uusd"]) == (1_011 * DOLLAR, 9 * DOLLAR, 20 * DOLLAR)
