"""What a crash costs the risk rooms: nearly half of all accounts are bankrupt in one second, and the book is empty.

46 % of the accounts are long at 20x when the stock falls by a tenth. They go through Kraken's stages, one a second: a whole
order that nobody fills, an assignment without a provider, a covered order that nobody fills, and auto-deleveraging against
some 30 % of all accounts. Measured is `liquidation.attend` of each second; what arrives at the book in between is apart.
All tables, the logs among them, have been written to before: a virtual machine may take ten times as long to find a page of
memory as the rooms take to fill it, and a market that has run for a while has its pages.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market import accounts, attention, clock, deleverage, flight, liquidation, oracle, positions
from offhours.sim.market.clock import enter
from offhours.sim.market.liquidation import move_marks
from offhours.sim.market.step import arrive
from offhours.sim.market.waterfall import ASSIGNED, COVERED, DELEVERAGED, STEPS, WHOLE_POSITION
from plain.market import ANN, DOLLAR, Simulation, market

BANKRUPT, CLOSED = 0.46, 0.30
FALLEN_TICKS = 9_000
LOTS = 1_000


@dataclass(frozen=True)
class Cost:
    """CPU seconds of the risk rooms and of what arrives at the book, seconds of market time, and what happened."""

    risk_s: float
    book_s: float
    steps: int
    liquidated: int
    cuts: int


@kernel
def fall(world: World, ticks: int) -> int:
    """The mark is at `ticks` at once."""
    o = oracle.oracles(world)[0]
    before_ticks = o.mark_ticks
    o.mark_ticks = ticks
    move_marks(world, 0, before_ticks)
    return before_ticks


@kernel
def deliver(world: World) -> int:
    """Everything in flight arrives; returns how much."""
    number = 0
    message = flight.take(world)
    while message >= 0:
        arrive(world, message)
        number += 1
        message = flight.take(world)
    return number


def crowded(people: int) -> Simulation:
    """Longs at 20x, shorts of one and a half times their size at 2x to 10x, and Ann long what balances."""
    room = 2 * people
    sim = market(1 + people, orders=64, stages=(STEPS, WHOLE_POSITION, ASSIGNED, COVERED, DELEVERAGED), lanes=((100_000, room), (0, 64)))  # fmt: skip
    longs = int(BANKRUPT * people)
    first, size = ANN + 1, positions.positions
    lots = np.full(people, LOTS, dtype=np.int64)
    lots[longs:] = -round(LOTS * BANKRUPT / CLOSED)
    worth = np.abs(lots) * DOLLAR / 20.0
    leverage = 2.0 + 8.0 * np.random.default_rng(3).random(people - longs)
    worth[longs:] = np.abs(lots[longs:]) * DOLLAR / leverage
    held = sim.memory[size]
    held["size_lots"][first:], held["size_lots"][ANN] = lots, -lots.sum()
    held["cost_uusd"] = held["size_lots"] * DOLLAR
    sim.memory[positions.interests]["long_lots"][0] = held["size_lots"][held["size_lots"] > 0].sum()
    sim.memory[attention.watches]["held"][ANN:] = 1
    sim.endow(ANN, accounts.USD, 10**17)
    owns = worth.astype(np.int64) - lots * DOLLAR
    for number, dollars in enumerate(owns.tolist()):
        payer, payee = (ANN, first + number) if dollars > 0 else (first + number, ANN)
        accounts.transfer(sim.world, accounts.USD, payer, payee, abs(dollars), accounts.PERP_TRADE)
    attention.note_everybody(sim.world)
    enter(sim.world, sim.now_us + clock.SECOND_US)
    liquidation.attend(sim.world)
    for rows in sim.memory.arrays.values():
        touched = rows.view(np.uint8)
        np.bitwise_or(touched, 0, out=touched)
    return sim


def crash(sim: Simulation) -> Cost:
    """The fall, and seconds until nobody is in liquidation."""
    world, spent, book, steps = sim.world, 0.0, 0.0, 0
    fall(world, FALLEN_TICKS)
    before = int(sim.memory[positions.positions]["size_lots"][ANN])
    while steps == 0 or sim.memory[liquidation.open_cases]["account"][0] > 0:
        enter(world, sim.now_us + clock.SECOND_US // 2)
        begin = time.process_time()
        liquidation.attend(world)
        spent += time.process_time() - begin
        steps += 1
        enter(world, sim.now_us + clock.SECOND_US // 2)
        begin = time.process_time()
        deliver(world)
        book += time.process_time() - begin
    assert int(sim.memory[positions.positions]["size_lots"][ANN]) == before
    sim.tape.drain(sim.memory)
    cuts = sim.tape.rows(deleverage.deleverage_events)
    done = sim.tape.rows(liquidation.case_events)["event"] == liquidation.FINISHED
    return Cost(spent, book, steps, int(done.sum()), len(np.unique(cuts["account"])))
