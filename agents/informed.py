"""The informed: they know something about the stock while it sleeps, and trade on it in small size.

Story. He sees the stock's own value with an error of his own that lasts a while (he reads the same wires as others, not the
tape of a closed exchange). Where perp or token is further from what he thinks than it costs to trade, he buys or sells
there, up to a limit, and takes his position off when the stock has a quote again or price has come to him. (Kyle 1985;
Glosten and Milgrom 1985. How much he knows is bounded by the stock's information clock, not by him.)
"""

from __future__ import annotations

from math import sqrt

from offhours.agents.desk import (
    BUY,
    IOC,
    MINUTE_US,
    PERP,
    REDUCE_ONLY,
    SELL,
    best_usd,
    equity_usd,
    hidden_usd,
    in_liquidation,
    lots,
    nap_us,
    news_variance,
    now_us,
    order,
    position_lots,
    position_shares,
    seed,
    stock_open,
    tickers,
    ticks,
)
from offhours.agents.desk import agents as people
from offhours.sim.chance import NEWS, normal
from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Knob, World, table


class Informed:
    """Knobs of an informed trader."""

    mean_sleep_us: A[int, Knob("6 min", "us", "1 s", "90 days", "mean time between two looks", basis="chosen: news is read, not streamed; not half, because books would know the gap by Saturday; not twice, because they would not know it by Monday 09:00")]  # fmt: skip
    error: A[float, Knob("0.25", "real", "0", "10", "standard deviation of his error, in those of the news since the close", basis="chosen: fitted with position and edge so that tokens know of a Monday gap what they are measured to know (R2 .2 on Sunday, .64 at 04:00, .94 at 09:00; RaYYeR220/ballast, n=597); not half or twice: R2 at 04:00 would leave its band")]  # fmt: skip
    lasts_us: A[int, Knob("6 h", "us", "1 min", "90 days", "how long an error lasts before he has another", basis="chosen: a night's sleep; not half, because errors would average out; not twice, because one would last the week-end")]  # fmt: skip
    edge: A[float, Knob("0.2", "real", "0", "10", "distance from his value at which he trades, in standard deviations of the news since the close, beyond costs", basis="chosen: fitted as error; half trades noise, more than half of open interest a day, and twice nothing")]  # fmt: skip
    cost_ppb: A[int, Knob("0.1 %", "ppb", "0 %", "20 %", "what a round trip costs him", basis="rule: krakenfx/kraken-cli paper engine default, 2026: two taker fees of 0.05 %")]  # fmt: skip
    clip_uusd: A[int, Knob("$5,000", "uusd", "$1", "$10M", "size of an order", basis="chosen: a maker's level, so that he is not seen at once; half or twice: slower or faster prices")]  # fmt: skip
    position_uusd: A[int, Knob("$1M", "uusd", "$1", "$100M", "largest position, and never more than three times his equity", basis="measured: fitted to what tokens know of a gap (RaYYeR220/ballast, n=597 token-week-ends); not half, because the informed have then spent what they have before a large gap is in the price, and R2 at 04:00 is .5; not twice, which is beyond their equity")]  # fmt: skip


informed = table(Informed)


@kernel
@rare
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Compare each perp with what he thinks the stock is worth."""
    me = informed(crowd)[row]
    for ticker in range(tickers(world)):
        if in_liquidation(world, crowd, agent, ticker) == 0:
            look(world, crowd, agent, row, ticker)
    return nap_us(world, crowd, agent, max(me.mean_sleep_us, MINUTE_US // 60))


@kernel
def opinion_usd(world: World, crowd: World, agent: int, row: int, ticker: int) -> float:
    """What he thinks the stock is worth: its value with the error he has at this time, dollars."""
    me = informed(crowd)[row]
    period = now_us(world) // me.lasts_us
    error = normal(seed(world), NEWS, people(crowd)[agent].who, period * 64 + ticker)
    return hidden_usd(world, ticker) * (1.0 + me.error * sqrt(news_variance(world, ticker)) * error)


@kernel
def look(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """Trade one perp on the opinion, or take the position off once the stock is open."""
    me = informed(crowd)[row]
    bid, ask = best_usd(world, ticker, PERP, BUY), best_usd(world, ticker, PERP, SELL)
    if bid < 0.0 or ask < 0.0:
        return
    held = position_lots(world, crowd, agent, ticker)
    clip = lots(world, ticker, PERP, me.clip_uusd / 1.0e6 / ask)
    if stock_open(world, ticker):
        if held != 0:
            side = SELL if held > 0 else BUY
            price = bid * 0.998 if held > 0 else ask * 1.002
            order(world, crowd, agent, ticker, PERP, side, ticks(world, ticker, PERP, price), min(clip, abs(held)), IOC, REDUCE_ONLY)  # fmt: skip
        return
    value = opinion_usd(world, crowd, agent, row, ticker)
    edge = me.edge * sqrt(news_variance(world, ticker)) + me.cost_ppb / 1.0e9
    most = min(me.position_uusd / 1.0e6, 3.0 * max(0.0, equity_usd(world, crowd, agent))) / ask
    owned = position_shares(world, crowd, agent, ticker)
    if value > ask * (1.0 + edge) and owned < most:
        order(world, crowd, agent, ticker, PERP, BUY, ticks(world, ticker, PERP, value), clip, IOC, 0)
    elif value < bid * (1.0 - edge) and owned > -most:
        order(world, crowd, agent, ticker, PERP, SELL, ticks(world, ticker, PERP, value), clip, IOC, 0)
