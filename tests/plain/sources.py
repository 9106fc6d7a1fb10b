"""An index of several sources the plain way: lists, sorting, fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

Known = Sequence[tuple[float, int]]
"""Price and weight of each source; a price of -1 shows nothing."""


def index(known: Known, form: str, guard_ppb: int, beyond: str, least: int) -> Fraction | None:
    """SRC-1, SRC-2, SRC-4, SRC-5: what the sources make together; None where they make nothing."""
    counted = [(Fraction(price), weight) for price, weight in known if weight > 0 and price > 0]
    if len(counted) < least:
        return None
    if guard_ppb:
        centre = median(price for price, _ in counted)
        away = centre * Fraction(guard_ppb, 10**9)
        if beyond == "dropped":
            counted = [(price, weight) for price, weight in counted if abs(price - centre) <= away]
        else:
            counted = [(min(max(price, centre - away), centre + away), weight) for price, weight in counted]
    if not counted:
        return None
    counted.sort(key=lambda each: each[0])
    if form == "median":
        # Each price as often as it weighs; of an even number the lower one of the two in the middle.
        repeated = [price for price, weight in counted for _ in range(weight)]
        return repeated[(len(repeated) - 1) // 2]
    if form == "without ends" and len(counted) >= 3:
        counted = counted[1:-1]
    return sum((p * w for p, w in counted), Fraction()) / sum(w for _, w in counted)
