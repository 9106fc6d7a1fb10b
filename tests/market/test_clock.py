"""The clock: instants, phases, halts and the grid (CLOCK-1 to CLOCK-4)."""

from __future__ import annotations

import pytest

from offhours.sim.market import clock, oracle
from plain.market import FRIDAY_OPEN, HOUR, MINUTE, SECOND, go, market, put_price


def test_time_is_integer_microseconds_and_phases_follow_one_another_without_a_gap() -> None:
    """CLOCK-1, CLOCK-2: from Friday's open to the next Tuesday."""
    sim = market()
    rows = sim.memory[clock.phases]
    assert sim.memory[clock.clock].dtype["now_us"].kind == "i"
    assert rows["start_us"][0] <= FRIDAY_OPEN and rows["end_us"][-1] >= FRIDAY_OPEN + 96 * HOUR
    assert rows["start_us"][1:].tolist() == rows["end_us"][:-1].tolist()
    assert (rows["start_us"] < rows["end_us"]).all()


def test_a_phase_ends_with_its_last_microsecond() -> None:
    """CLOCK-2: at 15:59:59.999999 it is regular, at 16:00 it is post-market."""
    sim = market()
    close = FRIDAY_OPEN + 6 * HOUR + 30 * MINUTE
    assert clock.phase(sim.world) == clock.REGULAR
    sim.advance(close - 1)
    assert clock.phase(sim.world) == clock.REGULAR
    sim.advance(close)
    assert clock.phase(sim.world) == clock.POST
    sim.advance(close + 4 * HOUR)
    assert (clock.phase(sim.world), clock.visible(sim.world)) == (clock.WEEKEND, 0)


def test_a_halt_is_laid_over_a_regular_phase_and_lifted_again() -> None:
    """CLOCK-3."""
    sim = market()
    clock.halt(sim.world)
    assert (clock.phase(sim.world), clock.visible(sim.world)) == (clock.HALTED, 0)
    with pytest.raises(AssertionError):
        clock.halt(sim.world)
    clock.resume(sim.world)
    assert (clock.phase(sim.world), clock.visible(sim.world)) == (clock.REGULAR, 1)
    with pytest.raises(AssertionError):
        clock.resume(sim.world)


def test_prices_move_at_whole_seconds_only() -> None:
    """CLOCK-4: looked at every 300 ms, the mark changes at the full second and never in between."""
    sim = market()
    put_price(sim, 101.0)
    seen = []
    for step in range(1, 8):
        sim.advance(FRIDAY_OPEN + step * 300_000)
        seen.append(int(sim.memory[oracle.oracles]["mark_ticks"][0]))
    assert seen == [10_000] * 3 + [10_100] * 4
    assert sim.memory[clock.clock]["grid_us"][0] == FRIDAY_OPEN + 3 * SECOND


def test_the_clock_does_not_go_back() -> None:
    """CLOCK-1."""
    sim = market()
    go(sim, 1)
    with pytest.raises(AssertionError):
        clock.enter(sim.world, FRIDAY_OPEN)
