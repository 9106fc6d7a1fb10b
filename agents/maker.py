"""Makers: they quote both books from one belief about the stock, and live from the spread.

Story. A maker never quotes off the index, the mark or his own mid. He carries a belief about the stock, a mean and a
variance. While the stock has a quote he takes it (after his feed's delay) and the variance is nothing; while it sleeps the
variance grows by the hour, and the mean moves only by signed flow in both books, as in Kyle (Econometrica 53, 1985): more,
the less he knows. From the belief he quotes perp and token: centre skewed against his inventory and half-spread with a term
for risk (Avellaneda and Stoikov, Quant. Finance 8, 2008; Gueant, Lehalle and Fernandez-Tapia, arXiv 1105.3115), wider and
thinner off hours. Where the price runs he pulls: most of his size goes, and what he does not know is what it moved in a minute
(what makers did on 10 October 2025). In the sessions he hedges what he holds too much of in the stock, with shares and dollars at the broker;
these are no margin at the venue, so a hedged maker can be liquidated on a Sunday. He pays out above his target capital,
stops at a loss limit, and comes back after a pause with fresh capital.
"""

from __future__ import annotations

from math import sqrt

from offhours.agents.desk import (
    BUY,
    LIMIT,
    PERP,
    POST_ONLY,
    SECOND_US,
    SELL,
    TOKEN,
    agents,
    best_usd,
    bought_shares,
    broker_dollars,
    buy_stock,
    cancel_all,
    deposit,
    dollars,
    equity_usd,
    held_shares,
    index_usd,
    lots,
    nap_us,
    news_variance,
    normal,
    now_us,
    order,
    position_shares,
    resting_orders,
    sell_stock,
    spare_usd,
    stock_open,
    stock_usd,
    tick_usd,
    tickers,
    ticks,
    token_shares,
    withdraw,
)
from offhours.sim.chance import PRICE
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table

FULL_SHARE = 0.1
"""Size of a quote that would add to a full inventory, beside his ordinary one: he is paid to be there."""
CHECK_EVERY = 16
"""Looks between two counts of all he owns."""


class Maker:
    """Knobs and state of a maker."""

    mean_sleep_us: A[int, Knob("5 s", "us", "10 ms", "1 day", "mean time between two looks", basis="chosen: slow for a machine, fast for the hour-long questions asked here; not half, because run time doubles; not twice, because quotes would lag a moving stock by its spread")]  # fmt: skip
    half_spread_ppb: A[int, Knob("8 bp", "ppb", "0.1 bp", "5 %", "half-spread of the first level in regular hours", basis="measured: tokenized-stock perps on Hyperliquid's xyz dex, one snapshot of 2026: median impact spread 11 bp; first level inside it")]  # fmt: skip
    uncertainty: A[float, Knob("0.15", "real", "0", "10", "half-spread added, in standard deviations of the belief", basis="chosen: a maker loses about this much to an informed order of the mean kind; not half, because weekend spreads would stay at the daytime's; not twice, because books would be wider than 1 % by Sunday, beyond what SPYx and TSLAx pools show")]  # fmt: skip
    levels: A[int, Knob("4", "count", "1", "8", "quotes on each side of a book", basis="chosen: depth in a few steps; half or twice splits the same size")]  # fmt: skip
    level_step_ppb: A[int, Knob("8 bp", "ppb", "0.1 bp", "5 %", "distance between levels in regular hours", basis="chosen: four levels reach 30 bp; not half, because depth within 50 bp is what the regime states; not twice, because it would lie beyond")]  # fmt: skip
    level_uusd: A[int, Knob("$5,000", "uusd", "$10", "$100M", "size of a level in regular hours", basis="chosen: twenty makers make $400,000 a side; not half or twice: the regime's depth decides")]  # fmt: skip
    thin_off_hours: A[float, Knob("0.4", "real", "0", "1", "size of a level while the stock has no quote, beside the regular one", basis="measured: silver perp against its future in January 2026: off-hours depth a fraction; tokens trade 12 to 30 % of weekday volume at week-ends")]  # fmt: skip
    token_share: A[float, Knob("0.6", "real", "0", "5", "size on the token book beside the perp book", basis="chosen: tokens are the thinner market; half or twice moves the index's depth alike")]  # fmt: skip
    inventory_uusd: A[int, Knob("$150,000", "uusd", "$100", "$1B", "net inventory at which he adds to it only in small size", basis="chosen: a third of his capital at 1x; not half, because two retail orders would fill it; not twice, because a 10 % gap would then end him")]  # fmt: skip
    skew: A[float, Knob("0.6", "real", "0", "10", "shift of both centres at full net inventory, in half-spreads", basis="literature: Avellaneda and Stoikov's q gamma sigma^2, with gamma such that a full maker offers at his fair value; half or twice: he stays full longer or shorter")]  # fmt: skip
    carry_ppb: A[int, Knob("0.3 %", "ppb", "0 %", "10 %", "shift of the perp's centre above the token's at full short perp inventory", basis="chosen: what funding must pay him for a hedged short: at a divisor of 24 this is 1.25 bp an hour; not half, because then arbitrage never pays; not twice, because the premium would live at the mark's cap")]  # fmt: skip
    perp_uusd: A[int, Knob("$1.5M", "uusd", "$100", "$1B", "perp position, hedged or not, that he calls full", basis="chosen: his dollars at the venue at 1x; not half, because retail's net long would fill all of them; not twice, because a hedge that breaks would then ruin him")]  # fmt: skip
    take_edge_ppb: A[int, Knob("8 bp", "ppb", "0 bp", "10 %", "how far through his own quote the other side must be before he takes it", basis="chosen: beyond the taker fee of 5 bp, with something left; not half, which loses money; not twice, because stale orders would stand in the way of the price")]  # fmt: skip
    flow_gain: A[float, Knob("0.2", "real", "0", "10", "move of the belief by a net purchase of his whole inventory limit by the market, in standard deviations of the belief", basis="literature: Kyle's lambda is the sd of value over twice the sd of noise flow, here five times his own limit over a closed night; fitted with the informed to what tokens know of a gap; half again as much makes moves that no open confirms twice as many")]  # fmt: skip
    belief_limit: A[float, Knob("5", "real", "0", "100", "how far flow alone may move his belief from the stock's last quote, in standard deviations of the news since", basis="measured: fitted, as the informed, to what tokens know of a gap (R2 .64 on Monday at 04:00; RaYYeR220/ballast, n=597 token-week-ends): gaps have so heavy tails that the one week-end in 190 beyond this holds .3 of all squared gaps; not half, because tokens then know .36; not twice, because forced sellers alone could then take a token as far as they like")]  # fmt: skip
    feed_delay_us: A[int, Knob("1 s", "us", "0 s", "1 h", "age at which he has a stock quote", basis="chosen: a consolidated feed and his own machine; not half or twice: it is one look")]  # fmt: skip
    disagreement_ppb: A[int, Knob("0.5 bp", "ppb", "0 bp", "1 %", "standard deviation of his own error about the stock, each look", basis="chosen: so that makers do not quote one price; not half, because ties would decide; not twice, because it would be a fifth of the spread")]  # fmt: skip
    hedge_share: A[float, Knob("0.5", "real", "0", "10", "net inventory, beside its limit, above which he hedges in the stock", basis="chosen: rarely enough that the broker's spread does not eat the gain; half or twice trades more or less there")]  # fmt: skip
    payout: A[float, Knob("1.1", "real", "1", "100", "capital, beside what he began with, above which he pays out", basis="chosen: a tenth of growth; half or twice only dates the dividend")]  # fmt: skip
    loss_limit: A[float, Knob("0.5", "real", "0", "1", "loss, beside what he began with, at which he stops", basis="chosen: half a desk's capital is what most mandates stop at; not half of it, because a gap costs that; not twice, which is ruin")]  # fmt: skip
    pause_us: A[int, Knob("3 days", "us", "1 s", "1000 days", "time before he is back with fresh capital", basis="chosen: a committee and a wire; half or twice moves one weekend at most")]  # fmt: skip
    run_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "move of his belief within a minute from which on he pulls; never at 0 %", basis="chosen: never, so that a scenario of a crash says so; there, half a percent is five standard deviations of a minute of a stock with 50 % a year: half of it comes every day, twice of it is a crash of 13 % in twelve minutes")]  # fmt: skip
    left_ppb: A[int, Knob("10 %", "ppb", "0 %", "100 %", "share of his size that stays while he has pulled", basis="measured: depth of order books on 10 October 2025: more than 90 % gone at the main venues (FTI Consulting), 98 % at the worst (Amberdata)")]  # fmt: skip
    pull_us: A[int, Knob("5 min", "us", "1 s", "1 day", "how long he stays pulled after the last such move", basis="chosen: order books on 10 October 2025 stood near empty for several minutes (Kaiko); half or twice is another desk's nerve")]  # fmt: skip
    hedges: A[int, Knob("yes", "flag", "no", "yes", "whether he hedges in the stock", basis="chosen: a switch has no half; twice means nothing")]  # fmt: skip

    began_usd: A[float, Column("f8", "usd", "capital at his first look, or 0")]
    paused_until_us: A[int, Column("i8", "us", "quotes nothing before")]
    pauses: A[int, Column("i8", "count", "times he stopped at his loss limit")]


class Belief:
    """What a maker thinks of a ticker (row = maker x T + ticker)."""

    mean_usd: A[float, Column("f8", "usd", "mean; 0 before his first look")]
    base_shares: A[float, Column("f8", "shares", "tokens and shares at his first look: his neutral stock")]
    sd: A[float, Column("f8", "", "standard deviation, of the log")]
    last_usd: A[float, Column("f8", "usd", "the stock quote he adopted last")]
    known_variance: A[
        float, Column("f8", "", "variance of the news since the close that he had seen when he last saw a quote")
    ]
    seen_usd: A[float, Column("f8", "usd", "stock quote on its way through his feed, or 0")]
    seen_us: A[int, Column("i8", "us", "when it was made")]
    thought_us: A[int, Column("i8", "us", "when he last thought about it")]
    flow_shares: A[float, Column("f8", "shares", "signed flow of both books up to then")]
    minute_usd: A[float, Column("f8", "usd", "his belief at the beginning of the minute that he watches, or 0")]
    minute_us: A[int, Column("i8", "us", "when that was")]
    run: A[float, Column("f8", "", "largest move within a minute since he pulled last, absolute")]
    pulled_until_us: A[int, Column("i8", "us", "quotes little and wide before")]
    centre_usd: A[float, Column("f8", "usd", "centre of the quotes he has out, or 0")]
    half_usd: A[float, Column("f8", "usd", "their half-spread")]
    quoted_us: A[int, Column("i8", "us", "when he sent them")]
    quoted_shares: A[float, Column("f8", "shares", "his perp and token holdings then, perp plus twice token")]


makers = table(Maker)
beliefs = table(Belief)


@kernel
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Think, hedge, quote each ticker."""
    me = makers(crowd)[row]
    if now_us(world) < me.paused_until_us:
        return me.paused_until_us
    if agents(crowd)[agent].wakes % CHECK_EVERY == 1 and not solvent(world, crowd, agent, row):
        return me.paused_until_us
    for ticker in range(tickers(world)):
        think(world, crowd, agent, row, ticker)
        if me.run_ppb > 0:
            watch(world, crowd, row, ticker)
        if me.hedges == 1:
            hedge(world, crowd, agent, row, ticker)
        quote(world, crowd, agent, row, ticker)
    return nap_us(world, crowd, agent, me.mean_sleep_us)


@kernel
def wealth_usd(world: World, crowd: World, agent: int) -> float:
    """All he owns at his own prices: venue, broker, tokens and shares."""
    worth = equity_usd(world, crowd, agent) + broker_dollars(world, crowd, agent)
    for ticker in range(tickers(world)):
        worth += (token_shares(world, crowd, agent, ticker) + held_shares(world, crowd, agent, ticker)) * index_usd(world, ticker)  # fmt: skip
    return worth


@kernel
def solvent(world: World, crowd: World, agent: int, row: int) -> int:
    """Pay out above target; at the loss limit withdraw all quotes, pause, and send for fresh capital. 1 where he goes on."""
    me = makers(crowd)[row]
    worth = wealth_usd(world, crowd, agent)
    if me.began_usd == 0.0:
        me.began_usd = worth
    target = me.began_usd
    if worth < target * (1.0 - me.loss_limit):
        for ticker in range(tickers(world)):
            cancel_all(world, crowd, agent, ticker, PERP)
            cancel_all(world, crowd, agent, ticker, TOKEN)
            beliefs(crowd)[row * tickers(world) + ticker].centre_usd = 0.0
        me.paused_until_us = now_us(world) + me.pause_us
        me.pauses += 1
        deposit(world, crowd, agent, target - worth)
        return 0
    surplus = worth - me.payout * target
    if surplus > 0.0 and agents(crowd)[agent].wakes % (64 * CHECK_EVERY) == 1:
        withdraw(world, crowd, agent, min(surplus, 0.5 * spare_usd(world, crowd, agent)))
    return 1


@kernel
def think(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """Renew the belief about one stock."""
    me, b = makers(crowd)[row], beliefs(crowd)[row * tickers(world) + ticker]
    now = now_us(world)
    flow = bought_shares(world, ticker, PERP) + bought_shares(world, ticker, TOKEN)
    if b.mean_usd == 0.0:
        b.mean_usd = stock_usd(world, ticker)
        b.last_usd = b.mean_usd
        b.base_shares = token_shares(world, crowd, agent, ticker) + held_shares(world, crowd, agent, ticker)
        b.flow_shares = flow
        b.thought_us = now
    if stock_open(world, ticker):
        if b.seen_usd == 0.0:
            b.seen_usd = stock_usd(world, ticker)
            b.seen_us = now
        if now - b.seen_us >= me.feed_delay_us:
            b.mean_usd = b.seen_usd
            b.last_usd = b.seen_usd
            b.sd = 0.0
            b.known_variance = news_variance(world, ticker)
            b.seen_usd = stock_usd(world, ticker)
            b.seen_us = now
    else:
        b.seen_usd = 0.0
        b.sd = sqrt(max(0.0, news_variance(world, ticker) - b.known_variance))
        pressure = (flow - b.flow_shares) * b.mean_usd * 1.0e6 / me.inventory_uusd
        moved = b.mean_usd * (1.0 + me.flow_gain * b.sd * min(max(pressure, -1.0), 1.0))
        most = me.belief_limit * b.sd
        b.mean_usd = min(max(moved, b.last_usd * (1.0 - most)), b.last_usd * (1.0 + most))
    b.flow_shares = flow
    b.thought_us = now


@kernel
def watch(world: World, crowd: World, row: int, ticker: int) -> None:
    """See how far the belief has moved within a minute; pull where it runs."""
    me, b = makers(crowd)[row], beliefs(crowd)[row * tickers(world) + ticker]
    now = now_us(world)
    if now >= b.pulled_until_us:
        b.run = 0.0
    if b.minute_usd > 0.0:
        run = abs(b.mean_usd / b.minute_usd - 1.0)
        if run >= me.run_ppb / 1.0e9:
            b.run = max(b.run, run)
            b.pulled_until_us = now + me.pull_us
    if now - b.minute_us >= 60 * SECOND_US:
        b.minute_usd = b.mean_usd
        b.minute_us = now


@kernel
def hedge(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """Trade the stock against net inventory beyond the share he tolerates, while there is a quote."""
    if not stock_open(world, ticker):
        return
    me = makers(crowd)[row]
    price = stock_usd(world, ticker)
    limit = me.inventory_uusd / 1.0e6 / price
    net = inventory_shares(world, crowd, agent, row, ticker)
    if net > me.hedge_share * limit:
        sell_stock(world, crowd, agent, ticker, min(net, held_shares(world, crowd, agent, ticker)))
    elif net < -me.hedge_share * limit:
        buy_stock(world, crowd, agent, ticker, min(-net, 0.95 * broker_dollars(world, crowd, agent) / price))


@kernel
def inventory_shares(world: World, crowd: World, agent: int, row: int, ticker: int) -> float:
    """Net exposure beyond what he was endowed with: perp, tokens and shares against his base stock of tokens and shares."""
    held = token_shares(world, crowd, agent, ticker) + held_shares(world, crowd, agent, ticker)
    return (
        position_shares(world, crowd, agent, ticker) + held - beliefs(crowd)[row * tickers(world) + ticker].base_shares
    )


@kernel
def quote(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """Send new quotes where the old ones are wrong enough to matter."""
    me, b = makers(crowd)[row], beliefs(crowd)[row * tickers(world) + ticker]
    price = b.mean_usd
    limit = me.inventory_uusd / 1.0e6 / price
    load = inventory_shares(world, crowd, agent, row, ticker) / limit
    error = me.disagreement_ppb / 1.0e9 * normal(world, crowd, agent, PRICE)
    half = price * (me.half_spread_ppb / 1.0e9 + me.uncertainty * max(b.sd, b.run))
    centre = price * (1.0 + error) - me.skew * half * min(max(load, -2.0), 2.0)
    short = -position_shares(world, crowd, agent, ticker) * price / (me.perp_uusd / 1.0e6)
    lift = price * me.carry_ppb / 1.0e9 * min(max(short, -1.5), 1.5)
    holdings = position_shares(world, crowd, agent, ticker) + 2.0 * token_shares(world, crowd, agent, ticker)
    stale = now_us(world) - b.quoted_us > 10 * 60 * SECOND_US
    moved = abs(centre - b.centre_usd) > 0.35 * half or abs(half - b.half_usd) > 0.2 * half
    if b.centre_usd > 0.0 and not stale and not moved and holdings == b.quoted_shares:
        return
    b.centre_usd = centre
    b.half_usd = half
    b.quoted_us = now_us(world)
    b.quoted_shares = holdings
    size = me.level_uusd / 1.0e6 / price * (1.0 if stock_open(world, ticker) else me.thin_off_hours)
    if now_us(world) < b.pulled_until_us:
        size *= me.left_ppb / 1.0e9
    step = price * me.level_step_ppb / 1.0e9 * sqrt(half / (price * me.half_spread_ppb / 1.0e9))
    for which in range(2):
        if resting_orders(world, crowd, agent, ticker, which):
            cancel_all(world, crowd, agent, ticker, which)
        here = centre + lift if which == PERP else centre
        ladder(world, crowd, agent, row, ticker, which, BUY, here, half, step, size, load)
        ladder(world, crowd, agent, row, ticker, which, SELL, here, half, step, size, load)


@kernel
def ladder(world: World, crowd: World, agent: int, row: int, ticker: int, which: int, side: int, centre: float, half: float, step: float, size: float, load: float) -> None:  # fmt: skip
    """His quotes on one side of a book: small ones only where they would add to a full inventory, and none he cannot deliver.

    A quote that would trade waits a tick away instead, unless what it would take is far enough through it to pay the fee.
    """
    me = makers(crowd)[row]
    most = 1.0e12
    size *= min(1.0, max(FULL_SHARE, 1.0 - side * load))
    if which == TOKEN:
        size *= me.token_share
        owned = token_shares(world, crowd, agent, ticker)
        if side == BUY:
            owned = dollars(world, crowd, agent) * 0.5 / centre
        most = max(0.0, owned) / (2.0 * me.levels)
    tick, other = tick_usd(world, ticker, which), best_usd(world, ticker, which, -side)
    for level in range(me.levels):
        price = centre - side * (half + step * level)
        shares = lots(world, ticker, which, min(size * (1.0 + level), most))
        if shares == 0:
            continue
        kind = POST_ONLY
        if other > 0.0 and side * (price - other) > other * me.take_edge_ppb / 1.0e9:
            kind = LIMIT
        elif other > 0.0:
            price = min(price, other - tick) if side == BUY else max(price, other + tick)
        outward = ticks(world, ticker, which, price - side * 0.499 * tick)
        order(world, crowd, agent, ticker, which, side, outward, shares, kind, 0)
