"""One market, built from a scenario with a seed, and all that is measured of it, exact."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.advance import Eye, MarketFull, Progress, Stage, Watch, advance
from offhours.experiments.metrics.gaps import Schedule
from offhours.experiments.metrics.welfare import Ledger, endowed, ledger
from offhours.experiments.positions import hand_in
from offhours.experiments.scenario import Scenario
from offhours.experiments.tables import RECORDED
from offhours.experiments.warm_up import warm_up
from offhours.sim.market import book, brackets, clock, engine, gap, matching, oracle, waterfall
from offhours.sim.mistake import Mistake
from offhours.sim.policies import PolicyError
from offhours.sim.tape import Tape
from offhours.sim.underlying import closed_windows

if TYPE_CHECKING:
    from offhours.sim.answers import Deciders
    from offhours.sim.simulation import Setup, Simulation


Array = np.ndarray[Any, Any]
AGENTS_MOST = 1 << 20


def setup_of(scenario: Scenario, seed: int, log_trades: bool = True) -> Setup:
    """The scenario's market as a value: what any population can be seated in."""
    from offhours.sim.simulation import Setup

    people = sum(group.count for group in scenario.groups)
    if people >= AGENTS_MOST:
        allowed = f"{people:,} traders do not fit into the queue of wakes, which holds {AGENTS_MOST - 1:,}"
        raise Mistake(scenario.file, "group.count", "", allowed)
    return Setup(
        scenario.tickers,
        scenario.rules.arrays,
        seed,
        scenario.start_us,
        scenario.end_us,
        scenario.calendar,  # type: ignore[arg-type]
        plans=scenario.plans() if scenario.gaps else None,
        earnings=scenario.releases() if scenario.earnings else None,
        halts=scenario.halt_rows() if scenario.halts else None,
        moves=scenario.move_rows() if scenario.moves else None,
        replays=scenario.replays() if scenario.replay else None,
        log_trades=log_trades,
        always_open=scenario.always_open,
        deciders=_deciders(scenario),
    )


def _deciders(scenario: Scenario) -> Deciders:
    try:
        return scenario.deciders()
    except PolicyError as error:
        raise MarketFull(str(error)) from error


def build(scenario: Scenario, seed: int, log_trades: bool = True) -> Simulation:
    """The scenario's market and population at its start, everybody asleep."""
    from offhours.agents.crowd import open_peopled_market

    setup = setup_of(scenario, seed, log_trades)
    try:
        return open_peopled_market(setup, scenario.groups)
    except MemoryError:
        people = sum(group.count for group in scenario.groups)
        raise MarketFull(f"{people:,} traders need more memory than there is") from None


@dataclass(frozen=True)
class Counts:
    """What a market has counted so far."""

    events: int
    messages: int
    trades: int
    refused: Array
    fallback_seconds: Array
    shortfall_uusd: int
    paid_uusd: Array
    """By stage."""
    unpaid_uusd: int

    @classmethod
    def of(cls, simulation: Simulation) -> Counts:
        """A copy of the counters as they stand."""
        memory = simulation.memory
        c, debt = memory[clock.clock][0], memory[waterfall.debts][0]
        return cls(
            events=int(c["events"]),
            messages=int(c["messages"]),
            trades=int(c["trades"]),
            refused=memory[matching.refused]["count"].copy(),
            fallback_seconds=memory[oracle.fallbacks]["seconds"].copy(),
            shortfall_uusd=int(debt["shortfall_uusd"]),
            paid_uusd=memory[waterfall.payers]["paid_uusd"].copy(),
            unpaid_uusd=int(debt["unpaid_uusd"]),
        )


@dataclass
class Measured:
    """All that was measured of one run, exact; the summary is made of it."""

    scenario: Scenario
    seed: int
    base_ushares: Array
    """Tokens and shares that each group was endowed with, by ticker."""
    before: Ledger
    counts_before: Counts
    after: Ledger
    counts_after: Counts
    tables: dict[str, Array]
    tape_sha256: str
    window: tuple[int, int] | None
    """Close and open of the closed window that the run is about."""
    news: tuple[int, int] | None
    """From when to when the news comes: the window, or moves given in its place."""
    before_news: Ledger | None
    margins: Schedule
    no_maker_us: int
    """When first no maker was left, or 0."""
    conservation_error: int
    breaches: list[str]
    interrupted: bool
    wall_s: float


def window_of(scenario: Scenario) -> tuple[int, int] | None:
    """The closed window a run is about: the headline's given gap, or the first week-end, or the first night, measured."""
    windows = [w for w in closed_windows(scenario.hours()) if w.close_us >= scenario.measure_from_us and w.open_us <= scenario.end_us]  # fmt: skip
    given = {g.from_us for g in scenario.gaps if g.ticker == scenario.headline} or {g.from_us for g in scenario.gaps}
    choice = [w for w in windows if w.close_us in given] or [w for w in windows if w.kind != gap.WEEKDAY_NIGHT] or windows  # fmt: skip
    return (choice[0].close_us, choice[0].open_us) if choice else None


def news_of(scenario: Scenario) -> tuple[int, int] | None:
    """From when to when the news comes that a run is about: moves given to the headline where no gap of it is given, else its closed window."""
    moves = [move for move in scenario.news_moves if move.from_us >= scenario.measure_from_us]
    if moves:
        return min(move.from_us for move in moves), max(move.to_us for move in moves)
    return window_of(scenario)


def measure(
    scenario: Scenario,
    seed: int,
    progress: Progress | None = None,
    *,
    log_trades: bool = True,
    cached: bool = True,
    stop: threading.Event | None = None,
    liquidations: bool = True,
    eye: Eye | None = None,
) -> Measured | None:
    """Warm the market up and run it to its end. None where it was interrupted before anything was measured.

    Without `liquidations` nobody's begins from the first measured instant on; until then the market is the same.
    """
    began = time.perf_counter()
    with Watch(stop).watching() as watch:
        simulation = build(scenario, seed, log_trades=False)
        base_ushares = endowed(simulation.memory)
        if not warm_up(simulation, scenario, seed, watch, progress, cached) or watch.pressed:
            return None
        simulation.tape = Tape()
        simulation.memory[clock.clock]["log_trades"] = int(log_trades)
        if not liquidations:
            simulation.memory[engine.liquidation_rules]["active"] = 0
        if eye is not None:
            eye.begin(simulation)
        before, counts_before = ledger(simulation.memory), Counts.of(simulation)
        window, news, before_news, finished = window_of(scenario), news_of(scenario), None, True
        no_maker_us = 0

        def seen(stage: Stage) -> None:
            nonlocal no_maker_us
            if no_maker_us == 0 and _no_maker(simulation):
                no_maker_us = stage.now_us
            if progress is not None:
                overall = Stage(stage.doing, stage.now_us, scenario.measure_from_us, scenario.end_us, stage.events)
                progress(overall)

        handed = scenario.positions
        hands_in_us = (news[0] if news is not None else scenario.measure_from_us) if handed is None or not handed.at_us else handed.at_us  # fmt: skip
        stops = [] if news is None else [(news[0], "news")]
        if handed is not None:
            stops.append((hands_in_us, "book"))
        for at_us, what in sorted(stops):
            finished = finished and advance(simulation, at_us, watch, seen, "running", eye)
            if finished and what == "book" and handed is not None:
                hand_in(simulation, [group.name for group in scenario.groups], handed)
            elif finished and what == "news":
                before_news = ledger(simulation.memory)
        finished = finished and advance(simulation, scenario.end_us, watch, seen, "running", eye)
    memory = simulation.memory
    return Measured(
        scenario,
        seed,
        base_ushares,
        before,
        counts_before,
        ledger(memory),
        Counts.of(simulation),
        {name: simulation.tape.rows(accessor) for name, accessor in RECORDED.items()},
        simulation.tape.digest(),
        window,
        news,
        before_news,
        Schedule.of(
            memory[brackets.tiers].copy(), scenario.rules[brackets.margin_rules], scenario.rules[book.book_rules]
        ),
        no_maker_us,
        simulation.conservation_error(),
        [f"{b.law} ({b.room}): {b.finding}" for b in simulation.audit()],
        not finished,
        time.perf_counter() - began,
    )


def _no_maker(simulation: Simulation) -> bool:
    """Whether every maker has stopped at his loss limit."""
    from offhours.agents import maker

    rows = simulation.blocks[1][maker.makers]
    paused = rows["paused_until_us"] > simulation.now_us
    return bool(paused.all()) and bool((rows["pauses"] > 0).any())
