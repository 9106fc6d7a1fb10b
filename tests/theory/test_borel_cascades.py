"""A cascade in a ladder of triggers and a book of even depth has the size that Borel's law says, and is measured so.

Let liquidation triggers lie on the price axis as a Poisson process (a ladder of leverages, evenly spread) and let the book
hold the same size at each tick, so that a forced sale of q lots pushes the price by K ticks. The triggers in ticks that were
never reached before are independent of all before, so each sale forces a Poisson number of further ones with mean

    n = (triggers a tick) x K,

the branching ratio, and the number S of liquidations that one begins, itself counted, follows Borel (1942; Tanner 1961):

    P(S = k) = e^(-nk) (nk)^(k-1) / k!,    mean 1 / (1 - n),    variance n / (1 - n)^3.

Sales go through the book as the engine's orders do; nobody else is there. Three standard errors leave 3 of 1,000 sound
programs out by chance, and the chi-square test 1 of 1,000; the luck is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import lgamma

import numpy as np
import pytest
from scipy.stats import chi2
from theory.harness import FREE, market

from offhours.experiments.metrics import cascades
from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, book, liquidation
from offhours.sim.market.matching import ACCEPTED, ENGINE, IOC, LIMIT
from offhours.sim.market.oracle import oracles
from offhours.sim.market.orders import BUY, REDUCE_ONLY, SELL
from offhours.sim.market.positions import positions
from offhours.sim.simulation import Simulation

BUYING, HOLDER = accounts.HOUSES, accounts.HOUSES + 1
SALE_LOTS = 400
TICKS = 4_000
"""How far down the bids reach: a cascade of n = 0.8 needs a tenth of it once in ten thousand times."""


@dataclass
class Ladder:
    """A book of even bids, and somebody who is long so much that every forced sale is his."""

    simulation: Simulation
    top_ticks: int
    depth_lots: int

    @classmethod
    def build(cls, depth_lots: int) -> Ladder:
        simulation = market(2, {**FREE, "perp.book.band": "100 %"})
        simulation.endow(BUYING, accounts.USD, 10**17)
        simulation.endow(HOLDER, accounts.USD, 10**17)
        top_ticks = int(simulation.memory[oracles]["mark_ticks"][0])
        lots = 40_000 * SALE_LOTS
        assert simulation.place(BUYING, 0, SELL, top_ticks, lots, LIMIT, ENGINE) == ACCEPTED
        assert simulation.place(HOLDER, 0, BUY, top_ticks, lots, IOC, ENGINE) == ACCEPTED
        assert simulation.memory[positions]["size_lots"][HOLDER] == lots
        ladder = cls(simulation, top_ticks, depth_lots)
        ladder.fill(top_ticks - TICKS)
        return ladder

    @property
    def best_ticks(self) -> int:
        """The best bid: where the mark of a market without makers stands."""
        return int(self.simulation.memory[book.books]["best_bid"][0])

    def fill(self, from_ticks: int) -> None:
        """Even bids again from a price to the top."""
        for price_ticks in range(from_ticks, self.top_ticks):
            assert self.simulation.place(BUYING, 0, BUY, price_ticks, self.depth_lots, LIMIT, ENGINE) == ACCEPTED

    def sell(self) -> None:
        """One forced sale, at whatever the book pays."""
        assert self.simulation.place(HOLDER, 0, SELL, self.top_ticks - TICKS, SALE_LOTS, IOC, ENGINE | REDUCE_ONLY) == ACCEPTED  # fmt: skip


def cascade(ladder: Ladder, triggers_a_tick: float, luck: np.random.Generator, start_us: int, first_account: int) -> list[tuple[int, int, int]]:  # fmt: skip
    """One cascade: (instant, account, mark) of each liquidation. The first is the news; a second later those it reached."""
    found, account, now_us = [], first_account, start_us
    due, reached = 1, ladder.best_ticks
    while due:
        mark = ladder.best_ticks
        for _ in range(due):
            found.append((now_us, account, mark))
            ladder.sell()
            account += 1
        due = int(luck.poisson(triggers_a_tick, reached - ladder.best_ticks).sum())
        reached, now_us = ladder.best_ticks, now_us + 1_000_000
    return found


def measured(n: float, depth_lots: int, count: int, seed: int) -> tuple[np.ndarray, cascades.Forcing]:
    """Sizes of so many cascades, as the measuring code sees them: it is given forced trades and openings, nothing else."""
    ladder, luck = Ladder.build(depth_lots), np.random.default_rng(seed)
    push_ticks = SALE_LOTS // depth_lots
    records: list[tuple[int, int, int]] = []
    start_us = 0
    for _ in range(count):
        own = cascade(ladder, n / push_ticks, luck, start_us, len(records))
        records += own
        start_us = own[-1][0] + 2 * cascades.PAUSE_US
        low = ladder.best_ticks
        ladder.fill(low + 1)
    acts = np.zeros(len(records), dtype=spec_of(liquidation.liquidation_events).dtype)
    opened = np.zeros(len(records), dtype=spec_of(liquidation.case_events).dtype)
    for act, case, (time_us, account, mark) in zip(acts, opened, records):
        case["time_us"], case["account"], case["event"], case["mark_ticks"] = time_us, account, liquidation.OPENED, mark
        act["time_us"], act["account"], act["lots"], act["value_uusd"], act["mark_ticks"] = time_us + 100_000, account, SALE_LOTS, 1, mark  # fmt: skip
    cases = cascades.cases_of(acts, opened, np.array([0.01]))
    forcing = cascades.force(cases, acts)
    return np.bincount(forcing.wave), forcing


def borel(n: float, most: int) -> np.ndarray:
    """P(S = k) for k = 1 .. most."""
    k = np.arange(1, most + 1)
    return np.exp(-n * k + (k - 1) * np.log(n * k) - np.array([lgamma(v + 1) for v in k]))


def test_the_law_sums_to_one_and_has_its_mean_and_variance() -> None:
    """n = 0.8: mean 5, variance 100."""
    k, p = np.arange(1, 4001), borel(0.8, 4000)
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    assert k @ p == pytest.approx(5.0, abs=1e-6) and k**2 @ p - 25.0 == pytest.approx(100.0, abs=1e-3)


@pytest.mark.parametrize("n", [0.2, 0.5, 0.8])
def test_sizes_are_borel_and_the_estimator_finds_the_branching_ratio(n: float) -> None:
    """600 cascades: the ratio and the mean size within 3 s.e., the sizes by chi-square at 0.001."""
    count = 600
    sizes, forcing = measured(n, depth_lots=40, count=count, seed=11)
    assert len(sizes) == count
    ratio, error = forcing.ratio, forcing.standard_error
    assert ratio is not None and error is not None
    assert ratio == pytest.approx(1 - count / sizes.sum())
    assert abs(ratio - n) < 3 * np.sqrt(n * (1 - n) / count) and error == pytest.approx(
        np.sqrt(n * (1 - n) / count), rel=0.2
    )
    assert abs(sizes.mean() - 1 / (1 - n)) < 3 * np.sqrt(n / (1 - n) ** 3 / count)
    expected = count * borel(n, 2000)
    edges = [0]
    while expected[edges[-1] :].sum() >= 10:
        end = edges[-1] + 1
        while expected[edges[-1] : end].sum() < 5:
            end += 1
        edges.append(end)
    edges[-1] = len(expected)
    seen = np.histogram(sizes, np.array(edges) + 0.5)[0]
    meant = np.array([expected[a:b].sum() for a, b in pairwise(edges)])
    statistic = float(((seen - meant) ** 2 / meant).sum())
    assert statistic < chi2.ppf(0.999, len(meant) - 1), (seen, meant)


TRADERS, PRICE_TICKS = 400, 40_000
"""A ladder of so many longs, whose triggers lie evenly between the price and a loss of 1 / leverage of it."""


@pytest.mark.parametrize(("leverage", "depth_lots", "n"), [(5, 40, 0.5), (8, 40, 0.8), (8, 80, 0.4), (8, 100, 0.32)])
def test_the_ratio_rises_with_leverage_and_falls_with_depth(leverage: int, depth_lots: int, n: float) -> None:
    """n = TRADERS x leverage / PRICE_TICKS x SALE_LOTS / depth: at 5x and 40 lots a tick 400 x 5 / 40,000 x 10 = 0.5."""
    assert pytest.approx(n) == TRADERS * leverage / PRICE_TICKS * SALE_LOTS / depth_lots
    _, forcing = measured(n, depth_lots, count=400, seed=5)
    assert forcing.ratio is not None
    assert abs(forcing.ratio - n) < 3 * np.sqrt(n * (1 - n) / 400)
