"""Loans of tokens and dollars: stock, margin, rate, recall (LEND-1 to LEND-5, COLL-2)."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import (
    accounts,
    attention,
    collateral,
    conversion,
    funding,
    lending,
    liquidation,
    margin,
    matching,
)
from offhours.sim.market.collateral import DOLLARS
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
    SHARE,
    Simulation,
    go,
    jump,
    leave,
    market,
    token,
    usd,
)

TOKEN = accounts.token_asset(0)
FIRST = 1
"""The first ticker's token as something to borrow."""


def lender(people: int = 3, stock: int = 1_000, dollars_lent: int = 0, **more: Any) -> Simulation:
    """A market whose lender has $1,000 of tokens at $100, no fees, and a haircut of a tenth on tokens."""
    knobs = {
        **NO_FEES,
        (collateral.collateral_rules, "haircut_ppb"): 100_000_000,
        (lending.lending_rules, "stock_uusd"): stock * DOLLAR,
        (lending.dollar_rules, "stock_uusd"): dollars_lent * DOLLAR,
        **more.pop("knobs", {}),
    }
    return market(people, knobs=knobs, **more)


def borrow(sim: Simulation, account: int, what: int, quantity: float) -> int:
    """Borrow whole units."""
    return int(lending.borrow(sim.world, account, what, round(quantity * SHARE)))


def test_what_is_not_there_is_not_lent() -> None:
    """LEND-1: of ten tokens Ann has six; Bob gets four, not five; nobody gets dollars from a lender without any."""
    sim = lender(dollars=10_000)
    assert borrow(sim, ANN, FIRST, 6) == matching.ACCEPTED
    assert borrow(sim, BOB, FIRST, 5) == matching.NOT_ENOUGH_FUNDS
    assert borrow(sim, BOB, FIRST, 4) == matching.ACCEPTED
    assert borrow(sim, BOB, DOLLARS, 1) == matching.NOT_ENOUGH_FUNDS
    assert (usd(sim, ANN, TOKEN), usd(sim, accounts.LENDER, TOKEN)) == (6 * SHARE, 0)
    assert sim.audit() == []


def test_nothing_is_lent_by_default() -> None:
    """LEND-1: the lender begins with nothing."""
    sim = market(dollars=10_000)
    assert borrow(sim, ANN, FIRST, 1) == matching.NOT_ENOUGH_FUNDS


def test_a_borrower_can_sell_what_he_borrowed_and_no_more() -> None:
    """LEND-1, MATCH-4: Ann holds nothing; of a borrowed token she sells a token."""
    sim = lender(dollars=1_000)
    assert token(sim, ANN, SELL, 10_000, 1) == matching.NOT_ENOUGH_FUNDS
    borrow(sim, ANN, FIRST, 1)
    assert token(sim, ANN, SELL, 10_000, 10_001) == matching.NOT_ENOUGH_FUNDS
    assert token(sim, ANN, SELL, 10_000, 10_000) == matching.ACCEPTED
    token(sim, BOB, BUY, 10_000, 10_000)
    assert (usd(sim, ANN), usd(sim, ANN, TOKEN), usd(sim, BOB, TOKEN)) == (1_100 * DOLLAR, 0, SHARE)
    assert sim.equity(ANN) == 1_000 * DOLLAR
    assert margin.required(sim.world, ANN) == 25 * DOLLAR
    assert sim.audit() == []


def test_a_loan_of_a_token_needs_the_margin_of_having_sold_it() -> None:
    """LEND-2: with $100 Ann may borrow two tokens, on each of which half must be spare, and nothing more."""
    sim = lender(dollars=100)
    assert borrow(sim, ANN, FIRST, 2.000_01) == matching.NOT_ENOUGH_MARGIN
    assert borrow(sim, ANN, FIRST, 2) == matching.ACCEPTED
    assert token(sim, ANN, SELL, 9_999, 20_000) == matching.NOT_ENOUGH_MARGIN
    assert token(sim, ANN, SELL, 10_000, 20_000) == matching.ACCEPTED
    assert margin.withdrawable(sim.world, ANN) == 0


def test_who_lacks_initial_margin_borrows_nothing_though_he_could_sell_what_he_has() -> None:
    """LEND-2: Ann's two tokens count for $180, her debt of dollars is as high; a cent more, and she may not borrow a token."""
    sim = lender(dollars=0)
    sim.endow(ANN, TOKEN, 2 * SHARE)
    leave(sim, ANN, 0)
    assert margin.spare(sim.world, ANN) == 0
    assert borrow(sim, ANN, FIRST, 1) == matching.ACCEPTED
    lending.repay(sim.world, ANN, FIRST, SHARE)
    leave(sim, ANN, -10_000)
    assert borrow(sim, ANN, FIRST, 1) == matching.NOT_ENOUGH_MARGIN


def test_a_short_token_is_owed_at_the_index_and_bought_back_when_it_rises() -> None:
    """COLL-2, CONV-2: short two tokens with $300 in dollars. Equity 300 - 2 p meets a quarter of 2 p at p = $120.

    There they are bought back at $121 and given back; $58 are left.
    """
    sim = lender(3, dollars=0)
    sim.endow(ANN, accounts.USD, 100 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 20_000)
    token(sim, BOB, BUY, 10_000, 20_000)
    jump(sim, 120.0)
    assert (sim.equity(ANN), margin.required(sim.world, ANN)) == (60 * DOLLAR, 60 * DOLLAR)
    assert attention.frozen(sim.world, ANN) == 0
    token(sim, CAT, SELL, 12_100, 30_000)
    jump(sim, 120.01)
    assert attention.frozen(sim.world, ANN) == 1
    go(sim, 5)
    assert collateral.owed(sim.world, ANN, FIRST) == 0
    assert (usd(sim, ANN), usd(sim, ANN, TOKEN), attention.frozen(sim.world, ANN)) == (58 * DOLLAR, 0, 0)
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(conversion.collateral_events)
    assert rows[["cause", "side", "size_lots"]].tolist() == [(conversion.BOUGHT_BACK, BUY, 20_000)]
    assert sim.audit() == []


def test_a_short_that_cannot_pay_leaves_bad_debt_and_the_lender_whole() -> None:
    """CONV-2, LEND-5, BACK-2: the token doubles; two are bought back at $210 with $300, and the backstop pays $120."""
    sim = lender(3)
    sim.endow(ANN, accounts.USD, 100 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 20_000)
    token(sim, BOB, BUY, 10_000, 20_000)
    jump(sim, 200.0)
    token(sim, CAT, SELL, 21_000, 30_000)
    go(sim, 5)
    assert (collateral.owed(sim.world, ANN, FIRST), usd(sim, accounts.LENDER, TOKEN)) == (0, 10 * SHARE)
    assert sim.tape.rows(liquidation.liquidation_events)["shortfall_uusd"].sum() == 120 * DOLLAR
    assert usd(sim, ANN) == 0
    assert sim.audit() == []


def test_tokens_on_margin() -> None:
    """LEND-2, COLL-1: with $100 Ann borrows $200, at most, and buys three tokens, which count for $270; at $74.07 that is $199.99.

    They are sold until the loan can be paid: nobody else loses.
    """
    sim = lender(3, dollars_lent=1_000)
    sim.endow(ANN, accounts.USD, 100 * DOLLAR)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    sim.endow(CAT, accounts.USD, 10_000 * DOLLAR)
    assert borrow(sim, ANN, DOLLARS, 200.01) == matching.NOT_ENOUGH_MARGIN
    assert borrow(sim, ANN, DOLLARS, 200) == matching.ACCEPTED
    assert (sim.equity(ANN), usd(sim, ANN)) == (100 * DOLLAR, 300 * DOLLAR)
    token(sim, CAT, SELL, 10_000, 30_000)
    assert token(sim, ANN, BUY, 10_000, 30_000, matching.IOC) == matching.ACCEPTED
    assert (sim.equity(ANN), usd(sim, ANN, TOKEN)) == (70 * DOLLAR, 3 * SHARE)
    jump(sim, 74.08)
    assert attention.frozen(sim.world, ANN) == 0
    token(sim, CAT, BUY, 7_400, 100_000)
    jump(sim, 74.07)
    assert attention.frozen(sim.world, ANN) == 1
    go(sim, 5)
    assert attention.frozen(sim.world, ANN) == 0
    assert usd(sim, ANN) >= 200 * DOLLAR
    assert lending.repay(sim.world, ANN, DOLLARS, 200 * DOLLAR) == matching.ACCEPTED
    assert collateral.owed(sim.world, ANN, DOLLARS) == 0
    assert sim.tape.rows(liquidation.liquidation_events)["shortfall_uusd"].sum() == 0
    assert sim.audit() == []


def test_repaying() -> None:
    """LEND-5: at most what is owed, and what one has; half of a loan, the rest, and then there is nothing to repay."""
    sim = lender(dollars=1_000)
    borrow(sim, ANN, FIRST, 2)
    assert lending.repay(sim.world, ANN, FIRST, SHARE) == matching.ACCEPTED
    assert collateral.owed(sim.world, ANN, FIRST) == SHARE
    assert lending.repay(sim.world, ANN, FIRST, 5 * SHARE) == matching.ACCEPTED
    assert (collateral.owed(sim.world, ANN, FIRST), usd(sim, ANN, TOKEN)) == (0, 0)
    assert lending.repay(sim.world, ANN, FIRST, SHARE) == matching.NOT_ENOUGH_FUNDS
    assert lending.repay(sim.world, ANN, FIRST, 0) == matching.BAD_SIZE
    assert int(sim.memory[lending.lent]["out"][FIRST]) == 0


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.4, 4.5), (0.8, 8.0), (0.9, 44.0), (1.0, 80.0)])
def test_rate_by_utilisation(share: float, expected: float) -> None:
    """LEND-3: 1 % with nothing lent, 8 % at the kink of 80 %, 80 % when all is; straight lines between. Percent a year."""
    rate = lending.yearly_rate(share, 10_000_000, 800_000_000, 80_000_000, 800_000_000)
    assert rate == pytest.approx(expected * 1e7, abs=2)


def test_a_fee_is_paid_at_each_full_hour() -> None:
    """LEND-3: half of the stock, $500, at 5.375 % a year: .01 x .05375 / 8760 of it an hour, rounded up, from Ann to the lender."""
    sim = lender(dollars=10_000, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000)
    borrow(sim, ANN, FIRST, 5)
    go(sim, 4)
    assert usd(sim, ANN) == 10_000 * DOLLAR
    go(sim, 1)
    hourly_ppb = -(-53_750_000 // 8_760)
    fee = -(-500 * DOLLAR * hourly_ppb // 10**9)
    assert (usd(sim, ANN), usd(sim, accounts.LENDER)) == (10_000 * DOLLAR - fee, fee)
    assert int(sim.memory[lending.lent]["rate_ppb"][FIRST]) == 53_750_000
    go(sim, 3_600)
    assert usd(sim, accounts.LENDER) == 2 * fee


def test_what_is_called_and_not_given_back_is_bought_in() -> None:
    """LEND-4, CONV-5: all ten tokens are lent and the lender keeps a tenth: one is called, from Ann .4 and from Bob .6. Ann gives
    hers back; Bob's is bought in the book two hours later, a lot more for the rounding."""
    knobs = {(lending.lending_rules, "recall_ppb"): 900_000_000, (lending.lending_rules, "notice_us"): 2 * HOUR}
    sim = lender(3, dollars=10_000, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000, knobs=knobs)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    for account, tokens in ((ANN, 4), (BOB, 6)):
        borrow(sim, account, FIRST, tokens)
        token(sim, account, SELL, 10_000, 10_000 * tokens)
        token(sim, CAT, BUY, 10_000, 10_000 * tokens)
    go(sim, 5)
    assert [collateral.called(sim.world, account, FIRST) for account in (ANN, BOB)] == [400_001, 600_001]
    token(sim, CAT, SELL, 10_050, 20_000)
    token(sim, ANN, BUY, 10_050, 4_001)
    assert lending.repay(sim.world, ANN, FIRST, SHARE) == matching.ACCEPTED
    assert collateral.called(sim.world, ANN, FIRST) == 0
    assert borrow(sim, CAT, FIRST, 0.1) == matching.NOT_ENOUGH_FUNDS, "not while a call is open"
    go(sim, 2 * 3_600 + 1)
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(conversion.collateral_events)
    assert rows[["account", "cause", "size_lots"]].tolist() == [(BOB, conversion.BOUGHT_IN, 6_001)]
    assert collateral.owed(sim.world, BOB, FIRST) == 6 * SHARE - 600_100
    assert int(sim.memory[lending.lent]["bought_in"][FIRST]) == 600_100
    go(sim, 3_600)
    assert int(sim.memory[lending.lent]["due_us"][FIRST]) == 0
    assert sim.audit() == []


def test_the_audit_finds_a_loan_that_nobody_gave() -> None:
    """AUD-8: what all owe is what is lent, and lent and left are the stock."""
    sim = lender(dollars=1_000)
    borrow(sim, ANN, FIRST, 1)
    assert sim.audit() == []
    sim.memory[collateral.loans]["owed"][ANN * 2 + FIRST] += 1
    assert [breach.law for breach in sim.audit()] == ["AUD-8"]
    sim.memory[lending.lent]["out"][FIRST] += 1
    assert [breach.law for breach in sim.audit()] == ["AUD-8"]


@pytest.mark.parametrize("payment", ["accrued", "continuous"])
def test_a_loan_is_charged_by_the_hour_however_funding_accrues(payment: str) -> None:
    """LEND-3, FUND-13: in ninety minutes one full hour passes twice at most; a rate of funding made each minute charges no loan."""
    knob = spec_of(funding.funding_rules).columns["payment"]
    assert isinstance(knob, Knob)
    sim = lender(dollars=10_000, knobs={(funding.funding_rules, "payment"): knob.choices.index(payment)})
    borrow(sim, ANN, FIRST, 5)
    before = usd(sim, ANN)
    go(sim, 29 * 60)
    assert usd(sim, ANN) == before
    go(sim, 2 * 60)
    charged = before - usd(sim, ANN)
    assert charged > 0
    go(sim, 60 * 60)
    assert before - usd(sim, ANN) == 2 * charged


def test_a_call_is_at_most_the_loan_and_a_new_loan_is_not_called() -> None:
    """LEND-4."""
    sim = lender(dollars=1_000)
    borrow(sim, ANN, FIRST, 1)
    assert collateral.called(sim.world, ANN, FIRST) == 0
    collateral.call(sim.world, ANN, FIRST, 5 * SHARE)
    assert collateral.called(sim.world, ANN, FIRST) == SHARE


def test_what_is_called_and_still_there_is_given_back_and_not_bought() -> None:
    """LEND-4, CONV-5: Ann never sold what she borrowed; when the notice ends the lender takes it, and nothing is traded."""
    knobs = {(lending.lending_rules, "recall_ppb"): 900_000_000, (lending.lending_rules, "notice_us"): HOUR}
    sim = lender(2, dollars=10_000, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000, knobs=knobs)
    sim.endow(BOB, TOKEN, 10 * SHARE)
    borrow(sim, ANN, FIRST, 10)
    go(sim, 5)
    token(sim, BOB, SELL, 10_000, 50_000)
    go(sim, 3_601)
    sim.tape.drain(sim.memory)
    assert len(sim.tape.rows(conversion.collateral_events)) == 0
    assert collateral.owed(sim.world, ANN, FIRST) == 9 * SHARE - 1
    assert usd(sim, accounts.LENDER, TOKEN) == SHARE + 1


def test_a_short_token_is_looked_at_before_its_margin_is_spent() -> None:
    """THR-1, COLL-2: short two tokens with $300: equity meets maintenance at $120, in one jump as well as in two."""
    sim = lender(3, dollars=0)
    sim.endow(ANN, accounts.USD, 100 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 20_000)
    token(sim, BOB, BUY, 10_000, 20_000)
    go(sim, 2)
    jump(sim, 121.0)
    assert sim.equity(ANN) < margin.required(sim.world, ANN)
    assert attention.frozen(sim.world, ANN) == 1


def test_loans_are_refused_in_liquidation_and_rounded_against_the_borrower() -> None:
    """LEND-2, LEND-3, COLL-3: half of three micro-dollars are two; a millionth of a token at $99.99 is owed as 100 micro-dollars."""
    sim = lender(2, dollars_lent=100)
    sim.endow(ANN, accounts.USD, 1)
    assert lending.borrow(sim.world, ANN, DOLLARS, 3) == matching.NOT_ENOUGH_MARGIN
    assert lending.borrow(sim.world, ANN, DOLLARS, 2) == matching.ACCEPTED
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    attention.freeze(sim.world, BOB, 1)
    assert borrow(sim, BOB, FIRST, 1) == matching.IN_LIQUIDATION
    attention.freeze(sim.world, BOB, 0)
    jump(sim, 99.99)
    assert lending.dollar_value(sim.world, FIRST, 1) == 100


def test_an_hours_fee_is_rounded_up_twice() -> None:
    """LEND-3: eight of ten tokens at 8 % a year: 9,132.4 billionths an hour are 9,133, of $800 7,306.4 micro-dollars are 7,307."""
    sim = lender(1, dollars=10_000, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000)
    borrow(sim, ANN, FIRST, 8)
    go(sim, 5)
    assert int(sim.memory[lending.lent]["fees_uusd"][FIRST]) == 7_307


def test_a_fee_that_takes_the_margin_is_seen() -> None:
    """LEND-3, THR-1: Ann, short two tokens, just meets maintenance until the hour's fee."""
    sim = lender(2, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000)
    for account in (ANN, BOB):
        sim.endow(account, accounts.USD, 1_000 * DOLLAR)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 20_000)
    token(sim, BOB, BUY, 10_000, 20_000)
    leave(sim, ANN, 50 * DOLLAR)
    go(sim, 4)
    assert (margin.required(sim.world, ANN), attention.frozen(sim.world, ANN)) == (50 * DOLLAR, 0)
    go(sim, 2)
    assert attention.frozen(sim.world, ANN) == 1


def test_what_is_at_hand_is_given_back_before_anything_is_bought() -> None:
    """CONV-2: Ann owes two tokens and holds one of them when she is liquidated: one is bought."""
    sim = lender(3)
    for account in (ANN, BOB):
        sim.endow(account, accounts.USD, 1_000 * DOLLAR)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 10_000)
    token(sim, BOB, BUY, 10_000, 10_000)
    token(sim, CAT, SELL, 10_050, 50_000)
    leave(sim, ANN, 20 * DOLLAR)
    go(sim, 3)
    sim.tape.drain(sim.memory)
    assert sim.tape.rows(conversion.collateral_events)["size_lots"].tolist() == [10_000]
    assert (collateral.owed(sim.world, ANN, FIRST), usd(sim, ANN, TOKEN), sim.audit()) == (0, 0, [])


def test_in_liquidation_nothing_is_bought_in_besides() -> None:
    """CONV-2, CONV-5: Ann's two tokens are called and due at the hour; she is being liquidated, and they are bought back, once."""
    sim = lender(
        3, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000, knobs={(lending.lending_rules, "recall_ppb"): 100_000_000}
    )
    for account in (ANN, BOB):
        sim.endow(account, accounts.USD, 1_000 * DOLLAR)
    sim.endow(CAT, TOKEN, 10 * SHARE)
    borrow(sim, ANN, FIRST, 2)
    token(sim, ANN, SELL, 10_000, 20_000)
    token(sim, BOB, BUY, 10_000, 20_000)
    collateral.call(sim.world, ANN, FIRST, 2 * SHARE)
    sim.memory[lending.lent]["due_us"][FIRST] = sim.now_us + 5_000_000
    leave(sim, ANN, 40 * DOLLAR)
    go(sim, 5.05)
    assert attention.frozen(sim.world, ANN) == 1
    token(sim, CAT, SELL, 10_050, 90_000)
    go(sim, 3)
    sim.tape.drain(sim.memory)
    assert sim.tape.rows(conversion.collateral_events)[["cause", "size_lots"]].tolist() == [
        (conversion.BOUGHT_BACK, 20_000)
    ]
    assert (collateral.owed(sim.world, ANN, FIRST), usd(sim, ANN, TOKEN), sim.audit()) == (0, 0, [])


def test_a_call_that_is_just_met_ends_and_nothing_stays_called() -> None:
    """LEND-4: all ten tokens are lent, a tenth is kept, so one is called, a millionth more for the rounding; one comes back."""
    knobs = {(lending.lending_rules, "recall_ppb"): 900_000_000}
    sim = lender(1, dollars=10_000, start_us=FRIDAY_OPEN + 30 * MINUTE - 5_000_000, knobs=knobs)
    borrow(sim, ANN, FIRST, 10)
    go(sim, 5)
    assert collateral.called(sim.world, ANN, FIRST) == SHARE + 1
    assert lending.repay(sim.world, ANN, FIRST, SHARE) == matching.ACCEPTED
    assert (collateral.called(sim.world, ANN, FIRST), borrow(sim, ANN, FIRST, 0.5)) == (1, matching.NOT_ENOUGH_FUNDS)
    go(sim, 3_600)
    assert (int(sim.memory[lending.lent]["due_us"][FIRST]), collateral.called(sim.world, ANN, FIRST)) == (0, 0)
    assert borrow(sim, ANN, FIRST, 0.5) == matching.ACCEPTED


def test_dollars_that_a_position_was_paid_with_are_there_to_give_back() -> None:
    """LEND-5: Ann has $1,000, borrows 100 and is long $2,000: her dollars are below zero, and she repays all the same."""
    sim = lender(2, dollars=1_000, dollars_lent=1_000)
    borrow(sim, ANN, DOLLARS, 100)
    sim.place(BOB, 0, SELL, 10_000, 2_000)
    assert sim.place(ANN, 0, BUY, 10_000, 2_000) == matching.ACCEPTED
    assert usd(sim, ANN) == -900 * DOLLAR
    assert lending.repay(sim.world, ANN, DOLLARS, 100 * DOLLAR) == matching.ACCEPTED
    assert (collateral.owed(sim.world, ANN, DOLLARS), usd(sim, ANN)) == (0, -1_000 * DOLLAR)
