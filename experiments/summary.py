"""What a run comes to: one object of plain numbers, the same for ``--json``, ``summary.json`` and Python.

Money is made of whole micro-dollars, so that what must sum does: shortfall = paid + bad debt, and results sum to zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import offhours
from offhours.experiments import targets
from offhours.experiments.metrics import basis, cascades, funding, gaps, regime, solvency, welfare
from offhours.experiments.tables import LEVERAGES, PHASES
from offhours.sim.hours import format_new_york, format_new_york_short, new_york_date, previous_regular_close
from offhours.sim.market import accounts, clock, matching, waterfall
from offhours.sim.market import funding as funding_room

if TYPE_CHECKING:
    from offhours.experiments.run import Measured

FORMAT = 1
"""Grows when a key of the summary changes its meaning or goes."""


def usd(uusd: int) -> float:
    """Micro-dollars as dollars; printed, it shows exactly those six decimals (below a billion dollars)."""
    return int(uusd) / 1e6


def utc(instant_us: int) -> str:
    """An instant as ISO 8601 text in UTC."""
    text = str(np.datetime64(int(instant_us), "us"))
    return text.removesuffix(".000000") + "Z"


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
        scenario.rules[_book_rules()]["lot_ushares"][perp],
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
        "changes": [[name, _text(value)] for name, value in scenario.changes],
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


def _text(value: Any) -> str:
    from offhours.sim.given import plain_text

    return plain_text(value)


def _book_rules() -> Any:
    from offhours.sim.market import book

    return book.book_rules


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
    lot_ushares = int(rules[_book_rules()]["lot_ushares"][2 * number])
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


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _first_price(bars: Any, number: int, first: Any) -> dict[str, Any]:
    """The first price after a time without one, told from the regular close before it, by name."""
    close_us = previous_regular_close(int(first["since_us"]))
    close_usd, price_usd = gaps.at_close_usd(bars, number, close_us), float(first["price_usd"])
    return {
        "time_utc": utc(int(first["time_us"])),
        "price_usd": price_usd,
        "pct": None if close_usd is None else gaps.percent(close_usd, price_usd),
        "from": f"{_WEEKDAYS[new_york_date(close_us).weekday()]}'s close",
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
    books = rules[_book_rules()]
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
    begins = _news(summary["first_price"], scenario, own, float(tick_usd[headline]))
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


def _news(first: Mapping[str, Any] | None, scenario: Any, bars: Any, tick_usd: float) -> tuple[int, float, dict[str, Any]] | None:  # fmt: skip
    """When the news comes, the price it is told from, and the words for both: a first price, or a move given in hours.

    A given move of the headline is the news where no gap of it is given, too.
    """
    gap_given = any(given.ticker == scenario.headline for given in scenario.gaps)
    moves = [] if gap_given else [move.from_us for move in scenario.moves if move.ticker == scenario.headline]
    before = bars[bars["time_us"] <= min(moves)] if moves else bars[:0]
    if len(before):
        return (
            min(moves),
            float(before["mark_ticks"][-1] * tick_usd),
            {"news": "the given move", "base": "the mark before"},
        )
    if first is None or first["close_usd"] is None:
        return None
    at_us = int(np.datetime64(first["time_utc"].removesuffix("Z"), "us").astype(np.int64))
    return at_us, first["close_usd"], {"news": "the first stock price", "base": first["from"]}


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
    return solvency.share_after(measured.tables["liquidations"], int(first["time_us"]), 90 * clock.SECOND_US)


# Tables made at the end ----------------------------------------------------------------------------------------------


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


# In words ------------------------------------------------------------------------------------------------------------


def dollars(value: float) -> str:
    """Dollars for reading: "$1,234", "$3.2M"."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 1e6:
        return f"{sign}${size / 1e6:,.2f}M"
    return f"{sign}${size:,.0f}" if size >= 100 or size == 0 else f"{sign}${size:,.2f}"


def accounts_counted(count: int) -> str:
    """ "1 account", "537 accounts"."""
    return f"{count:,} account{'' if count == 1 else 's'}"


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} %"


def finding(summary: Mapping[str, Any]) -> str:
    """The run in a line: gap, liquidations, who paid."""
    parts = []
    if summary["gap"]["stock_pct"] is not None:
        parts.append(f"gap {_pct(summary['gap']['stock_pct'])}")
    own = summary["liquidations"]
    parts.append(f"{accounts_counted(own['accounts'])} liquidated, {dollars(own['notional_usd'])}")
    parts.append(f"bad debt {dollars(summary['bad_debt_usd'])}")
    return "; ".join(parts)


def lines(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The summary for reading: label and text."""
    ticker, own = summary["headline"], summary["liquidations"]
    rates, first = summary["funding"], summary["first_price"]
    found = []
    if summary["hypothetical"]:
        found.append(("note", str(summary["hypothetical"])))
    if summary["outcome"] != "complete":
        found.append(("outcome", str(summary["outcome"])))
    found.append(("counted", f"{summary['events']:,} events, {summary['messages']:,} messages, {summary['trades']:,} trades in {summary['wall_s']:.1f} s"))  # fmt: skip
    if summary["gap"]["stock_pct"] is not None:
        knew = _pct(summary["gap"]["perp_open_gap_pct"])
        found.append(
            (f"{ticker}, close to open", f"stock {_pct(summary['gap']['stock_pct'])}, perp at the bell {knew}")
        )
    if first is not None:
        at_us = int(np.datetime64(first["time_utc"].removesuffix("Z"), "us").astype(np.int64))
        found.append(("first price", f"{_pct(first['pct'])} from {first['from']} at {format_new_york_short(at_us)} New York, after {first['hours_without']:.0f} h without one"))  # fmt: skip
    if rates["mean_bp"] is not None:
        found.append(("funding", f"mean {rates['mean_bp']:+.3f} bp an hour ({rates['annual_pct']:+.1f} % a year), at the cap {100 * rates['share_at_cap']:.0f} % of the time"))  # fmt: skip
    stages = ", ".join(f"{name} {dollars(of['notional_usd'])}" for name, of in own["by_stage"].items() if of["count"])
    found.append(("liquidated", f"{accounts_counted(own['accounts'])}, {dollars(own['notional_usd'])}" + (f" ({stages})" if stages else "")))  # fmt: skip
    branching = summary["cascade"]["branching"]
    if branching["cases"]:
        most = "" if branching["beside_calm"] else "at most "
        found.append(("spread", f"{branching['cases']:,} cases in {summary['cascade']['waves']:,} waves, others forced {most}{100 * branching['ratio']:.1f} % of them"))  # fmt: skip
    if summary["dominoes"] is not None:
        from offhours.experiments.figures.cascades import dominoes_title

        found.append(("news and dominoes", dominoes_title(summary["dominoes"])))
    if summary["gap_alone"] is not None:
        alone = summary["gap_alone"]
        found.append(("the gap alone would", f"liquidate {dollars(alone['liquidated_usd'])} and bankrupt {dollars(alone['bankrupt_usd'])}"))  # fmt: skip
    paid = "".join(
        f"{name} paid {dollars(value)}, " for name, value in summary["paid_by_usd"].items() if value is not None
    )
    missing = f": {paid}nobody paid {dollars(summary['bad_debt_usd'])}" if summary["shortfall_usd"] else ""
    found.append(("shortfall", f"{dollars(summary['shortfall_usd'])}{missing}"))
    for of in summary["targets"]:
        wanted = targets.Target(of["metric"], of["low"], of["high"], of["source"])
        own_value = "none" if of["median"] is None else targets.shown(of["metric"], of["median"])
        found.append(("target", f"{wanted.label}: {own_value}, {'hit' if of['hit'] else 'MISS'} ({wanted.wanted})"))
    ranked = sorted(summary["pnl_usd"].items(), key=lambda item: item[1])
    spoken = {"broker": "stock market (broker)"}
    found.append(("gained or lost", ", ".join(f"{spoken.get(name, name)} {dollars(value)}" for name, value in ranked if abs(value) >= 0.005)))  # fmt: skip
    if summary["audit"] or summary["conservation_error"]:
        found.append(("BROKEN LAWS", "; ".join(summary["audit"]) or f"{summary['conservation_error']} micro-units"))
    return found
