"""A warm-up of trading days begins with an open; New York's clocks are minded."""

from __future__ import annotations

import numpy as np
import pytest

from offhours.sim.mistake import Mistake

from .asked import build


def test_a_warm_up_of_trading_days_begins_with_an_open() -> None:
    # Ten sessions before Friday 6 March is Friday 20 February, 09:30 in winter time.
    assert build().start_us == np.datetime64("2026-02-20T14:30", "us").astype(int)
    assert build(warm_up="2 days").start_us == np.datetime64("2026-03-04T14:30", "us").astype(int)
    assert build(start="2026-03-01 12:00").start_us == np.datetime64("2026-03-01T17:00", "us").astype(int)


def test_a_local_time_that_does_not_exist_or_exists_twice_says_so() -> None:
    with pytest.raises(Mistake, match="2026-03-08 02:30"):
        build(end="2026-03-08 02:30")
    with pytest.raises(Mistake, match="2026-11-01 01:30"):
        build(end="2026-11-01 01:30")
