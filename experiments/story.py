"""One account's life in a run: what it did, why it was liquidated or reduced, what would have saved it, and a ledger that sums.

A run's folder holds fills and events but not each account's dollars. Runs are deterministic, so the run is made again from its
record with somebody looking at the account; that nothing changed by looking is checked against the tape. While it is watched,
the account reports under the custodian's row of the table of flows, where no dollars are booked otherwise: so every dollar that
reached or left it is known by kind, and the ledger sums to the last micro-dollar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.metrics.cascades import of_hedges
from offhours.experiments.metrics.gaps import maintenance_uusd
from offhours.experiments.metrics.hedges import Hedge, hedge_of, row_of
from offhours.experiments.words import dollars, listed
from offhours.sim.hours import format_new_york
from offhours.sim.market import accounts, book, clock, funding, margin, matching, oracle, positions, waterfall
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from offhours.experiments.run import Progress, Run
    from offhours.sim.simulation import Simulation

Array = np.ndarray[Any, Any]

NEAR_US = clock.MINUTE_US
"""So long before a liquidation and after it the account is looked at each second; else each minute."""
WATCHED_AS = accounts.CUSTODIAN


# Looking -------------------------------------------------------------------------------------------------------------


@dataclass
class Watcher:
    """Looks at one account each full minute, and each second near the instants given. Changes nothing of the market."""

    account: int
    near: Array
    """Pairs of instants between which each second counts."""
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    flows_uusd: Array = field(default_factory=lambda: np.zeros(accounts.FLOWS, dtype=np.int64))
    unit_uusd: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    tiers: Array = field(default_factory=lambda: np.zeros(0))
    parent: int = accounts.NO_PARENT
    hedge: Hedge | None = None
    """What an arbitrageur has counted of broken hedges since the first measured instant; None for everybody else."""
    _row: int | None = None
    _hedge_before: Hedge | None = None
    _flows_before: Array = field(default_factory=lambda: np.zeros(accounts.FLOWS, dtype=np.int64))

    def begin(self, simulation: Simulation) -> None:
        """The measured time begins: from now on its dollars are booked apart."""
        memory = simulation.memory
        self.parent = int(memory[accounts.accounts]["parent"][self.account])
        memory[accounts.accounts]["group"][self.account] = WATCHED_AS
        self._flows_before = self._flows(simulation)
        self._row = row_of(simulation, self.account)
        self._hedge_before = None if self._row is None else hedge_of(simulation, self._row)
        self.unit_uusd = memory[book.books]["unit_uusd"][0::2].copy()
        self.tiers = memory[margin.tiers].copy()
        self.look(simulation)

    def next_us(self, now_us: int) -> int:
        """The next full minute, or second near an instant given."""
        minute = (now_us // clock.MINUTE_US + 1) * clock.MINUTE_US
        second = (now_us // clock.SECOND_US + 1) * clock.SECOND_US
        place = int(np.searchsorted(self.near[:, 1], now_us)) if len(self.near) else 0
        if place < len(self.near):
            start = max(second, int(self.near[place, 0]))
            return min(minute, start - start % clock.SECOND_US)
        return minute

    def look(self, simulation: Simulation) -> None:
        """Write down what the account is worth and holds now."""
        memory = simulation.memory
        t = int(memory[clock.clock]["tickers"][0])
        own = slice(self.account * t, (self.account + 1) * t)
        lots = memory[positions.positions]["size_lots"][own].copy()
        paid = memory[funding.fundings]["paid_pusd"].copy()
        owed = -((-lots * (paid - memory[funding.accruals]["from_pusd"][own])) // 10**6)
        marks = memory[oracle.oracles]["mark_ticks"].copy()
        balance = memory[accounts.balances]["amount"][self.account * (2 + 2 * t) + accounts.USD]
        needed = int(margin.required(simulation.world, self.account))
        self.flows_uusd = self._flows(simulation) - self._flows_before
        if self._row is not None and self._hedge_before is not None:
            self.hedge = hedge_of(simulation, self._row).since(self._hedge_before)
        if self.rows and self.rows[-1][0] == simulation.now_us:
            self.rows.pop()
        self.rows.append((simulation.now_us, int(balance), lots, marks, paid, int(owed.sum()), needed, simulation.equity(self.account)))  # fmt: skip

    def _flows(self, simulation: Simulation) -> Array:
        flows = simulation.memory[accounts.flows]["amount"]
        return np.asarray(flows[WATCHED_AS * accounts.FLOWS : (WATCHED_AS + 1) * accounts.FLOWS].copy())


@dataclass(frozen=True)
class Seen:
    """What a watcher wrote down: a row an instant (and a column a ticker), micro-dollars, lots and ticks."""

    time_us: Array
    usd_uusd: Array
    lots: Array
    mark_ticks: Array
    paid_pusd: Array
    owed_uusd: Array
    required_uusd: Array
    equity_uusd: Array
    """As the venue reckons it, tokens as collateral included where it takes them."""
    unit_uusd: Array

    @classmethod
    def of(cls, watcher: Watcher) -> Seen:
        """The rows as columns."""
        names = ("time_us", "usd_uusd", "lots", "mark_ticks", "paid_pusd", "owed_uusd", "required_uusd", "equity_uusd")
        columns = {name: np.array([row[place] for row in watcher.rows]) for place, name in enumerate(names)}
        return cls(unit_uusd=watcher.unit_uusd, **columns)

    @property
    def notional_uusd(self) -> Array:
        """Signed value of each position at the mark."""
        return np.asarray(self.lots * self.mark_ticks * self.unit_uusd)

    @property
    def gross_uusd(self) -> Array:
        """Sum of all positions' sizes at the mark."""
        return np.asarray(np.abs(self.notional_uusd).sum(axis=1))

    def at(self, time_us: int) -> int:
        """The last row at or before an instant."""
        return max(0, int(np.searchsorted(self.time_us, time_us, side="right")) - 1)


# What became of it ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survival:
    """What would have carried an account through, along the marks as they were, had it kept what it held."""

    more_uusd: int
    """Dollars that were missing at the worst instant until the run's end."""
    worst_us: int
    leverage: float | None
    """Leverage with which the position could have been opened; None where its opening was not seen, or none would do."""


@dataclass(frozen=True)
class Episode:
    """From one instant without a position in a ticker to the next."""

    ticker: int
    from_us: int
    seen: bool
    """Whether its beginning was measured."""
    side: int
    price_usd: float
    """Mean price of the fills of its first minute; the mark at the first measured instant where it began before."""
    leverage: float | None
    """Of the account at the end of that minute."""
    row: int
    """The row of `Seen` at that instant."""


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
    from offhours.experiments.run import measure

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
    watcher = Watcher(account, _spans(times))
    trades = rows.get("trades")
    made = measure(run.scenario, run.seed, progress, log_trades=trades is not None and len(trades) > 0, cached=cached, eye=watcher)  # fmt: skip
    if made is None or made.interrupted:
        raise KeyboardInterrupt
    if made.tape_sha256 != run.summary["tape_sha256"]:
        raise Mistake("account", "", "", "this run was made by other sources and does not come out the same now, so nobody in it can be watched")  # fmt: skip
    return watcher


@dataclass
class Giver:
    """Gives one account dollars at an instant."""

    account: int
    at_us: int
    uusd: int

    def begin(self, simulation: Simulation) -> None:
        """The measured time begins."""
        self.look(simulation)

    def next_us(self, now_us: int) -> int:
        """The instant of the gift, then never again."""
        return self.at_us if now_us < self.at_us else now_us + 24 * clock.HOUR_US

    def look(self, simulation: Simulation) -> None:
        """Give, if it is time."""
        if simulation.now_us == self.at_us:
            simulation.endow(self.account, accounts.USD, self.uusd)


def tried(story: Story, number: int, progress: Progress | None = None, cached: bool = True) -> str:
    """What became of an account that had had the dollars that its liquidation says were missing: the run again, with them.

    They come a second before its case opened. Its own acts may differ from then on, and so may everybody's.
    """
    from offhours.experiments.run import measure

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


def _spans(times: Array) -> Array:
    """Instants as spans around them, those that touch put together."""
    found: list[list[int]] = []
    for time_us in np.sort(times):
        if found and time_us - NEAR_US <= found[-1][1]:
            found[-1][1] = int(time_us) + NEAR_US
        else:
            found.append([int(time_us) - NEAR_US, int(time_us) + NEAR_US])
    return np.array(found, dtype=np.int64).reshape(-1, 2)


# Ledger --------------------------------------------------------------------------------------------------------------

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


# What would have saved it --------------------------------------------------------------------------------------------


def survival(seen: Seen, tiers: Array, forms: Array, from_row: int, opened_row: int | None) -> Survival:
    """Dollars (and the leverage at an opening) with which an account would never have been below maintenance from a row on.

    It keeps the positions of that row to the end, along the marks and funding as they were: nobody else would have done
    anything else, and tokens that count as collateral stay worth what they were. With more dollars x at the opening, leverage is its size over equity + x.
    """
    lots = seen.lots[from_row].astype(float)
    moved = (seen.mark_ticks[from_row:] - seen.mark_ticks[from_row]) @ (lots * seen.unit_uusd)
    paid = (seen.paid_pusd[from_row:] - seen.paid_pusd[from_row]) @ lots / 1e6
    equity = seen.equity_uusd[from_row] + moved - paid
    needed = np.zeros(len(equity))
    for ticker in np.flatnonzero(lots):
        own = tiers[ticker * margin.TIERS : (ticker + 1) * margin.TIERS]
        size = np.abs(lots[ticker]) * seen.mark_ticks[from_row:, ticker] * float(seen.unit_uusd[ticker])
        needed += maintenance_uusd(size, own, int(forms[ticker]))
    place = int(np.argmax(needed - equity))
    more = max(0, ceil(float(needed[place] - equity[place])))
    leverage = None
    if opened_row is not None:
        # Those dollars are added to what backed the position when it was opened.
        backing = float(seen.equity_uusd[opened_row]) + more
        leverage = floor(10 * float(seen.gross_uusd[opened_row]) / backing) / 10 if backing > 0 else None
    return Survival(more, int(seen.time_us[from_row + place]), leverage)


def episode(run: Run, seen: Seen, account: int, ticker: int, before_us: int) -> Episode | None:
    """The position in a ticker that an account held at an instant: when it began, at which price and leverage."""
    last = seen.at(before_us)
    held = seen.lots[: last + 1, ticker]
    if len(held) == 0 or held[-1] == 0:
        return None
    side = 1 if held[-1] > 0 else -1
    other = np.flatnonzero(np.sign(held) != side)
    first = int(other[-1]) + 1 if len(other) else 0
    tick_usd = float(run.instruments.tick_uusd[2 * ticker]) / 1e6
    price = float(seen.mark_ticks[first, ticker]) * tick_usd
    at_us = int(seen.time_us[first])
    if len(other):
        rows = run.exact_rows().get("trades")
        own = None if rows is None else rows[(rows["book"] == 2 * ticker) & (rows["time_us"] > seen.time_us[first - 1]) & (rows["time_us"] <= seen.time_us[first])]  # fmt: skip
        if own is not None:
            own = own[(own["buyer"] if side > 0 else own["seller"]) == account]
            if len(own):
                price = float((own["price_ticks"] * own["size_lots"]).sum() / own["size_lots"].sum()) * tick_usd
                at_us = int(own["time_us"][0])
    worth = float(seen.equity_uusd[first])
    return Episode(ticker, at_us, bool(len(other)), side, price, float(seen.gross_uusd[first]) / worth if worth > 0 else None, first)  # fmt: skip


# Sentences -----------------------------------------------------------------------------------------------------------


def clock_text(us: int, seconds: bool = True) -> str:
    """ "Mon 04:00:07" in New York."""
    text = format_new_york(us - us % clock.SECOND_US)
    return f"{text[:3]} {text[15:23] if seconds else text[15:20]}"


def _told(run: Run, account: int, watcher: Watcher, seen: Seen) -> Story:
    from offhours.experiments.summary import cascade_material

    acts, cases, *_ = cascade_material(run.exact_rows(), run.scenario.rules)
    mine = cases[cases["account"] == account]
    forms = run.scenario.rules[margin.margin_rules]["form"]
    own_acts = acts[acts["account"] == account]
    survivals: list[Survival | None] = []
    episodes: list[Episode | None] = []
    for case in mine:
        # The last look before anything was taken.
        before_us = int(own_acts["time_us"][own_acts["time_us"] >= case["time_us"]].min()) - 1
        row = seen.at(before_us)
        held = episode(run, seen, account, int(case["ticker"]), before_us)
        episodes.append(held)
        survivals.append(
            survival(seen, watcher.tiers, forms, row, held.row if held is not None and held.seen else None)
        )
    people = run.tables().get("accounts")
    group = "" if people is None else str(people["group"][people["account"] == account].iloc[0])
    ledger = ledger_of(seen, watcher.flows_uusd)
    story = Story(
        run, account, group, watcher.parent, seen, ledger, mine, tuple(survivals), tuple(episodes), watcher.hedge, ()
    )
    return Story(run, account, group, watcher.parent, seen, ledger, mine, story.survivals, story.episodes, story.hedge, tuple(_sentences(story, own_acts)))  # fmt: skip


def _sentences(story: Story, acts: Array) -> list[str]:
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


# Picture -------------------------------------------------------------------------------------------------------------


def picture(story: Story) -> Figure:
    """Equity beside maintenance margin, with each forced trade; below, the size of its positions."""
    from matplotlib.figure import Figure

    from offhours.experiments.figures.axes import (
        BLACK,
        BLUE,
        ORANGE,
        VERMILLION,
        as_days,
        dollar_ticks,
        draw_title,
        legend_beside,
        plain_axes,
        time_axis,
    )

    figure = Figure(figsize=(10, 5.2), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (68, 32)})
    seen = story.seen
    x = as_days(seen.time_us)
    equity, needed = seen.equity_uusd / 1e6, seen.required_uusd / 1e6
    top.axhline(0, color=BLACK, linewidth=0.7)
    top.plot(x, equity, color=BLUE, linewidth=1.8, label="equity")
    top.plot(x, needed, color=VERMILLION, linewidth=1.4, linestyle=(0, (4, 1)), label="maintenance\nmargin")
    acts = story.run.exact_rows()["liquidations"]
    own = acts[(acts["account"] == story.account) & (acts["ticker"] >= 0)]
    if len(own):
        at = np.array([seen.at(int(us)) for us in own["time_us"]])
        top.plot(as_days(own["time_us"]), equity[at], linestyle="", marker="v", markersize=7, color=BLACK, label="forced trade")  # fmt: skip
    cuts = story.run.exact_rows().get("deleverages")
    cuts = None if cuts is None else cuts[cuts["account"] == story.account]
    if cuts is not None and len(cuts):
        at = np.array([seen.at(int(us)) for us in cuts["time_us"]])
        top.plot(as_days(cuts["time_us"]), equity[at], linestyle="", marker="D", markersize=6, color=ORANGE, markeredgecolor=BLACK, label="reduced by ADL")  # fmt: skip
    top.set_ylabel("USD")
    styles: Sequence[Any] = ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))
    drawn = np.flatnonzero(np.abs(seen.lots).max(axis=0) > 0)
    for number, ticker in enumerate(drawn):
        value = seen.notional_uusd[:, ticker] / 1e6
        below.plot(x, value, linestyle=styles[number % 4], color=(BLACK, ORANGE, BLUE)[number % 3], linewidth=1.3, label=story.run.scenario.tickers[ticker])  # fmt: skip
    below.axhline(0, color=BLACK, linewidth=0.7)
    below.set_ylabel("position at the mark,\nUSD (short below 0)")
    for ax in (top, below):
        dollar_ticks(ax.yaxis)
        plain_axes(ax)
    time_axis(below, int(seen.time_us[0]), int(seen.time_us[-1]))
    top.tick_params(labelbottom=False)
    legend_beside(top)
    if len(drawn):
        legend_beside(below)
    draw_title(top, picture_title(story))
    return figure


def picture_title(story: Story) -> str:
    """What its life came to, and what would have saved it."""
    start, end = story.ledger[0][1] / 1e6, story.ledger[-1][1] / 1e6
    name = f"Account {story.account:,} ({story.group})"
    if len(story.cases) == 0:
        return f"{name} was worth {dollars(start)} and then {dollars(end)}; it was never liquidated"
    closed = int(story.cases["value_uusd"].sum()) / 1e6
    times = "once" if len(story.cases) == 1 else f"{len(story.cases)} times"
    text = f"{name} was liquidated {times}, {dollars(closed)} in all"
    held, saved = story.episodes[0], story.survivals[0]
    if held is None or held.leverage is None or saved is None or not saved.leverage:
        return text
    return f"{text}; it had opened with {held.leverage:.1f}x, and {saved.leverage:g}x would have survived"


def write_picture(story: Story, folder: str | Path) -> Path:
    """Draw the picture into ``folder/accounts`` and return the file."""
    file = Path(folder) / "accounts" / f"account-{story.account}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    picture(story).savefig(file, dpi=150, metadata={"Software": None})
    return file
