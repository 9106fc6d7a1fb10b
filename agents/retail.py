"""Leveraged retail: people who take a side with borrowed money, follow others and the trend, and are liquidated.

Story. Account sizes have no mean worth the name (tail exponent below one, as in the accounts reduced on 2025-10-10). Somebody
without a position opens one now and then: sooner long than short, rather with the trend of the last hours and with those he
follows. He uses the leverage he likes, perhaps leaves a stop, and closes after a while. When his margin gets thin he adds
money if he has some, or panics and closes, or does nothing. Liquidated, he comes back after a pause with a new deposit.
Activity follows the clock of the week.

Who trades several tickers gives each the same part of his money. On one account they carry each other, so that a loss in one
makes him worried, and liquidated, in all; those he keeps apart in isolated buckets neither help nor hurt.
"""

from __future__ import annotations

from offhours.agents.desk import (
    BUY,
    HOUR_US,
    MARKET,
    PERP,
    REDUCE_ONLY,
    SELL,
    deposit,
    drop_stops,
    empty_bucket,
    equity_usd,
    fund_bucket,
    in_liquidation,
    initial_margin_usd,
    keep_together,
    lots,
    maintenance_usd,
    mark_usd,
    now_us,
    order,
    position_lots,
    prefetch_trading,
    sleep_us,
    spare_usd,
    stop,
    tickers,
    ticks,
    traded_apart,
    trading_equity_usd,
    uniform,
    withdraw,
)
from offhours.agents.followers import crowd_lean, lean_to
from offhours.sim.chance import CHOICE, FLOW, SIDE, SIZE
from offhours.sim.compile import kernel, lowest_bit
from offhours.sim.declare import A, Column, Knob, World, table

ON_ITS_WAY_US = HOUR_US
"""Time after which a deposit that was sent for has come, whatever the venue takes for it."""


class Retail:
    """Knobs and state of a retail trader."""

    # One cache line holds what a look without consequences reads.
    stake_usd: A[float, Column("f8", "usd", "what he first had, and brings again")]
    seen_usd: A[float, Column("f8", "usd", "mark when he last looked, or 0")]
    ticker: A[int, Column("i8", "ticker", "the perp he trades, or the first of several")]
    further: A[int, Column("i8", "tickers", "the other perps he trades, a bit each")]
    mean_sleep_us: A[int, Knob("10h", "us", "1 s", "90 days", "mean time between two looks in regular hours", basis="chosen: a look or two on a trading day; not half, because the median account would trade more than 20 times a week; not twice, because it would not see its liquidation coming")]  # fmt: skip
    extended: A[float, Knob("0.35", "real", "0", "2", "activity in pre- and post-market beside regular hours", basis="measured: hourly volume of tokenized-stock pools on Solana, six weeks of 2026: night and week-end 0.1 to 0.25 of regular; perps keep more")]  # fmt: skip
    night: A[float, Knob("0.3", "real", "0", "2", "activity at night", basis="measured: as extended")]
    weekend: A[float, Knob("0.35", "real", "0", "2", "activity at week-ends and on holidays", basis="measured: as extended")]  # fmt: skip
    open_chance: A[float, Knob("0.15", "real", "0", "1", "chance that somebody without a position opens one at a look", basis="chosen: one looker in seven acts, so that open interest is near $40M; half or twice of it gives half or twice the interest")]  # fmt: skip

    leverage_milli: A[int, Knob("10x", "leverage", "1x", "150x", "leverage he opens with, if the margin schedule lets him", basis="literature: mean leverage of liquidated BitMEX traders 58x (Cheng et al., arXiv 2102.04591) where 100x was offered; here at most 20x is; half or twice is what groups are for")]  # fmt: skip
    close_chance: A[float, Knob("0.09", "real", "0", "1", "chance that somebody with a position closes it at a look", basis="chosen: a position lives nine trading days, so that a day trades .1 to .5 of open interest; not half, because open interest would grow for weeks; not twice, because a day would trade all of it")]  # fmt: skip
    long_bias: A[float, Knob("0.6", "real", "0", "1", "chance of a long without trend and crowd", basis="literature: retail is long more often than short; 55 to 65 % of open interest is aimed at")]  # fmt: skip
    trend: A[float, Knob("2", "real", "-50", "50", "change of that chance per 1 of log return since he last looked (negative: contrarian)", basis="chosen: 2 % up makes a long 4 points likelier; not half, because then there is no trend in it; not twice, because one-sided weeks would leave the band of 55 to 65 %")]  # fmt: skip
    herd: A[float, Knob("0.15", "real", "0", "1", "change of that chance when all he follows are on one side", basis="chosen: a nudge; not half, because the graph would not matter; not twice, because half the crowd would tip together")]  # fmt: skip
    use: A[float, Knob("0.9", "real", "0.01", "1", "share of his equity that backs a position", basis="chosen: fees and a little air; not half, which is half the leverage; not twice, which is more than there is")]  # fmt: skip
    stop_chance: A[float, Knob("0.3", "real", "0", "1", "chance that he leaves a stop", basis="chosen: most do not; not half, because stops are a path of the cascade; not twice, because then liquidation would be rare")]  # fmt: skip
    stop_share: A[float, Knob("0.6", "real", "0.05", "0.95", "loss at which the stop waits, share of the margin put up", basis="chosen: before liquidation, which comes at about half at 20x and nine tenths at 5x; not half, because noise would fire it; not twice, which is beyond liquidation")]  # fmt: skip
    thin: A[float, Knob("1.4", "real", "1", "10", "equity over maintenance below which he is worried", basis="chosen: a 1 % move away at 20x; half or twice is a calmer or blinder crowd")]  # fmt: skip
    panic: A[float, Knob("0.3", "real", "0", "1", "chance that the worried close", basis="chosen: a third; not half, because nobody would sell early; not twice, because most liquidations would be forestalled")]  # fmt: skip
    top_up: A[float, Knob("0.3", "real", "0", "1", "chance that the worried who do not close add a quarter of their first deposit", basis="chosen: a third, as panic; half or twice moves liquidations later or sooner")]  # fmt: skip
    return_chance: A[float, Knob("0.3", "real", "0", "1", "chance at a look that somebody who lost it all deposits again", basis="chosen: a pause of three looks; not half, because the crowd would thin out over eight weeks; not twice, because losses would not hurt anybody")]  # fmt: skip
    tickers_each: A[int, Knob("1", "count", "1", "10", "tickers he trades, drawn at his first look", basis="chosen: one, as in a market of one ticker; scenarios of several say more; half of one is nobody; twice or three times is what carries trouble from one ticker to another")]  # fmt: skip
    apart: A[float, Knob("1", "real", "0", "1", "chance that he keeps a ticker in its isolated bucket, in a group whose mode is isolated; the others share his account", basis="chosen: all, which is what the mode says; not half, because that is an account with buckets beside it, which a scenario asks for; not twice, because there are no more than all")]  # fmt: skip
    losses: A[int, Column("i8", "count", "times he lost it all")]
    sent_us: A[int, Column("i8", "us", "when he last sent for money")]


class Sight:
    """What he last saw of his further tickers (row = retail x T + ticker)."""

    seen_usd: A[float, Column("f8", "usd", "mark when he last looked, or 0")]


retail = table(Retail)
sights = table(Sight)


@kernel
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Look, then manage the positions there are or think about new ones, ticker by ticker."""
    me = retail(crowd)[row]
    if me.stake_usd == 0.0:
        begin(world, crowd, agent, row)
    held = position_lots(world, crowd, agent, me.ticker)
    side = 1 if held > 0 else (-1 if held < 0 else 0)
    further = me.further
    while further != 0:
        other = position_lots(world, crowd, agent, lowest_bit(further))
        side += 1 if other > 0 else (-1 if other < 0 else 0)
        further &= further - 1
    lean_to(crowd, agent, 1 if side > 0 else (-1 if side < 0 else 0))
    me.seen_usd = look(world, crowd, agent, row, me.ticker, me.seen_usd)
    further = me.further
    while further != 0:
        ticker = lowest_bit(further)
        further &= further - 1
        seen = sights(crowd)[row * tickers(world) + ticker]
        seen.seen_usd = look(world, crowd, agent, row, ticker, seen.seen_usd)
    return sleep_us(world, crowd, agent, me.mean_sleep_us, me.extended, me.night, me.weekend)


@kernel
def begin(world: World, crowd: World, agent: int, row: int) -> None:
    """His first look: what he brings, which tickers he trades, and which of them he keeps apart."""
    me = retail(crowd)[row]
    me.stake_usd = equity_usd(world, crowd, agent)
    there_are = tickers(world)
    me.ticker = int(uniform(world, crowd, agent, CHOICE) * there_are)
    if me.apart < 1.0:
        keep_together(crowd, agent, me.ticker, 1 if uniform(world, crowd, agent, CHOICE) >= me.apart else 0)
    for chosen in range(1, min(me.tickers_each, there_are)):
        place = int(uniform(world, crowd, agent, CHOICE) * (there_are - chosen))
        for ticker in range(there_are):
            if ticker == me.ticker or me.further >> ticker & 1 == 1:
                continue
            if place == 0:
                me.further |= 1 << ticker
                if me.apart < 1.0:
                    keep_together(crowd, agent, ticker, 1 if uniform(world, crowd, agent, CHOICE) >= me.apart else 0)
                break
            place -= 1


@kernel
def look(world: World, crowd: World, agent: int, row: int, ticker: int, seen_usd: float) -> float:
    """Manage the position in a ticker, or think about a new one; returns the mark he saw."""
    mark = mark_usd(world, ticker)
    if in_liquidation(world, crowd, agent, ticker) == 0:
        held = position_lots(world, crowd, agent, ticker)
        prefetch_trading(world, crowd, agent, ticker)
        if held != 0:
            manage(world, crowd, agent, row, ticker, held)
        else:
            enter(world, crowd, agent, row, ticker, mark, seen_usd)
    return mark


@kernel
def manage(world: World, crowd: World, agent: int, row: int, ticker: int, held: int) -> None:
    """Close, or worry about the margin."""
    me = retail(crowd)[row]
    leaves = uniform(world, crowd, agent, CHOICE) < me.close_chance
    worth = trading_equity_usd(world, crowd, agent, ticker)
    worried = worth < me.thin * maintenance_usd(world, crowd, agent, ticker)
    if worried and not leaves:
        leaves = uniform(world, crowd, agent, CHOICE) < me.panic
        if not leaves and uniform(world, crowd, agent, CHOICE) < me.top_up:
            send_for(world, crowd, agent, row, 0.25 * me.stake_usd)
            fund_bucket(world, crowd, agent, ticker, 0.5 * max(0.0, spare_usd(world, crowd, agent)))
    if leaves:
        drop_stops(world, crowd, agent, ticker)
        side = SELL if held > 0 else BUY
        order(world, crowd, agent, ticker, PERP, side, 0, abs(held), MARKET, REDUCE_ONLY)


@kernel
def wealth_usd(world: World, crowd: World, agent: int, row: int) -> float:
    """Equity of his own account and of the buckets he trades from, dollars."""
    me = retail(crowd)[row]
    wealth = equity_usd(world, crowd, agent)
    if me.further != 0:
        mine = me.further | 1 << me.ticker
        while mine != 0:
            ticker = lowest_bit(mine)
            mine &= mine - 1
            if traded_apart(world, crowd, agent, ticker) == 1:
                wealth += trading_equity_usd(world, crowd, agent, ticker)
    return wealth


@kernel
def is_flat(world: World, crowd: World, agent: int, row: int) -> int:
    """1 where he has no position in any of his tickers."""
    me = retail(crowd)[row]
    mine = me.further | 1 << me.ticker
    while mine != 0:
        if position_lots(world, crowd, agent, lowest_bit(mine)) != 0:
            return 0
        mine &= mine - 1
    return 1


@kernel
def enter(world: World, crowd: World, agent: int, row: int, ticker: int, mark: float, seen_usd: float) -> None:
    """Perhaps open a position; one who has lost nearly all may bring his stake again instead."""
    me = retail(crowd)[row]
    empty_bucket(world, crowd, agent, ticker)
    worth = wealth_usd(world, crowd, agent, row)
    if worth < 0.2 * me.stake_usd:
        if is_flat(world, crowd, agent, row) == 1 and uniform(world, crowd, agent, FLOW) < me.return_chance:
            me.losses += send_for(world, crowd, agent, row, me.stake_usd - worth)
        return
    if worth > 3.0 * me.stake_usd:
        withdraw(world, crowd, agent, min(worth - 1.5 * me.stake_usd, spare_usd(world, crowd, agent)))
        return
    if uniform(world, crowd, agent, CHOICE) >= me.open_chance:
        return
    change = mark / seen_usd - 1.0 if seen_usd > 0.0 else 0.0
    chance_long = me.long_bias + me.trend * change
    if me.herd != 0.0:
        chance_long += me.herd * crowd_lean(crowd, agent)
    side = BUY if uniform(world, crowd, agent, SIDE) < chance_long else SELL
    margin = worth * me.use / min(me.tickers_each, tickers(world))
    notional = affordable(world, ticker, margin, me.leverage_milli / 1000.0)
    notional *= 0.7 + 0.3 * uniform(world, crowd, agent, SIZE)
    size = lots(world, ticker, PERP, notional / mark)
    if size == 0:
        return
    if fund_bucket(world, crowd, agent, ticker, margin) == 0:
        return
    order(world, crowd, agent, ticker, PERP, side, 0, size, MARKET, 0)
    if uniform(world, crowd, agent, CHOICE) < me.stop_chance:
        loss = me.stop_share * margin / notional
        opposite = SELL if side == BUY else BUY
        stop(world, crowd, agent, ticker, opposite, ticks(world, ticker, PERP, mark * (1.0 - side * loss)), size)


@kernel
def send_for(world: World, crowd: World, agent: int, row: int, usd: float) -> int:
    """Deposit, unless an earlier one may still be on its way; 1 where he did."""
    me = retail(crowd)[row]
    if now_us(world) - me.sent_us < ON_ITS_WAY_US:
        return 0
    me.sent_us = now_us(world)
    deposit(world, crowd, agent, usd)
    return 1


@kernel
def affordable(world: World, ticker: int, margin_usd: float, leverage: float) -> float:
    """The largest notional up to `leverage` x margin whose initial margin leaves air for fees and slippage, dollars."""
    notional = margin_usd * leverage
    for _ in range(8):
        needed = initial_margin_usd(world, ticker, notional) + 0.006 * notional
        if needed <= margin_usd:
            return notional
        notional *= max(0.5, 0.995 * margin_usd / needed)
    return notional
