"""Intervals of a mean, of a probability and of a median, by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from offhours.experiments.intervals import interval_of_mean, interval_of_median, share_interval


def test_the_interval_of_a_mean() -> None:
    """1, 2, 3: mean 2, s = 1, t(.975, 2) = 4.3027."""
    found = interval_of_mean([1.0, 2.0, 3.0])
    assert found is not None
    assert found[1] - 2 == pytest.approx(4.3027 / sqrt(3), abs=1e-4)
    assert interval_of_mean([1.0]) is None


def test_the_interval_of_a_probability() -> None:
    """1 - .025^(1/20) = .168: Clopper and Pearson (1934)."""
    assert share_interval(0, 20)[1] == pytest.approx(1 - 0.025 ** (1 / 20))
    low, high = share_interval(5, 20)
    assert (low, high) == (pytest.approx(0.0866, abs=1e-4), pytest.approx(0.4910, abs=1e-4))


def test_the_interval_of_a_median_holds_it_as_often_as_it_says() -> None:
    """Order statistics of 20: the 6th and the 15th hold the median with 1 - 2 P(B(20, 1/2) <= 5) = 95.9 %; of 1,000 samples
    at least 95.9 % less 3 s.e. do. Fewer than six values hold it with less than 95 %, so there is none."""
    twenty = list(range(1, 21))
    assert interval_of_median(twenty) == (6, 15)
    assert interval_of_median([1, 2, 3, 4, 5, 6]) == (1, 6)
    assert interval_of_median([1, 2, 3, 4, 5]) is None
    assert interval_of_median([]) is None
    luck = np.random.default_rng(7)
    around = [interval_of_median(luck.exponential(size=20)) for _ in range(1_000)]
    held = np.mean([found is not None and found[0] <= np.log(2) <= found[1] for found in around])
    assert held > 0.959 - 3 * (0.959 * 0.041 / 1_000) ** 0.5
