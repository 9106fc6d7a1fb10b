"""The itinerary: what happens, in what order, when the market is brought to an instant.

At one instant: sessions; settlements and deposits; prices; index and mark; funding (on the positions before any trade of
that instant); risk; stops; orders in flight. Whoever wakes at that instant wakes after all of it. Prices, oracle, funding
and risk have their own grid of whole seconds, so that nothing moves because somebody woke; a mark is never remade
between two fills of one second, however many liquidations fill.

STEP-1  Everything due at or before the instant has happened, in order of time, then of this page.
STEP-2  When nothing is due, bringing the market to an instant is one comparison.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import World
from offhours.sim.market import (
    ask,
    attention,
    backstop,
    bank,
    bars,
    brackets,
    conversion,
    flight,
    funding,
    interest,
    issuer,
    lending,
    liquidation,
    matching,
    oracle,
    socialised,
    stock,
    stops,
    thresholds,
)
from offhours.sim.market.clock import (
    ASKING,
    BEGINS,
    BUDGET_SPENT,
    CLOSING,
    ENDED,
    LOG_NEARLY_FULL,
    MINUTE_US,
    RATES,
    RUNNING,
    clock,
    count_event,
    enter,
    go_on,
    pause,
    tick,
)

HOUR_US = 60 * MINUTE_US


@kernel
def due_us(world: World) -> int:
    """The next instant at which the market itself has something to do."""
    return min(clock(world)[0].grid_us, flight.nexts(world)[0].due_us)


@kernel
def bring(world: World, until_us: int) -> int:
    """Bring the market to an instant (STEP-1). RUNNING when it is there, or why it stopped on the way."""
    while True:
        next_us = due_us(world)
        if next_us > until_us:
            enter(world, until_us)
            return RUNNING
        if clock(world)[0].logs_full == 1:
            return LOG_NEARLY_FULL
        enter(world, next_us)
        if clock(world)[0].grid_us == next_us:
            if second(world) == 1:
                return ASKING
        else:
            message = flight.take(world)
            arrive(world, message)


@kernel
@rare
def second(world: World) -> int:
    """Everything that moves on the grid, for the second that begins now, or goes on (CLOCK-5); 1 where it waits for an answer."""
    c = clock(world)[0]
    if c.stage == BEGINS:
        move_prices(world)
    elif ask.is_open(world):
        return 1
    if c.stage != CLOSING and turn_rates(world) == 1:
        return 1
    if liquidation.attend(world) == 1:
        return 1
    if c.now_us % MINUTE_US == 0:
        for ticker in range(c.tickers):
            backstop.unwind(world, ticker)
            bars.write_bar(world, ticker)
        if c.now_us % (5 * MINUTE_US) == 0:
            bars.write_leverage(world)
    tick(world)
    return 0


@kernel
def move_prices(world: World) -> None:
    """Settlements, prices, index and mark, and what funding takes of them; notes whom a mark or an index has reached."""
    c = clock(world)[0]
    now_us = c.now_us
    bank.deliver(world)
    issuer.deliver(world)
    if now_us % HOUR_US == 0:
        interest.settle_hour(world)
    stock.advance(world, now_us)
    for ticker in range(c.tickers):
        before_ticks = oracle.oracles(world)[ticker].mark_ticks
        before_index_ticks = oracle.oracles(world)[ticker].index_ticks
        oracle.refresh(
            world,
            ticker,
            stock.quote_usd(world, ticker),
            stock.stocks(world)[ticker].value_usd,
            funding.fundings(world)[ticker].rate_ppb / 1.0e9,
            funding.left(world, ticker),
        )
        funding.accrue(world, ticker)
        funding.vote(world, ticker)
        if now_us % MINUTE_US == 0:
            funding.sample(world, ticker)
        liquidation.move_marks(world, ticker, before_ticks)
        thresholds.move_index(world, ticker, before_index_ticks)
        brackets.regrade(world, ticker)


@kernel
def turn_rates(world: World) -> int:
    """At a full hour rates turn, ticker by ticker, and everybody is looked at; 1 where it waits for a rate."""
    c = clock(world)[0]
    if c.now_us % HOUR_US == 0:
        for ticker in range(c.cursor if c.stage == RATES else 0, c.tickers):
            if funding.turn(world, ticker) == 1:
                pause(world, RATES, ticker)
                return 1
        go_on(world)
    if c.now_us % HOUR_US == 0 or (c.now_us % MINUTE_US == 0 and funding.restless(world) == 1):
        attention.note_everybody(world)
    if c.now_us % HOUR_US == 0:
        lending.turn(world)
        socialised.turn(world)
        conversion.call_in(world)
    return 0


@kernel
def arrive(world: World, row: int) -> None:
    """A message in flight arrives at its book, or at the engine."""
    m = flight.messages(world)[row]
    account, book, kind, side, flags = int(m.account), int(m.book), int(m.kind), int(m.side), int(m.flags)
    price_ticks, lots, name = m.price_ticks, m.size_lots, m.name
    count_event(world)
    if kind == flight.CANCEL_ALL:
        matching.cancel_all(world, account, book)
    elif kind <= matching.POST_ONLY:
        if flags & matching.ENGINE and book % 2 == 1:
            conversion.execute(world, account, book, side, price_ticks, lots, name)
            liquidation.answered(world, account)
        elif flags & matching.ENGINE:
            liquidation.execute(world, account, book, side, price_ticks, lots)
        else:
            matching.place(world, account, book, side, price_ticks, lots, kind, flags)
    elif kind == flight.CANCEL:
        matching.cancel(world, account, name)
    elif kind == flight.REPLACE:
        matching.replace(world, account, name, price_ticks, lots)
    elif kind == flight.STOP_ORDER:
        stops.place_stop(world, account, book // 2, side, price_ticks, lots, flags)
    elif kind == flight.DROP_STOPS:
        stops.drop_all(world, account)
    else:
        assert kind == stops.MARKET_STOP
        stops.fired(world, name, account)


@kernel
def run(world: World, until_us: int, seconds: int) -> int:
    """Run a market without agents until an instant, at most so many grid seconds; returns why it stopped."""
    c = clock(world)[0]
    until_us = min(until_us, c.end_us)
    begin_us = c.grid_us
    while c.now_us < until_us or c.stage != BEGINS:
        step_us = min(until_us, c.now_us - c.now_us % MINUTE_US + MINUTE_US)
        status = bring(world, step_us)
        if status != RUNNING:
            return status
        if c.grid_us - begin_us >= seconds * 1_000_000:
            return BUDGET_SPENT
    return ENDED
