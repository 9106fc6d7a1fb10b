"""The backstop: an account with stated capital that takes what the book did not, and trades out of it.

BACK-1  It takes over a whole position at the mark. An account with equity left pays it an edge, never beyond that equity.
BACK-2  Negative equity at the mark when the last position leaves is a shortfall; the backstop pays it while it has money.
BACK-3  It never overdraws. Where the venue has a stage behind it, it takes nothing over that it could not pay for.
BACK-4  Its later trading result is kept apart from what it paid.
BACK-5  It unwinds a share of its position each minute, never further from the mark than a limit.
BACK-6  Where auto-deleveraging stands behind it, a backstop below zero at the mark is deleveraged like anybody: all its
        positions are closed against the other side at once, and what it then is missing is shortfall. (Hyperliquid,
        auto-deleveraging: an account whose value is negative.)
BACK-7  By a knob, where a stage stands behind it, it takes over solvent accounts only: all positions of one at once. Who is below
        zero goes on to the next stage in the same second, and it pays nothing for him (Hyperliquid).
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import BACKSTOP, LIQUIDATION_FEE, SHORTFALL, TAKEOVER_EDGE, USD, transfer
from offhours.sim.market.attention import note_change
from offhours.sim.market.margin import equity
from offhours.sim.market.matching import ENGINE, IOC, place
from offhours.sim.market.money import share_down, share_up
from offhours.sim.market.oracle import oracles
from offhours.sim.market.orders import BUY, SELL
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.takeover import take_at_mark
from offhours.sim.market.waterfall import DELEVERAGED, VAULT, WELL, has, note_exhausted, note_paid, stage_after

ANY_POSITION, SOLVENT_ACCOUNTS = 0, 1


class BackstopRules:
    """One row: the venue's backstop."""

    capital_uusd: A[int, Knob("$1,000,000", "uusd", "$0", "$1B", "money it starts with", basis="chosen: Kraken states no fund and says that provider capacity is one; not half, because 2.5 % of a $40M open interest is what a mature crypto fund holds; not twice, because then a week-end gap would never reach it")]  # fmt: skip
    edge_ppb: A[int, Knob("1 %", "ppb", "0 %", "10 %", "what it keeps of the notional it takes over, if there is equity", basis="rule: Kraken position assignment pool, 2026: minimum 0.5 %, maximum 2.5 %, example 1 %")]  # fmt: skip
    unwind_ppb: A[int, Knob("5 %", "ppb", "0 %", "100 %", "share of its position it trades out of each minute", basis="chosen: half an hour to be mostly out; not half, because inventory would be held through the first hour; not twice, because it would be the largest seller in a cascade it should end")]  # fmt: skip
    takes: A[int, Knob("any position", "choice", "", "", "whom it takes over: one position after the other whatever its owner is worth, or accounts that are not below zero, whole", basis="rule: Kraken assigns position by position, as of 2026; Hyperliquid, liquidations and auto-deleveraging: all cross positions and the cross margin; below zero the other side is closed", choices=("any position", "solvent accounts"))]  # fmt: skip
    limit_ppb: A[int, Knob("1 %", "ppb", "0.01 %", "20 %", "furthest price from the mark at which it unwinds", basis="chosen: equal to the engine's step limit; not half, because off-hours spreads reach 0.5 %; not twice, because it would move the mark to its cap")]  # fmt: skip


class Backstop:
    """One row: what it took over."""

    edge_uusd: A[int, Column("i8", "uusd", "edges received")]
    takeovers: A[int, Column("i8", "count", "positions taken over")]


backstop_rules = table(BackstopRules)
backstops = table(Backstop)


@kernel
@rare
def take_over(world: World, account: int, ticker: int) -> int:
    """Take an account's whole position in a ticker at the mark; returns the lots taken, signed (BACK-1)."""
    lots = position_size(world, account, ticker)
    value = take_at_mark(world, BACKSTOP, account, ticker, lots)
    edge = max(0, min(share_down(abs(value), backstop_rules(world)[0].edge_ppb), equity(world, account)))
    transfer(world, USD, account, BACKSTOP, edge, TAKEOVER_EDGE)
    b = backstops(world)[0]
    b.edge_uusd += edge
    b.takeovers += 1
    return lots


@kernel
def money(world: World) -> int:
    """What it could pay now, micro-dollars."""
    return max(0, equity(world, BACKSTOP))


@kernel
def willing(world: World, share_uusd: int) -> int:
    """1 where it takes a position over whose share of equity is this (BACK-3)."""
    return 1 if share_uusd >= 0 or -share_uusd <= money(world) or stage_after(world, VAULT) == WELL else 0


@kernel
def only_solvent(world: World) -> int:
    """1 where it takes over whole accounts, and none that is below zero (BACK-7)."""
    return 1 if backstop_rules(world)[0].takes == SOLVENT_ACCOUNTS and stage_after(world, VAULT) != WELL else 0


@kernel
def earn(world: World, account: int, fee: int) -> None:
    """Receive a liquidation fee."""
    transfer(world, USD, account, BACKSTOP, fee, LIQUIDATION_FEE)
    note_change(world, BACKSTOP)


@kernel
def pay(world: World, account: int, missing: int) -> int:
    """Put into an account what it is missing, as far as there is money; returns what was paid (BACK-2, BACK-3, BACK-7)."""
    if only_solvent(world) == 1:
        return 0
    paid = min(missing, money(world))
    if paid < missing:
        note_exhausted(world, VAULT)
    if paid > 0:
        transfer(world, USD, BACKSTOP, account, paid, SHORTFALL)
        note_paid(world, VAULT, paid)
    return paid


@kernel
def is_ruined(world: World) -> int:
    """1 where it is below zero at the mark and others are deleveraged for it (BACK-6)."""
    return 1 if equity(world, BACKSTOP) < 0 and has(world, VAULT) == 1 and has(world, DELEVERAGED) == 1 else 0


@kernel
@rare
def unwind(world: World, ticker: int) -> None:
    """Trade a share of the backstop's position into the book (BACK-5)."""
    lots = position_size(world, BACKSTOP, ticker)
    rules = backstop_rules(world)[0]
    if lots == 0 or rules.unwind_ppb == 0:
        return
    mark_ticks = oracles(world)[ticker].mark_ticks
    away = share_down(mark_ticks, rules.limit_ppb)
    slice_lots = max(1, share_up(abs(lots), rules.unwind_ppb))
    if lots > 0:
        place(world, BACKSTOP, 2 * ticker, SELL, max(1, mark_ticks - away), slice_lots, IOC, ENGINE)
    else:
        place(world, BACKSTOP, 2 * ticker, BUY, mark_ticks + away, slice_lots, IOC, ENGINE)
