"""What happened while the stock's exchange was closed: how far the stock went, how far the perp knew, what the gap alone does."""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.experiments.metrics.welfare import Ledger
from offhours.sim.market import accounts, margin

Array = np.ndarray[Any, Any]


def _bar_at(bars: Array, ticker: int, at_us: int) -> Array | None:
    """A ticker's bar at an instant, or the last one before it."""
    own = bars[bars["ticker"] == ticker]
    place = int(np.searchsorted(own["time_us"], at_us, side="right")) - 1
    return own[place] if place >= 0 else None


def _perp_ticks(bar: Array) -> float:
    """Mid of the perp's best prices, or its mark where a side is empty."""
    if bar["perp_bid_ticks"] > 0 and bar["perp_ask_ticks"] > 0:
        return (int(bar["perp_bid_ticks"]) + int(bar["perp_ask_ticks"])) / 2
    return float(bar["mark_ticks"])


def percent(before: float, after: float) -> float:
    """A change in percent, to nine places: more is rounding error."""
    return round(100.0 * (after / before - 1.0), 9)


def over_window(bars: Array, ticker: int, close_us: int, open_us: int) -> dict[str, float | None]:
    """Change of stock and perp from a close to the open, percent.

    The perp's is taken at the bell, before anybody could answer it: what it had priced in while the stock slept.
    """
    before, after = _bar_at(bars, ticker, close_us), _bar_at(bars, ticker, open_us)
    if before is None or after is None or int(after["time_us"]) < open_us:
        return {"stock_pct": None, "perp_open_gap_pct": None}
    return {
        "stock_pct": percent(float(before["stock_usd"]), float(after["stock_usd"])),
        "perp_open_gap_pct": percent(_perp_ticks(before), _perp_ticks(after)),
    }


def first_price(rows: Array, ticker: int, close_us: int, open_us: int) -> Array | None:
    """The first quote that ends a ticker's longest time without one between a close and the open."""
    own = rows[(rows["ticker"] == ticker) & (rows["time_us"] > close_us) & (rows["time_us"] <= open_us)]
    if len(own) == 0:
        return None
    row: Array = own[int(np.argmax(own["time_us"] - own["since_us"]))]
    return row


def maintenance_uusd(notional_uusd: Array, tiers: Array, form: int) -> Array:
    """Maintenance margin of notionals under one ticker's tiers (floats: for what-if questions, not for state)."""
    edges = tiers["from_uusd"].astype(float)
    tier = np.maximum(0, np.searchsorted(edges, notional_uusd, side="right") - 1)
    rate = tiers["maintenance_ppb"][tier] / 1e9
    if form == margin.WHOLE:
        return np.asarray(notional_uusd * rate)
    return np.asarray(tiers["maintenance_below_uusd"][tier] + (notional_uusd - edges[tier]) * rate)


def gap_alone(at_close: Ledger, returns: Array, tiers: Array, forms: Array) -> dict[str, float]:
    """Dollars of positions that the gap by itself would liquidate and bankrupt, without impact or early repricing.

    All marks move at once from where they stood at the close by the stocks' returns; house accounts are left out.
    `tiers` are the market's tier rows with the margin below each, `forms` marginal or whole by ticker.
    """
    notional = at_close.notional_uusd().astype(float)
    moved = notional * (1.0 + returns)
    equity = at_close.equity_uusd() + (moved - notional).sum(axis=1)
    required = np.zeros(len(equity))
    for ticker in range(len(returns)):
        own = tiers[ticker * margin.TIERS : (ticker + 1) * margin.TIERS]
        required += maintenance_uusd(np.abs(moved[:, ticker]), own, int(forms[ticker]))
    gross = np.abs(notional).sum(axis=1)
    trader = (np.arange(len(gross)) >= accounts.HOUSES) & (gross > 0)
    return {
        "liquidated_usd": float(gross[trader & (equity < required)].sum() / 1e6),
        "bankrupt_usd": float(gross[trader & (equity < 0)].sum() / 1e6),
    }
