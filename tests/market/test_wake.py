"""Who wakes, and in which order (WAKE-1 to WAKE-3): traders of Python in an empty market, woken by hand."""

from __future__ import annotations

import pytest

from offhours.agents import desk, wake
from offhours.sim.chance import tie_order
from offhours.sim.market import clock, oracle
from offhours.sim.simulation import Simulation
from plain.peopled import MINUTE, NOISE, SECOND, TUESDAY, people, scenario


def seats(number: int, *groups: str) -> Simulation:
    """A market with so many seats for Python; whoever wakes by himself in the first hour is sent back to sleep."""
    sim = people(scenario(TUESDAY, *groups), python_agents=number)
    until_us = sim.setup.start_us + 60 * MINUTE
    while sim.advance(until_us) == "agent due":
        wake.reschedule(sim.blocks[1].handle, 1 << 60)
    return sim


def due(sim: Simulation) -> int:
    """The agent for whom the loop returned."""
    return int(sim.blocks[1][wake.alarms]["due"][0])


def call(sim: Simulation, number: int, after_us: int) -> None:
    """Put an agent into the queue a second time."""
    wake.wake_at(sim.blocks[1].handle, number, sim.now_us + after_us)


def woken(sim: Simulation, until_us: int) -> list[tuple[int, int]]:
    """(instant, agent) of all who wake until then."""
    found = []
    while sim.advance(until_us) == "agent due":
        found.append((sim.now_us, due(sim)))
        wake.reschedule(sim.blocks[1].handle, 1 << 60)
    return found


@pytest.fixture
def empty() -> Simulation:
    """Room for the doubled keys of nine seats."""
    return seats(9)


def test_agents_wake_in_order_of_time_in_a_market_that_is_there_already(empty: Simulation) -> None:
    """WAKE-1: five instants in no order; at each of them every full second up to it has happened."""
    sim = empty
    sim.blocks[1][wake.alarms]["count"][0] = 0
    base = sim.now_us
    plan = {0: 7 * SECOND, 1: 3 * SECOND, 2: 3 * SECOND + 1, 3: 90 * SECOND - 1, 4: 1}
    for number, after_us in plan.items():
        call(sim, number, after_us)
    found = []
    while sim.advance(base + 100 * SECOND) == "agent due":
        seconds = int(sim.memory[oracle.fallbacks]["seconds"].sum())
        assert seconds == (sim.now_us - sim.setup.start_us) // SECOND
        assert sim.memory[clock.clock]["grid_us"][0] > sim.now_us
        found.append((sim.now_us - base, due(sim)))
        wake.reschedule(sim.blocks[1].handle, 1 << 60)
    assert found == sorted((after_us, number) for number, after_us in plan.items())


def test_ties_go_by_a_draw_that_another_agents_presence_does_not_change(empty: Simulation) -> None:
    """WAKE-2: the seats that wake at one instant come by (seed, instant, person); without one of them the others stay in order."""
    sim = empty
    who = sim.blocks[1][desk.agents]["who"]
    orders = set()
    for _ in range(12):
        instant = sim.now_us + 10 * SECOND
        sim.blocks[1][wake.alarms]["count"][0] = 0
        for number in (3, 1, 4, 0, 2):
            call(sim, number, 10 * SECOND)
        less = sim.fork()
        sim_order = [number for _, number in woken(sim, instant + 1)]
        assert sim_order == sorted(range(5), key=lambda a: tie_order(sim.setup.seed, instant, int(who[a])))
        orders.add(tuple(sim_order))
        less.blocks[1][wake.alarms]["count"][0] = 0
        for number in (2, 0, 3, 1):
            call(less, number, 10 * SECOND)
        assert [number for _, number in woken(less, instant + 1)] == [n for n in sim_order if n != 4]
    assert len(orders) >= 8


def test_one_who_wants_to_wake_in_the_past_wakes_later(empty: Simulation) -> None:
    """WAKE-1: nobody is woken twice at one instant."""
    sim = empty
    sim.blocks[1][wake.alarms]["count"][0] = 0
    base = sim.now_us
    for number in range(3):
        call(sim, number, SECOND)
    seen = []
    for _ in range(6):
        assert sim.advance(base + 10 * SECOND) == "agent due"
        seen.append((sim.now_us - base, due(sim)))
        wake.reschedule(sim.blocks[1].handle, sim.now_us if len(seen) < 4 else base + 5 * SECOND)
    assert {number for _, number in seen[:3]} == {0, 1, 2}
    assert [at for at, _ in seen[:3]] == [SECOND] * 3
    assert all(SECOND < at for at, _ in seen[3:])


def test_the_loop_returns_when_it_has_a_reason() -> None:
    """WAKE-3: an agent who lives in Python, a budget of wakes, and the end; not before the agent has been answered."""
    sim = people(scenario(TUESDAY, NOISE), python_agents=1)
    end = sim.setup.start_us + 2 * 60 * MINUTE
    assert sim.call(end, 3) == "budget spent"
    while (status := sim.advance(end)) == "agent due":
        with pytest.raises(AssertionError):
            wake.run(sim.world, sim.blocks[1].handle, end, 100)
        assert due(sim) == 60
        wake.reschedule(sim.blocks[1].handle, sim.now_us + 45 * MINUTE)
    assert (status, sim.now_us) == ("ended", end)
    assert sim.blocks[1][desk.agents]["wakes"][60] >= 2
