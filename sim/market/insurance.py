"""The insurance fund: takes a position over at its bankruptcy price, closes it in the book, and keeps or bears the result.

INS-1  It has a stated starting capital. (BitMEX, insurance fund.)
INS-2  The position is closed no further from the mark than the fund can pay for: beyond the bankruptcy price by at most what
       it may spend. A better fill than the bankruptcy price is the fund's, a worse one it pays.
INS-3  It may spend what it has above a share of its highest level; by default all of it. It never overdraws.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import INSURANCE, LIQUIDATION_FEE, SHORTFALL, TAKEOVER_EDGE, USD, amount, transfer
from offhours.sim.market.money import PPB, share_up
from offhours.sim.market.waterfall import FUND, note_exhausted, note_paid


class InsuranceRules:
    """One row: the venue's fund."""

    capital_uusd: A[int, Knob("$1,000,000", "uusd", "$0", "$1B", "money it starts with", basis="chosen: as the pool and the backstop, so that venues differ by rule; not half, because 2.5 % of a $40M open interest is what a mature crypto fund holds; not twice, because then a week-end gap would never reach it")]  # fmt: skip
    drawdown_ppb: A[int, Knob("100 %", "ppb", "0 %", "100 %", "share of its highest level that it may lose before it pays no more", basis="rule: BitMEX, insurance fund, as of 2026: until it is depleted; OKX deleverages after a fall of 30 % from its peak")]  # fmt: skip


class InsuranceFund:
    """One row: what it received and paid, and how far it fell."""

    income_uusd: A[int, Column("i8", "uusd", "fees and closes better than bankruptcy")]
    peak_uusd: A[int, Column("i8", "uusd", "highest level so far")]
    drawdown_uusd: A[int, Column("i8", "uusd", "largest fall from a peak so far")]


insurance_rules = table(InsuranceRules)
insurance_funds = table(InsuranceFund)


@kernel
def money(world: World) -> int:
    """What it may spend now, micro-dollars (INS-3)."""
    floor = share_up(insurance_funds(world)[0].peak_uusd, PPB - insurance_rules(world)[0].drawdown_ppb)
    return max(0, amount(world, INSURANCE, USD) - floor)


@kernel
def note_level(world: World) -> None:
    """Remember the fund's peak and its deepest fall from one."""
    fund = insurance_funds(world)[0]
    level = amount(world, INSURANCE, USD)
    fund.peak_uusd = max(fund.peak_uusd, level)
    fund.drawdown_uusd = max(fund.drawdown_uusd, fund.peak_uusd - level)


@kernel
def earn(world: World, account: int, fee: int) -> None:
    """Receive a liquidation fee."""
    transfer(world, USD, account, INSURANCE, fee, LIQUIDATION_FEE)
    insurance_funds(world)[0].income_uusd += fee
    note_level(world)


@kernel
def keep(world: World, account: int, surplus: int) -> None:
    """Receive what a close brought beyond the bankruptcy price (INS-2)."""
    transfer(world, USD, account, INSURANCE, surplus, TAKEOVER_EDGE)
    insurance_funds(world)[0].income_uusd += surplus
    note_level(world)


@kernel
def pay(world: World, account: int, missing: int) -> int:
    """Put into an account what it is missing, as far as it may; returns what was paid (INS-3)."""
    paid = min(missing, money(world))
    if paid < missing:
        note_exhausted(world, FUND)
    if paid > 0:
        transfer(world, USD, INSURANCE, account, paid, SHORTFALL)
        note_paid(world, FUND, paid)
        note_level(world)
    return paid
