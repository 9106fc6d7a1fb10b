"""What the report says of spreading liquidations, of funding and basis, and of the gap: sentences and rows, no layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.figures.cascades import dominoes_title
from offhours.experiments.metrics import cascades, gaps
from offhours.experiments.occasion import shock_of
from offhours.experiments.words import dollars, percent
from offhours.sim.hours import format_new_york

if TYPE_CHECKING:
    from offhours.experiments.run import Run

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Told:
    """Sentences, and tables of (head, rows); all columns but the first and, where there is one, the last are numbers."""

    sentences: tuple[str, ...]
    tables: tuple[tuple[Sequence[str], Rows], ...]


def _share(value: float | None) -> str:
    return (
        "none"
        if value is None
        else "0 %"
        if value == 0
        else f"{100 * value:.1f} %"
        if abs(value) >= 0.001 or value == 0
        else f"{100 * value:.2g} %"
    )


def _number(value: float | None, digits: int = 2, unit: str = "") -> str:
    return "none" if value is None else f"{value:,.{digits}f}{unit}".replace("-", "−")


# Spreading -----------------------------------------------------------------------------------------------------------


def spread(run: Run) -> Told:
    """How liquidations spread."""
    own: Mapping[str, Any] = run.summary["cascade"]
    branching = own["branching"]
    if branching["cases"] == 0:
        return Told(("Nobody was liquidated, so nothing spread.",), ())
    sentences = []
    if run.summary.get("dominoes") is not None:
        sentences.append(f"{dominoes_title(run.summary['dominoes'])}.")
    error = "" if branching["standard_error"] is None else f" ± {branching['standard_error']:.3f}"
    rule = (
        "cases that others forced, as a share of all: how many a case forces on average; ± its standard error"
        if branching["beside_calm"]
        else "at most: the run without liquidations was not made, so every move within a wave counts as forced"
    )
    rows: Rows = [
        ("cases", f"{branching['cases']:,}", "accounts' liquidations from opening to end"),
        ("waves", f"{own['waves']:,}", f"forced trades with less than {cascades.PAUSE_US // 10**6} s between them"),
        ("branching ratio", f"{branching['ratio']:.3f}{error}", rule),
    ]
    for path, value in branching["by_path"].items():
        rows.append((f"  through the {path}", _number(value, 3), _PATHS[path] if value is not None else "not known"))
    if len(run.scenario.tickers) > 1:
        rows.append(("in another ticker", _share(own["contagion_share"]), "of liquidated dollars: not in the account's heaviest"))  # fmt: skip
    rows.append(
        ("hedges broken", f"{own['hedges_broken']:,}", "accounts that lost one leg of a hedge to liquidation or ADL")
    )
    return Told(tuple(sentences), (((), rows + _adl(run)), (_WAVES, _waves(own["largest_waves"]))))


_PATHS = {
    "perp book": "moved the mark away from the index",
    "token book": "moved the index",
    "broken hedge": "by orders that evened out a hedge whose other leg was taken",
}
_WAVES = ("largest waves, New York time", "seconds", "cases", "liquidated", "closed by ADL")


def _waves(largest: Sequence[Mapping[str, Any]]) -> Rows:
    found: Rows = []
    for wave in largest:
        us = int(np.datetime64(wave["first_utc"].removesuffix("Z"), "us").astype(np.int64))
        text = format_new_york(us - us % 10**6)
        adl = "none" if wave["adl_usd"] is None else dollars(wave["adl_usd"])
        found.append((f"{text[:3]} {text[15:23]}", f"{wave['seconds']:.0f}", f"{wave['cases']:,}", dollars(wave["liquidated_usd"]), adl))  # fmt: skip
    return found


def _adl(run: Run) -> Rows:
    """What ADL came to, row by row; one row where there was none."""
    own, adl = run.summary["cascade"], run.summary.get("adl")
    found = own["deleveraging"]
    if found is None:
        why = "not part of this rulebook" if adl is None else "nobody was reduced"
        return [("closed by auto-deleverage", "none", why)]
    after = own["first_adl_after_s"]
    rows: Rows = [
        ("first liquidation to first ADL", f"{after:,.1f} s", f"from the first of the whole run; {own['forced_trades_before_adl']:,} forced trades came before it"),
        ("  from the first of its burst", f"{own['first_adl_after_burst_s']:,.1f} s", f"a burst ends when nothing is liquidated for {cascades.BURST_US // 10**6} s"),
    ]  # fmt: skip
    if adl is not None and adl.get("over_liquidated") is not None:
        rows.append(
            (
                "ADL over liquidated",
                _share(adl["over_liquidated"]),
                "dollars of winners closed beside dollars liquidated",
            )
        )
    rows += [
        ("largest cut", _share(found["largest_cut"]), "of a position"),
        ("Gini of the cuts", _number(found["gini"]), f"0: all the same; the most cut account bore {_share(found['top_share'])}"),
        ("PTSR", _number(found["ptsr"]), "largest profit left over what was taken, mean of the waves"),
        ("PMR", _number(found["pmr"]), "the same over the part of the largest deficit that was met"),
        ("needed by deficits", dollars(found["needed_usd"]), "negative equity handed to ADL"),
        ("taken at the mark", dollars(found["taken_usd"]), "what winners lost against the mark"),
        ("overshoot", dollars(found["overshoot_usd"]), "taken less needed"),
        ("hedges reduced", f"{found['hedges_broken']:,}", f"accounts with tokens the other way, {dollars(found['hedges_broken_usd'])}"),
    ]  # fmt: skip
    return rows


# Funding and basis ---------------------------------------------------------------------------------------------------


def steadiness(run: Run) -> Told:
    """How steady funding was, and how far perp, index and stock were apart."""
    s = run.summary
    rates, basis = s["funding"], s["basis"]
    if rates["mean_bp"] is None:
        return Told((), ())
    carry = rates["carry"]
    rows: Rows = [
        ("variance", _number(rates["variance_bp2"], 4, " (bp/h)²"), f"of {rates['intervals']} rates"),
        ("skew, excess kurtosis", f"{_number(rates['skew'])}, {_number(rates['excess_kurtosis'])}", "0 and 0 for a normal law"),
        *((f"autocorrelation, lag {lag}", _number(value), "of rates so many intervals apart") for lag, value in rates["acf"].items()),
        ("exactly at interest", _share(rates["share_at_interest"]), "of intervals" if rates["share_at_interest"] is not None else "this venue has no interest rate in funding"),
        ("changes of sign", _share(rates["sign_changes"]), "of intervals: longs paid, then shorts, or back"),
        ("longs paid", dollars(carry["longs_usd"]), f"in {s['headline']}, while the rate was against them"),
        ("shorts paid", dollars(carry["shorts_usd"]), "while the rate was against them"),
    ]  # fmt: skip
    for key, words in (("regular", "in regular hours"), ("asleep", "while the stock sleeps")):
        half = basis["half_life_minutes"][key]
        rows.append(
            (f"half-life of the basis {words}", _number(half, 0, " min"), "until half of perp over index is gone")
        )
    phases: Rows = [
        (phase, _number(value, 3, " %"), _number(basis["over_stock_pct"].get(phase), 3, " %"))
        for phase, value in basis["over_index_pct"].items()
    ]
    head = ("distance of the perp, root mean square", "over the index", "over the stock")
    return Told((), (((), rows), (head, phases)))


# The gap -------------------------------------------------------------------------------------------------------------


def gap(run: Run) -> Told:
    """What the closed time left to be known, and what was missing afterwards."""
    s = run.summary
    risk, own, before = s["gap_risk"], s["gap"], "at the close" if shock_of(run) is None else "before the given move"
    misses = [of["gap"]["open_miss_pct"] for of in s["by_ticker"].values() if of["gap"]["open_miss_pct"] is not None]
    if not misses:
        return Told((), ())
    width = gaps.half_width_pct(np.array(misses))
    count = f"{len(misses)} ticker{'s' if len(misses) != 1 else ''}"
    rows: Rows = [
        ("first price beside the perp", percent(own["first_price_miss_pct"], 2) if own["first_price_miss_pct"] is not None else "none", "what the perp had not known a minute before"),
        ("the bell beside the perp", percent(own["open_miss_pct"], 2), "the same a minute before the opening bell"),
        ("half-width that covers 95 % of opens", _number(width, 2, " %"), f"around the perp before the bell; from {count} of one seed" + ("" if width is not None else ", and 19 opens are needed: offhours compare with --seeds")),
        ("mark wrong while the stock could be seen", "none" if own.get("mark_wrong_minutes") is None else f"{own['mark_wrong_minutes']:,.0f} of {own['mark_seen_minutes']:,.0f} min", f"further from it than {gaps.AGREE_PCT:g} % at full minutes; at most {_number(own.get('mark_furthest_pct'), 2, ' %')}"),
        ("mark wrong for", "it never agreed" if own["minutes_apart"] is None else f"{own['minutes_apart']:.0f} min", f"from the first price until mark and stock agree within {gaps.AGREE_PCT:g} %"),
        ("shortfall over open interest", _share(risk["shortfall_over_interest"]), f"of {dollars(risk['open_interest_usd'] or 0.0)} {before}; one seed, so no expected shortfall: offhours compare with --seeds"),
        ("drawdown of the funds", dollars(risk["fund_drawdown_usd"] or 0.0), "largest fall of the worth of backstop, pool and insurance fund together from its highest before"),
    ]  # fmt: skip
    head = ("ticker", "stock", "perp at the bell", "the bell beside the perp", "mark wrong for")
    tickers: Rows = [
        (
            ticker,
            percent(of["gap"]["stock_pct"], 2),
            percent(of["gap"]["perp_open_gap_pct"], 2),
            percent(of["gap"]["open_miss_pct"], 2),
            "never agreed" if of["gap"]["minutes_apart"] is None else f"{of['gap']['minutes_apart']:.0f} min",
        )
        for ticker, of in s["by_ticker"].items()
        if of["gap"]["stock_pct"] is not None and of["gap"]["open_miss_pct"] is not None
    ]
    return Told((), (((), rows), (head, tickers if len(tickers) > 1 else [])))
