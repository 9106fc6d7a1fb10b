"""One account's life in a run: what it did, why it was liquidated or reduced, what would have saved it, and a ledger that sums.

A run's folder holds fills and events but not each account's dollars. Runs are deterministic, so the run is made again from its
record with somebody looking at the account (``watcher``); that nothing changed by looking is checked against the tape. The
ledger sums to the last micro-dollar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.cascade_summary import cascade_material
from offhours.experiments.frames import Array
from offhours.experiments.metrics.cascades import of_hedges
from offhours.experiments.metrics.gaps import Schedule
from offhours.experiments.metrics.hedges import Hedge
from offhours.experiments.story_text import clock_text, sentences
from offhours.experiments.survival import Episode, Survival, episode, survival
from offhours.experiments.watcher import NEAR_US, Giver, Seen, Watcher, spans
from offhours.sim.market import accounts, book, brackets, clock, matching
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from offhours.experiments.advance import Progress
    from offhours.experiments.run import Run


@dataclass(frozen=True)
class Story:
    """An account's life."""

    run: Run
    account: int
    group: str
    parent: int
    seen: Seen
    ledger: tuple[tuple[str, int], ...]
    """Lines in micro-dollars: equity at the first measured instant, what came and went, and last the equity at the end,
    which is the sum of all before it."""
    cases: Array
    """Its liquidations: rows of metrics.cascades.CASES."""
    survivals: tuple[Survival | None, ...]
    episodes: tuple[Episode | None, ...]
    """The position that each liquidation took apart."""
    hedge: Hedge | None
    """What it counted of broken hedges, where it is an arbitrageur's."""
    sentences: tuple[str, ...]


def worst(run: Run) -> int:
    """The liquidated account that left the largest shortfall; where none was left, the one of which most was liquidated."""
    rows = run.exact_rows()["liquidations"]
    if len(rows) == 0:
        raise Mistake(run.scenario.name, "--worst", "", "nobody was liquidated in this run")
    missing = rows["shortfall_uusd"]
    weight = missing if missing.max() > 0 else np.abs(rows["value_uusd"])
    ids, place = np.unique(rows["account"], return_inverse=True)
    return int(ids[int(np.bincount(place, weights=weight.astype(float)).argmax())])


def broken_hedge(run: Run) -> int:
    """The account that lost the largest leg of a hedge: to ADL while it held tokens the other way, or else to liquidation."""
    rows = run.exact_rows()
    cuts, trades = rows.get("deleverages"), rows.get("trades")
    if cuts is not None and len(cuts):
        hedged = cuts[of_hedges(cuts)]
        if len(hedged):
            ids, place = np.unique(hedged["account"], return_inverse=True)
            return int(ids[int(np.bincount(place, weights=np.abs(hedged["value_uusd"]).astype(float)).argmax())])
    if trades is not None and (trades["repair"] == matching.TAKEN_LEG).any():
        own = trades[trades["repair"] == matching.TAKEN_LEG]
        who = np.where(own["aggressor"] > 0, own["buyer"], own["seller"])
        ids, place = np.unique(who, return_inverse=True)
        return int(ids[int(np.bincount(place, weights=(own["price_ticks"] * own["size_lots"]).astype(float)).argmax())])
    raise Mistake(run.scenario.name, "--broken-hedge", "", "no hedge was broken in this run")


def tell(run: Run, account: int, progress: Progress | None = None, cached: bool = True) -> Story:
    """An account's life; makes the run again to watch it. A :class:`Mistake` where that cannot be done."""
    watcher = _watched(run, account, progress, cached)
    seen = Seen.of(watcher)
    return _told(run, account, watcher, seen)


def _watched(run: Run, account: int, progress: Progress | None, cached: bool) -> Watcher:
    from offhours.experiments.measure import measure

    people = accounts.HOUSES + sum(group.count for group in run.scenario.groups)
    table = run.tables().get("accounts")
    most = people if table is None else int(table["account"].max()) + 1
    if not accounts.HOUSES <= account < most:
        raise Mistake("account", "", str(account), f"there is no trader's account {account}; they go from {accounts.HOUSES} to {most - 1}")  # fmt: skip
    if run.interrupted:
        raise Mistake(
            "account", "", "", "this run was interrupted; only whole runs can be made again to watch an account"
        )
    rows = run.exact_rows()
    events = rows["liquidations"]
    times = events["time_us"][events["account"] == account]
    cuts = rows.get("deleverages")
    if cuts is not None:
        times = np.sort(np.concatenate((times, cuts["time_us"][cuts["account"] == account])))
    watcher = Watcher(account, spans(times))
    trades = rows.get("trades")
    made = measure(run.scenario, run.seed, progress, log_trades=trades is not None and len(trades) > 0, cached=cached, eye=watcher)  # fmt: skip
    if made is None or made.interrupted:
        raise KeyboardInterrupt
    if made.tape_sha256 != run.summary["tape_sha256"]:
        raise Mistake("account", "", "", "this run was made by other sources and does not come out the same now, so nobody in it can be watched")  # fmt: skip
    return watcher


def _told(run: Run, account: int, watcher: Watcher, seen: Seen) -> Story:
    acts, cases, *_ = cascade_material(run.exact_rows(), run.scenario.rules)
    mine = cases[cases["account"] == account]
    margins = Schedule.of(watcher.tiers, run.scenario.rules[brackets.margin_rules], run.scenario.rules[book.book_rules])
    own_acts = acts[acts["account"] == account]
    survivals: list[Survival | None] = []
    episodes: list[Episode | None] = []
    for case in mine:
        # The last look before anything was taken.
        before_us = int(own_acts["time_us"][own_acts["time_us"] >= case["time_us"]].min()) - 1
        row = seen.at(before_us)
        held = episode(run, seen, account, int(case["ticker"]), before_us)
        episodes.append(held)
        survivals.append(survival(seen, margins, row, held.row if held is not None and held.seen else None))
    people = run.tables().get("accounts")
    group = "" if people is None else str(people["group"][people["account"] == account].iloc[0])
    ledger = ledger_of(seen, watcher.flows_uusd)
    story = Story(
        run, account, group, watcher.parent, seen, ledger, mine, tuple(survivals), tuple(episodes), watcher.hedge, ()
    )
    return Story(run, account, group, watcher.parent, seen, ledger, mine, story.survivals, story.episodes, story.hedge, tuple(sentences(story, own_acts)))  # fmt: skip


def tried(story: Story, number: int, progress: Progress | None = None, cached: bool = True) -> str:
    """What became of an account that had had the dollars that its liquidation says were missing: the run again, with them.

    They come a second before its case opened. Its own acts may differ from then on, and so may everybody's.
    """
    from offhours.experiments.measure import measure

    saved, case = story.survivals[number], story.cases[number]
    if saved is None or saved.more_uusd == 0:
        return ""
    from_us = int(case["time_us"]) - clock.SECOND_US
    giver = Giver(story.account, from_us, saved.more_uusd)
    made = measure(story.run.scenario, story.run.seed, progress, log_trades=False, cached=cached, eye=giver)
    if made is None or made.interrupted:
        raise KeyboardInterrupt
    events = made.tables["liquidations"]
    later = events[(events["account"] == story.account) & (events["time_us"] >= case["time_us"])]
    given = f"Run again with ${saved.more_uusd / 1e6:,.2f} more from {clock_text(from_us)} on, it"
    if len(later) == 0:
        return f"{given} was not liquidated until the run's end."
    first_us = int(later["time_us"][0])
    if first_us - int(case["end_us"]) <= NEAR_US:
        return f"{given} was liquidated all the same on {clock_text(first_us)}."
    return f"{given} came through {clock_text(int(case['time_us']))} and was liquidated on {clock_text(first_us)}."


_POSITION_FLOWS = (accounts.PERP_TRADE, accounts.TAKEOVER, accounts.DELEVERAGED)


def ledger_of(seen: Seen, flows_uusd: Array) -> tuple[tuple[str, int], ...]:
    """Equity at the first instant, what came and went by kind, and the equity at the last, which is their sum.

    Equity is here dollars plus positions at the mark less funding accrued; tokens are apart. Micro-dollars, exact.
    """
    value = seen.notional_uusd.sum(axis=1)
    equity = seen.usd_uusd + value - seen.owed_uusd
    booked = {flow: int(flows_uusd[flow]) for flow in range(accounts.FLOWS) if flow != accounts.BROKER_DEPOSIT}
    result = sum(booked.pop(flow) for flow in _POSITION_FLOWS) + int(value[-1] - value[0])
    paid = booked.pop(accounts.FUNDING_PAID) - int(seen.owed_uusd[-1] - seen.owed_uusd[0])
    lines = [
        ("equity at the first measured instant", int(equity[0])),
        ("result of its positions", result),
        ("funding", paid),
    ]
    lines += [(_FLOW_WORDS.get(flow, accounts.FLOW_NAMES[flow]), amount) for flow, amount in booked.items() if amount]
    return (*lines, ("equity at the last", int(equity[-1])))


_FLOW_WORDS = {
    accounts.SHORTFALL: "shortfall that others paid",
    accounts.SLIPPAGE_COVER: "slippage that the pool paid",
    accounts.SOCIALISED: "loss that all shared",
    accounts.COLLATERAL_SALE: "haircut of tokens sold",
    accounts.DEPOSIT: "deposits less withdrawals",
    accounts.FEE: "fees",
    accounts.TOKEN_TRADE: "tokens bought (-) and sold (+)",
}
