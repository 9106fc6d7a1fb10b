"""How much funding was paid and by whom, how steady it was, how often at its cap, and on which index it rested."""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.market import clock, oracle

Array = np.ndarray[Any, Any]
HOURS_A_YEAR = 24 * 365
LAGS = (1, 2, 8, 24)
"""Lags of the autocorrelation, in intervals."""


def stability(events: Array, ticker: int, rules: Array) -> dict[str, Any]:
    """Moments of a ticker's funding rate: basis points an hour, share of intervals at the cap, percent a year.

    `events` are rows of the funding table, `rules` those of the funding rules. None where no interval began, where there are
    too few for a number, or where the venue has no interest rate to stand at.
    """
    own = events[events["ticker"] == ticker]
    hourly_bp = own["rate_ppb"] / 1e5 / (own["interval_us"] / clock.HOUR_US)
    n = len(own)
    at_cap = np.abs(own["rate_ppb"]) >= int(rules["cap_ppb"][ticker])
    interest = int(rules["interest_ppb"][ticker]) if "interest_ppb" in (rules.dtype.names or ()) else 0
    mean_bp = float(hourly_bp.mean()) if n else None
    spread = float(hourly_bp.std()) if n else 0.0
    moved = (hourly_bp - (mean_bp or 0.0)) / spread if spread > 0 else None
    return {
        "mean_bp": mean_bp,
        "std_bp": float(hourly_bp.std(ddof=1)) if n > 1 else None,
        "variance_bp2": float(hourly_bp.var(ddof=1)) if n > 1 else None,
        "skew": float((moved**3).mean()) if moved is not None and n > 2 else None,
        "excess_kurtosis": float((moved**4).mean() - 3.0) if moved is not None and n > 3 else None,
        "acf": {str(lag): autocorrelation(hourly_bp, lag) for lag in LAGS},
        "share_at_cap": float(at_cap.mean()) if n else None,
        "share_at_interest": float((own["rate_ppb"] == interest).mean()) if n and interest else None,
        "sign_changes": sign_changes(own["rate_ppb"]),
        "annual_pct": None if mean_bp is None else mean_bp * HOURS_A_YEAR / 100,
        "intervals": n,
    }


def autocorrelation(values: Array, lag: int) -> float | None:
    """Autocorrelation of a series at a lag; None where fewer than ten pairs are left, or nothing moves."""
    if len(values) < lag + 10:
        return None
    moved = values - values.mean()
    whole = float(moved @ moved)
    return float(moved[lag:] @ moved[:-lag]) / whole if whole > 0 else None


def sign_changes(rates: Array) -> float | None:
    """Share of rates other than zero whose sign is not that of the one before: 0.5 by chance, near 1 it swings to and fro."""
    signs = np.sign(rates[rates != 0])
    return float((np.diff(signs) != 0).mean()) if len(signs) > 1 else None


def carry(bars: Array, ticker: int, rules: Array, lot_ushares: int) -> dict[str, float]:
    """Dollars that longs and that shorts paid in funding over the measured time, all accounts together.

    Reckoned minute by minute from the rate being paid, the index and the open interest of each bar; a side's payment is what
    it paid while the rate was against it. `longs_net_usd` is the difference: what all longs paid more than they received.
    """
    own = bars[bars["ticker"] == ticker]
    minutes = int(rules["interval_us"][ticker]) / clock.MINUTE_US
    shares = own["interest_lots"] * (lot_ushares / 1e6)
    paid = own["rate_ppb"] / 1e9 * own["index_usd"] * shares / minutes
    longs, shorts = float(paid[paid > 0].sum()), float(np.abs(paid[paid < 0]).sum())
    return {"longs_usd": longs, "shorts_usd": shorts, "longs_net_usd": longs - shorts}


def fallback_minutes(seconds: Array) -> dict[str, float]:
    """Minutes spent in each state of the index. `seconds` holds four states."""
    return {name: int(value) / 60 for name, value in zip(oracle.FALLBACKS, seconds)}
