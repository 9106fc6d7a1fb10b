"""Who wakes, sees, decides, submits: the compiled loop around the market's own steps.

WAKE-1  Agents wake by a queue of (instant, agent). The market is brought to the instant first.
WAKE-2  Those who wake at one instant go in an order drawn from (seed, instant, person): a tie favours nobody, and another
        agent's presence does not change it.
WAKE-3  The loop returns when it has a reason: the end, its budget, a log nearly full, or an agent who lives in Python.
"""

from __future__ import annotations

from offhours.agents import arbitrageur, holder, informed, liquidator, maker, noise, participant, retail, visitor
from offhours.agents.desk import NEVER, Agent, Group, agents, groups
from offhours.agents.followers import leans
from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, World, prefetch, table
from offhours.sim.market.attention import prefetch_account
from offhours.sim.market.clock import AGENT_DUE, BUDGET_SPENT, ENDED, RUNNING, clock
from offhours.sim.market.step import bring

__all__ = ["Agent", "Group", "begin", "leave", "queue", "reschedule", "run", "wake_at"]

NOISE, RETAIL, MAKER, ARBITRAGEUR, INFORMED, PARTICIPANT, PYTHON, LIQUIDATOR, HOLDER, VISITOR = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
)

_BITS = 20
_AGENTS = 1 << _BITS
_BASE_EVERY_US = 25 * 86_400 * 1_000_000
_LATEST = (1 << 43) - 1
"""101 days after the base: whoever would sleep longer wakes then."""


class Queue:
    """A 4-ary heap of packed keys, (instant - base) x 2^20 + agent."""

    key: A[int, Column("i8", "key", "packed instant and agent")]


class Alarm:
    """One row: the state of the queue."""

    count: A[int, Column("i8", "count", "keys in the heap")]
    base_us: A[int, Column("i8", "us", "instant that keys count from")]
    tied: A[int, Column("i8", "count", "agents in the tie buffer")]
    served: A[int, Column("i8", "count", "of them, already woken")]
    tied_us: A[int, Column("i8", "us", "their instant")]
    due: A[int, Column("i8", "agent", "the Python agent the loop returned for, or -1")]


class Tie:
    """Agents who wake at one instant, in the order drawn."""

    agent: A[int, Column("i8", "agent", "who")]
    order: A[int, Column("i8", "key", "the draw")]


queue = table(Queue)
alarms = table(Alarm)
ties = table(Tie)


@kernel
def begin(crowd: World, base_us: int) -> None:
    """An empty queue."""
    alarms(crowd)[0].base_us = base_us
    alarms(crowd)[0].due = -1


@kernel
def wake_at(crowd: World, agent: int, instant_us: int) -> None:
    """Put an agent into the queue."""
    alarm = alarms(crowd)[0]
    place = alarm.count
    alarm.count += 1
    queue(crowd)[place].key = _key(alarm.base_us, instant_us, agent)
    while place > 0:
        parent = (place - 1) >> 2
        if queue(crowd)[parent].key <= queue(crowd)[place].key:
            return
        _swap(crowd, place, parent)
        place = parent


@kernel
def _key(base_us: int, instant_us: int, agent: int) -> int:
    assert 0 <= agent < _AGENTS
    return min(max(instant_us - base_us, 0), _LATEST) << _BITS | agent


@kernel
def _swap(crowd: World, i: int, j: int) -> None:
    held = queue(crowd)[i].key
    queue(crowd)[i].key = queue(crowd)[j].key
    queue(crowd)[j].key = held


@kernel
def _replace_top(crowd: World, key: int) -> None:
    """Take the first key out and another in: one sift down."""
    count, place = alarms(crowd)[0].count, 0
    rows = queue(crowd)
    while True:
        child = 4 * place + 1
        if child >= count:
            break
        best, best_key = child, rows[child].key
        for other in range(child + 1, min(child + 4, count)):
            if rows[other].key < best_key:
                best, best_key = other, rows[other].key
        if best_key >= key:
            break
        rows[place].key = best_key
        place = best
    rows[place].key = key


@kernel
def _pop(crowd: World) -> int:
    """Remove and return the first key."""
    alarm = alarms(crowd)[0]
    first = queue(crowd)[0].key
    alarm.count -= 1
    if alarm.count > 0:
        _replace_top(crowd, queue(crowd)[alarm.count].key)
    return first


@kernel
def _is_tied(crowd: World) -> int:
    """1 where another agent wakes at the first one's instant; it can only be one of the root's children."""
    instant = queue(crowd)[0].key >> _BITS
    for child in range(1, min(5, alarms(crowd)[0].count)):
        if queue(crowd)[child].key >> _BITS == instant:
            return 1
    return 0


@kernel
@rare
def _collect_ties(world: World, crowd: World) -> None:
    """Move all who wake at the first instant into the buffer, in the order drawn (WAKE-2)."""
    alarm = alarms(crowd)[0]
    instant = queue(crowd)[0].key >> _BITS
    alarm.tied, alarm.served = 0, 0
    alarm.tied_us = alarm.base_us + instant
    seed = clock(world)[0].seed
    while alarm.count > 0 and queue(crowd)[0].key >> _BITS == instant:
        agent = _pop(crowd) & (_AGENTS - 1)
        order = tie_order(seed, alarm.tied_us, agents(crowd)[agent].who)
        place = alarm.tied
        while place > 0 and ties(crowd)[place - 1].order > order:
            ties(crowd)[place].agent = ties(crowd)[place - 1].agent
            ties(crowd)[place].order = ties(crowd)[place - 1].order
            place -= 1
        ties(crowd)[place].agent = agent
        ties(crowd)[place].order = order
        alarm.tied += 1


@kernel
@rare
def _move_base(crowd: World, now_us: int) -> None:
    """Count from a later instant: keys keep their order, so the heap stays one."""
    alarm = alarms(crowd)[0]
    shift = now_us - alarm.base_us
    for place in range(alarm.count):
        queue(crowd)[place].key -= shift << _BITS
    alarm.base_us = now_us


@kernel
def _prefetch_next(world: World, crowd: World) -> None:
    """Ask for what he who wakes after the first will look at, and for who may wake after him."""
    rows, count = queue(crowd), alarms(crowd)[0].count
    if count < 2:
        return
    second = 1
    for child in range(2, min(5, count)):
        if rows[child].key < rows[second].key:
            second = child
    for child in range(4 * second + 1, min(4 * second + 5, count)):
        prefetch(agents(crowd), rows[child].key & (_AGENTS - 1))
    agent = rows[second].key & (_AGENTS - 1)
    me = agents(crowd)[agent]
    prefetch_account(world, me.account)
    if groups(crowd)[me.group].population == RETAIL:
        prefetch(retail.retail(crowd), me.row)
        prefetch(leans(crowd), agent)


@kernel
def decide(world: World, crowd: World, agent: int) -> int:
    """Let an agent of a compiled population act; returns when he wakes next."""
    me = agents(crowd)[agent]
    me.draws = 0
    population = groups(crowd)[me.group].population
    if population == MAKER:
        next_us = maker.decide(world, crowd, agent, me.row)
    elif population == RETAIL:
        next_us = retail.decide(world, crowd, agent, me.row)
    elif population == NOISE:
        next_us = noise.decide(world, crowd, agent, me.row)
    elif population == ARBITRAGEUR:
        next_us = arbitrageur.decide(world, crowd, agent, me.row)
    elif population == INFORMED:
        next_us = informed.decide(world, crowd, agent, me.row)
    elif population == LIQUIDATOR:
        next_us = liquidator.decide(world, crowd, agent, me.row)
    elif population == VISITOR:
        next_us = visitor.decide(world, crowd, agent, me.row)
    elif population == HOLDER:
        next_us = clock(world)[0].now_us + holder.decide(crowd, me.row)
    else:
        assert population == PARTICIPANT
        next_us = participant.decide(world, crowd, agent, me.row)
    me.wakes += 1
    return next_us


@kernel
def reschedule(crowd: World, next_us: int) -> None:
    """A Python agent has acted: when he wakes next."""
    alarm = alarms(crowd)[0]
    assert alarm.due >= 0
    agents(crowd)[alarm.due].wakes += 1
    agent = alarm.due
    alarm.due = -1
    if alarm.served < alarm.tied:
        alarm.served += 1
        wake_at(crowd, agent, max(next_us, alarm.tied_us + 1))
    else:
        _replace_top(crowd, _key(alarm.base_us, next_us, agent))


@kernel
def leave(crowd: World) -> None:
    """A Python agent has acted and is not woken again, unless `wake_at` puts him into the queue anew."""
    alarm = alarms(crowd)[0]
    assert alarm.due >= 0
    agents(crowd)[alarm.due].wakes += 1
    alarm.due = -1
    if alarm.served < alarm.tied:
        alarm.served += 1
    else:
        _pop(crowd)


@kernel
def run(world: World, crowd: World, until_us: int, work: int) -> int:
    """Run market and population until an instant, at most so many wakes; returns why it stopped (WAKE-3)."""
    alarm = alarms(crowd)[0]
    until_us = min(until_us, clock(world)[0].end_us)
    assert alarm.due < 0, "a Python agent has not said when he wakes next"
    for _ in range(work):
        buffered = alarm.served < alarm.tied
        if not buffered and alarm.count > 0 and _is_tied(crowd):
            if alarm.base_us + (queue(crowd)[0].key >> _BITS) <= until_us:
                _collect_ties(world, crowd)
                buffered = True
        if buffered:
            agent, at_us = ties(crowd)[alarm.served].agent, alarm.tied_us
        elif alarm.count > 0:
            agent = queue(crowd)[0].key & (_AGENTS - 1)
            at_us = alarm.base_us + (queue(crowd)[0].key >> _BITS)
            _prefetch_next(world, crowd)
        else:
            agent, at_us = -1, NEVER
        if at_us > until_us:
            status = bring(world, until_us)
            return ENDED if status == RUNNING else status
        status = bring(world, at_us)
        if status != RUNNING:
            return status
        if at_us - alarm.base_us > _BASE_EVERY_US:
            _move_base(crowd, at_us)
        if groups(crowd)[agents(crowd)[agent].group].population == PYTHON:
            agents(crowd)[agent].draws = 0
            alarm.due = agent
            return AGENT_DUE
        next_us = max(decide(world, crowd, agent), at_us + 1)
        if buffered:
            alarm.served += 1
            wake_at(crowd, agent, next_us)
        else:
            _replace_top(crowd, _key(alarm.base_us, next_us, agent))
    return BUDGET_SPENT
