"""Figures of what spreads and of what is left over: dominoes after the news, who forced whom, contagion, ADL, steadiness.

They are found with all others: ``run.plot.dominoes()``, ``offhours figures RUN --only dominoes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.cascade_summary import cascade_material
from offhours.experiments.figures.axes import (
    BLACK,
    BLUE,
    ORANGE,
    SKY,
    VERMILLION,
    axes_or_new,
    draw_title,
    legend_beside,
    plain_axes,
)
from offhours.experiments.frames import instants, of_ticker, stock_seen
from offhours.experiments.metrics import cascades, gaps
from offhours.experiments.metrics.funding import autocorrelation
from offhours.experiments.words import dollars, percent
from offhours.sim.hours import HOUR_US, MINUTE_US, format_new_york
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from offhours.experiments.run import Run

Array = np.ndarray[Any, Any]

BEFORE_MINUTES, AFTER_MINUTES = 30, cascades.DOMINOES_US // MINUTE_US
SMALL_PCT = 0.05
"""Moves below this are within what a different order of fills can make, and are told as small."""


def _first_price_us(run: Run) -> int:
    first = run.summary.get("first_price")
    if first is None or first["close_usd"] is None:
        raise Mistake(run.scenario.name, "", "", "this run saw no first price after a time without one")
    return int(np.datetime64(first["time_utc"].removesuffix("Z"), "us").astype(np.int64))


# News and dominoes ---------------------------------------------------------------------------------------------------


def dominoes(run: Run, ax: Axes | None = None) -> Axes:
    """News and dominoes: the mark around the news as it was, and on the same luck without liquidations, % from before it."""
    calm = run.tables().get("calm")
    if calm is None or run.summary.get("dominoes") is None:
        raise Mistake(run.scenario.name, "", "", "this run was not beside its own luck without liquidations")
    ax = axes_or_new(ax, "dominoes")
    found, headline = run.summary["dominoes"], run.scenario.headline
    at_us = int(np.datetime64(found["from_utc"].removesuffix("Z"), "us").astype(np.int64))

    def around(frame: Any, column: Any) -> tuple[Array, Array]:
        after = (instants(frame["time_utc"]) - at_us) / MINUTE_US
        inside = (after >= -BEFORE_MINUTES) & (after <= AFTER_MINUTES)
        return after[inside], 100 * (np.asarray(column, dtype=float)[inside] / found["base_usd"] - 1)

    bars = of_ticker(run, "bars")
    own = calm[calm["ticker"] == headline]
    x, mark = around(bars, bars["mark_usd"])
    calm_x, without = around(own, own["mark_usd"])
    both, mine, theirs = np.intersect1d(x, calm_x, return_indices=True)
    ax.fill_between(both, mark[mine], without[theirs], color=ORANGE, alpha=0.55, linewidth=0, hatch="////", edgecolor="white", label="liquidations", zorder=1.5)  # fmt: skip
    ax.plot(*around(bars, stock_seen(bars)), color="#888888", linewidth=1.0, linestyle=(0, (1, 1)), label="stock", zorder=1.8)  # fmt: skip
    ax.plot(calm_x, without, color=BLACK, linewidth=0.9, label="mark without\nliquidations", zorder=2.2)
    ax.plot(x, mark, color=BLUE, linewidth=2.2, label="mark as run", zorder=2)
    ax.axvline(0, color=BLACK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    ax.set_xlim(-BEFORE_MINUTES, AFTER_MINUTES)
    ax.set_xticks(range(-BEFORE_MINUTES, AFTER_MINUTES + 1, 30))
    when = format_new_york(at_us)
    ax.set_xlabel(f"minutes from {found['news']} ({when[:3]} {when[15:20]} New York time)")
    ax.set_ylabel(f"{headline}, % from {found['base']}")
    plain_axes(ax)
    handles, labels = ax.get_legend_handles_labels()
    order = [3, 2, 0, 1]
    legend_beside(ax, handles=[handles[n] for n in order], labels=[labels[n] for n in order])
    draw_title(ax, dominoes_title(run.summary["dominoes"]))
    return ax


def dominoes_title(found: Mapping[str, Any]) -> str:
    """What the news did, what liquidations added, and how much of that came back."""
    news, more = found["news_pct"], found["liquidations_pct"]
    verb = "took" if news < 0 else "added"
    text = f"The news {verb} {abs(news):.1f} %; liquidations "
    if abs(more) < SMALL_PCT:
        return f"{text}moved the mark by less than {SMALL_PCT:g} %"
    digits = 1 if abs(more) >= 0.95 else 2
    text += (
        f"{verb} another {abs(more):.{digits}f} %" if more * news > 0 else f"held back {abs(more):.{digits}f} % of it"
    )
    back, hours = found["gave_back_pct"], found["gave_back_hours"]
    within = f"{hours:.0f} h" if hours >= 1.5 else f"{60 * hours:.0f} min"
    given = f"gave back {back:.{digits}f}" if round(back, digits) > 0 else "gave nothing back"
    widest = found.get("most_apart_pct") or 0.0
    far = ""
    if abs(widest) >= max(0.1, 2 * abs(more)):
        way = "lower" if widest < 0 else "higher"
        far = f" (the mark was at most {abs(widest):.1f} points {way} for them, after {found['most_apart_minutes']:.0f} min)"
    return f"{text} and {given} within {within}{far}"


# Who forced whom -----------------------------------------------------------------------------------------------------

DRAWN, NAMED = 32, 5
"""Cases in the picture, and of them those that are named."""
PUSHED, MOSTLY = 0.05, 0.5
"""From which share on a case is drawn as forced in part, and as forced."""


def cascade(run: Run, ax: Axes | None = None) -> Axes:
    """Who was forced by whose price impact, by the second: the cases that others forced most, and those who pushed them."""
    acts, cases, *_ = cascade_material(run.exact_rows(), run.scenario.rules)
    forcing = cascades.force(cases, acts, calm_paths(run))
    wave = _widest(cases, forcing)
    if wave is None:
        raise Mistake(run.scenario.name, "", "", "nobody in this run was forced by another's liquidation")
    ax = axes_or_new(ax, "cascade")
    drawn = cascades.pushed(cases, acts, forcing, wave, DRAWN)
    found = cascades.graph(cases, acts, forcing, DRAWN, wave, drawn)
    from_us = min(of["time_us"] for _, of in found.nodes(data=True))
    seconds = sorted({of["time_us"] for _, of in found.nodes(data=True)})
    place: dict[int, tuple[float, float]] = {}
    for column, second in enumerate(seconds):
        own = [n for n, of in found.nodes(data=True) if of["time_us"] == second]
        own.sort(key=lambda n: -found.nodes[n]["value_uusd"])
        middle = (len(own) - 1) / 2
        # The largest in the middle, smaller ones around it.
        ranks = sorted(range(len(own)), key=lambda row: abs(row - middle))
        for number, row in zip(own, ranks):
            place[number] = (column, row - middle)
    largest = max(of["value_uusd"] for _, of in found.nodes(data=True))
    for child in found.nodes:
        if found.nodes[child]["forced"] < PUSHED:
            continue
        parents = sorted(found.pred[child].items(), key=lambda item: -item[1]["share"])[:1]
        for parent, _ in parents:
            style = {
                "arrowstyle": "-|>",
                "color": "#666666",
                "lw": 0.5 + 1.5 * found.nodes[child]["forced"],
                "shrinkA": 6,
                "shrinkB": 6,
            }
            ax.annotate(
                "", place[child], place[parent], arrowprops=style | {"connectionstyle": "arc3,rad=0.12"}, zorder=1
            )
    kinds = (
        ("news", 0.0, PUSHED, BLACK, "o"),
        ("forced in part", PUSHED, MOSTLY, SKY, "D"),
        ("forced by others\n(half or more)", MOSTLY, 2.0, ORANGE, "s"),
    )
    handles = []
    for kind, least, below, colour, marker in kinds:
        own = [n for n, of in found.nodes(data=True) if least <= of["forced"] < below]
        if own:
            handles.append(_sign(colour, marker, kind))
        size = [30 + 420 * found.nodes[n]["value_uusd"] / largest for n in own]
        at = np.array([place[n] for n in own]).reshape(-1, 2)
        ax.scatter(at[:, 0], at[:, 1], s=size, color=colour, marker=marker, edgecolor=BLACK, linewidth=0.8, zorder=2, gid=kind.partition("\n")[0])  # fmt: skip
    _name_largest(ax, run, found, place)
    ax.set_xticks(range(len(seconds)), [f"{(second - from_us) / 1e6:.0f}" for second in seconds])
    ax.set_xlim(-0.6, len(seconds))
    high = max(abs(y) for _, y in place.values())
    ax.set_ylim(-high - 1.2, high + 1.2)
    ax.set_yticks([])
    when = format_new_york(from_us)
    ax.set_xlabel(
        f"seconds from {when[:3]} {when[15:23]} New York time when a case opened (columns: only seconds with one)"
    )
    plain_axes(ax)
    ax.spines["left"].set_visible(False)
    legend_beside(ax, handles=handles, title="larger: more dollars\narrow: from whose trades most\nof the push came; thicker: a\nlarger part of the case was forced", title_fontsize=8, alignment="left")  # fmt: skip
    draw_title(ax, cascade_title(cases, forcing, wave, len(found)))
    return ax


def _sign(colour: str, marker: str, label: str) -> Any:
    """What a legend shows for a cloud of points of many sizes."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", marker=marker, markersize=8, color=colour, markeredgecolor=BLACK, label=label)


def calm_paths(run: Run) -> dict[int, cascades.Path] | None:
    """Each ticker's path on the same luck without liquidations; None where that was not run."""
    calm = run.tables().get("calm")
    if calm is None or len(calm) == 0:
        return None
    found = {}
    for number, ticker in enumerate(run.scenario.tickers):
        own = calm[calm["ticker"] == ticker]
        found[number] = cascades.Path(
            instants(own["time_utc"]), own["mark_usd"].to_numpy(), own["index_usd"].to_numpy()
        )
    return found


def _widest(cases: Array, forcing: cascades.Forcing) -> int | None:
    """The wave in which most dollars were forced by others, of cases forced to a part that is drawn; None where none were."""
    for least in (PUSHED, 0.0):
        inside = (forcing.wave >= 0) & (forcing.forced > least)
        if inside.any():
            dollars_forced = np.bincount(forcing.wave[inside], weights=(forcing.forced * cases["value_uusd"])[inside])
            return int(dollars_forced.argmax()) if dollars_forced.max() > 0 else None
    return None


def _name_largest(ax: Axes, run: Run, found: Any, place: dict[int, tuple[float, float]]) -> None:
    """Name the largest above their sign, but for those whose name would lie over another."""
    people = run.tables().get("accounts")
    group = {} if people is None else dict(zip(people["account"], people["group"]))
    ranked = sorted(found.nodes, key=lambda n: -found.nodes[n]["value_uusd"])
    largest = found.nodes[ranked[0]]["value_uusd"]
    named: list[tuple[float, float]] = []
    for number in ranked[:NAMED]:
        x, y = place[number]
        if any(abs(x - other_x) < 1.9 and abs(y - other_y) < 0.9 for other_x, other_y in named):
            continue
        named.append((x, y))
        of = found.nodes[number]
        text = f"{group.get(of['account'], 'account')} {dollars(of['value_uusd'] / 1e6)}"
        away = 2 + 0.5 * float(np.sqrt(30 + 420 * of["value_uusd"] / largest))
        ax.annotate(text, (x, y), (0, away), textcoords="offset points", ha="center", va="bottom", fontsize=7.5, parse_math=False, zorder=3, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.4})  # fmt: skip


def cascade_title(cases: Array, forcing: cascades.Forcing, wave: int, shown: int) -> str:
    """How many of all cases others forced, and how large the wave is that is drawn."""
    own = forcing.wave == wave
    count, ratio = int(own.sum()), forcing.ratio or 0.0
    which = f"drawn: the {shown} that were pushed most, or pushed most" if shown < count else "all drawn"
    bound = "" if forcing.beside_calm else "at most "
    share = f"{100 * ratio:.0f} %" if ratio >= 0.01 else f"{100 * ratio:.1f} %"
    value = dollars(float(cases["value_uusd"][own].sum()) / 1e6)
    return f"Others' liquidations forced {bound}{share} of {len(cases):,} cases; the wave with most of it has {count:,} cases, {value} ({which})"  # fmt: skip


def contagion(run: Run, ax: Axes | None = None) -> Axes:
    """Dollars closed in each ticker by accounts whose heaviest position was in another, or in the same."""
    from matplotlib.colors import LogNorm

    matrix = np.array(run.summary["cascade"]["contagion_usd"])
    if matrix.sum() == 0:
        raise Mistake(run.scenario.name, "", "", "nobody was liquidated in this run")
    ax = axes_or_new(ax, "contagion")
    tickers = run.scenario.tickers
    low = max(1.0, float(matrix[matrix > 0].min()))
    picture = ax.imshow(np.where(matrix > 0, matrix, np.nan), cmap="cividis_r", norm=LogNorm(low, max(1.01 * low, float(matrix.max()))))  # fmt: skip
    for row in range(len(tickers)):
        for column in range(len(tickers)):
            value = matrix[row, column]
            dark = value > 0 and float(np.dot(picture.cmap(picture.norm(value))[:3], (0.299, 0.587, 0.114))) < 0.5
            ax.text(column, row, dollars(value) if value else "0", ha="center", va="center", fontsize=7.5, color="white" if dark else BLACK)  # fmt: skip
    ax.set_xticks(range(len(tickers)), tickers, rotation=0 if len(tickers) < 8 else 45)
    ax.set_yticks(range(len(tickers)), tickers)
    ax.set_xlabel("ticker that was sold or bought back, USD")
    ax.set_ylabel("account's heaviest ticker")
    plain_axes(ax)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    share = run.summary["cascade"]["contagion_share"]
    total = dollars(float(matrix.sum()))
    draw_title(ax, f"{100 * share:.1f} % of {total} was closed in another ticker than the account's heaviest", left=1.4)
    return ax


# ADL -----------------------------------------------------------------------------------------------------------------


def deleveraging(run: Run, ax: Axes | None = None) -> Axes:
    """Whom ADL reduced: profit and leverage of each position before its cut, and whether it was a leg of a hedge."""
    cuts = run.tables().get("deleverages")
    if cuts is None or cuts.empty:
        raise Mistake(run.scenario.name, "", "", "nobody was reduced by ADL in this run")
    ax = axes_or_new(ax, "deleveraging")
    value = cuts["value_usd"].abs().to_numpy(float)
    profit = 100 * cuts["profit_usd"].to_numpy(float) / np.maximum(1e-9, cuts["notional_usd"].to_numpy(float))
    equity = cuts["equity_usd"].to_numpy(float)
    leverage = np.where(equity > 0, cuts["gross_usd"].to_numpy(float) / np.where(equity > 0, equity, 1.0), np.nan)
    exact = run.exact_rows()["deleverages"]
    hedged = cascades.of_hedges(exact)
    size = 12 + 260 * value / value.max()
    handles = []
    for kind, inside, colour, marker in (("no hedge", ~hedged, SKY, "o"), ("leg of a hedge", hedged, VERMILLION, "D")):
        ax.scatter(leverage[inside], profit[inside], s=size[inside], color=colour, marker=marker, edgecolor=BLACK, linewidth=0.5, alpha=0.8)  # fmt: skip
        handles.append(_sign(colour, marker, f"{kind}: {dollars(float(value[inside].sum()))}"))
    ax.axhline(0, color=BLACK, linewidth=0.7)
    ax.set_xscale("log")
    known = leverage[np.isfinite(leverage) & (leverage > 0)]
    if len(known):
        # A few accounts that hold next to nothing would take half of the axis.
        least = max(float(known.min()), float(np.quantile(known, 0.01)) / 2)
        ax.set_xlim(0.8 * least, 1.25 * float(known.max()))
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}x"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    beyond = int((known < ax.get_xlim()[0]).sum()) if len(known) else 0
    ax.set_xlabel(
        "leverage of the account before the cut (log scale"
        + (f"; {beyond} cuts at less are not drawn)" if beyond else ")")
    )
    ax.set_ylabel("profit of the position\nbefore the cut, % of its size")
    plain_axes(ax)
    legend_beside(ax, handles=handles, title="larger: more dollars", title_fontsize=8.5, alignment="left")
    accounts = cuts["account"].nunique()
    total, in_profit = float(value.sum()), float(value[profit > 0].sum())
    found = run.summary["cascade"]["deleveraging"] or {}
    top = found.get("top_share")
    text = f"ADL closed {dollars(total)} of {accounts:,} account{'s' if accounts != 1 else ''}, {100 * in_profit / total:.0f} % of it in profit"  # fmt: skip
    draw_title(ax, text + ("" if top is None else f"; one account bore {100 * top:.0f} %"))
    return ax


# Steadiness ----------------------------------------------------------------------------------------------------------


def steadiness(run: Run, ax: Axes | None = None, lags: int = 48) -> Axes:
    """Autocorrelation of the headline's funding rate, with the band in which chance alone would leave it."""
    ax = axes_or_new(ax, "steadiness")
    rate = of_ticker(run, "funding")["rate_bp"].to_numpy(float)
    found = [autocorrelation(rate, lag) for lag in range(1, lags + 1)]
    known = [(lag, value) for lag, value in enumerate(found, 1) if value is not None]
    if not known:
        raise Mistake(run.scenario.name, "", "", "too few funding rates were paid in this run")
    hours = int(run.scenario.rules.setting("perp.funding.interval", run.scenario.headline).value) / HOUR_US
    band = 2 / np.sqrt(len(rate))
    x = [hours * lag for lag, _ in known]
    ax.axhspan(-band, band, color="#E3E3E3", linewidth=0, zorder=0)
    ax.vlines(x, 0, [value for _, value in known], color=BLUE, linewidth=2)
    ax.plot(x, [value for _, value in known], linestyle="", marker="o", markersize=4, color=BLUE)
    ax.axhline(0, color=BLACK, linewidth=0.7)
    ax.text(0.995, band, "within chance (2 s.e.)", transform=ax.get_yaxis_transform(), ha="right", va="bottom", fontsize=8.5)  # fmt: skip
    ax.set_ylim(min(-0.3, min(value for _, value in known) - 0.05), 1.05)
    ax.set_xlabel("lag, hours")
    ax.set_ylabel("autocorrelation of funding")
    plain_axes(ax)
    draw_title(ax, steadiness_title(run, known[0][1]))
    return ax


def steadiness_title(run: Run, first: float) -> str:
    """How far one rate tells the next, and how fast a distance of perp and index goes away."""
    text = f"{run.scenario.headline}: a funding rate tells {100 * max(0.0, first):.0f} % of the next one's distance from the mean"
    half = run.summary.get("basis", {}).get("half_life_minutes", {})
    parts = [f"{half[key]:.0f} min {words}" for key, words in (("regular", "in regular hours"), ("asleep", "while the stock sleeps")) if half.get(key)]  # fmt: skip
    return f"{text}; half of a basis is gone after {' and '.join(parts)}" if parts else text


def awakening(run: Run, ax: Axes | None = None) -> Axes:
    """Distance of mark and perp from the stock after its first price, in percent, and when mark and stock agree."""
    ax = axes_or_new(ax, "awakening")
    at_us = _first_price_us(run)
    bars = of_ticker(run, "bars")
    bars = bars[(bars["us"] >= at_us) & (bars["us"] <= at_us + AFTER_MINUTES * MINUTE_US)]
    x = (bars["us"].to_numpy() - at_us) / MINUTE_US
    stock = stock_seen(bars)
    apart = 100 * (bars["mark_usd"].to_numpy(float) / stock - 1)
    index = 100 * (bars["index_usd"].to_numpy(float) / stock - 1)
    ax.axhspan(-gaps.AGREE_PCT, gaps.AGREE_PCT, color="#E3E3E3", linewidth=0, zorder=0)
    ax.axhline(0, color=BLACK, linewidth=0.7)
    text = f"agreed: within {gaps.AGREE_PCT:g} % for {gaps.AGREE_MINUTES} min"
    ax.text(0.995, -gaps.AGREE_PCT, text, transform=ax.get_yaxis_transform(), ha="right", va="top", fontsize=8.5)
    ax.plot(x, index, color=ORANGE, linewidth=2.4, alpha=0.8, label="index over stock")
    ax.plot(x, apart, color=BLUE, linewidth=1.3, label="mark over stock")
    minutes = run.summary["gap"]["minutes_apart"]
    if minutes is not None:
        ax.axvline(minutes, color=BLACK, linewidth=0.9, linestyle=(0, (3, 2)))
    known = np.concatenate((apart, index))
    known = known[np.isfinite(known)]
    far = float(np.abs(known).max(initial=0.0))
    # The first minute may be far away; the rest decides the scale.
    scale = max(0.6, 1.3 * float(np.quantile(np.abs(known), 0.98))) if len(known) else 1.0
    ax.set_ylim(-scale, scale)
    if far > scale:
        worst = float(apart[int(np.nanargmax(np.abs(apart)))])
        when = x[int(np.nanargmax(np.abs(apart)))]
        ax.text(0.995, 0.97, f"beyond the scale: mark {percent(worst)} after {when:.0f} min", transform=ax.transAxes, ha="right", va="top", fontsize=8.5)  # fmt: skip
    ax.set_xlim(0, AFTER_MINUTES)
    ax.set_xticks(range(0, AFTER_MINUTES + 1, 30))
    ax.set_xlabel("minutes from the first stock price")
    ax.set_ylabel(f"{run.scenario.headline}, % from the stock")
    plain_axes(ax)
    legend_beside(ax)
    draw_title(ax, awakening_title(run.summary["gap"]))
    return ax


def awakening_title(gap: dict[str, Any]) -> str:
    """What the perp had not known, and how long mark and stock disagreed."""
    miss, minutes = gap["first_price_miss_pct"], gap["minutes_apart"]
    first = "" if miss is None else f"The first price came {percent(miss)} from the perp; "
    agree = (
        "mark and stock did not agree again" if minutes is None else f"mark and stock agreed after {minutes:.0f} min"
    )
    return f"{first}{agree}" if first else agree[:1].upper() + agree[1:]


CASCADES: Mapping[str, Callable[..., Axes]] = {
    "dominoes": dominoes,
    "cascade": cascade,
    "contagion": contagion,
    "deleveraging": deleveraging,
    "steadiness": steadiness,
    "awakening": awakening,
}
"""The figures of what spreads, by name."""

MATERIAL: Mapping[str, Callable[[Run], bool]] = {
    "dominoes": lambda run: run.summary.get("dominoes") is not None and "calm" in run.tables(),
    "cascade": lambda run: run.summary.get("cascade", {}).get("branching", {}).get("forced", 0) > 0,
    "contagion": lambda run: bool(run.summary.get("cascade", {}).get("contagion_share")),
    "deleveraging": lambda run: "deleverages" in run.tables() and not run.tables()["deleverages"].empty,
    "steadiness": lambda run: (run.summary["funding"].get("acf") or {}).get("1") is not None,
    "awakening": lambda run: (run.summary.get("first_price") or {}).get("close_usd") is not None,
}
"""Whether a run has what each of them draws."""
