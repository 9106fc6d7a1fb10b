"""Who held how much leverage, at which prices it was liquidated, and who paid what was missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    ORANGE,
    SKY,
    STAGES,
    VERMILLION,
    axes_or_new,
    dollar_ticks,
    draw_title,
    legend_beside,
    plain_axes,
    time_axis,
)
from offhours.experiments.figures.week_end import draw_leverage
from offhours.experiments.frames import liquidations_of, of_ticker
from offhours.experiments.occasion import shock_of, sleep_of
from offhours.experiments.words import counted, dollars, listed, tick_dollars
from offhours.sim.hours import previous_regular_close

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from offhours.experiments.run import Run


def leverage(run: Run, ax: Axes | None = None) -> Axes:
    """Open interest by leverage of the accounts that are long, USD."""
    ax = axes_or_new(ax, "leverage")
    bars = of_ticker(run, "bars")
    span = int(bars["us"].iloc[0]), int(bars["us"].iloc[-1])
    draw_leverage(ax, run, bars, span)
    time_axis(ax, *span)
    ax.set_ylabel(f"{run.scenario.headline} open interest, USD")
    draw_title(ax, leverage_title(run))
    return ax


HIGH = ("up to 15x", "up to 20x", "above 20x")


def leverage_title(run: Run) -> str:
    """How much was held above 10x when the stock closed, or a given move began."""
    sleep, shock = sleep_of(run), shock_of(run)
    frame = of_ticker(run, "leverage")
    at_us = run.scenario.measure_from_us if sleep is None else previous_regular_close(sleep.since_us)
    at_us = at_us if shock is None else shock.from_us
    past = frame[frame["us"] <= at_us]
    past = past if len(past) else frame
    if past.empty:
        return "Nobody held a position"
    now = past[past["us"] == past["us"].iloc[-1]]
    total, high = float(now["long_usd"].sum()), float(now.loc[now["bucket"].isin(HIGH), "long_usd"].sum())
    when = "In the beginning" if sleep is None else f"At {sleep.close_name}"
    when = when if shock is None else "Before the given move"
    if total == 0:
        return f"{when} nobody held a position"
    return f"{when} {100 * high / total:.1f} % of {dollars(total)} of open interest was held at more than 10x"


def liquidation_map(run: Run, ax: Axes | None = None, bins: int = 48) -> Axes:
    """Dollars liquidated by price: longs to the right, shorts to the left."""
    ax = axes_or_new(ax, "liquidation_map")
    events = liquidations_of(run)
    events = events[(events["ticker"] == run.scenario.headline) & events["price_usd"].notna()]
    bars, sleep = of_ticker(run, "bars"), sleep_of(run)
    low, high = float(bars["mark_usd"].min()), float(bars["mark_usd"].max())
    if len(events):
        low, high = min(low, float(events["price_usd"].min())), max(high, float(events["price_usd"].max()))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    most = {"long": 0.0, "short": 0.0}
    for side, colour, hatch, way in (("long", BLUE, "", 1), ("short", ORANGE, "////", -1)):
        own = events[events["side"] == side]
        value = np.histogram(own["price_usd"], edges, weights=own["value_usd"].abs())[0]
        most[side] = float(value.max(initial=0))
        ax.barh(edges[:-1], way * value, np.diff(edges), align="edge", color=colour, hatch=hatch, edgecolor="white", linewidth=0.3, label=f"{side}s: {dollars(float(value.sum()))}")  # fmt: skip
    ax.axvline(0, color=BLACK, linewidth=1)
    reach = max(most.values()) or 1.0
    right = 1.1 * most["long"] + 0.45 * reach
    ax.set_xlim(-1.15 * most["short"] - 0.05 * reach, right)
    levels = [] if sleep is None else [(sleep.close_usd, sleep.close_name), (sleep.price_usd, "first price")]
    if sleep is not None and run.summary["gap"]["stock_pct"] is not None and sleep.close_usd is not None:
        levels.append((sleep.close_usd * (1 + run.summary["gap"]["stock_pct"] / 100), "stock at the open"))
    shock = shock_of(run)
    if shock is not None:
        before = bars[bars["us"] <= shock.from_us]
        after = bars[(bars["us"] >= shock.to_us) & bars["stock_visible"].astype(bool)]
        levels = [(float(before["mark_usd"].iloc[-1]), "mark before the move")] if len(before) else []
        levels += [(float(after["stock_usd"].iloc[0]), "first stock price after it")] if len(after) else []
    labels: list[tuple[float, str]] = []
    for level, name in sorted((level, name) for level, name in levels if level is not None):
        ax.axhline(level, color=BLACK, linewidth=0.9, linestyle=(0, (3, 2)))
        text = f"{name} ${level:,.2f}"
        if labels and level - labels[-1][0] < 0.05 * (high - low):
            text = f"{labels.pop()[1]}, {text}"
        labels.append((level, text))
    for level, text in labels:
        ax.text(0.985 * right, level, text, ha="right", va="bottom", fontsize=8.5, parse_math=False)
    from matplotlib.ticker import FuncFormatter

    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, place: tick_dollars(abs(value))))
    ax.set_ylabel(f"{run.scenario.headline}, USD a share")
    ax.set_xlabel("liquidated at that price, USD: shorts to the left, longs to the right")
    if events.empty:
        ax.text(0.5, 0.5, "0 liquidations", transform=ax.transAxes, ha="center", va="center", fontsize=10)
    plain_axes(ax)
    legend_beside(ax)
    draw_title(ax, liquidation_map_title(events, run.scenario.headline))
    return ax


def liquidation_map_title(events: pd.DataFrame, ticker: str) -> str:
    """Between which prices half of the liquidated dollars fell."""
    if events.empty:
        return f"No position in {ticker} was liquidated"
    order = events.sort_values("price_usd")
    value = order["value_usd"].abs().to_numpy(float)
    rank = np.cumsum(value) / value.sum()
    quarter = [float(order["price_usd"].iloc[int(np.searchsorted(rank, q))]) for q in (0.25, 0.75)]
    longs = float(value[(order["side"] == "long").to_numpy()].sum() / value.sum())
    middle = f"the middle half went between ${quarter[0]:,.2f} and ${quarter[1]:,.2f}"
    return f"{dollars(float(value.sum()))} of {ticker} was liquidated, {100 * longs:.0f} % of it longs; {middle}"


def waterfall(run: Run, ax: Axes | None = None) -> Axes:
    """Who paid a shortfall and what nobody paid; without a shortfall, how far down the stages liquidations went. USD."""
    ax = axes_or_new(ax, "waterfall")
    own, missing = run.summary["liquidations"], float(run.summary["shortfall_usd"])
    if missing > 0:
        rows = [("shortfall: equity below zero", missing, VERMILLION)]
        rows += [
            (f"paid by {name}", float(value), BLUE)
            for name, value in run.summary["paid_by_usd"].items()
            if value is not None
        ]
        rows.append(("bad debt: nobody paid", float(run.summary["bad_debt_usd"]), BLACK))
    else:
        rows = [("liquidated", float(own["notional_usd"]), VERMILLION)]
        rows += [(name, float(of["notional_usd"]), STAGES.get(name, SKY)) for name, of in own["by_stage"].items()]
    whole, left = rows[0][1] or 1.0, 0.0
    places = np.arange(len(rows))[::-1]
    for number, ((_, value, colour), place) in enumerate(zip(rows, places)):
        start = 0.0 if number == 0 else left
        ax.barh(place, value, left=start, color=colour, height=0.6)
        ax.text(start + value + 0.01 * whole, place, f"{dollars(value)} ({100 * value / whole:.0f} %)" if number else dollars(value), va="center", fontsize=9)  # fmt: skip
        if number:
            left += value
            ax.plot([left, left], [place + 0.3, place - 1.3 if place else place - 0.3], color="#888888", linewidth=0.7)
    ax.set_yticks(places, [name for name, _, _ in rows])
    ax.set_xlim(0, 1.22 * whole)
    ax.set_xlabel("USD")
    dollar_ticks(ax.xaxis)
    plain_axes(ax)
    draw_title(ax, waterfall_title(run), left=1.9)
    return ax


def waterfall_title(run: Run) -> str:
    """What was missing, and who paid it."""
    own, missing = run.summary["liquidations"], float(run.summary["shortfall_usd"])
    accounts = own.get("accounts", own["count"])
    if missing == 0:
        return f"No shortfall: 0 of {counted(accounts, 'liquidated account')} left a debt behind"
    payers = [f"the {name} paid {dollars(value)}" for name, value in run.summary["paid_by_usd"].items() if value]
    bad = run.summary["bad_debt_usd"]
    rest = f"nobody paid {dollars(bad)}" if bad else "no bad debt was left"
    return f"{counted(accounts, 'liquidated account')} left {dollars(missing)} missing: {listed([*payers, rest])}"
