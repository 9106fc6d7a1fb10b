"""Brackets: tiers, rates that move with size, open interest and the hour (TIER-1 to TIER-4)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from offhours.sim.market import accounts, attention, brackets, margin, matching
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    CLASS_D,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    NO_FEES,
    SATURDAY_NOON,
    SECOND,
    SELL,
    Simulation,
    go,
    jump,
    leave,
    lots_of,
    market,
    perp,
    put_price,
)


@pytest.mark.parametrize(
    ("notional", "marginal", "whole"),
    [
        # Class D, initial margin: 5 % to 10k, 10 % to 250k, 20 % to 500k, 30 % to 2M, 50 % beyond.
        (0, (0, 0), (0, 0)),
        (4_000, (200, 100), (200, 100)),
        (10_000, (500, 250), (1_000, 500)),
        (30_000, (500 + 2_000, 250 + 1_000), (3_000, 1_500)),
        (300_000, (500 + 24_000 + 10_000, 250 + 12_000 + 5_000), (60_000, 30_000)),
        (1_000_000, (500 + 24_000 + 50_000 + 150_000, 250 + 12_000 + 25_000 + 75_000), (300_000, 150_000)),
        (3_000_000, (500 + 24_000 + 50_000 + 450_000 + 500_000, 512_250), (1_500_000, 750_000)),
    ],
)
def test_class_d_by_hand(notional: int, marginal: tuple[int, int], whole: tuple[int, int]) -> None:
    """TIER-1: Kraken's multi-collateral schedule, maintenance being half of initial; marginal and whole-position."""
    for form, expected in ((brackets.MARGINAL, marginal), (brackets.WHOLE, whole)):
        sim = market(tiers=CLASS_D, knobs={(brackets.margin_rules, "form"): form})
        assert brackets.initial(sim.world, 0, notional * DOLLAR) == expected[0] * DOLLAR
        assert brackets.maintenance(sim.world, 0, notional * DOLLAR) == expected[1] * DOLLAR


def test_margin_is_rounded_up() -> None:
    """TIER-1, MONEY-2: 2.5 % of 1,001 micro-dollars is 25.025."""
    sim = market()
    assert brackets.maintenance(sim.world, 0, 1_001) == 26


def test_a_lower_leverage_limit_lifts_the_first_tiers() -> None:
    """TIER-1: at most 8x makes 12.5 % of the 5 and 10 % tiers, with half of that as maintenance, and leaves 20 % alone."""
    sim = market(tiers=CLASS_D, knobs={(brackets.margin_rules, "leverage_max_milli"): 8_000})
    rows = sim.memory[brackets.tiers]
    assert rows["initial_ppb"][:4].tolist() == [125_000_000, 125_000_000, 200_000_000, 300_000_000]
    assert rows["maintenance_ppb"][:4].tolist() == [62_500_000, 62_500_000, 100_000_000, 150_000_000]
    assert brackets.initial(sim.world, 0, 260_000 * DOLLAR) == (31_250 + 2_000) * DOLLAR


def ruled(**numbers: int) -> dict[Any, int]:
    """Rules of margin, without trading fees."""
    return {**NO_FEES, **{(brackets.margin_rules, name): value for name, value in numbers.items()}}


def own_size(**more: Any) -> Simulation:
    """Deribit's SOL: 4 % and 2 %, and .0005 % a unit more of both, at $200."""
    knobs = ruled(form=brackets.SIZE_LINEAR, slope_ppb=5_000, leverage_max_milli=25_000)
    return market(tiers=((0, 40_000_000, 20_000_000),), knobs=knobs, price_usd=200.0, **more)


@pytest.mark.parametrize(
    ("size", "initial", "maintenance"), [(25, 200_625_000, 100_625_000), (6_000, 84_000 * DOLLAR, 60_000 * DOLLAR)]
)
def test_rates_that_grow_with_the_position_itself(size: int, initial: int, maintenance: int) -> None:
    """TIER-2: Deribit's page (V-M5): 25 SOL at 200 need 4.0125 % and 2.0125 %, 6,000 need 7 % (and 5 %)."""
    sim = own_size()
    assert brackets.initial(sim.world, 0, size * 200 * DOLLAR) == initial
    assert brackets.maintenance(sim.world, 0, size * 200 * DOLLAR) == maintenance
    assert brackets.maintenance(sim.world, 0, 10**6 * 200 * DOLLAR) == 10**6 * 200 * DOLLAR


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_position_with_rates_of_its_own_is_seen_in_time(side: int) -> None:
    """TIER-2, THR-1: 6,000 shares at $200 on $100,000; the mark walks against them, and the second in which equity is below
    maintenance is the one that opens the case: 100,000 - 6,000 d < 5 % of 6,000 x (200 -+ d)."""
    sim = own_size(people=2)
    sim.endow(ANN, 0, 100_000 * DOLLAR)
    sim.endow(BOB, 0, 10_000_000 * DOLLAR)
    assert perp(sim, BOB, -side, 20_000, 600_000) == matching.ACCEPTED
    assert perp(sim, ANN, side, 20_000, 600_000) == matching.ACCEPTED
    price = 200.0
    while attention.frozen(sim.world, ANN) == 0:
        assert sim.equity(ANN) >= int(margin.required(sim.world, ANN))
        price -= 0.03 * side
        put_price(sim, round(price, 2))
        go(sim)
    assert sim.equity(ANN) < int(margin.required(sim.world, ANN))
    assert 192.9 < price < 193.0 if side == BUY else 206.3 < price < 206.5


def crowded(lots: int) -> Simulation:
    """20 % at first, in a band of open interest from $1M to $2M; so many lots of a dollar are open."""
    knobs = ruled(leverage_max_milli=5_000, form=brackets.WHOLE, crowded_from_uusd=10**6 * DOLLAR, crowded_to_uusd=2 * 10**6 * DOLLAR)  # fmt: skip
    sim = market(dollars=10**7, tiers=((0, 200_000_000, 100_000_000),), knobs=knobs)
    if lots:
        assert perp(sim, BOB, SELL, 10_000, lots) == perp(sim, ANN, BUY, 10_000, lots) == matching.ACCEPTED
    go(sim)
    return sim


@pytest.mark.parametrize(
    ("lots", "initial"), [(0, 100_000), (1_000_000, 100_000), (1_500_000, 300_000), (1_750_000, 400_000), (2_000_000, 500_000), (3_000_000, 500_000)]
)  # fmt: skip
def test_initial_margin_grows_with_open_interest(lots: int, initial: int) -> None:
    """TIER-3: dYdX v4, liquidity_tier_test.go (V-M7, V-M9): of $500,000 at 20 %, in a band of 1 to 2 million: 60 % at 1.5 million.
    Maintenance stays."""
    sim = crowded(lots)
    assert brackets.initial(sim.world, 0, 500_000 * DOLLAR) == initial * DOLLAR
    assert brackets.maintenance(sim.world, 0, 500_000 * DOLLAR) == 50_000 * DOLLAR


def test_an_order_is_measured_by_the_open_interest_of_its_second() -> None:
    """TIER-3: Cat's $100 carry 500 lots at 20 %; a second after others opened 1.5 million dollars only 166 at 60 %."""
    sim = crowded(0)
    accounts.transfer(sim.world, 0, CAT, accounts.OUTSIDE, 10**7 * DOLLAR - 100 * DOLLAR, accounts.DEPOSIT)
    perp(sim, BOB, SELL, 10_000, 1_500_000)
    perp(sim, ANN, BUY, 10_000, 1_500_000)
    assert perp(sim, CAT, BUY, 9_999, 500) == matching.ACCEPTED
    matching.cancel_all(sim.world, CAT, 0)
    go(sim)
    assert perp(sim, CAT, BUY, 9_999, 167) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, CAT, BUY, 9_999, 166) == matching.ACCEPTED
    perp(sim, BOB, BUY, 10_000, 1_500_000)
    perp(sim, ANN, SELL, 10_000, 1_500_000)
    go(sim)
    assert perp(sim, CAT, BUY, 9_999, 334) == matching.ACCEPTED


def before_the_close(**numbers: int) -> Simulation:
    """Friday 15:40: Ann is long 1,000 lots on $50, 20x."""
    sim = market(people=3, knobs=ruled(**numbers), start_us=FRIDAY_OPEN + 6 * HOUR + 10 * MINUTE)
    sim.endow(ANN, 0, 50 * DOLLAR)
    for account in (BOB, CAT):
        sim.endow(account, 0, 10_000 * DOLLAR)
    assert perp(sim, BOB, SELL, 10_000, 1_000) == perp(sim, ANN, BUY, 10_000, 1_000) == matching.ACCEPTED
    return sim


def needs(sim: Simulation) -> tuple[int, int]:
    """Initial and maintenance margin of $1,000, dollars."""
    return tuple(int(f(sim.world, 0, 1_000 * DOLLAR)) // DOLLAR for f in (brackets.initial, brackets.maintenance))  # type: ignore[return-value]


def test_leverage_is_cut_before_the_close_for_new_positions() -> None:
    """TIER-4: at most 10x from 15:45 on; Ann keeps her 20x, and can no longer open any."""
    sim = before_the_close(closed_leverage_milli=10_000)
    go(sim, 5 * 60 - 1)
    assert needs(sim) == (50, 25)
    go(sim, 1)
    assert (needs(sim), attention.frozen(sim.world, ANN)) == ((100, 25), 0)
    accounts.transfer(sim.world, 0, CAT, accounts.OUTSIDE, 9_950 * DOLLAR, accounts.DEPOSIT)
    assert perp(sim, CAT, BUY, 9_999, 501) == matching.NOT_ENOUGH_MARGIN
    assert perp(sim, CAT, BUY, 9_999, 499) == matching.ACCEPTED


def test_who_is_above_the_cut_is_taken_down_to_it_before_the_close() -> None:
    """TIER-4: Ostium, 15:45 New York: 20x under a cap of 10x is closed in steps until it is 10x, and a little more."""
    sim = before_the_close(closed_leverage_milli=10_000, closed_for=brackets.ALL_POSITIONS)
    perp(sim, BOB, BUY, 9_999, 1_000)
    go(sim, 5 * 60 - 1)
    assert attention.frozen(sim.world, ANN) == 0
    go(sim, 1)
    assert (needs(sim), attention.frozen(sim.world, ANN)) == ((100, 100), 1)
    go(sim, 20)
    assert attention.frozen(sim.world, ANN) == 0
    assert 0 < lots_of(sim, ANN) and lots_of(sim, ANN) * DOLLAR <= 10 * sim.equity(ANN)


def test_a_share_is_added_while_trading_is_closed() -> None:
    """TIER-4: 2 points more of both, without a lead from the close on; on Saturday; and until Monday 09:30."""
    sim = before_the_close(closed_add_ppb=20_000_000, closed_lead_us=0)
    go(sim, 20 * 60 - 1)
    assert needs(sim) == (50, 25)
    go(sim, 1)
    assert needs(sim) == (70, 45)
    assert needs(market(knobs=ruled(closed_add_ppb=20_000_000), start_us=SATURDAY_NOON)) == (70, 45)
    # Clocks went forward on Sunday.
    sim = market(knobs=ruled(closed_add_ppb=20_000_000), start_us=FRIDAY_OPEN + 71 * HOUR - 2 * SECOND)
    assert needs(sim) == (70, 45)
    go(sim, 1)
    assert needs(sim) == (70, 45)
    go(sim, 1)
    assert needs(sim) == (50, 25)


def test_tiers_are_added_up_anew_when_their_rates_move() -> None:
    """TIER-4, TIER-1: class D with 2 points more: $30,000 need 7 % of ten thousand and 12 % of twenty."""
    sim = market(tiers=CLASS_D, knobs=ruled(closed_add_ppb=20_000_000), start_us=SATURDAY_NOON)
    assert brackets.initial(sim.world, 0, 30_000 * DOLLAR) == 3_100 * DOLLAR
    assert brackets.maintenance(sim.world, 0, 30_000 * DOLLAR) == (450 + 1_400) * DOLLAR


@pytest.mark.parametrize(
    ("given", "column"),
    [({"slope_ppb": 1}, "slope_ppb"), ({"slope_ppb": 1, "form": brackets.SIZE_LINEAR}, None), ({"crowded_from_uusd": 5, "crowded_to_uusd": 5}, "crowded_to_uusd"), ({"crowded_to_uusd": 5}, None), ({}, None)],
)  # fmt: skip
def test_what_is_wrong_with_a_margin_rule_is_said_of_it(given: dict[str, int], column: str | None) -> None:
    """TIER-2, TIER-3: a slope without its form, a band that does not rise."""
    rules = {"slope_ppb": 0, "form": brackets.MARGINAL, "crowded_from_uusd": 0, "crowded_to_uusd": 0, **given}
    wrong = brackets.check(SimpleNamespace(**rules))
    assert (wrong and wrong[0]) == column


def test_a_tier_that_begins_is_seen_at_its_tick() -> None:
    """TIER-1, THR-1: whole positions: 9,950 lots are $10,000 from 100.51 on and then need twice as much; Ann has too little."""
    sim = market(2, dollars=100_000, tiers=CLASS_D, knobs={**NO_FEES, (brackets.margin_rules, "form"): brackets.WHOLE})
    perp(sim, BOB, BUY, 10_000, 9_950)
    perp(sim, ANN, SELL, 10_000, 9_950)
    leave(sim, ANN, 520 * DOLLAR)
    go(sim, 2)
    jump(sim, 100.50)
    assert attention.frozen(sim.world, ANN) == 0
    go(sim, 2)
    jump(sim, 100.51)
    assert sim.equity(ANN) < margin.required(sim.world, ANN)
    assert attention.frozen(sim.world, ANN) == 1
