"""How far perp, index and stock were apart in each phase of the week, and how fast a distance went away."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def mid_usd(bars: Array, book: str, tick_usd: float) -> Array:
    """Mid of the best prices of a bar's book ("perp" or "token"), dollars; NaN where a side is empty."""
    bid, ask = bars[f"{book}_bid_ticks"], bars[f"{book}_ask_ticks"]
    return np.asarray(np.where((bid > 0) & (ask > 0), (bid + ask) / 2 * tick_usd, np.nan))


def root_mean_square(values: Array) -> float | None:
    """Of the values that are known; None where there are none."""
    known = values[np.isfinite(values)]
    return float(np.sqrt((known**2).mean())) if len(known) else None


def by_phase(bars: Array, phases: Sequence[str], tick_usd: float) -> dict[str, dict[str, float]]:
    """Root mean square of the perp over the index, and over the stock while it has a price, percent, by phase.

    Phases that the measured time does not hold are left out. `bars` are one ticker's; the tick is the perp's.
    """
    perp = mid_usd(bars, "perp", tick_usd)
    over_index = 100 * (perp / bars["index_usd"] - 1)
    over_stock = np.where(bars["stock_visible"] == 1, 100 * (perp / bars["stock_usd"] - 1), np.nan)
    found: dict[str, dict[str, float]] = {"over_index_pct": {}, "over_stock_pct": {}}
    for name, values in (("over_index_pct", over_index), ("over_stock_pct", over_stock)):
        for code, phase in enumerate(phases):
            value = root_mean_square(values[bars["phase"] == code])
            if value is not None:
                found[name][phase] = value
    return found


def half_life_minutes(values: Array, inside: Array) -> float | None:
    """Minutes in which half of a distance from its mean goes away: ln 2 / -ln of the slope of each minute on the one before.

    Only pairs of minutes that are both `inside` and known count. None with fewer than thirty, or where nothing goes away.
    """
    both = inside[1:] & inside[:-1] & np.isfinite(values[1:]) & np.isfinite(values[:-1])
    before, after = values[:-1][both], values[1:][both]
    if len(before) < 30:
        return None
    moved = before - before.mean()
    whole = float(moved @ moved)
    slope = float(moved @ (after - after.mean())) / whole if whole > 0 else 0.0
    return log(2.0) / -log(slope) if 0.0 < slope < 1.0 else None
