"""The clock: the instant the market has reached, the phases of the week, and the counters of what happened.

CLOCK-1  Time is integer microseconds since 1970 UTC; wall clocks exist only outside the wall.
CLOCK-2  Every instant belongs to exactly one phase; the phases of a run are rows, consecutive and without a gap.
CLOCK-3  HALTED is a phase inside regular hours: it is laid over a regular phase and lifted again.
CLOCK-4  Prices, oracle, funding and risk move on a grid of whole seconds, never because somebody woke.
CLOCK-5  A second that waits for an answer from outside stands still between two events, and goes on there, as if nothing had been.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table

REGULAR, PRE, POST, OVERNIGHT, WEEKEND, HOLIDAY, HALTED = 0, 1, 2, 3, 4, 5, 6
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US

RUNNING, ENDED, BUDGET_SPENT, LOG_NEARLY_FULL, AGENT_DUE, BROKEN, ASKING = 0, 1, 2, 3, 4, 5, 6
"""Why the loop returned."""

BEGINS, RATES, CLOSING = 0, 1, 2
"""Where a second stands: it begins, or it waits for a rate of funding, or for an allocation of auto-deleveraging."""

TRADE_LOG, FUNDING_LOG, LIQUIDATION_LOG, BAR_LOG, LEVERAGE_LOG, FIRST_PRICE_LOG, CASE_LOG, DELEVERAGE_LOG, HALT_LOG, COLLATERAL_LOG = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
)  # fmt: skip
LOGS = 10


class Clock:
    """One row: where the market stands in time, and how large it is."""

    now_us: A[int, Column("i8", "us", "the instant the market has reached")]
    grid_us: A[int, Column("i8", "us", "next whole second at which prices, oracle and risk move")]
    end_us: A[int, Column("i8", "us", "the run ends here")]
    seed: A[int, Column("i8", "", "the run's seed")]
    phase_row: A[int, Column("i8", "row", "current row of the phase table")]
    tickers: A[int, Column("i8", "count", "number of tickers T")]
    accounts: A[int, Column("i8", "count", "number of account rows A")]
    groups: A[int, Column("i8", "count", "number of groups, houses included")]
    events: A[int, Column("i8", "count", "grid seconds and arrived messages handled")]
    messages: A[int, Column("i8", "count", "orders and cancels that reached a book")]
    trades: A[int, Column("i8", "count", "fills on all books")]
    log_trades: A[int, Column("i8", "flag", "1 where single trades are recorded")]
    logs_full: A[int, Column("i8", "flag", "1 where a recorded table could not take the largest single event any more")]
    stage: A[int, Column("i8", "code", "BEGINS, or what this second waits for: RATES, CLOSING")]
    cursor: A[int, Column("i8", "number", "where that stage goes on")]


class Phase:
    """One row a phase of the week, in order."""

    start_us: A[int, Column("i8", "us", "first instant")]
    end_us: A[int, Column("i8", "us", "first instant of the next phase")]
    phase: A[int, Column("i8", "code", "REGULAR .. HALTED")]
    visible: A[int, Column("i8", "flag", "1 where the stock has a public price")]
    window: A[
        int, Column("i8", "number", "number of the closed window (regular close to regular open) this belongs to")
    ]
    window_class: A[int, Column("i8", "code", "weekday night, week-end, or holiday and long week-end")]


class Log:
    """One row a recorded table: how many rows wait to be drained."""

    count: A[int, Column("i8", "rows", "rows written and not yet drained")]
    room: A[int, Column("i8", "rows", "rows there are")]


clock = table(Clock)
phases = table(Phase)
logs = table(Log)


@kernel
def enter(world: World, now_us: int) -> None:
    """Set the clock to a later instant, and the phase with it."""
    c = clock(world)[0]
    assert now_us >= c.now_us
    c.now_us = now_us
    while now_us >= phases(world)[c.phase_row].end_us and c.phase_row + 1 < len(phases(world)):
        c.phase_row += 1


@kernel
def phase(world: World) -> int:
    """Code of the current phase."""
    return phases(world)[clock(world)[0].phase_row].phase


@kernel
def visible(world: World) -> int:
    """1 where the stock has a public price now."""
    return phases(world)[clock(world)[0].phase_row].visible


@kernel
def halt(world: World) -> None:
    """Lay a halt over the current regular phase (CLOCK-3)."""
    p = phases(world)[clock(world)[0].phase_row]
    assert p.phase == REGULAR
    p.phase = HALTED
    p.visible = 0


@kernel
def resume(world: World) -> None:
    """Lift a halt."""
    p = phases(world)[clock(world)[0].phase_row]
    assert p.phase == HALTED
    p.phase = REGULAR
    p.visible = 1


@kernel
def tick(world: World) -> None:
    """Move the grid one second on."""
    c = clock(world)[0]
    c.grid_us += SECOND_US
    c.events += 1


@kernel
def pause(world: World, stage: int, cursor: int) -> None:
    """This second waits for an answer, and goes on at `cursor` of a stage (CLOCK-5)."""
    c = clock(world)[0]
    c.stage = stage
    c.cursor = cursor


@kernel
def go_on(world: World) -> None:
    """A stage that waited is done."""
    clock(world)[0].stage = BEGINS


@kernel
def count_message(world: World, number: int) -> None:
    """Count orders or cancels that reached a book."""
    c = clock(world)[0]
    c.messages += number


@kernel
def count_event(world: World) -> None:
    """Count an arrived message or another event."""
    clock(world)[0].events += 1


@kernel
def count_trade(world: World) -> None:
    """Count a fill."""
    clock(world)[0].trades += 1


@kernel
def log_row(world: World, log: int) -> int:
    """Claim the next row of a recorded table; past three quarters of its room it asks to be drained."""
    entry = logs(world)[log]
    assert entry.count < entry.room, "a recorded table overflowed between two drains"
    entry.count += 1
    if 4 * entry.count > 3 * entry.room:
        clock(world)[0].logs_full = 1
    return entry.count - 1
