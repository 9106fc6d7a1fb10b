"""Figures of a run: functions that return Axes, by the names people look for. Each title is a finding computed from the run.

    >>> run.plot.strip()                       # or: figures.strip(run)
    >>> figure = render(run, "who_paid")       # a matplotlib Figure that no window knows of

A figure reads ``run.tables()``, ``run.summary`` and ``run.scenario`` and nothing else. Axes are New York time; hours without a
stock price are grey, hours before and after the session lighter. Colours are those of Okabe and Ito (2008), which colour-blind
people can tell apart, ordered so that they differ in grey, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.sim.hours import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    clock_changes,
    format_new_york,
    new_york_date,
    parse_new_york,
    previous_regular_close,
    regular_closes,
    regular_opens,
)
from offhours.sim.mistake import Mistake, nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from offhours.experiments.run import Run

Array = np.ndarray[Any, Any]

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
SOON_US = 90 * SECOND_US
"""How soon after the first price a liquidation counts as its consequence."""
MINUTES_SMOOTHED = 15
_DAY = float(DAY_US)


# Words and numbers ---------------------------------------------------------------------------------------------------


def dollars(value: float) -> str:
    """Dollars for reading, three digits of large ones: "$12.34", "$1,234", "$509k", "−$1.15M"."""
    size, sign = abs(value), "−" if round(value, 2) < 0 else ""
    for least, unit in ((1e9, "B"), (1e6, "M")):
        if size >= 0.9995 * least:
            digits = 2 if size < 9.995 * least else 1 if size < 99.95 * least else 0
            return f"{sign}${size / least:,.{digits}f}{unit}"
    if size >= 1e4:
        return f"{sign}${size / 1e3:,.0f}k"
    return f"{sign}${size:,.2f}" if 0 < round(size, 2) < 100 else f"{sign}${size:,.0f}"


def tick_dollars(value: float, reach: float | None = None) -> str:
    """Dollars on an axis that reaches so far, exact where the ticks are: "$12.5k", "−$2M"; "$5k" where others are "$10k"."""
    size, sign = abs(value), "−" if value < 0 else ""
    thousands = 1e3 if reach is not None and reach >= 1e4 else 1e4
    for least, whole, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (thousands, 1e3, "k")):
        if size >= least:
            return f"{sign}${size / whole:,.10g}{unit}"
    return f"{sign}${size:,.10g}"


def percent(value: float, digits: int = 1) -> str:
    """A signed percentage: "−8.0 %"."""
    return f"{value:+.{digits}f} %".replace("-", "−")


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nobody"


def counted(count: int, noun: str) -> str:
    """ "1 liquidation", "1,234 liquidations"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def capital(text: str) -> str:
    """The text with a large first letter and the rest as it is."""
    return text[:1].upper() + text[1:]


def share_of(count: int, total: int) -> str:
    """A share that says what it is a share of where it is nothing: "64 %", "0 of 12"."""
    if total == 0 or count == 0:
        return f"{count:,} of {total:,}"
    value = 100 * count / total
    return "100 %" if count == total else f"{value:.0f} %" if 1 <= value <= 99 else f"{value:.1f} %"


# What a figure reads -------------------------------------------------------------------------------------------------


def instants(times: Any) -> Array:
    """A column of UTC times as whole microseconds."""
    import pandas as pd

    return np.asarray(pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64))


def of_ticker(run: Run, table: str, ticker: str | None = None) -> pd.DataFrame:
    """A table's measured rows of one ticker (the headline), with the instant as whole microseconds in `us`."""
    frames = run.tables()
    if table not in frames:
        raise Mistake(run.scenario.name, "", "", f"this run holds no table '{table}'")
    frame = frames[table]
    frame = frame[frame["ticker"] == (ticker or run.scenario.headline)]
    frame = frame.assign(us=instants(frame["time_utc"]))
    return frame[frame["us"] >= run.scenario.measure_from_us]


def liquidations_of(run: Run) -> pd.DataFrame:
    """All tickers' forced trades and takeovers that were measured; shortfalls (rows without a ticker) are left out."""
    frame = run.tables()["liquidations"]
    frame = frame[frame["ticker"] != ""]
    frame = frame.assign(us=instants(frame["time_utc"]))
    return frame[frame["us"] >= run.scenario.measure_from_us]


def perp_mid(bars: pd.DataFrame, book: str = "perp") -> Array:
    """Mid of a book's best prices, NaN where a side is empty."""
    return np.asarray((bars[f"{book}_bid_usd"] + bars[f"{book}_ask_usd"]) / 2, dtype=float)


def stock_seen(bars: pd.DataFrame) -> Array:
    """The stock's price where it has one, NaN where it has not, so that a line breaks."""
    seen: Array = np.where(bars["stock_visible"].to_numpy(bool), bars["stock_usd"].to_numpy(float), np.nan)
    return seen


@dataclass(frozen=True)
class Sleep:
    """The longest time of a run in which the headline stock had no price."""

    since_us: int
    until_us: int
    """When its first price came; where none came, the run's end."""
    price_usd: float | None
    """The first price; None where the run ended before it."""
    close_usd: float | None
    """The stock's price at the regular close before."""
    close_name: str
    """ "Friday's close". """

    @property
    def hours(self) -> float:
        """How long."""
        return (self.until_us - self.since_us) / HOUR_US

    @property
    def change_pct(self) -> float | None:
        """The first price beside the regular close before."""
        if self.price_usd is None or self.close_usd is None:
            return None
        return 100 * (self.price_usd / self.close_usd - 1)


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def sleep_of(run: Run) -> Sleep | None:
    """The longest time without a stock price; None where the stock could always be seen."""
    bars = of_ticker(run, "bars")
    if bars.empty:
        return None
    first = of_ticker(run, "first_prices")
    found: tuple[int, int, float | None] | None = None
    if not first.empty:
        first = first.assign(since=instants(first["since_utc"]))
        row = first.iloc[int((first["us"] - first["since"]).to_numpy().argmax())]
        found = int(row["since"]), int(row["us"]), float(row["price_usd"])
    hidden = closed_spans(bars)
    if hidden and hidden[-1][1] == int(bars["us"].iloc[-1]):
        last = hidden[-1]
        if not bars["stock_visible"].iloc[-1] and (found is None or last[1] - last[0] > found[1] - found[0]):
            found = last[0], last[1], None
    if found is None:
        return None
    close_us = previous_regular_close(found[0])
    before = bars[(bars["us"] <= close_us) & bars["stock_visible"].astype(bool)]
    close = float(before["stock_usd"].iloc[-1]) if len(before) else None
    return Sleep(*found, close, close_name(close_us))


def close_name(us: int) -> str:
    """ "Friday's close": whose day's close an instant is."""
    return f"{_WEEKDAYS[new_york_date(us).weekday()]}'s close"


def closed_spans(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """The times without a stock price, from the last bar that had one to the next that has."""
    return _spans(bars["us"].to_numpy(), ~bars["stock_visible"].to_numpy(bool))


def extended_spans(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """The times before and after the session in which the stock can be seen."""
    return _spans(bars["us"].to_numpy(), bars["stock_visible"].to_numpy(bool) & (bars["phase"] != "regular").to_numpy())


def _spans(us: Array, inside: Array) -> list[tuple[int, int]]:
    edges = np.diff(np.concatenate(([0], inside.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    spans = zip(starts.tolist(), ends.tolist())
    return [(int(us[max(0, start - 1)]), int(us[min(len(us) - 1, end)])) for start, end in spans]


def soon_after(run: Run, at_us: int, within_us: int = SOON_US) -> tuple[int, int]:
    """Liquidations within some time of an instant (of the first price), and in all of the run: their numbers."""
    us = liquidations_of(run)["us"].to_numpy()
    return int(((us >= at_us) & (us <= at_us + within_us)).sum()), len(us)


@dataclass(frozen=True)
class Shock:
    """A move that the scenario gives the headline in place of a gap."""

    from_us: int
    to_us: int
    change_pct: float
    """All that is given, on top of the stock's own movement."""

    @property
    def minutes(self) -> float:
        """How long it takes."""
        return (self.to_us - self.from_us) / MINUTE_US


def shock_of(run: Run) -> Shock | None:
    """The given move that a run is about; None where it is about a closed window."""
    scenario = run.scenario
    own = [move for move in scenario.moves if move.ticker == scenario.headline]
    if not own or any(given.ticker == scenario.headline for given in scenario.gaps):
        return None
    change = float(np.prod([1 + move.change_ppb / 1e9 for move in own])) - 1
    return Shock(min(move.from_us for move in own), max(move.to_us for move in own), 100 * change)


# Axes ----------------------------------------------------------------------------------------------------------------


def _axes(ax: Axes | None, name: str) -> Axes:
    """The axes to draw on; new ones (shown by a notebook) where none are given."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZES.get(name, (10, 4.2)), layout="constrained")[1]


def _title(ax: Axes, text: str, size: float = 11.5, left: float = 0.8) -> None:
    """A finding above the axes, wrapped to the figure; `left` inches of it are taken by labels."""
    figure: Any = ax.figure
    width = 72 * (figure.get_figwidth() - left) / (0.6 * size)
    ax.set_title(textwrap.fill(text, int(width)), loc="left", fontsize=size, fontweight="bold", parse_math=False)


def _plain_axes(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8.5)
    ax.yaxis.label.set_fontsize(9)
    ax.xaxis.label.set_fontsize(9)


def _days(us: Any) -> Any:
    """Instants as places on a time axis: days since 1970."""
    return np.asarray(us) / _DAY


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
    return f"{_WEEKDAYS[day.weekday()][:3]} {day.day} {day:%b}" if weekday else f"{day.day} {day:%b}"


def time_axis(ax: Axes, from_us: int, to_us: int, label: bool = True) -> None:
    """Ticks at New York's hours and days, its zone in the label."""
    ax.set_xlim(_days(from_us), _days(to_us))
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
        ax.set_xticks(_days(shown), texts)
    else:
        every = max(1, round(span / DAY_US / 12))
        shown = [us for us in midnights if us >= from_us][::every]
        ax.set_xticks(_days(shown), [_day_label(us, every < 3) for us in shown])
    for us in midnights:
        if from_us < us < to_us and span <= 40 * DAY_US:
            ax.axvline(us / _DAY, color="#BBBBBB", linewidth=0.6, zorder=0.5)
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
    patches = [ax.axvspan(a / _DAY, b / _DAY, color=EXTENDED, linewidth=0, zorder=0) for a, b in extended_spans(bars)]
    found = []
    for a, b in closed_spans(bars):
        patch = ax.axvspan(a / _DAY, b / _DAY, color=ASLEEP, linewidth=0, zorder=0.1)
        patch.set_gid("no stock price")
        found.append(patch)
    return patches + found


def mark_clock_change(ax: Axes, from_us: int, to_us: int, label: bool = True) -> None:
    """A dotted line where New York's clocks change."""
    for us in clock_changes(from_us, to_us):
        line = ax.axvline(us / _DAY, color=PURPLE, linestyle=(0, (1, 1.5)), linewidth=1.6, zorder=1)
        line.set_gid("clock change")
        if label:
            way = "forward" if format_new_york(int(us)).endswith("EDT") else "back"
            text = f" clocks go {way} 1 h"
            ax.text(
                us / _DAY, 0.015, text, transform=ax.get_xaxis_transform(), fontsize=8, va="bottom", color="#7A3E5E"
            )


def _over_time(ax: Axes, bars: pd.DataFrame, span: tuple[int, int] | None = None, label: bool = True) -> None:
    from_us, to_us = span or (int(bars["us"].iloc[0]), int(bars["us"].iloc[-1]))
    shade(ax, bars)
    mark_clock_change(ax, from_us, to_us, label=False)
    time_axis(ax, from_us, to_us, label)
    _plain_axes(ax)


def _legend(ax: Axes, **options: Any) -> None:
    """A legend beside the axes, where it covers nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False, fontsize=8.5, borderaxespad=0, **options)


def _smooth(values: Any) -> Array:
    """Running median over MINUTES_SMOOTHED bars."""
    import pandas as pd

    return np.asarray(pd.Series(values).rolling(MINUTES_SMOOTHED, min_periods=1, center=True).median(), dtype=float)


def _dollar_ticks(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    def text(value: float, place: object) -> str:
        return tick_dollars(value, max(map(abs, axis.get_view_interval())))

    axis.set_major_formatter(FuncFormatter(text))


# The week-end strip --------------------------------------------------------------------------------------------------


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
    from offhours.experiments import news

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
    _draw_prices(top, run, bars, (from_us, to_us))
    if shock_of(run) is None:
        _annotate_sleep(top, run)
    else:
        _annotate_shock(top, run)
    top.set_xlabel("")
    _title(top, strip_title(run), 12.5, left=1.0)
    _draw_liquidations(middle, run, bars, (from_us, to_us))
    _draw_leverage(bottom, run, bars, (from_us, to_us))
    time_axis(bottom, from_us, to_us)
    for upper in (top, middle):
        upper.tick_params(labelbottom=False)
    return np.array([top, middle, bottom], dtype=object)


def strip_axes(figure: Figure) -> Sequence[Axes]:
    """Three axes over each other; the first takes 60 % of their height."""
    top, middle, bottom = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": (60, 20, 20)})
    return top, middle, bottom


def _draw_prices(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    x = _days(bars["us"])
    ax.plot(x, bars["index_usd"], color=ORANGE, linewidth=3.4, alpha=0.75, label="index", zorder=2)
    ax.plot(x, bars["mark_usd"], color=BLUE, linewidth=1.5, linestyle=(0, (5, 1.2)), label="mark", zorder=2.2)
    ax.plot(x, perp_mid(bars), color=VERMILLION, linewidth=0.7, label="perp (mid)", zorder=2.4)
    ax.plot(x, stock_seen(bars), color=BLACK, linewidth=1.7, label="stock", zorder=2.6)
    ax.set_ylabel(f"{run.scenario.headline}, USD a share")
    patches = shade(ax, bars)
    mark_clock_change(ax, *span)
    time_axis(ax, *span)
    _plain_axes(ax)
    from matplotlib.patches import Patch

    handles = ax.get_legend_handles_labels()[0][::-1]
    if patches:
        handles += [Patch(color=ASLEEP, label="no stock price"), Patch(color=EXTENDED, label="pre- and post-market")]
    _legend(ax, handles=handles)


def _annotate_sleep(ax: Axes, run: Run) -> None:
    """How long there was no stock price, and the first one."""
    sleep = sleep_of(run)
    if sleep is None:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.07 * (high - low), high + 0.12 * (high - low))
    ends = (sleep.since_us / _DAY, sleep.until_us / _DAY)
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
        ax.axvline(us / _DAY, color=BLACK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    when = f"{format_new_york(shock.from_us)[15:20]} to {format_new_york(shock.to_us)[15:20]}"
    text = f"given move of {percent(shock.change_pct)}, {when} "
    ax.text(shock.from_us / _DAY, 0.985, text, transform=at, ha="right", va="top", fontsize=9.5)


def _draw_liquidations(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    """Liquidations a minute, stages on top of each other."""
    events = liquidations_of(run)
    shade(ax, bars)
    mark_clock_change(ax, *span, label=False)
    counts = _by_minute(events, span)
    bottom = np.zeros(len(counts))
    x = _days(counts.index.to_numpy() * MINUTE_US + MINUTE_US // 2)
    for stage in run.summary["liquidations"]["by_stage"]:
        colour, height = STAGES[stage], counts[stage].to_numpy(float)
        some = height > 0
        ax.vlines(x[some], bottom[some], (bottom + height)[some], color=colour, linewidth=1.5, label=stage)
        bottom += height
    ax.set_ylim(0, max(1.0, 1.08 * bottom.max(initial=0)))
    ax.set_ylabel("liquidations\na minute")
    if events.empty:
        ax.text(0.5, 0.5, "0 liquidations", transform=ax.transAxes, ha="center", va="center", fontsize=9)
    _plain_axes(ax)
    _legend(ax, title="stage", title_fontsize=8.5, alignment="left")


def _by_minute(events: pd.DataFrame, span: tuple[int, int]) -> pd.DataFrame:
    """Counts by minute and stage; only minutes that have any."""
    inside = events[(events["us"] >= span[0]) & (events["us"] <= span[1])]
    counts = inside.groupby([inside["us"] // MINUTE_US, "stage"]).size().unstack(fill_value=0)
    return counts.reindex(columns=list(STAGES), fill_value=0)


def _draw_leverage(ax: Axes, run: Run, bars: pd.DataFrame, span: tuple[int, int]) -> None:
    """Open interest (long side) by the leverage of its accounts, stacked from the lowest."""
    frame = of_ticker(run, "leverage")
    frame = frame[(frame["us"] >= span[0]) & (frame["us"] <= span[1])]
    wide = frame.pivot_table(index="us", columns="bucket", values="long_usd", aggfunc="sum", observed=True)
    wide = wide.reindex(columns=list(LEVERAGES), fill_value=0.0)
    shade(ax, bars)
    mark_clock_change(ax, *span, label=False)
    if len(wide):
        ax.stackplot(_days(wide.index), wide.to_numpy().T, colors=list(LEVERAGES.values()), labels=list(LEVERAGES), zorder=2)  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.set_ylabel("open interest,\nUSD")
    _dollar_ticks(ax.yaxis)
    _plain_axes(ax)
    handles = ax.get_legend_handles_labels()[0][::-1]
    _legend(
        ax, handles=handles, title="leverage", title_fontsize=8.5, alignment="left", labelspacing=0.15, handlelength=1.2
    )


# Who paid whom -------------------------------------------------------------------------------------------------------


def who_paid_title(results: Mapping[str, float], houses: Collection[str] = ()) -> str:
    """Who lost most, and who gained it; `houses` are the names that belong to no trader."""
    spoken = {name: f"the {house_word(name)}" if name in houses and name != "nobody" else name for name in results}
    known = [(value, spoken[name]) for name, value in results.items() if abs(value) >= 0.005]
    ranked = sorted(known, reverse=True)
    losers, gainers = [(-value, name) for value, name in ranked[::-1] if value < 0], [r for r in ranked if r[0] > 0]
    if not losers:
        return "Nobody lost and nobody gained"
    return f"{capital(_largest(losers, 'lost'))}; {_largest(gainers, 'gained')}"


def _largest(ranked: Sequence[tuple[float, str]], verb: str) -> str:
    """ "tourists lost $1.2M, regulars $300k and 3 others $20k": the largest until nine tenths are named, two at most."""
    total, held = sum(value for value, _ in ranked), 0.0
    parts: list[str] = []
    for value, name in ranked[:2]:
        if held < 0.9 * total:
            parts.append(f"{name} {verb} {dollars(value)}" if not parts else f"{name} {dollars(value)}")
            held += value
    others = len(ranked) - len(parts)
    if others and held < 0.9 * total:
        parts.append(f"{others} other{'s' if others > 1 else ''} {dollars(total - held)}")
    return listed(parts)


HOUSE_WORDS = {"broker": "stock market"}
"""House accounts that people know under another name: the broker's is that of all who trade the stock itself."""


def house_word(name: str) -> str:
    """What a house account is called in pictures."""
    return HOUSE_WORDS.get(name, name)


def house_names(run: Run) -> set[str]:
    """The names in a run's results that belong to no trader."""
    return set(run.summary["pnl_usd"]) - {group.name for group in run.scenario.groups}


def who_paid(run: Run, ax: Axes | None = None) -> Axes:
    """Who paid whom: the result of each group and house account, in USD, and their sum."""
    ax = _axes(ax, "who_paid")
    results = {name: float(value) for name, value in run.summary["pnl_usd"].items()}
    houses = house_names(run)
    # A house that neither gained nor lost takes no part.
    ranked = sorted(
        ((n, v) for n, v in results.items() if n not in houses or abs(v) >= 0.005), key=lambda item: item[1]
    )
    values = [value for _, value in ranked]
    places = np.arange(len(ranked) + 1)[::-1]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    total = sum(round(value * 1e6) for value in results.values()) / 1e6
    for value, place in zip(values, places):
        ax.barh(place, value, color=BLUE if value > 0 else VERMILLION, hatch="" if value > 0 else "////", edgecolor="white", linewidth=0, height=0.72)  # fmt: skip
        at = value + (0.012 * largest if value >= 0 else -0.012 * largest)
        ax.text(at, place, dollars(value), va="center", ha="left" if value >= 0 else "right", fontsize=8.5)
    ax.text(0.012 * largest, 0, f"sum {abs(total) if abs(total) < 0.005 else total:,.2f}".replace("-", "−"), va="center", ha="left", fontsize=9, fontweight="bold")  # fmt: skip
    ax.axvline(0, color=BLACK, linewidth=1)
    ax.axhline(0.5, color="#888888", linewidth=0.7)
    ax.set_yticks(places, [f"{house_word(name)} (house)" if name in houses and "house" not in name else name for name, _ in ranked] + ["all"])  # fmt: skip
    ax.set_xlim(-1.22 * largest, 1.22 * largest)
    ax.set_ylim(-0.6, len(ranked) + 0.6)
    ax.set_xlabel("gained (+) or lost (−) over the measured time, USD, at one common price")
    _dollar_ticks(ax.xaxis)
    _plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _title(ax, who_paid_title(results, houses), left=1.7)
    return ax


# Prices and books ----------------------------------------------------------------------------------------------------


def price(run: Run, ax: Axes | None = None) -> Axes:
    """Stock, index, mark and perp over the measured time, USD a share."""
    ax = _axes(ax, "price")
    bars = of_ticker(run, "bars")
    _draw_prices(ax, run, bars, (int(bars["us"].iloc[0]), int(bars["us"].iloc[-1])))
    _title(ax, price_title(run))
    return ax


def price_title(run: Run) -> str:
    """How far the stock went while its exchange was closed, and how much of that the perp knew; or what a given move did."""
    from offhours.experiments import news

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
    ax = _axes(ax, "depth")
    bars = of_ticker(run, "bars")
    mark, x = bars["mark_usd"].to_numpy(float), _days(bars["us"])
    bids, asks = bars["perp_bid_shares"].to_numpy(float) * mark, bars["perp_ask_shares"].to_numpy(float) * mark
    ax.plot(x, _smooth(bids), color=BLUE, linewidth=1.5, label="bids")
    ax.plot(x, _smooth(asks), color=ORANGE, linewidth=1.5, linestyle=(0, (4, 1)), label="asks")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{run.scenario.headline} perp, USD within 50 bp of mark")
    _dollar_ticks(ax.yaxis)
    _over_time(ax, bars)
    _legend(ax, title=f"median of {MINUTES_SMOOTHED} min", title_fontsize=8.5, alignment="left")
    awake, asleep = _awake_asleep(bars, np.minimum(bids, asks), np.median)
    if awake and asleep is not None:
        text = f"While the stock slept, the thinner side held {dollars(asleep)} within 50 bp, {100 * asleep / awake:.0f} % of regular hours ({dollars(awake)})"  # fmt: skip
    else:
        text = f"The thinner side of the book held {dollars(float(np.median(np.minimum(bids, asks))))} within 50 bp (median)"  # fmt: skip
    _title(ax, text)
    return ax


def _spread_bp(bars: pd.DataFrame, book: str) -> Array:
    return np.asarray(1e4 * (bars[f"{book}_ask_usd"] - bars[f"{book}_bid_usd"]) / perp_mid(bars, book), dtype=float)


def spread(run: Run, ax: Axes | None = None) -> Axes:
    """Best ask less best bid of perp and token, and the spread for a stated size, in basis points (running median)."""
    ax = _axes(ax, "spread")
    bars = of_ticker(run, "bars")
    x, perp, token = _days(bars["us"]), _spread_bp(bars, "perp"), _spread_bp(bars, "token")
    if "impact_spread_pct" in bars:
        impact = 100 * bars["impact_spread_pct"].to_numpy(float)
        impact = np.where(impact >= 0, impact, np.nan)
        ax.plot(x, _smooth(impact), color=BLACK, linewidth=1.2, label="perp, impact size")
    ax.plot(x, _smooth(token), color=ORANGE, linewidth=1.5, linestyle=(0, (4, 1)), label="token, best prices")
    ax.plot(x, _smooth(perp), color=BLUE, linewidth=1.5, label="perp, best prices")
    ax.set_yscale("log")
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(f"{run.scenario.headline} spread, basis points (log scale)")
    _over_time(ax, bars)
    _legend(ax, title=f"median of {MINUTES_SMOOTHED} min", title_fontsize=8.5, alignment="left")
    awake, asleep = _awake_asleep(bars, perp, np.median)
    if awake is not None and asleep is not None:
        text = (
            f"The perp's spread was {asleep:.1f} bp while the stock slept and {awake:.1f} bp in regular hours (medians)"
        )
    elif np.isfinite(perp).any():
        text = f"The perp's spread was {np.nanmedian(perp):.1f} bp (median)"
    else:
        text = "The perp's book never had two sides"
    _title(ax, text)
    return ax


def basis(run: Run, ax: Axes | None = None) -> Axes:
    """Perp over index, and perp and token over the stock while it has a price, in percent."""
    ax = _axes(ax, "basis")
    bars = of_ticker(run, "bars")
    x, stock = _days(bars["us"]), stock_seen(bars)
    over_index = 100 * (perp_mid(bars) / bars["index_usd"].to_numpy(float) - 1)
    ax.axhline(0, color=BLACK, linewidth=0.7)
    token, perp = (100 * (perp_mid(bars, book) / stock - 1) for book in ("token", "perp"))
    ax.plot(x, token, color=ORANGE, linewidth=2.2, alpha=0.85, label="token over stock")
    ax.plot(x, perp, color=SKY, linewidth=1.2, label="perp over stock")
    ax.plot(x, over_index, color=BLACK, linewidth=0.8, label="perp over index")
    _within(ax, bars, np.concatenate((token, perp, over_index)))
    ax.set_ylabel(f"{run.scenario.headline} basis, %")
    _over_time(ax, bars)
    _legend(ax)
    awake, asleep = _awake_asleep(bars, over_index, lambda own: np.sqrt(np.mean(own**2)))
    if awake is not None and asleep is not None:
        text = f"Perp and index were {asleep:.2f} % apart while the stock slept and {awake:.2f} % in regular hours (root mean square)"  # fmt: skip
    elif np.isfinite(over_index).any():
        text = f"Perp and index were {np.sqrt(np.nanmean(over_index**2)):.2f} % apart (root mean square)"
    else:
        text = "The perp never had two prices to compare with the index"
    _title(ax, text)
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
    ax = _axes(ax, "funding")
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
        ax.step(_days(end), np.append(rate, rate[-1:] if len(rate) else [np.nan]), where="post", label=ticker, **style)
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
    _over_time(ax, bars)
    _legend(ax)
    _title(ax, funding_title(run))
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


# Leverage and liquidation --------------------------------------------------------------------------------------------


def leverage(run: Run, ax: Axes | None = None) -> Axes:
    """Open interest by leverage of the accounts that are long, USD."""
    ax = _axes(ax, "leverage")
    bars = of_ticker(run, "bars")
    span = int(bars["us"].iloc[0]), int(bars["us"].iloc[-1])
    _draw_leverage(ax, run, bars, span)
    time_axis(ax, *span)
    ax.set_ylabel(f"{run.scenario.headline} open interest, USD")
    _title(ax, leverage_title(run))
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
    ax = _axes(ax, "liquidation_map")
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
    _plain_axes(ax)
    _legend(ax)
    _title(ax, liquidation_map_title(events, run.scenario.headline))
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
    ax = _axes(ax, "waterfall")
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
    _dollar_ticks(ax.xaxis)
    _plain_axes(ax)
    _title(ax, waterfall_title(run), left=1.9)
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


# Flows ---------------------------------------------------------------------------------------------------------------


def flows(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars that each group and house account received (+) and paid (-) at the venue, by kind of payment."""
    from matplotlib.colors import SymLogNorm

    ax = _axes(ax, "flows")
    frame = run.tables()["groups"].set_index("group")
    kinds = [c for c in frame.columns if c.endswith("_usd") and c != "pnl_usd" and (frame[c].abs() >= 0.005).any()]
    if not kinds:
        ax.text(0.5, 0.5, "no payments", transform=ax.transAxes, ha="center", va="center", fontsize=10)
        ax.set_axis_off()
        _title(ax, "Nobody paid anything")
        return ax
    frame = frame[(frame[kinds].abs() >= 0.005).any(axis=1)]
    table = frame[kinds].to_numpy(float)
    largest = max(1.0, float(np.abs(table).max(initial=0)))
    norm = SymLogNorm(linthresh=largest / 1e4, vmin=-largest, vmax=largest)
    picture = ax.imshow(table, cmap="PuOr", norm=norm, aspect="auto")
    for row in range(len(frame)):
        for column in range(len(kinds)):
            value = table[row, column]
            dark = float(np.dot(picture.cmap(norm(value))[:3], (0.299, 0.587, 0.114))) < 0.5
            text = "0" if abs(value) < 0.005 else dollars(value)
            ax.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if dark else BLACK)
    ax.set_xticks(range(len(kinds)), [textwrap.fill(c.removesuffix("_usd").replace("_", " "), 11) for c in kinds])
    traders = {group.name for group in run.scenario.groups}
    ax.set_yticks(range(len(frame)), [name if name in traders else house_word(name) for name in frame.index])
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(
        "received (+, violet) and paid (−, orange) at the venue over the measured time, USD; each column sums to 0"
    )
    ax.xaxis.label.set_fontsize(8.5)
    _title(ax, flows_title(frame), left=1.3)
    return ax


def flows_title(frame: pd.DataFrame) -> str:
    """Who paid most in fees and in funding."""
    parts = []
    for column, word in (("fee_usd", "fees"), ("funding_usd", "funding")):
        if column in frame and (frame[column] < -0.005).any():
            payer = frame[column].idxmin()
            parts.append(f"{payer} paid most {word}, {dollars(-float(frame[column].min()))}")
    return capital("; ".join(parts)) if parts else "Nobody paid fees or funding"


# More than one run ---------------------------------------------------------------------------------------------------


def compare_paths(runs: Sequence[Run], ax: Axes | None = None, labels: Sequence[str] | None = None) -> Axes:
    """The perps of several runs on one axis, with the first run's stock, in USD a share."""
    ax = _axes(ax, "compare_paths")
    names = list(labels or _labels(runs))
    colours, dashes = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY), ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))
    paths: list[tuple[Array, Array]] = []
    for number, (run, name) in enumerate(zip(runs, names)):
        bars = of_ticker(run, "bars", runs[0].scenario.headline)
        middle = perp_mid(bars)
        style: dict[str, Any] = {"color": colours[number % len(colours)], "linestyle": dashes[number % len(dashes)]}
        ax.plot(_days(bars["us"]), middle, linewidth=1.4, label=name, **style)
        paths.append((bars["us"].to_numpy(), middle))
    bars = of_ticker(runs[0], "bars")
    ax.plot(_days(bars["us"]), stock_seen(bars), color=BLACK, linewidth=1.2, label=f"stock of {names[0]}", zorder=1.9)
    ax.set_ylabel(f"{runs[0].scenario.headline} perp (mid), USD a share")
    _over_time(ax, bars)
    _legend(ax)
    _title(ax, _furthest(paths, names))
    return ax


def _furthest(paths: Sequence[tuple[Array, Array]], names: Sequence[str]) -> str:
    """Where a path was furthest from the first, and by how much."""
    most, found = 0.0, f"The perp took the same path in {listed(names)}"
    first_us, first = paths[0]
    for (us, middle), name in zip(paths[1:], names[1:]):
        shared, here, there = np.intersect1d(first_us, us, return_indices=True)
        apart = 100 * (middle[there] / first[here] - 1)
        if not np.isfinite(apart).any():
            continue
        place = int(np.nanargmax(np.abs(apart)))
        if abs(apart[place]) > most:
            most, when = abs(float(apart[place])), format_new_york(int(shared[place]))
            far = percent(float(apart[place]))
            found = f"The perp with {name} was furthest from {names[0]} on {when[:3]} {when[15:20]}: {far}"
    return found


def _labels(runs: Sequence[Run]) -> list[str]:
    """Runs by what was changed in them; by number where that does not tell them apart."""
    found = [", ".join(f"{name}={value}" for name, value in run.scenario.changes) or run.scenario.name for run in runs]
    if len(set(found)) < len(found):
        found = [f"{name}, seed {run.seed}" for name, run in zip(found, runs)]
    return found if len(set(found)) == len(found) else [f"run {n + 1}" for n in range(len(runs))]


@dataclass(frozen=True)
class Paired:
    """One number of a run beside its control's."""

    name: str
    own: float
    other: float
    text: Callable[[float], str]

    @property
    def relative_pct(self) -> float:
        """Difference as a share of the larger of the two."""
        larger = max(abs(self.own), abs(self.other))
        return 100 * (self.own - self.other) / larger if larger else 0.0


def paired(summary: Mapping[str, Any], control: str) -> list[Paired]:
    """A run's headline numbers beside a control's, on the same luck."""
    found: list[Paired] = []
    other = summary["controls"][control]

    def add(name: str, path: Sequence[str], text: Callable[[float], str]) -> None:
        values = []
        for of in (summary, other):
            value: Any = of
            for key in path:
                value = None if value is None else value.get(key)
            values.append(value)
        if None not in values:
            found.append(Paired(name, float(values[0]), float(values[1]), text))

    add("funding, mean", ("funding", "mean_bp"), lambda v: f"{v:.3f} bp/h".replace("-", "−"))
    add("funding, standard deviation", ("funding", "std_bp"), lambda v: f"{v:.3f} bp/h".replace("-", "−"))
    add("funding, variance", ("funding", "variance_bp2"), lambda v: f"{v:.4f} (bp/h)²".replace("-", "−"))
    add("perp's move to the opening bell", ("gap", "perp_open_gap_pct"), lambda v: percent(v, 2))
    add("mark furthest from the close until then", ("gap", "mark_from_close_pct"), lambda v: percent(v, 2))
    add("accounts liquidated", ("liquidations", "accounts"), lambda v: f"{v:,.0f}".replace("-", "−"))
    add("liquidated", ("liquidations", "notional_usd"), dollars)
    add("shortfall", ("shortfall_usd",), dollars)
    add("bad debt", ("bad_debt_usd",), dollars)
    add("closed by ADL", ("adl", "notional_usd"), dollars)
    return found


def controls(run: Run, ax: Axes | None = None, control: str | None = None) -> Axes:
    """The run beside a control on the same luck: paired differences, each as a share of the larger number."""
    names = list(run.summary.get("controls") or {})
    if not names:
        raise Mistake(run.scenario.name, "", "", "this run has no control to be compared with")
    control = control or names[0]
    ax = _axes(ax, "controls")
    rows = paired(run.summary, control)
    places = np.arange(len(rows))[::-1]
    for row, place in zip(rows, places):
        share = row.relative_pct
        ax.barh(place, share, color=BLUE if share >= 0 else VERMILLION, hatch="" if share >= 0 else "////", edgecolor="white", linewidth=0, height=0.6)  # fmt: skip
        text = f"{row.text(row.own)} beside {row.text(row.other)}"
        ax.text(
            share + (2 if share >= 0 else -2),
            place,
            text,
            va="center",
            ha="left" if share >= 0 else "right",
            fontsize=8.5,
            parse_math=False,
        )
    ax.axvline(0, color=BLACK, linewidth=1)
    # Room for the words beside the longest bar on either side.
    reach = max(10.0, *(abs(row.relative_pct) for row in rows)) if rows else 10.0
    ax.set_xlim(-2.5 * reach, 2.5 * reach)
    steps = [-100, -75, -50, -25, 0, 25, 50, 75, 100] if reach > 30 else [-30, -20, -10, 0, 10, 20, 30]
    ax.set_xticks([step for step in steps if abs(step) <= 1.2 * reach])
    ax.set_yticks(places, [row.name for row in rows])
    ax.set_xlabel(f"this run less '{control}', % of the larger of the two (one seed: no interval)")
    _plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _title(ax, controls_title(run, control), left=2.1)
    return ax


def controls_title(run: Run, control: str) -> str:
    """Which world liquidated more, and how their funding differed."""
    rows = {row.name: row for row in paired(run.summary, control)}
    own = rows["liquidated"]
    more = own.own - own.other
    word = "more" if more > 0 else "less"
    first = f"Beside '{control}' on the same luck, {dollars(abs(more))} {word} was liquidated" if more else f"Beside '{control}' on the same luck, as much was liquidated"  # fmt: skip
    debt = rows["bad debt"]
    return f"{first}; bad debt {dollars(debt.own)} beside {dollars(debt.other)}"


# All of them ---------------------------------------------------------------------------------------------------------


def _of_cascades(name: str) -> Callable[..., Any]:
    """A figure of cascade_figures.py, which is read when it is first drawn."""

    def draw(run: Run, ax: Axes | None = None, **options: Any) -> Any:
        from offhours.experiments import cascade_figures

        return getattr(cascade_figures, name)(run, ax, **options)

    return draw


CASCADES = ("dominoes", "cascade", "contagion", "deleveraging", "steadiness", "awakening")
"""Figures of what spreads; see cascade_figures.py."""

FIGURES: Mapping[str, Callable[..., Any]] = {
    "strip": strip,
    "who_paid": who_paid,
    "price": price,
    "depth": depth,
    "spread": spread,
    "funding": funding,
    "basis": basis,
    "leverage": leverage,
    "liquidation_map": liquidation_map,
    "waterfall": waterfall,
    "flows": flows,
    "controls": controls,
    **{name: _of_cascades(name) for name in CASCADES},
}
"""Every figure of one run by name."""

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


def available(run: Run) -> list[str]:
    """The figures that a run has the material for."""
    from offhours.experiments.cascade_figures import MATERIAL

    have = run.tables()
    found = [name for name in FIGURES if name != "controls" or run.summary.get("controls")]
    found = [name for name in found if name not in MATERIAL or MATERIAL[name](run)]
    if "bars" not in have or have["bars"].empty:
        found = [name for name in found if name in ("who_paid", "waterfall", "flows", "controls")]
    return [name for name in found if name != "flows" or "groups" in have]


def chosen(run: Run, only: str | Sequence[str] | None = None) -> list[str]:
    """The names asked for (with commas, or a list), or all that the run has; :class:`Mistake` for a name there is not."""
    if only is None:
        return available(run)
    names = [word.strip() for word in only.split(",")] if isinstance(only, str) else list(only)
    for name in names:
        if name not in FIGURES:
            raise Mistake("--only", "", "", f"there is no figure '{name}'; there are {', '.join(FIGURES)}{nearest(name, FIGURES)}")  # fmt: skip
    return names


def render(run: Run, name: str) -> Figure:
    """A figure that belongs to no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZES.get(name, (10, 3.6)), layout="constrained")
    FIGURES[name](run, strip_axes(figure) if name == "strip" else figure.subplots())
    return figure


FORMATS = ("png", "svg", "pdf")
DPI = 150


def write_figures(
    run: Run,
    folder: str | Path,
    only: str | Sequence[str] | None = None,
    formats: str | Sequence[str] = ("png",),
) -> list[Path]:
    """Draw figures into ``folder/figures`` and return the files."""
    from matplotlib import rc_context

    kinds = [word.strip().lower() for word in formats.split(",")] if isinstance(formats, str) else list(formats)
    for kind in kinds:
        if kind not in FORMATS:
            raise Mistake("--format", "", "", f"a figure is written as {', '.join(FORMATS)}, not as '{kind}'")
    names = chosen(run, only)
    place = Path(folder) / "figures"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        for kind in kinds:
            file = place / f"{name}.{kind}"
            # Drawn anew for each: a layout remembers the resolution that it was made for before.
            with rc_context({"svg.hashsalt": name}):
                render(run, name).savefig(file, dpi=DPI, metadata=_UNDATED[kind])
            written.append(file)
    return written


_UNDATED: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
"""No date in a file: the same run gives the same bytes."""
