"""The liquidity pool: money of the venue that pays slippage, so that a position can be closed beyond its zero-equity price.

POOL-1  It has a stated starting capital; its income are liquidation fees.
POOL-2  A covered close may go as far beyond the zero-equity price as the pool can pay for, and no further than a limit from
        the best price.
POOL-3  It pays what a covered close costs beyond the account's own share of equity, while it has money. It never overdraws.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import LIQUIDATION_FEE, POOL, SLIPPAGE_COVER, USD, amount, transfer
from offhours.sim.market.waterfall import COVERED, note_exhausted, note_paid


class PoolRules:
    """One row: the venue's pool."""

    capital_uusd: A[int, Knob("$1,000,000", "uusd", "$0", "$1B", "money it starts with", basis="chosen: Kraken funds it from revenue and liquidation fees and states no sum; not half, because 2.5 % of a $40M open interest is what a mature crypto fund holds; not twice, because then a week-end gap would never reach it")]  # fmt: skip
    cover_ppb: A[int, Knob("5 %", "ppb", "0 %", "50 %", "furthest price of a covered close from the best price", basis="rule: Kraken equity protection process, steps live 2026-03-26: within 5 % of best bid or ask")]  # fmt: skip


class LiquidityPool:
    """One row: what it received and paid."""

    income_uusd: A[int, Column("i8", "uusd", "liquidation fees received")]
    covers: A[int, Column("i8", "count", "closes it paid for")]


pool_rules = table(PoolRules)
liquidity_pools = table(LiquidityPool)


@kernel
def money(world: World) -> int:
    """What it could pay now, micro-dollars."""
    return max(0, amount(world, POOL, USD))


@kernel
def earn(world: World, account: int, fee: int) -> None:
    """Receive a liquidation fee (POOL-1)."""
    transfer(world, USD, account, POOL, fee, LIQUIDATION_FEE)
    liquidity_pools(world)[0].income_uusd += fee


@kernel
def pay(world: World, account: int, missing: int) -> int:
    """Put into an account what it is missing, as far as there is money; returns what was paid (POOL-3)."""
    paid = min(missing, money(world))
    if paid < missing:
        note_exhausted(world, COVERED)
    if paid > 0:
        transfer(world, USD, POOL, account, paid, SLIPPAGE_COVER)
        liquidity_pools(world)[0].covers += 1
        note_paid(world, COVERED, paid)
    return paid
