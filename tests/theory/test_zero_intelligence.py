"""Zero-intelligence flow through this book: spread and diffusion collapse under a change of units.

J. D. Farmer, P. Patelli and I. Zovko, "The predictive power of zero intelligence in financial markets", PNAS 102 (2005).
On each side limit orders arrive at rate alpha (shares per price and time) at any price up to the opposite best, market
orders at rate mu (shares per time), and each resting order is withdrawn at rate delta; orders have size sigma. Three units
(shares, price, time) and five parameters (with the tick dp) leave two numbers without unit, eps = delta sigma / mu and
dp alpha / mu. So, exactly, whatever the units,

    s alpha / mu = F(eps, dp alpha / mu),        D alpha^2 / (mu^2 delta) = G(eps, dp alpha / mu),

the second being their D ~ mu^(5/2) delta^(1/2) sigma^(-1/2) alpha^(-2) at fixed eps. For dp alpha / mu -> 0 they fit
F = .28 + 1.86 eps^(3/4), which other codes meet to some 40 % only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import pytest
from theory.harness import empty_book

from offhours.sim.chance import CHOICE, FLOW, PRICE, WAKE, below, exponential, uniform
from offhours.sim.compile import kernel
from offhours.sim.declare import World
from offhours.sim.market import accounts
from offhours.sim.market.book import books, fill, first, insert, remove
from offhours.sim.market.orders import BUY, NIL, SELL, handle, orders, pools, slot_of

START_TICKS = 100_000
WIDTH = 8.0
"""Limit orders arrive up to WIDTH x mu / alpha behind the opposite best; further ones never matter."""
WARM = 200
SAMPLES = 4_000
GAP = 10.0
"""Time between two samples, in market orders' mean distances."""
BATCHES = 40


@dataclass(frozen=True)
class Flow:
    """Parameters of the flow, in units of price, time and shares."""

    alpha: float
    mu: float
    delta: float
    sigma: int
    tick: float


@kernel
def sweep(world: World, side: int, lots: int) -> None:
    """A market order."""
    while lots > 0:
        slot = first(world, 0, -side)
        if slot == NIL:
            return
        quantity = min(lots, orders(world)[slot].size_lots)
        fill(world, slot, quantity)
        lots -= quantity


@kernel
def run(world: World, limits: float, markets: float, withdrawals: float, sigma: int, width: int, gap: float, seed: int, alive: np.ndarray, spreads: np.ndarray, mids: np.ndarray) -> None:  # fmt: skip
    """Drive the book: rates per side in orders (`limits` over the whole width), `gap` between two samples.

    Sample n gets the time-average spread since sample n - 1 and twice the mid, both in ticks.
    """
    owner, now, sample, area, living, n = accounts.HOUSES, 0.0, 0, 0.0, 0, 0
    while sample < len(mids):
        resting = pools(world)[0].live
        total = 2.0 * limits + 2.0 * markets + withdrawals * resting
        wait = exponential(seed, WAKE, 0, n) / total
        b = books(world)[0]
        bid, ask = b.best_bid, b.best_ask
        if bid == 0:
            bid = START_TICKS - 1 if ask == 1 << 40 else ask - 1
        if ask == 1 << 40:
            ask = bid + 1
        while wait > 0.0 and sample < len(mids):
            ahead = min(wait, (sample + 1) * gap - now)
            area += ahead * (ask - bid)
            now += ahead
            wait -= ahead
            if now >= (sample + 1) * gap - 1.0e-12 * gap:
                spreads[sample] = area / gap
                mids[sample] = bid + ask
                area = 0.0
                sample += 1
        point = uniform(seed, FLOW, 0, n) * total
        if point < 2.0 * limits:
            away = 1 + below(seed, PRICE, 0, n, width)
            side = BUY if point < limits else SELL
            slot = insert(world, owner, 0, side, ask - away if side == BUY else bid + away, sigma, 0)
            alive[living] = handle(world, slot)
            living += 1
        elif point < 2.0 * (limits + markets):
            sweep(world, BUY if point < 2.0 * limits + markets else SELL, sigma)
        else:
            slot, tries = NIL, 0
            while slot == NIL and living > 0:
                place = below(seed, CHOICE, tries, n, living)
                slot = slot_of(world, alive[place])
                living -= 1
                alive[place] = alive[living]
                tries += 1
            if slot != NIL:
                remove(world, slot)
        n += 1


@dataclass(frozen=True)
class Measured:
    """Spread with its standard error from batch means, and diffusion, in the flow's own units."""

    spread: float
    spread_error: float
    diffusion: float


def measure(flow: Flow, seed: int) -> Measured:
    """Run the flow through an empty book for SAMPLES x GAP mean distances of market orders, after a warm-up."""
    width = round(WIDTH * flow.mu / flow.alpha / flow.tick)
    memory = empty_book(START_TICKS, 1 << 16)
    alive, spreads, mids = np.zeros(1 << 20, np.int64), np.zeros(SAMPLES + WARM), np.zeros(SAMPLES + WARM, np.int64)
    markets = flow.mu / flow.sigma
    limits = flow.alpha * flow.tick * width / flow.sigma
    run(memory.handle, limits, markets, flow.delta, flow.sigma, width, GAP / markets, seed, alive, spreads, mids)
    spreads, mids = spreads[WARM:] * flow.tick, mids[WARM:] / 2.0 * flow.tick
    batches = spreads.reshape(BATCHES, -1).mean(axis=1)
    return Measured(
        spread=float(batches.mean()),
        spread_error=float(batches.std(ddof=1)) / sqrt(BATCHES),
        diffusion=float(np.var(np.diff(mids))) * markets / GAP,
    )


def base(eps: float, tick: float = 0.05) -> Flow:
    """Units in which alpha, mu and sigma are one."""
    return Flow(alpha=1.0, mu=1.0, delta=eps, sigma=1, tick=tick)


def in_other_units(flow: Flow, shares: int, price: float, time: float) -> Flow:
    """The same flow where a share, a dollar and a second of before are so many of the new units."""
    return Flow(
        alpha=flow.alpha * shares / price / time,
        mu=flow.mu * shares / time,
        delta=flow.delta / time,
        sigma=flow.sigma * shares,
        tick=flow.tick * price,
    )


UNITS = [(7, 1.0, 1.0), (1, 0.01, 1.0), (1, 1.0, 60.0), (100, 0.25, 0.001), (3, 40.0, 1e6)]


@pytest.mark.parametrize("eps", [0.02, 0.1, 0.2, 0.5])
def test_spread_collapses(eps: float) -> None:
    """s alpha / mu in five systems of units, on other luck: within 3 standard errors of a difference (p = .003 each)."""
    flow = base(eps)
    first_one = measure(flow, 11)
    for number, units in enumerate(UNITS):
        other = in_other_units(flow, *units)
        found = measure(other, 100 + number)
        scale = other.alpha / other.mu
        difference = found.spread * scale - first_one.spread
        assert abs(difference) < 3.0 * sqrt((found.spread_error * scale) ** 2 + first_one.spread_error**2), units


@pytest.mark.parametrize("eps", [0.1, 0.5])
def test_diffusion_rescales(eps: float) -> None:
    """log D against the log of mu^(5/2) delta^(1/2) sigma^(-1/2) alpha^(-2) over units: slope 1 +- .05.

    The variance of 4,000 increments has a standard error of about 3 %; the units spread the law over six decades and more.
    """
    for each in ((1, 0.1, 1.0), (1, 1.0, 10.0), (1, 0.1, 0.1), (10, 10.0, 1.0)):
        laws, found = [], []
        for power in range(4):
            flow = in_other_units(base(eps), each[0] ** power, each[1] ** power, each[2] ** power)
            laws.append(log(flow.mu**2.5 * flow.delta**0.5 * flow.sigma**-0.5 * flow.alpha**-2))
            found.append(log(measure(flow, 1000 + power).diffusion))
        slope = float(np.polyfit(laws, found, 1)[0])
        assert slope == pytest.approx(1.0, abs=0.05), each


def test_spread_grows_as_fitted() -> None:
    """F is near .28 + 1.86 eps^(3/4): within 40 %, and rising with eps beyond 3 standard errors."""
    before = None
    for eps in (0.02, 0.1, 0.2, 0.5):
        found = measure(base(eps), 21)
        assert found.spread == pytest.approx(0.28 + 1.86 * eps**0.75, rel=0.40)
        if before is not None:
            assert found.spread - before.spread > 3.0 * sqrt(found.spread_error**2 + before.spread_error**2)
        before = found


def test_a_coarse_tick_is_seen() -> None:
    """The second number matters: at dp alpha / mu = 1 the spread is another one, beyond 10 standard errors."""
    fine, coarse = measure(base(0.1), 31), measure(base(0.1, tick=1.0), 32)
    assert coarse.spread - fine.spread > 10.0 * sqrt(fine.spread_error**2 + coarse.spread_error**2)
