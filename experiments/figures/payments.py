"""Who paid whom: results by group, and every payment by kind."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    VERMILLION,
    axes_or_new,
    dollar_ticks,
    draw_title,
    plain_axes,
)
from offhours.experiments.words import capital, dollars, listed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from offhours.experiments.run import Run


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
    ax = axes_or_new(ax, "who_paid")
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
    dollar_ticks(ax.xaxis)
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    draw_title(ax, who_paid_title(results, houses), left=1.7)
    return ax


def flows(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars that each group and house account received (+) and paid (-) at the venue, by kind of payment."""
    from matplotlib.colors import SymLogNorm

    ax = axes_or_new(ax, "flows")
    frame = run.tables()["groups"].set_index("group")
    kinds = [c for c in frame.columns if c.endswith("_usd") and c != "pnl_usd" and (frame[c].abs() >= 0.005).any()]
    if not kinds:
        ax.text(0.5, 0.5, "no payments", transform=ax.transAxes, ha="center", va="center", fontsize=10)
        ax.set_axis_off()
        draw_title(ax, "Nobody paid anything")
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
    draw_title(ax, flows_title(frame), left=1.3)
    return ax


def flows_title(frame: pd.DataFrame) -> str:
    """Who paid most in fees and in funding."""
    parts = []
    for column, word in (("fee_usd", "fees"), ("funding_usd", "funding")):
        if column in frame and (frame[column] < -0.005).any():
            payer = frame[column].idxmin()
            parts.append(f"{payer} paid most {word}, {dollars(-float(frame[column].min()))}")
    return capital("; ".join(parts)) if parts else "Nobody paid fees or funding"
