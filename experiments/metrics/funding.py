"""How much funding was paid, how often it was at its cap, and in which state the index was that it rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.market import oracle

Array = np.ndarray[Any, Any]
HOURS_A_YEAR = 24 * 365


def stability(events: Array, ticker: int, rules: Array) -> dict[str, float | int | None]:
    """Moments of a ticker's funding rate: basis points an hour, share of intervals at the cap, percent a year.

    `events` are rows of the funding table, `rules` those of the funding rules. None where no interval began.
    """
    own = events[events["ticker"] == ticker]
    hours = int(rules["interval_us"][ticker]) // 3_600_000_000
    if len(own) == 0:
        return {"mean_bp": None, "std_bp": None, "share_at_cap": None, "annual_pct": None, "intervals": 0}
    hourly_bp = own["rate_ppb"] / 1e5 / hours
    at_cap = np.abs(own["rate_ppb"]) >= int(rules["cap_ppb"][ticker])
    mean_bp = float(hourly_bp.mean())
    return {
        "mean_bp": mean_bp,
        "std_bp": float(hourly_bp.std(ddof=1)) if len(own) > 1 else None,
        "share_at_cap": float(at_cap.mean()),
        "annual_pct": mean_bp * HOURS_A_YEAR / 100,
        "intervals": len(own),
    }


def fallback_minutes(seconds: Array) -> dict[str, float]:
    """Minutes spent in each state of the index. `seconds` holds four states."""
    return {name: int(value) / 60 for name, value in zip(oracle.FALLBACKS, seconds)}
