"""Liquidation: an account below its maintenance margin is taken apart in stages, one attempt a second.

LIQ-1  Trigger: equity below maintenance margin at the mark. No margin calls. (Kraken equity protection, 2026-03-26.)
LIQ-2  Its orders and stops are cancelled first, and it may send none until it is well again.
LIQ-3  Partial steps: 10 % of the position at the trigger, immediate-or-cancel, no further than a limit from the mark and
       never beyond the zero-equity price. Below the smallest order, all at once.
LIQ-4  It ends when equity is back at 1.1 x maintenance. It escalates after two steps without a fill, or when equity is below
       half of maintenance. A later stage is left after an attempt that traded nothing, the full one after one that left a part.
LIQ-5  Full at zero equity: one immediate-or-cancel order for the whole position at the zero-equity price; a better fill is the
       user's.
LIQ-6  Backstop vault: it takes the position at the mark.
LIQ-7  Accounts are handled by rising equity / maintenance, ties by a draw from (seed, instant, person).
LIQ-8  The liquidation fee is at most what equity is left after the fill, and goes to the pool, the insurance fund or the
       backstop, whichever the venue's list has, else to the venue.
LIQ-9  Orders of the engine have its latency and queue with all others; the mark is not remade between them.
LIQ-10 Assignment: providers take the position at the mark for their edges, as far as its share of equity pays for them.
LIQ-11 Covered: providers again, the pool paying what the share of equity does not; then the book, as far beyond the
       zero-equity price as the pool can pay for. Tokens that the account could sell come before the pool.
LIQ-12 Insurance fund: the book, as far beyond the zero-equity price as the fund can pay for; the result is the fund's. Tokens
       that the account could sell come before it.
LIQ-13 Auto-deleverage and socialised: what is open is closed against the other side, all accounts of an instant together.
LIQ-14 Who is left without a position and below zero is made good by the backstop, the pool and the fund, in the order of the
       venue's list; what they cannot pay is socialised where the list says so, else bad debt.
LIQ-15 By a knob nobody is deleveraged before his equity is below zero; until then the stage before it is tried again, and who is
       well again is let go at every stage (dYdX v4, Hyperliquid).
"""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.compile import kernel, lowest_bit, rare
from offhours.sim.declare import A, Column, World, prefetch, table
from offhours.sim.market import backstop, deleverage, insurance, pool, providers, socialised
from offhours.sim.market.accounts import (
    BACKSTOP,
    HOUSES,
    LIQUIDATION_FEE,
    NOBODY,
    SHORTFALL,
    USD,
    VENUE,
    accounts,
    amount,
    transfer,
)
from offhours.sim.market.ask import ALLOCATION, ask, asks, is_answered
from offhours.sim.market.attention import (
    AHEAD,
    freeze,
    note_change,
    prefetch_account,
    prefetch_changes,
    take_change,
    watches,
)
from offhours.sim.market.book import book_rules
from offhours.sim.market.clock import CASE_LOG, CLOSING, LIQUIDATION_LOG, clock, go_on, log_row, pause
from offhours.sim.market.conversion import NOTHING_LEFT, SENT, convert, owns_or_owes, wind_up
from offhours.sim.market.engine import (
    BELOW_ZERO,
    REST_NOTHING,
    cover_of,
    heaviest,
    limit_of,
    liquidation_rules,
    lots_to_tier,
    own_means,
    step_lots,
)
from offhours.sim.market.flight import ENGINE_LANE, send
from offhours.sim.market.margin import equity, equity_share, gross_notional, notional, required
from offhours.sim.market.matching import ACCEPTED, ENGINE, IOC, cancel_all, place, reports
from offhours.sim.market.money import nearest, share_down, share_up
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.orders import BUY, REDUCE_ONLY, SELL, open_orders
from offhours.sim.market.positions import position_row, proportion
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.ranking import enter, keep, ranks, sort
from offhours.sim.market.stops import drop_all, fire, stop_lists
from offhours.sim.market.thresholds import arm_all, first_index_node
from offhours.sim.market.triggers import NO_NODE, cross, take_hit
from offhours.sim.market.waterfall import (
    ASSIGNED,
    COVERED,
    DELEVERAGED,
    FUND,
    PLACES,
    SOCIALISED,
    STEPS,
    VAULT,
    WELL,
    WHOLE_POSITION,
    first_stage,
    has,
    note_exhausted,
    note_unpaid,
    places,
    stage_after,
)

OPENED, WELL_AGAIN, FINISHED = 1, 2, 3
EVENTS = ("none", "opened", "well again", "finished")


class Case:
    """One row an account."""

    stage: A[int, Column("i8", "code", "WELL .. SOCIALISED")]
    misses: A[int, Column("i8", "count", "steps without a fill in a row")]
    pending: A[int, Column("i8", "flag", "1 while an engine order is in flight")]
    place: A[int, Column("i8", "row", "place in the list of cases, plus one; 0 where it has none")]
    ticker: A[int, Column("i8", "ticker", "the one attended last")]
    started_us: A[int, Column("i8", "us", "when the case began")]
    stepped_us: A[int, Column("i8", "us", "when a step traded last, 0 before the first")]


class StepSize:
    """One row per account and ticker."""

    lots: A[int, Column("i8", "lots", "size of a step, fixed at the trigger")]


class Open:
    """Open cases; row 0 holds their number."""

    account: A[int, Column("i8", "account", "account in liquidation; in row 0 the count")]


class LiquidationEvent:
    """An attempt that traded, a takeover, a close against others, or a shortfall."""

    time_us: A[int, Column("i8", "us", "when")]
    account: A[int, Column("i8", "account", "whose position")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    stage: A[int, Column("i8", "code", "which stage, STEPS .. SOCIALISED; WELL for a shortfall outside a case")]
    lots: A[int, Column("i8", "lots", "signed: positive where a long was closed")]
    value_uusd: A[int, Column("i8", "uusd", "value traded")]
    mark_ticks: A[int, Column("i8", "ticks", "mark at that moment")]
    equity_uusd: A[int, Column("i8", "uusd", "equity before")]
    required_uusd: A[int, Column("i8", "uusd", "maintenance margin before")]
    shortfall_uusd: A[int, Column("i8", "uusd", "what others had to put into the account here, else 0")]
    taker: A[int, Column("i8", "account", "who took it off the account, or -1: the book, several, or nobody")]


class CaseEvent:
    """A liquidation begins or ends."""

    time_us: A[int, Column("i8", "us", "when")]
    account: A[int, Column("i8", "account", "whose")]
    ticker: A[
        int, Column("i8", "ticker", "the one attended last; at first that with the largest share of maintenance margin")
    ]
    event: A[int, Column("i8", "code", "what happened")]
    mark_ticks: A[int, Column("i8", "ticks", "mark of that ticker")]
    index_ticks: A[int, Column("i8", "ticks", "its index, in ticks of the perp")]
    equity_uusd: A[int, Column("i8", "uusd", "equity")]
    required_uusd: A[int, Column("i8", "uusd", "maintenance margin")]
    gross_uusd: A[int, Column("i8", "uusd", "sum of the notionals of its positions")]


cases = table(Case)
step_sizes = table(StepSize)
open_cases = table(Open)
liquidation_events = table(LiquidationEvent, recorded=True)
case_events = table(CaseEvent, recorded=True)


@kernel
def look(world: World, account: int) -> None:
    """Look at an account: open a case below maintenance, otherwise set the prices to look again (LIQ-1)."""
    if account < HOUSES or cases(world)[account].place != 0:
        return
    worth, needed = equity(world, account), required(world, account)
    if needed == 0 and worth < 0:
        # Tokens promised to resting orders are free then, and sold before others pay.
        clear(world, account)
        if owns_or_owes(world, account):
            open_case(world, account)
        else:
            absorb(world, account, -1)
    elif worth < needed and liquidation_rules(world)[0].active == 1:
        open_case(world, account)
    else:
        arm_all(world, account, worth - needed)
        convert(world, account)


@kernel
@rare
def open_case(world: World, account: int) -> None:
    """Put an account into liquidation: cancel what it has open and fix its steps (LIQ-2, LIQ-3)."""
    freeze(world, account, 1)
    clear(world, account)
    case = cases(world)[account]
    case.stage = first_stage(world)
    case.misses = 0
    case.pending = 0
    case.ticker = heaviest(world, account)
    case.started_us = clock(world)[0].now_us
    case.stepped_us = 0
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
    note_case(world, account, OPENED)


@kernel
@rare
def clear(world: World, account: int) -> None:
    """Take off all orders and stops of an account (LIQ-2)."""
    drop_all(world, account)
    for book in range(2 * clock(world)[0].tickers):
        cancel_all(world, account, book)


@kernel
@rare
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
def attend(world: World) -> int:
    """The risk work of a second: who must be looked at, what is to be deleveraged, what is then shared; 1 where it waits."""
    if clock(world)[0].stage != CLOSING:
        look_and_attempt(world)
    if deleverage.waiting(world)[0].account > 0 and close_waiting(world) == 1:
        return 1
    for ticker in range(clock(world)[0].tickers):
        socialised.socialise(world, ticker)
    return 0


@kernel
def look_and_attempt(world: World) -> None:
    """Fired triggers, changed accounts, then one attempt for each open case (LIQ-7)."""
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
    prefetch_changes(world)
    account = take_change(world)
    while account >= 0:
        prefetch(cases(world), account)
        keep(world, count, account)
        count += 1
        account = take_change(world)
    for place_in_line in range(count):
        prefetch_look(world, ranks(world)[min(place_in_line + AHEAD, count - 1)].account)
        look(world, ranks(world)[place_in_line].account)
    count = order_cases(world)
    for place_in_line in range(count):
        prefetch_case(world, ranks(world)[min(place_in_line + AHEAD, count - 1)].account)
        attempt(world, ranks(world)[place_in_line].account)
    if backstop.is_ruined(world) == 1:
        note_exhausted(world, VAULT)
        deleverage.wait(world, BACKSTOP, deleverage.ALL_TICKERS)


@kernel
def prefetch_look(world: World, account: int) -> None:
    """Ask for what a look at an account needs, should it open a case."""
    prefetch_case(world, account)
    prefetch(stop_lists(world), account)
    t = clock(world)[0].tickers
    for row in range(2 * account * t, 2 * account * t + 2 * t):
        prefetch(open_orders(world), row)


@kernel
def prefetch_case(world: World, account: int) -> None:
    """Ask for what an attempt needs."""
    prefetch(cases(world), account)
    prefetch_account(world, account)


@kernel
def order_cases(world: World) -> int:
    """Rank the open cases by equity / maintenance, then by a draw; returns their number (LIQ-7)."""
    count = open_cases(world)[0].account
    c = clock(world)[0]
    for i in range(count):
        account = open_cases(world)[i + 1].account
        prefetch_account(world, open_cases(world)[min(i + 1 + AHEAD, count)].account)
        key = float(equity(world, account)) / float(max(1, required(world, account)))
        enter(world, i, account, 0, key, tie_order(c.seed, c.now_us, accounts(world)[account].who))
    sort(world, count)
    return count


@kernel
@rare
def attempt(world: World, account: int) -> None:
    """One attempt of one stage for one account (LIQ-3 to LIQ-6, LIQ-10 to LIQ-13)."""
    case = cases(world)[account]
    if case.place == 0 or case.pending == 1:
        return
    worth, needed = equity(world, account), required(world, account)
    rules = liquidation_rules(world)[0]
    if needed == 0:
        finish(world, account)
        return
    leaves = case.stage == STEPS or rules.reduce_from == BELOW_ZERO
    if leaves and worth >= share_up(needed, rules.well_ppb):
        note_case(world, account, WELL_AGAIN)
        close_case(world, account)
        return
    ticker = heaviest(world, account)
    if ticker < 0:
        finish(world, account)
        return
    if case.stage == STEPS:
        if rules.cooling == REST_NOTHING and cooling(world, account):
            return
        if case.misses >= rules.attempts_max or worth < share_up(needed, rules.escalate_ppb):
            escalate(world, account)
        elif rules.step_tiers > 0 and lots_to_tier(world, account, ticker) == 0:
            escalate(world, account)
    elif case.misses >= 1:
        if rules.reduce_from == BELOW_ZERO and worth >= 0 and stage_after(world, case.stage) == DELEVERAGED:
            case.misses = 0
        else:
            escalate(world, account)
    if case.stage == VAULT and worth < 0 and backstop.only_solvent(world) == 1:
        escalate(world, account)
    case.ticker = ticker
    if case.stage == VAULT:
        hand_over(world, account, ticker)
        while backstop.only_solvent(world) == 1 and case.misses == 0 and heaviest(world, account) >= 0:
            hand_over(world, account, heaviest(world, account))
    elif case.stage == ASSIGNED:
        assign(world, account, ticker)
    elif case.stage == DELEVERAGED and deleverage.adl_rules(world)[0].price == deleverage.PREVIOUS_MARK:
        deleverage.wait(world, account, deleverage.ALL_TICKERS)
    elif case.stage == DELEVERAGED or case.stage == SOCIALISED:
        deleverage.wait(world, account, ticker)
    else:
        if case.stage == COVERED:
            assign(world, account, ticker)
        if case.place != 0 and position_size(world, account, ticker) != 0:
            send_order(world, account, ticker)


@kernel
def escalate(world: World, account: int) -> None:
    """Go on to the venue's next stage (FALL-1)."""
    case = cases(world)[account]
    if (case.stage == COVERED or case.stage == FUND) and cover_of(world, case.stage, case.ticker) == 0:
        note_exhausted(world, case.stage)
    case.stage = stage_after(world, case.stage)
    case.misses = 0
    assert case.stage != WELL, "the last stage of a venue leaves nothing open"


@kernel
def cooling(world: World, account: int) -> int:
    """1 for some time after a step that traded (ENG-2)."""
    stepped_us, cooldown_us = cases(world)[account].stepped_us, liquidation_rules(world)[0].cooldown_us
    return 1 if stepped_us > 0 and clock(world)[0].now_us - stepped_us < cooldown_us else 0


@kernel
def send_order(world: World, account: int, ticker: int) -> None:
    """Send a step or the whole position as an immediate-or-cancel order (LIQ-9)."""
    case = cases(world)[account]
    lots = position_size(world, account, ticker)
    size = abs(lots)
    if case.stage == STEPS:
        size = step_lots(
            world,
            account,
            ticker,
            step_sizes(world)[position_row(world, account, ticker)].lots,
            cooling(world, account),
        )
    side, limit_ticks = SELL if lots > 0 else BUY, limit_of(world, account, ticker, case.stage)
    if send(world, ENGINE_LANE, account, 2 * ticker, IOC, side, limit_ticks, size, ENGINE | REDUCE_ONLY, 0) == ACCEPTED:
        case.pending = 1


@kernel
@rare
def execute(world: World, account: int, book: int, side: int, limit_ticks: int, lots: int) -> None:
    """An engine order arrives: it trades, is paid for, and is recorded."""
    case = cases(world)[account]
    case.pending = 0
    if case.place == 0:
        return
    ticker = book // 2
    worth, needed = equity(world, account), required(world, account)
    held = position_size(world, account, ticker)
    share = 0
    if (case.stage == COVERED or case.stage == FUND) and held != 0:
        # Others may have used up the payer's money since the order was sent.
        latest = limit_of(world, account, ticker, case.stage)
        limit_ticks = max(limit_ticks, latest) if side == SELL else min(limit_ticks, latest)
        share = equity_share(world, account, ticker)
    place(world, account, book, side, limit_ticks, lots, IOC, ENGINE | REDUCE_ONLY)
    report = reports(world)[0]
    filled, value = report.filled_lots, report.value_uusd
    if filled == 0:
        case.misses += 1
        return
    missing = 0
    if case.stage == COVERED or case.stage == FUND:
        spent = worth - equity(world, account) - proportion(share, filled, abs(held))
        if spent > 0:
            means = own_means(world, account, case.stage)
            spent = max(0, spent - proportion(means, filled, abs(held)))
        missing = settle_beyond(world, account, ticker, case.stage, spent)
    if case.stage != FUND:
        charge_fee(world, account, ticker, value)
    if case.stage == STEPS:
        case.stepped_us = clock(world)[0].now_us
    if case.stage != WHOLE_POSITION or position_size(world, account, ticker) == 0:
        case.misses = 0
    else:
        case.misses += 1
    record(world, account, ticker, case.stage, -side * filled, value, worth, needed, missing, -1)
    if heaviest(world, account) < 0:
        finish(world, account)


@kernel
def settle_beyond(world: World, account: int, ticker: int, stage: int, spent: int) -> int:
    """A close has used so much more (negative: less) than the position's share of equity; returns what was put in for it."""
    if spent > 0:
        return pool.pay(world, account, spent) if stage == COVERED else insurance.pay(world, account, ticker, spent)
    if stage == FUND:
        insurance.keep(world, account, ticker, -spent)
    return 0


@kernel
def charge_fee(world: World, account: int, ticker: int, value: int) -> None:
    """The liquidation fee on a fill (LIQ-8)."""
    fee = max(0, min(share_down(value, liquidation_rules(world)[0].fee_ppb), equity(world, account)))
    if has(world, COVERED):
        pool.earn(world, account, fee)
    elif has(world, FUND):
        insurance.earn(world, account, ticker, fee)
    elif has(world, VAULT):
        backstop.earn(world, account, fee)
    else:
        transfer(world, USD, account, VENUE, fee, LIQUIDATION_FEE)


@kernel
@rare
def answered(world: World, account: int) -> None:
    """A forced order of an account has arrived at a token book: it may go on."""
    cases(world)[account].pending = 0


@kernel
def hand_over(world: World, account: int, ticker: int) -> None:
    """The backstop takes a position (LIQ-6)."""
    case = cases(world)[account]
    if not backstop.willing(world, equity_share(world, account, ticker)):
        note_exhausted(world, VAULT)
        case.misses += 1
        return
    worth, needed = equity(world, account), required(world, account)
    value = notional(world, account, ticker)
    lots = backstop.take_over(world, account, ticker)
    record(world, account, ticker, VAULT, lots, value, worth, needed, 0, BACKSTOP)
    if heaviest(world, account) < 0:
        finish(world, account)


@kernel
def assign(world: World, account: int, ticker: int) -> None:
    """Offer a position to the providers, cheapest first (LIQ-10); in a covered close the pool pays what it can (LIQ-11)."""
    case = cases(world)[account]
    edge_ppb, tie = -1, 0
    while position_size(world, account, ticker) != 0:
        owner = providers.cheapest(world, account, ticker, edge_ppb, tie)
        if owner < 0:
            break
        edge_ppb, tie = providers.offered_edge(world, owner, ticker), providers.order_of(world, owner)
        if case.stage == COVERED and edge_ppb > pool.pool_rules(world)[0].cover_ppb:
            break
        held = position_size(world, account, ticker)
        worth, needed = equity(world, account), required(world, account)
        lots = providers.takeable(world, owner, ticker, held)
        if lots == 0:
            continue
        side = 1 if held > 0 else -1
        edge = providers.edge_of(world, owner, ticker, lots)
        share = equity_share(world, account, ticker) + own_means(world, account, case.stage)
        missing = providers.beyond_equity(share, lots, abs(held), edge)
        if missing > (pool.money(world) if case.stage == COVERED else 0):
            break
        if missing > 0:
            pool.pay(world, account, missing)
        value = abs(value_at_mark(world, ticker, lots))
        providers.take(world, owner, account, ticker, side * lots, edge)
        record(world, account, ticker, case.stage, side * lots, value, worth, needed, missing, owner)
    if case.stage == ASSIGNED and position_size(world, account, ticker) != 0:
        case.misses += 1
    if heaviest(world, account) < 0:
        finish(world, account)


@kernel
@rare
def close_waiting(world: World) -> int:
    """Deleverage the positions that wait, one ticker and side after the other, each in the order of the attempts (LIQ-13).

    1 where it waits for an allocation, and goes on with the ticker and side it has come to.
    """
    count = deleverage.waiting(world)[0].account
    first = clock(world)[0].cursor if clock(world)[0].stage == CLOSING else 0
    for turn in range(first, 2 * clock(world)[0].tickers):
        ticker, side = turn // 2, 1 - 2 * (turn % 2)
        # What the log has no room for now waits for the next second; what was asked about had room when it was.
        if not is_answered(world, ALLOCATION) and not deleverage.room_to_record(world):
            continue
        lined_up = 0
        for row in range(1, count + 1):
            prefetch_case(world, deleverage.waiting(world)[min(row + AHEAD, count)].account)
            if not deleverage.waits(world, row, ticker, side):
                continue
            if lined_up == 0:
                if is_answered(world, ALLOCATION):
                    deleverage.take_answer(world, ticker, side)
                else:
                    deleverage.line_up(world, ticker, side)
                    if asks(world, ALLOCATION) and deleverage.lines(world)[0].count > 0:
                        ask(world, ALLOCATION)
                        pause(world, CLOSING, turn)
                        return 1
                lined_up = 1
            close_against_others(world, deleverage.waiting(world)[row].account, ticker)
        if lined_up == 1:
            deleverage.end_line(world, ticker)
    go_on(world)
    for row in range(1, count + 1):
        account = deleverage.waiting(world)[row].account
        prefetch_case(world, deleverage.waiting(world)[min(row + AHEAD, count)].account)
        prefetch(cases(world), open_cases(world)[max(open_cases(world)[0].account - AHEAD, 1)].account)
        if heaviest(world, account) < 0:
            if cases(world)[account].place != 0:
                finish(world, account)
            elif account == BACKSTOP:
                absorb(world, account, -1)
    deleverage.dismiss(world)
    return 0


@kernel
def close_against_others(world: World, account: int, ticker: int) -> None:
    """One account's position is closed against the line, and recorded."""
    worth, needed = equity(world, account), required(world, account)
    lots, value = position_size(world, account, ticker), deleverage.close_value(world, account, ticker)
    missing = deleverage.close_out(world, account, ticker)
    stage = DELEVERAGED if account == BACKSTOP else cases(world)[account].stage
    record(world, account, ticker, stage, lots, abs(value), worth, needed, missing, -1)


@kernel
def finish(world: World, account: int) -> None:
    """The last position has left: tokens are sold (CONV-2), and what is missing then is somebody's shortfall."""
    left = wind_up(world, account)
    if left != NOTHING_LEFT:
        cases(world)[account].pending = 1 if left == SENT else 0
        return
    note_case(world, account, FINISHED)
    absorb(world, account, cases(world)[account].ticker)
    close_case(world, account)


@kernel
@rare
def absorb(world: World, account: int, ticker: int) -> int:
    """Bring an account without positions and with negative dollars to zero; returns what was missing (LIQ-14)."""
    missing = max(0, -amount(world, account, USD))
    if missing == 0:
        return 0
    rest = missing
    for row in range(PLACES):
        stage = places(world)[row].stage
        if stage == VAULT:
            rest -= backstop.pay(world, account, rest)
        elif stage == COVERED:
            rest -= pool.pay(world, account, rest)
        elif stage == FUND:
            rest -= insurance.pay(world, account, ticker, rest)
    if rest > 0:
        transfer(world, USD, NOBODY, account, rest, SHORTFALL)
        note_unpaid(world, rest)
        if ticker >= 0 and has(world, SOCIALISED):
            socialised.owe(world, ticker, rest)
    record(world, account, -1, cases(world)[account].stage, 0, 0, -missing, 0, missing, -1)
    return missing


@kernel
def record(world: World, account: int, ticker: int, stage: int, lots: int, value: int, worth: int, needed: int, missing: int, taker: int) -> None:  # fmt: skip
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
    event.shortfall_uusd = missing
    event.taker = taker


@kernel
def note_case(world: World, account: int, happened: int) -> None:
    """Write a row of the log of cases."""
    ticker = cases(world)[account].ticker
    o = oracles(world)[max(ticker, 0)]
    event = case_events(world)[log_row(world, CASE_LOG)]
    event.time_us = clock(world)[0].now_us
    event.account = account
    event.ticker = ticker
    event.event = happened
    event.mark_ticks = o.mark_ticks
    event.index_ticks = nearest(o.index_usd / o.tick_usd)
    event.equity_uusd = equity(world, account)
    event.required_uusd = required(world, account)
    event.gross_uusd = gross_notional(world, account)
