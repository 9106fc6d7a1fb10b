"""Liquidation step by step (LIQ-1 to LIQ-9, LIQ-15).

The story of most tests: Ann has $50 and is long 1,000 lots ($1,000) at 20x against Bob. One tick of her position is ten
cents; maintenance is 2.5 % of the notional; the engine's fee is 0.5 %; there are no trading fees.
"""

from __future__ import annotations

import pytest

from offhours.sim.chance import tie_order
from offhours.sim.market import (
    accounts,
    attention,
    backstop,
    book,
    engine,
    flight,
    liquidation,
    margin,
    matching,
    stops,
    waterfall,
)
from offhours.sim.market.waterfall import STEPS, VAULT, WELL, WHOLE_POSITION
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
    Simulation,
    ann_at_20x,
    events,
    go,
    jump,
    leave,
    long_at_20x,
    lots_of,
    mark,
    market,
    perp,
    queue,
    token,
    trades,
    usd,
    waiting_stops,
)


def stage(sim: Simulation, account: int = ANN) -> int:
    """Where an account's case stands."""
    return int(sim.memory[liquidation.cases]["stage"][account])


def fund(sim: Simulation) -> int:
    """Dollars that the backstop received beyond its capital."""
    return usd(sim, accounts.BACKSTOP) - 1_000_000 * DOLLAR


def test_equity_below_maintenance_is_the_trigger() -> None:
    """LIQ-1: at 97.44 equity is 24.40 and maintenance 24.36; a tick lower 24.30 and 24.3575."""
    sim = long_at_20x()
    jump(sim, 97.44)
    assert (sim.equity(ANN), margin.required(sim.world, ANN)) == (24_400_000, 24_360_000)
    assert stage(sim) == WELL
    jump(sim, 97.43)
    assert (sim.equity(ANN), margin.required(sim.world, ANN)) == (24_300_000, 24_357_500)
    assert stage(sim) == STEPS


def test_equity_that_just_meets_maintenance_is_enough() -> None:
    """LIQ-1: to the micro-dollar."""
    sim = long_at_20x()
    jump(sim, 98.0)
    leave(sim, ANN, 24_500_000)
    go(sim, 1)
    assert (margin.required(sim.world, ANN), stage(sim)) == (24_500_000, WELL)
    leave(sim, ANN, 24_499_999)
    go(sim, 1)
    assert stage(sim) == STEPS


@pytest.mark.parametrize(("equity", "then"), [(26_785_000, WELL), (26_784_999, STEPS), (12_175_000, STEPS), (12_174_999, WHOLE_POSITION)])  # fmt: skip
def test_where_it_ends_and_where_it_escalates_to_the_micro_dollar(equity: int, then: int) -> None:
    """LIQ-4: maintenance is 24.35: 1.1 of it is 26.785, half of it 12.175. What an earlier case has left behind does not count."""
    sim = long_at_20x()
    sim.memory[liquidation.cases]["misses"][ANN] = 9
    jump(sim, 97.4)
    assert (stage(sim), margin.required(sim.world, ANN)) == (STEPS, 24_350_000)
    leave(sim, ANN, equity)
    go(sim, 1)
    assert stage(sim) == then


def test_a_switched_off_engine_liquidates_nobody() -> None:
    """LIQ-1: the control."""
    sim = long_at_20x(active=0)
    jump(sim, 80.0)
    go(sim, 5)
    assert (stage(sim), lots_of(sim, ANN)) == (WELL, 1_000)


def test_orders_and_stops_go_first_and_none_may_be_sent() -> None:
    """LIQ-2: perp and token orders on both sides."""
    sim = long_at_20x()
    sim.endow(ANN, accounts.token_asset(0), 1_000_000)
    perp(sim, ANN, SELL, 10_500, 1_000)
    token(sim, ANN, SELL, 10_500, 1_000)
    stops.place_stop(sim.world, ANN, 0, SELL, 9_000, 5, 0)
    jump(sim, 97.4)
    assert (queue(sim, 0, SELL), queue(sim, 1, SELL), waiting_stops(sim, ANN)) == ([], [], 0)
    assert perp(sim, ANN, SELL, 10_500, 1) == matching.IN_LIQUIDATION
    assert token(sim, ANN, SELL, 10_500, 1) == matching.IN_LIQUIDATION
    assert sim.audit() == []


def test_two_steps_of_ten_percent_make_it_well_again() -> None:
    """LIQ-3, LIQ-4, LIQ-8, by hand. Mark 97.40, Cat bids 97.00 for 300 lots.

    Equity 24.00 against 24.35. A step sells 100 lots for $97: $.40 below the mark, and a fee of .485: equity 23.115 against
    21.915 x 1.1 = 24.1065, so another: 22.23 against 19.48 x 1.1 = 21.428. It ends with 800 lots.
    """
    sim = long_at_20x()
    perp(sim, CAT, BUY, 9_700, 300)
    jump(sim, 97.4)
    assert sim.equity(ANN) == 24 * DOLLAR
    go(sim, 0.1)
    assert (lots_of(sim, ANN), sim.equity(ANN)) == (900, 23_115_000)
    go(sim, 0.9)
    assert (lots_of(sim, ANN), stage(sim)) == (900, STEPS)
    go(sim, 0.1)
    assert (lots_of(sim, ANN), sim.equity(ANN)) == (800, 22_230_000)
    go(sim, 5)
    assert (lots_of(sim, ANN), stage(sim), attention.frozen(sim.world, ANN)) == (800, WELL, 0)
    assert fund(sim) == 2 * 485_000
    first, second = events(sim)
    assert (first["stage"], first["lots"], first["value_uusd"], first["mark_ticks"]) == (STEPS, 100, 97 * DOLLAR, 9_740)
    assert (first["equity_uusd"], first["required_uusd"]) == (24_000_000, 24_350_000)
    assert second["equity_uusd"] == 23_115_000
    assert trades(sim)["forced"].tolist() == [0, 1, 1]
    assert perp(sim, ANN, SELL, 10_000, 800) == matching.ACCEPTED


def test_a_short_is_bought_back_in_steps() -> None:
    """LIQ-3: Bob has $50 now. Mark 102.50: equity 25.00 against 25.625; 100 lots at 102.9: -.40 and a fee of .5145."""
    sim = ann_at_20x(market(people=2, knobs=NO_FEES), side=SELL)
    perp(sim, BOB, SELL, 10_290, 100)
    jump(sim, 102.5)
    go(sim, 0.1)
    assert (lots_of(sim, ANN), sim.equity(ANN)) == (-900, 25_000_000 - 400_000 - 514_500)
    assert events(sim)["lots"].tolist() == [-100]


def test_a_step_goes_no_further_than_a_percent_from_the_mark() -> None:
    """LIQ-3: the mark is 97.40, a percent of it 97 ticks: a bid of 96.43 is taken, one of 96.42 is not."""
    for bid, left in ((9_643, 900), (9_642, 1_000)):
        sim = long_at_20x()
        perp(sim, CAT, BUY, bid, 1_000)
        jump(sim, 97.4)
        go(sim, 0.5)
        assert lots_of(sim, ANN) == left


def test_below_the_smallest_order_it_goes_all_at_once() -> None:
    """LIQ-3: a long of 30 lots; a tenth of it is below the smallest order of 5 lots."""
    sim = market(people=3, knobs={**NO_FEES, (book.book_rules, "size_min_lots"): 5})
    sim.endow(ANN, accounts.USD, 1_500_000)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 30)
    perp(sim, ANN, BUY, 10_000, 30)
    perp(sim, BOB, BUY, 9_735, 100)
    jump(sim, 97.4)
    go(sim, 0.5)
    assert (lots_of(sim, ANN), stage(sim)) == (0, WELL)


@pytest.mark.parametrize(("lots", "smallest", "step"), [(995, 1, 100), (1_000, 100, 100), (990, 100, 990)])
def test_a_step_is_rounded_up_and_may_just_be_the_smallest_order(lots: int, smallest: int, step: int) -> None:
    """LIQ-3: a tenth of 995 lots is 100; 100 is an order where the smallest is 100, 99 is none."""
    sim = market(people=2, knobs={**NO_FEES, (book.book_rules, "size_min_lots"): smallest})
    sim.endow(ANN, accounts.USD, 50 * DOLLAR)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, lots)
    perp(sim, ANN, BUY, 10_000, lots)
    leave(sim, ANN, 45 * DOLLAR)
    jump(sim, 97.4)
    leave(sim, ANN, 20 * DOLLAR)
    go(sim, 1)
    assert sim.memory[liquidation.step_sizes]["lots"][ANN] == step


@pytest.mark.parametrize(("ask", "left"), [(10_448, -1_000), (10_447, 0)])
def test_a_short_is_closed_at_zero_equity_and_no_tick_above(ask: int, left: int) -> None:
    """LIQ-5, ENG-1: at 104 equity is 10; (104 + 1) / 1.005 = 104.4776 is the end, and 104.47 the last tick before it."""
    sim = ann_at_20x(market(people=2, knobs=NO_FEES), side=SELL)
    perp(sim, BOB, SELL, ask, 1_000)
    jump(sim, 104.0)
    go(sim, 0.5)
    assert lots_of(sim, ANN) == left
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 0


def test_an_order_that_arrives_after_the_case_has_ended_does_nothing() -> None:
    """LIQ-9: it was sent 100 ms before."""
    sim = long_at_20x()
    perp(sim, CAT, BUY, 9_700, 300)
    jump(sim, 97.4)
    leave(sim, ANN, 100 * DOLLAR)
    liquidation.close_case(sim.world, ANN)
    go(sim, 0.5)
    assert lots_of(sim, ANN) == 1_000


def test_the_fee_is_rounded_down() -> None:
    """LIQ-8: 0.5 % of 1.000199 dollars are 5,000.995 micro-dollars."""
    sim = long_at_20x()
    liquidation.charge_fee(sim.world, ANN, 0, 1_000_199)
    assert fund(sim) == 5_000


def test_two_steps_without_a_fill_escalate() -> None:
    """LIQ-4, LIQ-5, LIQ-6: an empty book. Steps at seconds 1 and 2, the whole position at 3, the backstop at 4.

    It takes 1,000 lots at 97.40; its edge of 1 % would be 9.74 and equity is 24: it gets 9.74 and Ann keeps 14.26.
    """
    sim = long_at_20x()
    jump(sim, 97.4)
    seen = [stage(sim)]
    for _ in range(3):
        go(sim, 1)
        seen.append(stage(sim))
    assert seen == [STEPS, STEPS, WHOLE_POSITION, WELL]
    assert (lots_of(sim, ANN), lots_of(sim, accounts.BACKSTOP)) == (0, 1_000)
    assert usd(sim, ANN) == 14_260_000
    (event,) = events(sim)
    assert (event["stage"], event["lots"], event["value_uusd"]) == (VAULT, 1_000, 974 * DOLLAR)
    assert sim.memory[backstop.backstops]["edge_uusd"][0] == 9_740_000


def test_below_half_of_maintenance_the_steps_are_skipped() -> None:
    """LIQ-4, LIQ-5, LIQ-6, LIQ-8. Mark 96: equity 10 against 24. One order for everything, no worse than zero equity:
    (96 - 1) / .995 = 95.4774, so 95.48. Cat bids 95.80 for 600, Dan 95.47.

    Sold 600 for 574.80: equity 8.80 less the fee 2.874. The rest, 384.00 at the mark, goes to the backstop for 3.84.
    """
    sim = long_at_20x()
    perp(sim, CAT, BUY, 9_580, 600)
    perp(sim, DAN, BUY, 9_547, 600)
    jump(sim, 96.0)
    assert stage(sim) == WHOLE_POSITION
    go(sim, 0.1)
    assert (lots_of(sim, ANN), sim.equity(ANN)) == (400, 10_000_000 - 1_200_000 - 2_874_000)
    go(sim, 1)
    assert (lots_of(sim, ANN), lots_of(sim, accounts.BACKSTOP), stage(sim)) == (0, 400, WELL)
    assert usd(sim, ANN) == 5_926_000 - 3_840_000
    assert events(sim)["stage"].tolist() == [WHOLE_POSITION, VAULT]


def test_a_better_fill_than_zero_equity_is_the_users() -> None:
    """LIQ-5: everything sells at 95.90, 42 ticks above zero equity: 10 - 1 - .5 % of 959 = 4.205 are left."""
    sim = long_at_20x()
    perp(sim, CAT, BUY, 9_590, 1_000)
    jump(sim, 96.0)
    go(sim, 1)
    assert (lots_of(sim, ANN), usd(sim, ANN), fund(sim)) == (0, 4_205_000, 4_795_000)


def test_at_the_zero_equity_price_nothing_is_left_and_nothing_is_missing() -> None:
    """LIQ-5, ENG-1, LIQ-8: at 95.48 equity after the fill is 10 - 5.2 = 4.80, and the fee of 4.774 leaves .026."""
    sim = long_at_20x()
    perp(sim, CAT, BUY, 9_548, 1_000)
    jump(sim, 96.0)
    go(sim, 1)
    assert (usd(sim, ANN), fund(sim)) == (26_000, 4_774_000)
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 0


def test_the_weakest_goes_first() -> None:
    """LIQ-7: Ann, Cat and Dan are long alike on 50, 48 and 49 dollars: orders leave in the order Cat, Dan, Ann."""
    sim = market(people=5, knobs=NO_FEES)
    for account, dollars in ((ANN, 50), (CAT, 48), (DAN, 49), (BOB, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account, lots in ((ANN, 950), (CAT, 950), (DAN, 950)):
        perp(sim, BOB, SELL, 10_000, lots)
        assert perp(sim, account, BUY, 10_000, lots) == matching.ACCEPTED
    jump(sim, 96.5)
    sent = int(sim.memory[flight.lanes]["sent"][0])
    assert sim.memory[flight.messages]["account"][:sent].tolist() == [CAT, DAN, ANN]


def test_ties_are_broken_by_a_draw() -> None:
    """LIQ-7: seven accounts in the same state; the order is that of the draws by (seed, instant, person)."""
    crowd = list(range(CAT, CAT + 7))
    sim = market(people=9, knobs=NO_FEES)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    for account in crowd:
        sim.endow(account, accounts.USD, 50 * DOLLAR)
        perp(sim, BOB, SELL, 10_000, 1_000)
        perp(sim, account, BUY, 10_000, 1_000)
    jump(sim, 97.0)
    who = sim.memory[accounts.accounts]["who"]
    expected = sorted(crowd, key=lambda a: tie_order(sim.setup.seed, sim.now_us, int(who[a])))
    assert sim.memory[flight.messages]["account"][:7].tolist() == expected != crowd


def test_orders_of_the_engine_queue_with_the_rest() -> None:
    """LIQ-9: 50 ms after the mark Cat sells into the only bid; the engine's order comes at 100 ms and finds nothing."""
    sim = long_at_20x()
    perp(sim, DAN, BUY, 9_700, 100)
    jump(sim, 97.4)
    go(sim, 0.05)
    perp(sim, CAT, SELL, 9_700, 100)
    go(sim, 0.05)
    assert (lots_of(sim, ANN), lots_of(sim, CAT)) == (1_000, -100)
    assert sim.memory[liquidation.cases]["misses"][ANN] == 1


def test_the_mark_is_not_remade_between_two_liquidations() -> None:
    """LIQ-9: two accounts are sold at one instant, the first through three levels; both are measured by one mark."""
    sim = market(people=5, knobs=NO_FEES)
    for account, dollars in ((ANN, 50), (EVE, 50), (BOB, 10_000), (CAT, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account in (ANN, EVE):
        perp(sim, BOB, SELL, 10_000, 1_000)
        perp(sim, account, BUY, 10_000, 1_000)
    for price in (9_735, 9_720, 9_700, 9_660):
        perp(sim, CAT, BUY, price, 50)
    jump(sim, 97.4)
    go(sim, 0.5)
    found = events(sim)
    assert len(found) == 2
    assert found["mark_ticks"].tolist() == [9_740, 9_740]
    assert found["time_us"][0] == found["time_us"][1]
    assert mark(sim) == 9_740


def test_a_full_lane_delays_an_order_and_hangs_nobody() -> None:
    """LIQ-9, FLIGHT-3: the engine's lane has room for one; both accounts are sold in the end."""
    sim = market(people=5, knobs=NO_FEES, lanes=((100_000, 1), (0, 64)))
    for account, dollars in ((ANN, 50), (EVE, 50), (BOB, 10_000)):
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    for account in (ANN, EVE):
        perp(sim, BOB, SELL, 10_000, 1_000)
        perp(sim, account, BUY, 10_000, 1_000)
    perp(sim, BOB, BUY, 9_735, 5_000)
    jump(sim, 97.4)
    go(sim, 30)
    assert {stage(sim), stage(sim, EVE)} == {WELL}
    assert lots_of(sim, ANN) == lots_of(sim, EVE) == 800


def test_who_ruins_himself_between_two_seconds_owes_it_too() -> None:
    """LIQ-2, BACK-2: the mark is 93; in the same second Ann's reduce-only sale fills at 94 and her bid still rests.

    $50 - 60 = -10 and no position: the bid goes, the backstop pays, and the log has the shortfall.
    """
    sim = long_at_20x(active=0)
    perp(sim, CAT, BUY, 9_400, 1_000)
    perp(sim, ANN, BUY, 9_000, 10)
    assert perp(sim, ANN, SELL, 9_400, 1_000, flags=1) == matching.ACCEPTED
    assert (usd(sim, ANN), lots_of(sim, ANN)) == (-10 * DOLLAR, 0)
    go(sim, 1)
    assert (usd(sim, ANN), queue(sim, 0, BUY)) == (0, [])
    (event,) = events(sim)
    assert (event["ticker"], event["stage"], event["shortfall_uusd"]) == (-1, WELL, 10 * DOLLAR)
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 10 * DOLLAR


def test_nobody_is_deleveraged_while_he_has_equity() -> None:
    """LIQ-15: at 97 Ann has 20, and nobody bids: by default Bob's position is cut, by the rule the fund tries again, until the mark
    is back and she is well, or below 95, where nothing is left."""
    for rule in (engine.ALWAYS, engine.BELOW_ZERO):
        knobs = {**NO_FEES, (engine.liquidation_rules, "reduce_from"): rule}
        sim = market(people=2, knobs=knobs, stages=(waterfall.FUND, waterfall.DELEVERAGED))
        sim.endow(ANN, accounts.USD, 50 * DOLLAR)
        sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
        perp(sim, BOB, SELL, 10_000, 1_000)
        perp(sim, ANN, BUY, 10_000, 1_000)
        jump(sim, 97.0)
        go(sim, 5)
        assert lots_of(sim, BOB) == (0 if rule == engine.ALWAYS else -1_000)
        if rule == engine.ALWAYS:
            continue
        jump(sim, 99.0)
        assert (stage(sim), attention.frozen(sim.world, ANN), lots_of(sim, ANN)) == (WELL, 0, 1_000)
        jump(sim, 94.9)
        go(sim, 3)
        assert (lots_of(sim, ANN), lots_of(sim, BOB)) == (0, 0)
        assert sim.audit() == []


def test_debts_without_a_position_are_paid_from_tokens_first() -> None:
    """LIQ-14, CONV-2: Ann owes $10, and her half a token rests in the book: it is taken back and sold, and nothing is missing."""
    sim = market(people=2, knobs=NO_FEES)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    sim.endow(ANN, accounts.token_asset(0), 500_000)
    token(sim, ANN, SELL, 10_500, 5_000)
    token(sim, BOB, BUY, 9_900, 10_000)
    leave(sim, ANN, -10 * DOLLAR)
    go(sim, 3)
    assert queue(sim, 1, SELL) == []
    assert 0 <= usd(sim, ANN) < 3 * DOLLAR and 0 < usd(sim, ANN, accounts.token_asset(0)) < 500_000
    assert sim.memory[waterfall.debts]["shortfall_uusd"][0] == 0
    assert sim.audit() == []
