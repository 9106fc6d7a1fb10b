"""A summary for reading: its finding in a line, and its numbers as label and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from offhours.experiments import targets
from offhours.experiments.figures.cascades import dominoes_title
from offhours.sim.hours import format_new_york_short


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
