"""Somebody who looks at one account while a run is made again, or gives it dollars; nothing else of the market changes.

While it is watched, the account reports under the custodian's row of the table of flows, where no dollars are booked
otherwise: so every dollar that reached or left it is known by kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.frames import Array
from offhours.experiments.metrics.hedges import Hedge, hedge_of, row_of
from offhours.sim.market import accounts, book, brackets, clock, funding, margin, oracle, positions

if TYPE_CHECKING:
    from offhours.sim.simulation import Simulation


NEAR_US = clock.MINUTE_US
"""So long before a liquidation and after it the account is looked at each second; else each minute."""

WATCHED_AS = accounts.CUSTODIAN


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
        self.tiers = memory[brackets.tiers].copy()
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


def spans(times: Array) -> Array:
    """Instants as spans around them, those that touch put together."""
    found: list[list[int]] = []
    for time_us in np.sort(times):
        if found and time_us - NEAR_US <= found[-1][1]:
            found[-1][1] = int(time_us) + NEAR_US
        else:
            found.append([int(time_us) - NEAR_US, int(time_us) + NEAR_US])
    return np.array(found, dtype=np.int64).reshape(-1, 2)
