"""The stock: a value that never sleeps, a quote while its exchange is open, and a broker who trades at that quote.

STOCK-1  The value moves on its own grid of whole seconds, with draws that belong to (seed, ticker, second): in a session it
         diffuses, the session's scale being random; in a closed window it follows the news (GAP-1 to GAP-5).
STOCK-2  Tickers are correlated through one market draw a second, and only through it.
STOCK-3  A quote exists while the phase is visible and never in a halt; bid and ask are rounded outwards to the cent. What was
         seen last stays readable. The first quote after a time without one is recorded.
STOCK-4  The broker buys at the bid and sells at the ask, plus temporary impact Y sd sqrt(Q/V) of the daily volume V, while
         there is a quote. Impact is paid by who trades and leaves no trace in the value: the stock is far larger than this market.
STOCK-5  Nobody sells shares that he does not hold, nor spends more than his dollars at the broker.
STOCK-6  A ticker may replay given prices instead: its value at a second is the last price at or before it.
STOCK-7  A move may be given from one instant to another at any hour: it is laid over what the value does otherwise, evenly in the
         logarithm, and stays. It is nobody's news before it begins.
"""

from __future__ import annotations

from math import ceil, sqrt

from offhours.sim.chance import LATENT, normal
from offhours.sim.compile import kernel, rare
from offhours.sim.curves import exp, log
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import BROKER, BROKER_USD, STOCK_TRADE, available, share_asset, transfer
from offhours.sim.market.clock import FIRST_PRICE_LOG, POST, PRE, REGULAR, SECOND_US, clock, log_row, phase
from offhours.sim.market.clock import visible as is_visible
from offhours.sim.market.gap import (
    MARKET_WHO,
    NO_CANDIDATE,
    NOTHING_BEGAN,
    SESSION,
    SESSION_SECONDS,
    WINDOW_BEGAN,
    accrue,
    candidate_variance,
    earnings_jump,
    expose,
    exposures,
    next_release_us,
    own_draw,
    own_weight,
    plan_of,
    start,
    stock_plans,
    turn,
    windows,
)
from offhours.sim.market.halts import attend as attend_halts
from offhours.sim.market.halts import begin as begin_halts
from offhours.sim.market.halts import halted, watch
from offhours.sim.market.matching import ACCEPTED, BAD_SIZE, MARKET_CLOSED, NOT_ENOUGH_FUNDS, refuse
from offhours.sim.market.money import MICRO, PPB, RATE_MOST_PPB, share_down, share_up

CENT_UUSD = 10_000


class StockRules:
    """One row per ticker: the stock and the venue where it trades."""

    price_uusd: A[int, Knob("$100", "uusd", "$1", "$100,000", "value of a share when the run begins", basis="chosen: a round number that every ticker's own file replaces; nothing but rounding to the tick depends on it, so neither half nor twice matters")]  # fmt: skip
    daily_volatility_ppb: A[int, Knob("3 %", "ppb", "0 %", "30 %", "standard deviation of a trading day's log return", basis="measured: median of 36 US tickers 2020-06-01..2026-09-24, .95 x the 95 % quantile of weekday night gaps (RaYYeR220/ballast; the ratio from QuantConnect/Lean)")]  # fmt: skip
    loading: A[float, Knob("0.55", "real", "-0.99", "0.99", "correlation of the stock with the market's draw", basis="measured: between the loadings of FB (.62 overnight, .50 in hours) and TSLA (.47 to SPYx), 2012-2021 and spring 2026 (QuantConnect/Lean, mkzung/solana-xstocks-wash-analysis); half is a stock apart, like Circle at a third, and twice is no correlation")]  # fmt: skip
    spread_ppb: A[int, Knob("2 bp", "ppb", "0 bp", "5 %", "quoted spread in regular hours, before rounding outwards to the cent", basis="chosen: SPY shows .2 to .6 bp and the stocks here are thinner; not half, because that is the mega-caps' spread; not twice, because 4 bp is a small company's")]  # fmt: skip
    spread_pre: A[float, Knob("2.5", "real", "1", "100", "spread before 09:30 over that of regular hours", basis="measured: SPY minute quotes, 2.0 on 2013-10-07 and 3.0 on 2023-08-03 (QuantConnect/Lean)")]  # fmt: skip
    spread_post: A[float, Knob("3", "real", "1", "100", "spread after 16:00 over that of regular hours", basis="measured: SPY minute quotes, 2.0 on 2013-10-07 and 4.0 on 2023-08-03 (QuantConnect/Lean)")]  # fmt: skip
    spread_night: A[float, Knob("8", "real", "1", "100", "spread from 20:00 to 04:00 over that of regular hours, where that session exists", basis="chosen: no quotes of a night session were found; not half, because the pre-market has 2.5 with far more volume; not twice, because index futures quote all night")]  # fmt: skip
    impact: A[float, Knob("1", "real", "0", "20", "impact of an order of a day's volume, in daily standard deviations", basis="literature: square-root law with a factor of order one (Donier and Bonart, arXiv 1412.4503)")]  # fmt: skip
    impact_extended: A[float, Knob("3.5", "real", "1", "20", "impact outside regular hours over that within", basis="measured: root of the ratio of SPY's volume per hour, 5.1 before 09:30 and 2.4 after 16:00, 2013-10-07 and 2023-08-03 (QuantConnect/Lean)")]  # fmt: skip
    volume_uusd: A[int, Knob("$5B", "uusd", "$1M", "$1000B", "dollars traded on a day", basis="chosen: between HOOD's and GOOGL's; impact goes with its root, so half or twice moves it by 1.4")]  # fmt: skip


class Stock:
    """One row per ticker."""

    key: A[int, Column("i8", "key", "whose draws its own are: a number made of the ticker's name")]
    value_usd: A[float, Column("f8", "usd", "the value, seen or not")]
    log_usd: A[float, Column("f8", "", "its logarithm")]
    aim_log: A[float, Column("f8", "", "where the bridge of the closed window ends, jumps still to come apart")]
    noise_market: A[float, Column("f8", "", "spread by the market's draws, over a whole window or a session's second")]
    noise_own: A[float, Column("f8", "", "spread by its own draws")]
    jump: A[float, Column("f8", "", "its own jump still to come, log return")]
    jump_share: A[float, Column("f8", "share", "when it comes, on the information clock")]
    market_jump: A[float, Column("f8", "", "its part of the market's jump still to come, log return")]
    surprise: A[float, Column("f8", "", "part of a given return that comes at the open, log return")]
    given: A[int, Column("i8", "flag", "1 where the current window's return is given")]
    release_us: A[int, Column("i8", "us", "its next earnings release, or NEVER_US")]
    replay_row: A[int, Column("i8", "row", "row of the replay table last used")]
    replay_end: A[int, Column("i8", "row", "row after its last; 0 where nothing is replayed")]
    visible: A[int, Column("i8", "flag", "1 where there is a quote now")]
    bid_uusd: A[int, Column("i8", "uusd", "bid seen last")]
    ask_uusd: A[int, Column("i8", "uusd", "ask seen last")]
    quote_us: A[int, Column("i8", "us", "when it was seen")]
    first_us: A[int, Column("i8", "us", "first quote after the last time without one, 0 before there was any")]
    first_usd: A[float, Column("f8", "usd", "its mid")]


class StockReplay:
    """One row a given price; those of a ticker are consecutive, in order of time. A row without a price is empty."""

    ticker: A[int, Column("i8", "ticker", "whose price it is")]
    time_us: A[int, Column("i8", "us", "from when")]
    price_usd: A[float, Column("f8", "usd", "value of a share")]


class StockMove:
    """One row a given move (STOCK-7)."""

    ticker: A[int, Column("i8", "ticker", "whose value moves, or NO_TICKER")]
    from_us: A[int, Column("i8", "us", "from when")]
    to_us: A[int, Column("i8", "us", "until when")]
    log_return: A[float, Column("f8", "", "logarithm of the value at the end over what it would have been")]


class FirstPrice:
    """One row a first quote after a time without one (STOCK-3)."""

    time_us: A[int, Column("i8", "us", "when")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    phase: A[int, Column("i8", "code", "phase of the week")]
    since_us: A[int, Column("i8", "us", "when a quote was last seen before")]
    before_usd: A[float, Column("f8", "usd", "mid of that quote")]
    price_usd: A[float, Column("f8", "usd", "mid of the first quote")]


stock_rules = table(StockRules)
stocks = table(Stock)
stock_replays = table(StockReplay)
stock_moves = table(StockMove)
first_prices = table(FirstPrice, recorded=True)


@kernel
def begin(world: World, ticker: int) -> None:
    """Start a ticker at its given price when the market is built, after clock, phases, rules and the ticker's key."""
    rules, s, now_us = stock_rules(world)[ticker], stocks(world)[ticker], clock(world)[0].now_us
    start(world, now_us)
    expose(world, ticker, s.key, rules.daily_volatility_ppb / PPB, rules.loading)
    s.value_usd = rules.price_uusd / MICRO
    s.log_usd = log(s.value_usd)
    s.aim_log = s.log_usd
    s.release_us = next_release_us(world, ticker, now_us - 1)
    _find_replay(world, ticker)
    if s.replay_end > 0:
        _replay(world, ticker, now_us)
    begin_halts(world, ticker, s.value_usd)
    s.visible = is_visible(world)
    write_quote(world, ticker)


@kernel
def _find_replay(world: World, ticker: int) -> None:
    """Note which rows of the replay table are a ticker's."""
    s = stocks(world)[ticker]
    s.replay_end = 0
    for row in range(len(stock_replays(world))):
        given = stock_replays(world)[row]
        if given.ticker == ticker and given.price_usd > 0.0:
            if s.replay_end == 0:
                s.replay_row = row
            assert s.replay_end == 0 or s.replay_end == row, "the replayed prices of a ticker are consecutive"
            s.replay_end = row + 1


@kernel
def advance(world: World, until_us: int) -> None:
    """Bring all values to an instant, second by second, and the quotes with them (STOCK-1)."""
    w = windows(world)[0]
    tickers = clock(world)[0].tickers
    while w.grid_us + SECOND_US <= until_us:
        began = turn(world)
        for ticker in range(tickers):
            if began == WINDOW_BEGAN:
                begin_window(world, ticker)
            elif began != NOTHING_BEGAN:
                begin_session(world, ticker)
        accrue(world)
        market = normal(clock(world)[0].seed, LATENT, MARKET_WHO, w.grid_us // SECOND_US)
        for ticker in range(tickers):
            move(world, ticker, market)
    attend_halts(world)
    for ticker in range(tickers):
        watch(world, ticker, stocks(world)[ticker].value_usd)
    for ticker in range(tickers):
        refresh_quote(world, ticker)


@kernel
@rare
def begin_window(world: World, ticker: int) -> None:
    """At a regular close: set where the ticker's bridge ends, how it shakes and which jumps are to come."""
    s, w, e = stocks(world)[ticker], windows(world)[0], exposures(world)[ticker]
    own = own_weight(e.loading)
    aim, sd, jump, jump_share = own_draw(world, e.key)
    plan = plan_of(world, ticker, w.close_us)
    if plan >= 0:
        given = stock_plans(world)[plan]
        assert given.to_us == w.open_us, "a given return ends where its window does"
        sd = sqrt(candidate_variance(world, e.key, w.candidate))
        s.surprise = given.log_return * given.surprise
        s.aim_log = s.log_usd + given.log_return - s.surprise
        s.jump = 0.0
        s.given = 1
    else:
        s.surprise = 0.0
        s.aim_log = s.log_usd + e.daily_sd * (e.loading * w.market_aim + own * aim)
        s.jump = e.daily_sd * own * jump
        s.given = 0
    s.jump_share = jump_share
    s.market_jump = e.daily_sd * e.loading * w.market_jump
    # What the bell brings as a surprise moved nobody before: the path shakes by the rest only.
    known = 1.0 - stock_plans(world)[plan].surprise if plan >= 0 else 1.0
    s.noise_market = e.daily_sd * e.loading * w.market_sd * known
    s.noise_own = e.daily_sd * own * sd * known
    assert w.candidate != NO_CANDIDATE or s.given == 0


@kernel
@rare
def begin_session(world: World, ticker: int) -> None:
    """At a regular open: set how much the ticker moves a second."""
    s, w, e = stocks(world)[ticker], windows(world)[0], exposures(world)[ticker]
    _, sd, _, _ = own_draw(world, e.key)
    second = sqrt(1.0 / SESSION_SECONDS)
    s.noise_market = e.daily_sd * e.loading * w.market_sd * second
    s.noise_own = e.daily_sd * own_weight(e.loading) * sd * second


@kernel
def move(world: World, ticker: int, market: float) -> None:
    """Move a ticker's value to the grid, given the market's normal draw of this second (STOCK-1, STOCK-2)."""
    s, w = stocks(world)[ticker], windows(world)[0]
    if s.replay_end > 0:
        _replay(world, ticker, w.grid_us)
        return
    own = normal(clock(world)[0].seed, LATENT, exposures(world)[ticker].key, w.grid_us // SECOND_US)
    shake = s.noise_market * market + s.noise_own * own
    drift = given_drift(world, ticker, w.grid_us)
    s.log_usd += drift
    if w.kind == SESSION:
        s.log_usd += shake
    else:
        s.aim_log += drift
        _jump(world, ticker)
        if w.share >= 1.0:
            s.log_usd = s.aim_log + s.surprise
            s.aim_log = s.log_usd
        else:
            s.log_usd += bridge(s.aim_log - s.log_usd, w.share_before, w.share, shake)
    if w.grid_us >= s.release_us:
        _report(world, ticker)
    s.value_usd = exp(s.log_usd)


@kernel
def given_drift(world: World, ticker: int, now_us: int) -> float:
    """Log return of a ticker in the second that ends at an instant, by the moves that are given (STOCK-7)."""
    drift = 0.0
    for row in range(len(stock_moves(world))):
        given = stock_moves(world)[row]
        if given.ticker == ticker and given.from_us < now_us <= given.to_us:
            drift += given.log_return * (SECOND_US / (given.to_us - given.from_us))
    return drift


@kernel
def bridge(left: float, share_before: float, share: float, shake: float) -> float:
    """Step of a Brownian bridge between two readings of its clock, `left` from its end, shaken by `shake`."""
    step = share - share_before
    rest = 1.0 - share_before
    return left * (step / rest) + sqrt(step * (1.0 - share) / rest) * shake


@kernel
@rare
def _jump(world: World, ticker: int) -> None:
    """Let the jumps happen whose time has come."""
    s, w = stocks(world)[ticker], windows(world)[0]
    if s.jump != 0.0 and w.share >= s.jump_share:
        s.log_usd += s.jump
        s.aim_log += s.jump
        s.jump = 0.0
    if s.market_jump != 0.0 and w.share >= w.market_jump_share:
        s.log_usd += s.market_jump
        s.aim_log += s.market_jump
        s.market_jump = 0.0


@kernel
def _report(world: World, ticker: int) -> None:
    """Earnings are out. A given return has them in it."""
    s = stocks(world)[ticker]
    if s.given == 0 or windows(world)[0].kind == SESSION:
        jump = earnings_jump(world, ticker, s.release_us)
        s.log_usd += jump
        s.aim_log += jump
    s.release_us = next_release_us(world, ticker, s.release_us)


@kernel
@rare
def _replay(world: World, ticker: int, now_us: int) -> None:
    """Take the last given price at or before an instant (STOCK-6)."""
    s = stocks(world)[ticker]
    row = s.replay_row
    while row + 1 < s.replay_end and stock_replays(world)[row + 1].time_us <= now_us:
        row += 1
    s.replay_row = row
    s.value_usd = stock_replays(world)[row].price_usd
    s.log_usd = log(s.value_usd)


@kernel
def spread_ppb(world: World, ticker: int) -> float:
    """Quoted spread in the current phase, in parts per billion of the value."""
    rules, code = stock_rules(world)[ticker], phase(world)
    wider = 1.0
    if code == PRE:
        wider = rules.spread_pre
    elif code == POST:
        wider = rules.spread_post
    elif code != REGULAR:
        wider = rules.spread_night
    return rules.spread_ppb * wider


@kernel
def refresh_quote(world: World, ticker: int) -> None:
    """Show the value as a quote where the phase allows, and record the first one after a time without (STOCK-3)."""
    s, now_us = stocks(world)[ticker], clock(world)[0].now_us
    was, seen_us, seen_usd = s.visible, s.quote_us, mid_usd(world, ticker)
    s.visible = 1 if is_visible(world) == 1 and halted(world, ticker) == 0 else 0
    write_quote(world, ticker)
    if s.visible and not was:
        s.first_us = now_us
        s.first_usd = mid_usd(world, ticker)
        row = first_prices(world)[log_row(world, FIRST_PRICE_LOG)]
        row.time_us = now_us
        row.ticker = ticker
        row.phase = phase(world)
        row.since_us = seen_us
        row.before_usd = seen_usd
        row.price_usd = s.first_usd


@kernel
def write_quote(world: World, ticker: int) -> None:
    """Round the value outwards to bid and ask. Where nothing was seen yet, the value at the start stands for it."""
    s = stocks(world)[ticker]
    if s.visible == 0 and s.bid_uusd > 0:
        return
    half = s.value_usd * spread_ppb(world, ticker) / (2.0 * PPB)
    s.bid_uusd = max(1, int((s.value_usd - half) * MICRO / CENT_UUSD)) * CENT_UUSD
    s.ask_uusd = max(ceil((s.value_usd + half) * MICRO / CENT_UUSD) * CENT_UUSD, s.bid_uusd + CENT_UUSD)
    s.quote_us = clock(world)[0].now_us


@kernel
def mid_usd(world: World, ticker: int) -> float:
    """Middle of the quote seen last, dollars per share."""
    s = stocks(world)[ticker]
    return (s.bid_uusd + s.ask_uusd) / 2.0 / MICRO


@kernel
def quote_usd(world: World, ticker: int) -> float:
    """Middle of the quote there is now, dollars per share, or -1 where there is none."""
    return mid_usd(world, ticker) if stocks(world)[ticker].visible == 1 else -1.0


@kernel
def impact_ppb(value_uusd: int, volume_uusd: int, daily_sd: float, factor: float) -> int:
    """Impact of an order, `factor` x sd x sqrt(order / daily volume), rounded against who trades (STOCK-4)."""
    assert value_uusd >= 0 and volume_uusd > 0
    return ceil(min(factor * daily_sd * sqrt(value_uusd / volume_uusd) * PPB, 1.0 * RATE_MOST_PPB))


@kernel
def order_impact_ppb(world: World, ticker: int, value_uusd: int) -> int:
    """Impact of an order of a value in the current phase."""
    rules = stock_rules(world)[ticker]
    factor = rules.impact if phase(world) == REGULAR else rules.impact * rules.impact_extended
    return impact_ppb(value_uusd, rules.volume_uusd, exposures(world)[ticker].daily_sd, factor)


@kernel
def cost_uusd(world: World, ticker: int, ushares: int) -> int:
    """What shares cost at the ask with impact, rounded up."""
    ask_uusd = stocks(world)[ticker].ask_uusd
    value = ushares // MICRO * ask_uusd - (-(ushares % MICRO * ask_uusd) // MICRO)
    return value + share_up(value, order_impact_ppb(world, ticker, value))


@kernel
def proceeds_uusd(world: World, ticker: int, ushares: int) -> int:
    """What shares bring at the bid with impact, rounded down; never below nothing."""
    bid_uusd = stocks(world)[ticker].bid_uusd
    value = ushares // MICRO * bid_uusd + ushares % MICRO * bid_uusd // MICRO
    return share_down(value, max(0, PPB - order_impact_ppb(world, ticker, value)))


@kernel
def buy(world: World, account: int, ticker: int, ushares: int) -> int:
    """Buy shares at the broker (STOCK-4, STOCK-5). ACCEPTED or a refusal."""
    if stocks(world)[ticker].visible == 0:
        return refuse(world, MARKET_CLOSED)
    if ushares <= 0:
        return refuse(world, BAD_SIZE)
    cost = cost_uusd(world, ticker, ushares)
    if cost > available(world, account, BROKER_USD):
        return refuse(world, NOT_ENOUGH_FUNDS)
    transfer(world, BROKER_USD, account, BROKER, cost, STOCK_TRADE)
    transfer(world, share_asset(ticker), BROKER, account, ushares, STOCK_TRADE)
    return ACCEPTED


@kernel
def sell(world: World, account: int, ticker: int, ushares: int) -> int:
    """Sell shares at the broker (STOCK-4, STOCK-5). ACCEPTED or a refusal."""
    if stocks(world)[ticker].visible == 0:
        return refuse(world, MARKET_CLOSED)
    if ushares <= 0:
        return refuse(world, BAD_SIZE)
    if ushares > available(world, account, share_asset(ticker)):
        return refuse(world, NOT_ENOUGH_FUNDS)
    transfer(world, share_asset(ticker), account, BROKER, ushares, STOCK_TRADE)
    transfer(world, BROKER_USD, BROKER, account, proceeds_uusd(world, ticker, ushares), STOCK_TRADE)
    return ACCEPTED
