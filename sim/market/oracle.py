"""Index and mark, remade each second and never inside a matching pass.

ORC-1  The index is the mid of the token book's impact prices for a probe size; never the last trade.
ORC-2  Where a side of the token book is too thin for the probe, the index holds; held longer than the limit it is missing.
ORC-3  Mark = index + EMA of (impact mid of the perp book - index), the premium capped at a share of the index.
       (Kraken, read 2026-04-29: EMA of 30 s, cap 1 %.) Without an impact mid the average holds.
ORC-4  Where the index is missing, the mark follows the impact mid, at most a step a second; where both are, it holds.
ORC-5  Risk, stops and bands use the same mark.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.curves import exp
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.book import books, impact_ticks
from offhours.sim.market.clock import SECOND_US, clock
from offhours.sim.market.money import PPB, nearest
from offhours.sim.market.orders import BUY, SELL

INDEX_LIVE, INDEX_HELD, INDEX_MISSING, ALL_MISSING = 0, 1, 2, 3
FALLBACKS = ("live", "index held", "index missing", "index and impact mid missing")


class OracleRules:
    """How index and mark of one ticker are made."""

    probe_uusd: A[int, Knob("$5,000", "uusd", "$10", "$10M", "size whose impact prices make the index", basis="chosen: Kraken publishes no depth for its token index; not half, because a $2,500 order would then move the index by its own fill; not twice, because launch books are thinner than $10,000 a side")]  # fmt: skip
    stale_us: A[int, Knob("5 min", "us", "1 s", "7 days", "how long the index holds without a deep enough token book", basis="literature: Kamino xStocks reserves accept prices up to 300 s old, snapshot 2026-04-27")]  # fmt: skip
    impact_uusd: A[int, Knob("$10,000", "uusd", "$10", "$10M", "size whose impact prices make the perp's impact mid", basis="chosen: Kraken defines it in base units per contract and none was found for xStocks; not half, because then quotes of one maker decide; not twice, because week-end books would have none for hours")]  # fmt: skip
    ema_us: A[int, Knob("30 s", "us", "1 s", "8 h", "time constant of the premium's average", basis="rule: Kraken mark price, read 2026-04-29")]  # fmt: skip
    premium_cap_ppb: A[int, Knob("1 %", "ppb", "0 %", "50 %", "largest distance of mark from index", basis="rule: Kraken mark price for perpetuals, read 2026-04-29")]  # fmt: skip
    step_ppb: A[int, Knob("0.1 %", "ppb", "0.001 %", "10 %", "largest move of the mark in a second while the index is missing", basis="chosen: 1 % takes ten seconds; not half, because a reopening must be followed within a minute; not twice, because a single print would liquidate a 20x position")]  # fmt: skip
    pinned: A[int, Knob("no", "flag", "no", "yes", "hold the index at the stock's value instead of the token book (a control)", basis="chosen: off is the venue's rule; a switch has no half; twice means nothing")]  # fmt: skip


class Oracle:
    """One row a ticker: the prices everybody is measured by."""

    index_usd: A[float, Column("f8", "usd", "index, dollars per share")]
    average_usd: A[float, Column("f8", "usd", "EMA of impact mid minus index")]
    mark_usd: A[float, Column("f8", "usd", "mark before rounding")]
    mark_ticks: A[int, Column("i8", "ticks", "mark, rounded to the perp's tick")]
    index_ticks: A[int, Column("i8", "ticks", "index, rounded to the token book's tick")]
    impact_usd: A[float, Column("f8", "usd", "impact mid of the perp book, or -1")]
    impact_spread_ppb: A[int, Column("i8", "ppb", "distance of the perp's impact prices over their mid, or -1")]
    premium_ppb: A[int, Column("i8", "ppb", "(impact mid - index) / index, the last one known")]
    index_us: A[int, Column("i8", "us", "when the index was last live")]
    state: A[int, Column("i8", "code", "INDEX_LIVE .. ALL_MISSING")]
    tick_usd: A[float, Column("f8", "usd", "tick of the perp book")]
    token_tick_usd: A[float, Column("f8", "usd", "tick of the token book")]
    lot_shares: A[float, Column("f8", "shares", "lot of the perp book")]
    token_lot_shares: A[float, Column("f8", "shares", "lot of the token book")]
    keep: A[float, Column("f8", "", "weight of the past in a one-second step of the EMA")]


class Fallback:
    """One row per ticker and state: seconds spent there."""

    seconds: A[int, Column("i8", "s", "seconds spent in the state")]


oracle_rules = table(OracleRules)
oracles = table(Oracle)
fallbacks = table(Fallback)


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
def begin(world: World, ticker: int, price_usd: float, tick_usd: float, lot_shares: float, token_tick_usd: float, token_lot_shares: float) -> None:  # fmt: skip
    """Start index and mark at the stock's price."""
    o = oracles(world)[ticker]
    o.index_usd = price_usd
    o.mark_usd = price_usd
    o.tick_usd = tick_usd
    o.lot_shares = lot_shares
    o.token_tick_usd = token_tick_usd
    o.token_lot_shares = token_lot_shares
    o.mark_ticks = nearest(price_usd / tick_usd)
    o.index_ticks = nearest(price_usd / token_tick_usd)
    o.impact_usd = -1.0
    o.index_us = clock(world)[0].now_us
    o.keep = ema_weight(oracle_rules(world)[ticker].ema_us)


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
def impact_spread_ppb(world: World, book: int, lot_shares: float, price_usd: float, probe_uusd: int) -> int:
    """Distance between the impact prices of a book over their mid, or -1 where a side is too thin."""
    lots = max(1, nearest(probe_uusd / 1_000_000.0 / (price_usd * lot_shares)))
    sell = impact_ticks(world, book, BUY, lots)
    buy = impact_ticks(world, book, SELL, lots)
    return -1 if sell < 0.0 or buy < 0.0 else nearest((buy - sell) / ((buy + sell) / 2.0) * PPB)


@kernel
def refresh(world: World, ticker: int, pinned_usd: float) -> None:
    """Remake index and mark of a ticker for this second. `pinned_usd` is the stock's own value, used by a control only."""
    o = oracles(world)[ticker]
    rules = oracle_rules(world)[ticker]
    now_us = clock(world)[0].now_us
    live = impact_mid_usd(world, 2 * ticker + 1, o.token_tick_usd, o.token_lot_shares, o.index_usd, rules.probe_uusd)
    if rules.pinned == 1:
        live = pinned_usd
    if live > 0.0:
        o.index_usd = live
        o.index_us = now_us
        o.state = INDEX_LIVE
    else:
        o.state = INDEX_HELD if now_us - o.index_us <= rules.stale_us else INDEX_MISSING
    o.impact_usd = impact_mid_usd(world, 2 * ticker, o.tick_usd, o.lot_shares, o.mark_usd, rules.impact_uusd)
    o.impact_spread_ppb = impact_spread_ppb(world, 2 * ticker, o.lot_shares, o.mark_usd, rules.impact_uusd)
    if o.state == INDEX_MISSING:
        if o.impact_usd > 0.0:
            most = o.mark_usd * rules.step_ppb / PPB
            o.mark_usd += min(max(o.impact_usd - o.mark_usd, -most), most)
        else:
            o.state = ALL_MISSING
    else:
        if o.impact_usd > 0.0:
            o.average_usd = o.average_usd * o.keep + (o.impact_usd - o.index_usd) * (1.0 - o.keep)
            o.premium_ppb = nearest((o.impact_usd - o.index_usd) / o.index_usd * PPB)
        o.mark_usd = mark_price(o.index_usd, o.average_usd, rules.premium_cap_ppb)
    o.mark_ticks = max(1, nearest(o.mark_usd / o.tick_usd))
    o.index_ticks = max(1, nearest(o.index_usd / o.token_tick_usd))
    fallbacks(world)[4 * ticker + o.state].seconds += 1


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
def priced(world: World, ticker: int) -> int:
    """1 while a ticker's index is live."""
    return 1 if oracles(world)[ticker].state == INDEX_LIVE else 0
