"""Halts: when a stock may not trade though its exchange is open.

HALT-1  While a stock is halted it has no quote: nobody trades it, nobody hedges in it, nothing is minted or redeemed. Its value
        moves on, so that the first quote after may gap. Token and perp trade on; what the index does is its own rule (ORC-7).
HALT-2  A scenario may halt a ticker, or all, from one instant to another inside regular hours: news.
HALT-3  Market-wide breakers: 7, 13 and 20 % below the last regular close of a ticker that stands for the market all stocks are
        halted: at the first two levels, each once a day and not in the last 35 minutes, for 15 minutes; at the third until the
        day's trading has ended.
HALT-4  Price bands: a stock further than a band from its average of the last five minutes is halted for five minutes. The band is
        twice as wide in the last 25 minutes; what comes after a halt is not measured by what was before.
HALT-5  A halt of all stocks is the phase HALTED, which ends with the session at the latest; that of one stock is its own.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.clock import (
    HALT_LOG,
    HALTED,
    MINUTE_US,
    POST,
    REGULAR,
    clock,
    halt,
    log_row,
    phase,
    phases,
    resume,
)
from offhours.sim.market.money import MICRO, PPB, nearest

PAST = 300
"""Seconds that a price band's average goes back."""
BREAKER_LATEST_US = 35 * MINUTE_US
"""Levels 1 and 2 halt nothing later than this before the close: after 15:25, on half days after 12:25 (NYSE Rule 7.12)."""
WIDE_US = 25 * MINUTE_US
"""Bands are twice as wide from 15:35 on (LULD plan)."""
EVERYBODY = -1
"""The ticker of a halt of all stocks."""
NO_HALT = -2
"""The ticker of an empty row of given halts."""

NOT_HALTED, NEWS, BAND, LEVEL_1, LEVEL_2, LEVEL_3 = 0, 1, 2, 3, 4, 5
REASONS = ("none", "news", "price band", "breaker level 1", "breaker level 2", "breaker level 3")
LEVEL_1_PPB, LEVEL_2_PPB, LEVEL_3_PPB = 70_000_000, 130_000_000, 200_000_000
"""Falls from the last close at which the breakers act (NYSE Rule 7.12)."""


class HaltRules:
    """One row per ticker."""

    breaker: A[int, Knob("no", "flag", "no", "yes", "whether the ticker stands for the market and its fall halts all stocks", basis="rule: NYSE Rule 7.12, permanent since 2022, looks at the S&P 500 alone; the file of SPYx says yes; a switch has no half; twice means nothing")]  # fmt: skip
    halt_us: A[int, Knob("15 min", "us", "1 s", "6 h", "length of a halt of levels 1 and 2", basis="rule: NYSE Rule 7.12, permanent since 2022")]  # fmt: skip
    band_ppb: A[int, Knob("0 %", "ppb", "0 %", "50 %", "distance from its average of five minutes at which a stock is halted; none at 0 %", basis="rule: Plan to Address Extraordinary Market Volatility (LULD), permanent since 2019: 5 % for tier 1, which each ticker's file says; without a tier none")]  # fmt: skip
    pause_us: A[int, Knob("5 min", "us", "1 s", "6 h", "length of such a halt", basis="rule: Plan to Address Extraordinary Market Volatility (LULD), permanent since 2019: five minutes")]  # fmt: skip


class Halt:
    """One row per ticker."""

    until_us: A[int, Column("i8", "us", "its halt ends then; 0 where it is not halted")]
    reason: A[int, Column("i8", "code", "NOT_HALTED .. LEVEL_3")]
    close_usd: A[float, Column("f8", "usd", "value at the last regular close; at the beginning that of the start")]
    session_usd: A[float, Column("f8", "usd", "value seen last in this session")]
    session_row: A[int, Column("i8", "row", "row of the phase table of the session it is in, plus one")]
    levels: A[int, Column("i8", "bits", "breakers that have acted in this session")]
    sum_uusd: A[int, Column("i8", "uusd", "sum of the values kept")]
    kept: A[int, Column("i8", "count", "how many are kept")]
    next: A[int, Column("i8", "row", "where the next one goes")]
    never: A[int, Column("i8", "flag", "1 where nothing halts (a stock that is always open)")]


class PastValue:
    """PAST rows per ticker."""

    value_uusd: A[int, Column("i8", "uusd", "value of a second")]


class GivenHalt:
    """One row a halt that the scenario gives."""

    ticker: A[int, Column("i8", "ticker", "whose, EVERYBODY, or NO_HALT")]
    from_us: A[int, Column("i8", "us", "first instant")]
    until_us: A[int, Column("i8", "us", "first instant after it")]


class HaltEvent:
    """A halt that began."""

    time_us: A[int, Column("i8", "us", "when")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker, or EVERYBODY")]
    reason: A[int, Column("i8", "code", "NEWS .. LEVEL_3")]
    until_us: A[int, Column("i8", "us", "when it ends")]
    reference_usd: A[
        float, Column("f8", "usd", "what the price was measured by: last close or average; else the price")
    ]
    price_usd: A[
        float, Column("f8", "usd", "value of the stock, for a halt of all of the one that stands for the market")
    ]


halt_rules = table(HaltRules)
halts = table(Halt)
past_values = table(PastValue)
given_halts = table(GivenHalt)
halt_events = table(HaltEvent, recorded=True)


@kernel
def breaker_level(price: float, close: float) -> int:
    """Which of the market-wide levels a price below a close has reached: 0 to 3 (HALT-3)."""
    fall_ppb = nearest((1.0 - price / close) * PPB)
    if fall_ppb >= LEVEL_3_PPB:
        return 3
    if fall_ppb >= LEVEL_2_PPB:
        return 2
    return 1 if fall_ppb >= LEVEL_1_PPB else 0


@kernel
def beyond_band(price: float, average: float, band_ppb: int, left_us: int) -> int:
    """1 where a price is further than the band from its average, `left_us` before the close (HALT-4)."""
    wide = 2.0 if left_us <= WIDE_US else 1.0
    return 1 if abs(price - average) > average * (wide * band_ppb / PPB) else 0


@kernel
def begin(world: World, ticker: int, value_usd: float) -> None:
    """Nothing is halted; until a session has closed the value of the start stands for the close."""
    halts(world)[ticker].close_usd = value_usd


@kernel
def halted(world: World, ticker: int) -> int:
    """1 while a ticker is halted."""
    return 1 if halts(world)[ticker].until_us > 0 else 0


@kernel
def attend(world: World) -> None:
    """Lift what has ended and begin what is given; once a second, before the values are looked at."""
    c = clock(world)[0]
    for ticker in range(c.tickers):
        h = halts(world)[ticker]
        if 0 < h.until_us <= c.now_us:
            h.until_us = 0
            h.reason = NOT_HALTED
            h.kept = 0
            h.sum_uusd = 0
            h.next = 0
    if phase(world) == HALTED and lasting(world) == 0:
        resume(world)
    for row in range(len(given_halts(world))):
        given = given_halts(world)[row]
        if given.ticker != NO_HALT and given.from_us <= c.now_us < given.until_us:
            if given.ticker != EVERYBODY:
                stop(world, given.ticker, NEWS, given.until_us, -1.0, -1.0)
            elif phase(world) == REGULAR:
                stop_all(world, NEWS, given.until_us, -1.0, -1.0)


@kernel
def lasting(world: World) -> int:
    """1 while every ticker is halted, as they are for as long as the whole market is; one may be for longer by itself."""
    for ticker in range(clock(world)[0].tickers):
        if halts(world)[ticker].until_us == 0:
            return 0
    return 1


@kernel
def watch(world: World, ticker: int, value_usd: float) -> None:
    """Look at a ticker's value of this second: begin and end of its session, breakers, price band."""
    h, c = halts(world)[ticker], clock(world)[0]
    code = phase(world)
    if (code != REGULAR and code != HALTED) or h.never == 1:
        return
    if h.session_row != c.phase_row + 1:
        h.session_row = c.phase_row + 1
        if h.session_usd > 0.0:
            h.close_usd = h.session_usd
        h.levels = 0
        h.kept = 0
        h.sum_uusd = 0
        h.next = 0
    h.session_usd = value_usd
    if code == HALTED or h.until_us > 0:
        return
    rules = halt_rules(world)[ticker]
    if rules.breaker == 1:
        _break(world, ticker, value_usd)
    if rules.band_ppb > 0 and h.until_us == 0:
        _measure(world, ticker, value_usd)


@kernel
@rare
def _break(world: World, ticker: int, value_usd: float) -> None:
    """Halt all stocks where the ticker that stands for the market has fallen so far (HALT-3)."""
    h, c = halts(world)[ticker], clock(world)[0]
    level = breaker_level(value_usd, h.close_usd)
    if level == 0 or h.levels >> level & 1:
        return
    row = phases(world)[c.phase_row]
    if level == 3:
        until_us = row.end_us
        if c.phase_row + 1 < len(phases(world)) and phases(world)[c.phase_row + 1].phase == POST:
            until_us = phases(world)[c.phase_row + 1].end_us
        h.levels |= 1 << level
        stop_all(world, LEVEL_3, until_us, h.close_usd, value_usd)
    elif row.end_us - c.now_us >= BREAKER_LATEST_US:
        # A fall through both at once is one halt, and uses up both.
        h.levels |= (1 << level) | (1 << 1)
        stop_all(world, NOT_HALTED + 2 + level, c.now_us + halt_rules(world)[ticker].halt_us, h.close_usd, value_usd)


@kernel
def _measure(world: World, ticker: int, value_usd: float) -> None:
    """Halt a stock that left its band, and keep its value of this second (HALT-4)."""
    h, c = halts(world)[ticker], clock(world)[0]
    rules = halt_rules(world)[ticker]
    if h.kept > 0:
        average = h.sum_uusd / h.kept / MICRO
        if beyond_band(value_usd, average, rules.band_ppb, phases(world)[c.phase_row].end_us - c.now_us) == 1:
            stop(world, ticker, BAND, c.now_us + rules.pause_us, average, value_usd)
            return
    place = past_values(world)[ticker * PAST + h.next]
    if h.kept == PAST:
        h.sum_uusd -= place.value_uusd
    else:
        h.kept += 1
    place.value_uusd = nearest(value_usd * MICRO)
    h.sum_uusd += place.value_uusd
    h.next = h.next + 1 if h.next + 1 < PAST else 0


@kernel
@rare
def stop(world: World, ticker: int, reason: int, until_us: int, reference_usd: float, price_usd: float) -> None:
    """Halt one ticker until an instant, and record it where it was not halted for as long already."""
    h = halts(world)[ticker]
    if h.never == 1 or h.until_us >= until_us:
        return
    h.until_us = until_us
    h.reason = reason
    write(world, ticker, reason, until_us, reference_usd, price_usd)


@kernel
@rare
def stop_all(world: World, reason: int, until_us: int, reference_usd: float, price_usd: float) -> None:
    """Halt all tickers, and lay the phase over the session (HALT-5)."""
    for ticker in range(clock(world)[0].tickers):
        h = halts(world)[ticker]
        if h.never == 1:
            return
        if h.until_us < until_us:
            h.until_us = until_us
            h.reason = reason
    halt(world)
    write(world, EVERYBODY, reason, until_us, reference_usd, price_usd)


@kernel
@rare
def write(world: World, ticker: int, reason: int, until_us: int, reference_usd: float, price_usd: float) -> None:
    """Record a halt that begins."""
    event = halt_events(world)[log_row(world, HALT_LOG)]
    event.time_us = clock(world)[0].now_us
    event.ticker = ticker
    event.reason = reason
    event.until_us = until_us
    event.reference_usd = reference_usd
    event.price_usd = price_usd
