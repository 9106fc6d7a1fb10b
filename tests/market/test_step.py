"""The itinerary of an instant (STEP-1, STEP-2)."""

from __future__ import annotations

import pytest

from offhours.sim.market import attention, bank, clock, flight, funding, liquidation, matching, oracle, stops
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    FRIDAY_OPEN,
    MINUTE,
    NO_FEES,
    SECOND,
    SELL,
    go,
    lots_of,
    market,
    perp,
    put_price,
    queue,
    usd,
)


def test_the_second_comes_before_a_message_of_the_same_instant() -> None:
    """STEP-1: an order due at a full second meets the band of that second's mark: 125 is refused around 100, not around 110."""
    sim = market(dollars=10_000, latency_us=SECOND)
    flight.send(sim.world, 1, ANN, 0, matching.LIMIT, SELL, 12_500, 1, 0, 0)
    put_price(sim, 110.0)
    go(sim, 1)
    assert queue(sim, 0, SELL) == [(12_500, ANN, 1)]


def test_deposits_come_before_risk() -> None:
    """STEP-1: the second that would liquidate Ann is the one in which her deposit arrives."""
    sim = market(people=2, knobs=NO_FEES, start_us=FRIDAY_OPEN)
    for account, dollars in ((ANN, 50), (BOB, 1_000)):
        sim.endow(account, 0, dollars * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    bank.send_dollars(sim.world, ANN, bank.STABLECOIN_IN, 20 * DOLLAR)
    go(sim, 599)
    put_price(sim, 97.0)
    go(sim, 1)
    assert (sim.equity(ANN), attention.frozen(sim.world, ANN)) == (40 * DOLLAR, 0)


def test_funding_is_settled_before_the_trades_of_its_instant() -> None:
    """STEP-1, FUND-5: at 10:00 Ann's 10 lots are charged for the hour before; an order due at 10:00 adds ten more after it."""
    sim = market(dollars=1_000, knobs=NO_FEES)
    perp(sim, BOB, SELL, 10_000, 30)
    perp(sim, ANN, BUY, 10_000, 10)
    go(sim, 1)
    sim.memory[funding.fundings]["hourly_pusd"][0] = 3_600 * 1_000_000  # a micro-dollar a second and lot
    go(sim, 30 * 60 - 2)
    flight.send(sim.world, 0, ANN, 0, matching.LIMIT, BUY, 10_000, 10, 0, 0)
    row = sim.memory[flight.messages][0]
    row["due_us"] = FRIDAY_OPEN + 30 * MINUTE
    sim.memory[flight.nexts]["due_us"][0] = FRIDAY_OPEN + 30 * MINUTE
    go(sim, 1)
    assert lots_of(sim, ANN) == 20
    assert usd(sim, ANN) == 980 * DOLLAR - 10 * 1_799


def test_risk_comes_before_stops_and_both_before_the_orders_of_that_instant() -> None:
    """STEP-1: one mark opens Ann's case and fires Cat's stop: the engine's lane carries the stop, then the step."""
    sim = market(people=3, knobs=NO_FEES)
    for account, dollars in ((ANN, 50), (BOB, 1_000), (CAT, 1_000)):
        sim.endow(account, 0, dollars * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    stops.place_stop(sim.world, CAT, 0, SELL, 9_750, 5, 0)
    stops.place_stop(sim.world, ANN, 0, SELL, 9_750, 5, 0)
    put_price(sim, 97.0)
    go(sim, 1)
    lane = sim.memory[flight.lanes][0]
    kinds = sim.memory[flight.messages]["kind"][: int(lane["sent"])].tolist()
    assert sorted(kinds) == sorted([stops.MARKET_STOP, stops.MARKET_STOP, matching.IOC])
    assert sim.memory[stops.stop_lists]["head"][ANN] == stops.NO_STOP
    assert sim.memory[liquidation.cases]["pending"][ANN] == 1
    go(sim, 0.1)
    assert sim.memory[matching.refused]["count"][matching.GONE] == 1


def test_nothing_is_due_between_two_seconds() -> None:
    """STEP-2: half a second of calls changes the clock and nothing else."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 9_900, 1)
    go(sim, 1)
    before = {name: rows.tobytes() for name, rows in sim.memory.arrays.items() if name != "Clock"}
    clocks = sim.memory[clock.clock][0].copy()
    for step in range(1, 6):
        sim.advance(sim.now_us + 100_000 - (1 if step == 5 else 0))
    assert {name: rows.tobytes() for name, rows in sim.memory.arrays.items() if name != "Clock"} == before
    now = sim.memory[clock.clock][0]
    assert [n for n in now.dtype.names if now[n] != clocks[n]] == ["now_us"]


@pytest.mark.parametrize("stride_us", [SECOND, 77_777, 13 * SECOND + 5])
def test_how_far_one_goes_at_a_time_does_not_matter(stride_us: int) -> None:
    """STEP-1, CLOCK-4: ten minutes in one call, or in strides."""
    digests = []
    for stride in (10 * MINUTE, stride_us):
        sim = market(dollars=1_000, shares_of_tokens=5, pinned=False)
        perp(sim, ANN, BUY, 9_900, 100)
        flight.send(sim.world, 1, BOB, 0, matching.LIMIT, SELL, 9_900, 7, 0, 0)
        while sim.now_us < FRIDAY_OPEN + 10 * MINUTE:
            sim.advance(min(sim.now_us + stride, FRIDAY_OPEN + 10 * MINUTE))
        digests.append((sim.digest(), sim.tape.digest()))
    assert digests[0] == digests[1]


def test_the_run_ends_at_its_end() -> None:
    """STEP-1: an advance beyond the end stops there."""
    sim = market(days=1)
    assert sim.advance(FRIDAY_OPEN + 30 * 24 * 60 * MINUTE) == "ended"
    assert sim.now_us == sim.setup.end_us
    assert sim.memory[oracle.fallbacks]["seconds"].sum() == 86_400


def test_a_budget_and_a_full_log_are_reasons_to_return() -> None:
    """STEP-1: sixty seconds of budget; logs so small that they must be drained on the way, which loses no row."""
    sim = market()
    assert sim.call(FRIDAY_OPEN + 60 * MINUTE, 60) == "budget spent"
    assert sim.now_us == FRIDAY_OPEN + MINUTE
    small, large = market(log_rows=256), market()
    assert small.call(FRIDAY_OPEN + 120 * MINUTE, 10_000) == "log nearly full"
    small.advance(FRIDAY_OPEN + 120 * MINUTE)
    large.advance(FRIDAY_OPEN + 120 * MINUTE)
    assert small.tape.digest() == large.tape.digest()
