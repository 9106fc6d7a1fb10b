"""Python's door through the wall: build a market, submit to it, advance it, fork it, save and restore it.

    from offhours.sim.simulation import Setup, Simulation

A simulation owns the memory of its blocks (the market's, and a population's where there is one) and a tape. It knows neither
agents nor scenarios: whoever builds it hands over rules as integers, a calendar, and accounts.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from offhours.sim.answers import Deciders, answer
from offhours.sim.chance import key_of
from offhours.sim.declare import Accessor, Block, Memory, World
from offhours.sim.hours import Regime, bank_days, next_regular_open, previous_regular_close, schedule
from offhours.sim.market import (
    accounts,
    ask,
    attention,
    audit,
    backstop,
    bank,
    book,
    brackets,
    clock,
    collateral,
    flight,
    funding,
    gap,
    halts,
    insurance,
    lending,
    margin,
    matching,
    oracle,
    orders,
    pool,
    positions,
    socialised,
    step,
    stock,
    stops,
    transit,
    triggers,
    waterfall,
)
from offhours.sim.market.world import MARKET, RECORDED, Size, row_counts
from offhours.sim.tape import Tape

STATUS = ("running", "ended", "budget spent", "log nearly full", "agent due", "broken", "asking")
_SECONDS_A_CALL = 6 * 3600


@dataclass(frozen=True)
class Person:
    """One account to open: the group it reports under, its number there, its parent (a bucket's owner) and its key."""

    group: int
    member: int
    who: int
    parent: int = accounts.NO_PARENT


@dataclass(frozen=True)
class Setup:
    """Everything a market is built from.

    `rules` maps each rules table to its filled rows; `plans`, `earnings`, `halts`, `moves` and `replays` are rows of the gap,
    halt and stock rooms; `lanes` are (latency in us, messages that fit), the liquidation engine's first; `deciders` are those whom
    the rules ask.
    """

    tickers: tuple[str, ...]
    rules: Mapping[Accessor, np.ndarray[Any, Any]]
    seed: int
    start_us: int
    end_us: int
    regime: Regime = "classic"
    people: Sequence[Person] = ()
    group_keys: Sequence[int] = ()
    lanes: Sequence[tuple[int, int]] = ((100_000, 1024),)
    plans: np.ndarray[Any, Any] | None = None
    earnings: np.ndarray[Any, Any] | None = None
    halts: np.ndarray[Any, Any] | None = None
    moves: np.ndarray[Any, Any] | None = None
    replays: np.ndarray[Any, Any] | None = None
    orders: int = 1 << 15
    stops: int = 1 << 10
    log_rows: int = 1 << 16
    log_trades: bool = True
    always_open: bool = False
    deciders: Deciders = field(default_factory=Deciders)


@dataclass
class Simulation:
    """One market (and population), its tape, and the compiled loop that moves them."""

    setup: Setup
    blocks: tuple[Memory, ...]
    loop: Callable[..., int] = step.run
    tape: Tape = field(default_factory=Tape)
    broken: bool = False

    @property
    def memory(self) -> Memory:
        """The market's block."""
        return self.blocks[0]

    @property
    def world(self) -> World:
        """Handle of the market's block, for kernels."""
        return self.blocks[0].handle

    @property
    def now_us(self) -> int:
        """The instant the market has reached."""
        return int(self.memory[clock.clock]["now_us"][0])

    def advance(self, until_us: int) -> str:
        """Run until an instant or until something needs an answer; returns one of STATUS. Logs are drained on the way."""
        while True:
            status = self.call(until_us, _SECONDS_A_CALL)
            if status not in ("budget spent", "log nearly full", "asking"):
                return status

    def call(self, until_us: int, seconds: int) -> str:
        """One crossing into the kernel: at most `seconds` of market time. Drains the logs.

        A question that is open is answered first; :class:`~offhours.sim.policies.PolicyError` where it cannot be.
        """
        if self.broken:
            raise RuntimeError("this simulation failed an assertion and can only be inspected")
        self.answer()
        try:
            status = self.loop(*(memory.handle for memory in self.blocks), until_us, seconds)
        except AssertionError:
            # The logs stay as they are: a full one can then be named.
            self.broken = True
            raise
        self.tape.drain(self.memory)
        return STATUS[status]

    def answer(self) -> None:
        """Answer the question that is open, if one is (ASK-2)."""
        if self.memory[ask.questions]["state"][0] == ask.OPEN:
            answer(self.memory, self.setup.deciders)

    def place(self, account: int, book_number: int, side: int, price_ticks: int, lots: int, kind: int = matching.LIMIT, flags: int = 0) -> int:  # fmt: skip
        """Let an order arrive now, without latency. Returns ACCEPTED or a refusal code."""
        return int(matching.place(self.world, account, book_number, side, price_ticks, lots, kind, flags))

    def endow(self, account: int, asset: int, quantity: int) -> None:
        """Give an account `quantity` micro-units from the outside world; tokens come with shares in custody."""
        if asset >= 2 and asset % 2 == 0:
            accounts.transfer(self.world, asset + 1, accounts.OUTSIDE, accounts.CUSTODIAN, quantity, accounts.ENDOWMENT)
            accounts.transfer(self.world, asset, accounts.ISSUER, account, quantity, accounts.ENDOWMENT)
        else:
            accounts.transfer(self.world, asset, accounts.OUTSIDE, account, quantity, accounts.ENDOWMENT)
        attention.note_change(self.world, account)

    def hand_in(self, account: int, ticker: int, lots: int, value_uusd: int) -> None:
        """Give an account a position that it opened elsewhere for `value_uusd` (signed like `lots`).

        The outside world takes the other side. What the position has gained since it was opened is paid in with it, so
        that it is no result of this market.
        """
        world, outside = self.world, accounts.OUTSIDE
        at_mark_uusd = int(oracle.value_at_mark(world, ticker, lots))
        for flow, dollars in ((accounts.ENDOWMENT, at_mark_uusd - value_uusd), (accounts.PERP_TRADE, -at_mark_uusd)):
            payer, payee = (outside, account) if dollars > 0 else (account, outside)
            accounts.transfer(world, accounts.USD, payer, payee, abs(dollars), flow)
        for who, signed, value in ((account, lots, value_uusd), (outside, -lots, -value_uusd)):
            funding.settle(world, who, ticker)
            positions.trade(world, who, ticker, signed, value)
            attention.note_holding(world, who, ticker)
        attention.note_change(world, account)

    def equity(self, account: int) -> int:
        """Equity of an account at the mark, micro-dollars."""
        return int(margin.equity(self.world, account))

    def audit(self) -> list[audit.Breach]:
        """Breaches of the laws; empty when all hold."""
        return audit.audit(self.memory)

    def conservation_error(self) -> int:
        """Micro-units made or lost over all assets: 0."""
        return audit.conservation_error(self.memory)

    def digest(self) -> str:
        """SHA-256 of the state of all blocks."""
        return "-".join(memory.digest() for memory in self.blocks)

    def fork(self, seed: int | None = None) -> Simulation:
        """An independent copy from here on; with `seed` it takes new luck from now, without it is the same market."""
        self.tape.drain(self.memory)
        twin = Simulation(self.setup, tuple(m.copy() for m in self.blocks), self.loop, self.tape.copy(), self.broken)
        if seed is not None:
            twin.memory[clock.clock]["seed"][0] = seed
        return twin

    def save(self) -> bytes:
        """The state as bytes: every table, no address."""
        buffer = io.BytesIO()
        np.savez(buffer, **{m.block.name: m.arena for m in self.blocks})  # type: ignore[arg-type]
        return buffer.getvalue()

    def restore(self, saved: bytes) -> None:
        """Put the state back that `save` returned, into a simulation of the same setup."""
        with np.load(io.BytesIO(saved)) as found:
            for memory in self.blocks:
                memory.arena[:] = found[memory.block.name]


def open_market(
    setup: Setup,
    crowd: tuple[Block, Mapping[Accessor, int]] | None = None,
    loop: Callable[..., int] = step.run,
) -> Simulation:
    """Build an empty market at `setup.start_us`: calendar, rules, books, prices and accounts, nobody owning anything."""
    if setup.start_us % clock.SECOND_US:
        raise ValueError("a market starts at a full second")
    # Whole closed windows, so that no window seems to begin or end where the run does.
    hours = schedule(
        previous_regular_close(setup.start_us), next_regular_open(setup.end_us) + clock.SECOND_US, setup.regime
    )
    days = bank_days(setup.start_us, setup.end_us)
    size = Size(
        tickers=len(setup.tickers),
        accounts=accounts.HOUSES + len(setup.people),
        groups=accounts.HOUSES + len(setup.group_keys),
        orders=setup.orders,
        stops=setup.stops,
        lane_rooms=tuple(_ring(room) for _, room in setup.lanes),
        phases=len(hours),
        bank_days=len(days),
        plans=_count(setup.plans),
        earnings=_count(setup.earnings),
        replays=_count(setup.replays),
        log_rows=setup.log_rows,
        halts=_count(setup.halts),
        collateral=_collateral(setup.rules),
        moves=_count(setup.moves),
        asks=int(ask.asked in setup.rules and bool(setup.rules[ask.asked]["policy"][ask.ALLOCATION])),
        days=_days_gains(setup.rules),
    )
    memory = Memory(MARKET, row_counts(size))
    blocks = (memory,) if crowd is None else (memory, Memory(*crowd))
    simulation = Simulation(setup, blocks, loop)
    _write_clock(memory, setup, size, hours, days)
    for accessor, rows in setup.rules.items():
        memory[accessor][:] = rows
    _write_stocks(memory, setup)
    _begin_rooms(simulation)
    return simulation


def _write_clock(memory: Memory, setup: Setup, size: Size, hours: Any, days: Any) -> None:
    c = memory[clock.clock][0]
    c["now_us"] = setup.start_us
    c["grid_us"] = setup.start_us + clock.SECOND_US
    c["end_us"] = setup.end_us
    c["seed"] = setup.seed
    c["phase_row"] = int(np.searchsorted(hours["end_us"], setup.start_us, side="right"))
    c["tickers"], c["accounts"], c["groups"] = size.tickers, size.accounts, size.groups
    c["log_trades"] = int(setup.log_trades)
    for name in ("start_us", "end_us", "phase", "visible", "window", "window_class"):
        memory[clock.phases][name] = hours[name]
    if setup.always_open:
        memory[clock.phases]["visible"] = 1
    for log, accessor in RECORDED.items():
        memory[clock.logs]["room"][log] = len(memory[accessor])
    memory[bank.bank_hours]["open_us"] = days["open_us"]
    memory[bank.bank_hours]["close_us"] = days["close_us"]


def _write_stocks(memory: Memory, setup: Setup) -> None:
    memory[stock.stocks]["key"] = [key_of(ticker) for ticker in setup.tickers]
    memory[gap.stock_plans]["ticker"] = gap.NO_TICKER
    memory[gap.earnings]["ticker"] = gap.NO_TICKER
    memory[stock.stock_moves]["ticker"] = gap.NO_TICKER
    memory[halts.given_halts]["ticker"] = halts.NO_HALT
    memory[halts.halts]["never"] = int(setup.always_open)
    for accessor, rows in (
        (gap.stock_plans, setup.plans),
        (gap.earnings, setup.earnings),
        (halts.given_halts, setup.halts),
        (stock.stock_moves, setup.moves),
        (stock.stock_replays, setup.replays),
    ):
        if rows is not None:
            memory[accessor][: len(rows)] = rows


def _ring(room: int) -> int:
    """The power of two that holds so many messages."""
    return 1 << max(0, room - 1).bit_length()


def _collateral(rules: Mapping[Accessor, np.ndarray[Any, Any]]) -> int:
    """1 where a token counts as margin or the lender has something to lend."""
    counts = bool((rules[collateral.collateral_rules]["haircut_ppb"] < 10**9).any())
    lends = any(bool((rules[table]["stock_uusd"] > 0).any()) for table in (lending.lending_rules, lending.dollar_rules))
    return int(counts or lends)


def _days_gains(rules: Mapping[Accessor, np.ndarray[Any, Any]]) -> int:
    """1 where losses are shared by gains of a day, which must be remembered."""
    return int(
        socialised.socialised_rules in rules and rules[socialised.socialised_rules]["form"][0] == socialised.DAYS_GAINS
    )


def _count(rows: np.ndarray[Any, Any] | None) -> int:
    """Rows of an optional table, which has at least an empty one."""
    return 1 if rows is None else max(1, len(rows))


def _begin_rooms(simulation: Simulation) -> None:
    setup, memory, world = simulation.setup, simulation.memory, simulation.world
    orders.begin(world)
    stops.begin(world)
    transit.begin(world)
    first_row = 0
    for lane, (latency_us, room) in enumerate(setup.lanes):
        flight.begin(world, lane, latency_us, first_row, _ring(room))
        first_row += _ring(room)
    for house in range(accounts.HOUSES):
        accounts.open_account(world, house, house, 0, accounts.NO_PARENT, house)
    for number, person in enumerate(setup.people):
        accounts.open_account(world, accounts.HOUSES + number, person.group, person.member, person.parent, person.who)
    rules, tiers = memory[brackets.margin_rules], memory[brackets.tiers]
    for ticker in range(len(setup.tickers)):
        stock.begin(world, ticker)
        price_usd = float(memory[stock.stocks]["value_usd"][ticker])
        sizes = []
        for number in (2 * ticker, 2 * ticker + 1):
            tick_uusd, lot_ushares = (int(memory[book.book_rules][number][c]) for c in ("tick_uusd", "lot_ushares"))
            if tick_uusd * lot_ushares % 1_000_000:
                raise ValueError(f"{setup.tickers[ticker]}: tick x lot is not a whole number of micro-dollars")
            around_ticks = round(price_usd * 1e6 / tick_uusd)
            book.begin(world, number, tick_uusd * lot_ushares // 1_000_000, around_ticks)
            sizes += [tick_uusd / 1e6, lot_ushares / 1e6]
        oracle.begin(world, ticker, price_usd, *sizes)
        funding.begin(world, ticker)
        triggers.begin(world, ticker, int(memory[oracle.oracles]["mark_ticks"][ticker]))
        rows = tiers[ticker * brackets.TIERS : (ticker + 1) * brackets.TIERS]
        brackets.prepare(rows, int(rules["leverage_max_milli"][ticker]), int(rules["maintenance_ppb"][ticker]))
        brackets.begin(world, ticker)
    active = _collateral(setup.rules)
    collateral.begin(world, active)
    if active:
        _begin_lending(simulation)
    for stage, house, capital in (
        (waterfall.VAULT, accounts.BACKSTOP, backstop.backstop_rules),
        (waterfall.COVERED, accounts.POOL, pool.pool_rules),
        (waterfall.FUND, accounts.INSURANCE, insurance.insurance_rules),
    ):
        if waterfall.has(world, stage):
            simulation.endow(house, accounts.USD, int(memory[capital]["capital_uusd"][0]))
    insurance.roll(world)
    insurance.note_level(world, -1, 0)


def _begin_lending(simulation: Simulation) -> None:
    """Give the lender its stock, and let indices be waited for."""
    memory, world, tickers = simulation.memory, simulation.world, len(simulation.setup.tickers)
    stocks = [int(memory[lending.dollar_rules]["stock_uusd"][0])]
    for ticker in range(tickers):
        price_uusd = round(float(memory[stock.stocks]["value_usd"][ticker]) * 1e6)
        stocks.append(int(memory[lending.lending_rules]["stock_uusd"][ticker]) * 1_000_000 // price_uusd)
        triggers.begin(world, tickers + ticker, int(memory[oracle.oracles]["index_ticks"][ticker]))
    for what, quantity in enumerate(stocks):
        lending.begin(world, what, quantity)
        simulation.endow(accounts.LENDER, lending.asset_of(what), quantity)


def net_positions(memory: Memory) -> np.ndarray[Any, Any]:
    """Signed perp positions in lots, accounts x tickers."""
    c = memory[clock.clock][0]
    return memory[positions.positions]["size_lots"].reshape(int(c["accounts"]), int(c["tickers"]))
