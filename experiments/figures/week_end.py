"""The week-end strip: prices, liquidations and leverage from Friday to Tuesday, or around a given move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments import news
from offhours.experiments.figures.axes import (
    ASLEEP,
    BLACK,
    BLUE,
    DAY,
    EXTENDED,
    LEVERAGES,
    ORANGE,
    SIZES,
    STAGES,
    VERMILLION,
    as_days,
    dollar_ticks,
    draw_title,
    legend_beside,
    mark_clock_change,
    plain_axes,
    shade,
    time_axis,
)
from offhours.experiments.frames import Array, liquidations_of, of_ticker, perp_mid, stock_seen
from offhours.experiments.occasion import shock_of, sleep_of, soon_after
from offhours.experiments.words import counted, percent, share_of
from offhours.sim.hours import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    format_new_york,
    regular_closes,
    regular_opens,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from offhours.experiments.run import Run


def strip_span(run: Run) -> tuple[int, int]:
    """From the regular open before the longest sleep to the second regular close after it, as far as was measured.

    Around a given move: from the open before it to the end of trading on its day.
    """
    bars = of_ticker(run, "bars")
    from_us, to_us = int(bars["us"].iloc[0]), int(bars["us"].iloc[-1])
    shock, sleep = shock_of(run), sleep_of(run)
    if shock is not None:
        opens = regular_opens(shock.from_us - 5 * DAY_US, shock.from_us + 1)
        closes = regular_closes(shock.to_us, shock.to_us + 7 * DAY_US)
        return max(from_us, int(opens[-1])), min(to_us, int(closes[0]) + 4 * HOUR_US)
    if sleep is None or sleep.hours < 24:
        return from_us, to_us
    opens = regular_opens(sleep.since_us - 5 * DAY_US, sleep.since_us)
    closes = regular_closes(sleep.until_us, sleep.until_us + 7 * DAY_US)
    return max(from_us, int(opens[-1])), min(to_us, int(closes[1]))


def strip_title(run: Run) -> str:
    """What the week-end did, or a given move, in a sentence."""
    move = news.given_move(run)
    if move is not None:
        return news.title(run, move)
    sleep, total = sleep_of(run), len(liquidations_of(run))
    there_were = f"there {'was' if total == 1 else 'were'} {counted(total, 'liquidation')}"
    if sleep is None:
        return f"The stock never slept; {there_were}"
    slept = f"The stock slept {sleep.hours:.0f} hours"
    if sleep.price_usd is None:
        return f"{slept} and was still asleep when the run ended; {there_were}"
    if total == 0:
        return f"{slept}, and nobody was liquidated"
    soon, _ = soon_after(run, sleep.until_us)
    share = "0" if soon == 0 else share_of(soon, total)
    return f"{slept}; {share} of {counted(total, 'liquidation')} came within 90 s of its first price"


def strip(run: Run, ax: Sequence[Axes] | None = None) -> Array:
    """Week-end strip: prices, liquidations a minute by stage, and open interest by leverage, from Friday to Tuesday."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = strip_axes(plt.figure(figsize=SIZES["strip"], layout="constrained"))
    top, middle, bottom = ax
    from_us, to_us = strip_span(run)
    bars = of_ticker(run, "bars")
    bars = bars[(bars["us"] >= from_us) & (bars["us"] <= to_us)]
    draw_prices(top, run, bars, (from_us, to_us))
    if shock_of(run) is None:
        _annotate_sleep(top, run)
    else:
        _annotate_shock(top, run)
    top.set_xlabel("")
    draw_title(top, strip_title(run), 12.5, left=1.0)
    _draw_liquidations(middle, run, bars, (from_us, to_us))
    draw_leverage(bottom, run, bars, (from_us, to_us))
    time_axis(bottom, from_us, to_us)
    for upper in (top, middle):
        upper.tick_params(labelbottom=False)
    return np.array([top, middle, bottom], dtype=object)


def strip_axes(figure: Figure) -> Sequence[Axes]:
    """Three axes over each other; the first takes 60 % of their height."""
    top, middle, bottom = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": (60, 20, 20)})
    return top, middle, bottom


def draw_prices(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    """Index, mark, perp and stock over each other, the stock on top."""
    x = as_days(bars["us"])
    ax.plot(x, bars["index_usd"], color=ORANGE, linewidth=3.4, alpha=0.75, label="index", zorder=2)
    ax.plot(x, bars["mark_usd"], color=BLUE, linewidth=1.5, linestyle=(0, (5, 1.2)), label="mark", zorder=2.2)
    ax.plot(x, perp_mid(bars), color=VERMILLION, linewidth=0.7, label="perp (mid)", zorder=2.4)
    ax.plot(x, stock_seen(bars), color=BLACK, linewidth=1.7, label="stock", zorder=2.6)
    ax.set_ylabel(f"{run.scenario.headline}, USD a share")
    patches = shade(ax, bars)
    mark_clock_change(ax, *span)
    time_axis(ax, *span)
    plain_axes(ax)
    from matplotlib.patches import Patch

    handles = ax.get_legend_handles_labels()[0][::-1]
    if patches:
        handles += [Patch(color=ASLEEP, label="no stock price"), Patch(color=EXTENDED, label="pre- and post-market")]
    legend_beside(ax, handles=handles)


def _annotate_sleep(ax: Axes, run: Run) -> None:
    """How long there was no stock price, and the first one."""
    sleep = sleep_of(run)
    if sleep is None:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.07 * (high - low), high + 0.12 * (high - low))
    ends = (sleep.since_us / DAY, sleep.until_us / DAY)
    at = ax.get_xaxis_transform()
    ax.annotate("", (ends[1], 0.93), (ends[0], 0.93), at, arrowprops={"arrowstyle": "<->", "color": BLACK, "lw": 1})
    text = f"no stock price for {sleep.hours:.0f} h"
    ax.text(sum(ends) / 2, 0.945, text, transform=at, ha="center", va="bottom", fontsize=9.5)
    if sleep.price_usd is None:
        return
    change = "" if sleep.change_pct is None else f"\n{percent(sleep.change_pct)} from {sleep.close_name}"
    ax.plot([ends[1]], [sleep.price_usd], marker="o", markersize=6, color=BLACK, zorder=5)
    when = format_new_york(sleep.until_us)
    # The box lies left of the price it tells, below whatever path runs there.
    bars = of_ticker(run, "bars")
    night = bars[(bars["us"] >= sleep.until_us - DAY_US) & (bars["us"] < sleep.until_us)]
    lowest = float(min(night["index_usd"].min(), night["mark_usd"].min())) if len(night) else sleep.price_usd
    beside = min(sleep.price_usd, lowest - 0.11 * (high - low))
    ax.set_ylim(min(ax.get_ylim()[0], beside - 0.09 * (high - low)))
    ax.annotate(
        f"first price ${sleep.price_usd:,.2f}{change}\n{when[:3]} {when[15:20]}",
        (ends[1], sleep.price_usd),
        (ends[1] - 0.11, beside),
        fontsize=9,
        ha="right",
        va="center",
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "#888888"},
        arrowprops={"arrowstyle": "->", "color": BLACK, "lw": 0.9},
        zorder=6,
    )


def _annotate_shock(ax: Axes, run: Run) -> None:
    """When the given move begins and ends."""
    shock = shock_of(run)
    assert shock is not None
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.12 * (high - low))
    at = ax.get_xaxis_transform()
    for us in (shock.from_us, shock.to_us):
        ax.axvline(us / DAY, color=BLACK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    when = f"{format_new_york(shock.from_us)[15:20]} to {format_new_york(shock.to_us)[15:20]}"
    text = f"given move of {percent(shock.change_pct)}, {when} "
    ax.text(shock.from_us / DAY, 0.985, text, transform=at, ha="right", va="top", fontsize=9.5)


def _draw_liquidations(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    """Liquidations a minute, stages on top of each other."""
    events = liquidations_of(run)
    shade(ax, bars)
    mark_clock_change(ax, *span, label=False)
    counts = _by_minute(events, span)
    bottom = np.zeros(len(counts))
    x = as_days(counts.index.to_numpy() * MINUTE_US + MINUTE_US // 2)
    for stage in run.summary["liquidations"]["by_stage"]:
        colour, height = STAGES[stage], counts[stage].to_numpy(float)
        some = height > 0
        ax.vlines(x[some], bottom[some], (bottom + height)[some], color=colour, linewidth=1.5, label=stage)
        bottom += height
    ax.set_ylim(0, max(1.0, 1.08 * bottom.max(initial=0)))
    ax.set_ylabel("liquidations\na minute")
    if events.empty:
        ax.text(0.5, 0.5, "0 liquidations", transform=ax.transAxes, ha="center", va="center", fontsize=9)
    plain_axes(ax)
    legend_beside(ax, title="stage", title_fontsize=8.5, alignment="left")


def _by_minute(events: pd.DataFrame, span: tuple[int, int]) -> pd.DataFrame:
    """Counts by minute and stage; only minutes that have any."""
    inside = events[(events["us"] >= span[0]) & (events["us"] <= span[1])]
    counts = inside.groupby([inside["us"] // MINUTE_US, "stage"]).size().unstack(fill_value=0)
    return counts.reindex(columns=list(STAGES), fill_value=0)


def draw_leverage(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    """Open interest (long side) by the leverage of its accounts, stacked from the lowest."""
    frame = of_ticker(run, "leverage")
    frame = frame[(frame["us"] >= span[0]) & (frame["us"] <= span[1])]
    wide = frame.pivot_table(index="us", columns="bucket", values="long_usd", aggfunc="sum", observed=True)
    wide = wide.reindex(columns=list(LEVERAGES), fill_value=0.0)
    shade(ax, bars)
    mark_clock_change(ax, *span, label=False)
    if len(wide):
        ax.stackplot(as_days(wide.index), wide.to_numpy().T, colors=list(LEVERAGES.values()), labels=list(LEVERAGES), zorder=2)  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.set_ylabel("open interest,\nUSD")
    dollar_ticks(ax.yaxis)
    plain_axes(ax)
    handles = ax.get_legend_handles_labels()[0][::-1]
    legend_beside(
        ax, handles=handles, title="leverage", title_fontsize=8.5, alignment="left", labelspacing=0.15, handlelength=1.2
    )
