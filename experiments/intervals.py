"""What some runs say of all: intervals of a mean, of a probability and of a median."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

CONFIDENCE = 0.95


def interval_of_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Student's interval of a mean; None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    from scipy.special import stdtrit

    mean = sum(values) / n
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return mean - half, mean + half


def share_interval(count: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) of a probability after `count` of `n`, two-sided."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def interval_of_median(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """The narrowest pair of order statistics, as many from either end, that holds the median with this confidence."""
    n, ordered = len(values), sorted(values)
    out, cut, tail = (1.0 - confidence) / 2.0, 0, 0.0
    while cut < n // 2:
        tail += comb(n, cut) / 2**n
        if tail > out:
            break
        cut += 1
    return (ordered[cut - 1], ordered[n - cut]) if cut else None
