"""Auto-deleveraging (ADL-1 to ADL-7, LIQ-13, LIQ-14). Ann is long 1,000 lots at $100 on $50."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.sim.market import (
    accounts,
    attention,
    deleverage,
    engine,
    insurance,
    liquidation,
    oracle,
    socialised,
    waterfall,
)
from offhours.sim.market.waterfall import DELEVERAGED, FUND, SOCIALISED
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DAN,
    DOLLAR,
    EVE,
    NO_FEES,
    SELL,
    SHARE,
    Simulation,
    events,
    go,
    jump,
    leave,
    lots_of,
    market,
    perp,
    put_price,
    usd,
)

CROWD = (ANN, BOB, CAT, DAN, EVE)


def sides(
    shorts: dict[int, tuple[int, int]],
    stages: tuple[int, ...] = (DELEVERAGED,),
    ann: int = 1_000,
    **adl: int,
) -> Simulation:
    """Ann long at $100 on $50 against shorts: account -> (lots, dollars). A case is deleveraged at once."""
    knobs = {(deleverage.adl_rules, name): value for name, value in adl.items()}
    sim = market(people=5, knobs={**NO_FEES, **knobs}, stages=stages)
    sim.endow(ANN, accounts.USD, 50 * DOLLAR)
    for account, (lots, dollars) in shorts.items():
        sim.endow(account, accounts.USD, dollars * DOLLAR)
        perp(sim, account, SELL, 10_000, lots)
        perp(sim, ANN, BUY, 10_000, lots)
    assert lots_of(sim, ANN) == ann
    return sim


def cuts(sim: Simulation) -> Any:
    """All rows of the log of cuts."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(deleverage.deleverage_events)


def paid(sim: Simulation) -> dict[str, float]:
    """Shortfall and who paid it, in dollars."""
    debt, by = sim.memory[waterfall.debts][0], sim.memory[waterfall.payers]["paid_uusd"]
    found = {"shortfall": debt["shortfall_uusd"], "adl": by[DELEVERAGED], "shared": by[SOCIALISED]}
    return {name: int(value) / DOLLAR for name, value in {**found, "unpaid": debt["unpaid_uusd"]}.items()}


def test_the_queue_closes_the_first_whole_and_the_next_in_part() -> None:
    """ADL-1, ADL-2, ADL-3, ADL-7: mark 94, equity -10, so 95 is Ann's bankruptcy price. Both gained 6 %; Cat, short 400 lots
    on $200, stands at 376 / 224 and goes before Bob, short 700 on $10,000. Cat pays 380 for 400 lots, Bob 570 for 600.
    """
    sim = sides({BOB: (600, 10_000), CAT: (400, 200)})
    perp(sim, BOB, SELL, 10_000, 100)
    sim.endow(DAN, accounts.USD, 1_000 * DOLLAR)
    perp(sim, DAN, BUY, 10_000, 100)
    jump(sim, 94.0)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT, DAN)] == [0, -100, 0, 100]
    assert [usd(sim, a) for a in (ANN, CAT)] == [0, 220 * DOLLAR]
    assert usd(sim, BOB) == (10_000 + 700 - 570) * DOLLAR
    assert paid(sim) == {"shortfall": 10.0, "adl": 10.0, "shared": 0.0, "unpaid": 0.0}
    found = cuts(sim)
    assert found[["account", "for_account", "rank", "candidates", "lots", "value_uusd"]].tolist() == [
        (CAT, ANN, 1, 2, -400, -380 * DOLLAR),
        (BOB, ANN, 2, 2, -600, -570 * DOLLAR),
    ]
    cat = found[0]
    assert (cat["equity_uusd"], cat["notional_uusd"], cat["profit_uusd"]) == (224 * DOLLAR, 376 * DOLLAR, 24 * DOLLAR)
    assert cat["score"] == pytest.approx(0.06 * 376 / 224) and cat["gross_uusd"] == 376 * DOLLAR
    (event,) = events(sim)
    assert (event["stage"], event["lots"], event["shortfall_uusd"], event["taker"]) == (DELEVERAGED, 1_000, 10_000_000, -1)  # fmt: skip
    assert sim.audit() == []


def test_the_queue_of_bitmex() -> None:
    """ADL-1, ADL-2, ADL-3. BitMEX, page on auto-deleveraging: six longs with ranks 3, 6, 1, 4, 5, 2 and quantities 10, 10,
    20, 30, 20, 10; a short of 20 with bankruptcy price 650: the second is closed whole, the fifth by 10, both at 650.

    All bought at 600, so that leverage alone ranks them; the short has 50 for each of its 20.
    """
    sim = market(people=8, knobs=NO_FEES, stages=(DELEVERAGED,), price_usd=600.0)
    short, safe, longs = ANN, BOB, range(CAT, CAT + 6)
    quantity, rank = (10, 10, 20, 30, 20, 10), (3, 6, 1, 4, 5, 2)
    sim.endow(short, accounts.USD, 10 * DOLLAR)
    sim.endow(safe, accounts.USD, 10_000 * DOLLAR)
    for account, lots, leverage in zip(longs, quantity, rank):
        sim.endow(account, accounts.USD, lots * 6 * DOLLAR // leverage)
        seller = short if account == CAT + 2 else safe
        perp(sim, seller, SELL, 60_000, lots)
        perp(sim, account, BUY, 60_000, lots)
    assert lots_of(sim, short) == -20
    jump(sim, 651.0)
    assert [lots_of(sim, account) for account in longs] == [10, 0, 20, 30, 10, 10]
    found = cuts(sim)
    assert found[["account", "lots", "rank"]].tolist() == [(CAT + 1, 10, 1), (CAT + 4, 10, 2)]
    assert found["value_uusd"].tolist() == [65 * DOLLAR, 65 * DOLLAR]
    assert (lots_of(sim, short), usd(sim, short)) == (0, 0)


def test_a_short_in_liquidation_is_closed_in_the_mirror() -> None:
    """ADL-3: Ann short, the mark 106, equity -10: bankruptcy at 105; Bob sells his longs there."""
    sim = market(people=2, knobs=NO_FEES, stages=(DELEVERAGED,))
    sim.endow(ANN, accounts.USD, 50 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    perp(sim, BOB, BUY, 10_000, 1_000)
    perp(sim, ANN, SELL, 10_000, 1_000)
    jump(sim, 106.0)
    assert (lots_of(sim, BOB), usd(sim, ANN), usd(sim, BOB)) == (0, 0, 10_050 * DOLLAR)
    assert cuts(sim)[["lots", "value_uusd"]].tolist() == [(1_000, 1_050 * DOLLAR)]


def test_what_one_side_loses_the_other_gains_to_the_unit() -> None:
    """ADL-3, ADL-7: lots and an equity that nothing divides; cuts sum to Ann's lots and dollars."""
    sim = sides({BOB: (333, 10_000), CAT: (271, 777), DAN: (396, 505)})
    accounts.transfer(sim.world, accounts.USD, ANN, BOB, 123_457, accounts.BUCKET)
    jump(sim, 94.13)
    found = cuts(sim)
    assert int(found["lots"].sum()) == -1_000
    assert int(found["value_uusd"].sum()) == -events(sim)["value_uusd"][0]
    assert usd(sim, ANN) == 0
    flows = sim.memory[accounts.flows]["amount"].reshape(-1, accounts.FLOWS)
    assert int(flows[:, accounts.DELEVERAGED].sum()) == 0
    assert sim.audit() == [] and sim.conservation_error() == 0


@pytest.mark.parametrize(("price", "bob", "left"), [(1, 940, 10), (2, 945, 5)])
def test_at_the_mark_or_at_the_index_the_loss_stays_with_the_account(price: int, bob: int, left: int) -> None:
    """ADL-3, LIQ-14: closed at 94 (mark) or 94.50 (index), 10 or 5 are left missing; a fund in the venue's list pays them.

    Of the ten that are missing at the mark Bob has paid five in the second case.
    """
    sim = sides({BOB: (1_000, 10_000)}, (FUND, DELEVERAGED), price=price)
    sim.memory[insurance.insurance_rules]["drawdown_ppb"] = 0
    sim.memory[oracle.oracle_rules]["pinned"] = 1
    jump(sim, 94.0)
    sim.memory[oracle.oracles]["index_usd"][0] = 94.5
    sim.memory[insurance.insurance_rules]["drawdown_ppb"] = 10**9
    sim.memory[liquidation.cases]["stage"][ANN] = DELEVERAGED
    sim.memory[liquidation.cases]["pending"][ANN] = 0
    liquidation.attend(sim.world)
    assert usd(sim, BOB) == (10_000 + 1_000 - bob) * DOLLAR
    assert paid(sim) == {"shortfall": 10.0, "adl": 10.0 - left, "shared": 0.0, "unpaid": 0.0}
    assert usd(sim, accounts.INSURANCE) == (1_000_000 - left) * DOLLAR
    assert usd(sim, ANN) == 0


def test_at_the_mark_before_the_last_one() -> None:
    """ADL-3: marks of 99, 98.40 and 94. At 98.40 Ann has $34 of the $24.60 she needs; at 94 she is at -$10 and is closed at 98.40.

    Bob gives $44 beside the mark, though $10 were missing: $34 are hers.
    """
    sim = sides({BOB: (1_000, 10_000)}, price=deleverage.PREVIOUS_MARK)
    for price in (99.0, 98.4, 94.0):
        jump(sim, price)
    assert (usd(sim, BOB), usd(sim, ANN)) == ((10_000 + 16) * DOLLAR, 34 * DOLLAR)
    assert paid(sim) == {"shortfall": 44.0, "adl": 44.0, "shared": 0.0, "unpaid": 0.0}
    assert cuts(sim)[["value_uusd", "mark_ticks"]].tolist() == [(-984 * DOLLAR, 9_400)]


def thin_candidate(dollars: int, form: int = deleverage.QUEUE) -> Simulation:
    """Ann's bankruptcy is at 95, the mark at 90; Bob is short 600 from 100, Cat 400 from 90 on few dollars."""
    sim = sides({BOB: (1_000, 10_000)}, ann=1_000, form=form)
    sim.memory[engine.liquidation_rules]["active"] = 0
    jump(sim, 90.0)
    sim.endow(CAT, accounts.USD, dollars)
    perp(sim, CAT, SELL, 9_000, 400)
    perp(sim, BOB, BUY, 9_000, 400)
    assert lots_of(sim, CAT) == -400
    sim.memory[engine.liquidation_rules]["active"] = 1
    attention.note_change(sim.world, ANN)
    return sim


FORMS = (deleverage.QUEUE, deleverage.PRO_RATA)


@pytest.mark.parametrize("form", FORMS)
def test_a_candidate_may_be_brought_to_zero(form: int) -> None:
    """ADL-4 (dYdX v4, deleveraging: prices may just overlap): buying 400 lots at 95 costs Cat 20, which is all he has."""
    sim = thin_candidate(20 * DOLLAR, form)
    go(sim, 1)
    assert (lots_of(sim, ANN), lots_of(sim, CAT), sim.equity(CAT)) == (0, 0, 0)
    assert paid(sim) == {"shortfall": 50.0, "adl": 50.0, "shared": 0.0, "unpaid": 0.0}


def test_a_candidate_is_passed_over_before_he_would_owe_anything() -> None:
    """ADL-4, ADL-5, ADL-6: a micro-dollar less, and Cat is closed at the mark of 90 instead. 20 are missing. Eve, long 200
    lots from 85, has gained 10 and is charged them; 10 are bad debt.
    """
    sim = thin_candidate(20 * DOLLAR - 1)
    sim.endow(EVE, accounts.USD, 1_000 * DOLLAR)
    sim.endow(DAN, accounts.USD, 1_000 * DOLLAR)
    perp(sim, DAN, SELL, 8_500, 200)
    perp(sim, EVE, BUY, 8_500, 200)
    sim.memory[engine.liquidation_rules]["active"] = 1
    attention.freeze(sim.world, DAN, 1)
    go(sim, 1)
    assert (lots_of(sim, ANN), lots_of(sim, BOB), lots_of(sim, CAT)) == (0, 0, 0)
    assert sim.equity(CAT) == 20 * DOLLAR - 1
    assert cuts(sim)[["account", "rank"]].tolist() == [(BOB, 1), (CAT, 0)]
    assert paid(sim) == {"shortfall": 50.0, "adl": 30.0, "shared": 10.0, "unpaid": 10.0}
    assert sim.equity(EVE) == 1_000 * DOLLAR
    assert usd(sim, accounts.NOBODY) == -10 * DOLLAR
    attention.freeze(sim.world, DAN, 0)
    assert sim.audit() == []


@pytest.mark.parametrize("form", FORMS)
def test_who_was_passed_over_comes_before_those_in_liquidation(form: int) -> None:
    """ADL-4, ADL-5: of Ann's 1,000 lots Eve takes 300; Dan cannot pay for 300 and is closed at the mark, before any of Cat's."""
    sim = sides({EVE: (300, 10_000), CAT: (700, 10_000)}, form=form)
    sim.memory[engine.liquidation_rules]["active"] = 0
    jump(sim, 90.0)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    sim.endow(DAN, accounts.USD, 15 * DOLLAR - 1)
    perp(sim, DAN, SELL, 9_000, 300)
    perp(sim, BOB, BUY, 9_000, 300)
    sim.memory[engine.liquidation_rules]["active"] = 1
    attention.note_change(sim.world, ANN)
    attention.freeze(sim.world, CAT, 1)
    go(sim, 1)
    assert [lots_of(sim, a) for a in (ANN, EVE, DAN, CAT)] == [0, 0, 0, -300]
    assert cuts(sim)[["account", "rank", "lots"]].tolist() == [(EVE, 1, -300), (DAN, 0, -300), (CAT, 0, -400)]


def test_who_cannot_pay_the_common_price_pays_what_he_has() -> None:
    """ADL-3, ADL-5, ADL-6, pro rata. Mark 94: Eve (500 lots, bankrupt at 97) goes before Ann (at 95). Of their 1,000 lots Bob has
    500: he could pay 96, their mean, and has 12; the 500 that are closed are Eve's, and cost 15 beside the mark.

    3 are missing there, and 5 of Ann, whose lots go to Dan at the mark, who is being liquidated. Cat, long from 90, has gained 6
    and is charged them; Dan has gained too, and is not. Cat is below her maintenance margin then, and closed a second later.
    """
    sim = market(people=5, knobs={**NO_FEES, (deleverage.adl_rules, "form"): deleverage.PRO_RATA}, stages=(DELEVERAGED, SOCIALISED))  # fmt: skip
    for account in CROWD:
        sim.endow(account, accounts.USD, 1_000 * DOLLAR)
    for account, other, price, lots in ((ANN, DAN, 10_000, 500), (EVE, BOB, 10_000, 500), (CAT, DAN, 9_000, 150)):
        perp(sim, other, SELL, price, lots)
        perp(sim, account, BUY, price, lots)
    for account, equity in ((ANN, 25), (EVE, 15), (BOB, -18), (CAT, 17)):
        leave(sim, account, equity * DOLLAR)
    sim.memory[engine.liquidation_rules]["active"] = 0
    attention.freeze(sim.world, DAN, 1)
    put_price(sim, 94.0)
    sim.memory[engine.liquidation_rules]["active"] = 1
    go(sim, 1)
    assert [lots_of(sim, a) for a in (ANN, BOB, EVE, DAN)] == [0, 0, 0, -150]
    assert (sim.equity(BOB), sim.equity(CAT)) == (0, 2 * DOLLAR)
    assert paid(sim) == {"shortfall": 20.0, "adl": 12.0, "shared": 6.0, "unpaid": 2.0}
    attention.freeze(sim.world, DAN, 0)
    assert sim.audit() == []
    go(sim, 1)
    assert (lots_of(sim, CAT), usd(sim, CAT)) == (0, 0)


def test_who_was_cut_is_looked_at_again() -> None:
    """ADL-7, THR-1: 300 of Dan's 400 lots are closed at 95, 5 above the mark. With $16 he is left with 1 for 100 lots at 90."""
    sim = sides({DAN: (300, 1_000)}, ann=300)
    leave(sim, ANN, 15 * DOLLAR)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    perp(sim, DAN, SELL, 10_000, 100)
    perp(sim, BOB, BUY, 10_000, 100)
    leave(sim, DAN, (16 - 40) * DOLLAR)
    jump(sim, 90.0)
    assert (lots_of(sim, ANN), lots_of(sim, DAN), sim.equity(DAN)) == (0, -100, DOLLAR)
    go(sim, 1)
    assert (lots_of(sim, DAN), attention.frozen(sim.world, DAN)) == (0, 0)


def test_the_log_shows_the_whole_account_and_what_decided() -> None:
    """ADL-2: pro rata, what decides is profit in dollars: 6 % of 1,000. Bob holds $94 of the second ticker besides."""
    sim = market(people=3, tickers=2, knobs={**NO_FEES, (deleverage.adl_rules, "form"): deleverage.PRO_RATA}, stages=(DELEVERAGED,))  # fmt: skip
    for account, dollars in ((ANN, 50), (BOB, 10_000), (CAT, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    sim.place(CAT, 2, SELL, 10_000, 94)
    sim.place(BOB, 2, BUY, 10_000, 94)
    jump(sim, 94.0)
    (cut,) = cuts(sim)
    assert (cut["notional_uusd"], cut["gross_uusd"], cut["score"]) == (940 * DOLLAR, 1_034 * DOLLAR, 60.0)


def test_those_in_liquidation_and_houses_come_last_and_at_the_mark() -> None:
    """ADL-1, ADL-5: nobody but Bob is on the other side, and he is being liquidated, too: they are closed at the mark."""
    sim = market(people=2, knobs=NO_FEES, stages=(DELEVERAGED,))
    for account in (ANN, BOB):
        sim.endow(account, accounts.USD, 50 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    accounts.transfer(sim.world, accounts.USD, BOB, accounts.OUTSIDE, 95 * DOLLAR, accounts.DEPOSIT)
    attention.note_change(sim.world, BOB)
    jump(sim, 94.0)
    assert (lots_of(sim, ANN), lots_of(sim, BOB)) == (0, 0)
    assert (usd(sim, ANN), usd(sim, BOB)) == (0, 15 * DOLLAR)
    assert paid(sim) == {"shortfall": 10.0, "adl": 0.0, "shared": 0.0, "unpaid": 10.0}


def test_pro_rata_takes_the_same_share_of_every_profit() -> None:
    """ADL-2, ADL-3: deficit 10. Profits at 94: Bob 600 lots, 36; Cat 300 lots, 18; Dan 300 lots, 18. Of Ann's 1,000 lots 500
    fall to Bob, 250 to Cat and to Dan; each loses 10 / 72 of his profit, whatever his leverage.
    """
    sim = sides({BOB: (600, 10_000), CAT: (300, 100), DAN: (100, 2_000)}, form=deleverage.PRO_RATA)
    sim.endow(EVE, accounts.USD, 1_000 * DOLLAR)
    perp(sim, DAN, SELL, 10_000, 200)
    perp(sim, EVE, BUY, 10_000, 200)
    jump(sim, 94.0)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT, DAN, EVE)] == [0, -100, -50, -50, 200]
    found = {int(row["account"]): int(row["value_uusd"]) for row in cuts(sim)}
    assert found == {BOB: -475 * DOLLAR, CAT: -237_500_000, DAN: -237_500_000}
    assert usd(sim, ANN) == 0 and sim.audit() == []


def test_pro_rata_has_one_price_for_all_who_share_an_instant() -> None:
    """ADL-2, ADL-3: Ann (bankrupt at 95) and Eve (at 97), 500 lots each: everybody is closed at 96."""
    sim = market(people=5, knobs={**NO_FEES, (deleverage.adl_rules, "form"): deleverage.PRO_RATA}, stages=(DELEVERAGED,))  # fmt: skip
    for account, dollars in ((ANN, 25), (EVE, 25), (BOB, 1_000), (CAT, 5_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account, other in ((ANN, BOB), (EVE, CAT)):
        perp(sim, other, SELL, 10_000, 500)
        perp(sim, account, BUY, 10_000, 500)
    accounts.transfer(sim.world, accounts.USD, EVE, accounts.OUTSIDE, 10 * DOLLAR, accounts.DEPOSIT)
    attention.note_change(sim.world, EVE)
    jump(sim, 94.0)
    assert [lots_of(sim, a) for a in (ANN, EVE, BOB, CAT)] == [0, 0, 0, 0]
    assert usd(sim, BOB) == (1_000 + 500 - 480) * DOLLAR
    assert usd(sim, CAT) == (5_000 + 500 - 480) * DOLLAR
    assert (usd(sim, ANN), usd(sim, EVE), usd(sim, accounts.NOBODY)) == (0, 0, 0)
    assert paid(sim) == {"shortfall": 20.0, "adl": 20.0, "shared": 0.0, "unpaid": 0.0}
    assert sim.audit() == []


def test_accounts_at_one_instant_are_served_worst_first() -> None:
    """LIQ-7, LIQ-13: Ann on $50 and Eve on $48, both bankrupt; Eve goes first and meets the first of the line."""
    sim = market(people=4, knobs=NO_FEES, stages=(DELEVERAGED,))
    for account, dollars in ((ANN, 52), (BOB, 100), (CAT, 10_000), (DAN, 51)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account, other, lots in ((ANN, BOB, 500), (DAN, CAT, 1_000)):
        perp(sim, other, SELL, 10_000, lots)
        perp(sim, account, BUY, 10_000, lots)
    perp(sim, CAT, SELL, 10_000, 500)
    perp(sim, ANN, BUY, 10_000, 500)
    jump(sim, 94.0)
    assert cuts(sim)[["for_account", "account", "lots"]].tolist() == [(DAN, BOB, -500), (DAN, CAT, -500), (ANN, CAT, -1_000)]  # fmt: skip


# Formulas ------------------------------------------------------------------------------------------------------------


def test_scores() -> None:
    """ADL-1: the venues' formulas on round numbers: a profit of 20 % of cost, and a loss of it, at leverage 5."""
    assert deleverage.bitmex_score(20.0, 100.0, 120.0, 24.0) == pytest.approx(0.2 * 5)
    assert deleverage.bitmex_score(-20.0, 100.0, 80.0, 16.0) == pytest.approx(-0.2 / 5)
    assert deleverage.hyperliquid_score(1, 120.0, 100.0, 120.0, 24.0) == pytest.approx(1.2 * 5)
    assert deleverage.hyperliquid_score(-1, 80.0, 100.0, 80.0, 16.0) == pytest.approx(1.25 * 5)
    assert deleverage.binance_score(20e6, 3e6, 24e6) == pytest.approx(20 / 4 * 3 / 24), (
        "over the wallet: equity less this profit"
    )
    assert deleverage.bybit_score(20.0, 24.0) == pytest.approx(20 / 24)


@pytest.mark.parametrize("score", range(5))
def test_each_score_ranks_as_its_formula_does(score: int) -> None:
    """ADL-1: four shorts from four prices on different dollars; profitable ones first, then by the score."""
    sim = market(people=7, knobs={**NO_FEES, (deleverage.adl_rules, "score"): score}, stages=(DELEVERAGED,))
    people = range(BOB, BOB + 5)
    sim.endow(ANN, accounts.USD, 10_000 * DOLLAR)
    for account, dollars, entry in zip(people, (40, 400, 30, 90, 60), (10_400, 10_900, 9_900, 10_100, 9_700)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
        perp(sim, account, SELL, entry, 400)
        assert perp(sim, ANN, BUY, entry, 400) == 0
    deleverage.line_up(sim.world, 0, BUY)
    from offhours.sim.market import ranking

    order = sim.memory[ranking.ranks]["account"][:5].tolist()
    value = 400.0
    cost = {a: e * 4 / 100 for a, e in zip(people, (10_400, 10_900, 9_900, 10_100, 9_700))}
    worth = {a: sim.equity(a) / 1e6 for a in people}

    def key(account: int) -> tuple[bool, float]:
        gain = cost[account] - value
        rate, leverage = gain / cost[account], value / worth[account]
        found = (
            rate * leverage if gain > 0 else rate / leverage,
            cost[account] / value * leverage,
            gain / worth[account] * 10.0 / worth[account],
            gain / worth[account],
        )
        return gain <= 0, -found[score]

    if score == deleverage.DRAW:
        assert set(order[:3]) == {a for a in people if cost[a] > value}
    else:
        assert order == sorted(people, key=key)


def test_slices_sum_to_the_whole_whatever_the_cuts() -> None:
    """ADL-3 (dYdX v4, deleveraging: short 1 BTC with 54,999 at 55,000: bankruptcy at 54,999; a tenth of it at 5,499.9)."""
    assert deleverage.bankruptcy_value(-55_000, -1) == -54_999 - 0 * SHARE
    assert -deleverage.slice_value(-549_990, 0, 1, 10) == 54_999
    for value in (-1_000_003, 999_999_937):
        done, total = 0, 0
        for lots in (1, 7, 300, 92, 600):
            total += deleverage.slice_value(value, done, lots, 1_000)
            done += lots
        assert (done, total) == (1_000, value)


def test_an_allotment_meets_its_sum_exactly() -> None:
    """ADL-2: 100 by weights 1, 1, 1 are 33, 34 and 33; nobody gets more than he has, and the next ones make up for it."""

    def share(rest: int, people: list[tuple[int, int]]) -> list[int]:
        weights, found = sum(w for w, _ in people), []
        for weight, most in people:
            part = socialised.allotment(rest, weight, weights, most)
            found.append(part)
            rest, weights = rest - part, weights - weight
        return found

    assert share(100, [(1, 99)] * 3) == [33, 34, 33]
    assert share(100, [(1, 10), (1, 99), (2, 99)]) == [10, 30, 60]
    assert share(7, [(0, 5), (3, 5)]) == [0, 5]


def test_tokens_that_can_be_sold_come_before_others_pay() -> None:
    """ADL-3, LIQ-11: at 94 Ann's equity is -10 and she has a tenth of a token, 9.40, less 1.5 %: closed as if she had -0.741."""
    sim = sides({BOB: (1_000, 10_000)})
    sim.endow(ANN, accounts.token_asset(0), SHARE // 10)
    jump(sim, 94.0)
    assert cuts(sim)["value_uusd"].tolist() == [-940_741_000]
    assert paid(sim)["adl"] == pytest.approx(0.741)
    assert sim.audit() == []
