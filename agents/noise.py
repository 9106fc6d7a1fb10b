"""Noise: orders without a view, budget-constrained. The plainest population, and the one to copy.

Story. Somebody buys or sells for reasons of his own: half of the time at once, half of the time by a limit order near the
best price that he withdraws after a while (the zero-intelligence flow of Farmer, Patelli and Zovko, PNAS 102, 2005, with
budgets as in Gode and Sunder, JPE 101, 1993). He needs no leverage and holds no opinion.
"""

from __future__ import annotations

from offhours.agents.desk import (
    BUY,
    IOC,
    LIMIT,
    PERP,
    SELL,
    TOKEN,
    best_usd,
    cancel_all,
    dollars,
    equity_usd,
    index_usd,
    lots,
    order,
    position_shares,
    resting_orders,
    sleep_us,
    tickers,
    ticks,
    token_shares,
    uniform,
)
from offhours.sim.chance import CHOICE, PRICE, SIDE, SIZE
from offhours.sim.compile import kernel, rare
from offhours.sim.curves import log
from offhours.sim.declare import A, Knob, World, table


class Noise:
    """Knobs of a noise trader."""

    mean_sleep_us: A[int, Knob("1h", "us", "1 s", "90 days", "mean time between two looks in regular hours", basis="chosen: with a thousand traders a market order every seven seconds; not half, because volume would exceed the regime's; not twice, because token books would go quiet")]  # fmt: skip
    order_uusd: A[int, Knob("$300", "uusd", "$1", "$10M", "mean size of an order", basis="measured: last swaps of TSLAx and NVDAx pools on Solana, 2026-06-20: hundreds of dollars; half or twice rescales volume only")]  # fmt: skip
    token_share: A[float, Knob("0.5", "real", "0", "1", "share of orders that go to the token book", basis="chosen: both books alike; not half, because the index needs flow; not twice, which is all")]  # fmt: skip
    limit_share: A[float, Knob("0.4", "real", "0", "1", "share of orders that rest", basis="literature: limit orders are a minority of what retail sends; zero-intelligence fits of Farmer et al. 2005 vary widely")]  # fmt: skip
    width_ppb: A[int, Knob("0.3 %", "ppb", "0 %", "10 %", "mean distance of a resting order behind the best price", basis="chosen: between a maker's first and last level; not half, because it would take his queue; not twice, because it would never fill")]  # fmt: skip
    extended: A[float, Knob("0.25", "real", "0", "2", "activity in pre- and post-market beside regular hours", basis="measured: hourly volume of TSLAx and QQQx pools on Solana, six weeks of 2026: night and weekend 0.1 to 0.25 of regular")]  # fmt: skip
    night: A[float, Knob("0.2", "real", "0", "2", "activity at night", basis="measured: as extended")]
    weekend: A[float, Knob("0.2", "real", "0", "2", "activity at week-ends and on holidays", basis="measured: as extended")]  # fmt: skip


noise = table(Noise)


@kernel
@rare
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Withdraw what rests, perhaps send one order, and sleep."""
    me = noise(crowd)[row]
    ticker = int(uniform(world, crowd, agent, CHOICE) * tickers(world))
    which = TOKEN if uniform(world, crowd, agent, CHOICE) < me.token_share else PERP
    side = BUY if uniform(world, crowd, agent, SIDE) < 0.5 else SELL
    worth = -log(uniform(world, crowd, agent, SIZE)) * me.order_uusd / 1.0e6
    rests = uniform(world, crowd, agent, CHOICE) < me.limit_share
    away = -log(uniform(world, crowd, agent, PRICE)) * me.width_ppb / 1.0e9
    for other in range(tickers(world)):
        for book in range(2):
            if resting_orders(world, crowd, agent, other, book):
                cancel_all(world, crowd, agent, other, book)
    send(world, crowd, agent, ticker, which, side, worth, rests, away)
    return sleep_us(world, crowd, agent, me.mean_sleep_us, me.extended, me.night, me.weekend)


@kernel
def send(world: World, crowd: World, agent: int, ticker: int, which: int, side: int, worth: float, rests: int, away: float) -> None:  # fmt: skip
    """One order within the budget: dollars for a buy, tokens for a sale, one time equity for a perp."""
    here = best_usd(world, ticker, which, side)
    there = best_usd(world, ticker, which, -side)
    if (rests and here < 0.0) or (not rests and there < 0.0):
        return
    price = here * (1.0 - side * away) if rests else there * (1.0 + side * 0.003)
    shares = worth / index_usd(world, ticker)
    if which == PERP:
        room = max(0.0, equity_usd(world, crowd, agent)) / price - side * position_shares(world, crowd, agent, ticker)
        shares = min(shares, room)
    elif side == BUY:
        shares = min(shares, max(0.0, dollars(world, crowd, agent)) * 0.99 / price)
    else:
        shares = min(shares, token_shares(world, crowd, agent, ticker))
    size = lots(world, ticker, which, shares)
    if size > 0:
        kind = LIMIT if rests else IOC
        order(world, crowd, agent, ticker, which, side, ticks(world, ticker, which, price), size, kind, 0)
