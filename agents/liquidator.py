"""Liquidators: they stand ready to take positions out of liquidations, at an edge, with capital that runs out.

Story. A venue assigns what its book did not take to those who have offered to take it. Each asks an edge from the mark: more
while the stock sleeps and nobody knows what it is worth, and more the fuller he is, as a dealer with inventory does (Ho and
Stoll, J. Financial Economics 9, 1981). He offers no more than his equity carries, so capital is what the stage is made of.
What he takes he trades out of again: a clip at a look into the book, giving back at most a part of his edge, and while the
stock is open he hedges the rest there with the shares and dollars that he has at a broker. Hurt by what he took, he
withdraws his offers and is back after a pause with fresh capital. So capital leaves when it is needed most, and the next
cascade falls through to the stages below (Brunnermeier and Pedersen, Rev. Financial Studies 22, 2009).
"""

from __future__ import annotations

from math import sqrt

from offhours.agents.desk import (
    BUY,
    IOC,
    PERP,
    SELL,
    best_usd,
    broker_dollars,
    buy_stock,
    deposit,
    gross_usd,
    held_shares,
    in_liquidation,
    index_usd,
    lots,
    mark_usd,
    nap_us,
    news_variance,
    now_us,
    order,
    position_shares,
    sell_stock,
    stand_down,
    stand_ready,
    stock_open,
    stock_usd,
    tickers,
    ticks,
    token_shares,
    trading_equity_usd,
    worth_usd,
)
from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table


class Liquidator:
    """Knobs and state of a liquidator."""

    mean_sleep_us: A[int, Knob("5 s", "us", "10 ms", "1 day", "mean time between two looks", basis="chosen: as attentive as a maker; not half, because run time doubles; not twice, because his offers would outlive what he knows by many assignments")]  # fmt: skip
    edge_ppb: A[int, Knob("0.8 %", "ppb", "0 %", "20 %", "edge from the mark that he asks while the stock is open and he holds nothing", basis="rule: Kraken position assignment, developer guide, 2026: default edge at least 75 bp, at most 2.5 %; a little above the least")]  # fmt: skip
    uncertainty: A[float, Knob("0.5", "real", "0", "10", "edge added while the stock has no quote, in standard deviations of the news since", basis="chosen: he meets forced sellers, who know nothing, but holds until the open; not half, because then a Sunday would cost a Friday's edge; not twice, because it would be at the venue's largest edge by Saturday noon")]  # fmt: skip
    shyness: A[float, Knob("1", "real", "0", "100", "growth of his edge from empty to full, beside the edge", basis="literature: Ho and Stoll 1981: linear in inventory; chosen size: a full book asks twice; not half, because cheap offers would stay cheap until they are gone; not twice, because the venue's largest edge would cut it off")]  # fmt: skip
    gearing: A[float, Knob("2", "real", "0", "50", "value of positions that he carries for each dollar of equity", basis="chosen: a 10 % move costs a fifth of him; not half, because capital would lie idle; not twice, because a week-end gap of 13 % would then cost half of him")]  # fmt: skip
    clip_uusd: A[int, Knob("$10,000", "uusd", "$10", "$100M", "size of one order that trades out of what he took", basis="chosen: two levels of a maker; half or twice: as many looks more or fewer")]  # fmt: skip
    give: A[float, Knob("0.5", "real", "0", "10", "share of his edge that he gives back, at most, to trade out", basis="chosen: he shares the edge with whoever takes it from him; not half, because off-hours spreads reach half a percent; not twice, because then he works for nothing")]  # fmt: skip
    hedges: A[int, Knob("yes", "flag", "no", "yes", "whether he hedges in the stock while it is open", basis="chosen: a switch has no half; twice means nothing")]  # fmt: skip
    hurt: A[float, Knob("0.8", "real", "0", "1", "capital, beside what he began with, below which he withdraws", basis="chosen: a fifth lost is a bad month; not half of it, because two bad assignments cost a tenth; not twice, because lenders call before")]  # fmt: skip
    pause_us: A[int, Knob("1 day", "us", "1 s", "1000 days", "time before a withdrawn one is back with fresh capital", basis="chosen: a night's talk with those who lent it; half or twice moves whether he is back for the same cascade: he is not, either way")]  # fmt: skip

    looked: A[int, Column("i8", "flag", "1 after his first look")]
    began_usd: A[float, Column("f8", "usd", "capital beyond the shares and tokens he began with, at his first look")]
    away_until_us: A[int, Column("i8", "us", "withdrawn before, or 0")]
    withdrawals: A[int, Column("i8", "count", "times he withdrew hurt")]
    looks: A[int, Column("i8", "count", "looks at which he offered, or would have with room")]
    full_looks: A[int, Column("i8", "count", "of them, those at which his capital carried no further clip")]
    fullest: A[float, Column("f8", "", "most that he held, beside what his equity then carried")]
    worst_usd: A[float, Column("f8", "usd", "least capital that he has seen, or 0 before the first look")]


class Inventory:
    """What a liquidator began with in a ticker (row = liquidator x T + ticker)."""

    base_shares: A[float, Column("f8", "shares", "tokens and shares at his first look: not his business")]


liquidators = table(Liquidator)
inventories = table(Inventory)


@kernel
@rare
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Withdraw or come back; trade out of what he holds, hedge the rest, renew the offers."""
    me = liquidators(crowd)[row]
    if me.looked == 0:
        begin(world, crowd, agent, row)
    worth = capital_usd(world, crowd, agent, row)
    me.worst_usd = min(me.worst_usd, worth)
    if me.away_until_us > 0 and now_us(world) >= me.away_until_us:
        me.away_until_us = 0
        deposit(world, crowd, agent, max(0.0, me.began_usd - worth))
    elif me.away_until_us == 0 and worth < me.hurt * me.began_usd:
        stand_down(world, crowd, agent)
        me.away_until_us = now_us(world) + me.pause_us
        me.withdrawals += 1
    room = room_usd(world, crowd, agent, row)
    for ticker in range(tickers(world)):
        edge = edge_of(world, crowd, agent, row, ticker)
        if in_liquidation(world, crowd, agent, ticker) == 0:
            unwind(world, crowd, agent, row, ticker, edge)
        if me.hedges == 1:
            hedge(world, crowd, agent, row, ticker)
        if me.away_until_us == 0:
            stand_ready(world, crowd, agent, ticker, edge, room / tickers(world))
    return nap_us(world, crowd, agent, me.mean_sleep_us)


@kernel
def begin(world: World, crowd: World, agent: int, row: int) -> None:
    """His first look: what he owns is what he starts from."""
    me = liquidators(crowd)[row]
    me.looked = 1
    for ticker in range(tickers(world)):
        inventories(crowd)[row * tickers(world) + ticker].base_shares = owned_shares(world, crowd, agent, ticker)
    me.began_usd = capital_usd(world, crowd, agent, row)
    me.worst_usd = me.began_usd


@kernel
def owned_shares(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Tokens and shares at the broker."""
    return token_shares(world, crowd, agent, ticker) + held_shares(world, crowd, agent, ticker)


@kernel
def capital_usd(world: World, crowd: World, agent: int, row: int) -> float:
    """All he owns beyond what he began with in tokens and shares: perps at the mark, the rest at the index."""
    worth = worth_usd(world, crowd, agent)
    for ticker in range(tickers(world)):
        worth -= inventories(crowd)[row * tickers(world) + ticker].base_shares * index_usd(world, ticker)
    return worth


@kernel
def room_usd(world: World, crowd: World, agent: int, row: int) -> float:
    """Value that his equity at the venue still carries; counts how often it carries no clip."""
    me = liquidators(crowd)[row]
    carried = max(1.0e-6, me.gearing * trading_equity_usd(world, crowd, agent, 0))
    gross = gross_usd(world, crowd, agent, 0)
    room = max(0.0, carried - gross)
    if me.away_until_us == 0:
        me.looks += 1
        me.full_looks += 1 if room < me.clip_uusd / 1.0e6 else 0
        me.fullest = max(me.fullest, min(gross / carried, 1.0e6))
    return room


@kernel
def edge_of(world: World, crowd: World, agent: int, row: int, ticker: int) -> float:
    """The edge he asks, as a share of value: the ordinary one, more while the stock sleeps, more the fuller he is."""
    me = liquidators(crowd)[row]
    carried = max(1.0, me.gearing * trading_equity_usd(world, crowd, agent, 0))
    full = min(1.0, gross_usd(world, crowd, agent, 0) / carried)
    asleep = me.uncertainty * sqrt(news_variance(world, ticker))
    return (me.edge_ppb / 1.0e9 + asleep) * (1.0 + me.shyness * full)


@kernel
def unwind(world: World, crowd: World, agent: int, row: int, ticker: int, edge: float) -> None:
    """Trade a clip of what he took into the book, no worse than the mark less the part of his edge that he gives back."""
    me = liquidators(crowd)[row]
    shares, mark = position_shares(world, crowd, agent, ticker), mark_usd(world, ticker)
    side = SELL if shares > 0.0 else BUY
    size = lots(world, ticker, PERP, min(abs(shares), me.clip_uusd / 1.0e6 / mark))
    limit = mark * (1.0 + side * me.give * edge)
    best = best_usd(world, ticker, PERP, -side)
    if size > 0 and best > 0.0 and side * (limit - best) >= 0.0:
        order(world, crowd, agent, ticker, PERP, side, ticks(world, ticker, PERP, limit), size, IOC, 0)


@kernel
def hedge(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """While the stock has a quote, sell shares against a long perp and buy shares against a short one, and back."""
    if not stock_open(world, ticker):
        return
    price = stock_usd(world, ticker)
    net = position_shares(world, crowd, agent, ticker) + owned_shares(world, crowd, agent, ticker)
    net -= inventories(crowd)[row * tickers(world) + ticker].base_shares
    if net * price > 0.1 * liquidators(crowd)[row].clip_uusd / 1.0e6:
        sell_stock(world, crowd, agent, ticker, min(net, held_shares(world, crowd, agent, ticker)))
    elif -net * price > 0.1 * liquidators(crowd)[row].clip_uusd / 1.0e6:
        buy_stock(world, crowd, agent, ticker, min(-net, 0.95 * broker_dollars(world, crowd, agent) / price))
