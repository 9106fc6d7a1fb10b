"""What all figures share: colours, sizes, axes in New York time, titles, legends.

Colours are those of Okabe and Ito (2008), which colour-blind people can tell apart, ordered so that they differ in grey, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.frames import Array, closed_spans, extended_spans
from offhours.experiments.occasion import WEEKDAYS
from offhours.experiments.words import tick_dollars
from offhours.sim.hours import (
    DAY_US,
    HOUR_US,
    clock_changes,
    format_new_york,
    new_york_date,
    parse_new_york,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
ASLEEP, EXTENDED = "#D9D9D9", "#F0F0F0"
STAGES = {
    "partial step": "#8CCBEE",
    "full at zero equity": VERMILLION,
    "assignment": GREEN,
    "covered": BLUE,
    "backstop vault": BLACK,
    "insurance fund": ORANGE,
    "auto-deleverage": PURPLE,
    "socialised": "#7A3B69",
}
"""Stages of a liquidation from light to dark, in their order."""

LEVERAGES = {
    "up to 2x": "#FFEA9E",
    "up to 5x": "#D9C86A",
    "up to 10x": "#A69D75",
    "up to 15x": "#7C7B78",
    "up to 20x": "#3E4C6B",
    "above 20x": "#00224E",
}
"""Leverage from light to dark (cividis)."""

SIZES: Mapping[str, tuple[float, float]] = {
    "strip": (11, 8),
    "who_paid": (10, 5.4),
    "price": (10, 4.6),
    "liquidation_map": (10, 5),
    "waterfall": (10, 2.9),
    "flows": (12, 5.4),
    "controls": (10, 3.8),
    "dominoes": (10, 4.6),
    "cascade": (11, 5.6),
    "contagion": (8, 5.4),
    "deleveraging": (10, 4.4),
}
"""Width and height in inches; all others are 10 x 3.6."""

MINUTES_SMOOTHED = 15
DAY = float(DAY_US)
"""Microseconds of one step of a time axis, which counts days."""


def axes_or_new(ax: Axes | None, name: str) -> Axes:
    """The axes to draw on; new ones (shown by a notebook) where none are given."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZES.get(name, (10, 4.2)), layout="constrained")[1]


def draw_title(ax: Axes, text: str, size: float = 11.5, left: float = 0.8) -> None:
    """A finding above the axes, wrapped to the figure; `left` inches of it are taken by labels."""
    figure: Any = ax.figure
    width = 72 * (figure.get_figwidth() - left) / (0.6 * size)
    ax.set_title(textwrap.fill(text, int(width)), loc="left", fontsize=size, fontweight="bold", parse_math=False)


def plain_axes(ax: Axes) -> None:
    """No frame above and to the right; small labels."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8.5)
    ax.yaxis.label.set_fontsize(9)
    ax.xaxis.label.set_fontsize(9)


def as_days(us: Any) -> Any:
    """Instants as places on a time axis: days since 1970."""
    return np.asarray(us) / DAY


def _midnights(from_us: int, to_us: int) -> list[int]:
    """New York's midnights in an interval and the one before it."""
    first, found = new_york_date(from_us), []
    at = parse_new_york(f"{first.isoformat()} 00:00")
    while at <= to_us:
        found.append(at)
        at = parse_new_york(f"{new_york_date(at + 26 * HOUR_US).isoformat()} 00:00")
    return found


def _day_label(us: int, weekday: bool = True) -> str:
    day = new_york_date(us)
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {day:%b}" if weekday else f"{day.day} {day:%b}"


def time_axis(ax: Axes, from_us: int, to_us: int, label: bool = True) -> None:
    """Ticks at New York's hours and days, its zone in the label."""
    ax.set_xlim(as_days(from_us), as_days(to_us))
    midnights = _midnights(from_us, to_us)
    span = to_us - from_us
    if span <= 8 * DAY_US:
        each = 2 if span <= 1.2 * DAY_US else 6 if span <= 4.6 * DAY_US else 12
        hours = [parse_new_york(f"{new_york_date(m).isoformat()} {h:02d}:00") for m in midnights for h in range(0, 24, each)]  # fmt: skip
        shown = [us for us in hours if from_us <= us <= to_us]
        texts = [format_new_york(us)[15:17] for us in shown]
        named: set[Any] = set()
        for place, us in enumerate(shown):
            noon_ahead = any(texts[later] == "12" and new_york_date(shown[later]) == new_york_date(us) for later in range(place + 1, len(shown)))  # fmt: skip
            if new_york_date(us) not in named and (texts[place] == "12" or not noon_ahead):
                texts[place] += f"\n{_day_label(us)}"
                named.add(new_york_date(us))
        ax.set_xticks(as_days(shown), texts)
    else:
        every = max(1, round(span / DAY_US / 12))
        shown = [us for us in midnights if us >= from_us][::every]
        ax.set_xticks(as_days(shown), [_day_label(us, every < 3) for us in shown])
    for us in midnights:
        if from_us < us < to_us and span <= 40 * DAY_US:
            ax.axvline(us / DAY, color="#BBBBBB", linewidth=0.6, zorder=0.5)
    if label:
        ax.set_xlabel(f"New York time ({_zones(from_us, to_us)})")
    else:
        ax.tick_params(labelbottom=False)


def _zones(from_us: int, to_us: int) -> str:
    """ "EST", or "EST until Sun 8 Mar 02:00, then EDT"."""
    before = format_new_york(from_us)[-3:]
    changes = clock_changes(from_us, to_us)
    if len(changes) == 0:
        return before
    if len(changes) > 1:
        return "EST and EDT"
    at = int(changes[0])
    return f"{before} until {_day_label(at - 1)}, 02:00, then {format_new_york(at)[-3:]}"


def shade(ax: Axes, bars: pd.DataFrame) -> list[Any]:
    """Grey where the stock has no price, light grey before and after its session. Returns the patches."""
    patches = [ax.axvspan(a / DAY, b / DAY, color=EXTENDED, linewidth=0, zorder=0) for a, b in extended_spans(bars)]
    found = []
    for a, b in closed_spans(bars):
        patch = ax.axvspan(a / DAY, b / DAY, color=ASLEEP, linewidth=0, zorder=0.1)
        patch.set_gid("no stock price")
        found.append(patch)
    return patches + found


def mark_clock_change(ax: Axes, from_us: int, to_us: int, label: bool = True) -> None:
    """A dotted line where New York's clocks change."""
    for us in clock_changes(from_us, to_us):
        line = ax.axvline(us / DAY, color=PURPLE, linestyle=(0, (1, 1.5)), linewidth=1.6, zorder=1)
        line.set_gid("clock change")
        if label:
            way = "forward" if format_new_york(int(us)).endswith("EDT") else "back"
            text = f" clocks go {way} 1 h"
            ax.text(us / DAY, 0.015, text, transform=ax.get_xaxis_transform(), fontsize=8, va="bottom", color="#7A3E5E")


def axes_over_time(ax: Axes, bars: pd.DataFrame, span: tuple[int, int] | None = None, label: bool = True) -> None:
    """Hours, shades and clock changes below what was drawn over time."""
    from_us, to_us = span or (int(bars["us"].iloc[0]), int(bars["us"].iloc[-1]))
    shade(ax, bars)
    mark_clock_change(ax, from_us, to_us, label=False)
    time_axis(ax, from_us, to_us, label)
    plain_axes(ax)


def legend_beside(ax: Axes, **options: Any) -> None:
    """A legend beside the axes, where it covers nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False, fontsize=8.5, borderaxespad=0, **options)


def smoothed(values: Any) -> Array:
    """Running median over MINUTES_SMOOTHED bars."""
    import pandas as pd

    return np.asarray(pd.Series(values).rolling(MINUTES_SMOOTHED, min_periods=1, center=True).median(), dtype=float)


def dollar_ticks(axis: Any) -> None:
    """Label an axis with dollars, all of them in the unit of the largest."""
    from matplotlib.ticker import FuncFormatter

    def text(value: float, place: object) -> str:
        return tick_dollars(value, max(map(abs, axis.get_view_interval())))

    axis.set_major_formatter(FuncFormatter(text))
