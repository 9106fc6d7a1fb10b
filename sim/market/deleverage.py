"""Auto-deleveraging: what nobody bought is closed against those on the other side, one ticker at a time.

ADL-1  Candidates hold the other side of the same ticker, are not in liquidation, and are no house. Those with a profit come
       first, each group by the venue's score, ties by a draw from (seed, instant, person).
ADL-2  Form: a queue closes the first candidates whole, the last in part; pro rata closes lots in proportion to profit, at most
       each one's position, and in proportion to size once profits are used up.
ADL-3  Price: bankruptcy of the account in liquidation, mark, index, or, for all its positions at once, the mark before the last one
       that was made. Tokens that it could sell count for bankruptcy as far as they bring equity back to zero. Lots and dollars move, never a price rounded to a
       tick; parts of a value are differences of its cumulative floor, so that they sum to it exactly. What candidates give beside
       the mark is paid by them, also where the account needed less.
ADL-4  A candidate whose equity would fall below zero is passed over; so is, for the rest of that instant, who was passed over
       once.
ADL-5  What no candidate can take is closed at the mark against those passed over, then those in liquidation, then houses.
ADL-6  What then is missing is shared (SOC-1).
ADL-7  Nobody is reduced by more than his position, and no fee is charged.
ADL-8  By a knob a policy allots: one question for a ticker, side and instant, what waits of it against all candidates. Its answer in
       whole lots (rounded down, what is left to the largest fractions) is closed in the order of the venue's score at one
       common price, that of all that is closed.
ADL-9  Who could not pay the common price for his part gives nothing; his part goes to the others in the order of the score, as
       far as each can pay, then as ADL-5.
ADL-10 A policy may say that it works in turn: of those it names all but one are closed whole. Cases then meet them as in a queue,
       each at its own price, those named whole first, then the one in part, then the others, each in the order of the score.
"""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market import ask
from offhours.sim.market.accounts import (
    DELEVERAGED,
    HOUSES,
    NOBODY,
    SOCIALISED,
    USD,
    accounts,
    amount,
    token_asset,
    transfer,
)
from offhours.sim.market.attention import AHEAD, frozen, note_change, prefetch_account
from offhours.sim.market.book import book_rules
from offhours.sim.market.clock import DELEVERAGE_LOG, clock, log_row, logs
from offhours.sim.market.collateral import net_tokens
from offhours.sim.market.conversion import sellable
from offhours.sim.market.funding import settle
from offhours.sim.market.margin import equity, equity_share, gross_notional, required
from offhours.sim.market.money import nearest
from offhours.sim.market.oracle import oracles, value_at_mark, value_at_previous_mark
from offhours.sim.market.positions import positions, proportion
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.positions import trade as book_position
from offhours.sim.market.ranking import enter, keep, ranks, sort
from offhours.sim.market.socialised import allotment, owe, profit_of
from offhours.sim.market.waterfall import DELEVERAGED as BY_DELEVERAGING
from offhours.sim.market.waterfall import has, note_not_paid, note_paid, note_unpaid

QUEUE, PRO_RATA = 0, 1
BANKRUPTCY, MARK, ORACLE, PREVIOUS_MARK = 0, 1, 2, 3
BITMEX, HYPERLIQUID, BINANCE, BYBIT, DRAW = 0, 1, 2, 3, 4
FORMS = ("queue", "pro rata")
PRICES = ("bankruptcy", "mark", "oracle", "previous mark")
SCORES = ("bitmex", "hyperliquid", "binance", "bybit", "draw")

PROFITABLE, OTHERS = 0, 1
ALL_TICKERS = -1

POLICIES = ("queue", "unranked", "wealth pro rata", "contract pro rata", "capped pro rata", "risk-aware", "min-max fair", "hedge-aware")  # fmt: skip
"""Policies that a rulebook may name. The first IN_KERNEL are forms of the market's own; the others are asked (ADL-8)."""
IN_KERNEL = 3
OWN = len(POLICIES)
"""Number of a policy that is a person's own."""


class AdlRules:
    """One row: how the venue deleverages."""

    form: A[int, Knob("queue", "choice", "", "", "whether candidates are closed one after the other, or all in proportion to profit", basis="rule: documents of Kraken, Binance and BitMEX, as of 2026: by rank; pro rata is the fair rule of Chitra, arXiv 2512.01112", choices=FORMS)]  # fmt: skip
    price: A[int, Knob("bankruptcy", "choice", "", "", "price at which positions are closed", basis="rule: documents of Binance, Bybit, BitMEX and dYdX v4 as of 2026: bankruptcy; of OKX: mark; of Hyperliquid: previous mark, in older versions previous oracle price", choices=PRICES)]  # fmt: skip
    score: A[int, Knob("bitmex", "choice", "", "", "what candidates are ranked by", basis="rule: BitMEX, auto-deleveraging, as of 2026: profit rate x effective leverage, a loss divided by it; Kraken's formula was not found", choices=SCORES)]  # fmt: skip


class Waiting:
    """Accounts whose position is to be deleveraged at this instant, in their order; row 0 holds their number."""

    account: A[int, Column("i8", "account", "account in liquidation; in row 0 the count")]
    ticker: A[int, Column("i8", "ticker", "ticker of the position, or ALL_TICKERS")]


class Line:
    """One row: the candidates of the ticker and side that is served now."""

    count: A[int, Column("i8", "count", "candidates in the order of ranks")]
    next: A[int, Column("i8", "row", "the first that may have something left")]
    aside: A[int, Column("i8", "count", "candidates passed over; they stand in the first rows of ranks")]
    beyond: A[int, Column("i8", "number", "how far the accounts that are no candidates were asked")]
    limited: A[int, Column("i8", "flag", "1 where each candidate's part is in the quotas, and all have one price")]
    in_turn: A[int, Column("i8", "flag", "1 where the policy that was asked works as a queue")]
    wanted_lots: A[int, Column("i8", "lots", "lots that wait to be closed")]
    wanted_uusd: A[int, Column("i8", "uusd", "what closing them brings at the venue's price, signed like them")]
    pooled_lots: A[int, Column("i8", "lots", "lots closed so far at the common price")]
    pooled_of_lots: A[int, Column("i8", "lots", "lots that have the common price")]
    pooled_uusd: A[int, Column("i8", "uusd", "their value at it, signed like what is closed")]
    clipped_uusd: A[int, Column("i8", "uusd", "paid out at own prices less received at the common one; in the end, what candidates could not pay")]  # fmt: skip


class Quota:
    """One row a candidate, in the order of ranks: what is closed of its position at most."""

    lots: A[int, Column("i8", "lots", "without sign")]


class Candidate:
    """One row a candidate, in the order of ranks: what a policy is shown of him. A single row where none is asked."""

    lots: A[int, Column("i8", "lots", "size of his position")]
    profit_uusd: A[int, Column("i8", "uusd", "its profit at the mark")]
    equity_uusd: A[int, Column("i8", "uusd", "equity of the account")]
    notional_uusd: A[int, Column("i8", "uusd", "size of the position at the mark")]
    gross_uusd: A[int, Column("i8", "uusd", "notionals of all positions of the account")]
    score: A[float, Column("f8", "score", "what the venue ranks him by")]
    loss_lots: A[int, Column("i8", "lots", "the most that could be asked of him: his position, or all that waits")]
    loss_uusd: A[int, Column("i8", "uusd", "what closing these at the common price would cost him beside the mark")]
    offset_lots: A[int, Column("i8", "lots", "part of the position that tokens of the account stand against")]


class DeleverageEvent:
    """A position that was cut for an account in liquidation. Equity, notional, profit and gross are those before the cut."""

    time_us: A[int, Column("i8", "us", "when")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    for_account: A[int, Column("i8", "account", "account in liquidation")]
    account: A[int, Column("i8", "account", "whose position was cut")]
    rank: A[int, Column("i8", "number", "place in the queue, 1 first; 0 for who was passed over or is no candidate")]
    candidates: A[int, Column("i8", "count", "how many stood in the queue")]
    lots: A[int, Column("i8", "lots", "signed: positive where a long was reduced")]
    value_uusd: A[int, Column("i8", "uusd", "dollars at which it was closed, signed like lots")]
    mark_ticks: A[int, Column("i8", "ticks", "mark at that moment")]
    score: A[float, Column("f8", "score", "what the venue ranked it by")]
    equity_uusd: A[int, Column("i8", "uusd", "equity of the account")]
    notional_uusd: A[int, Column("i8", "uusd", "size of the position at the mark")]
    profit_uusd: A[int, Column("i8", "uusd", "its profit at the mark; negative where it had lost")]
    gross_uusd: A[int, Column("i8", "uusd", "notionals of all positions of the account")]
    token_ushares: A[int, Column("i8", "ushares", "tokens of the ticker that it held")]


adl_rules = table(AdlRules)
waiting = table(Waiting)
lines = table(Line)
quotas = table(Quota)
candidates = table(Candidate)
deleverage_events = table(DeleverageEvent, recorded=True)


# Formulas ------------------------------------------------------------------------------------------------------------


@kernel
def bitmex_score(profit: float, cost: float, notional: float, worth: float) -> float:
    """Profit rate x effective leverage where there is a profit, profit rate / effective leverage where there is a loss.

    `profit` over `cost` (what the position was opened for), `notional` over `worth` (equity of the account), all in one
    unit. (BitMEX, auto-deleveraging.)
    """
    leverage = notional / max(worth, 1.0)
    rate = profit / max(cost, 1.0)
    return rate * leverage if profit > 0.0 else rate / max(leverage, 1.0e-9)


@kernel
def hyperliquid_score(side: int, mark: float, entry: float, notional: float, worth: float) -> float:
    """(mark / entry) x (notional / account value); for a short entry / mark. (Hyperliquid, auto-deleveraging.)"""
    gain = mark / max(entry, 1.0e-9) if side > 0 else entry / max(mark, 1.0e-9)
    return gain * (notional / max(worth, 1.0))


@kernel
def binance_score(profit: float, maintenance: float, worth: float) -> float:
    """Profit over the wallet's balance x margin ratio, no score below zero; money in micro-dollars. (Binance FAQ, auto-deleveraging.)

    The wallet's balance is equity without this position's profit, at least a dollar; no margin ratio where equity is gone.
    """
    if profit <= 0.0 or worth <= 0.0:
        return 0.0
    return profit / max(worth - profit, 1.0e6) * (maintenance / worth)


@kernel
def bybit_score(profit: float, worth: float) -> float:
    """Leveraged return: profit over the money that carries the position. (Bybit, auto-deleveraging.)"""
    return profit / max(worth, 1.0)


@kernel
def bankruptcy_value(value_at_mark_uusd: int, share_uusd: int) -> int:
    """What closing a whole position brings (a long) or costs (a short, negative) so that its share of equity is spent."""
    return value_at_mark_uusd - share_uusd


@kernel
def slice_value(value_uusd: int, done_lots: int, lots: int, of_lots: int) -> int:
    """Value of the next `lots` after `done_lots` of a position of `of_lots`: slices sum to the whole exactly (ADL-3)."""
    return proportion(value_uusd, done_lots + lots, of_lots) - proportion(value_uusd, done_lots, of_lots)


# The line ------------------------------------------------------------------------------------------------------------


@kernel
def wait(world: World, account: int, ticker: int) -> None:
    """Note a position that is to be deleveraged at this instant, or all of an account."""
    row = waiting(world)[0].account + 1
    waiting(world)[0].account = row
    waiting(world)[row].account = account
    waiting(world)[row].ticker = ticker


@kernel
def waits(world: World, row: int, ticker: int, side: int) -> int:
    """1 where the row of the waiting has a position of this ticker and side."""
    w = waiting(world)[row]
    return (
        1
        if (w.ticker == ticker or w.ticker == ALL_TICKERS) and position_size(world, w.account, ticker) * side > 0
        else 0
    )


@kernel
def dismiss(world: World) -> None:
    """Nobody waits any more."""
    waiting(world)[0].account = 0


@kernel
def score_of(world: World, account: int, ticker: int) -> float:
    """The venue's score of a position (ADL-1)."""
    p = positions(world)[account * clock(world)[0].tickers + ticker]
    value = value_at_mark(world, ticker, p.size_lots)
    profit, cost, notional = float(value - p.cost_uusd), float(abs(p.cost_uusd)), float(abs(value))
    rule = adl_rules(world)[0].score
    if rule == DRAW:
        return 0.0
    worth = float(equity(world, account))
    if rule == BITMEX:
        return bitmex_score(profit, cost, notional, worth)
    if rule == HYPERLIQUID:
        side = 1 if p.size_lots > 0 else -1
        return hyperliquid_score(side, notional, cost, notional, worth)
    if rule == BINANCE:
        return binance_score(profit, float(required(world, account)), worth)
    return bybit_score(profit, worth)


@kernel
def line_up(world: World, ticker: int, side: int) -> None:
    """Rank those who hold the other side of positions of `side` (ADL-1): once for a ticker, side and instant, n log n."""
    c = clock(world)[0]
    count = 0
    form, asked = adl_rules(world)[0].form, ask.asks(world, ask.ALLOCATION)
    for account in range(HOUSES, c.accounts):
        lots = positions(world)[account * c.tickers + ticker].size_lots
        if lots * side >= 0 or frozen(world, account):
            continue
        profit = profit_of(world, account, ticker)
        group = PROFITABLE if profit > 0 else OTHERS
        tie = tie_order(c.seed, c.now_us, accounts(world)[account].who)
        if form == QUEUE or asked:
            key = -score_of(world, account, ticker)
        else:
            # Whose position is small beside his profit reaches his limit first.
            key = float(abs(lots)) / float(profit) if profit > 0 else 0.0
        enter(world, count, account, group, key, tie)
        count += 1
    sort(world, count)
    line = lines(world)[0]
    line.count = count
    line.next = 0
    line.aside = 0
    line.beyond = 0
    line.pooled_of_lots = 0
    line.clipped_uusd = 0
    line.limited = 1 if form == PRO_RATA or asked else 0
    if line.limited == 0:
        return
    note_wanted(world, ticker, side)
    if asked:
        describe(world, ticker, side)
    else:
        share_out(world, ticker, side)


@kernel
def note_wanted(world: World, ticker: int, side: int) -> None:
    """Add up what waits of a ticker and side, and what closing it brings at the venue's price."""
    line = lines(world)[0]
    line.wanted_lots = 0
    line.wanted_uusd = 0
    for row in range(1, waiting(world)[0].account + 1):
        if waits(world, row, ticker, side):
            account = waiting(world)[row].account
            line.wanted_lots += abs(position_size(world, account, ticker))
            line.wanted_uusd += close_value(world, account, ticker)


@kernel
def loss_of(world: World, ticker: int, side: int, lots: int) -> int:
    """What closing so many lots at the common price would cost a candidate beside the mark, micro-dollars."""
    line = lines(world)[0]
    if line.wanted_lots == 0:
        return 0
    return slice_value(line.wanted_uusd, 0, lots, line.wanted_lots) - value_at_mark(world, ticker, side * lots)


@kernel
def share_out(world: World, ticker: int, side: int) -> None:
    """Give each candidate his part of what waits, and all of it one price (ADL-2, pro rata)."""
    line = lines(world)[0]
    rest = line.wanted_lots
    for group in range(2):
        weights = 0
        for place in range(line.count):
            if ranks(world)[place].group == group:
                weights += weight_of(world, place, ticker)
        for place in range(line.count):
            if ranks(world)[place].group != group:
                continue
            account = ranks(world)[place].account
            weight = weight_of(world, place, ticker)
            lots = allotment(rest, weight, weights, abs(position_size(world, account, ticker)))
            if equity(world, account) < loss_of(world, ticker, side, lots):
                lots = 0
            quotas(world)[place].lots = lots
            rest -= lots
            weights -= weight
    set_price(world, ticker, side, line.wanted_lots - rest)


@kernel
def describe(world: World, ticker: int, side: int) -> None:
    """Write down what a policy is shown of the candidates (ADL-8)."""
    line = lines(world)[0]
    for place in range(line.count):
        account = ranks(world)[place].account
        lots = abs(position_size(world, account, ticker))
        shown = candidates(world)[place]
        shown.lots = lots
        shown.profit_uusd = profit_of(world, account, ticker)
        shown.equity_uusd = equity(world, account)
        shown.notional_uusd = abs(value_at_mark(world, ticker, lots))
        shown.gross_uusd = gross_notional(world, account)
        shown.score = -ranks(world)[place].key
        shown.loss_lots = min(lots, line.wanted_lots)
        shown.loss_uusd = loss_of(world, ticker, side, shown.loss_lots)
        # Tokens stand against a short, borrowed ones against a long; the candidates' side is the other one.
        hedge_ushares = max(0, side * net_tokens(world, account, ticker))
        shown.offset_lots = min(lots, hedge_ushares // book_rules(world)[2 * ticker].lot_ushares)


@kernel
def take_answer(world: World, ticker: int, side: int) -> None:
    """Hold what a policy has allotted to what each can pay, and give all of it one price (ADL-8, ADL-9)."""
    ask.close(world)
    line = lines(world)[0]
    if line.in_turn == 1:
        queue_up(world, ticker)
        return
    rest = line.wanted_lots
    for place in range(line.count):
        lots = min(quotas(world)[place].lots, rest)
        if equity(world, ranks(world)[place].account) < loss_of(world, ticker, side, lots):
            lots = 0
        quotas(world)[place].lots = lots
        rest -= lots
    for place in range(line.count):
        account, given = ranks(world)[place].account, quotas(world)[place].lots
        more = min(rest, abs(position_size(world, account, ticker)) - given)
        if more > 0 and equity(world, account) >= loss_of(world, ticker, side, given + more):
            quotas(world)[place].lots = given + more
            rest -= more
    set_price(world, ticker, side, line.wanted_lots - rest)


@kernel
def queue_up(world: World, ticker: int) -> None:
    """Let those whom a policy takes whole stand first, then the one it takes in part, then the others (ADL-10)."""
    line = lines(world)[0]
    scratch, count = len(ranks(world)) // 2, 0
    for turn in range(3):
        for place in range(line.count):
            r, lots = ranks(world)[place], quotas(world)[place].lots
            own = 2
            if lots > 0:
                own = 0 if lots == abs(position_size(world, r.account, ticker)) else 1
            if own == turn:
                enter(world, scratch + count, r.account, r.group, r.key, r.tie)
                count += 1
    for place in range(count):
        r = ranks(world)[scratch + place]
        enter(world, place, r.account, r.group, r.key, r.tie)
    line.limited = 0


@kernel
def set_price(world: World, ticker: int, side: int, lots: int) -> None:
    """Give all that candidates will close one price, `lots` in sum."""
    line = lines(world)[0]
    # The common price is that of the lots that will be closed: the first waiting, as far as the candidates reach.
    line.pooled_lots = 0
    line.pooled_of_lots = lots
    line.pooled_uusd = 0
    left = line.pooled_of_lots
    for row in range(1, waiting(world)[0].account + 1):
        if left > 0 and waits(world, row, ticker, side):
            account = waiting(world)[row].account
            own_lots = abs(position_size(world, account, ticker))
            line.pooled_uusd += slice_value(close_value(world, account, ticker), 0, min(left, own_lots), own_lots)
            left -= min(left, own_lots)


@kernel
def weight_of(world: World, place: int, ticker: int) -> int:
    """A candidate's weight in the pro rata form: profit, or size where there is none."""
    account = ranks(world)[place].account
    if ranks(world)[place].group == PROFITABLE:
        return profit_of(world, account, ticker)
    return abs(position_size(world, account, ticker))


@kernel
def close_value(world: World, account: int, ticker: int) -> int:
    """What closing a whole position brings at the venue's price for it, signed like the position (ADL-3)."""
    lots = position_size(world, account, ticker)
    price = adl_rules(world)[0].price
    if not has(world, BY_DELEVERAGING):
        price = MARK
    if price == BANKRUPTCY:
        share = equity_share(world, account, ticker)
        if share < 0:
            share = min(0, share + sellable(world, account))
        return bankruptcy_value(value_at_mark(world, ticker, lots), share)
    if price == ORACLE:
        o = oracles(world)[ticker]
        return nearest(o.index_usd * o.lot_shares * 1.0e6 * lots)
    if price == PREVIOUS_MARK:
        return value_at_previous_mark(world, ticker, lots)
    return value_at_mark(world, ticker, lots)


# Cutting -------------------------------------------------------------------------------------------------------------


@kernel
def room_to_record(world: World) -> int:
    """1 where the log can take whatever one ticker and side may write: each cut ends a candidate or a case."""
    log = logs(world)[DELEVERAGE_LOG]
    return 1 if log.count + clock(world)[0].accounts + 2 * waiting(world)[0].account < log.room else 0


@kernel
def close_out(world: World, account: int, ticker: int) -> int:
    """Close an account's whole position against the line; returns what others than the account paid, micro-dollars.

    What candidates lost beside the mark is paid by deleveraging; what was missing where no candidate was left is paid by
    nobody, and shared at the end of the instant (ADL-5, ADL-6).
    """
    settle(world, account, ticker)
    lots = position_size(world, account, ticker)
    of_lots, side = abs(lots), 1 if lots > 0 else -1
    value = close_value(world, account, ticker)
    line = lines(world)[0]
    done = 0
    while done < of_lots and line.next < line.count:
        place = line.next
        other = ranks(world)[place].account
        prefetch_account(world, ranks(world)[min(place + AHEAD, line.count - 1)].account)
        most = abs(position_size(world, other, ticker))
        if line.limited == 1:
            most = min(most, quotas(world)[place].lots)
        part = min(of_lots - done, most)
        if part > 0:
            settle(world, other, ticker)
            own = slice_value(value, done, part, of_lots)
            theirs = own
            worth = equity(world, other)
            if line.pooled_of_lots > 0:
                theirs = slice_value(line.pooled_uusd, line.pooled_lots, part, line.pooled_of_lots)
                # One who cannot pay the common price pays what he has.
                theirs = min(theirs, value_at_mark(world, ticker, side * part) + max(0, worth))
            elif worth < own - value_at_mark(world, ticker, side * part):
                pass_over(world, other)
                continue
            record(world, account, other, ticker, place + 1, side * part, theirs, worth)
            swap(world, account, other, ticker, side * part, own, theirs)
            done += part
            most -= part
            if line.pooled_of_lots > 0:
                line.pooled_lots += part
                quotas(world)[place].lots -= part
        if most == 0:
            if position_size(world, other, ticker) != 0:
                pass_over(world, other)
            else:
                line.next += 1
    paid = max(0, proportion(value, done, of_lots) - value_at_mark(world, ticker, side * done))
    note_paid(world, BY_DELEVERAGING, paid)
    if done < of_lots:
        paid += close_at_mark(world, account, ticker, value - proportion(value, done, of_lots))
    return paid


@kernel
def close_at_mark(world: World, account: int, ticker: int, value: int) -> int:
    """Close what no candidate took at the mark; returns what is missing to `value`, to be shared at the end of the instant (ADL-5)."""
    lots = position_size(world, account, ticker)
    missing = value - value_at_mark(world, ticker, lots)
    line, c = lines(world)[0], clock(world)[0]
    while position_size(world, account, ticker) != 0 and line.beyond < line.aside + c.accounts:
        if line.beyond < line.aside:
            other = ranks(world)[line.beyond].account
        else:
            other = (line.beyond - line.aside + HOUSES) % c.accounts
        rest = position_size(world, account, ticker)
        theirs = position_size(world, other, ticker)
        if other == account or theirs * rest >= 0:
            line.beyond += 1
            continue
        settle(world, other, ticker)
        part = min(abs(rest), abs(theirs)) * (1 if rest > 0 else -1)
        at_mark = value_at_mark(world, ticker, part)
        record(world, account, other, ticker, 0, part, at_mark, equity(world, other))
        swap(world, account, other, ticker, part, at_mark, at_mark)
    assert position_size(world, account, ticker) == 0
    if missing <= 0:
        return 0
    transfer(world, USD, NOBODY, account, missing, SOCIALISED)
    note_unpaid(world, missing)
    owe(world, ticker, missing)
    return missing


@kernel
def pass_over(world: World, other: int) -> None:
    """Go on to the next candidate; this one still has a position and is set aside (ADL-4)."""
    line = lines(world)[0]
    keep(world, line.aside, other)
    line.aside += 1
    line.next += 1


@kernel
def swap(world: World, account: int, other: int, ticker: int, lots: int, own: int, theirs: int) -> None:
    """Take `lots` (signed as the account's position) off both sides for `theirs` dollars.

    What the account in liquidation gets more or less than that (`own`) goes through nobody, and is nothing in sum over those
    who share one price.
    """
    hand(world, other, account, theirs)
    if own != theirs:
        hand(world, NOBODY, account, own - theirs)
        lines(world)[0].clipped_uusd += own - theirs
    book_position(world, account, ticker, -lots, -theirs)
    book_position(world, other, ticker, lots, theirs)
    note_change(world, account)
    note_change(world, other)


@kernel
def hand(world: World, payer: int, payee: int, dollars: int) -> None:
    """Move dollars of a close, whichever way they go."""
    if dollars >= 0:
        transfer(world, USD, payer, payee, dollars, DELEVERAGED)
    else:
        transfer(world, USD, payee, payer, -dollars, DELEVERAGED)


@kernel
def record(world: World, account: int, other: int, ticker: int, rank: int, lots: int, value: int, worth: int) -> None:
    """Write a row of the log before the cut; `lots` and `value` are signed as the position in liquidation."""
    score = 0.0
    if rank > 0:
        score = -ranks(world)[rank - 1].key
        if adl_rules(world)[0].form == PRO_RATA and not ask.asks(world, ask.ALLOCATION):
            score = float(max(0, profit_of(world, other, ticker))) / 1.0e6
    event = deleverage_events(world)[log_row(world, DELEVERAGE_LOG)]
    event.time_us = clock(world)[0].now_us
    event.ticker = ticker
    event.for_account = account
    event.account = other
    event.rank = rank
    event.candidates = lines(world)[0].count
    event.lots = -lots
    event.value_uusd = -value
    event.mark_ticks = oracles(world)[ticker].mark_ticks
    event.score = score
    event.equity_uusd = worth
    event.notional_uusd = abs(value_at_mark(world, ticker, position_size(world, other, ticker)))
    event.profit_uusd = profit_of(world, other, ticker)
    event.gross_uusd = gross_notional(world, other)
    event.token_ushares = amount(world, other, token_asset(ticker))


@kernel
def end_line(world: World, ticker: int) -> None:
    """A ticker and side is served: what candidates could not pay at the common price is missing (ADL-6)."""
    line = lines(world)[0]
    assert line.clipped_uusd >= 0
    if line.clipped_uusd > 0:
        note_not_paid(world, BY_DELEVERAGING, line.clipped_uusd)
        owe(world, ticker, line.clipped_uusd)
        line.clipped_uusd = 0
