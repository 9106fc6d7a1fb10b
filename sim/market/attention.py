"""Attention: which accounts changed and must be looked at, what they hold, and what is known of them within a second.

ATT-1   An account that changed is looked at once, at the next second.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, lowest_bit, rare
from offhours.sim.declare import A, Column, World, prefetch, table
from offhours.sim.market.accounts import USD, accounts, balance_row, balances
from offhours.sim.market.clock import SECOND_US, clock
from offhours.sim.market.funding import accruals
from offhours.sim.market.orders import open_orders
from offhours.sim.market.positions import positions
from offhours.sim.market.triggers import disarm, loss_node, tier_node, trigger_nodes

AHEAD = 8
"""Accounts in a row that are asked for before they are needed: memory answers as many requests at once."""


class Watch:
    """One row an account: what it holds, and whether it waits to be looked at."""

    held: A[int, Column("i8", "bits", "bit k where it may have a position or open orders in ticker k")]
    dirty: A[int, Column("i8", "flag", "1 where it waits in the list of changed accounts")]
    frozen: A[int, Column("i8", "flag", "1 while it is being liquidated and may not send orders")]


class Reckoned:
    """One row an account: what an order of this second found out about it, so that the next need not."""

    second: A[int, Column("i8", "s", "second in which it was reckoned; 0 where it changed since")]
    spare_uusd: A[int, Column("i8", "uusd", "equity beyond initial margin, at least")]
    cash_uusd: A[int, Column("i8", "uusd", "dollars that may be spent, margin apart, at least")]


class Changed:
    """Accounts that changed since the last second; row 0 holds their number."""

    account: A[int, Column("i8", "account", "changed account; in row 0 the count")]


watches = table(Watch)
reckoned = table(Reckoned)
changed = table(Changed)


@kernel
def known_spare(world: World, account: int) -> int:
    """Equity beyond initial margin that an account has at least, as far as it was reckoned in this second; else -1.

    Marks and funding move on whole seconds only, so within one of them nothing but its own doings changes an account:
    a trade or a transfer makes it unknown again, an order that rests takes from it, one that is withdrawn may only add.
    """
    r = reckoned(world)[account]
    return r.spare_uusd if r.second == clock(world)[0].now_us // SECOND_US else -1


@kernel
def known_cash(world: World, account: int) -> int:
    """Dollars that may leave an account at least, as far as they were reckoned in this second; else -1."""
    r = reckoned(world)[account]
    return min(r.spare_uusd, r.cash_uusd) if r.second == clock(world)[0].now_us // SECOND_US else -1


@kernel
def know(world: World, account: int, spare_uusd: int, cash_uusd: int, holds: int) -> None:
    """Note what an account has spare, for the rest of the second where it `holds` so long."""
    r = reckoned(world)[account]
    r.spare_uusd = spare_uusd
    r.cash_uusd = cash_uusd
    r.second = clock(world)[0].now_us // SECOND_US if holds else 0


@kernel
def promise(world: World, account: int, margin_uusd: int, cash_uusd: int) -> None:
    """An order came to rest: it takes at most so much from what is known to be spare, and so many dollars."""
    r = reckoned(world)[account]
    r.spare_uusd -= margin_uusd
    r.cash_uusd -= cash_uusd


@kernel
def prefetch_account(world: World, account: int) -> None:
    """Ask for what equity and requirements of an account are reckoned from, some time before they are."""
    prefetch(watches(world), account)
    prefetch(reckoned(world), account)
    prefetch(accounts(world), account)
    prefetch(balances(world), balance_row(world, account, USD))
    t = clock(world)[0].tickers
    for row in range(account * t, account * t + t):
        prefetch(positions(world), row)
        prefetch(accruals(world), row)


@kernel
def prefetch_change(world: World, account: int) -> None:
    """Ask for what a look at an account that changed needs."""
    prefetch_account(world, account)
    t = clock(world)[0].tickers
    for row in range(account * t, account * t + t):
        prefetch(trigger_nodes(world), loss_node(row))


@kernel
def prefetch_changes(world: World) -> None:
    """Ask for the first of those that `take_change` will return."""
    count = changed(world)[0].account
    for place in range(max(count - AHEAD, 0), count):
        prefetch_change(world, changed(world)[place + 1].account)


@kernel
def note_holding(world: World, account: int, ticker: int) -> None:
    """Remember that an account may have a position or open orders in a ticker."""
    watches(world)[account].held |= 1 << ticker


@kernel
def frozen(world: World, account: int) -> int:
    """1 while an account is being liquidated."""
    return watches(world)[account].frozen


@kernel
def freeze(world: World, account: int, on: int) -> None:
    """Forbid (1) or allow (0) an account's own orders."""
    watches(world)[account].frozen = on


@kernel
def note_change(world: World, account: int) -> None:
    """Put an account on the list of those to be looked at (THR-1)."""
    reckoned(world)[account].second = 0
    w = watches(world)[account]
    if w.dirty == 0:
        w.dirty = 1
        changed(world)[0].account += 1
        changed(world)[changed(world)[0].account].account = account


@kernel
@rare
def note_everybody(world: World) -> None:
    """At a full hour funding was settled: everybody with a position is looked at again."""
    for account in range(clock(world)[0].accounts):
        if watches(world)[account].held != 0:
            note_change(world, account)


@kernel
def take_change(world: World) -> int:
    """Remove and return a changed account, or -1; what it no longer holds is forgotten."""
    count = changed(world)[0].account
    if count == 0:
        return -1
    changed(world)[0].account = count - 1
    account = changed(world)[count].account
    prefetch_change(world, changed(world)[max(count - AHEAD, 1)].account)
    w = watches(world)[account]
    w.dirty = 0
    rest = w.held
    while rest != 0:
        ticker = lowest_bit(rest)
        rest &= rest - 1
        row = account * clock(world)[0].tickers + ticker
        mine = open_orders(world)[2 * row]
        if positions(world)[row].size_lots == 0:
            disarm(world, loss_node(row))
            disarm(world, tier_node(row))
            if mine.buy_lots == 0 and mine.sell_lots == 0:
                w.held ^= 1 << ticker
    return account
