"""What a run comes to: one object of plain numbers, the same for ``--json``, ``summary.json`` and Python.

Money is made of whole micro-dollars, so that what must sum does: shortfall = paid + bad debt, and results sum to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import offhours
from offhours.experiments import targets
from offhours.experiments.cascade_summary import cascade, cascade_material
from offhours.experiments.metrics import basis, funding, gaps, regime, solvency, welfare
from offhours.experiments.occasion import SOON_US, close_name
from offhours.experiments.summary_text import finding
from offhours.experiments.tables import LEVERAGES, PHASES, usd, utc
from offhours.sim.given import plain_text
from offhours.sim.hours import format_new_york, previous_regular_close
from offhours.sim.market import accounts, book, clock, waterfall
from offhours.sim.market import funding as funding_room

if TYPE_CHECKING:
    from offhours.experiments.measure import Measured


FORMAT = 1
"""Grows when a key of the summary changes its meaning or goes."""


def summarise(measured: Measured) -> dict[str, Any]:
    """The summary of a run."""
    scenario, before, after = measured.scenario, measured.counts_before, measured.counts_after
    tickers = scenario.tickers
    headline = tickers.index(scenario.headline)
    by_ticker = {ticker: _of_ticker(measured, number) for number, ticker in enumerate(tickers)}
    own = by_ticker[scenario.headline]
    found = _results(measured)
    results = welfare.by_name(found, [group.name for group in scenario.groups])
    shortfall = after.shortfall_uusd - before.shortfall_uusd
    events = measured.tables["liquidations"]
    perp = slice(0, None, 2)
    size = regime.numbers(
        measured.tables["bars"],
        measured.tables["trades"],
        headline,
        scenario.rules[book.book_rules]["lot_ushares"][perp],
        measured.after.unit_uusd,
    )
    outcome = _outcome(measured)
    summary: dict[str, Any] = {
        "format": FORMAT,
        "scenario": scenario.name,
        "headline": scenario.headline,
        "digest": scenario.digest,
        "seed": measured.seed,
        "version": offhours.__version__,
        "changes": [[name, plain_text(value)] for name, value in scenario.changes],
        "hypothetical": scenario.hypothetical or None,
        "outcome": outcome,
        "interrupted": measured.interrupted,
        "measured_from_utc": utc(scenario.measure_from_us),
        "measured_to_utc": utc(measured.after.time_us),
        "events": after.events - before.events,
        "messages": after.messages - before.messages,
        "trades": after.trades - before.trades,
        "wall_s": round(measured.wall_s, 3),
        "tape_sha256": measured.tape_sha256,
        "funding": own["funding"],
        "basis": own["basis"],
        "gap": own["gap"],
        "first_price": own["first_price"],
        "by_ticker": by_ticker,
        "liquidations": solvency.liquidations(events, _stages(measured))
        | {"own_margin_usd": usd(solvency.own_margin_uusd(measured.tables["cases"]))},
        "shortfall_usd": usd(shortfall),
        "paid_by_usd": solvency.paid_by(_stages(measured), after.paid_uusd - before.paid_uusd),
        "bad_debt_usd": usd(after.unpaid_uusd - before.unpaid_uusd),
        "takeover_pnl_usd": usd(welfare.takeover_result(measured.before, measured.after, measured.base_ushares)),
        "adl": solvency.deleveraged(
            _stages(measured),
            events,
            measured.tables["deleverages"],
            measured.scenario.rules.setting("perp.adl.price").text,
        ),
        "pnl_usd": {name: usd(value) for name, value in results.items()},
        "endowment_gain_usd": {name: usd(value) for name, value in _endowment_gains(measured).items()},
        "conservation_error": measured.conservation_error,
        "audit": measured.breaches,
        "refusals": solvency.refusals(after.refused - before.refused),
        "gap_alone": _gap_alone(measured),
        "gap_risk": _gap_risk(measured, usd(shortfall)),
        "cascade": cascade(cascade_material(measured.tables, measured.scenario.rules), len(tickers)),
        "dominoes": None,
        "open_interest_by_leverage_usd": _by_leverage(measured),
        "liquidated_within_90_s_of_first_price": _after_first_price(measured, headline),
        "regime": {"name": scenario.regime, "rows": regime.beside(scenario.regime, size)},
        "controls": {},
    }
    summary["targets"] = targets.to_json(scenario.targets, [summary])
    summary["finding"] = finding(summary)
    return summary


def _stages(measured: Measured) -> tuple[int, ...]:
    """The venue's stages in their order."""
    codes = measured.scenario.rules[waterfall.places]["stage"]
    return tuple(int(code) for code in codes if code != waterfall.WELL)


def _results(measured: Measured) -> list[int]:
    return welfare.results(measured.before, measured.after, measured.base_ushares)


def _endowment_gains(measured: Measured) -> dict[str, int]:
    """What the tokens and shares endowed have gained by themselves: no result of trading, but part of wealth."""
    gains = welfare.revaluation(measured.before, measured.after, measured.base_ushares)
    found = [gain // 10**6 for gain in gains]
    found[accounts.OUTSIDE] -= sum(found)
    return welfare.by_name(found, [group.name for group in measured.scenario.groups])


def _outcome(measured: Measured) -> str:
    if measured.interrupted:
        return f"interrupted at {format_new_york(measured.after.time_us)}"
    if measured.no_maker_us:
        return f"no maker left at {format_new_york(measured.no_maker_us)}"
    return "complete"


def _of_ticker(measured: Measured, number: int) -> dict[str, Any]:
    """What is said of each ticker."""
    tables, rules = measured.tables, measured.scenario.rules
    seconds = measured.counts_after.fallback_seconds - measured.counts_before.fallback_seconds
    events = tables["liquidations"]
    own_trades = tables["trades"][tables["trades"]["book"] // 2 == number]
    bars = tables["bars"][tables["bars"]["ticker"] == number]
    close_us, open_us = measured.window or (0, 0)
    first = gaps.first_price(tables["first_prices"], number, close_us, open_us)
    gap: dict[str, Any] = {"stock_pct": None, "perp_open_gap_pct": None}
    if measured.window:
        gap = gaps.over_window(tables["bars"], number, close_us, open_us)
    told = None if first is None else _first_price(bars, number, first)
    tick_usd = int(measured.after.tick_uusd[number]) / 1e6
    awake_us = None if first is None else int(first["time_us"])
    gap |= {
        "mark_from_close_pct": gaps.furthest_pct(tables["bars"], number, close_us, open_us)
        if measured.window
        else None,
        "open_miss_pct": _open_miss(bars, number, open_us, tick_usd) if measured.window else None,
        "first_price_miss_pct": None
        if first is None
        else gaps.miss_pct(bars, number, int(first["time_us"]), float(first["price_usd"]), tick_usd),
        "minutes_apart": None if awake_us is None else gaps.minutes_apart(bars, number, awake_us, tick_usd),
        **gaps.mark_wrong(bars, number, tick_usd),
    }
    lot_ushares = int(rules[book.book_rules]["lot_ushares"][2 * number])
    unit_uusd = int(measured.after.unit_uusd[number])
    last = int(bars["mark_ticks"][-1]) if len(bars) else 0
    return {
        "funding": funding.stability(tables["funding"], number, rules[funding_room.funding_rules])
        | {"carry": funding.carry(tables["bars"], number, rules[funding_room.funding_rules], lot_ushares)},
        "basis": _basis(bars, tick_usd),
        "gap": gap,
        "first_price": told,
        "index_minutes": funding.fallback_minutes(seconds[4 * number : 4 * number + 4]),
        "liquidated_usd": usd(np.abs(events["value_uusd"][events["ticker"] == number]).sum()),
        "perp_trades": int((own_trades["book"] % 2 == 0).sum()),
        "token_trades": int((own_trades["book"] % 2 == 1).sum()),
        "open_interest_usd": usd(int(bars["interest_lots"][-1]) * last * unit_uusd) if len(bars) else None,
    }


def _first_price(bars: Any, number: int, first: Any) -> dict[str, Any]:
    """The first price after a time without one, told from the regular close before it, by name."""
    close_us = previous_regular_close(int(first["since_us"]))
    close_usd, price_usd = gaps.at_close_usd(bars, number, close_us), float(first["price_usd"])
    return {
        "time_utc": utc(int(first["time_us"])),
        "price_usd": price_usd,
        "pct": None if close_usd is None else gaps.percent(close_usd, price_usd),
        "from": close_name(close_us),
        "close_usd": close_usd,
        "hours_without": (int(first["time_us"]) - int(first["since_us"])) / clock.HOUR_US,
    }


def _open_miss(bars: Any, number: int, open_us: int, tick_usd: float) -> float | None:
    """What the perp had not known a minute before the opening bell."""
    at = bars[bars["time_us"] == open_us]
    return gaps.miss_pct(bars, number, open_us, float(at["stock_usd"][0]), tick_usd) if len(at) else None


def _basis(bars: Any, tick_usd: float) -> dict[str, Any]:
    """Distances by phase, and the half-life of perp over index in regular hours and while the stock sleeps."""
    apart = basis.mid_usd(bars, "perp", tick_usd) / bars["index_usd"] - 1
    return {
        **basis.by_phase(bars, PHASES, tick_usd),
        "half_life_minutes": {
            "regular": basis.half_life_minutes(apart, bars["phase"] == clock.REGULAR),
            "asleep": basis.half_life_minutes(apart, bars["stock_visible"] == 0),
        },
    }


def _gap_risk(measured: Measured, shortfall_usd: float) -> dict[str, float | None]:
    """What was missing beside the open interest before the news, and how far the worth of the venue's funds together fell."""
    bars = measured.tables["bars"]
    at_us = _before_us(measured)
    interest = 0.0
    for number, unit_uusd in enumerate(measured.after.unit_uusd):
        own = bars[(bars["ticker"] == number) & (bars["time_us"] <= at_us)][-1:]
        interest += float((own["interest_lots"] * own["mark_ticks"]).sum()) * int(unit_uusd) / 1e6
    own = bars[bars["ticker"] == 0]
    worth = own["backstop_uusd"] + own["pool_uusd"] + own["insurance_uusd"]
    return {
        "open_interest_usd": interest or None,
        "shortfall_over_interest": shortfall_usd / interest if interest else None,
        "fund_drawdown_usd": gaps.drawdown(worth) / 1e6 if len(worth) else None,
    }


def _gap_alone(measured: Measured) -> dict[str, float] | None:
    """The news without impact and early repricing: a gap, or a given move; None where the run saw no whole one."""
    if measured.news is None or measured.before_news is None:
        return None
    bars = measured.tables["bars"]
    tickers = range(len(measured.scenario.tickers))
    changes = [gaps.over_window(bars, ticker, *measured.news)["stock_pct"] for ticker in tickers]
    if None in changes:
        return None
    returns = np.array(changes, dtype=float) / 100.0
    return gaps.gap_alone(measured.before_news, returns, measured.margins)


def _before_us(measured: Measured) -> int:
    """The instant before what the run is about: a close, or a given move; else the beginning."""
    return measured.news[0] if measured.news else measured.scenario.measure_from_us


def _by_leverage(measured: Measured) -> dict[str, float]:
    """Open interest by leverage before the news, or at the beginning where there is none."""
    return solvency.interest_by_leverage(measured.tables["leverage"], _before_us(measured), LEVERAGES)


def _after_first_price(measured: Measured, headline: int) -> float | None:
    if measured.window is None:
        return None
    first = gaps.first_price(measured.tables["first_prices"], headline, *measured.window)
    if first is None:
        return None
    return solvency.share_after(measured.tables["liquidations"], int(first["time_us"]), SOON_US)


def groups_table(measured: Measured) -> dict[str, list[Any]]:
    """The table of groups and house accounts: results and flows."""
    groups = measured.scenario.groups
    found = _results(measured)
    results = welfare.by_name(found, [group.name for group in groups])
    flows = measured.after.flows - measured.before.flows
    rows = [(accounts.HOUSES + number,) for number in range(len(groups))] + list(welfare.HOUSES.values())
    sums = [flows[list(own)].sum(axis=0) for own in rows]
    table: dict[str, list[Any]] = {
        "group": list(results),
        "population": [group.population for group in groups] + ["house"] * len(welfare.HOUSES),
        "members": [group.count for group in groups] + [len(own) for own in welfare.HOUSES.values()],
        "pnl_usd": [usd(value) for value in results.values()],
    }
    for number, flow in enumerate(accounts.FLOW_NAMES):
        table[f"{flow.replace(' ', '_')}_usd"] = [usd(own[number]) for own in sums]
    return table


def accounts_table(measured: Measured) -> dict[str, Any]:
    """The table of accounts: whose each is, what it is worth and holds at the end, whether it was liquidated."""
    after = measured.after
    names = np.array([*accounts.HOUSE_NAMES, *(group.name for group in measured.scenario.groups)], dtype=object)
    events = measured.tables["liquidations"]
    acts = events["account"][events["ticker"] >= 0]
    return {
        "account": np.arange(len(after.group)),
        "group": names[after.group],
        "equity_start_usd": measured.before.equity_uusd() / 1e6,
        "equity_usd": after.equity_uusd() / 1e6,
        "notional_usd": np.abs(after.notional_uusd()).sum(axis=1) / 1e6,
        "liquidations": np.bincount(acts, minlength=len(after.group)),
    }
