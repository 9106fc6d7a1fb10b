"""Triggers: what waits for a mark (TRIG-1, TRIG-2)."""

from __future__ import annotations

from offhours.sim.market import stops, triggers
from offhours.sim.market.triggers import WINDOW
from plain.market import ANN, BOB, BUY, SELL, jump, mark, market, waiting_stops


def test_a_move_fires_what_it_crosses_each_thing_once() -> None:
    """TRIG-1: stops at 99, 98 and 97 below, 101 above; down to 98, up to 101, down to 98 again."""
    sim = market()
    for price in (9_900, 9_800, 9_700, 10_100):
        assert stops.place_stop(sim.world, ANN, 0, SELL, price, 1, 0) == 0
    jump(sim, 98.0)
    jump(sim, 100.0)
    assert waiting_stops(sim, ANN) == 2
    jump(sim, 101.0)
    jump(sim, 98.0)
    jump(sim, 98.0)
    assert waiting_stops(sim, ANN) == 1
    assert sim.memory[triggers.hits]["node"][0] == 0


def test_a_tick_short_does_not_fire() -> None:
    """TRIG-1: 98.01 is not 98, 101.99 is not 102."""
    sim = market()
    stops.place_stop(sim.world, ANN, 0, SELL, 9_800, 1, 0)
    stops.place_stop(sim.world, BOB, 0, BUY, 10_200, 1, 0)
    jump(sim, 98.01)
    jump(sim, 101.99)
    assert (waiting_stops(sim, ANN), waiting_stops(sim, BOB)) == (1, 1)
    jump(sim, 102.0)
    jump(sim, 97.0)
    jump(sim, 97.0)
    assert (waiting_stops(sim, ANN), waiting_stops(sim, BOB)) == (0, 0)


def test_what_waits_beyond_the_window_waits_for_its_own_price() -> None:
    """TRIG-2: at $100 the window ends at $181.91. Stops at $660, $700, $1,500 wait at its edge; the mark jumps to $670."""
    sim = market()
    for price in (66_000, 70_000, 150_000):
        stops.place_stop(sim.world, ANN, 0, BUY, price, 1, 0)
    assert sim.memory[triggers.trigger_nodes]["row"].max() == 2 * WINDOW
    jump(sim, 670.0)
    jump(sim, 670.0)
    assert waiting_stops(sim, ANN) == 2
    assert sim.memory[triggers.trigger_windows]["base_ticks"][0] == 67_000 - WINDOW // 2
    jump(sim, 699.99)
    jump(sim, 699.99)
    assert waiting_stops(sim, ANN) == 2
    jump(sim, 700.0)
    jump(sim, 1_499.99)
    assert waiting_stops(sim, ANN) == 1
    jump(sim, 1_500.0)
    jump(sim, 1_500.0)
    assert waiting_stops(sim, ANN) == 0


def test_the_window_comes_back_with_the_mark() -> None:
    """TRIG-2: a stop at $90 is found again after an excursion to $1,000, below the window of which it lies."""
    sim = market()
    stops.place_stop(sim.world, ANN, 0, SELL, 9_000, 1, 0)
    for price in (1_000.0, 500.0, 90.01):
        jump(sim, price)
        assert waiting_stops(sim, ANN) == 1
    assert mark(sim) == 9_001
    jump(sim, 90.0)
    jump(sim, 90.0)
    assert waiting_stops(sim, ANN) == 0
