"""Prices and the books they are made in: paths, depth, spread, basis, funding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments import news
from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    MINUTES_SMOOTHED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    as_days,
    axes_or_new,
    axes_over_time,
    dollar_ticks,
    draw_title,
    legend_beside,
    smoothed,
)
from offhours.experiments.figures.week_end import draw_prices
from offhours.experiments.frames import Array, of_ticker, perp_mid, stock_seen
from offhours.experiments.words import dollars, percent
from offhours.sim.hours import HOUR_US, format_new_york

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from offhours.experiments.run import Run


def price(run: Run, ax: Axes | None = None) -> Axes:
    """Stock, index, mark and perp over the measured time, USD a share."""
    ax = axes_or_new(ax, "price")
    bars = of_ticker(run, "bars")
    draw_prices(ax, run, bars, (int(bars["us"].iloc[0]), int(bars["us"].iloc[-1])))
    draw_title(ax, price_title(run))
    return ax


def price_title(run: Run) -> str:
    """How far the stock went while its exchange was closed, and how much of that the perp knew; or what a given move did."""
    ticker, gap, move = run.scenario.headline, run.summary["gap"], news.given_move(run)
    if move is not None:
        return news.price_title(run, move)
    if gap["stock_pct"] is None:
        bars = of_ticker(run, "bars")
        change = 100 * (float(bars["mark_usd"].iloc[-1]) / float(bars["mark_usd"].iloc[0]) - 1)
        return f"The mark of {ticker} moved {percent(change)} over the measured time"
    opened = f"{ticker} opened {percent(gap['stock_pct'])} from the close before"
    return f"{opened}; at the bell the perp had moved {percent(gap['perp_open_gap_pct'])}"


def _awake_asleep(bars: pd.DataFrame, values: Array, how: Callable[[Array], Any]) -> tuple[float | None, float | None]:
    """A number over the regular session, and over the time without a stock price."""
    regular = (bars["phase"] == "regular").to_numpy() & bars["stock_visible"].to_numpy(bool)
    asleep = ~bars["stock_visible"].to_numpy(bool)
    found = []
    for inside in (regular, asleep):
        own = values[inside & np.isfinite(values)]
        found.append(float(how(own)) if len(own) else None)
    return found[0], found[1]


def depth(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars resting within 50 bp of the mark in the perp book, bids and asks (running median)."""
    ax = axes_or_new(ax, "depth")
    bars = of_ticker(run, "bars")
    mark, x = bars["mark_usd"].to_numpy(float), as_days(bars["us"])
    bids, asks = bars["perp_bid_shares"].to_numpy(float) * mark, bars["perp_ask_shares"].to_numpy(float) * mark
    ax.plot(x, smoothed(bids), color=BLUE, linewidth=1.5, label="bids")
    ax.plot(x, smoothed(asks), color=ORANGE, linewidth=1.5, linestyle=(0, (4, 1)), label="asks")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{run.scenario.headline} perp, USD within 50 bp of mark")
    dollar_ticks(ax.yaxis)
    axes_over_time(ax, bars)
    legend_beside(ax, title=f"median of {MINUTES_SMOOTHED} min", title_fontsize=8.5, alignment="left")
    awake, asleep = _awake_asleep(bars, np.minimum(bids, asks), np.median)
    if awake and asleep is not None:
        text = f"While the stock slept, the thinner side held {dollars(asleep)} within 50 bp, {100 * asleep / awake:.0f} % of regular hours ({dollars(awake)})"  # fmt: skip
    else:
        text = f"The thinner side of the book held {dollars(float(np.median(np.minimum(bids, asks))))} within 50 bp (median)"  # fmt: skip
    draw_title(ax, text)
    return ax


def _spread_bp(bars: pd.DataFrame, book: str) -> Array:
    return np.asarray(1e4 * (bars[f"{book}_ask_usd"] - bars[f"{book}_bid_usd"]) / perp_mid(bars, book), dtype=float)


def spread(run: Run, ax: Axes | None = None) -> Axes:
    """Best ask less best bid of perp and token, and the spread for a stated size, in basis points (running median)."""
    ax = axes_or_new(ax, "spread")
    bars = of_ticker(run, "bars")
    x, perp, token = as_days(bars["us"]), _spread_bp(bars, "perp"), _spread_bp(bars, "token")
    if "impact_spread_pct" in bars:
        impact = 100 * bars["impact_spread_pct"].to_numpy(float)
        impact = np.where(impact >= 0, impact, np.nan)
        ax.plot(x, smoothed(impact), color=BLACK, linewidth=1.2, label="perp, impact size")
    ax.plot(x, smoothed(token), color=ORANGE, linewidth=1.5, linestyle=(0, (4, 1)), label="token, best prices")
    ax.plot(x, smoothed(perp), color=BLUE, linewidth=1.5, label="perp, best prices")
    ax.set_yscale("log")
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(f"{run.scenario.headline} spread, basis points (log scale)")
    axes_over_time(ax, bars)
    legend_beside(ax, title=f"median of {MINUTES_SMOOTHED} min", title_fontsize=8.5, alignment="left")
    awake, asleep = _awake_asleep(bars, perp, np.median)
    if awake is not None and asleep is not None:
        text = (
            f"The perp's spread was {asleep:.1f} bp while the stock slept and {awake:.1f} bp in regular hours (medians)"
        )
    elif np.isfinite(perp).any():
        text = f"The perp's spread was {np.nanmedian(perp):.1f} bp (median)"
    else:
        text = "The perp's book never had two sides"
    draw_title(ax, text)
    return ax


def basis(run: Run, ax: Axes | None = None) -> Axes:
    """Perp over index, and perp and token over the stock while it has a price, in percent."""
    ax = axes_or_new(ax, "basis")
    bars = of_ticker(run, "bars")
    x, stock = as_days(bars["us"]), stock_seen(bars)
    over_index = 100 * (perp_mid(bars) / bars["index_usd"].to_numpy(float) - 1)
    ax.axhline(0, color=BLACK, linewidth=0.7)
    token, perp = (100 * (perp_mid(bars, book) / stock - 1) for book in ("token", "perp"))
    ax.plot(x, token, color=ORANGE, linewidth=2.2, alpha=0.85, label="token over stock")
    ax.plot(x, perp, color=SKY, linewidth=1.2, label="perp over stock")
    ax.plot(x, over_index, color=BLACK, linewidth=0.8, label="perp over index")
    _within(ax, bars, np.concatenate((token, perp, over_index)))
    ax.set_ylabel(f"{run.scenario.headline} basis, %")
    axes_over_time(ax, bars)
    legend_beside(ax)
    awake, asleep = _awake_asleep(bars, over_index, lambda own: np.sqrt(np.mean(own**2)))
    if awake is not None and asleep is not None:
        text = f"Perp and index were {asleep:.2f} % apart while the stock slept and {awake:.2f} % in regular hours (root mean square)"  # fmt: skip
    elif np.isfinite(over_index).any():
        text = f"Perp and index were {np.sqrt(np.nanmean(over_index**2)):.2f} % apart (root mean square)"
    else:
        text = "The perp never had two prices to compare with the index"
    draw_title(ax, text)
    return ax


def _within(ax: Axes, bars: pd.DataFrame, values: Array) -> None:
    """A scale that shows the ordinary values, and in words the one that lies beyond it."""
    known = np.abs(values[np.isfinite(values)])
    if len(known) == 0:
        return
    reach = max(0.05, 2.0 * float(np.quantile(known, 0.98)))
    ax.set_ylim(-reach, reach)
    if known.max() > reach:
        place = int(np.nanargmax(np.abs(values)))
        when = format_new_york(int(bars["us"].iloc[place % len(bars)]))
        ax.text(
            0.006,
            0.97,
            f"beyond the scale: {percent(float(values[place]))} on {when[:3]} {when[15:20]}",
            transform=ax.transAxes,
            va="top",
            fontsize=8.5,
        )


def funding(run: Run, ax: Axes | None = None) -> Axes:
    """Funding rate in basis points an hour: above zero longs pay shorts. The cap is drawn, or named where it is far away."""
    ax = axes_or_new(ax, "funding")
    bars = of_ticker(run, "bars")
    rules, headline = run.scenario.rules, run.scenario.headline
    others = [ticker for ticker in run.scenario.tickers if ticker != headline][:2]
    largest = 0.0
    ax.axhline(0, color=BLACK, linewidth=0.7)
    for number, ticker in enumerate((*others, headline)):
        hours = int(rules.setting("perp.funding.interval", ticker).value) / HOUR_US
        own = of_ticker(run, "funding", ticker)
        rate = own["rate_bp"].to_numpy(float) / hours
        largest = max(largest, float(np.abs(rate).max(initial=0)))
        style: dict[str, Any] = {"color": BLUE, "linewidth": 1.8}
        if ticker != headline:
            style = {"color": (ORANGE, PURPLE)[number % 2], "linewidth": 1.2, "linestyle": (0, (4, 1 + number // 2))}
        end = np.append(own["us"].to_numpy(), int(bars["us"].iloc[-1]))
        ax.step(
            as_days(end), np.append(rate, rate[-1:] if len(rate) else [np.nan]), where="post", label=ticker, **style
        )
    cap = int(rules.setting("perp.funding.cap", headline).value) / 1e5 / (int(rules.setting("perp.funding.interval", headline).value) / HOUR_US)  # fmt: skip
    if largest > 0.3 * cap:
        for level in (cap, -cap):
            ax.axhline(level, color=VERMILLION, linestyle=(0, (2, 1)), linewidth=1.2)
        ax.text(0.005, cap, f"cap ±{cap:g} bp an hour", transform=ax.get_yaxis_transform(), va="bottom", fontsize=8.5)
    else:
        ax.text(0.006, 0.98, f"cap ±{cap:g} bp an hour: {cap / largest:.0f} times as far as the scale goes" if largest else f"cap ±{cap:g} bp an hour", transform=ax.transAxes, va="top", fontsize=8.5)  # fmt: skip
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.12 * (high - low))
    ax.set_ylabel("funding, bp an hour")
    axes_over_time(ax, bars)
    legend_beside(ax)
    draw_title(ax, funding_title(run))
    return ax


def funding_title(run: Run) -> str:
    """Who paid on average, how much, and whether the cap bound."""
    own = run.summary["funding"]
    if own["mean_bp"] is None:
        return "No funding rate began to be paid"
    payer = "longs paid shorts" if own["mean_bp"] >= 0 else "shorts paid longs"
    count = own.get("intervals")
    at_cap = round(own["share_at_cap"] * count) if count else None
    cap = "" if at_cap is None else f", at the cap in {at_cap} of {count} intervals"
    return f"{run.scenario.headline}: {payer} {abs(own['mean_bp']):.2f} bp an hour on average, {abs(own['annual_pct']):.1f} % a year{cap}"  # fmt: skip
