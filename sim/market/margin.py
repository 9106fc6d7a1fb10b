"""Margin: what an account is worth, what it must keep, and which orders that lets through.

MARG-1  Equity = dollars at the venue + sum of quantity x mark + funding accrued + what tokens and loans count for (COLL-1).
MARG-2  An order is accepted if, after its worst fill, equity covers the initial margin of position plus open orders (the
        larger side per ticker), the loss of limit prices against the mark, and the fee; otherwise refused.
MARG-3  An order that only reduces needs no margin.
MARG-4  Money moves between an account and its bucket only while both keep their initial margin.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, lowest_bit
from offhours.sim.declare import World
from offhours.sim.market import collateral
from offhours.sim.market.accounts import BUCKET, USD, accounts, available, balance_row, balances, transfer
from offhours.sim.market.attention import know, known_cash, known_spare, note_change, reckoned, watches
from offhours.sim.market.book import books
from offhours.sim.market.brackets import MARGINAL, initial, maintenance, margin_rules
from offhours.sim.market.clock import clock
from offhours.sim.market.funding import owed
from offhours.sim.market.money import nearest, share_up
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.orders import BUY, open_orders
from offhours.sim.market.positions import positions

AMPLE = 3
"""Initial margin of an order's worst fill, the loss of its limit price and its fee together are below three times its value,
where tiers are marginal: no rate exceeds the whole notional."""
ROUNDINGS = 16
"""Micro-dollars that rounded tiers may add to that."""


@kernel
def equity(world: World, account: int) -> int:
    """Equity of an account at the mark, micro-dollars (MARG-1)."""
    return dollar_equity(world, account) + collateral.worth(world, account)


@kernel
def dollar_equity(world: World, account: int) -> int:
    """Equity without what tokens and loans count for: dollars, positions at the mark, funding accrued. Micro-dollars."""
    worth = balances(world)[balance_row(world, account, USD)].amount
    c = clock(world)[0]
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        lots = positions(world)[account * c.tickers + ticker].size_lots
        if lots != 0:
            worth += value_at_mark(world, ticker, lots) - owed(world, account, ticker)
    return worth


@kernel
def required(world: World, account: int) -> int:
    """Maintenance margin of all positions of an account and of the tokens it owes, micro-dollars."""
    total = collateral.margin_of_loans(world, account, 0)
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        total += maintenance(world, ticker, notional(world, account, ticker))
    return total


@kernel
def notional(world: World, account: int, ticker: int) -> int:
    """Size of a position at the mark, micro-dollars, without sign."""
    return abs(value_at_mark(world, ticker, positions(world)[account * clock(world)[0].tickers + ticker].size_lots))


@kernel
def gross_notional(world: World, account: int) -> int:
    """Sum of the notionals of all positions of an account, micro-dollars."""
    total = 0
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        total += notional(world, account, ticker)
    return total


@kernel
def worst_case(world: World, account: int, ticker: int, buy_lots: int, buy_value: int, sell_lots: int, sell_value: int) -> int:  # fmt: skip
    """Initial margin of a ticker after the worst fill, plus the loss of limit prices against the mark (MARG-2).

    The four last arguments are a new order's, added to what is open. Micro-dollars.
    """
    row = account * clock(world)[0].tickers + ticker
    mine = open_orders(world)[2 * row]
    lots = positions(world)[row].size_lots
    mark_ticks, unit = oracles(world)[ticker].mark_ticks, books(world)[2 * ticker].unit_uusd
    buys, sells = mine.buy_lots + buy_lots, mine.sell_lots + sell_lots
    largest = max(abs(lots + buys), abs(lots - sells))
    overpaid = max(0, mine.buy_value + buy_value - buys * mark_ticks)
    undersold = max(0, sells * mark_ticks - mine.sell_value - sell_value)
    return initial(world, ticker, largest * mark_ticks * unit) + (overpaid + undersold) * unit


@kernel
def covers(world: World, account: int, ticker: int, side: int, price_ticks: int, lots: int, taker_ppb: int) -> int:
    """1 where an account may place a perp order (MARG-2, MARG-3)."""
    t = clock(world)[0].tickers
    row = account * t + ticker
    mine = open_orders(world)[2 * row]
    size = positions(world)[row].size_lots
    closing = mine.buy_lots if side == BUY else mine.sell_lots
    if size * side < 0 and lots + closing <= abs(size):
        return 1
    unit = books(world)[2 * ticker].unit_uusd
    marginal = margin_rules(world)[ticker].form == MARGINAL
    ample = most_needed(world, ticker, price_ticks, lots)
    if marginal and ample <= known_spare(world, account):
        return 1
    free = reckon(world, account)
    if marginal and ample <= free:
        return 1
    needed = share_up(lots * price_ticks * unit, taker_ppb) - worst_case(world, account, ticker, 0, 0, 0, 0)
    if side == BUY:
        needed += worst_case(world, account, ticker, lots, lots * price_ticks, 0, 0)
    else:
        needed += worst_case(world, account, ticker, 0, 0, lots, lots * price_ticks)
    return 1 if needed <= free else 0


@kernel
def most_needed(world: World, ticker: int, price_ticks: int, lots: int) -> int:
    """More than an order can add to what an account must keep where tiers are marginal, micro-dollars."""
    dearest = max(price_ticks, oracles(world)[ticker].mark_ticks)
    return AMPLE * lots * dearest * books(world)[2 * ticker].unit_uusd + ROUNDINGS


@kernel
def reckon(world: World, account: int) -> int:
    """Equity beyond initial margin, exactly, micro-dollars; what holds for the rest of the second is noted."""
    know(world, account, spare(world, account), cash(world, account), steady(world, account))
    return reckoned(world)[account].spare_uusd


@kernel
def affords(world: World, account: int, cost_uusd: int) -> int:
    """1 where an account may spend so many dollars and keep its initial margin (BANK-4)."""
    if cost_uusd <= known_cash(world, account):
        return 1
    return 1 if cost_uusd <= min(reckon(world, account), reckoned(world)[account].cash_uusd) else 0


@kernel
def steady(world: World, account: int) -> int:
    """1 where the tiers of all tickers an account is in are marginal: its needs then follow from its own doings alone."""
    held = watches(world)[account].held
    while held != 0:
        if margin_rules(world)[lowest_bit(held)].form != MARGINAL:
            return 0
        held &= held - 1
    return 1


@kernel
def initial_needed(world: World, account: int, except_ticker: int) -> int:
    """Initial margin of all positions, open orders and owed tokens of an account but one perp's (-1: all), micro-dollars."""
    total = collateral.margin_of_loans(world, account, 1)
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        if ticker != except_ticker:
            total += worst_case(world, account, ticker, 0, 0, 0, 0)
    return total


@kernel
def free_equity(world: World, account: int) -> int:
    """Equity less what resting spot orders have reserved, micro-dollars."""
    return equity(world, account) - balances(world)[balance_row(world, account, USD)].reserved


@kernel
def spare(world: World, account: int) -> int:
    """Equity beyond reserves and the initial margin of all positions and open orders, micro-dollars; negative where it lacks."""
    return free_equity(world, account) - initial_needed(world, account, -1)


@kernel
def cash(world: World, account: int) -> int:
    """Dollars that an account may spend, margin apart, micro-dollars.

    Profit of an open position cannot leave: what a position cost is added back to the dollars that it was paid with.
    """
    return available(world, account, USD) + open_cost(world, account)


@kernel
def withdrawable(world: World, account: int) -> int:
    """Dollars that may leave an account while it keeps its initial margin, micro-dollars."""
    return max(0, min(spare(world, account), cash(world, account)))


@kernel
def open_cost(world: World, account: int) -> int:
    """What the open positions of an account have cost, micro-dollars; negative where more was received."""
    total = 0
    held = watches(world)[account].held
    while held != 0:
        total += positions(world)[account * clock(world)[0].tickers + lowest_bit(held)].cost_uusd
        held &= held - 1
    return total


@kernel
def move(world: World, source: int, target: int, dollars: int) -> int:
    """Move dollars between an account and its bucket; 1 where done, 0 where the source would lack margin (MARG-4)."""
    assert accounts(world)[source].parent == target or accounts(world)[target].parent == source
    if dollars > withdrawable(world, source):
        return 0
    transfer(world, USD, source, target, dollars, BUCKET)
    note_change(world, source)
    note_change(world, target)
    return 1


@kernel
def equity_share(world: World, account: int, ticker: int) -> int:
    """The part of an account's equity that belongs to one of its positions: as its share of maintenance margin, micro-dollars.

    It has the sign of the equity. An only position has all of it, to the micro-dollar.
    """
    worth, mine, total = equity(world, account), maintenance(world, ticker, notional(world, account, ticker)), required(world, account)  # fmt: skip
    if mine == total:
        return worth
    return nearest(float(worth) * (float(mine) / float(total)))
