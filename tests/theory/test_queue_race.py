"""Which queue empties first: the matching engine against the first-passage probabilities of a birth-death process.

R. Cont, S. Stoikov and R. Talreja, "A stochastic model for order book dynamics", Operations Research 58 (2010): at a
spread of one tick the two best queues are independent birth-death processes in units of one order, each with births at
rate lambda(1) and deaths at rate mu + n theta(1). P(a, b), the probability that an ask queue of a orders is gone before a
bid queue of b, solves the linear system of its next event. Their rates for Sky Perfect Communications, per minute:
lambda(1) = 1.85, mu = 0.94, theta(1) = 0.71.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from theory.harness import market

from offhours.sim.chance import CHOICE, FLOW, below, uniform
from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market import accounts
from offhours.sim.market.book import first
from offhours.sim.market.matching import ACCEPTED, LIMIT, MARKET, cancel, cancel_all, place
from offhours.sim.market.orders import BUY, NIL, SELL, handle, orders

BIRTH, MARKET_RATE, CANCEL_RATE = 1.85, 0.94, 0.71
RACES = 160_000
TOLERANCE = 0.005
RESTING, TAKING = accounts.HOUSES, accounts.HOUSES + 1
PAIRS = [(a, b) for b in (1, 2) for a in (1, 2, 3, 4, 5)]


@kernel
def queue_length(world: World, side: int) -> int:
    """Orders at the best price of a side, counted along the queue."""
    slot, count = first(world, 0, side), 0
    while slot != NIL:
        count += 1
        slot = int(orders(world)[slot].next)
    return count


@kernel
def races(world: World, bids: int, asks: int, bid_ticks: int, races: int) -> int:
    """Run so many races through the engine; returns in how many the ask queue emptied first, or -1 after a refusal."""
    won, draw, refused = 0, 0, 0
    for race in range(races):
        for _ in range(bids):
            refused += place(world, RESTING, 0, BUY, bid_ticks, 1, LIMIT, 0)
        for _ in range(asks):
            refused += place(world, RESTING, 0, SELL, bid_ticks + 1, 1, LIMIT, 0)
        while first(world, 0, BUY) != NIL and first(world, 0, SELL) != NIL:
            in_bids, in_asks = queue_length(world, BUY), queue_length(world, SELL)
            each = BIRTH + MARKET_RATE
            total = 2.0 * each + CANCEL_RATE * (in_bids + in_asks)
            draw += 1
            point = uniform(race, FLOW, draw, 0) * total
            side, count = BUY, in_bids
            if point >= each + CANCEL_RATE * in_bids:
                point -= each + CANCEL_RATE * in_bids
                side, count = SELL, in_asks
            if point < BIRTH:
                price = bid_ticks if side == BUY else bid_ticks + 1
                refused += place(world, RESTING, 0, side, price, 1, LIMIT, 0)
            elif point < each:
                refused += place(world, TAKING, 0, -side, 0, 1, MARKET, 0)
            else:
                slot = first(world, 0, side)
                for _ in range(below(race, CHOICE, draw, 0, count)):
                    slot = int(orders(world)[slot].next)
                refused += cancel(world, RESTING, handle(world, slot))
        if first(world, 0, SELL) == NIL:
            won += 1
        cancel_all(world, RESTING, 0)
    return won if refused == ACCEPTED else -1


def first_passage(longest: int = 60) -> np.ndarray:
    """P[a, b], ask queue a and bid queue b, from the next event's probabilities; queues are cut off at `longest`."""
    number = np.arange(longest * longest).reshape(longest, longest)
    system = lil_matrix((longest * longest, longest * longest))
    right = np.zeros(longest * longest)
    for a in range(1, longest + 1):
        for b in range(1, longest + 1):
            here = number[a - 1, b - 1]
            up = BIRTH * (a < longest), BIRTH * (b < longest)
            down = MARKET_RATE + a * CANCEL_RATE, MARKET_RATE + b * CANCEL_RATE
            system[here, here] = sum(up) + sum(down)
            for rate, (x, y) in (
                (up[0], (a + 1, b)),
                (up[1], (a, b + 1)),
                (down[0], (a - 1, b)),
                (down[1], (a, b - 1)),
            ):
                if rate and x and y:
                    system[here, number[x - 1, y - 1]] = -rate
                elif rate and x == 0:
                    right[here] += rate
    solved = spsolve(system.tocsc(), right).reshape(longest, longest)
    return np.pad(solved, ((1, 0), (1, 0)))


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return first_passage()


def test_first_passage_is_symmetric(exact: np.ndarray) -> None:
    """P(a, b) + P(b, a) = 1 exactly, and one half on the diagonal: what tells a wrong system at once."""
    assert np.allclose(exact[1:20, 1:20] + exact[1:20, 1:20].T, 1.0, atol=1e-9)


@pytest.mark.parametrize(("asks", "bids"), PAIRS)
def test_ask_queue_empties_first(exact: np.ndarray, asks: int, bids: int) -> None:
    """160,000 races: within .005 of the exact probability, which is 4 standard errors."""
    simulation = market(2)
    for account in (RESTING, TAKING):
        simulation.endow(account, accounts.USD, 10**15)
    bid_ticks = 39_900
    won = races(simulation.world, bids, asks, bid_ticks, RACES) / RACES
    expected = float(exact[asks, bids])
    assert 4.0 * sqrt(expected * (1.0 - expected) / RACES) <= TOLERANCE
    assert won == pytest.approx(expected, abs=TOLERANCE)
    assert simulation.audit() == []
