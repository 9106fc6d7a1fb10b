"""Conversion: tokens are sold where dollars are owed, and bought where tokens are.

CONV-1  Losses, fees and funding are paid in dollars. Where an account's dollars, unrealised results apart, are below minus a
        limit and its tokens are collateral, tokens are sold in the token book: immediate-or-cancel, no further from the index
        than a limit. A share of what they bring goes to the pool.
CONV-2  In liquidation positions close first. Then borrowed tokens are bought back and tokens are sold, at whatever the book pays
        within its band, until nothing is owed; what is missing when no token is left to sell is the shortfall. The pool's share
        is at most the dollars left. A book that is closed or empty is waited for.
CONV-3  The token that is worth most goes first; no more is sold than is needed at the limit price.
CONV-4  Orders have the engine's latency. Each is recorded with what it sold, for how much, and how far the middle of the book's
        impact prices fell by it.
CONV-5  Borrowed tokens that were called and not given back in time are bought likewise (LEND-4).
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import COLLATERAL_SALE, HOUSES, POOL, USD, amount, available, token_asset, transfer
from offhours.sim.market.attention import frozen, note_change
from offhours.sim.market.book import book_rules, books
from offhours.sim.market.clock import COLLATERAL_LOG, clock, log_row
from offhours.sim.market.collateral import DOLLARS, active, collateral_rules, owed, value_at_index
from offhours.sim.market.fees import fee_rules
from offhours.sim.market.flight import ENGINE_LANE, send
from offhours.sim.market.lending import give_back, note_bought_in, overdue, returnable
from offhours.sim.market.margin import cash, equity, required
from offhours.sim.market.matching import ACCEPTED, ENGINE, IOC, lot_utokens, place, reports, token_open
from offhours.sim.market.money import PPB, share_down
from offhours.sim.market.oracle import impact_mid_usd, oracle_rules, oracles
from offhours.sim.market.orders import BUY, SELL

NOTHING_LEFT, SENT, WAITS = 0, 1, 2
CONVERTED, WOUND_UP, BOUGHT_BACK, BOUGHT_IN = 0, 1, 2, 3
CAUSES = ("dollars owed", "liquidation", "loan in liquidation", "loan called")


class ConversionRules:
    """One row: how tokens become dollars."""

    limit_uusd: A[int, Knob("$1,000", "uusd", "$0", "$1B", "dollars an account may owe before its tokens are sold", basis="chosen: Kraken converts collateral when the dollar balance turns negative and states no amount; not half, because every fee would sell tokens; not twice, because the venue lends these dollars for nothing")]  # fmt: skip
    fee_ppb: A[int, Knob("0.5 %", "ppb", "0 %", "10 %", "share of a sale that goes to the liquidity pool", basis="chosen: the liquidation fee, because it is the same service; half or twice moves who converts by himself in time")]  # fmt: skip
    away_ppb: A[int, Knob("1 %", "ppb", "0.01 %", "20 %", "furthest price from the index at which tokens are converted", basis="chosen: equal to the engine's step limit; not half, because off-hours spreads reach 0.5 %; not twice, because one conversion would then be its own gap")]  # fmt: skip


class Conversion:
    """One row a ticker: what was sold and bought by force so far."""

    sold_lots: A[int, Column("i8", "lots", "token lots sold")]
    sold_uusd: A[int, Column("i8", "uusd", "what they brought")]
    bought_lots: A[int, Column("i8", "lots", "token lots bought for loans")]
    bought_uusd: A[int, Column("i8", "uusd", "what they cost")]
    fee_uusd: A[int, Column("i8", "uusd", "what the pool received")]
    fall_ppb: A[int, Column("i8", "ppb", "sum of the falls of the book's impact mid by the sales")]


class CollateralEvent:
    """A forced order that traded in a token book."""

    time_us: A[int, Column("i8", "us", "when")]
    account: A[int, Column("i8", "account", "whose tokens")]
    book: A[int, Column("i8", "book", "token book it traded in")]
    cause: A[int, Column("i8", "code", "CONVERTED, WOUND_UP, BOUGHT_BACK or BOUGHT_IN")]
    side: A[int, Column("i8", "side", "what it did")]
    size_lots: A[int, Column("i8", "lots", "how much of it")]
    value_uusd: A[int, Column("i8", "uusd", "value traded")]
    fee_uusd: A[int, Column("i8", "uusd", "share of the pool")]
    index_ticks: A[int, Column("i8", "ticks", "index at that moment")]
    fall_ppb: A[int, Column("i8", "ppb", "fall of the book's impact mid by the order; 0 where a side was too thin")]


conversion_rules = table(ConversionRules)
conversions = table(Conversion)
collateral_events = table(CollateralEvent, recorded=True)


@kernel
@rare
def convert(world: World, account: int) -> None:
    """Sell tokens of an account that owes more dollars than the limit, while it is well (CONV-1)."""
    if active(world) == 0:
        return
    missing = -cash(world, account)
    if missing <= conversion_rules(world)[0].limit_uusd:
        return
    ticker = dearest(world, account, 1)
    if ticker >= 0:
        index_ticks = oracles(world)[ticker].index_ticks
        limit_ticks = index_ticks - share_down(index_ticks, conversion_rules(world)[0].away_ppb)
        sell(world, account, ticker, missing, max(1, limit_ticks), CONVERTED)
        note_change(world, account)


@kernel
@rare
def wind_up(world: World, account: int) -> int:
    """Bring an account without positions out of debt: NOTHING_LEFT to do, or an order was SENT, or it WAITS (CONV-2)."""
    dollars = amount(world, account, USD)
    ill = equity(world, account) < required(world, account)
    if dollars >= 0 and not ill:
        return NOTHING_LEFT
    if active(world) and ill:
        for ticker in range(clock(world)[0].tickers):
            back = returnable(world, account, ticker + 1)
            if back > 0:
                give_back(world, account, ticker + 1, back)
            if owed(world, account, ticker + 1) > 0:
                return buy_back(world, account, ticker, owed(world, account, ticker + 1), BOUGHT_BACK)
        dollars -= owed(world, account, DOLLARS)
    ticker = dearest(world, account, 0)
    if dollars < 0 and ticker >= 0:
        if not token_open(world, ticker):
            return WAITS
        index_ticks = oracles(world)[ticker].index_ticks
        limit_ticks = index_ticks - share_down(index_ticks, book_rules(world)[2 * ticker + 1].band_ppb)
        return sell(world, account, ticker, -dollars, max(1, limit_ticks), WOUND_UP)
    if ill and owed(world, account, DOLLARS) > 0:
        give_back(world, account, DOLLARS, owed(world, account, DOLLARS))
    return NOTHING_LEFT


@kernel
def owns_or_owes(world: World, account: int) -> int:
    """1 where an account has tokens that could be sold, or a loan."""
    if dearest(world, account, 0) >= 0:
        return 1
    for what in range(1 + clock(world)[0].tickers):
        if owed(world, account, what) > 0:
            return 1
    return 0


@kernel
@rare
def call_in(world: World) -> None:
    """At a full hour: buy what was called and not given back (CONV-5)."""
    if active(world) == 0:
        return
    for account in range(HOUSES, clock(world)[0].accounts):
        for ticker in range(clock(world)[0].tickers):
            missing = overdue(world, account, ticker + 1)
            if missing > 0 and not frozen(world, account):
                back = min(missing, returnable(world, account, ticker + 1))
                if back > 0:
                    give_back(world, account, ticker + 1, back)
                if missing > back:
                    buy_back(world, account, ticker, missing - back, BOUGHT_IN)


@kernel
def dearest(world: World, account: int, pledged: int) -> int:
    """The ticker whose free tokens are worth most and make at least a lot, or -1; `pledged`: of those that are collateral."""
    best, most = -1, -1
    for ticker in range(clock(world)[0].tickers):
        utokens = available(world, account, token_asset(ticker))
        if utokens < lot_utokens(world, 2 * ticker + 1):
            continue
        if pledged and (collateral_rules(world)[ticker].haircut_ppb >= PPB or not token_open(world, ticker)):
            continue
        value = value_at_index(world, ticker, utokens)
        if value > most:
            best, most = ticker, value
    return best


@kernel
def sellable(world: World, account: int) -> int:
    """What an account's free tokens that count for nothing would bring at the limit price of a conversion, micro-dollars."""
    total = 0
    rules = conversion_rules(world)[0]
    for ticker in range(clock(world)[0].tickers):
        utokens = available(world, account, token_asset(ticker))
        if utokens > 0 and not (active(world) and collateral_rules(world)[ticker].haircut_ppb < PPB):
            total += share_down(value_at_index(world, ticker, utokens), max(0, PPB - rules.away_ppb - rules.fee_ppb))
    return total


@kernel
def sell(world: World, account: int, ticker: int, dollars: int, limit_ticks: int, cause: int) -> int:
    """Send the sale of as many tokens as bring so many dollars at the limit price, fees included (CONV-3, CONV-4)."""
    book = 2 * ticker + 1
    costs_ppb = fee_rules(world)[book].taker_ppb + conversion_rules(world)[0].fee_ppb
    per_lot = max(1, share_down(limit_ticks * books(world)[book].unit_uusd, PPB - costs_ppb))
    held = available(world, account, token_asset(ticker)) // lot_utokens(world, book)
    lots = min(held, -(-dollars // per_lot))
    return SENT if send(world, ENGINE_LANE, account, book, IOC, SELL, limit_ticks, lots, ENGINE, cause) == ACCEPTED else WAITS  # fmt: skip


@kernel
def buy_back(world: World, account: int, ticker: int, utokens: int, cause: int) -> int:
    """Send the purchase of tokens that are owed, at whatever the book asks within its band (CONV-2, CONV-5)."""
    book = 2 * ticker + 1
    if not token_open(world, ticker):
        return WAITS
    index_ticks = oracles(world)[ticker].index_ticks
    limit_ticks = index_ticks + share_down(index_ticks, book_rules(world)[book].band_ppb)
    lots = -(-utokens // lot_utokens(world, book))
    return SENT if send(world, ENGINE_LANE, account, book, IOC, BUY, limit_ticks, lots, ENGINE, cause) == ACCEPTED else WAITS  # fmt: skip


@kernel
@rare
def execute(world: World, account: int, book: int, side: int, limit_ticks: int, lots: int, cause: int) -> None:
    """A forced order arrives at a token book: it trades, the pool receives its share, and it is recorded (CONV-4)."""
    ticker = book // 2
    if side == SELL:
        lots = min(lots, available(world, account, token_asset(ticker)) // lot_utokens(world, book))
    before_usd = probe_usd(world, ticker)
    if lots <= 0 or place(world, account, book, side, limit_ticks, lots, IOC, ENGINE) != ACCEPTED:
        return
    report = reports(world)[0]
    filled, value = report.filled_lots, report.value_uusd
    if filled == 0:
        return
    after_usd = probe_usd(world, ticker)
    fall_ppb = 0
    if before_usd > 0.0 and after_usd > 0.0:
        fall_ppb = int((before_usd - after_usd) / before_usd * PPB)
    row = conversions(world)[ticker]
    fee = 0
    if side == SELL:
        fee = share_down(value, conversion_rules(world)[0].fee_ppb)
        if cause == WOUND_UP:
            fee = max(0, min(fee, amount(world, account, USD)))
        transfer(world, USD, account, POOL, fee, COLLATERAL_SALE)
        row.sold_lots += filled
        row.sold_uusd += value
        row.fee_uusd += fee
        row.fall_ppb += fall_ppb
    else:
        row.bought_lots += filled
        row.bought_uusd += value
        back = min(returnable(world, account, ticker + 1), filled * lot_utokens(world, book))
        if back > 0:
            give_back(world, account, ticker + 1, back)
        if cause == BOUGHT_IN:
            note_bought_in(world, ticker + 1, back)
    note_change(world, account)
    event = collateral_events(world)[log_row(world, COLLATERAL_LOG)]
    event.time_us = clock(world)[0].now_us
    event.account = account
    event.book = book
    event.cause = cause
    event.side = side
    event.size_lots = filled
    event.value_uusd = value
    event.fee_uusd = fee
    event.index_ticks = oracles(world)[ticker].index_ticks
    event.fall_ppb = fall_ppb


@kernel
def probe_usd(world: World, ticker: int) -> float:
    """The index that the token book would make now, dollars, or -1 where a side is too thin."""
    o = oracles(world)[ticker]
    return impact_mid_usd(world, 2 * ticker + 1, o.token_tick_usd, o.token_lot_shares, o.index_usd, oracle_rules(world)[ticker].probe_uusd)  # fmt: skip
