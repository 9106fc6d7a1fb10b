"""What a second costs the risk rooms: ten marks move, and whoever may be in trouble is looked at.

10,000 accounts hold three of ten perps each at 2x to 20x, and twenty of them trade in between. Whoever is found below
maintenance is counted and refilled at once, so that only the finding is measured and the crowd stays as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market import accounts, attention, margin, oracle, positions, thresholds
from offhours.sim.market.liquidation import move_marks
from offhours.sim.market.triggers import NO_NODE, take_hit
from plain.market import ANN, DOLLAR, Simulation, market

TICKERS = 10
HELD = 3
TOUCHED = 20
SECONDS_A_YEAR = 365 * 86_400


@kernel
def drive(world: World, marks: Any, touched: Any, counts: Any) -> int:
    """Let the marks move second by second; returns the looks. `counts` receives looks and those found below maintenance."""
    looks, found = 0, 0
    of_positions = 2 * counts[2] * marks.shape[1]
    for n in range(len(marks)):
        for ticker in range(marks.shape[1]):
            o = oracle.oracles(world)[ticker]
            before_ticks = o.mark_ticks
            o.mark_ticks = marks[n, ticker]
            move_marks(world, ticker, before_ticks)
        node = take_hit(world)
        while node != NO_NODE:
            assert node <= of_positions
            attention.note_change(world, (node - 1) // 2 // marks.shape[1])
            node = take_hit(world)
        for place in range(touched.shape[1]):
            attention.note_change(world, touched[n, place])
        account = attention.take_change(world)
        while account >= 0:
            looks += 1
            worth, needed = margin.equity(world, account), margin.required(world, account)
            if worth < needed:
                found += 1
                missing = margin.gross_notional(world, account) // 4
                accounts.transfer(world, accounts.USD, accounts.OUTSIDE, account, missing, accounts.DEPOSIT)
                worth += missing
            thresholds.arm_all(world, account, worth - needed)
            account = attention.take_change(world)
    counts[0] += looks
    counts[1] += found
    return looks


@kernel
def scan(world: World, first: int, last: int) -> int:
    """The full exact scan that triggers save: how many accounts are below maintenance."""
    found = 0
    for account in range(first, last):
        if margin.equity(world, account) < margin.required(world, account):
            found += 1
    return found


def crowded(people: int) -> Simulation:
    """A market in which everybody has positions, and Ann the other side of all of them."""
    sim = market(1 + people, tickers=TICKERS, orders=64)
    luck = np.random.default_rng(5)
    memory, first = sim.memory, ANN + 1
    held = np.argsort(luck.random((people, TICKERS)), axis=1)[:, :HELD]
    lots = luck.integers(500, 5_000, (people, HELD)) * luck.choice([-1, 1], (people, HELD))
    sizes = memory[positions.positions]["size_lots"].reshape(-1, TICKERS)
    np.put_along_axis(sizes[first:], held, lots, axis=1)
    sizes[ANN] = -sizes[first:].sum(axis=0)
    memory[positions.positions]["cost_uusd"] = memory[positions.positions]["size_lots"] * DOLLAR
    memory[attention.watches]["held"][first:] = (1 << held).sum(axis=1)
    memory[attention.watches]["held"][ANN] = (1 << TICKERS) - 1
    leverage = 2.0 * 10.0 ** luck.random(people)
    equity = (np.abs(lots).sum(axis=1) * DOLLAR / leverage).astype(np.int64)
    paid = lots.sum(axis=1) * DOLLAR
    for number in range(people):
        # What the positions cost has been paid for: equity is dollars plus positions at the mark.
        owns = int(equity[number]) - int(paid[number])
        payer, payee = (ANN, first + number) if owns > 0 else (first + number, ANN)
        accounts.transfer(sim.world, accounts.USD, payer, payee, abs(owns), accounts.PERP_TRADE)
    sim.endow(ANN, accounts.USD, 10**17)
    attention.note_everybody(sim.world)
    return sim


def path(sim: Simulation, seconds: int, volatility: float, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Marks of all tickers second by second, correlated, from where they stand; and who trades in between."""
    luck = np.random.default_rng(seed)
    sd = volatility / SECONDS_A_YEAR**0.5
    shocks = 0.6 * luck.standard_normal((seconds, 1)) + 0.8 * luck.standard_normal((seconds, TICKERS))
    start = sim.memory[oracle.oracles]["mark_ticks"]
    marks = np.rint(start * np.exp(np.cumsum(sd * shocks, axis=0))).astype(np.int64)
    people = len(sim.setup.people) - 1
    return np.maximum(marks, 100), luck.integers(ANN + 1, ANN + 1 + people, (seconds, TOUCHED))
