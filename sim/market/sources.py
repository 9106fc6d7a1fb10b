"""Sources of an index that has several: what each shows, which of them count, and what they make together.

SRC-1  There are four: the stock's quote, or what stands for it while it has none (ORC-7); the middle of the token book's impact
       prices; the token's last trade; and an outside feed, which knows a share of the value's move since the last quote. Each has
       a weight, none at 0; one that shows nothing leaves its weight to the others (Bybit).
SRC-2  By a knob of the oracle a source counts at most so far from the median of all (Binance), or not at all beyond it, the rest
       being rescaled (Bybit).
SRC-3  By a knob what comes from the token's venue counts only for so long after its last trade (Binance 5 min, Bybit 15 min).
SRC-4  By a knob they make their mean by weight, the lowest price at which half of the weight is reached (Hyperliquid), or the mean
       without the highest and the lowest (Phemex).
SRC-5  With fewer sources than the least number there is no index, and it holds (Phemex: three).
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.book import books
from offhours.sim.market.clock import clock
from offhours.sim.market.money import PPB

QUOTE, BOOK, TRADE, FEED = 0, 1, 2, 3
SOURCES = 4
MEAN, MEDIAN, WITHOUT_ENDS = 0, 1, 2
CAPPED, DROPPED = 0, 1


class SourceRules:
    """What an index of several sources is made of."""

    form: A[int, Knob("mean", "choice", "", "", "what the sources of an index of several make together", basis="rule: Bybit help and Binance FAQ on price indices, as of 2026: the mean by weight; Hyperliquid, oracle, 2026: a weighted median; Phemex, 2026: without the ends", choices=("mean", "median", "without ends"))]  # fmt: skip
    quote: A[int, Knob("1", "count", "0", "1000", "weight of the stock's quote, or of what stands for it", basis="chosen: no venue publishes weights of a stock's feed, so all count alike; half or twice of all is the same index")]  # fmt: skip
    book: A[int, Knob("1", "count", "0", "1000", "weight of the token book's impact prices", basis="chosen: no venue publishes weights of tokens, so all count alike; half or twice of all is the same index")]  # fmt: skip
    trade: A[int, Knob("1", "count", "0", "1000", "weight of the token's last trade", basis="chosen: no venue publishes weights of tokens, so all count alike; half or twice of all is the same index")]  # fmt: skip
    feed: A[int, Knob("1", "count", "0", "1000", "weight of an outside feed, whose share of the value's move perp.oracle.feed is", basis="chosen: no venue publishes weights of an overnight feed, so all count alike; half or twice of all is the same index")]  # fmt: skip
    idle_us: A[int, Knob("0 s", "us", "0 s", "7 days", "how long what comes from the token's venue counts after its last trade; always at 0 s", basis="rule: Kraken documents no such limit as of 2026; 5 min in the FAQ of Binance on price indices, 15 min in the help of Bybit")]  # fmt: skip
    least: A[int, Knob("1", "count", "1", "4", "with fewer sources the index holds", basis="rule: Bybit help on index prices, as of 2026: what is left is rescaled; Phemex, 2026: three")]  # fmt: skip


class Source:
    """SOURCES rows a ticker: QUOTE .. FEED."""

    price_usd: A[float, Column("f8", "usd", "what it shows, or -1")]
    counted_usd: A[float, Column("f8", "usd", "as what it counts, or -1 where it does not")]
    weight: A[int, Column("i8", "count", "its weight")]


class Activity:
    """One row a ticker: the token's venue as an index of several sees it."""

    volume_lots: A[int, Column("i8", "lots", "volume of the token book when it was last looked at")]
    traded_us: A[int, Column("i8", "us", "second in which it was last seen to have grown")]


source_rules = table(SourceRules)
sources = table(Source)
activities = table(Activity)


@kernel
def bounded(price: float, anchor: float, bound_ppb: int) -> float:
    """A price held within a bound around another (ORC-10, SRC-2)."""
    most = anchor * bound_ppb / PPB
    return min(max(price, anchor - most), anchor + most)


@kernel
def source_within(price: float, reference: float, guard_ppb: int, form: int) -> float:
    """A source as it counts beside a reference: itself, held within the guard, or -1 where it is left out (ORC-11, SRC-2)."""
    if guard_ppb == 0 or bounded(price, reference, guard_ppb) == price:
        return price
    return -1.0 if form == DROPPED else bounded(price, reference, guard_ppb)


@kernel
def begin(world: World, ticker: int) -> None:
    """Fix the weights; the token's venue counts as just having traded."""
    rules = source_rules(world)[ticker]
    first = SOURCES * ticker
    sources(world)[first + QUOTE].weight = rules.quote
    sources(world)[first + BOOK].weight = rules.book
    sources(world)[first + TRADE].weight = rules.trade
    sources(world)[first + FEED].weight = rules.feed
    activities(world)[ticker].traded_us = clock(world)[0].now_us


@kernel
def is_idle(world: World, ticker: int) -> int:
    """1 where the token's venue has not traded for too long (SRC-3)."""
    a, now_us = activities(world)[ticker], clock(world)[0].now_us
    volume_lots = books(world)[2 * ticker + 1].volume_lots
    if volume_lots != a.volume_lots:
        a.volume_lots = volume_lots
        a.traded_us = now_us
    idle_us = source_rules(world)[ticker].idle_us
    return 1 if idle_us > 0 and now_us - a.traded_us > idle_us else 0


@kernel
def show(world: World, ticker: int, quote_usd: float, book_usd: float, trade_usd: float, feed_usd: float) -> None:
    """Note what each source shows this second, -1 for nothing (SRC-1, SRC-3)."""
    first = SOURCES * ticker
    idle = is_idle(world, ticker)
    sources(world)[first + QUOTE].price_usd = quote_usd
    sources(world)[first + BOOK].price_usd = -1.0 if idle else book_usd
    sources(world)[first + TRADE].price_usd = -1.0 if idle else trade_usd
    sources(world)[first + FEED].price_usd = feed_usd
    for row in range(first, first + SOURCES):
        s = sources(world)[row]
        s.counted_usd = s.price_usd if s.weight > 0 and s.price_usd > 0.0 else -1.0


@kernel
def counted(world: World, ticker: int) -> int:
    """How many sources count."""
    number = 0
    for row in range(SOURCES * ticker, SOURCES * ticker + SOURCES):
        number += 1 if sources(world)[row].counted_usd > 0.0 else 0
    return number


@kernel
def place_of(world: World, ticker: int, row: int) -> int:
    """How many of the sources that count are cheaper than the one in a row; equal ones stand in their order."""
    mine, place = sources(world)[row].counted_usd, 0
    for other in range(SOURCES * ticker, SOURCES * ticker + SOURCES):
        theirs = sources(world)[other].counted_usd
        if theirs > 0.0 and (theirs < mine or (theirs == mine and other < row)):
            place += 1
    return place


@kernel
def price_at(world: World, ticker: int, place: int) -> float:
    """Price of the source that counts in a place from the cheapest, from 0."""
    found = -1.0
    for row in range(SOURCES * ticker, SOURCES * ticker + SOURCES):
        price = sources(world)[row].counted_usd
        if price > 0.0 and place_of(world, ticker, row) == place:
            found = price
    return found


@kernel
def middle_usd(world: World, ticker: int) -> float:
    """Median of the sources that count: the middle one, or the mean of the two in the middle. At least one must."""
    number = counted(world, ticker)
    return (price_at(world, ticker, (number - 1) // 2) + price_at(world, ticker, number // 2)) / 2.0


@kernel
def weighted_middle_usd(world: World, ticker: int) -> float:
    """The lowest price at which half of the weight of what counts is reached."""
    first, total = SOURCES * ticker, 0
    for row in range(first, first + SOURCES):
        total += sources(world)[row].weight if sources(world)[row].counted_usd > 0.0 else 0
    lowest = -1.0
    for row in range(first, first + SOURCES):
        price, reached = sources(world)[row].counted_usd, 0
        for other in range(first, first + SOURCES):
            if 0.0 < sources(world)[other].counted_usd <= price:
                reached += sources(world)[other].weight
        if price > 0.0 and 2 * reached >= total and (lowest < 0.0 or price < lowest):
            lowest = price
    return lowest


@kernel
def mean_usd(world: World, ticker: int, skipped: int) -> float:
    """Mean by weight of what counts, without so many of the cheapest and of the dearest."""
    number, weights, total = counted(world, ticker), 0, 0.0
    for row in range(SOURCES * ticker, SOURCES * ticker + SOURCES):
        s = sources(world)[row]
        if s.counted_usd > 0.0 and skipped <= place_of(world, ticker, row) < number - skipped:
            weights += s.weight
            total += s.weight * s.counted_usd
    return total / weights


@kernel
def together(world: World, ticker: int, guard_ppb: int, beyond: int) -> float:
    """The index that the sources make, dollars, or -1 where they make none (SRC-1 to SRC-5)."""
    rules, number = source_rules(world)[ticker], counted(world, ticker)
    if number < rules.least:
        return -1.0
    centre = middle_usd(world, ticker)
    for row in range(SOURCES * ticker, SOURCES * ticker + SOURCES):
        s = sources(world)[row]
        if s.counted_usd > 0.0:
            s.counted_usd = source_within(s.counted_usd, centre, guard_ppb, beyond)
    number = counted(world, ticker)
    if number == 0:
        return -1.0
    if rules.form == MEDIAN:
        return weighted_middle_usd(world, ticker)
    return mean_usd(world, ticker, 1 if rules.form == WITHOUT_ENDS and number >= 3 else 0)
