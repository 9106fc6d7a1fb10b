"""More than one run: paths on one axis, and a run beside its control on the same luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    as_days,
    axes_or_new,
    axes_over_time,
    draw_title,
    legend_beside,
    plain_axes,
)
from offhours.experiments.frames import Array, of_ticker, perp_mid, stock_seen
from offhours.experiments.words import dollars, listed, percent
from offhours.sim.hours import format_new_york
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from offhours.experiments.run import Run


def compare_paths(runs: Sequence[Run], ax: Axes | None = None, labels: Sequence[str] | None = None) -> Axes:
    """The perps of several runs on one axis, with the first run's stock, in USD a share."""
    ax = axes_or_new(ax, "compare_paths")
    names = list(labels or _labels(runs))
    colours, dashes = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY), ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))
    paths: list[tuple[Array, Array]] = []
    for number, (run, name) in enumerate(zip(runs, names)):
        bars = of_ticker(run, "bars", runs[0].scenario.headline)
        middle = perp_mid(bars)
        style: dict[str, Any] = {"color": colours[number % len(colours)], "linestyle": dashes[number % len(dashes)]}
        ax.plot(as_days(bars["us"]), middle, linewidth=1.4, label=name, **style)
        paths.append((bars["us"].to_numpy(), middle))
    bars = of_ticker(runs[0], "bars")
    ax.plot(as_days(bars["us"]), stock_seen(bars), color=BLACK, linewidth=1.2, label=f"stock of {names[0]}", zorder=1.9)
    ax.set_ylabel(f"{runs[0].scenario.headline} perp (mid), USD a share")
    axes_over_time(ax, bars)
    legend_beside(ax)
    draw_title(ax, _furthest(paths, names))
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
    ax = axes_or_new(ax, "controls")
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
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    draw_title(ax, controls_title(run, control), left=2.1)
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
