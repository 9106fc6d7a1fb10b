"""What would have carried an account through, worked by hand."""

from __future__ import annotations

import numpy as np

from offhours.experiments.metrics.gaps import Schedule
from offhours.experiments.survival import Survival, survival
from offhours.sim.declare import spec_of
from offhours.sim.market import brackets

from .watched import S, life

TIERS = np.zeros(brackets.TIERS, dtype=spec_of(brackets.tiers).dtype)
TIERS["from_uusd"] = brackets.NO_TIER
TIERS[0] = (0, 100_000_000, 50_000_000, 0, 0)
FLAT = Schedule(TIERS, np.array([brackets.MARGINAL]), np.zeros(1))
"""Maintenance is 5 % of any size."""


def test_the_dollars_that_would_have_carried_it_through() -> None:
    """100 shares bought at $10 with $100: 10x. At $9.40 equity 40 < 47, and the case opens; all is taken at $9.30.

    The mark falls on to $9.00 and comes back: there 100 shares need $45 and would have had 100 - 100 = 0, so $45 were missing.
    With 100 + 45 behind $1,000 the leverage is 6.896: 6.8x.
    """
    seen = life(usd=[100, -900, -900, 30, 30, 30], lots=[0, 100, 100, 0, 0, 0], marks=[1000, 1000, 940, 930, 900, 950])
    found = survival(seen, FLAT, from_row=2, opened_row=1)
    assert found == Survival(45 * S, 4 * S, 6.8)
    assert survival(seen, FLAT, 2, None).leverage is None


def test_funding_is_paid_along_the_way() -> None:
    """The same, and each share pays $0.10 after the case opened: $10 more are missing. 1000 / 155 = 6.45."""
    seen = life(usd=[100, -900, -900, 30, 30, 30], lots=[0, 100, 100, 0, 0, 0], marks=[1000, 1000, 940, 930, 900, 950], paid=[0, 0, 0.0, 0.1, 0.1, 0.1])  # fmt: skip
    assert survival(seen, FLAT, 2, 1) == Survival(55 * S, 4 * S, 6.4)


def test_a_short_is_carried_through_a_rise() -> None:
    """100 shares sold at $10 with $100; at $11 they need $55 and have 0: $55 more, and 1000 / 155 is 6.4x."""
    seen = life(usd=[100, 1100, 1100, 1100], lots=[0, -100, -100, -100], marks=[1000, 1000, 1050, 1100])
    assert survival(seen, FLAT, 2, 1) == Survival(55 * S, 3 * S, 6.4)


def test_a_rate_that_grows_with_the_position() -> None:
    """TIER-2: 5 % and 0.05 % a share: 100 shares need 10 %. At $9.40 that is 94 of 40; at $9.00 they need $90 and have 0."""
    growing = Schedule(TIERS, np.array([brackets.SIZE_LINEAR]), np.array([500_000.0]))
    seen = life(usd=[100, -900, -900, 30, 30, 30], lots=[0, 100, 100, 0, 0, 0], marks=[1000, 1000, 940, 930, 900, 950])
    assert survival(seen, growing, 2, 1) == Survival(90 * S, 4 * S, 5.2)
