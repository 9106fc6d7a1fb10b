"""Who gained and who lost: each group's and house account's result, at one price, to the last micro-dollar.

A result is what an account is worth at the end less what it was worth at the first measured instant, less what reached it
from outside in between, and less what the tokens and shares it was endowed with have gained by themselves: nobody here won
or lost those dollars by trading. Perp positions, tokens and shares of a ticker all count at the mark, so that the results of
all accounts, the outside world included, sum to zero exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from offhours.sim.declare import Memory
from offhours.sim.market import accounts, book, clock, collateral, funding, oracle, positions, transit

Array = np.ndarray[Any, Any]

OUTSIDE_FLOWS = (accounts.ENDOWMENT, accounts.DEPOSIT, accounts.BROKER_DEPOSIT)
"""Flows that are no result: money that comes from outside or goes there."""

TAKEOVER_FLOWS = (accounts.SHORTFALL, accounts.TAKEOVER_EDGE, accounts.LIQUIDATION_FEE)
"""Flows of the backstop that are its income and its payments, not the trading result of what it took over."""


@dataclass(frozen=True)
class Ledger:
    """What everybody owned at one instant: a row an account, a column a ticker."""

    time_us: int
    group: Array
    usd_uusd: Array
    broker_uusd: Array
    tokens_ushares: Array
    shares_ushares: Array
    lots: Array
    owed_uusd: Array
    """Funding that has accrued and is not yet settled; the clearing account's row holds the other side."""
    mark_ticks: Array
    unit_uusd: Array
    tick_uusd: Array
    flows: Array
    """A row a group, a column a flow."""

    def notional_uusd(self) -> Array:
        """Signed value of each position at the mark."""
        return self.lots * self.mark_ticks * self.unit_uusd

    def equity_uusd(self) -> Array:
        """Equity of each account at the venue."""
        return np.asarray(self.usd_uusd + self.notional_uusd().sum(axis=1) - self.owed_uusd.sum(axis=1))


def ledger(memory: Memory) -> Ledger:
    """A copy of what everybody owns now."""
    c = memory[clock.clock][0]
    a, t = int(c["accounts"]), int(c["tickers"])
    balance = memory[accounts.balances]["amount"].reshape(a, 2 + 2 * t).copy()
    if memory[collateral.pledges]["active"][0]:
        # What is borrowed is the lender's still: dollars, then tokens.
        loans = memory[collateral.loans]["owed"].reshape(a, 1 + t)
        for asset, loan in zip((accounts.USD, *range(2, 2 + 2 * t, 2)), loans.T):
            balance[:, asset] -= loan
            balance[accounts.LENDER, asset] += loan.sum()
    for row in transit.on_the_way(memory, transit.TOKENS):
        # What was handed in to be minted or redeemed is still his who handed it in.
        other = accounts.OUTSIDE if row["asset"] % 2 == 0 else accounts.CUSTODIAN
        handed_in = int(row["asset"]) ^ 1
        balance[row["account"], handed_in] += row["amount"]
        balance[other, handed_in] -= row["amount"]
    lots = memory[positions.positions]["size_lots"].reshape(a, t).copy()
    since = memory[funding.fundings]["paid_pusd"] - memory[funding.accruals]["from_pusd"].reshape(a, t)
    owed = -((-lots * since) // 10**6)
    owed[accounts.FUNDING] -= owed.sum(axis=0)
    return Ledger(
        time_us=int(c["now_us"]),
        group=memory[accounts.accounts]["group"].copy(),
        usd_uusd=balance[:, accounts.USD].copy(),
        broker_uusd=balance[:, accounts.BROKER_USD].copy(),
        tokens_ushares=balance[:, 2::2].copy(),
        shares_ushares=balance[:, 3::2].copy(),
        lots=lots,
        owed_uusd=owed,
        mark_ticks=memory[oracle.oracles]["mark_ticks"].copy(),
        unit_uusd=memory[book.books]["unit_uusd"][0::2].copy(),
        tick_uusd=memory[book.book_rules]["tick_uusd"][0::2].copy(),
        flows=memory[accounts.flows]["amount"].reshape(int(c["groups"]), accounts.FLOWS).copy(),
    )


def _by_group(values: Array, group: Array, groups: int) -> list[int]:
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, group, values)
    return [int(value) for value in total]


def worth(of: Ledger) -> list[int]:
    """What each group is worth at the mark, in millionths of a micro-dollar (exact)."""
    groups = len(of.flows)
    cash = _by_group(of.equity_uusd() + of.broker_uusd, of.group, groups)
    found = [10**6 * value for value in cash]
    for ticker in range(len(of.mark_ticks)):
        price_uusd = int(of.mark_ticks[ticker]) * int(of.tick_uusd[ticker])
        held = _by_group(of.tokens_ushares[:, ticker] + of.shares_ushares[:, ticker], of.group, groups)
        found = [value + price_uusd * ushares for value, ushares in zip(found, held)]
    return found


def endowed(memory: Memory) -> Array:
    """Tokens and shares of each group when the market is built, micro-shares by group and ticker."""
    now = ledger(memory)
    groups = len(now.flows)
    columns = (now.tokens_ushares + now.shares_ushares).T
    return np.array([_by_group(column, now.group, groups) for column in columns], dtype=np.int64).T


def revaluation(before: Ledger, after: Ledger, base_ushares: Array) -> list[int]:
    """What each group's endowment has gained by the mark's move, in millionths of a micro-dollar; sums to zero."""
    moves = [int(m) for m in (after.mark_ticks - before.mark_ticks) * after.tick_uusd]
    return [sum(int(held) * move for held, move in zip(own, moves)) for own in base_ushares]


def results(before: Ledger, after: Ledger, base_ushares: Array) -> list[int]:
    """Result of each group between two instants, micro-dollars. They sum to zero.

    Fractions of a micro-dollar (tokens have finer steps than money) are cut, and the outside world holds the crumbs.
    """
    came = (after.flows - before.flows)[:, list(OUTSIDE_FLOWS)].sum(axis=1)
    by_itself = revaluation(before, after, base_ushares)
    found = [
        (late - early - grown) // 10**6 - int(paid_in)
        for early, late, grown, paid_in in zip(worth(before), worth(after), by_itself, came)
    ]
    found[accounts.OUTSIDE] -= sum(found)
    return found


def takeover_result(before: Ledger, after: Ledger, base_ushares: Array) -> int:
    """What the backstop's inventory earned or lost after each takeover at the mark, micro-dollars."""
    came = (after.flows - before.flows)[accounts.BACKSTOP, list(TAKEOVER_FLOWS)].sum()
    return results(before, after, base_ushares)[accounts.BACKSTOP] - int(came)


HOUSES = {
    "outside world": (accounts.OUTSIDE,),
    "venue fees": (accounts.VENUE,),
    "funding clearing": (accounts.FUNDING,),
    "backstop": (accounts.BACKSTOP,),
    "issuer": (accounts.ISSUER, accounts.CUSTODIAN),
    "broker": (accounts.BROKER,),
    "nobody": (accounts.NOBODY,),
    "liquidity pool": (accounts.POOL,),
    "insurance fund": (accounts.INSURANCE,),
    "lender": (accounts.LENDER,),
}
"""House accounts by the name they are reported under. The issuer owes tokens and holds the shares: one result."""


def by_name(found: list[int], groups: list[str]) -> dict[str, int]:
    """Results under the names of groups and house accounts."""
    named = {name: found[accounts.HOUSES + number] for number, name in enumerate(groups)}
    for house, rows in HOUSES.items():
        named[house if house not in named else f"{house} (house)"] = sum(found[row] for row in rows)
    return named
