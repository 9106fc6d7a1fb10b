"""A story in words: one sentence for each thing that befell an account, then its ledger."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.frames import Array
from offhours.experiments.metrics.cascades import of_hedges
from offhours.experiments.metrics.hedges import Hedge
from offhours.experiments.survival import Episode, Survival
from offhours.experiments.words import dollars, listed
from offhours.sim.hours import format_new_york
from offhours.sim.market import accounts, clock, matching, waterfall

if TYPE_CHECKING:
    from offhours.experiments.run import Run
    from offhours.experiments.story import Story


def sentences(story: Story, acts: Array) -> list[str]:
    """What befell the account, in order; `acts` are the forced trades of it."""
    run, seen = story.run, story.seen
    population = next((g.population for g in run.scenario.groups if g.name == story.group), "trader")
    bucket = "" if story.parent < 0 else f", an isolated bucket of account {story.parent:,}"
    start, end = story.ledger[0][1] / 1e6, story.ledger[-1][1] / 1e6
    found = [f"Account {story.account:,} is one of {story.group or 'its group'} ({population}){bucket}; on {clock_text(int(seen.time_us[0]), False)} it was worth {dollars(start)}."]  # fmt: skip
    for case, saved, held in zip(story.cases, story.survivals, story.episodes):
        found.append(_liquidated(run, case, acts, saved, held))
    cuts = run.exact_rows().get("deleverages")
    if cuts is not None:
        found += _all_reduced(run, cuts[cuts["account"] == story.account])
    if story.hedge is not None and story.hedge.broken:
        found.append(_repaired(story, story.hedge))
    missing = run.exact_rows()["liquidations"]
    left = int(missing["shortfall_uusd"][missing["account"] == story.account].sum())
    if left:
        found.append(f"It left {dollars(left / 1e6)} behind that it did not have, and others paid.")
    if len(story.cases) == 0:
        found.append("It was never liquidated.")
    rest = [f"{abs(lots) * run.instruments.lot_ushares[2 * n] / 1e6:,.2f} {run.scenario.tickers[n]} {'long' if lots > 0 else 'short'}" for n, lots in enumerate(seen.lots[-1].tolist()) if lots]  # fmt: skip
    found.append(f"At the end it was worth {dollars(end)} and held {listed(rest) if rest else 'no position'}.")
    return found


def clock_text(us: int, seconds: bool = True) -> str:
    """ "Mon 04:00:07" in New York."""
    text = format_new_york(us - us % clock.SECOND_US)
    return f"{text[:3]} {text[15:23] if seconds else text[15:20]}"


def _liquidated(run: Run, case: Array, acts: Array, saved: Survival | None, held: Episode | None) -> str:
    ticker = run.scenario.tickers[int(case["ticker"])]
    inside = acts[(acts["time_us"] >= case["time_us"]) & (acts["time_us"] <= case["end_us"])]
    side = "long" if case["side"] > 0 else "short"
    if held is None:
        opened = f"{side.capitalize()} {ticker}"
    else:
        size = "" if held.leverage is None else f"{held.leverage:.1f}x ".replace(".0x", "x")
        since = clock_text(held.from_us, False) if held.seen else f"since before {clock_text(held.from_us, False)}"
        word = f"at ${held.price_usd:,.2f}" if held.seen else f"(mark ${held.price_usd:,.2f})"
        opened = f"{size}{side} {ticker} {since} {word}"
    steps = len(inside)
    stages = [waterfall.STAGES[int(code)] for code in dict.fromkeys(inside["stage"].tolist())]
    lots = np.abs(inside["lots"]).sum()
    unit = (
        run.instruments.tick_uusd[2 * int(case["ticker"])]
        * run.instruments.lot_ushares[2 * int(case["ticker"])]
        // 10**6
    )
    of_ticker = inside[inside["ticker"] == case["ticker"]]
    price = float(np.abs(of_ticker["value_uusd"]).sum() / max(1, int(np.abs(of_ticker["lots"]).sum()) * unit))
    price *= run.instruments.tick_uusd[2 * int(case["ticker"])] / 1e6
    text = f"{opened}; liquidated {clock_text(int(case['time_us']))} in {steps} step{'s' if steps != 1 else ''} ({listed(stages)}), {dollars(int(case['value_uusd']) / 1e6)} at ${price:,.2f} on average"  # fmt: skip
    if saved is None or lots == 0:
        return f"{text}."
    if saved.more_uusd == 0:
        return f"{text}; without it the account would have been well again."
    more = f"${ceil(saved.more_uusd / 1e6):,}"
    how = f"{more} more" if saved.leverage is None or saved.leverage <= 0 else f"{saved.leverage:g}x, or {more} more,"
    return f"{text}; {how} would have survived (along the marks as they were, worst on {clock_text(saved.worst_us)})."


def _all_reduced(run: Run, cuts: Array) -> list[str]:
    """A sentence for all cuts of an instant in a ticker: one may have been closed for a hundred others at once."""
    found = []
    for time_us, ticker in dict.fromkeys(zip(cuts["time_us"].tolist(), cuts["ticker"].tolist())):
        own = cuts[(cuts["time_us"] == time_us) & (cuts["ticker"] == ticker)]
        found.append(_reduced(run, own[0]) if len(own) == 1 else _reduced_for_many(run, own))
    return found


def _reduced_for_many(run: Run, cuts: Array) -> str:
    """Several cuts of one position at one instant."""
    first, ticker = cuts[0], run.scenario.tickers[int(cuts["ticker"][0])]
    steps, number = run.instruments, 2 * int(first["ticker"])
    shares = abs(int(cuts["lots"].sum())) * steps.lot_ushares[number] / 1e6
    price, mark = abs(int(cuts["value_uusd"].sum())) / 1e6 / shares, int(first["mark_ticks"]) * steps.tick_uusd[number] / 1e6  # fmt: skip
    side = "long" if first["lots"] > 0 else "short"
    cost = (1 if first["lots"] > 0 else -1) * shares * (mark - price)
    gave = f"which cost it {dollars(cost)}" if cost >= 0.005 else f"which brought it {dollars(-cost)}" if cost <= -0.005 else "at the mark"  # fmt: skip
    hedge = " That broke a hedge: it held tokens the other way." if of_hedges(cuts).any() else ""
    return f"On {clock_text(int(first['time_us']))} {shares:,.2f} {ticker} of its {side} was closed for {len(np.unique(cuts['for_account'])):,} accounts in liquidation: rank {int(first['rank'])} of {int(first['candidates'])}, at ${price:,.2f} on average beside a mark of ${mark:,.2f}, {gave}.{hedge}"  # fmt: skip


def _reduced(run: Run, cut: Array) -> str:
    ticker = run.scenario.tickers[int(cut["ticker"])]
    shares = abs(int(cut["lots"])) * run.instruments.lot_ushares[2 * int(cut["ticker"])] / 1e6
    tick_usd = run.instruments.tick_uusd[2 * int(cut["ticker"])] / 1e6
    price, mark = abs(int(cut["value_uusd"])) / 1e6 / shares, int(cut["mark_ticks"]) * tick_usd
    side = "long" if cut["lots"] > 0 else "short"
    people = run.tables().get("accounts")
    whom = "accounts in liquidation"
    if cut["for_account"] >= 0:
        group = "" if people is None else str(people["group"][people["account"] == int(cut["for_account"])].iloc[0])
        house = cut["for_account"] < accounts.HOUSES
        whom = f"the {group}" if house else f"account {int(cut['for_account']):,} ({group})"
    cost = (1 if cut["lots"] > 0 else -1) * shares * (mark - price)
    gave = f"which cost it {dollars(cost)}" if cost >= 0.005 else f"which brought it {dollars(-cost)}" if cost <= -0.005 else "at the mark"  # fmt: skip
    hedge = (
        " That broke a hedge: it held tokens the other way." if int(cut["lots"]) * int(cut["token_ushares"]) < 0 else ""
    )
    return f"On {clock_text(int(cut['time_us']))} {shares:,.2f} {ticker} of its {side} was closed for {whom}: rank {int(cut['rank'])} of {int(cut['candidates'])}, at ${price:,.2f} beside a mark of ${mark:,.2f}, {gave}.{hedge}"  # fmt: skip


def _repaired(story: Story, hedge: Hedge) -> str:
    """What it learned of its broken legs, what it sent to even them out, and what that cost."""
    legs = f"{hedge.broken:.0f} leg{'s' if hedge.broken != 1 else ''} taken, {dollars(hedge.broken_usd)} at the index"
    rows = story.run.exact_rows().get("trades")
    sent = f"{hedge.repair_orders:,.0f} order{'s' if hedge.repair_orders != 1 else ''} to even out"
    if rows is not None and len(rows):
        own = rows[rows["repair"] == matching.TAKEN_LEG]
        own = own[np.where(own["aggressor"] > 0, own["buyer"], own["seller"]) == story.account]
        steps = story.run.instruments
        unit = np.array(steps.tick_uusd) * np.array(steps.lot_ushares) // 10**6
        filled = float((own["price_ticks"] * own["size_lots"] * unit[own["book"]]).sum()) / 1e6
        sent += f", of which {dollars(filled)} traded for legs that were taken"
    text = f"It learned of {legs}; it sent {sent}"
    if not hedge.repaired:
        return f"{text}; it was not even again before the end."
    worth = f"{dollars(abs(hedge.broken_loss_usd))} {'poorer' if hedge.broken_loss_usd >= 0 else 'richer'}"
    times = "once" if hedge.repaired == 1 else f"{hedge.repaired:.0f} times"
    return f"{text}; it was even again {times}, after {hedge.broken_for_us / 1e6:,.0f} s in all, and {worth} for it."


def lines(story: Story) -> list[str]:
    """The story for reading: sentences, then the ledger."""
    text = [*story.sentences, ""]
    width = max(len(label) for label, _ in story.ledger)
    for number, (label, amount) in enumerate(story.ledger):
        if number == len(story.ledger) - 1:
            text.append(f"  {'':<{width}}  {'-' * 18}")
        text.append(f"  {label:<{width}}  {amount / 1e6:>18,.6f}")
    return text
