"""A seat in the market for a trader who is written in Python: what he sees, what he sends, when he is woken.

The compiled loop runs until a Python agent is due and returns (WAKE-3). Here is what happens between two of its runs, with
nothing but functions and numbers, so that a wake costs a few crossings into compiled code; `mesa_model` builds its agents
on it. An order is in flight for the seat's latency, like anybody's, and may be refused when it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from offhours.agents import desk, wake
from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market import accounts, clock, margin, oracle, positions
from offhours.sim.market.clock import AGENT_DUE, ASKING, BUDGET_SPENT, LOG_NEARLY_FULL
from offhours.sim.simulation import STATUS, Simulation

Function = TypeVar("Function", bound=Callable[..., Any])
Trader = Callable[[], "int | None"]
"""Acts and returns the instant (microseconds) of his next wake, or None for never again."""

_WAKES_A_CALL = 20_000


def door(function: Function) -> Function:
    """The entrance of a kernel for Python, without the detour through the kernel itself; uncompiled, the kernel."""
    return getattr(function, "door", function)


@kernel
def look(world: World, crowd: World, agent: int, ticker: int) -> tuple[float, float, float, float, float, float, float]:
    """All at once: best bid and ask of the perp (-1 where empty), mark, index, the stock's last quote, own perp position
    in shares and own equity, in dollars."""
    return (
        desk.best_usd(world, ticker, desk.PERP, desk.BUY),
        desk.best_usd(world, ticker, desk.PERP, desk.SELL),
        desk.mark_usd(world, ticker),
        desk.index_usd(world, ticker),
        desk.stock_usd(world, ticker),
        desk.position_shares(world, crowd, agent, ticker),
        desk.equity_usd(world, crowd, agent),
    )


@kernel
def send(world: World, crowd: World, agent: int, ticker: int, which: int, side: int, price_usd: float, shares: float, kind: int, flags: int) -> int:  # fmt: skip
    """Send an order in dollars and shares to the PERP or TOKEN book: price to the nearest tick, size down to a lot.

    0, or a refusal when too many messages are in flight. What is smaller than a lot is refused on arrival.
    """
    price_ticks = desk.ticks(world, ticker, which, price_usd)
    return desk.order(
        world, crowd, agent, ticker, which, side, price_ticks, desk.lots(world, ticker, which, shares), kind, flags
    )


@kernel
def send_stop(world: World, crowd: World, agent: int, ticker: int, side: int, trigger_usd: float, shares: float) -> int:
    """Send a reduce-only stop on the mark in dollars and shares. 0 or a refusal, as `send`."""
    size_lots = desk.lots(world, ticker, desk.PERP, shares)
    return desk.stop(world, crowd, agent, ticker, side, desk.ticks(world, ticker, desk.PERP, trigger_usd), size_lots)


@kernel
def equity_of_group_usd(world: World, group: int) -> float:
    """Equity at the mark of all accounts that report under a group, buckets included, dollars."""
    total = 0
    for account in range(clock.clock(world)[0].accounts):
        if accounts.accounts(world)[account].group == group:
            total += margin.equity(world, account)
    return total / 1.0e6


@kernel
def perps_of_group_usd(world: World, group: int, side: int) -> float:
    """Notional at the mark of the perp positions on one side of all accounts of a group, dollars."""
    total = 0.0
    for account in range(clock.clock(world)[0].accounts):
        if accounts.accounts(world)[account].group == group:
            for ticker in range(clock.clock(world)[0].tickers):
                lots = positions.size(world, account, ticker) * side
                if lots > 0:
                    total += lots * desk.lot_shares(world, ticker, desk.PERP) * desk.mark_usd(world, ticker)
    return total


@kernel
def beside_of_group_usd(world: World, group: int) -> float:
    """What the accounts of a group own beside their equity: broker dollars, tokens and shares at the index, dollars."""
    total = 0.0
    for account in range(clock.clock(world)[0].accounts):
        if accounts.accounts(world)[account].group == group:
            total += accounts.amount(world, account, accounts.BROKER_USD) / 1.0e6
            for ticker in range(clock.clock(world)[0].tickers):
                held = accounts.amount(world, account, accounts.token_asset(ticker))
                held += accounts.amount(world, account, accounts.share_asset(ticker))
                total += held / 1.0e6 * oracle.oracles(world)[ticker].index_usd
    return total


def run(simulation: Simulation, until_us: int, traders: Mapping[int, Trader]) -> str:
    """Run market and populations until an instant, waking the Python agents on the way; returns one of STATUS.

    `traders` are by agent row; a seat without one is not woken again (`wake.wake_at` brings it back). An exception in a
    trader stops the run with him still due: the next run wakes him again at the same instant.
    """
    if simulation.broken:
        raise RuntimeError("this simulation failed an assertion and can only be inspected")
    world, crowd = (memory.handle for memory in simulation.blocks)
    due, now = simulation.blocks[1][wake.alarms]["due"], simulation.memory[clock.clock]["now_us"]
    go_on, sleep, leave = door(wake.run), door(wake.reschedule), door(wake.leave)
    try:
        while True:
            agent = due.item(0)
            if agent < 0:
                try:
                    status = go_on(world, crowd, until_us, _WAKES_A_CALL)
                except AssertionError:
                    simulation.broken = True
                    raise
                if status == BUDGET_SPENT or status == LOG_NEARLY_FULL:
                    simulation.tape.drain(simulation.memory)
                    continue
                if status == ASKING:
                    simulation.answer()
                    continue
                if status != AGENT_DUE:
                    return STATUS[status]
                agent = due.item(0)
            trader = traders.get(agent)
            next_us = None if trader is None else trader()
            if next_us is None:
                leave(crowd)
            else:
                sleep(crowd, max(next_us, now.item(0) + 1))
    finally:
        simulation.tape.drain(simulation.memory)
