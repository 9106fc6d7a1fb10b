"""Funding as the venue's page says it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def rate(premiums: Sequence[int], previous: int, *, kept: Fraction, divisor: int, cap: int, least: int) -> int:
    """Next rate in ppb: the middle share of the sorted premiums, averaged, divided, held within the cap."""
    if len(premiums) < least:
        return previous
    ordered = sorted(premiums)
    number = max(1, floor(len(ordered) * kept))
    first = (len(ordered) - number) // 2
    average = floor(Fraction(sum(ordered[first : first + number]), number))
    size = min(abs(average) // divisor, cap)
    return size if average >= 0 else -size


def rate_by_form(form: str, average: int, *, interest: int, band: int, scale: Fraction, divisor: int, cap: int) -> int:
    """Rate in ppb that an average premium makes at a venue whose page has this form; each step rounds towards zero."""
    clamp = max(-band, min(interest - average, band))
    drawn = {
        "premium": average,
        "clamp": average + clamp,
        "dead band": max(band, average) + min(-band, average),
        "offset": max(-band, min(average + interest, band)),
    }[form]
    return max(-cap, min(int(Fraction(int(drawn * scale), divisor)), cap))


def of_a_minute(word: str, premiums: Sequence[int]) -> int:
    """What stands for a minute whose seconds had these premiums, rounded towards zero."""
    if word == "mean of the minute":
        return int(Fraction(sum(premiums), len(premiums)))
    ordered = sorted(premiums)
    return int(Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2))


def weighted(premiums: Sequence[int], word: str) -> int:
    """Average of premiums as they came, alike or the k-th k times, rounded towards zero."""
    weights = [number if word == "rising" else 1 for number in range(1, len(premiums) + 1)]
    return int(Fraction(sum(w * p for w, p in zip(weights, premiums, strict=True)), sum(weights)))


def owed(lots: int, paid_pusd: int, from_pusd: int) -> int:
    """What a position owes in micro-dollars: rounded up where it pays, and down in size where it receives."""
    exact = Fraction(lots * (paid_pusd - from_pusd), 10**6)
    return -floor(-exact)


def paid(hourly_pusd: Sequence[int]) -> Fraction:
    """What a lot has paid after so many seconds at these hourly amounts."""
    return sum((Fraction(hourly, 3_600) for hourly in hourly_pusd), Fraction(0))
