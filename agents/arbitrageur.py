"""Funding arbitrageurs: long the token and short the perp while that pays, or the reverse, within finite capital.

Story. He compares what funding should pay him over his horizon with what it costs to get in and out of both legs and with
his hurdle. Where that is positive he buys tokens and sells the perp in equal size (or sells tokens he holds and buys the
perp); where it turns negative he takes both legs off. (The trade of He, Manela, Ross and von Wachter, arXiv 2212.06888, with
a margin account on one leg.) A leg that did not fill, or was taken from him, leaves him uneven; at his next look he evens
it out in the perp.
"""

from __future__ import annotations

from offhours.agents.desk import (
    BUY,
    IOC,
    PERP,
    SELL,
    TOKEN,
    best_usd,
    dollars,
    funding_divisor,
    funding_rate,
    in_liquidation,
    lots,
    mid_usd,
    nap_us,
    order,
    position_shares,
    premium,
    spare_usd,
    tickers,
    ticks,
    token_shares,
)
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table


class Arbitrageur:
    """Knobs and state of a funding arbitrageur."""

    mean_sleep_us: A[int, Knob("30 s", "us", "100 ms", "1 day", "mean time between two looks", basis="chosen: an attentive desk; half or twice moves entries by seconds in a trade of hours")]  # fmt: skip
    horizon_hours: A[float, Knob("48", "real", "1", "10000", "how long he reckons to stay", basis="chosen: two days; not half, because no premium below 1 % would pay his fees; not twice, because rates do not last four days")]  # fmt: skip
    cost_ppb: A[int, Knob("0.2 %", "ppb", "0 %", "10 %", "cost of getting in and out of both legs", basis="rule: krakenfx/kraken-cli paper engine default, 2026: four taker fees of 0.05 %")]  # fmt: skip
    hurdle_ppb: A[int, Knob("0.1 %", "ppb", "0 %", "10 %", "gain beyond costs he asks for over his horizon", basis="chosen: 18 % a year on notional; not half, because margin has a price; not twice, because others would be there first")]  # fmt: skip
    clip_uusd: A[int, Knob("$10,000", "uusd", "$10", "$10M", "size of one entry", basis="chosen: the index's probe times two; not half, because fees of attention; not twice, because he would be his own slippage")]  # fmt: skip
    position_uusd: A[int, Knob("$500,000", "uusd", "$10", "$1B", "largest position per ticker", basis="chosen: half of a desk's capital at 2x; half or twice is a smaller or larger desk")]  # fmt: skip

    broken: A[int, Column("i8", "count", "times he found his legs uneven")]


class Legs:
    """What an arbitrageur holds beyond his endowment (row = arbitrageur x T + ticker)."""

    base_tokens: A[float, Column("f8", "shares", "tokens at his first look")]
    looked: A[int, Column("i8", "flag", "1 after his first look")]


arbitrageurs = table(Arbitrageur)
legs = table(Legs)


@kernel
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Look at each ticker, trade at most one clip in each, and sleep."""
    for ticker in range(tickers(world)):
        if in_liquidation(world, crowd, agent, ticker) == 0:
            look(world, crowd, agent, row, ticker)
    return nap_us(world, crowd, agent, arbitrageurs(crowd)[row].mean_sleep_us)


@kernel
def expected_gain(world: World, crowd: World, row: int, ticker: int) -> float:
    """Funding a short of one dollar should receive over the horizon: the mean of the rate paid and the rate in the making."""
    coming = premium(world, ticker) / funding_divisor(world, ticker)
    return (0.5 * funding_rate(world, ticker) + 0.5 * coming) * arbitrageurs(crowd)[row].horizon_hours


@kernel
def look(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """Enter, leave or even out one ticker."""
    me, mine = arbitrageurs(crowd)[row], legs(crowd)[row * tickers(world) + ticker]
    tokens = token_shares(world, crowd, agent, ticker)
    if mine.looked == 0:
        mine.looked = 1
        mine.base_tokens = tokens
    token_mid = mid_usd(world, ticker, TOKEN)
    if token_mid < 0.0 or mid_usd(world, ticker, PERP) < 0.0:
        return
    perp = position_shares(world, crowd, agent, ticker)
    carried = tokens - mine.base_tokens
    clip = me.clip_uusd / 1.0e6 / token_mid
    uneven = perp + carried
    if abs(uneven) > 0.5 * clip:
        mine_is_broken(crowd, row)
        trade(world, crowd, agent, ticker, PERP, SELL if uneven > 0.0 else BUY, min(abs(uneven), clip))
        return
    gain = expected_gain(world, crowd, row, ticker)
    threshold = (me.cost_ppb + me.hurdle_ppb) / 1.0e9
    most = me.position_uusd / 1.0e6 / token_mid
    if gain > threshold and carried < most and 2.0 * clip * token_mid < spare_usd(world, crowd, agent):
        pair(world, crowd, agent, ticker, BUY, clip)
    elif gain < -threshold and carried > -most and tokens > clip:
        pair(world, crowd, agent, ticker, SELL, clip)
    elif carried > 0.5 * clip and gain < 0.0:
        pair(world, crowd, agent, ticker, SELL, min(clip, carried))
    elif carried < -0.5 * clip and gain > 0.0 and dollars(world, crowd, agent) > clip * token_mid:
        pair(world, crowd, agent, ticker, BUY, min(clip, -carried))


@kernel
def mine_is_broken(crowd: World, row: int) -> None:
    """Count a look at which the legs were uneven."""
    arbitrageurs(crowd)[row].broken += 1


@kernel
def pair(world: World, crowd: World, agent: int, ticker: int, side: int, shares: float) -> None:
    """Trade tokens on a side and the perp on the other."""
    trade(world, crowd, agent, ticker, TOKEN, side, shares)
    trade(world, crowd, agent, ticker, PERP, -side, shares)


@kernel
def trade(world: World, crowd: World, agent: int, ticker: int, which: int, side: int, shares: float) -> None:
    """One immediate-or-cancel order a little beyond the best price."""
    best = best_usd(world, ticker, which, -side)
    size = lots(world, ticker, which, shares)
    if best > 0.0 and size > 0:
        order(world, crowd, agent, ticker, which, side, ticks(world, ticker, which, best * (1.0 + side * 0.0015)), size, IOC, 0)  # fmt: skip
