"""Index and mark, remade each second and never inside a matching pass.

ORC-1  The index is the mid of the token book's impact prices for a probe size; never the last trade.
ORC-2  Where a side of the token book is too thin for the probe, the index holds; held longer than the limit it is missing.
ORC-3  Mark = index + EMA of (impact mid of the perp book - index), the premium capped at a share of the index.
       (Kraken, read 2026-04-29: EMA of 30 s, cap 1 %.) Without an impact mid the average holds.
ORC-4  Where the index is missing, the mark follows the impact mid, at most a step a second; where both are, it holds.
ORC-5  Risk, stops and bands use the same mark.
ORC-6  By a knob the index is the stock's quote instead, or both by weight: of two, one that is missing leaves its weight to
       the other. (Bybit removes the weight of what is closed and rescales the rest.)
ORC-7  While the stock has no quote, in a halt as at night, its part of an index follows the token book, is frozen, follows an
       average of the perp's own book (trade.xyz), or an outside feed that knows a share of the value's move since. In an index of
       both a frozen part is the last quote (Bybit says so of Friday's close, and elsewhere that the part is left out).
ORC-8  By a knob the mark is another: fair basis, index x (1 + funding rate x time left / interval) (BitMEX); the median of that,
       of index + averaged premium, and of the last trade (Binance); the median of index, of index + averaged premium, and of the
       book's own middle of bid, ask and last trade (trade.xyz); the median of fair basis, of the marks of other venues and of the
       impact mid (Lighter); or the index itself (dYdX v4).
ORC-9  By knobs the mark is remade every few seconds only, and moves at most a step each time (HIP-3).
ORC-10 By a knob the mark stays, while the stock has no quote, within a bound of the last one; nine tenths of the way to the edge
       it gets a new anchor there, so many times in each direction (trade.xyz). With the next quote all begins anew.
ORC-11 By a knob the token counts, in an index of both, at most so far from the stock's quote (Binance caps a source), or not at
       all beyond it (Bybit leaves a source out and rescales the rest).
ORC-12 By a knob the index is made of several sources, with guards (SRC-1 to SRC-5).
ORC-13 By a knob the last quote fades out of the stock's part of an index while it has none, as exp(-time since / constant), in
       favour of an average of the perp's impact mid that stays within a bound of that quote; the next one counts in full
       (Lighter).
ORC-14 There is no other venue with the same perp, so by a knob something stands for the marks of others in the medians of ORC-8: the
       index; the token book's middle; an outside feed; what Hyperliquid takes where nobody else has the contract, a 30 s average of
       the book's own middle; or a blend as in ORC-13 with time constants of its own (Lighter).
"""

from __future__ import annotations

from typing import Any

from offhours.sim.compile import kernel
from offhours.sim.curves import exp
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market import sources
from offhours.sim.market.book import NO_ASK, NO_BID, books, impact_ticks
from offhours.sim.market.clock import SECOND_US, clock
from offhours.sim.market.money import PPB, nearest
from offhours.sim.market.orders import BUY, SELL
from offhours.sim.market.sources import bounded, source_within

INDEX_LIVE, INDEX_HELD, INDEX_MISSING, ALL_MISSING = 0, 1, 2, 3
FALLBACKS = ("live", "index held", "index missing", "index and impact mid missing")

AVERAGED, FAIR_BASIS, MEDIAN_OF_THREE, ORACLE_MEDIAN, INDEX_ITSELF, IMPACT_MEDIAN = 0, 1, 2, 3, 4, 5
TOKEN_BOOK, STOCK_QUOTE, BOTH, SEVERAL = 0, 1, 2, 3
CLOSED_TOKEN, CLOSED_FROZEN, CLOSED_OWN, CLOSED_FEED, CLOSED_BLEND = 0, 1, 2, 3, 4
ELSE_INDEX, ELSE_TOKEN, ELSE_FEED, ELSE_OWN, ELSE_BLEND = 0, 1, 2, 3, 4
OWN_AVERAGE_US = 30 * SECOND_US
"""Time constant of the average of the book's own middle that is added where no other venue has a mark (Hyperliquid)."""
NEAR_EDGE = 0.9
"""Share of the way to a discovery bound's edge at which a new anchor is set (trade.xyz, bounds that re-centre)."""


class OracleRules:
    """How index and mark of one ticker are made."""

    probe_uusd: A[int, Knob("$5,000", "uusd", "$10", "$10M", "size whose impact prices make the index", basis="chosen: Kraken publishes no depth for its token index; not half, because a $2,500 order would then move the index by its own fill; not twice, because launch books are thinner than $10,000 a side")]  # fmt: skip
    stale_us: A[int, Knob("5 min", "us", "1 s", "7 days", "how long the index holds without a deep enough token book", basis="literature: Kamino xStocks reserves accept prices up to 300 s old, snapshot 2026-04-27")]  # fmt: skip
    impact_uusd: A[int, Knob("$10,000", "uusd", "$10", "$10M", "size whose impact prices make the perp's impact mid", basis="chosen: Kraken defines it in base units per contract and none was found for xStocks; not half, because then quotes of one maker decide; not twice, because week-end books would have none for hours")]  # fmt: skip
    ema_us: A[int, Knob("30 s", "us", "1 s", "8 h", "time constant of the premium's average", basis="rule: Kraken mark price, read 2026-04-29")]  # fmt: skip
    premium_cap_ppb: A[int, Knob("1 %", "ppb", "0 %", "50 %", "largest distance of mark from index", basis="rule: Kraken mark price for perpetuals, read 2026-04-29")]  # fmt: skip
    step_ppb: A[int, Knob("0.1 %", "ppb", "0.001 %", "10 %", "largest move of the mark in a second while the index is missing", basis="chosen: 1 % takes ten seconds; not half, because a reopening must be followed within a minute; not twice, because a single print would liquidate a 20x position")]  # fmt: skip
    form: A[int, Knob("averaged premium", "choice", "", "", "how the mark is made", basis="rule: Kraken mark price, read 2026-04-29; each venue names its own", choices=("averaged premium", "fair basis", "median of three", "oracle median", "index", "impact median"))]  # fmt: skip
    index: A[int, Knob("token book", "choice", "", "", "what the index is made of while the stock has a quote", basis="rule: Kraken xStocks perps: real-time indices of xStocks spot books, every second (CF Benchmarks, 2026-05-07)", choices=("token book", "stock", "both", "several"))]  # fmt: skip
    stock_ppb: A[int, Knob("50 %", "ppb", "0 %", "100 %", "weight of the stock where the index is made of both", basis="chosen: no venue publishes one for two sources, so both count alike; half leaves the token in the lead; twice is the stock alone")]  # fmt: skip
    guard_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "furthest the token may be from the stock's quote in an index of both, or a source from the median of all in one of several; no guard at 0 %", basis="rule: Kraken documents no guard as of 2026; 3 % in the FAQ of Binance on price indices, 5 % in the help of Bybit")]  # fmt: skip
    beyond: A[int, Knob("capped", "choice", "", "", "what becomes of a source beyond the guard: it counts as at that distance, or not at all", basis="rule: Binance FAQ on price indices as of 2026: held at 0.97 and 1.03 x median; Bybit help: left out; neither half nor twice applies to a choice", choices=("capped", "dropped"))]  # fmt: skip
    closed: A[int, Knob("token book", "choice", "", "", "what the stock's part of an index follows while the stock has no quote", basis="chosen: the token trades when the stock does not; frozen, the perp's own book and a feed are other venues' rules; neither half nor twice applies to a choice", choices=("token book", "frozen", "own book", "feed", "blend"))]  # fmt: skip
    own_us: A[int, Knob("1h", "us", "1 s", "7 days", "time constant of the average of the perp's own book that stands for the index", basis="rule: trade.xyz internal oracle of Hyperliquid, 1 h since 2025-11-21, 8 h before")]  # fmt: skip
    feed_ppb: A[int, Knob("50 %", "ppb", "0 %", "100 %", "share of the value's move since the last quote that an outside feed shows", basis="chosen: a feed of an overnight venue sees some of it; half of this is what tokens know on a Sunday; twice is the value itself")]  # fmt: skip
    fade_us: A[int, Knob("3h", "us", "1 s", "7 days", "time constant with which the last quote fades out of a blend", basis="rule: Lighter documentation, pricing of real-world assets, first form of 2026: 3 h for the index; later ones have 1 h and 1 min")]  # fmt: skip
    own_bound_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "furthest the average of the own book may be from the last quote in a blend; none at 0 %", basis="rule: Kraken mark price, read 2026-04-29, has no bound; Lighter, 2026: 1 / largest leverage - 0.5 %")]  # fmt: skip
    elsewhere: A[int, Knob("index", "choice", "", "", "what stands for the marks of other venues in a median", basis="chosen: this market has one perp, and the index is what all venues share; the token, a feed, a blend (Lighter) and an average of the own book (Hyperliquid) are others; neither half nor twice applies to a choice", choices=("index", "token book", "feed", "own average", "blend"))]  # fmt: skip
    elsewhere_own_us: A[int, Knob("8 min", "us", "1 s", "7 days", "time constant of the average of the own book in the blend that stands for marks of other venues", basis="rule: Lighter documentation, pricing of real-world assets, 2026: 8 min for the mark")]  # fmt: skip
    elsewhere_fade_us: A[int, Knob("12 min", "us", "1 s", "7 days", "time constant with which the last quote fades out of that blend", basis="rule: Lighter documentation, pricing of real-world assets, first form of 2026: 12 min for the mark; later ones have 4 min and 1 min")]  # fmt: skip
    update_us: A[int, Knob("1 s", "us", "1 s", "1 h", "time between two marks, in full seconds", basis="rule: Kraken index by CF Benchmarks, 2026: remade each second")]  # fmt: skip
    update_step_ppb: A[int, Knob("0 %", "ppb", "0 %", "50 %", "largest move of the mark from one update to the next; none at 0 %", basis="rule: Kraken mark price, read 2026-04-29, states none; trade.xyz has 0.5 %, HIP-3 1 %")]  # fmt: skip
    bound_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "furthest the mark may be from its anchor while the stock has no quote; none at 0 %", basis="rule: Kraken mark price, read 2026-04-29, has no bound; trade.xyz has 1 / largest leverage")]  # fmt: skip
    anchors: A[int, Knob("0", "count", "0", "100", "how often in each direction the bound gets a new anchor", basis="chosen: a hard bound, as trade.xyz began with; its number since is not published; neither half nor twice of none is another value")]  # fmt: skip
    pinned: A[int, Knob("no", "flag", "no", "yes", "hold the index at the stock's value instead of the token book (a control)", basis="chosen: off is the venue's rule; a switch has no half; twice means nothing")]  # fmt: skip


class Oracle:
    """One row a ticker: the prices everybody is measured by."""

    index_usd: A[float, Column("f8", "usd", "index, dollars per share")]
    average_usd: A[float, Column("f8", "usd", "EMA of impact mid minus index")]
    mark_usd: A[float, Column("f8", "usd", "mark before rounding")]
    mark_ticks: A[int, Column("i8", "ticks", "mark, rounded to the perp's tick")]
    previous_ticks: A[int, Column("i8", "ticks", "the mark before the last one that was made")]
    index_ticks: A[int, Column("i8", "ticks", "index, rounded to the token book's tick")]
    impact_usd: A[float, Column("f8", "usd", "impact mid of the perp book, or -1")]
    impact_bid_usd: A[float, Column("f8", "usd", "its impact bid, or -1")]
    impact_ask_usd: A[float, Column("f8", "usd", "its impact ask, or -1")]
    impact_spread_ppb: A[int, Column("i8", "ppb", "distance of the perp's impact prices over their mid, or -1")]
    premium_ppb: A[int, Column("i8", "ppb", "(impact mid - index) / index, the last one known")]
    index_us: A[int, Column("i8", "us", "when the index was last live")]
    state: A[int, Column("i8", "code", "INDEX_LIVE .. ALL_MISSING")]
    tick_usd: A[float, Column("f8", "usd", "tick of the perp book")]
    token_tick_usd: A[float, Column("f8", "usd", "tick of the token book")]
    lot_shares: A[float, Column("f8", "shares", "lot of the perp book")]
    token_lot_shares: A[float, Column("f8", "shares", "lot of the token book")]
    keep: A[float, Column("f8", "", "weight of the past in a one-second step of the EMA")]
    own_move: A[float, Column("f8", "", "share of the way that the average of the own book goes in a second")]
    seen_usd: A[float, Column("f8", "usd", "the stock's quote seen last")]
    seen_value_usd: A[float, Column("f8", "usd", "the stock's value when it was seen")]
    seen_us: A[int, Column("i8", "us", "when it was seen")]
    own_usd: A[float, Column("f8", "usd", "average of the impact mid since the last quote, for the index")]
    elsewhere_usd: A[float, Column("f8", "usd", "the same for the mark, or average of the book's own middle")]
    elsewhere_move: A[float, Column("f8", "", "share of the way that this average goes in a second")]
    follows: A[int, Column("i8", "flag", "1 where an average of the own book is kept for a blend or a median")]
    anchor_usd: A[float, Column("f8", "usd", "what the discovery bound is around")]
    anchored_up: A[int, Column("i8", "count", "new anchors above since the last quote")]
    anchored_down: A[int, Column("i8", "count", "new anchors below since the last quote")]


class Fallback:
    """One row per ticker and state: seconds spent there."""

    seconds: A[int, Column("i8", "s", "seconds spent in the state")]


oracle_rules = table(OracleRules)
oracles = table(Oracle)
fallbacks = table(Fallback)


def check(rules: Any) -> tuple[str, str] | None:
    """What is wrong with a row of the rules: its column and a sentence; None where nothing is."""
    if rules.update_us % SECOND_US:
        return "update_us", "marks are remade on full seconds"
    return None


@kernel
def ema_weight(ema_us: int) -> float:
    """Weight of the past after one second: exp(-1 s / time constant)."""
    return exp(-SECOND_US / ema_us)


@kernel
def mark_price(index_usd: float, average_usd: float, cap_ppb: int) -> float:
    """ORC-3: index plus the averaged premium, capped both ways. Dollars per share."""
    most = index_usd * cap_ppb / PPB
    return index_usd + min(max(average_usd, -most), most)


@kernel
def fair_price(index_usd: float, rate: float, left: float) -> float:
    """ORC-8, fair basis: `rate` is what is paid at the end of the interval of which the share `left` is to come. Dollars."""
    return index_usd * (1.0 + rate * left)


@kernel
def median_of_three(a: float, b: float, c: float) -> float:
    """The middle one of three."""
    return max(min(a, b), min(max(a, b), c))


@kernel
def book_price(bid_usd: float, ask_usd: float, last_usd: float) -> float:
    """The middle of best bid, best ask and last trade; where a side is missing (-1) the last trade, or -1 without one."""
    if bid_usd < 0.0 or ask_usd < 0.0:
        return last_usd
    return (bid_usd + ask_usd) / 2.0 if last_usd < 0.0 else median_of_three(bid_usd, ask_usd, last_usd)


@kernel
def impact_difference(price_usd: float, bid_usd: float, ask_usd: float) -> float:
    """How far impact bid or ask lie beyond a price: max(0, bid - price) - max(0, price - ask); a missing side (-1) counts 0."""
    above = max(0.0, bid_usd - price_usd) if bid_usd > 0.0 else 0.0
    below = max(0.0, price_usd - ask_usd) if ask_usd > 0.0 else 0.0
    return above - below


@kernel
def own_book_weight(elapsed_us: int, constant_us: int) -> float:
    """ORC-7: share of the way that an internal oracle goes in a step, 1 - exp(-min(dt, 0.1 tau) / tau) (trade.xyz)."""
    return 1.0 - exp(-min(elapsed_us, constant_us / 10) / constant_us)


@kernel
def stepped(price: float, before: float, step_ppb: int) -> float:
    """ORC-9: a price held within a step of the one before."""
    most = before * step_ppb / PPB
    return before + min(max(price - before, -most), most)


@kernel
def faded(quote_usd: float, average_usd: float, elapsed_us: int, constant_us: int, bound_ppb: int) -> float:
    """ORC-13: a blend of the last quote and an average of the own book within a bound of it (none at 0), dollars."""
    held = bounded(average_usd, quote_usd, bound_ppb) if bound_ppb > 0 else average_usd
    return held + exp(-elapsed_us / constant_us) * (quote_usd - held)


@kernel
def begin(world: World, ticker: int, price_usd: float, tick_usd: float, lot_shares: float, token_tick_usd: float, token_lot_shares: float) -> None:  # fmt: skip
    """Start index and mark at the stock's price."""
    o = oracles(world)[ticker]
    o.index_usd = price_usd
    o.mark_usd = price_usd
    o.seen_usd = price_usd
    o.seen_value_usd = price_usd
    o.anchor_usd = price_usd
    o.tick_usd = tick_usd
    o.lot_shares = lot_shares
    o.token_tick_usd = token_tick_usd
    o.token_lot_shares = token_lot_shares
    o.mark_ticks = nearest(price_usd / tick_usd)
    o.previous_ticks = o.mark_ticks
    o.index_ticks = nearest(price_usd / token_tick_usd)
    o.impact_usd = -1.0
    o.impact_bid_usd = -1.0
    o.impact_ask_usd = -1.0
    o.index_us = clock(world)[0].now_us
    o.keep = ema_weight(oracle_rules(world)[ticker].ema_us)
    rules = oracle_rules(world)[ticker]
    o.own_move = own_book_weight(SECOND_US, rules.own_us)
    o.seen_us = o.index_us
    o.own_usd = price_usd
    o.elsewhere_usd = price_usd
    own_average = rules.elsewhere == ELSE_OWN
    o.elsewhere_move = 1.0 - ema_weight(OWN_AVERAGE_US if own_average else rules.elsewhere_own_us)
    o.follows = 1 if rules.closed == CLOSED_BLEND or rules.elsewhere >= ELSE_OWN else 0
    sources.begin(world, ticker)


@kernel
def impact_mid_usd(world: World, book: int, tick_usd: float, lot_shares: float, price_usd: float, probe_uusd: int) -> float:  # fmt: skip
    """Mid of the impact prices of a book for a dollar size, or -1 where a side is too thin."""
    lots = max(1, nearest(probe_uusd / 1_000_000.0 / (price_usd * lot_shares)))
    sell = impact_ticks(world, book, BUY, lots)
    buy = impact_ticks(world, book, SELL, lots)
    if sell < 0.0 or buy < 0.0:
        return -1.0
    return (sell + buy) / 2.0 * tick_usd


@kernel
def look_at_book(world: World, ticker: int) -> None:
    """Impact prices of the perp book, their mid and their distance, for this second."""
    o = oracles(world)[ticker]
    lots = max(1, nearest(oracle_rules(world)[ticker].impact_uusd / 1_000_000.0 / (o.mark_usd * o.lot_shares)))
    sell = impact_ticks(world, 2 * ticker, BUY, lots)
    buy = impact_ticks(world, 2 * ticker, SELL, lots)
    o.impact_bid_usd = sell * o.tick_usd if sell > 0.0 else -1.0
    o.impact_ask_usd = buy * o.tick_usd if buy > 0.0 else -1.0
    if sell < 0.0 or buy < 0.0:
        o.impact_usd = -1.0
        o.impact_spread_ppb = -1
    else:
        o.impact_usd = (sell + buy) / 2.0 * o.tick_usd
        o.impact_spread_ppb = nearest((buy - sell) / ((buy + sell) / 2.0) * PPB)


@kernel
def feed_usd(world: World, ticker: int, value_usd: float) -> float:
    """What an outside feed shows: the last quote and a share of the value's move since (ORC-7)."""
    o = oracles(world)[ticker]
    return o.seen_usd + oracle_rules(world)[ticker].feed_ppb / PPB * (value_usd - o.seen_value_usd)


@kernel
def source_usd(world: World, ticker: int, quote_usd: float, value_usd: float) -> float:
    """What the index would be now, or -1 where its sources are missing (ORC-1, ORC-6, ORC-7, ORC-11 to ORC-13).

    `quote_usd` is the stock's quote, or -1 where there is none; `value_usd` its value, of which only a feed knows a share.
    """
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    stock_usd = quote_usd
    if quote_usd < 0.0 and rules.index != TOKEN_BOOK and rules.closed != CLOSED_TOKEN:
        if rules.closed == CLOSED_OWN:
            stock_usd = o.index_usd + o.own_move * impact_difference(o.index_usd, o.impact_bid_usd, o.impact_ask_usd)
        elif rules.closed == CLOSED_FEED:
            stock_usd = feed_usd(world, ticker, value_usd)
        elif rules.closed == CLOSED_BLEND:
            elapsed_us = clock(world)[0].now_us - o.seen_us
            stock_usd = faded(o.seen_usd, o.own_usd, elapsed_us, rules.fade_us, rules.own_bound_ppb)
        else:
            stock_usd = o.index_usd if rules.index == STOCK_QUOTE else o.seen_usd
    if stock_usd > 0.0 and rules.index == STOCK_QUOTE:
        return stock_usd
    token = impact_mid_usd(world, 2 * ticker + 1, o.token_tick_usd, o.token_lot_shares, o.index_usd, rules.probe_uusd)
    if rules.index == SEVERAL:
        b = books(world)[2 * ticker + 1]
        last = b.last_ticks * o.token_tick_usd if b.last_ticks > 0 else -1.0
        sources.show(world, ticker, stock_usd, token, last, feed_usd(world, ticker, value_usd))
        return sources.together(world, ticker, rules.guard_ppb, rules.beyond)
    if stock_usd > 0.0 and rules.index == BOTH:
        token = source_within(token, stock_usd, rules.guard_ppb, rules.beyond) if token > 0.0 else token
        return stock_usd if token < 0.0 else token + rules.stock_ppb / PPB * (stock_usd - token)
    return token


@kernel
def own_price_usd(world: World, ticker: int) -> float:
    """The perp book's own middle of bid, ask and last trade, dollars, or -1 (ORC-8)."""
    b, tick_usd = books(world)[2 * ticker], oracles(world)[ticker].tick_usd
    last = b.last_ticks * tick_usd if b.last_ticks > 0 else -1.0
    bid = -1.0 if b.best_bid == NO_BID else b.best_bid * tick_usd
    ask = -1.0 if b.best_ask == NO_ASK else b.best_ask * tick_usd
    return book_price(bid, ask, last)


@kernel
def follow_book(world: World, ticker: int, quote_usd: float) -> None:
    """Move the averages of the own book that blends and medians need on by a second (ORC-13, ORC-14)."""
    o = oracles(world)[ticker]
    if oracle_rules(world)[ticker].elsewhere == ELSE_OWN:
        own = own_price_usd(world, ticker)
        o.elsewhere_usd += o.elsewhere_move * (own - o.elsewhere_usd) if own > 0.0 else 0.0
    elif quote_usd > 0.0:
        o.elsewhere_usd = quote_usd
    elif o.impact_usd > 0.0:
        o.elsewhere_usd += o.elsewhere_move * (o.impact_usd - o.elsewhere_usd)
    if quote_usd > 0.0:
        o.own_usd = quote_usd
    elif o.impact_usd > 0.0:
        o.own_usd += o.own_move * (o.impact_usd - o.own_usd)


@kernel
def elsewhere_mark_usd(world: World, ticker: int, quote_usd: float, value_usd: float) -> float:
    """What stands for the marks of other venues, dollars (ORC-14)."""
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    if rules.elsewhere == ELSE_OWN:
        return o.elsewhere_usd
    if rules.elsewhere == ELSE_BLEND:
        elapsed_us = clock(world)[0].now_us - o.seen_us
        return (
            quote_usd if quote_usd > 0.0 else faded(o.seen_usd, o.elsewhere_usd, elapsed_us, rules.elsewhere_fade_us, 0)
        )
    if rules.elsewhere == ELSE_FEED:
        return quote_usd if quote_usd > 0.0 else feed_usd(world, ticker, value_usd)
    if rules.elsewhere == ELSE_TOKEN:
        token = impact_mid_usd(
            world, 2 * ticker + 1, o.token_tick_usd, o.token_lot_shares, o.index_usd, rules.probe_uusd
        )
        return token if token > 0.0 else o.index_usd
    return o.index_usd


@kernel
def mark_now(world: World, ticker: int, quote_usd: float, value_usd: float, rate: float, left: float) -> float:
    """The mark by the venue's form, dollars, before steps and bounds (ORC-3, ORC-8, ORC-14)."""
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    averaged = mark_price(o.index_usd, o.average_usd, rules.premium_cap_ppb)
    if rules.form == AVERAGED:
        return averaged
    if rules.form == INDEX_ITSELF:
        return o.index_usd
    fair = fair_price(o.index_usd, rate, left)
    if rules.form == FAIR_BASIS:
        return fair
    if rules.form == MEDIAN_OF_THREE:
        last_ticks = books(world)[2 * ticker].last_ticks
        return median_of_three(fair, averaged, last_ticks * o.tick_usd if last_ticks > 0 else averaged)
    elsewhere = elsewhere_mark_usd(world, ticker, quote_usd, value_usd)
    if rules.form == IMPACT_MEDIAN:
        return median_of_three(fair, elsewhere, o.impact_usd if o.impact_usd > 0.0 else averaged)
    own = own_price_usd(world, ticker)
    return median_of_three(elsewhere, averaged, own if own > 0.0 else averaged)


@kernel
def discover(world: World, ticker: int, price_usd: float) -> float:
    """A mark within the bound around its anchor, which moves after it where the rules let it (ORC-10)."""
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    price = bounded(price_usd, o.anchor_usd, rules.bound_ppb)
    edge = NEAR_EDGE * (o.anchor_usd * rules.bound_ppb / PPB)
    if price - o.anchor_usd >= edge and o.anchored_up < rules.anchors:
        o.anchor_usd += edge
        o.anchored_up += 1
    elif o.anchor_usd - price >= edge and o.anchored_down < rules.anchors:
        o.anchor_usd -= edge
        o.anchored_down += 1
    return price


@kernel
def refresh(world: World, ticker: int, quote_usd: float, value_usd: float, rate: float, left: float) -> None:
    """Remake index and mark of a ticker for this second.

    `quote_usd` is the stock's quote or -1; `value_usd` its own value, used by a control and by what stands for an outside feed;
    `rate` the funding rate being paid, and `left` the share of its interval that is to come.
    """
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    now_us = clock(world)[0].now_us
    look_at_book(world, ticker)
    if o.follows == 1:
        follow_book(world, ticker, quote_usd)
    live = value_usd if rules.pinned == 1 else source_usd(world, ticker, quote_usd, value_usd)
    if quote_usd > 0.0:
        o.seen_usd = quote_usd
        o.seen_value_usd = value_usd
        o.seen_us = now_us
        o.anchor_usd = quote_usd
        o.anchored_up = 0
        o.anchored_down = 0
    if live > 0.0:
        o.index_usd = live
        o.index_us = now_us
        o.state = INDEX_LIVE
    else:
        o.state = INDEX_HELD if now_us - o.index_us <= rules.stale_us else INDEX_MISSING
    if o.state == INDEX_MISSING:
        if o.impact_usd > 0.0:
            o.previous_ticks = o.mark_ticks
            o.mark_usd = stepped(o.impact_usd, o.mark_usd, rules.step_ppb)
        else:
            o.state = ALL_MISSING
    else:
        if o.impact_usd > 0.0:
            o.average_usd = o.average_usd * o.keep + (o.impact_usd - o.index_usd) * (1.0 - o.keep)
            o.premium_ppb = nearest((o.impact_usd - o.index_usd) / o.index_usd * PPB)
        if now_us % rules.update_us == 0:
            o.previous_ticks = o.mark_ticks
            remake(world, ticker, quote_usd, value_usd, rate, left)
    o.mark_ticks = max(1, nearest(o.mark_usd / o.tick_usd))
    o.index_ticks = max(1, nearest(o.index_usd / o.token_tick_usd))
    fallbacks(world)[4 * ticker + o.state].seconds += 1


@kernel
def remake(world: World, ticker: int, quote_usd: float, value_usd: float, rate: float, left: float) -> None:
    """Remake the mark from the index: its form, then its step, then its bound."""
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    price = mark_now(world, ticker, quote_usd, value_usd, rate, left)
    if rules.update_step_ppb > 0:
        price = stepped(price, o.mark_usd, rules.update_step_ppb)
    if rules.bound_ppb > 0 and quote_usd < 0.0:
        price = discover(world, ticker, price)
    o.mark_usd = price


@kernel
def reference_ticks(world: World, book: int) -> int:
    """The price a book's band is centred on: the mark for a perp book, the index for a token book, in its ticks."""
    o = oracles(world)[book >> 1]
    return o.mark_ticks if book & 1 == 0 else o.index_ticks


@kernel
def value_at_mark(world: World, ticker: int, lots: int) -> int:
    """Dollars (micro) of a signed perp quantity at the mark."""
    return lots * oracles(world)[ticker].mark_ticks * books(world)[2 * ticker].unit_uusd


@kernel
def value_at_previous_mark(world: World, ticker: int, lots: int) -> int:
    """Dollars (micro) of a signed perp quantity at the mark before the last one that was made."""
    return lots * oracles(world)[ticker].previous_ticks * books(world)[2 * ticker].unit_uusd


@kernel
def priced(world: World, ticker: int) -> int:
    """1 while a ticker's index is live."""
    return 1 if oracles(world)[ticker].state == INDEX_LIVE else 0
