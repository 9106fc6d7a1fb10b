"""Bars: what the market looked like at each full minute, and who stood with how much leverage each five minutes.

BAR-1  A bar shows the state after the second's prices, funding and risk; volumes count from the run's beginning.
BAR-2  Leverage of a position is its account's gross notional over equity; open interest is counted on the long side.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.accounts import BACKSTOP, HOUSES, INSURANCE, POOL, USD, amount
from offhours.sim.market.book import NO_ASK, NO_BID, books, depth_lots
from offhours.sim.market.clock import BAR_LOG, LEVERAGE_LOG, clock, log_row, phase
from offhours.sim.market.funding import fundings
from offhours.sim.market.margin import equity, gross_notional, notional
from offhours.sim.market.oracle import oracles
from offhours.sim.market.orders import BUY, SELL
from offhours.sim.market.positions import interests
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.stock import stocks

BUCKETS = 6
BUCKET_EDGES = (2.0, 5.0, 10.0, 15.0, 20.0)
"""Upper edges of the leverage buckets; the last bucket is above 20x or without equity."""
DEPTH_PPB = 5_000_000


class Bar:
    """One ticker at one full minute."""

    time_us: A[int, Column("i8", "us", "the minute's end")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    phase: A[int, Column("i8", "code", "phase of the week")]
    stock_visible: A[int, Column("i8", "flag", "1 where the stock has a public price")]
    stock_usd: A[float, Column("f8", "usd", "the stock's own value, seen or not")]
    index_usd: A[float, Column("f8", "usd", "index")]
    mark_ticks: A[int, Column("i8", "ticks", "mark")]
    index_state: A[int, Column("i8", "code", "live, held, missing")]
    perp_bid_ticks: A[int, Column("i8", "ticks", "best bid of the perp book, or 0")]
    perp_ask_ticks: A[int, Column("i8", "ticks", "best ask of the perp book, or 0")]
    perp_last_ticks: A[int, Column("i8", "ticks", "last trade of the perp book, or 0")]
    token_bid_ticks: A[int, Column("i8", "ticks", "best bid of the token book, or 0")]
    token_ask_ticks: A[int, Column("i8", "ticks", "best ask of the token book, or 0")]
    token_last_ticks: A[int, Column("i8", "ticks", "last trade of the token book, or 0")]
    perp_bid_lots: A[int, Column("i8", "lots", "perp bids within 50 bp of the mark")]
    perp_ask_lots: A[int, Column("i8", "lots", "perp asks within 50 bp of the mark")]
    perp_lots: A[int, Column("i8", "lots", "perp volume since the run (its warm-up) began")]
    token_lots: A[int, Column("i8", "lots", "token volume since the run (its warm-up) began")]
    interest_lots: A[int, Column("i8", "lots", "open interest")]
    backstop_lots: A[int, Column("i8", "lots", "position of the backstop")]
    impact_spread_ppb: A[int, Column("i8", "ppb", "distance of the perp's impact prices over their mid, or -1")]
    premium_ppb: A[int, Column("i8", "ppb", "last premium of impact mid over index")]
    rate_ppb: A[int, Column("i8", "ppb", "funding rate being paid, per interval")]
    backstop_uusd: A[int, Column("i8", "uusd", "equity of the backstop")]
    pool_uusd: A[int, Column("i8", "uusd", "dollars of the liquidity pool")]
    insurance_uusd: A[int, Column("i8", "uusd", "equity of the insurance fund")]


class Leverage:
    """Open interest of one ticker by leverage."""

    time_us: A[int, Column("i8", "us", "when")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    bucket: A[int, Column("i8", "code", "leverage bucket")]
    long_uusd: A[int, Column("i8", "uusd", "notional of longs in the bucket")]
    short_uusd: A[int, Column("i8", "uusd", "notional of shorts in the bucket")]
    accounts: A[int, Column("i8", "count", "accounts in the bucket with a position")]


bars = table(Bar, recorded=True)
leverages = table(Leverage, recorded=True)


@kernel
@rare
def write_bar(world: World, ticker: int) -> None:
    """Record a ticker's minute (BAR-1)."""
    row = bars(world)[log_row(world, BAR_LOG)]
    o, s, f = oracles(world)[ticker], stocks(world)[ticker], fundings(world)[ticker]
    perp, token = books(world)[2 * ticker], books(world)[2 * ticker + 1]
    row.time_us = clock(world)[0].now_us
    row.ticker = ticker
    row.phase = phase(world)
    row.stock_visible = s.visible
    row.stock_usd = s.value_usd
    row.index_usd = o.index_usd
    row.mark_ticks = o.mark_ticks
    row.index_state = o.state
    row.perp_bid_ticks = perp.best_bid
    row.perp_ask_ticks = 0 if perp.best_ask == NO_ASK else perp.best_ask
    row.perp_last_ticks = perp.last_ticks
    row.token_bid_ticks = token.best_bid
    row.token_ask_ticks = 0 if token.best_ask == NO_ASK else token.best_ask
    row.token_last_ticks = token.last_ticks
    away = o.mark_ticks * DEPTH_PPB // 1_000_000_000
    row.perp_bid_lots = 0 if perp.best_bid == NO_BID else depth_lots(world, 2 * ticker, BUY, o.mark_ticks - away)
    row.perp_ask_lots = 0 if perp.best_ask == NO_ASK else depth_lots(world, 2 * ticker, SELL, o.mark_ticks + away)
    row.perp_lots = perp.volume_lots
    row.token_lots = token.volume_lots
    row.interest_lots = interests(world)[ticker].long_lots
    row.backstop_lots = position_size(world, BACKSTOP, ticker)
    row.impact_spread_ppb = o.impact_spread_ppb
    row.premium_ppb = o.premium_ppb
    row.rate_ppb = f.rate_ppb
    row.backstop_uusd = equity(world, BACKSTOP)
    row.pool_uusd = amount(world, POOL, USD)
    row.insurance_uusd = equity(world, INSURANCE)


@kernel
def leverage_bucket(gross_uusd: int, equity_uusd: int) -> int:
    """Bucket of an account's leverage (BAR-2)."""
    if equity_uusd <= 0:
        return BUCKETS - 1
    leverage = float(gross_uusd) / float(equity_uusd)
    for bucket in range(BUCKETS - 1):
        if leverage <= BUCKET_EDGES[bucket]:
            return bucket
    return BUCKETS - 1


@kernel
@rare
def write_leverage(world: World) -> None:
    """Record open interest by leverage for all tickers (BAR-2)."""
    c = clock(world)[0]
    first = log_row(world, LEVERAGE_LOG)
    for _ in range(BUCKETS * c.tickers - 1):
        log_row(world, LEVERAGE_LOG)
    for ticker in range(c.tickers):
        for bucket in range(BUCKETS):
            row = leverages(world)[first + ticker * BUCKETS + bucket]
            row.time_us = c.now_us
            row.ticker = ticker
            row.bucket = bucket
            row.long_uusd = 0
            row.short_uusd = 0
            row.accounts = 0
    for account in range(HOUSES, c.accounts):
        gross = gross_notional(world, account)
        if gross == 0:
            continue
        bucket = leverage_bucket(gross, equity(world, account))
        for ticker in range(c.tickers):
            lots = position_size(world, account, ticker)
            if lots != 0:
                row = leverages(world)[first + ticker * BUCKETS + bucket]
                row.accounts += 1
                if lots > 0:
                    row.long_uusd += notional(world, account, ticker)
                else:
                    row.short_uusd += notional(world, account, ticker)


@kernel
def mid_usd(world: World, book: int, tick_usd: float) -> float:
    """Mid of a book's best prices in dollars, or -1 where a side is empty."""
    b = books(world)[book]
    if b.best_bid == NO_BID or b.best_ask == NO_ASK:
        return -1.0
    return (b.best_bid + b.best_ask) / 2.0 * tick_usd
