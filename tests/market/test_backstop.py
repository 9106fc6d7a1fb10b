"""The backstop (BACK-1 to BACK-7). Ann is long 1,000 lots at $100 on $50, as in the tests of liquidation."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, backstop, deleverage, liquidation, matching, waterfall
from plain.market import (
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
    lots_of,
    market,
    perp,
    trades,
    usd,
)

VAULT_ALONE = (waterfall.STEPS, waterfall.WHOLE_POSITION, waterfall.VAULT)


def long_at_20x(capital: int = 1_000_000, stages: tuple[int, ...] = VAULT_ALONE, price: int = 0, **knobs: int) -> Simulation:  # fmt: skip
    """Ann long 1,000 lots on $50 against Bob; nobody bids. `price` is the form of price of a deleveraging."""
    given = {(backstop.backstop_rules, name): value for name, value in knobs.items()}
    capital_knob = {(backstop.backstop_rules, "capital_uusd"): capital * DOLLAR}
    price_knob = {(deleverage.adl_rules, "price"): price}
    sim = market(people=3, knobs={**NO_FEES, **capital_knob, **price_knob, **given}, stages=stages)
    return ann_at_20x(sim, CAT)


def ledger(sim: Simulation) -> dict[str, int]:
    """What was missing, and what the backstop had to do with it, in dollars."""
    debt = sim.memory[waterfall.debts][0]
    found = {"shortfall": debt["shortfall_uusd"], "paid": sim.memory[waterfall.payers]["paid_uusd"][waterfall.VAULT]}
    found |= {"unpaid": debt["unpaid_uusd"], "edge": sim.memory[backstop.backstops]["edge_uusd"][0]}
    return {name: int(value) // DOLLAR for name, value in found.items()}


def test_it_takes_over_at_the_mark_for_an_edge() -> None:
    """BACK-1: at 97 equity is 20 and the edge 1 % of 970."""
    sim = long_at_20x()
    jump(sim, 97.0)
    go(sim, 4)
    assert (lots_of(sim, ANN), lots_of(sim, accounts.BACKSTOP)) == (0, 1_000)
    assert usd(sim, ANN) == 20 * DOLLAR - 9_700_000
    assert usd(sim, accounts.BACKSTOP) == 1_000_000 * DOLLAR - 970 * DOLLAR + 9_700_000


def test_the_edge_is_at_most_the_equity_that_is_left() -> None:
    """BACK-1: at 95.30 equity is 3 and 1 % would be 9.53; Ann ends with nothing and owes nothing."""
    sim = long_at_20x()
    jump(sim, 95.3)
    go(sim, 4)
    assert (usd(sim, ANN), ledger(sim)) == (0, {"shortfall": 0, "paid": 0, "unpaid": 0, "edge": 3})


def test_it_pays_the_shortfall_while_it_has_money() -> None:
    """BACK-2: at 94 equity is -10: no edge, and the backstop brings the account to zero."""
    sim = long_at_20x()
    jump(sim, 94.0)
    go(sim, 4)
    assert (usd(sim, ANN), ledger(sim)) == (0, {"shortfall": 10, "paid": 10, "unpaid": 0, "edge": 0})
    assert sim.equity(accounts.BACKSTOP) == 999_990 * DOLLAR
    assert events(sim)[["ticker", "shortfall_uusd"]].tolist() == [(0, 0), (-1, 10 * DOLLAR)]
    assert sim.memory[waterfall.payers]["exhausted_us"][waterfall.VAULT] == 0


def test_an_exhausted_backstop_leaves_bad_debt() -> None:
    """BACK-2, BACK-3, AUD-6: it starts with $4 of which $10 are needed: four are paid, six are nobody's, and it says when."""
    sim = long_at_20x(capital=4)
    jump(sim, 94.0)
    go(sim, 2)
    assert ledger(sim) == {"shortfall": 10, "paid": 4, "unpaid": 6, "edge": 0}
    assert usd(sim, accounts.NOBODY) == -6 * DOLLAR
    assert sim.equity(accounts.BACKSTOP) == 0
    assert sim.memory[waterfall.payers]["exhausted_us"][waterfall.VAULT] == sim.now_us - 1_000_000
    assert (usd(sim, ANN), sim.audit()) == (0, [])


def test_without_capital_everything_is_bad_debt() -> None:
    """BACK-3: no money at all, and a loss on its inventory does not make the payment negative."""
    sim = long_at_20x(capital=0, unwind_ppb=0)
    jump(sim, 94.0)
    go(sim, 4)
    jump(sim, 90.0)
    assert sim.equity(accounts.BACKSTOP) == -40 * DOLLAR
    perp(sim, CAT, SELL, 9_000, 10)
    accounts.transfer(sim.world, accounts.USD, ANN, accounts.VENUE, 1 * DOLLAR, accounts.FEE)
    assert liquidation.absorb(sim.world, ANN, -1) == 1 * DOLLAR
    assert ledger(sim) == {"shortfall": 11, "paid": 0, "unpaid": 11, "edge": 0}


def test_what_it_paid_and_what_its_trading_brings_are_apart() -> None:
    """BACK-4: it paid 10 for Ann; the mark then rises by 3 and its 1,000 lots win $30, of which the ledger knows nothing."""
    sim = long_at_20x(unwind_ppb=0)
    jump(sim, 94.0)
    go(sim, 4)
    before = ledger(sim)
    jump(sim, 97.0)
    assert ledger(sim) == before == {"shortfall": 10, "paid": 10, "unpaid": 0, "edge": 0}
    assert sim.equity(accounts.BACKSTOP) == (1_000_000 - 10 + 30) * DOLLAR


def test_it_trades_out_by_a_share_a_minute_near_the_mark() -> None:
    """BACK-5: 5 % of 1,000 lots, then of 950, each full minute; a bid more than 1 % below the mark of 97 is not taken."""
    sim = long_at_20x()
    jump(sim, 97.0)
    go(sim, 4)
    perp(sim, CAT, BUY, 9_602, 5_000)
    go(sim, 56)
    assert lots_of(sim, accounts.BACKSTOP) == 1_000
    perp(sim, CAT, BUY, 9_603, 5_000)
    seen = []
    for _ in range(3):
        go(sim, 60)
        seen.append(lots_of(sim, accounts.BACKSTOP))
    assert seen == [950, 902, 856]
    assert set(trades(sim)["price_ticks"].tolist()) == {10_000, 9_603}


@pytest.mark.parametrize(
    ("price", "won", "owed"),
    [(deleverage.MARK, 60, {"shortfall": 5, "unpaid": 5}), (deleverage.BANKRUPTCY, 55, {"shortfall": 5, "unpaid": 0})],
)
def test_below_zero_it_is_deleveraged_itself_where_others_stand_behind_it(price: int, won: int, owed: dict[str, int]) -> None:  # fmt: skip
    """BACK-6: it took 10 shares at 97 with $25. At 95 it has $5 left and holds on; at 94 it is at -$5, and Bob, who is short
    at 100, is closed: at the mark he wins $60 and $5 are nobody's; at the bankruptcy price he wins $55 and paid them."""
    sim = long_at_20x(capital=25, stages=(*VAULT_ALONE, waterfall.DELEVERAGED), price=price, unwind_ppb=0, edge_ppb=0)
    jump(sim, 97.0)
    go(sim, 4)
    assert lots_of(sim, accounts.BACKSTOP) == 1_000
    jump(sim, 95.0)
    go(sim, 4)
    assert (lots_of(sim, accounts.BACKSTOP), lots_of(sim, BOB)) == (1_000, -1_000)
    jump(sim, 94.0)
    assert (lots_of(sim, accounts.BACKSTOP), lots_of(sim, BOB)) == (0, 0)
    assert (usd(sim, accounts.BACKSTOP), usd(sim, BOB)) == (0, (10_000 + won) * DOLLAR)
    assert {name: ledger(sim)[name] for name in owed} == owed
    handed = events(sim)[events(sim)["account"] == accounts.BACKSTOP][0]
    assert (handed["stage"], handed["lots"], handed["equity_uusd"]) == (waterfall.DELEVERAGED, 1_000, -5 * DOLLAR)
    assert sim.memory[waterfall.payers]["exhausted_us"][waterfall.VAULT] == sim.now_us
    cut = sim.tape.rows(deleverage.deleverage_events)[-1]
    assert (cut["for_account"], cut["account"], cut["lots"]) == (accounts.BACKSTOP, BOB, -1_000)
    assert sim.audit() == []


def test_without_deleveraging_behind_it_it_stays_below_zero() -> None:
    """BACK-6: where nobody stands behind it, nobody is closed for it."""
    sim = long_at_20x(capital=25, unwind_ppb=0, edge_ppb=0)
    jump(sim, 97.0)
    go(sim, 4)
    jump(sim, 94.0)
    go(sim, 4)
    assert (lots_of(sim, accounts.BACKSTOP), lots_of(sim, BOB)) == (1_000, -1_000)
    assert sim.equity(accounts.BACKSTOP) == -5 * DOLLAR


SOLVENT = {
    (backstop.backstop_rules, "takes"): backstop.SOLVENT_ACCOUNTS,
    (backstop.backstop_rules, "edge_ppb"): 50_000_000,
}


def two_positions(stages: tuple[int, ...], **adl: int) -> Simulation:
    """Ann long 1,000 lots each of two tickers at $100 on $100, against Bob; the backstop takes solvent accounts."""
    knobs = {**NO_FEES, **SOLVENT, **{(deleverage.adl_rules, name): value for name, value in adl.items()}}
    sim = market(people=2, tickers=2, knobs=knobs, stages=stages)
    sim.endow(ANN, accounts.USD, 100 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    for book in (0, 2):
        for account, side in ((BOB, SELL), (ANN, BUY)):
            assert sim.place(account, book, side, 10_000, 1_000) == matching.ACCEPTED
    return sim


def test_of_solvent_accounts_it_takes_everything_at_once() -> None:
    """BACK-7, BACK-1: at 94 and 100 equity is 40 of 48.50 needed: both positions go in one second, and the $40 with them."""
    sim = two_positions((waterfall.VAULT, waterfall.DELEVERAGED))
    jump(sim, 94.0)
    assert [lots_of(sim, accounts.BACKSTOP, ticker) for ticker in (0, 1)] == [1_000, 1_000]
    assert [lots_of(sim, ANN, ticker) for ticker in (0, 1)] == [0, 0]
    assert (usd(sim, ANN), sim.equity(accounts.BACKSTOP)) == (0, 1_000_040 * DOLLAR)
    assert ledger(sim) == {"shortfall": 0, "paid": 0, "unpaid": 0, "edge": 40}
    assert events(sim)[["ticker", "stage", "time_us"]].tolist() == [(1, waterfall.VAULT, sim.now_us), (0, waterfall.VAULT, sim.now_us)]  # fmt: skip
    assert sim.audit() == []


def test_who_is_below_zero_goes_past_it_in_the_same_second() -> None:
    """BACK-7, ADL-3: at 89 equity is -10. The backstop has $1,000,000 and pays none of it; both positions are closed at once at
    the marks before, where Ann has her $100 left: Bob gives the $110 that he had won since."""
    sim = two_positions((waterfall.STEPS, waterfall.VAULT, waterfall.DELEVERAGED), price=deleverage.PREVIOUS_MARK)
    jump(sim, 89.0)
    assert [lots_of(sim, account, ticker) for account in (ANN, BOB, accounts.BACKSTOP) for ticker in (0, 1)] == [0] * 6
    assert (usd(sim, ANN), usd(sim, BOB)) == (100 * DOLLAR, 10_000 * DOLLAR)
    assert sim.equity(accounts.BACKSTOP) == 1_000_000 * DOLLAR
    assert ledger(sim) == {"shortfall": 110, "paid": 0, "unpaid": 0, "edge": 0}
    assert sim.memory[waterfall.payers]["exhausted_us"][waterfall.VAULT] == 0
    assert sim.memory[liquidation.open_cases]["account"][0] == 0 and sim.audit() == []


def test_what_is_still_missing_then_is_not_its_debt() -> None:
    """BACK-7, BACK-2: closed at the mark of 89, $10 are missing, and nobody pays them."""
    sim = two_positions((waterfall.VAULT, waterfall.DELEVERAGED), price=deleverage.MARK)
    jump(sim, 89.0)
    go(sim, 1)
    assert ledger(sim) == {"shortfall": 10, "paid": 0, "unpaid": 10, "edge": 0}
    assert sim.equity(accounts.BACKSTOP) == 1_000_000 * DOLLAR


def test_with_nothing_behind_it_it_takes_anybody() -> None:
    """BACK-7: the last stage leaves nothing open, whatever the account is worth."""
    sim = two_positions((waterfall.VAULT,))
    jump(sim, 89.0)
    go(sim, 2)
    assert [lots_of(sim, accounts.BACKSTOP, ticker) for ticker in (0, 1)] == [1_000, 1_000]
    assert ledger(sim) == {"shortfall": 10, "paid": 10, "unpaid": 0, "edge": 0}


def test_it_buys_back_a_short_too() -> None:
    """BACK-1, BACK-5: the mirror image: Ann was short."""
    sim = ann_at_20x(market(people=2, knobs=NO_FEES), side=SELL)
    jump(sim, 106.0)
    go(sim, 4)
    assert (lots_of(sim, accounts.BACKSTOP), usd(sim, ANN)) == (-1_000, 0)
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 10 * DOLLAR
    perp(sim, BOB, SELL, 10_700, 700)
    go(sim, 56)
    assert lots_of(sim, accounts.BACKSTOP) == -950
    assert sim.memory[liquidation.open_cases]["account"][0] == 0
    assert sim.audit() == []
