"""The insurance fund: takes a position over at its bankruptcy price, closes it in the book, and keeps or bears the result.

INS-1  It has a stated starting capital. (BitMEX, insurance fund.)
INS-2  The position is closed no further from the mark than the fund can pay for: beyond the bankruptcy price by at most what
       it may spend. A better fill than the bankruptcy price is the fund's, a worse one it pays.
INS-3  It may spend what it has above a share of its highest level; by default all of it. It never overdraws.
INS-4  By knobs that level is the highest of the last hours only (OKX), and what may be lost of it is one ticker's own loss in
       them, the others' apart (Bybit).
INS-5  By a knob a fund that has spent what it may pays no more until the loss is a smaller share of its level again (Bybit:
       begins at 30 %, ends at 25 %).
"""

from __future__ import annotations

from typing import Any

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import INSURANCE, LIQUIDATION_FEE, SHORTFALL, TAKEOVER_EDGE, USD, amount, transfer
from offhours.sim.market.clock import clock
from offhours.sim.market.money import share_down, share_up
from offhours.sim.market.waterfall import FUND, note_exhausted, note_paid

BUCKETS = 96
"""Parts of the window in which levels and losses are remembered: five minutes each of eight hours."""
WHOLE_FUND, EACH_TICKER = 0, 1


class InsuranceRules:
    """One row: the venue's fund."""

    capital_uusd: A[int, Knob("$1,000,000", "uusd", "$0", "$1B", "money it starts with", basis="chosen: as the pool and the backstop, so that venues differ by rule; not half, because 2.5 % of a $40M open interest is what a mature crypto fund holds; not twice, because then a week-end gap would never reach it")]  # fmt: skip
    drawdown_ppb: A[int, Knob("100 %", "ppb", "0 %", "100 %", "share of its highest level that it may lose before it pays no more", basis="rule: BitMEX, insurance fund, as of 2026: until it is depleted; OKX deleverages after a fall of 30 % from its peak")]  # fmt: skip
    window_us: A[int, Knob("0 s", "us", "0 s", "7 days", "how far back its highest level and its losses count; 0 s: from the start", basis="rule: BitMEX, insurance fund, as of 2026: no such window; 8 h at Bybit and OKX")]  # fmt: skip
    loss_of: A[int, Knob("fund", "choice", "", "", "whose loss is held against that share: the fund's fall, or what each ticker alone has cost it", basis="rule: OKX, insurance fund, as of 2026: the fund's fall; Bybit, ADL, as of 2026: that of each contract", choices=("fund", "ticker"))]  # fmt: skip
    resume_ppb: A[int, Knob("100 %", "ppb", "0 %", "100 %", "share of that level below which the loss must be before it pays again; with no less than the drawdown it never stops in between", basis="rule: BitMEX, insurance fund, as of 2026: nothing of the kind; Bybit, ADL, as of 2026: 25 %")]  # fmt: skip


class InsuranceFund:
    """One row: what it received and paid, and how far it fell."""

    income_uusd: A[int, Column("i8", "uusd", "fees and closes better than bankruptcy")]
    peak_uusd: A[int, Column("i8", "uusd", "highest level so far")]
    drawdown_uusd: A[int, Column("i8", "uusd", "largest fall from a peak so far")]
    bucket: A[int, Column("i8", "number", "part of time, counted from 1970, that is being written")]
    stopped: A[int, Column("i8", "bits", "bit k + 1 while it pays nothing for ticker k, bit 0 where it is the fund's own fall")]  # fmt: skip


class FundWindow:
    """BUCKETS rows of the fund, then as many for each ticker, each over and over again."""

    uusd: A[int, Column("i8", "uusd", "of the fund the highest level, of a ticker what it cost")]


insurance_rules = table(InsuranceRules)
insurance_funds = table(InsuranceFund)
fund_windows = table(FundWindow)


def check(rules: Any) -> tuple[str, str] | None:
    """What is wrong with a row of the rules: its column and a sentence; None where nothing is."""
    if rules.loss_of == EACH_TICKER and rules.window_us == 0:
        return "window_us", "what a ticker has cost is counted over a time"
    if 0 < rules.window_us < BUCKETS * 1_000_000:
        return "window_us", f"a time to look back is none or at least {BUCKETS} s"
    return None


@kernel
def room_left(level_uusd: int, loss_uusd: int, drawdown_ppb: int) -> int:
    """What may still be lost of a level before the loss is the given share of it, micro-dollars (INS-3, INS-4)."""
    return max(0, share_down(level_uusd, drawdown_ppb) - loss_uusd)


@kernel
def stays_stopped(level_uusd: int, loss_uusd: int, resume_ppb: int) -> int:
    """INS-5: 1 while a loss is still so large a share of the level."""
    return 1 if loss_uusd >= share_up(level_uusd, resume_ppb) else 0


@kernel
def roll(world: World) -> None:
    """Let the window go on to the present: its new parts begin at the level of now, and without a loss."""
    window_us = insurance_rules(world)[0].window_us
    if window_us == 0:
        return
    fund, level = insurance_funds(world)[0], amount(world, INSURANCE, USD)
    bucket = clock(world)[0].now_us // (window_us // BUCKETS)
    part = max(fund.bucket + 1, bucket - BUCKETS + 1)
    while part <= bucket:
        for first in range(0, len(fund_windows(world)), BUCKETS):
            fund_windows(world)[first + part % BUCKETS].uusd = level if first == 0 else 0
        part += 1
    fund.bucket = bucket


@kernel
def highest(world: World) -> int:
    """The fund's highest level, of the window where there is one, micro-dollars (INS-4)."""
    if insurance_rules(world)[0].window_us == 0:
        return insurance_funds(world)[0].peak_uusd
    most = 0
    for row in range(BUCKETS):
        most = max(most, fund_windows(world)[row].uusd)
    return most


@kernel
def lost(world: World, ticker: int) -> int:
    """What counts as lost: the fund's fall from its highest level, or what a ticker cost it; micro-dollars."""
    if insurance_rules(world)[0].loss_of == WHOLE_FUND or ticker < 0:
        return highest(world) - amount(world, INSURANCE, USD)
    total = 0
    for row in range((1 + ticker) * BUCKETS, (2 + ticker) * BUCKETS):
        total += fund_windows(world)[row].uusd
    return max(0, total)


@kernel
def money(world: World, ticker: int) -> int:
    """What it may spend now for a ticker (-1: for nobody's), micro-dollars (INS-3 to INS-5)."""
    roll(world)
    rules, fund = insurance_rules(world)[0], insurance_funds(world)[0]
    level, loss = highest(world), lost(world, ticker)
    room = room_left(level, loss, rules.drawdown_ppb)
    if rules.resume_ppb < rules.drawdown_ppb:
        bit = 1 << (ticker + 1) if rules.loss_of == EACH_TICKER else 1
        if fund.stopped & bit != 0 and stays_stopped(level, loss, rules.resume_ppb) == 0:
            fund.stopped ^= bit
        elif fund.stopped & bit == 0 and room == 0:
            fund.stopped |= bit
        if fund.stopped & bit != 0:
            room = 0
    return min(room, max(0, amount(world, INSURANCE, USD)))


@kernel
def note_level(world: World, ticker: int, cost_uusd: int) -> None:
    """Remember the fund's peak and its deepest fall from one, and what a ticker cost it or (negative) brought."""
    fund = insurance_funds(world)[0]
    level = amount(world, INSURANCE, USD)
    fund.peak_uusd = max(fund.peak_uusd, level)
    fund.drawdown_uusd = max(fund.drawdown_uusd, fund.peak_uusd - level)
    if insurance_rules(world)[0].window_us > 0:
        part = fund.bucket % BUCKETS
        fund_windows(world)[part].uusd = max(fund_windows(world)[part].uusd, level)
        if ticker >= 0:
            fund_windows(world)[(1 + ticker) * BUCKETS + part].uusd += cost_uusd


@kernel
def earn(world: World, account: int, ticker: int, fee: int) -> None:
    """Receive a liquidation fee."""
    roll(world)
    transfer(world, USD, account, INSURANCE, fee, LIQUIDATION_FEE)
    insurance_funds(world)[0].income_uusd += fee
    note_level(world, ticker, -fee)


@kernel
def keep(world: World, account: int, ticker: int, surplus: int) -> None:
    """Receive what a close brought beyond the bankruptcy price (INS-2)."""
    roll(world)
    transfer(world, USD, account, INSURANCE, surplus, TAKEOVER_EDGE)
    insurance_funds(world)[0].income_uusd += surplus
    note_level(world, ticker, -surplus)


@kernel
def pay(world: World, account: int, ticker: int, missing: int) -> int:
    """Put into an account what it is missing, as far as it may; returns what was paid (INS-3)."""
    paid = min(missing, money(world, ticker))
    if paid < missing:
        note_exhausted(world, FUND)
    if paid > 0:
        transfer(world, USD, INSURANCE, account, paid, SHORTFALL)
        note_paid(world, FUND, paid)
        note_level(world, ticker, paid)
    return paid
