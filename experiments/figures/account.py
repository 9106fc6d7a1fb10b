"""One account's life as a picture: equity beside maintenance margin, and the size of its positions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    ORANGE,
    VERMILLION,
    as_days,
    dollar_ticks,
    draw_title,
    legend_beside,
    plain_axes,
    time_axis,
)
from offhours.experiments.words import dollars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from offhours.experiments.story import Story


def picture(story: Story) -> Figure:
    """Equity beside maintenance margin, with each forced trade; below, the size of its positions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.2), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (68, 32)})
    seen = story.seen
    x = as_days(seen.time_us)
    equity, needed = seen.equity_uusd / 1e6, seen.required_uusd / 1e6
    top.axhline(0, color=BLACK, linewidth=0.7)
    top.plot(x, equity, color=BLUE, linewidth=1.8, label="equity")
    top.plot(x, needed, color=VERMILLION, linewidth=1.4, linestyle=(0, (4, 1)), label="maintenance\nmargin")
    acts = story.run.exact_rows()["liquidations"]
    own = acts[(acts["account"] == story.account) & (acts["ticker"] >= 0)]
    if len(own):
        at = np.array([seen.at(int(us)) for us in own["time_us"]])
        top.plot(as_days(own["time_us"]), equity[at], linestyle="", marker="v", markersize=7, color=BLACK, label="forced trade")  # fmt: skip
    cuts = story.run.exact_rows().get("deleverages")
    cuts = None if cuts is None else cuts[cuts["account"] == story.account]
    if cuts is not None and len(cuts):
        at = np.array([seen.at(int(us)) for us in cuts["time_us"]])
        top.plot(as_days(cuts["time_us"]), equity[at], linestyle="", marker="D", markersize=6, color=ORANGE, markeredgecolor=BLACK, label="reduced by ADL")  # fmt: skip
    top.set_ylabel("USD")
    styles: Sequence[Any] = ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))
    drawn = np.flatnonzero(np.abs(seen.lots).max(axis=0) > 0)
    for number, ticker in enumerate(drawn):
        value = seen.notional_uusd[:, ticker] / 1e6
        below.plot(x, value, linestyle=styles[number % 4], color=(BLACK, ORANGE, BLUE)[number % 3], linewidth=1.3, label=story.run.scenario.tickers[ticker])  # fmt: skip
    below.axhline(0, color=BLACK, linewidth=0.7)
    below.set_ylabel("position at the mark,\nUSD (short below 0)")
    for ax in (top, below):
        dollar_ticks(ax.yaxis)
        plain_axes(ax)
    time_axis(below, int(seen.time_us[0]), int(seen.time_us[-1]))
    top.tick_params(labelbottom=False)
    legend_beside(top)
    if len(drawn):
        legend_beside(below)
    draw_title(top, picture_title(story))
    return figure


def picture_title(story: Story) -> str:
    """What its life came to, and what would have saved it."""
    start, end = story.ledger[0][1] / 1e6, story.ledger[-1][1] / 1e6
    name = f"Account {story.account:,} ({story.group})"
    if len(story.cases) == 0:
        return f"{name} was worth {dollars(start)} and then {dollars(end)}; it was never liquidated"
    closed = int(story.cases["value_uusd"].sum()) / 1e6
    times = "once" if len(story.cases) == 1 else f"{len(story.cases)} times"
    text = f"{name} was liquidated {times}, {dollars(closed)} in all"
    held, saved = story.episodes[0], story.survivals[0]
    if held is None or held.leverage is None or saved is None or not saved.leverage:
        return text
    return f"{text}; it had opened with {held.leverage:.1f}x, and {saved.leverage:g}x would have survived"


def write_picture(story: Story, folder: str | Path) -> Path:
    """Draw the picture into ``folder/accounts`` and return the file."""
    file = Path(folder) / "accounts" / f"account-{story.account}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    picture(story).savefig(file, dpi=150, metadata={"Software": None})
    return file
