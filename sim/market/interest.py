"""Interest: what dollars at the venue earn, and what tokens and shares pay while they are held. Nothing by default.

INT-1  Each full hour an account receives interest on its collateral: its dollars at the venue plus the whole cost of its open
       positions, so that no position by itself earns or costs any. Below zero it pays. The other side is the outside world.
INT-2  Whoever holds tokens receives their dividend yield on the value at the index, in dollars at the venue; whoever holds shares,
       in dollars at the broker. Houses neither pay nor receive.
INT-3  A year has 365 days. What is less than a millionth of a dollar is kept and counts the next hour.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import (
    BROKER_USD,
    HOUSES,
    INTEREST,
    OUTSIDE,
    USD,
    amount,
    share_asset,
    token_asset,
    transfer,
)
from offhours.sim.market.clock import clock
from offhours.sim.market.money import nearest, share_down
from offhours.sim.market.oracle import oracles
from offhours.sim.market.positions import positions

HOURS_A_YEAR = 8_760


class InterestRules:
    """One row: the venue's."""

    quote_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "interest a year on collateral in dollars", basis="chosen: venues pay none on margin, and results are then of trading alone; neither half nor twice of nothing is another value")]  # fmt: skip


class DividendRules:
    """One row per ticker."""

    dividend_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "yield a year that holders of tokens and shares receive in dollars", basis="chosen: a run of days between dividend dates; neither half nor twice of nothing is another value")]  # fmt: skip


class Accrued:
    """One row per account: remainders (INT-3)."""

    venue_crumbs: A[int, Column("i8", "uusd / 8760", "owed at the venue and less than a micro-dollar")]
    broker_crumbs: A[int, Column("i8", "uusd / 8760", "owed at the broker and less than a micro-dollar")]


interest_rules = table(InterestRules)
dividend_rules = table(DividendRules)
accrued = table(Accrued)


@kernel
def yearly(owned_uusd: int, rate_ppb: int) -> int:
    """A year's interest on a sum, micro-dollars rounded towards minus infinity: down for who receives, up for who pays."""
    return share_down(owned_uusd, rate_ppb)


@kernel
def due(yearly_uusd: int, crumbs: int) -> int:
    """What an hour of a year's interest and the remainder so far come to, whole micro-dollars (INT-3)."""
    return (yearly_uusd + crumbs) // HOURS_A_YEAR


@kernel
def collateral(world: World, account: int) -> int:
    """Dollars at the venue plus the whole cost of open positions, micro-dollars (INT-1)."""
    tickers = clock(world)[0].tickers
    total = amount(world, account, USD)
    for ticker in range(tickers):
        total += positions(world)[account * tickers + ticker].cost_uusd
    return total


@kernel
def pays(world: World) -> int:
    """1 where any rate is not zero."""
    if interest_rules(world)[0].quote_ppb > 0:
        return 1
    for ticker in range(clock(world)[0].tickers):
        if dividend_rules(world)[ticker].dividend_ppb > 0:
            return 1
    return 0


@kernel
@rare
def settle_hour(world: World) -> None:
    """Pay everybody an hour's interest and dividends."""
    if pays(world) == 0:
        return
    c = clock(world)[0]
    for account in range(HOUSES, c.accounts):
        at_venue = yearly(collateral(world, account), interest_rules(world)[0].quote_ppb)
        at_broker = 0
        for ticker in range(c.tickers):
            rate = dividend_rules(world)[ticker].dividend_ppb
            if rate > 0:
                price_usd = oracles(world)[ticker].index_usd
                at_venue += yearly(nearest(amount(world, account, token_asset(ticker)) * price_usd), rate)
                at_broker += yearly(nearest(amount(world, account, share_asset(ticker)) * price_usd), rate)
        a = accrued(world)[account]
        dollars = due(at_venue, a.venue_crumbs)
        a.venue_crumbs += at_venue - dollars * HOURS_A_YEAR
        hand_over(world, account, USD, dollars)
        dollars = due(at_broker, a.broker_crumbs)
        a.broker_crumbs += at_broker - dollars * HOURS_A_YEAR
        hand_over(world, account, BROKER_USD, dollars)


@kernel
def hand_over(world: World, account: int, asset: int, dollars: int) -> None:
    """Move dollars from the outside world to an account, or back where they are negative."""
    if dollars > 0:
        transfer(world, asset, OUTSIDE, account, dollars, INTEREST)
    elif dollars < 0:
        transfer(world, asset, account, OUTSIDE, -dollars, INTEREST)
