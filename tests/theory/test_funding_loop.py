"""Funding as a price and as a controller, in the market's own engine: books, index, samples, rate, payment, interest.

Nobody is simulated here but what each theory needs: somebody who quotes, and an arbitrageur who moves that quote by what he
earned. Prices are a thousand dollars with ticks of a hundredth of a cent, so that a tick is a tenth of a millionth.
"""

from __future__ import annotations

from math import sqrt
from random import Random
from typing import Any

import numpy as np
import pytest

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import accounts, book, funding, interest, matching, oracle
from plain.market import ANN, BOB, BUY, CAT, DAN, DOLLAR, HOUR, NO_FEES, SELL, SHARE, Simulation, go, market, usd

PRICE = 1_000.0
TICKS = 10_000_000
"""The index in ticks."""
YEAR = 8_760
SHARES = 1_000
RICH = 100_000_000
HEDGED, IDLE, LONG, QUOTER = ANN, BOB, CAT, DAN
PPB = 10**9


def word(column: str, choice: str) -> dict[Any, int]:
    """A choice of the funding rules."""
    knob = spec_of(funding.funding_rules).columns[column]
    assert isinstance(knob, Knob)
    return {(funding.funding_rules, column): knob.choices.index(choice)}


def loop_market(hours: int = 1, divisor: int = 24, days: int = 40, **more: Any) -> Simulation:
    """A market at a full interval: index pinned at the stock, linear funding without trim, clamp or a cap that binds."""
    numbers = {"interval_us": hours * HOUR, "divisor": divisor, "kept_ppb": PPB, "cap_ppb": PPB, "samples_min": 1}
    knobs = {
        **NO_FEES,
        (oracle.oracle_rules, "impact_uusd"): 1_000 * DOLLAR,
        (book.book_rules, "tick_uusd"): 100,
        (book.book_rules, "lot_ushares"): 10_000,
        **{(funding.funding_rules, name): value for name, value in numbers.items()},
        **more.pop("knobs", {}),
    }
    sim = market(4, dollars=RICH, price_usd=PRICE, days=days, knobs=knobs, **more)
    # Rates begin at full intervals of UTC; the market opened at 14:30.
    go(sim, 1_800 if hours == 1 else 5_400)
    return sim


def quote(sim: Simulation, premium: float) -> None:
    """Quote the perp so far above the index, a tick to either side."""
    around = TICKS + round(premium * TICKS)
    matching.cancel_all(sim.world, QUOTER, 0)
    for side in (BUY, SELL):
        assert sim.place(QUOTER, 0, side, around - side, 1_000) == matching.ACCEPTED


def rate(sim: Simulation) -> float:
    """The rate made last, per interval."""
    return int(sim.memory[funding.fundings]["rate_ppb"][0]) / PPB


# What the perp is worth ------------------------------------------------------------------------------------------------


def linear_price(kappa: float, iota: float, ra: float, rb: float) -> float:
    """Perp over spot in continuous time, f / x = (kappa - iota) / (kappa + rb - ra)."""
    return (kappa - iota) / (kappa + rb - ra)


def arbitrage(
    kappa_hours: int, hours: int, intervals: int, knobs: dict[Any, int], dividend: float = 0.0, noise: float = 0.0
) -> tuple[list[float], list[float]]:
    """Premium of each interval, and funding paid in it per dollar of perp, where arbitrage is free and unlimited.

    One person holds tokens and is short as many perps; another keeps the same money in dollars, which earn 5 % a year. While
    the first gains more than the second, others do as he does and the price falls: half of the way to where he would gain no
    more. `noise` is the standard deviation of what else moves the premium.
    """
    rules = {
        (interest.interest_rules, "quote_ppb"): 50_000_000,
        (interest.dividend_rules, "dividend_ppb"): round(dividend * PPB),
        **knobs,
    }
    sim = loop_market(hours, kappa_hours // hours, days=intervals * hours // 24 + 8, knobs=rules)
    sim.endow(HEDGED, accounts.token_asset(0), SHARES * SHARE)
    sim.endow(IDLE, accounts.USD, SHARES * int(PRICE) * DOLLAR)
    assert sim.place(HEDGED, 0, SELL, TICKS, SHARES * 100) == matching.ACCEPTED
    assert sim.place(LONG, 0, BUY, TICKS, SHARES * 100) == matching.ACCEPTED
    luck, premium, premiums, paid = Random(7), 0.0, [], []
    row = sim.memory[funding.fundings][0]
    for _ in range(intervals):
        quote(sim, premium)
        before, paid_pusd = (usd(sim, HEDGED), usd(sim, IDLE)), int(row["paid_pusd"])
        go(sim, hours * 3_600)
        gained = (usd(sim, HEDGED) - before[0]) - (usd(sim, IDLE) - before[1])
        per_share = PRICE * (1 + premium)
        premiums.append(premium)
        paid.append((int(row["paid_pusd"]) - paid_pusd) / 1e12 * 100 / per_share)
        premium += luck.gauss(0.0, noise) - 0.5 * gained / (SHARES * per_share * DOLLAR) * kappa_hours / hours
    assert sim.conservation_error() == 0
    return premiums, paid


VENUES: dict[str, tuple[int, int, dict[Any, int]]] = {
    "accrued hourly, kappa 1/24": (24, 1, word("payment", "accrued")),
    "accrued hourly, kappa 1/120": (120, 1, word("payment", "accrued")),
    "at once each hour, kappa 1/24": (24, 1, word("payment", "at once")),
    "at the next end of 8 h, kappa 1/8": (8, 8, {**word("payment", "next end"), **word("premium", "impact prices")}),
}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("dividend", [0.0, 0.02])
def test_funding_is_the_difference_of_carry_whatever_the_rule(venue: str, dividend: float) -> None:
    """FUND-10, INT-1: Ackerer, Hugonnier and Jermann (arXiv 2310.11771), linear contract: in equilibrium funding per dollar of
    perp is ra - rb for every kappa and interval, and f / x = kappa / (kappa + rb - ra). No chance is in it; to 1 % for ticks."""
    kappa_hours, hours, knobs = VENUES[venue]
    premiums, paid = arbitrage(kappa_hours, hours, 40 if hours == 1 else 25, knobs, dividend)
    carry = 0.05 - dividend
    assert np.mean(paid[-5:]) * YEAR / hours == pytest.approx(carry, rel=0.01)
    assert premiums[-1] == pytest.approx(linear_price(YEAR / kappa_hours, 0.0, 0.05, dividend) - 1, rel=0.01)


def test_with_noise_the_mean_of_funding_stays_and_the_premium_does_not() -> None:
    """The same with noise of half the premium each hour: over 300 hours mean funding is ra - rb within 3 standard errors
    (Newey-West, 12 lags), and the premium is near its price less than a third of the time."""
    equilibrium = linear_price(YEAR / 24, 0.0, 0.05, 0.0) - 1
    premiums, paid = arbitrage(24, 1, 320, word("payment", "accrued"), noise=0.5 * equilibrium)
    yearly = np.array(paid[20:]) * YEAR
    moved = yearly - yearly.mean()
    variance = float(moved @ moved)
    for lag in range(1, 13):
        variance += 2 * (1 - lag / 13) * float(moved[lag:] @ moved[:-lag])
    error = sqrt(variance) / len(yearly)
    assert 0 < error < 0.01
    assert abs(yearly.mean() - 0.05) < 3 * error
    assert np.mean(np.abs(np.array(premiums[20:]) / equilibrium - 1) < 0.2) < 1 / 3


# A band in which nothing pulls -------------------------------------------------------------------------------------------


CLAMP = {
    **word("form", "clamp"),
    (funding.funding_rules, "interest_ppb"): 100_000,
    (funding.funding_rules, "band_ppb"): 500_000,
}
"""Binance: F = P + clamp(0.01 % - P, -0.05 %, 0.05 %)."""


def respond(knobs: dict[Any, int], start: float, noise: float, gain: float, intervals: int, delayed: bool = False, divisor: int = 1) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Premiums and rates where arbitrage moves the premium by -gain x the rate: the one just made or, delayed, that before."""
    sim = loop_market(1, divisor, days=intervals // 24 + 8, knobs={**word("payment", "at once"), **knobs})
    luck, premium, before, premiums, rates = Random(11), start, 0.0, [], []
    for number in range(intervals):
        quote(sim, premium)
        go(sim, 3_600)
        made = rate(sim)
        premiums.append(premium)
        rates.append(made)
        used = (before if number else made) if delayed else made
        premium, before = premium - gain * used + luck.gauss(0.0, noise), made
    return np.array(premiums), np.array(rates)


def test_a_dead_band_lets_the_premium_wander() -> None:
    """FUND-8: production rule of Binance and BitMEX: inside the band the rate is the interest alone and has no slope. With the
    same noise of 2 bp an hour and the same arbitrage the premium spreads wider than without the clamp: the ratio of variances
    is above 2 (an F quantile of 99.9 % for 100 effective readings each is 1.87), and most rates are exactly the interest.
    Without it the variance is s2 / (1 - (1 - g)^2) within 3 standard errors."""
    free, _ = respond({}, 0.0, 2e-4, 0.5, 420)
    bound, rates = respond(CLAMP, 1e-4, 2e-4, 0.5, 420)
    free, bound = free[20:], bound[20:]
    expected = (2e-4) ** 2 / (1 - 0.5**2)
    # Variance of an AR(1) with coefficient .5: readings count for (1 - .25) / (1 + .25) of their number.
    assert abs(free.var() / expected - 1) < 3 * sqrt(2 / (len(free) * 0.6))
    assert bound.var() / free.var() > 2.0
    assert (rates == 1e-4).mean() > 0.5
    assert np.corrcoef(bound, rates[20:])[0, 1] > 0


@pytest.mark.parametrize(("premium", "expected"), [(-9e-4, -4e-4), (-4e-4, 1e-4), (-4.1e-4, 0.9e-4), (0.0, 1e-4), (6e-4, 1e-4), (6.1e-4, 1.1e-4), (2e-3, 1.5e-3)])  # fmt: skip
def test_the_rule_is_flat_between_two_kinks_and_has_slope_one_outside(premium: float, expected: float) -> None:
    """FUND-8: P in [-0.04 %, 0.06 %] gives exactly 0.01 %; through books, samples and the engine."""
    _, rates = respond(CLAMP, premium, 0.0, 0.0, 1)
    assert rates[0] == pytest.approx(expected, abs=2e-8)


# A controller, and when it swings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", [0.1, 1.9, 1.96, 2.04, 2.1])
def test_a_controller_without_delay_is_stable_below_two(product: float) -> None:
    """p' = (1 - gk) p: stable where 0 < gk < 2, the modulus |1 - gk| (.9 at 1.9, 1.1 at 2.1). With k = 1/8 of the engine, from
    a premium of 3 bp, 15 hours."""
    premiums, _ = respond({}, 3e-4, 0.0, 8 * product, 15, divisor=8)
    assert abs(premiums[-1] / premiums[0]) ** (1 / 14) == pytest.approx(abs(1 - product), abs=0.01)


@pytest.mark.parametrize("product", [0.9, 0.98, 1.02, 1.1])
def test_a_controller_with_one_period_of_delay_is_stable_below_one(product: float) -> None:
    """p'' = p' - gk p: stable where 0 < gk < 1, the modulus sqrt(gk) (.995 at .99): p'^2 - p' p + gk p^2 grows by gk a period."""
    premiums, _ = respond({}, 3e-4, 0.0, 8 * product, 40, delayed=True, divisor=8)
    energy = premiums[1:] ** 2 - premiums[1:] * premiums[:-1] + product * premiums[:-1] ** 2
    assert (energy[-1] / energy[1]) ** (1 / (len(energy) - 2)) == pytest.approx(product, abs=0.01)
    assert (abs(energy[-1]) > abs(energy[1])) == (product > 1)
