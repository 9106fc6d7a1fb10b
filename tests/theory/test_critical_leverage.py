"""Above a critical leverage a full exit bankrupts, because the exit itself moves the price.

F. Caccioli, J.-P. Bouchaud and J. D. Farmer, "A proposal for impact-adjusted valuation: critical leverage and execution
risk", arXiv 1204.0922. Let assets A be held with leverage L = A / E, and let a full exit move the price by a fraction I.
Under linear impact the average exit price is 1 - I/2 of the first, under square-root impact 1 - 2I/3 (the integral of
I sqrt(u) over the exit). The exit costs A I/2 or A 2I/3, which is more than the equity A/L where

    L > 2 / I  (linear)        L > 3 / (2 I)  (square root).

A book has linear impact when each tick holds the same size, and square-root impact when the size of a tick grows in
proportion to its distance: the size down to a distance x is then x^2. No chance is in it: the tolerance of 2 % is for
ticks and lots.
"""

from __future__ import annotations

import pytest
from theory.harness import FREE, market

from offhours.sim.market import accounts
from offhours.sim.market.matching import ACCEPTED, ENGINE, IOC, LIMIT
from offhours.sim.market.oracle import oracles
from offhours.sim.market.orders import BUY, REDUCE_ONLY, SELL
from offhours.sim.market.positions import positions
from offhours.sim.simulation import Simulation

BUYING, HOLDER = accounts.HOUSES, accounts.HOUSES + 1
CHANGES = {**FREE, "perp.book.band": "100 %"}
STEPS = 2_000


def linear(step: int) -> int:
    return 40


def square_root(step: int) -> int:
    return 2 * step - 1


def book_with(profile: object, impact: float) -> tuple[Simulation, int, int]:
    """A market whose bids fall off by a profile, the first at the mark; with the lots that move the price by `impact`."""
    simulation = market(2, CHANGES)
    simulation.endow(BUYING, accounts.USD, 10**16)
    mark_ticks = int(simulation.memory[oracles]["mark_ticks"][0])
    total = 0
    for step in range(1, STEPS + 1):
        price_ticks = mark_ticks - round(impact * mark_ticks * step / STEPS)
        lots = profile(step)  # type: ignore[operator]
        assert simulation.place(BUYING, 0, BUY, price_ticks, lots) == ACCEPTED
        total += lots
    return simulation, mark_ticks, total


def survives(built: tuple[Simulation, int, int], leverage: float) -> bool:
    """Whether somebody who holds it all with this leverage has equity left after the engine sold him out."""
    simulation, mark_ticks, lots = built[0].fork(), *built[1:]
    unit = int(simulation.memory.arrays["Book"]["unit_uusd"][0])
    simulation.endow(HOLDER, accounts.USD, int(lots * mark_ticks * unit / leverage))
    assert simulation.place(BUYING, 0, SELL, mark_ticks, lots, LIMIT, ENGINE) == ACCEPTED
    assert simulation.place(HOLDER, 0, BUY, mark_ticks, lots, IOC, ENGINE) == ACCEPTED
    assert simulation.place(HOLDER, 0, SELL, mark_ticks // 2, lots, IOC, ENGINE | REDUCE_ONLY) == ACCEPTED
    assert simulation.memory[positions]["size_lots"][HOLDER] == 0, "the book was too thin"
    assert simulation.conservation_error() == 0
    return simulation.equity(HOLDER) >= 0


@pytest.mark.parametrize("impact", [0.1, 0.2, 0.3])
@pytest.mark.parametrize(("profile", "times_impact"), [(linear, 2.0), (square_root, 1.5)])
def test_bankruptcy_begins_at_the_critical_leverage(profile: object, times_impact: float, impact: float) -> None:
    """The boundary, found by halving, lies within 2 % of 2 / I or 3 / (2 I)."""
    built = book_with(profile, impact)
    low, high = 1.0, 100.0
    assert survives(built, low) and not survives(built, high)
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        if survives(built, middle):
            low = middle
        else:
            high = middle
    assert low == pytest.approx(times_impact / impact, rel=0.02)
