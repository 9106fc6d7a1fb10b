"""Funding in the kernels against fractions."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import funding, positions
from plain.funding import of_a_minute, owed, paid, rate, rate_by_form
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


FORMS = spec_of(funding.funding_rules).columns


def choices(column: str) -> tuple[str, ...]:
    """The words of a choice of the funding rules, in the order of their codes."""
    knob = FORMS[column]
    assert isinstance(knob, Knob)
    return knob.choices


@given(
    st.sampled_from(choices("form")),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**7), 10**7),
    st.integers(0, 10**8),
    st.integers(0, 8 * 10**9),
    st.integers(1, 1_000),
    st.integers(0, 10**9),
)
@settings(max_examples=150)
def test_a_rate_of_any_form(form: str, average: int, interest: int, band: int, scale: int, divisor: int, cap: int) -> None:  # fmt: skip
    """FUND-8, FUND-9, FUND-12: one sample of a whole interval, any numbers, in the market itself."""
    sim = base()
    row, rules = sim.memory[funding.fundings][0], sim.memory[funding.funding_rules][0]
    sim.memory[funding.samples]["premium_ppb"][0], row["samples"] = average, 1
    rules["form"], rules["interest_ppb"], rules["band_ppb"] = choices("form").index(form), interest, band
    rules["scale_ppb"], rules["divisor"], rules["cap_ppb"], rules["samples_min"] = scale, divisor, cap, 1
    go(sim, 1)
    expected = rate_by_form(form, average, interest=interest, band=band, scale=Fraction(scale, 10**9), divisor=divisor, cap=cap)  # fmt: skip
    assert row["rate_ppb"] == expected


@given(
    st.sampled_from(("mean of the minute", "median of the minute")),
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=59),
)
@settings(max_examples=60)
def test_what_stands_for_a_minute(word: str, premiums: list[int]) -> None:
    """FUND-7: mean and median of a minute's votes, however many there were."""
    sim = base()
    sim.memory[funding.funding_rules][0]["sampling"] = choices("sampling").index(word)
    sim.memory[funding.votes]["premium_ppb"][: len(premiums)] = premiums
    sim.memory[funding.fundings]["votes"] = len(premiums)
    assert funding.minute_premium(sim.world, 0) == of_a_minute(word, premiums)
    assert sim.memory[funding.fundings]["votes"][0] == 0


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
