"""Who wakes when: WAKE-1 to WAKE-3."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from offhours.agents import desk, seat, wake
from offhours.sim.chance import uniform
from offhours.sim.market import clock, flight
from plain import peopled as p

ONE_OF_EACH = (p.TUESDAY, p.MAKERS, p.NOISE)


def empty_market(python_agents: int, days: int = 3, **more: Any) -> Any:
    """A market whose only agents are written in Python."""
    end = 5 + days
    when = f'start = "2026-05-05 09:30"\nmeasure_from = "2026-05-05 09:30"\nend = "2026-{5 + end // 31:02d}-{end % 31:02d} 09:30"'
    return p.people(p.scenario(when), python_agents=python_agents, **more)


def sleeper(sim: Any, log: list[tuple[int, int]], agent: int, lengths: Callable[[int], int]) -> Callable[[], int]:
    """An agent who writes down when he is woken and sleeps so long after his n-th wake."""
    count = 0

    def act() -> int:
        nonlocal count
        count += 1
        log.append((sim.now_us, agent))
        return int(sim.now_us + lengths(count))

    return act


def test_agents_wake_when_they_said_in_order_of_time() -> None:
    """WAKE-1, against a sorted list of what they asked for; 300 agents fill four levels of the heap."""
    sim, log = empty_market(300), []
    asked: list[tuple[int, int]] = []

    def trader(agent: int) -> Callable[[], int]:
        def act() -> int:
            log.append((sim.now_us, agent))
            next_us = sim.now_us + 1 + int(uniform(3, 1, agent, len(log)) * p.HOUR)
            asked.append((next_us, agent))
            return next_us

        return act

    until_us = sim.now_us + 6 * p.HOUR
    assert seat.run(sim, until_us, {agent: trader(agent) for agent in range(300)}) == "ended"
    assert len(log) > 3_000
    assert [at for at, _ in log] == sorted(at for at, _ in log)
    assert sorted(log[300:]) != sorted(asked)
    firsts = {agent: at for at, agent in reversed(log)}
    assert sorted(log) == sorted([(at, agent) for agent, at in firsts.items()] + [a for a in asked if a[0] <= until_us])


def test_the_market_is_brought_to_the_instant_first() -> None:
    """WAKE-1: who wakes at a full second finds that second's prices made."""
    sim = empty_market(1)
    begun = sim.now_us
    grids = []

    def act() -> int:
        grids.append((sim.now_us, int(sim.memory[clock.clock]["grid_us"][0])))
        return (sim.now_us // p.SECOND + 1) * p.SECOND

    seat.run(sim, begun + 2 * p.HOUR, {0: act})
    assert len(grids) > 3_600
    for now_us, grid_us in grids[1:]:
        assert now_us % p.SECOND == 0
        assert grid_us == now_us + p.SECOND, "the grid of this instant is behind us"


def ties(agents: int, only: tuple[int, ...] = (), seconds: int = 1_500) -> list[tuple[int, int]]:
    """Agents who all wake at each full second; those beside `only` sleep for an odd time instead."""
    sim = empty_market(agents)
    log: list[tuple[int, int]] = []

    def trader(agent: int) -> Callable[[], int]:
        def act() -> int:
            log.append((sim.now_us, agent))
            whole = (sim.now_us // p.SECOND + 1) * p.SECOND
            return whole if not only or agent in only else whole + 500_000 + agent

        return act

    seat.run(sim, sim.now_us + p.HOUR, {})
    for agent in range(agents):
        wake.wake_at(sim.blocks[1].handle, agent, sim.now_us + 1)
    seat.run(sim, sim.now_us + seconds * p.SECOND, {agent: trader(agent) for agent in range(agents)})
    return log


def orders_of(log: list[tuple[int, int]], agents: tuple[int, ...]) -> dict[int, list[int]]:
    """Who came in which order, at each instant at which all of them woke."""
    found: dict[int, list[int]] = {}
    for at, agent in log:
        if agent in agents:
            found.setdefault(at, []).append(agent)
    return {at: order for at, order in found.items() if len(order) == len(agents)}


def test_a_tie_favours_nobody() -> None:
    """WAKE-2: each of three agents is first, second and third at a third of 1,500 instants (within 4 sd)."""
    orders = np.array(list(orders_of(ties(3), (0, 1, 2)).values()))
    assert len(orders) >= 1_490
    expected, sd = len(orders) / 3, (len(orders) * 2 / 9) ** 0.5
    for place in range(3):
        counts = np.bincount(orders[:, place], minlength=3)
        assert (abs(counts - expected) < 4 * sd).all(), counts
    follows = [(tuple(a), tuple(b)) for a, b in pairwise(orders)]
    assert len(set(follows)) == 36, "the order of one instant says nothing of the next"


def test_anothers_presence_does_not_change_who_goes_first() -> None:
    """WAKE-2: the order of two is the same, instant by instant, with four others between them and without."""
    crowded = orders_of(ties(6, seconds=400), (1, 4))
    lonely = orders_of(ties(6, only=(1, 4), seconds=400), (1, 4))
    both = crowded.keys() & lonely.keys()
    assert len(both) >= 395
    assert [crowded[at] for at in both] == [lonely[at] for at in both]


def test_a_tied_agent_who_wakes_again_at_once_waits_for_the_others() -> None:
    """Nobody has two turns in one instant: a sleep of nothing is a microsecond."""
    sim, log = empty_market(2), []
    traders = {agent: sleeper(sim, log, agent, lambda n: 0 if n % 5 else p.SECOND) for agent in range(2)}
    seat.run(sim, sim.now_us + p.HOUR + 30 * p.SECOND, traders)
    assert len(log) > 200
    assert len(set(log)) == len(log)


def test_the_loop_says_why_it_stopped() -> None:
    """WAKE-3: its end, its budget, a log nearly full, an agent who lives in Python."""
    sim = p.people(p.scenario(*ONE_OF_EACH), python_agents=1, log_rows=256)
    world, crowd = (memory.handle for memory in sim.blocks)
    seen = set()
    until_us = sim.now_us + 8 * p.HOUR
    while True:
        status = int(wake.run(world, crowd, until_us, 500))
        seen.add(status)
        if status == clock.AGENT_DUE:
            due = int(sim.blocks[1][wake.alarms]["due"][0])
            assert due == len(sim.blocks[1][desk.agents]) - 1
            with pytest.raises(AssertionError):
                wake.run(world, crowd, until_us, 500)
            wake.reschedule(crowd, sim.now_us + 10 * p.MINUTE)
        elif status == clock.LOG_NEARLY_FULL:
            assert any(4 * row["count"] > 3 * row["room"] for row in sim.memory[clock.logs])
            sim.tape.drain(sim.memory)
        elif status == clock.ENDED:
            break
    assert seen == {clock.ENDED, clock.BUDGET_SPENT, clock.LOG_NEARLY_FULL, clock.AGENT_DUE}
    assert sim.now_us == until_us


def test_where_the_loop_stops_makes_no_difference() -> None:
    """The same tape in one run, in runs of 7 minutes, and with three wakes a call."""
    tapes = []
    for length_us, work in ((4 * p.HOUR, 1 << 20), (7 * p.MINUTE, 1 << 20), (4 * p.HOUR, 3)):
        sim = p.people(p.scenario(*ONE_OF_EACH))
        world, crowd = (memory.handle for memory in sim.blocks)
        end_us = sim.now_us + 4 * p.HOUR
        while sim.now_us < end_us:
            until_us = min(end_us, sim.now_us + length_us)
            while int(wake.run(world, crowd, until_us, work)) != clock.ENDED:
                sim.tape.drain(sim.memory)
        sim.tape.drain(sim.memory)
        tapes.append(sim.tape.digest())
    assert tapes[0] == tapes[1] == tapes[2]


def test_keys_keep_their_order_when_the_queue_counts_from_a_later_instant() -> None:
    """The base moves in long runs; agents still wake to the microsecond."""
    sim = empty_market(3, days=60)
    log: list[tuple[int, int]] = []
    hours = (7, 11, 13)
    traders = {agent: sleeper(sim, log, agent, lambda n, agent=agent: hours[agent] * p.HOUR + 1) for agent in range(3)}
    begun = sim.now_us
    seat.run(sim, begun + 59 * p.DAY, traders)
    assert sim.blocks[1][wake.alarms]["base_us"][0] > begun + 50 * p.DAY
    for agent in range(3):
        own = [at for at, who in log if who == agent]
        assert set(np.diff(own)) == {hours[agent] * p.HOUR + 1}
        assert len(own) == (begun + 59 * p.DAY - own[0]) // (hours[agent] * p.HOUR + 1) + 1


def test_a_message_of_this_instant_arrives_before_the_next_agent_wakes() -> None:
    """WAKE-1: what the first of two who wake together sent without latency has arrived when the second looks."""
    sim = empty_market(2)
    world, crowd = (memory.handle for memory in sim.blocks)
    sent: list[int] = []

    def trader(agent: int) -> Callable[[], int]:
        def act() -> int:
            assert sim.memory[flight.nexts]["due_us"][0] > sim.now_us
            assert sim.memory[clock.clock]["messages"][0] == len(sent), "a refused order is a message, too"
            sent.append(sim.now_us)
            assert seat.send(world, crowd, agent, 0, desk.PERP, desk.BUY, 1.0, 1.0, desk.LIMIT, 0) == 0
            assert sim.memory[flight.nexts]["due_us"][0] == sim.now_us
            return (sim.now_us // p.SECOND + 1) * p.SECOND

        return act

    seat.run(sim, sim.now_us + p.HOUR + 60 * p.SECOND, {0: trader(0), 1: trader(1)})
    assert len(sent) - len(set(sent)) > 50
