"""How large the market was, in dollars, beside the regime that its scenario names.

mature: open interest $40M, daily volume .1 to .5 of it, impact spread 3 to 10 bp, a week-end day .2 to .65 of a weekday, the
median account trades 1 to 20 times a week. launch: 0 to 15 traded perp minutes of the 3,931 of a week-end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from offhours.sim.market import clock

Array = np.ndarray[Any, Any]

STATED: Mapping[str, Mapping[str, tuple[float | None, float | None]]] = {
    "mature": {
        "open_interest_usd": (20e6, 80e6),
        "daily_volume_share": (0.1, 0.5),
        "impact_spread_bp": (3.0, 10.0),
        "weekend_day_share": (0.2, 0.65),
        "trades_per_account_week": (1.0, 20.0),
    },
    "launch": {"weekend_perp_minutes": (0.0, 15.0)},
}
"""Range of each number in each regime. (Open interest of about $40M is read as half to twice of it.)"""

MEANINGS = {
    "open_interest_usd": "mean open interest of all perps at the mark, dollars",
    "daily_volume_usd": "perp volume a day, dollars",
    "daily_volume_share": "perp volume a day, share of open interest",
    "impact_spread_bp": "median distance of the impact prices of the headline perp in regular hours, basis points",
    "depth_50bp_usd": "median of the thinner side of the headline perp within 50 bp of the mark, dollars",
    "weekend_day_share": "perp volume of a week-end day beside a weekday",
    "trades_per_account_week": "trades a week of the median account with at least one",
    "weekend_perp_minutes": "minutes of a week-end in which the headline perp traded",
    "side_empty_share": "share of minutes in which some side of some perp or token book was empty",
}


def numbers(bars: Array, trades: Array, headline: int, lot_ushares: Array, unit_uusd: Array) -> dict[str, float | None]:
    """The market's own size. `lot_ushares` and `unit_uusd` are those of the perp books, by ticker."""
    if len(bars) == 0:
        return dict.fromkeys(MEANINGS)
    own = bars[bars["ticker"] == headline]
    minutes = len(own)
    mark_usd = own["mark_ticks"] * int(unit_uusd[headline]) / int(lot_ushares[headline])
    interest, volume, weekday, weekend, minutes_weekend = 0.0, 0.0, 0.0, 0.0, 0
    resting = np.flatnonzero((own["phase"] == clock.WEEKEND) | (own["phase"] == clock.HOLIDAY))
    for ticker in range(len(lot_ushares)):
        rows = bars[bars["ticker"] == ticker]
        value = rows["mark_ticks"] * float(unit_uusd[ticker]) / 1e6
        interest += float((rows["interest_lots"] * value).mean())
        traded = np.diff(rows["perp_lots"], prepend=rows["perp_lots"][:1]) * value
        volume += float(traded.sum())
        saturday = np.isin(rows["phase"], (clock.WEEKEND, clock.HOLIDAY))
        weekend += float(traded[saturday].sum())
        weekday += float(traded[~saturday].sum())
        if ticker == headline:
            minutes_weekend = int((traded[saturday] > 0).sum())
    days = minutes / 1440
    closed_days = len(resting) / 1440
    in_session = (own["phase"] == clock.REGULAR) & (own["impact_spread_ppb"] >= 0)
    spread = own["impact_spread_ppb"][in_session]
    depth = np.minimum(own["perp_bid_lots"], own["perp_ask_lots"]) * int(lot_ushares[headline]) / 1e6 * mark_usd
    sides = ("perp_bid_ticks", "perp_ask_ticks", "token_bid_ticks", "token_ask_ticks")
    empty = np.any([bars[side] <= 0 for side in sides], axis=0)
    open_days = days - closed_days
    found: dict[str, float | None] = {
        "open_interest_usd": interest,
        "daily_volume_usd": volume / days,
        "daily_volume_share": volume / days / interest if interest else None,
        "impact_spread_bp": float(np.median(spread)) / 1e5 if len(spread) else None,
        "depth_50bp_usd": float(np.median(depth)),
        "weekend_day_share": weekend / closed_days / (weekday / open_days) if closed_days and weekday else None,
        "trades_per_account_week": _trades_a_week(trades, days),
        "weekend_perp_minutes": float(minutes_weekend) if closed_days else None,
        "side_empty_share": float(empty.mean()),
    }
    return found


def _trades_a_week(trades: Array, days: float) -> float | None:
    perp = trades[trades["book"] % 2 == 0]
    if len(perp) == 0:
        return None
    each = np.unique(np.concatenate((perp["buyer"], perp["seller"])), return_counts=True)[1]
    return float(np.median(each)) * 7 / days


def beside(regime: str, own: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Each number with what the regime states: rows of (what, meaning, own, low, high, inside)."""
    found = []
    for what, value in own.items():
        low, high = STATED[regime].get(what, (None, None))
        stated = low is not None and high is not None
        inside = None if value is None or not stated else bool(low <= value <= high)  # type: ignore[operator]
        found.append(
            {"what": what, "meaning": MEANINGS[what], "own": value, "low": low, "high": high, "inside": inside}
        )
    return found
