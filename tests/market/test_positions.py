"""Positions: quantity and integer cost, realised results (POS-1 to POS-3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.market import positions
from plain.market import ANN, BOB, BUY, CAT, DOLLAR, NO_FEES, SELL, Simulation, lots_of, market, perp, usd


def row(sim: Simulation, account: int) -> Any:
    """(size, cost, realised) of an account in the first ticker."""
    return sim.memory[positions.positions][account].tolist()


def test_a_position_is_built_cut_turned_and_closed() -> None:
    """POS-1: bought 4 at $100 and 2 at $101, sold 3 at $102, sold 5 at $103, bought 2 back at $104.

    Cost 4 + 2.02 = 6.02 dollars; a half goes with the sale of three: 3.01, result 3.06 - 3.01 = .05. The next sale closes
    three for 3.09 (result .08) and opens two short for 2.06; bought back for 2.08: result -.02. In sum .11.
    """
    sim = market(dollars=1_000, knobs=NO_FEES)

    def deal(side: int, price_ticks: int, lots: int) -> None:
        assert perp(sim, BOB, -side, price_ticks, lots) == 0
        assert perp(sim, ANN, side, price_ticks, lots) == 0

    deal(BUY, 10_000, 4)
    deal(BUY, 10_100, 2)
    assert row(sim, ANN) == (6, 6_020_000, 0)
    deal(SELL, 10_200, 3)
    assert row(sim, ANN) == (3, 3_010_000, 50_000)
    deal(SELL, 10_300, 5)
    assert row(sim, ANN) == (-2, -2_060_000, 130_000)
    assert row(sim, BOB) == (2, 2_060_000, -130_000)
    deal(BUY, 10_400, 2)
    assert row(sim, ANN) == (0, 0, 110_000)
    assert usd(sim, ANN) == 1_000 * DOLLAR + 110_000


def test_open_longs_equal_open_shorts() -> None:
    """POS-2: three accounts, and the interest counts one side."""
    sim = market(dollars=1_000)
    perp(sim, ANN, SELL, 10_000, 30)
    perp(sim, BOB, BUY, 10_000, 20)
    perp(sim, CAT, BUY, 10_000, 10)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT)] == [-30, 20, 10]
    assert sim.memory[positions.interests]["long_lots"][0] == 30
    perp(sim, BOB, SELL, 10_000, 5)
    perp(sim, CAT, BUY, 10_000, 5)
    assert sim.memory[positions.interests]["long_lots"][0] == 30


def test_open_cost_and_realised_results_balance_to_the_micro_dollar() -> None:
    """POS-3: thirds that do not divide: 7 lots at $100.01, cut by 2, 3 and 1."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 10_001, 7)
    perp(sim, BOB, SELL, 10_001, 7)
    for lots, price in ((2, 10_013), (3, 9_987), (1, 10_002)):
        perp(sim, ANN, SELL, price, lots)
        perp(sim, CAT, BUY, price, lots)
        table = sim.memory[positions.positions]
        assert np.sum(table["cost_uusd"]) == np.sum(table["realised_uusd"])
    assert sim.audit() == []
