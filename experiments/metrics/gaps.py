"""What happened while the stock's exchange was closed: how far the stock went, how far the perp knew, what the gap alone does,
and how much was missing afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np

from offhours.experiments.metrics.welfare import Ledger
from offhours.sim.market import accounts, brackets, clock

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


def at_close_usd(bars: Array, ticker: int, close_us: int) -> float | None:
    """The stock's price at a regular close, dollars: what first prices and gaps are told from. None where no bar has it."""
    bar = _bar_at(bars, ticker, close_us)
    return None if bar is None or not bar["stock_visible"] else float(bar["stock_usd"])


def furthest_pct(bars: Array, ticker: int, close_us: int, open_us: int) -> float | None:
    """The mark furthest from where it stood at a close until an open, percent: whom a mark may have believed meanwhile."""
    own = bars[(bars["ticker"] == ticker) & (bars["time_us"] >= close_us) & (bars["time_us"] <= open_us)]
    if len(own) < 2 or own["mark_ticks"][0] <= 0:
        return None
    away = own["mark_ticks"] / float(own["mark_ticks"][0]) - 1.0
    return float(100.0 * away[int(np.argmax(np.abs(away)))])


def miss_pct(bars: Array, ticker: int, at_us: int, price_usd: float, tick_usd: float) -> float | None:
    """Distance of a stock price from the perp a minute before it came, percent of the perp: what the perp had not known.

    Its mid, or its mark where a side was empty. None where no bar lies before.
    """
    bar = _bar_at(bars, ticker, at_us - clock.MINUTE_US)
    return None if bar is None else percent(_perp_ticks(bar) * tick_usd, price_usd)


def half_width_pct(misses: Array, share: float = 0.95) -> float | None:
    """Half-width around the perp before the open that covers a share of opens, percent: for the next one, too.

    The ceil((n + 1) x share)-th smallest distance of n; None where n is too small to promise that share (19 for 95 %).
    """
    place = ceil((len(misses) + 1) * share)
    return None if place > len(misses) or len(misses) == 0 else float(np.sort(np.abs(misses))[place - 1])


AGREE_PCT, AGREE_MINUTES = 0.25, 5
"""Mark and stock agree when they are no further apart than this for so many full minutes on end."""


def minutes_apart(bars: Array, ticker: int, from_us: int, tick_usd: float) -> float | None:
    """Minutes from a stock's first price until its mark agrees with it (AGREE_PCT). None where it never did."""
    own = bars[(bars["ticker"] == ticker) & (bars["time_us"] >= from_us)]
    apart = np.abs(100 * (own["mark_ticks"] * tick_usd / own["stock_usd"] - 1))
    near = (apart <= AGREE_PCT) & (own["stock_visible"] == 1)
    for place in range(len(own) - AGREE_MINUTES + 1):
        if near[place : place + AGREE_MINUTES].all():
            return (int(own["time_us"][place]) - from_us) / clock.MINUTE_US
    return None


def mark_wrong(bars: Array, ticker: int, tick_usd: float) -> dict[str, float | None]:
    """For how many of the minutes in which one can see the stock its mark is further from it than AGREE_PCT, and how far at most.

    Percent of the stock; None where it could never be seen.
    """
    own = bars[(bars["ticker"] == ticker) & (bars["stock_visible"] == 1)]
    apart = np.abs(100 * (own["mark_ticks"] * tick_usd / own["stock_usd"] - 1))
    known = len(own) > 0
    return {
        "mark_wrong_minutes": float((apart > AGREE_PCT).sum()) if known else None,
        "mark_seen_minutes": float(len(own)),
        "mark_furthest_pct": float(apart.max()) if known else None,
    }


def drawdown(worth: Array) -> float:
    """Largest fall of a fund's worth from its highest before, in the unit given; 0 for one that only grew."""
    return float((np.maximum.accumulate(worth) - worth).max()) if len(worth) else 0.0


POT_LEAST = 30
"""Fewer excesses than this do not tell the shape of a tail."""
POT_SHARE = 0.1
"""The part of all losses that counts as the tail."""


def tail(losses: Array, level: float = 0.99) -> dict[str, Any]:
    """A loss that is exceeded with probability 1 - level, and the expected loss beyond it (expected shortfall).

    With at least POT_LEAST losses above the threshold, by the generalised Pareto law fitted to the excesses (peaks over
    threshold): x_p = u + b / c [((n / k) (1 - p))^-c - 1] and ES = (x_p + b - c u) / (1 - c). With fewer, by counting: ES is
    the mean of the largest n (1 - p) losses, the last one in part. None where a tail has no mean (c >= 1) or n (1 - p) < 1.
    """
    ordered = np.sort(np.asarray(losses, dtype=float))
    n = len(ordered)
    k = int(n * POT_SHARE)
    found: dict[str, Any] = {"n": n, "level": level, "method": "counted", "quantile": None, "expected_shortfall": None}
    if n == 0:
        return found
    threshold = float(ordered[n - k - 1]) if 0 < k < n else 0.0
    excess = ordered[ordered > threshold] - threshold
    if len(excess) >= POT_LEAST and 1.0 - level < len(excess) / n:
        from scipy.stats import genpareto

        shape, _, scale = genpareto.fit(excess, floc=0.0)
        return found | {"method": "generalised Pareto"} | beyond(threshold, float(shape), float(scale), n, len(excess), level)  # fmt: skip
    reach = n * (1.0 - level)
    if reach >= 1.0 - 1e-9:
        whole = int(reach + 1e-9)
        part = reach - whole
        largest = ordered[::-1]
        partial = part * float(largest[whole]) if whole < n and part > 1e-9 else 0.0
        found["quantile"] = float(largest[whole - 1])
        found["expected_shortfall"] = (float(largest[:whole].sum()) + partial) / reach
    return found


def beyond(threshold: float, shape: float, scale: float, n: int, k: int, level: float) -> dict[str, float | None]:
    """Quantile and expected shortfall of a generalised Pareto tail of k of n losses above a threshold."""
    far = (n / k * (1.0 - level)) ** -shape
    quantile = threshold + (scale / shape * (far - 1.0) if shape else -scale * log(n / k * (1.0 - level)))
    mean = None if shape >= 1.0 else (quantile + scale - shape * threshold) / (1.0 - shape)
    return {"quantile": quantile, "expected_shortfall": mean}


@dataclass(frozen=True)
class Schedule:
    """Maintenance margin of every ticker (floats: for what-if questions, not for state)."""

    tiers: Array
    """The market's tier rows with the margin below each."""
    forms: Array
    """Marginal, whole or size-linear, by ticker."""
    slope_ppb_per_lot: Array
    """What a lot adds to the rates, by ticker; it counts where the form is size-linear."""

    @classmethod
    def of(cls, tiers: Array, margin_rules: Array, book_rules: Array) -> Schedule:
        """Tier rows as a market had them, with the rows of the rules that go with them."""
        lot_shares = book_rules["lot_ushares"][::2] / 1e6
        return cls(tiers, margin_rules["form"], margin_rules["slope_ppb"] * lot_shares)

    def maintenance_uusd(self, ticker: int, notional_uusd: Array, lots: Array) -> Array:
        """Maintenance margin of positions in a ticker: their value and their size, neither with a sign (TIER-1, TIER-2)."""
        tiers = self.tiers[ticker * brackets.TIERS : (ticker + 1) * brackets.TIERS]
        edges = tiers["from_uusd"].astype(float)
        tier = np.maximum(0, np.searchsorted(edges, notional_uusd, side="right") - 1)
        rate = tiers["maintenance_ppb"][tier] / 1e9
        if self.forms[ticker] == brackets.MARGINAL:
            return np.asarray(tiers["maintenance_below_uusd"][tier] + (notional_uusd - edges[tier]) * rate)
        if self.forms[ticker] == brackets.SIZE_LINEAR:
            rate = np.minimum(1.0, rate + lots * float(self.slope_ppb_per_lot[ticker]) / 1e9)
        return np.asarray(notional_uusd * rate)


def gap_alone(at_close: Ledger, returns: Array, schedule: Schedule) -> dict[str, float]:
    """Dollars of positions that the gap by itself would liquidate and bankrupt, without impact or early repricing.

    All marks move at once from where they stood at the close by the stocks' returns; house accounts are left out.
    """
    notional = at_close.notional_uusd().astype(float)
    moved = notional * (1.0 + returns)
    equity = at_close.equity_uusd() + (moved - notional).sum(axis=1)
    required = np.zeros(len(equity))
    for ticker in range(len(returns)):
        required += schedule.maintenance_uusd(ticker, np.abs(moved[:, ticker]), np.abs(at_close.lots[:, ticker]))
    gross = np.abs(notional).sum(axis=1)
    trader = (np.arange(len(gross)) >= accounts.HOUSES) & (gross > 0)
    return {
        "liquidated_usd": float(gross[trader & (equity < required)].sum() / 1e6),
        "bankrupt_usd": float(gross[trader & (equity < 0)].sum() / 1e6),
    }
