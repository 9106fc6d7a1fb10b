"""Liquidation: an account below its maintenance margin is taken apart in stages, one attempt a second.

LIQ-1  Trigger: equity below maintenance margin at the mark. No margin calls. (Kraken equity protection, 2026-03-26.)
LIQ-2  Its orders and stops are cancelled first, and it may send none until it is well again.
LIQ-3  Stage 1: steps of 10 % of the position at the trigger, immediate-or-cancel, no further than a limit from the mark and
       never beyond the zero-equity price. Below the smallest order, all at once.
LIQ-4  It ends when equity is back at 1.1 x maintenance. It escalates after two steps without a fill, or when equity is below
       half of maintenance.
LIQ-5  Stage 2: one immediate-or-cancel order for the whole position at the zero-equity price; a better fill is the user's.
LIQ-6  Stage 3: the backstop takes the position at the mark.
LIQ-7  Zero-equity price of one of several positions: mark -+ equity x its share of maintenance / size, less fees; positions
       go by falling share of maintenance.
LIQ-8  Accounts are handled by rising equity / maintenance, ties by a draw from (seed, instant, person).
LIQ-9  The liquidation fee is at most what equity is left after the fill, and goes to the backstop.
LIQ-10 Orders of the engine have its latency and queue with all others; the mark is not remade between them.
"""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel, lowest_bit
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import BACKSTOP, HOUSES, LIQUIDATION_FEE, USD, accounts, transfer
from offhours.sim.market.backstop import absorb, take_over
from offhours.sim.market.book import book_rules, books
from offhours.sim.market.clock import LIQUIDATION_LOG, clock, log_row
from offhours.sim.market.conversion import NOTHING_LEFT, SENT, convert, owns_or_owes, wind_up
from offhours.sim.market.fees import fee_rules
from offhours.sim.market.flight import ENGINE_LANE, send
from offhours.sim.market.margin import (
    arm_all,
    equity,
    first_index_node,
    freeze,
    maintenance,
    note_change,
    notional,
    required,
    take_change,
    watches,
)
from offhours.sim.market.matching import ACCEPTED, ENGINE, IOC, cancel_all, place, reports
from offhours.sim.market.money import PPB, share_down, share_up
from offhours.sim.market.oracle import oracles
from offhours.sim.market.orders import BUY, REDUCE_ONLY, SELL
from offhours.sim.market.positions import position_row
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.stops import drop_all, fire
from offhours.sim.market.triggers import NO_NODE, cross, take_hit

WELL, STEPS, WHOLE_POSITION, ASSIGNED, COVERED, VAULT, FUND, DELEVERAGED, SOCIALISED = 0, 1, 2, 3, 4, 5, 6, 7, 8
STAGES = (
    "none", "partial step", "full at zero equity", "assignment", "covered", "backstop vault", "insurance fund",
    "auto-deleverage", "socialised",
)  # fmt: skip

OPENED, WELL_AGAIN, FINISHED = 1, 2, 3
EVENTS = ("none", "opened", "well again", "finished")


class LiquidationRules:
    """One row: the venue's engine."""

    active: A[int, Knob("yes", "flag", "no", "yes", "whether anybody is liquidated (a control switches it off)", basis="rule: Kraken equity protection process, steps live 2026-03-26")]  # fmt: skip
    step_ppb: A[int, Knob("10 %", "ppb", "0.1 %", "100 %", "size of a step, share of the position at the trigger", basis="rule: Kraken equity protection process, steps live 2026-03-26")]  # fmt: skip
    step_limit_ppb: A[int, Knob("1 %", "ppb", "0.01 %", "20 %", "furthest price of a step from the mark", basis="chosen: equal to the cap of the mark's premium; not half, because a cascade would not fill at all; not twice, because a step would then cost more than the maintenance of a 50x position")]  # fmt: skip
    well_ppb: A[int, Knob("110 %", "ppb", "100 %", "500 %", "equity / maintenance at which liquidation ends", basis="chosen: above the trigger, so that it does not restart at once; not half of the distance (105 %), because one fee would retrigger it; not twice (120 %), because it would close a fifth more")]  # fmt: skip
    escalate_ppb: A[int, Knob("50 %", "ppb", "0 %", "100 %", "equity / maintenance below which steps are skipped", basis="literature: Hyperliquid hands over below two thirds of maintenance; half leaves room for two more steps; not a quarter, because bad debt starts there; twice is the trigger itself")]  # fmt: skip
    attempts_max: A[int, Knob("2", "count", "1", "1000", "steps without a fill before it escalates", basis="chosen: two seconds of an empty book; not one, because a single requote would escalate; not four, because a gap does not wait")]  # fmt: skip
    fee_ppb: A[int, Knob("0.5 %", "ppb", "0 %", "10 %", "liquidation fee, share of the value filled", basis="literature: dYdX v4 default maximum 0.5 %; Kraken's rate was not found")]  # fmt: skip
    latency_us: A[int, Knob("100 ms", "us", "0 s", "1 min", "time from the decision to the order's arrival", basis="chosen: an engine inside the venue; not half, because it would beat co-located makers; not twice, because two steps would then overlap a mark")]  # fmt: skip


class Case:
    """One row an account."""

    stage: A[int, Column("i8", "code", "WELL .. SOCIALISED")]
    misses: A[int, Column("i8", "count", "steps without a fill in a row")]
    pending: A[int, Column("i8", "flag", "1 while an engine order is in flight")]
    place: A[int, Column("i8", "row", "place in the list of cases, plus one; 0 where it has none")]
    started_us: A[int, Column("i8", "us", "when the case began")]


class StepSize:
    """One row per account and ticker."""

    lots: A[int, Column("i8", "lots", "size of a step, fixed at the trigger")]


class Open:
    """Open cases; row 0 holds their number."""

    account: A[int, Column("i8", "account", "account in liquidation; in row 0 the count")]


class Rank:
    """Scratch of the ordering of cases."""

    key: A[float, Column("f8", "", "equity / maintenance")]
    tie: A[int, Column("i8", "", "draw that breaks ties")]
    account: A[int, Column("i8", "account", "account")]


class LiquidationEvent:
    """An attempt that traded, a takeover, or a shortfall."""

    time_us: A[int, Column("i8", "us", "when")]
    account: A[int, Column("i8", "account", "whose position")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    stage: A[int, Column("i8", "code", "which stage, STEPS .. SOCIALISED; WELL for a shortfall outside a case")]
    lots: A[int, Column("i8", "lots", "signed: positive where a long was closed")]
    value_uusd: A[int, Column("i8", "uusd", "value traded")]
    mark_ticks: A[int, Column("i8", "ticks", "mark at that moment")]
    equity_uusd: A[int, Column("i8", "uusd", "equity before")]
    required_uusd: A[int, Column("i8", "uusd", "maintenance margin before")]
    shortfall_uusd: A[int, Column("i8", "uusd", "negative equity when the last position left, else 0")]
    taker: A[int, Column("i8", "account", "who took it off the account, or -1: the book, several, or nobody")]


class CaseEvent:
    """A liquidation begins or ends."""

    time_us: A[int, Column("i8", "us", "when")]
    account: A[int, Column("i8", "account", "whose")]
    ticker: A[int, Column("i8", "ticker", "ticker with the largest share of its maintenance margin, or -1")]
    event: A[int, Column("i8", "code", "what happened")]
    mark_ticks: A[int, Column("i8", "ticks", "mark of that ticker, or 0")]
    index_ticks: A[int, Column("i8", "ticks", "its index in ticks of the perp, or 0")]
    equity_uusd: A[int, Column("i8", "uusd", "equity")]
    required_uusd: A[int, Column("i8", "uusd", "maintenance margin")]
    gross_uusd: A[int, Column("i8", "uusd", "sum of the notionals of its positions")]


liquidation_rules = table(LiquidationRules)
cases = table(Case)
step_sizes = table(StepSize)
open_cases = table(Open)
ranks = table(Rank)
liquidation_events = table(LiquidationEvent, recorded=True)
case_events = table(CaseEvent, recorded=True)


@kernel
def zero_equity_price(mark_ticks: float, share_uusd: float, lots: int, unit_uusd: int, fee_ppb: int) -> float:
    """Price in ticks at which a position's share of equity is spent, fees included (LIQ-7). `lots` is signed."""
    per_tick = float(abs(lots)) * unit_uusd
    if lots > 0:
        return (mark_ticks - share_uusd / per_tick) / (1.0 - fee_ppb / PPB)
    return (mark_ticks + share_uusd / per_tick) / (1.0 + fee_ppb / PPB)


@kernel
def worst_price_ticks(world: World, account: int, ticker: int) -> int:
    """Zero-equity price of a position, rounded to the side on which equity stays positive. At least 1."""
    lots = position_size(world, account, ticker)
    total = required(world, account)
    mine = maintenance(world, ticker, notional(world, account, ticker))
    share = float(equity(world, account)) * (float(mine) / float(total))
    fee_ppb = fee_rules(world)[2 * ticker].taker_ppb + liquidation_rules(world)[0].fee_ppb
    unit = books(world)[2 * ticker].unit_uusd
    price = zero_equity_price(float(oracles(world)[ticker].mark_ticks), share, lots, unit, fee_ppb)
    price = min(max(price, 1.0), 1.0e9)
    down = int(price)
    if lots > 0:
        return down if float(down) >= price else down + 1
    return max(1, down)


@kernel
def look(world: World, account: int) -> None:
    """Look at an account: open a case below maintenance, otherwise set the prices to look again (LIQ-1)."""
    if account < HOUSES or cases(world)[account].place != 0:
        return
    worth, needed = equity(world, account), required(world, account)
    if needed == 0 and worth < 0:
        if owns_or_owes(world, account):
            open_case(world, account)
        else:
            clear(world, account)
            missing = absorb(world, account)
            record(world, account, -1, WELL, 0, 0, -missing, 0, -1)
    elif worth < needed and liquidation_rules(world)[0].active == 1:
        open_case(world, account)
    else:
        arm_all(world, account, worth - needed)
        convert(world, account)


@kernel
def open_case(world: World, account: int) -> None:
    """Put an account into liquidation: cancel what it has open and fix its steps (LIQ-2, LIQ-3)."""
    freeze(world, account, 1)
    clear(world, account)
    case = cases(world)[account]
    case.stage = STEPS
    case.misses = 0
    case.pending = 0
    case.started_us = clock(world)[0].now_us
    open_cases(world)[0].account += 1
    case.place = open_cases(world)[0].account
    open_cases(world)[case.place].account = account
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        lots = abs(position_size(world, account, ticker))
        step = share_up(lots, liquidation_rules(world)[0].step_ppb)
        smallest = book_rules(world)[2 * ticker].size_min_lots
        step_sizes(world)[position_row(world, account, ticker)].lots = lots if step < smallest else step


@kernel
def clear(world: World, account: int) -> None:
    """Take off all orders and stops of an account (LIQ-2)."""
    drop_all(world, account)
    for book in range(2 * clock(world)[0].tickers):
        cancel_all(world, account, book)


@kernel
def close_case(world: World, account: int) -> None:
    """End a liquidation; the account may trade again."""
    case = cases(world)[account]
    last = open_cases(world)[open_cases(world)[0].account].account
    open_cases(world)[case.place].account = last
    cases(world)[last].place = case.place
    open_cases(world)[0].account -= 1
    case.place = 0
    case.stage = WELL
    freeze(world, account, 0)
    note_change(world, account)


@kernel
def move_marks(world: World, ticker: int, old_ticks: int) -> None:
    """Find who must be looked at after a mark moved, and which stops fire."""
    new_ticks = oracles(world)[ticker].mark_ticks
    if new_ticks == old_ticks:
        return
    cross(world, ticker, old_ticks, new_ticks)


@kernel
def attend(world: World) -> None:
    """The risk work of a second: fired triggers, changed accounts, then one attempt for each open case (LIQ-8)."""
    c = clock(world)[0]
    of_positions = 2 * c.accounts * c.tickers
    of_indices = first_index_node(world)
    node = take_hit(world)
    while node != NO_NODE:
        if node <= of_positions:
            note_change(world, (node - 1) // 2 // c.tickers)
        elif node >= of_indices:
            note_change(world, (node - of_indices) // c.tickers)
        else:
            fire(world, node - of_positions)
        node = take_hit(world)
    count = 0
    account = take_change(world)
    while account >= 0:
        ranks(world)[count].account = account
        count += 1
        account = take_change(world)
    for place_in_line in range(count):
        look(world, ranks(world)[place_in_line].account)
    count = order_cases(world)
    for place_in_line in range(count):
        attempt(world, ranks(world)[place_in_line].account)


@kernel
def order_cases(world: World) -> int:
    """Rank the open cases by equity / maintenance, then by a draw; returns their number. Heap sort: n log n."""
    count = open_cases(world)[0].account
    c = clock(world)[0]
    for i in range(count):
        account = open_cases(world)[i + 1].account
        needed = required(world, account)
        rank = ranks(world)[i]
        rank.key = float(equity(world, account)) / float(max(1, needed))
        rank.tie = tie_order(c.seed, c.now_us, accounts(world)[account].who)
        rank.account = account
    for start in range(count // 2 - 1, -1, -1):
        _sift(world, start, count)
    for end in range(count - 1, 0, -1):
        _swap(world, 0, end)
        _sift(world, 0, end)
    return count


@kernel
def _later(world: World, i: int, j: int) -> int:
    a, b = ranks(world)[i], ranks(world)[j]
    if a.key != b.key:
        return 1 if a.key > b.key else 0
    return 1 if a.tie > b.tie else 0


@kernel
def _swap(world: World, i: int, j: int) -> None:
    a, b = ranks(world)[i], ranks(world)[j]
    key, tie, account = a.key, a.tie, a.account
    a.key = b.key
    a.tie = b.tie
    a.account = b.account
    b.key = key
    b.tie = tie
    b.account = account


@kernel
def _sift(world: World, start: int, end: int) -> None:
    root = start
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and _later(world, child + 1, child):
            child += 1
        if not _later(world, child, root):
            return
        _swap(world, root, child)
        root = child


@kernel
def attempt(world: World, account: int) -> None:
    """One attempt of one stage for one account (LIQ-3 to LIQ-6)."""
    case = cases(world)[account]
    if case.place == 0 or case.pending == 1:
        return
    worth, needed = equity(world, account), required(world, account)
    rules = liquidation_rules(world)[0]
    if needed == 0:
        finish(world, account)
        return
    if case.stage == STEPS and worth >= share_up(needed, rules.well_ppb):
        close_case(world, account)
        return
    if heaviest(world, account) < 0:
        finish(world, account)
        return
    if case.stage == STEPS and (case.misses >= rules.attempts_max or worth < share_up(needed, rules.escalate_ppb)):
        case.stage = WHOLE_POSITION
        case.misses = 0
    elif case.stage == WHOLE_POSITION and case.misses >= 1:
        case.stage = VAULT
    ticker = heaviest(world, account)
    if case.stage == VAULT:
        hand_over(world, account, ticker)
    else:
        send_order(world, account, ticker)


@kernel
def heaviest(world: World, account: int) -> int:
    """The ticker with the largest share of an account's maintenance margin (LIQ-7)."""
    best, most = -1, -1
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        mine = maintenance(world, ticker, notional(world, account, ticker))
        if mine > most and position_size(world, account, ticker) != 0:
            best, most = ticker, mine
    return best


@kernel
def send_order(world: World, account: int, ticker: int) -> None:
    """Send a step or the whole position as an immediate-or-cancel order (LIQ-3, LIQ-5, LIQ-10)."""
    case = cases(world)[account]
    lots = position_size(world, account, ticker)
    limit_ticks = worst_price_ticks(world, account, ticker)
    size = abs(lots)
    if case.stage == STEPS:
        size = min(size, max(1, step_sizes(world)[position_row(world, account, ticker)].lots))
        mark_ticks = oracles(world)[ticker].mark_ticks
        away = share_down(mark_ticks, liquidation_rules(world)[0].step_limit_ppb)
        limit_ticks = max(limit_ticks, mark_ticks - away) if lots > 0 else min(limit_ticks, mark_ticks + away)
    side = SELL if lots > 0 else BUY
    if send(world, ENGINE_LANE, account, 2 * ticker, IOC, side, limit_ticks, size, ENGINE | REDUCE_ONLY, 0) == ACCEPTED:
        case.pending = 1


@kernel
def execute(world: World, account: int, book: int, side: int, limit_ticks: int, lots: int) -> None:
    """An engine order arrives: it trades, pays the fee, and is recorded."""
    case = cases(world)[account]
    case.pending = 0
    if case.place == 0:
        return
    worth, needed = equity(world, account), required(world, account)
    place(world, account, book, side, limit_ticks, lots, IOC, ENGINE | REDUCE_ONLY)
    report = reports(world)[0]
    if report.filled_lots == 0:
        case.misses += 1
        return
    case.misses = 0 if case.stage == STEPS else case.misses + 1
    value = report.value_uusd
    fee = max(0, min(share_down(value, liquidation_rules(world)[0].fee_ppb), equity(world, account)))
    transfer(world, USD, account, BACKSTOP, fee, LIQUIDATION_FEE)
    note_change(world, BACKSTOP)
    record(world, account, book // 2, case.stage, -side * report.filled_lots, value, worth, needed, -1)
    if required(world, account) == 0:
        finish(world, account)


@kernel
def answered(world: World, account: int) -> None:
    """A forced order of an account has arrived at a token book: it may go on."""
    cases(world)[account].pending = 0


@kernel
def hand_over(world: World, account: int, ticker: int) -> None:
    """The backstop takes a position (LIQ-6)."""
    worth, needed = equity(world, account), required(world, account)
    value = notional(world, account, ticker)
    lots = take_over(world, account, ticker)
    record(world, account, ticker, VAULT, lots, value, worth, needed, BACKSTOP)
    if required(world, account) == 0:
        finish(world, account)


@kernel
def finish(world: World, account: int) -> None:
    """The last position has left: tokens are sold (CONV-2), and what is missing then is somebody's shortfall."""
    left = wind_up(world, account)
    if left != NOTHING_LEFT:
        cases(world)[account].pending = 1 if left == SENT else 0
        return
    missing = absorb(world, account)
    if missing > 0:
        record(world, account, -1, cases(world)[account].stage, 0, 0, -missing, 0, -1)
    close_case(world, account)


@kernel
def record(world: World, account: int, ticker: int, stage: int, lots: int, value: int, worth: int, needed: int, taker: int) -> None:  # fmt: skip
    """Write a row of the liquidation log; ticker -1 marks a shortfall."""
    event = liquidation_events(world)[log_row(world, LIQUIDATION_LOG)]
    event.time_us = clock(world)[0].now_us
    event.account = account
    event.ticker = ticker
    event.stage = stage
    event.lots = lots
    event.value_uusd = value
    event.mark_ticks = oracles(world)[max(ticker, 0)].mark_ticks
    event.equity_uusd = worth
    event.required_uusd = needed
    event.shortfall_uusd = -worth if ticker < 0 else 0
    event.taker = taker


# Formulas of venues ---------------------------------------------------------------------------------------------------
#
# Plain functions of numbers. Where a venue counts in integers (quantums of 1e-6 dollars, parts per million), so do these,
# and round as it does. `side` is +1 for a long and -1 for a short.


def linear_bankruptcy_price(side: float, entry: float, margin_per_unit: float) -> float:
    """Where an isolated position has lost its margin (BitMEX: entry value less margin)."""
    return entry - side * margin_per_unit


def inverse_bankruptcy_price(side: float, contracts: float, entry: float, margin: float, fee: float) -> float:
    """The same for an inverse contract with margin in coin, a fee of the closing value included."""
    return (1 + side * fee) * contracts / (contracts / entry + side * margin)


def slice_bankruptcy_quantums(notional_change: int, collateral: int, maintenance_change: int, maintenance: int) -> int:
    """What closing a slice must bring so that the account is no worse off, rounded up to the quantum (dYdX v4).

    ``-dNotional - collateral x |dMaintenance| / maintenance``: positive are the proceeds of closing a long, negative the cost
    of closing a short. All in quantums; `maintenance` is of the whole account and positive.
    """
    return -((notional_change * maintenance + collateral * abs(maintenance_change)) // maintenance)


def distress(collateral: float, maintenance: float, adjustment: float) -> float:
    """How bankrupt an account is, 0 (at maintenance margin) to 1 (dYdX v4: bankruptcy adjustment)."""
    return min(max(adjustment * (1 - collateral / maintenance), 0), 1)


def fillable_price(notional: float, signed_size: float, maintenance: float, spread: float, distressed: float) -> float:
    """The worst price at which a liquidation order may fill: it widens with distress (dYdX v4).

    `notional` has the sign of the position; `maintenance` is the position's own.
    """
    return (notional - distressed * spread * maintenance) / signed_size


def insurance_delta_quantums(proceeds: int, bankruptcy: int, notional: int, fee_ppm: int) -> int:
    """What the insurance fund gets (or, negative, pays) for a fill: the liquidation fee out of what is left (dYdX v4).

    Quantums; `proceeds` and `bankruptcy` are positive for the closing of a long. The fee is rounded down, at most all that is
    above the bankruptcy price.
    """
    left = proceeds - bankruptcy
    return min(left, abs(notional) * fee_ppm // 1_000_000) if left > 0 else left


def fund_can_pay(fund: int, delta: int) -> int:
    """1 where an insurance fund may book a change: it is not a payment, or there is enough (dYdX v4)."""
    return 1 if delta >= 0 or fund + delta >= 0 else 0


def capped_fee(value: float, rate: float, equity: float) -> float:
    """Liquidation fee: a share of the value filled, at most what equity is left (LIQ-9), not rounded."""
    return max(0, min(value * rate, equity))


def cover_size_nano(
    shortage: int, margin_ppm: int, fee_ppm: int, fund_fee_ppm: int, price: int, quote_price: int
) -> int:
    """Size (1e-9) whose closing covers a margin shortage (Drift v2): ``shortage / (price x (margin - fee) - price x fund fee)``.

    Shortage and prices in 1e-6, rates in ppm, rounded down at each of the program's divisions. -1: no size is enough.
    """
    if price == 0 or margin_ppm <= fee_ppm:
        return -1
    freed = price * quote_price * (margin_ppm - fee_ppm) // (1_000_000 * 1_000_000)
    freed -= price * fund_fee_ppm // 1_000_000
    return shortage * 1_000_000_000 // freed if freed > 0 else -1


def fund_fee_ppm(shortage: int, size_nano: int, margin_ppm: int, fee_ppm: int, price: int, most_ppm: int) -> int:
    """Fee for the insurance fund that leaves enough to cover a shortage, 95 % of what is possible (Drift v2)."""
    if price == 0 or size_nano == 0 or margin_ppm <= fee_ppm:
        return 0
    needed = shortage * 1_000_000_000 // size_nano * 1_000_000 // price
    return min(most_ppm, max(margin_ppm - fee_ppm - needed, 0) * 19 // 20)


def cover_transfer_nano(
    shortage: int,
    asset_weight: int,
    asset_multiplier_ppm: int,
    liability_weight: int,
    liability_multiplier_ppm: int,
    price: int,
    fund_fee_ppm: int,
) -> int:
    """Borrow (1e-9) to be taken over with collateral so that a shortage is covered (Drift v2, spot).

    Weights in 1e-4, shortage and price in 1e-6, rounded down at each of the program's divisions. -1: no amount is enough.
    """
    if asset_weight == liability_weight:
        return -1
    freed = price * (10 * liability_weight - 10 * asset_weight * asset_multiplier_ppm // liability_multiplier_ppm)
    freed -= price * fund_fee_ppm // 1_000_000 * liability_weight * 10
    return shortage * 1_000 * 1_000_000 * 10_000 * 10 // freed if freed > 0 else -1


def fund_after_closeout(fund: float, margin: float, loss: float, fee: float) -> float:
    """Insurance pool after a close-out: it takes what margin is left and pays the loss and the fees (Vega 0003-MTMK)."""
    return fund + margin - loss - fee


def drawdown(loss: float, pool: float) -> float:
    """What a symbol has cost an insurance pool, as a share of the pool (Bybit, over 8 h)."""
    return -loss / pool


def beyond_drawdown(loss: float, pool: float, threshold: float) -> float:
    """The loss beyond a drawdown of the pool, which counterparties take (Bybit: past -30 %)."""
    return max(0, loss + threshold * pool)


def offset_room_quantums(balance: int, signed_value: int) -> int:
    """What an account has left after its position was closed at a price: negative where it would be bankrupt too (dYdX v4)."""
    return balance + signed_value


def may_deleverage(collateral: float, settled: int) -> int:
    """1 where an account may be deleveraged: its equity is below zero, or its market is in final settlement (dYdX v4)."""
    return 1 if collateral < 0 or settled == 1 else 0


def socialised(gains: tuple[int, ...], collected: int) -> tuple[int, ...]:
    """What winners receive of what was collected: in proportion to their gains, rounded down, the rest to the last (Vega)."""
    total = sum(gains)
    if collected >= total:
        return gains
    paid = [gain * collected // total for gain in gains]
    paid[-1] += collected - sum(paid)
    return tuple(paid)


def spread_over_units(loss: int, size: int) -> int:
    """Loss a unit that both sides carry, rounded up: 1e-6 dollars and base units in, 1e-6 out (Drift v2, funding deltas)."""
    return -(-loss // size)


def spread_over_deposits(loss: int, deposits: int, index: int) -> int:
    """Fall of a deposit index that spreads a loss over all deposits, rounded up (Drift v2)."""
    return -(-index * loss // deposits)


def lights(place: int, count: int) -> int:
    """How many of five lights are lit: all for the first fifth of the queue, one for the last (Binance, BitMEX)."""
    return 5 - (place - 1) * 5 // count
