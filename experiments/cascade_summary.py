"""What a run's summary says of how liquidations spread: waves, who forced whom, and the news beside its dominoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from offhours.experiments.metrics import basis, cascades
from offhours.experiments.moves import Move
from offhours.experiments.tables import usd, utc
from offhours.sim.market import book, matching, waterfall

if TYPE_CHECKING:
    from offhours.experiments.measure import Measured


class Material(NamedTuple):
    """What a cascade is told from."""

    acts: Any
    """Forced trades and takeovers."""
    cases: Any
    cuts: Any
    """What ADL closed; None where the venue has none."""
    unit_uusd: Any
    """Micro-dollars of a tick x lot, by ticker."""
    repairs: Any
    """Trades of orders that evened out a hedge whose other leg was taken."""


def cascade_material(tables: Mapping[str, Any], rules: Any) -> Material:
    """The material of a run's exact tables."""
    books = rules[book.book_rules]
    acts = cascades.acts_of(tables["liquidations"])
    cases = cascades.cases_of(acts, tables.get("cases"), books["tick_uusd"][0::2] / 1e6)
    unit_uusd = books["tick_uusd"] * books["lot_ushares"] // 10**6
    trades = tables["trades"]
    repairs = trades[trades["repair"] == matching.TAKEN_LEG]
    repairs_uusd = repairs["price_ticks"] * repairs["size_lots"] * unit_uusd[repairs["book"]]
    who = np.where(repairs["aggressor"] > 0, repairs["buyer"], repairs["seller"])
    cuts = tables["deleverages"] if waterfall.DELEVERAGED in rules[waterfall.places]["stage"] else None
    return Material(acts, cases, cuts, unit_uusd[0::2], (who, repairs_uusd) if len(trades) else None)


WAVES_TOLD = 12


def cascade(material: Material, tickers: int, calm: Mapping[int, cascades.Path] | None = None) -> dict[str, Any]:
    """How liquidations spread; `calm` holds the paths of the same luck without liquidations, where that was run."""
    acts, cases, cuts, unit_uusd, repairs = material
    waves = cascades.waves_table(acts, cases, cuts)
    largest = sorted(
        sorted(waves, key=lambda wave: -wave["liquidated_usd"])[:WAVES_TOLD], key=lambda wave: wave["first_us"]
    )
    spread = cascades.contagion(cases, acts, tickers)
    after = None if cuts is None else cascades.first_after_s(acts, cuts)
    forced_uusd = int(np.abs(acts["value_uusd"]).sum())
    repaired_uusd = None if repairs is None else int(repairs[1].sum())
    share = None if repaired_uusd is None or not forced_uusd else repaired_uusd / (repaired_uusd + forced_uusd)
    lost_legs = set() if repairs is None else {int(account) for account in repairs[0]}
    if cuts is not None:
        lost_legs |= {int(account) for account in cuts["account"][cascades.of_hedges(cuts)]}
    return {
        "waves": len(waves),
        "largest_waves": [{"first_utc": utc(wave.pop("first_us")), **wave} for wave in largest],
        "branching": cascades.branching(cascades.force(cases, acts, calm), share),
        "contagion_usd": spread.tolist(),
        "contagion_share": cascades.spread_share(spread),
        "hedges_broken": len(lost_legs),
        "repaired_usd": None if repaired_uusd is None else usd(repaired_uusd),
        "first_adl_after_s": None if after is None else after[0],
        "first_adl_after_burst_s": None if after is None else after[2],
        "forced_trades_before_adl": None if after is None else after[1],
        "deleveraging": None if cuts is None else cascades.deleveraging(acts, cuts, unit_uusd),
    }


def calm_table(calm: Measured) -> dict[str, Any]:
    """Prices of a market in which nobody was liquidated, as the table of that name."""
    bars = calm.tables["bars"]
    tick_uusd = calm.after.tick_uusd[bars["ticker"]]
    mark_usd, perp_usd = bars["mark_ticks"] * tick_uusd / 1e6, basis.mid_usd(bars, "perp", tick_uusd / 1e6)
    return {
        "time_utc": bars["time_us"].astype("datetime64[us]"),
        "ticker": np.array(calm.scenario.tickers, dtype=object)[bars["ticker"]],
        "mark_usd": mark_usd,
        "index_usd": bars["index_usd"],
        "perp_usd": np.where(np.isfinite(perp_usd), perp_usd, mark_usd),
    }


def beside_calm(summary: Mapping[str, Any], tables: Mapping[str, Any], calm: Measured) -> dict[str, Any]:
    """What a summary says anew when the same luck was run without liquidations: the cascade, and news beside dominoes."""
    scenario, bars = calm.scenario, calm.tables["bars"]
    tick_usd = calm.after.tick_uusd / 1e6
    paths = {}
    for number in range(len(scenario.tickers)):
        own = bars[bars["ticker"] == number]
        paths[number] = cascades.Path(own["time_us"], own["mark_ticks"] * tick_usd[number], own["index_usd"])
    found = {"cascade": cascade(cascade_material(tables, scenario.rules), len(scenario.tickers), paths)}
    headline = scenario.tickers.index(scenario.headline)
    own = tables["bars"][tables["bars"]["ticker"] == headline]
    begins = _news(summary["first_price"], scenario.news_moves, own, float(tick_usd[headline]))
    if begins is None:
        return found
    at_us, base_usd, told = begins
    both, mine, theirs = np.intersect1d(own["time_us"], paths[headline].time_us, return_indices=True)
    moved = 100 * (own["mark_ticks"][mine] * tick_usd[headline] / base_usd - 1)
    calmly = 100 * (paths[headline].mark_usd[theirs] / base_usd - 1)
    apart = cascades.dominoes(both - at_us, moved, calmly)
    return found | {
        "dominoes": None if apart is None else told | {"from_utc": utc(at_us), "base_usd": base_usd} | apart
    }


def _news(first: Mapping[str, Any] | None, moves: Sequence[Move], bars: Any, tick_usd: float) -> tuple[int, float, dict[str, Any]] | None:  # fmt: skip
    """When the news comes, the price it is told from, and the words for both: a first price, or a move given in hours."""
    at_us = min((move.from_us for move in moves), default=0)
    before = bars[bars["time_us"] <= at_us]
    if len(before):
        return (
            at_us,
            float(before["mark_ticks"][-1] * tick_usd),
            {"news": "the given move", "base": "the mark before"},
        )
    if first is None or first["close_usd"] is None:
        return None
    at_us = int(np.datetime64(first["time_utc"].removesuffix("Z"), "us").astype(np.int64))
    return at_us, first["close_usd"], {"news": "the first stock price", "base": first["from"]}
