"""Who was liquidated, at which stage, what was missing, and who paid it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from offhours.sim.market import bars, liquidation, matching, waterfall

Array = np.ndarray[Any, Any]

REFUSALS = (
    "accepted", "bad size", "outside band", "outside window", "would cross", "not reducing", "not enough margin",
    "not enough funds", "market closed", "in liquidation", "table of orders full", "no liquidity",
    "too many messages in flight", "order gone",
)  # fmt: skip
"""Short names of the market's refusals, by code; `matching.REFUSAL_SENTENCES` says each in a sentence."""
assert len(REFUSALS) == matching.REFUSALS


def liquidations(events: Array, stages: Sequence[int]) -> dict[str, Any]:
    """Forced trades and takeovers: how many, of how many accounts, dollars, and the same by stage of the venue's list."""
    acts = events[events["ticker"] >= 0]
    by_stage = {}
    for code in stages:
        own = acts[acts["stage"] == code]
        notional_usd = int(np.abs(own["value_uusd"]).sum()) / 1e6
        by_stage[waterfall.STAGES[code]] = {"count": len(own), "notional_usd": notional_usd}
    return {
        "count": len(acts),
        "accounts": len(np.unique(acts["account"])),
        "notional_usd": int(np.abs(acts["value_uusd"]).sum()) / 1e6,
        "by_stage": by_stage,
    }


def own_margin_uusd(cases: Array) -> int:
    """What liquidated accounts lost of their own equity from the opening to the end of each case.

    `cases` are exact rows of the table of cases (event 1 opens, 2 and 3 end). Equity below zero is somebody else's loss.
    """
    lost, opened = 0, {}
    for account, event, equity in zip(
        cases["account"].tolist(), cases["event"].tolist(), cases["equity_uusd"].tolist()
    ):
        worth = max(0, equity)
        if event == liquidation.OPENED:
            opened[account] = worth
        elif account in opened:
            lost += max(0, opened.pop(account) - worth)
    return lost


def paid_by(stages: Sequence[int], paid_uusd: Array) -> dict[str, float | None]:
    """Dollars that each payer put into accounts in liquidation; None for a payer that the venue does not have.

    A venue that deleverages also socialises what no candidate could take.
    """
    present = {*stages, waterfall.SOCIALISED} if waterfall.DELEVERAGED in stages else set(stages)
    return {name: int(paid_uusd[stage]) / 1e6 if stage in present else None for stage, name in waterfall.PAYERS.items()}


def deleveraged(stages: Sequence[int], events: Array, cuts: Array, price: str) -> dict[str, Any] | None:
    """Auto-deleveraging: cuts, accounts that were reduced, dollars, the same over all liquidated dollars, seconds from the
    first liquidation to the first cut, and the venue's form of price. None where the venue has none."""
    if waterfall.DELEVERAGED not in stages:
        return None
    acts = events[events["ticker"] >= 0]
    notional, liquidated = int(np.abs(cuts["value_uusd"]).sum()), int(np.abs(acts["value_uusd"]).sum())
    return {
        "count": len(cuts),
        "accounts": len(np.unique(cuts["account"])),
        "notional_usd": notional / 1e6,
        "over_liquidated": notional / liquidated if liquidated else None,
        "first_after_s": (int(cuts["time_us"][0]) - int(acts["time_us"][0])) / 1e6 if len(cuts) and len(acts) else None,
        "price": price,
    }


def share_after(events: Array, at_us: int, within_us: int) -> float | None:
    """Share of liquidated dollars that fell within a time after an instant; None where there were none."""
    acts = events[events["ticker"] >= 0]
    value = np.abs(acts["value_uusd"])
    if len(acts) == 0 or value.sum() == 0:
        return None
    inside = (acts["time_us"] >= at_us) & (acts["time_us"] <= at_us + within_us)
    return float(value[inside].sum() / value.sum())


def refusals(counts: Array) -> dict[str, int]:
    """Orders refused, by reason; reasons that never occurred are left out."""
    return {REFUSALS[code]: int(count) for code, count in enumerate(counts) if count and code}


def interest_by_leverage(rows: Array, at_us: int, labels: tuple[str, ...]) -> dict[str, float]:
    """Long open interest over all tickers by leverage of its accounts, dollars, last known at an instant."""
    past = rows[rows["time_us"] <= at_us]
    if len(past) == 0:
        past = rows
    if len(past) == 0:
        return {}
    now = past[past["time_us"] == past["time_us"][-1]]
    return {labels[b]: int(now["long_uusd"][now["bucket"] == b].sum()) / 1e6 for b in range(bars.BUCKETS)}
