"""Stop and take-profit orders on the mark (STOP-1, STOP-2)."""

from __future__ import annotations

from offhours.sim.market import matching, stops
from offhours.sim.market.orders import REDUCE_ONLY
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    SELL,
    Simulation,
    go,
    jump,
    lots_of,
    market,
    perp,
    refusals,
    trades,
    waiting_stops,
)


def long_of_ten() -> Simulation:
    """Bob is long 10, and Cat bids and asks for 100 at 9,000 and 11,000."""
    sim = market(dollars=10_000)
    perp(sim, ANN, SELL, 10_000, 10)
    perp(sim, BOB, BUY, 10_000, 10)
    perp(sim, CAT, BUY, 9_000, 100)
    perp(sim, CAT, SELL, 11_000, 100)
    return sim


def test_a_stop_becomes_a_market_order_when_the_mark_is_there() -> None:
    """STOP-1: the mark reaches 95 at second 1; the order takes the engine's 100 ms and fills at the bid of 90."""
    sim = long_of_ten()
    assert stops.place_stop(sim.world, BOB, 0, SELL, 9_500, 10, REDUCE_ONLY) == matching.ACCEPTED
    jump(sim, 95.01)
    assert waiting_stops(sim, BOB) == 1
    jump(sim, 95.0)
    assert lots_of(sim, BOB) == 10
    go(sim, 0.099999)
    assert lots_of(sim, BOB) == 10
    go(sim, 0.000001)
    assert lots_of(sim, BOB) == 0
    last = trades(sim)[-1]
    assert (last["price_ticks"], last["seller"], last["forced"]) == (9_000, BOB, 0)


def test_a_take_profit_waits_above() -> None:
    """STOP-1: it sells when the mark has risen to 105, and not when it falls."""
    sim = long_of_ten()
    stops.place_stop(sim.world, BOB, 0, SELL, 10_500, 10, REDUCE_ONLY)
    jump(sim, 96.0)
    jump(sim, 104.99)
    go(sim)
    assert lots_of(sim, BOB) == 10
    jump(sim, 105.0)
    go(sim)
    assert lots_of(sim, BOB) == 0


def test_a_stop_that_opens() -> None:
    """STOP-1: without the flag a stop may open a position: buy 3 when the mark is at 102."""
    sim = long_of_ten()
    stops.place_stop(sim.world, ANN, 0, BUY, 10_200, 13, 0)
    jump(sim, 102.0)
    go(sim)
    assert lots_of(sim, ANN) == 3


def test_a_stop_at_the_mark_itself_is_sent_at_once() -> None:
    """STOP-1."""
    sim = long_of_ten()
    stops.place_stop(sim.world, BOB, 0, SELL, 10_000, 10, REDUCE_ONLY)
    go(sim, 0.1)
    assert (lots_of(sim, BOB), waiting_stops(sim, BOB)) == (0, 0)


def test_a_reduce_only_stop_never_opens() -> None:
    """STOP-2: the position is gone when the stop fires, and the order is refused."""
    sim = long_of_ten()
    stops.place_stop(sim.world, BOB, 0, SELL, 9_500, 10, REDUCE_ONLY)
    perp(sim, BOB, SELL, 9_000, 10)
    jump(sim, 94.0)
    go(sim)
    assert (lots_of(sim, BOB), refusals(sim, matching.NOT_REDUCING)) == (0, 1)


def test_a_stop_that_was_dropped_does_not_fire_nor_does_the_one_that_took_its_row() -> None:
    """STOP-1: the first stop fires; on its way it is dropped, and another is placed in the same row. That one still waits."""
    sim = long_of_ten()
    stops.place_stop(sim.world, BOB, 0, SELL, 9_500, 10, REDUCE_ONLY)
    jump(sim, 95.0)
    assert stops.drop_all(sim.world, BOB) == 1
    stops.place_stop(sim.world, BOB, 0, SELL, 9_300, 10, REDUCE_ONLY)
    go(sim)
    assert (lots_of(sim, BOB), waiting_stops(sim, BOB), refusals(sim, matching.GONE)) == (10, 1, 1)


def test_dropping_takes_the_right_one_of_several() -> None:
    """STOP-1: three stops of one owner; the one in the middle fires."""
    sim = long_of_ten()
    for price in (9_400, 9_800, 9_300):
        stops.place_stop(sim.world, BOB, 0, SELL, price, 2, REDUCE_ONLY)
    stops.place_stop(sim.world, ANN, 0, BUY, 9_700, 2, REDUCE_ONLY)
    jump(sim, 97.5)
    go(sim)
    assert (lots_of(sim, BOB), lots_of(sim, ANN)) == (8, -10)
    assert (waiting_stops(sim, BOB), waiting_stops(sim, ANN)) == (2, 1)
    assert stops.drop_all(sim.world, BOB) == 2


def test_refusals_of_stops() -> None:
    """STOP-1, MATCH-6: no size, and no room."""
    sim = market(stops=2)
    assert stops.place_stop(sim.world, ANN, 0, SELL, 9_000, 0, 0) == matching.BAD_SIZE
    assert stops.place_stop(sim.world, ANN, 0, SELL, 9_000, 1, 0) == matching.ACCEPTED
    assert stops.place_stop(sim.world, ANN, 0, SELL, 9_000, 1, 0) == matching.ACCEPTED
    assert stops.place_stop(sim.world, BOB, 0, SELL, 9_000, 1, 0) == matching.POOL_FULL


def test_liquidation_voids_stops() -> None:
    """STOP-2, LIQ-2: Bob's two stops are gone when his case opens, and he can place none until it is closed."""
    sim = market(people=3, dollars=60)
    perp(sim, ANN, SELL, 10_000, 1_000)
    perp(sim, BOB, BUY, 10_000, 1_000)
    stops.place_stop(sim.world, BOB, 0, SELL, 9_000, 10, REDUCE_ONLY)
    stops.place_stop(sim.world, BOB, 0, SELL, 11_000, 10, REDUCE_ONLY)
    jump(sim, 96.2)
    assert waiting_stops(sim, BOB) == 0
    assert stops.place_stop(sim.world, BOB, 0, SELL, 9_000, 10, REDUCE_ONLY) == matching.IN_LIQUIDATION
