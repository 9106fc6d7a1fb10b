"""Funding in the kernels against fractions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.market import funding, positions
from plain.funding import owed, paid, rate
from plain.market import ANN, NO_FEES, Simulation, go, market

_BASE: dict[int, Simulation] = {}


def base() -> Simulation:
    """A market at 09:59:59, a second before funding turns."""
    if 0 not in _BASE:
        _BASE[0] = market(1, knobs=NO_FEES)
        go(_BASE[0], 1_799)
    return _BASE[0].fork()


@given(
    st.lists(st.integers(-(10**9), 10**9), max_size=480),
    st.integers(-(10**6), 10**6),
    st.integers(10_000_000, 10**9),
    st.integers(1, 1_000),
    st.integers(0, 40_000_000),
    st.integers(1, 480),
)
@settings(max_examples=80)
def test_the_next_rate(premiums: list[int], previous: int, kept: int, divisor: int, cap: int, least: int) -> None:
    """FUND-2, FUND-3, FUND-4: any number of samples in any order, any rule."""
    sim = base()
    row, rules = sim.memory[funding.fundings][0], sim.memory[funding.funding_rules][0]
    sim.memory[funding.samples]["premium_ppb"][: len(premiums)] = premiums
    row["samples"], row["rate_ppb"] = len(premiums), previous
    rules["kept_ppb"], rules["divisor"], rules["cap_ppb"], rules["samples_min"] = kept, divisor, cap, least
    go(sim, 1)
    expected = rate(premiums, previous, kept=Fraction(kept, 10**9), divisor=divisor, cap=cap, least=least)
    assert row["rate_ppb"] == expected
    # In millionths of a micro-dollar: a lot is worth one dollar, so a billionth of it is a thousand of these.
    assert row["hourly_pusd"] == expected * 1_000
    assert row["samples"] == 0


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40), st.integers(-(10**6), 10**6))
@settings(max_examples=60)
def test_what_accrues_second_by_second(hourly: list[int], lots: int) -> None:
    """FUND-5, FUND-6: the amount an hour changes each second; the sum is kept to the last remainder."""
    sim = base()
    go(sim, 1)
    row = sim.memory[funding.fundings][0]
    begin = int(row["paid_pusd"])
    sim.memory[positions.positions]["size_lots"][ANN] = lots
    sim.memory[funding.accruals]["from_pusd"][ANN] = begin
    for amount in hourly:
        row["hourly_pusd"] = amount
        go(sim, 1)
    exact = paid([amount for amount in hourly if amount != 0])
    whole = int(row["paid_pusd"]) - begin
    assert whole + Fraction(int(row["crumbs"]), 3_600_000_000) == exact
    assert funding.owed(sim.world, ANN, 0) == owed(lots, whole, 0)
