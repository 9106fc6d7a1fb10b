"""A run: a scenario brought to life with one seed, measured, and kept as a folder that can re-create itself.

    >>> run = scenario("weekend-gap").run(seed=7)          # or: open one that was made before
    >>> run = Run.open("runs/weekend-gap_seed-7_3fa9c1")
    >>> run.summary["bad_debt_usd"], run.tables()["bars"], run.plot.price()

A market trades for a while before it is measured (its warm-up). That state is kept in the user's cache under a digest of all
that shaped it, so that a second run, a change of the given gap, or another question about the same market starts from it;
the result is the same, bit for bit, as without.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from offhours.experiments.metrics.gaps import Schedule
from offhours.experiments.metrics.welfare import Ledger, endowed, ledger
from offhours.experiments.positions import hand_in, name_accounts
from offhours.experiments.scenario import Scenario
from offhours.experiments.tables import RECORDED, Instruments, exact, frame_of, read_parquet, shown
from offhours.experiments.tables import names as table_names
from offhours.sim.compile import cache_root, source_digest
from offhours.sim.hours import format_new_york
from offhours.sim.market import book, clock, gap, liquidation, margin, matching, oracle, orders, waterfall
from offhours.sim.market.world import RECORDED as LOGGED
from offhours.sim.mistake import Mistake
from offhours.sim.policies import PolicyError
from offhours.sim.tape import Tape
from offhours.sim.underlying import closed_windows

if TYPE_CHECKING:
    import pandas as pd

    from offhours.sim.answers import Deciders
    from offhours.sim.simulation import Setup, Simulation

Array = np.ndarray[Any, Any]
Progress = Callable[["Stage"], None]

WORK_A_CALL, TIME_A_CALL_US = 20_000, 6 * clock.HOUR_US
"""Wakes and market time in one crossing into the kernels: some hundredths of a second, so that Ctrl-C is answered."""

FORKS_KEPT = 24

CALM = "without liquidations"
"""The control that every run with liquidations has: the same luck, and nobody is liquidated."""


class MarketFull(Exception):
    """A run that cannot go on, in one sentence: a table of the market ran full, a law of it was broken, or a policy failed."""


@dataclass(frozen=True)
class Stage:
    """How far a run is: what it does, the instant reached, and the interval of that stage."""

    doing: str
    now_us: int
    from_us: int
    to_us: int
    events: int


# Building ------------------------------------------------------------------------------------------------------------


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


AGENTS_MOST = 1 << 20


# Warm-up -------------------------------------------------------------------------------------------------------------


def warm_digest(scenario: Scenario, seed: int) -> str:
    """Names the state of a market when its measurement begins: everything that shapes it until then."""
    early = [g for g in scenario.gaps if g.from_us < scenario.measure_from_us]
    parts = [
        source_digest(),
        seed,
        scenario.rules.digest(),
        scenario.calendar,
        scenario.always_open,
        [scenario.start_us, scenario.measure_from_us, scenario.end_us],
        [[g.ticker, g.from_us, g.to_us, g.change_ppb, g.surprise_ppb] for g in early],
        [[e.ticker, e.at_us] for e in scenario.earnings],
        [[h.ticker, h.from_us, h.to_us] for h in scenario.halts],
        [[m.ticker, m.from_us, m.to_us, m.change_ppb] for m in scenario.moves],
        [group.canonical() for group in scenario.groups],
        hashlib.sha256(scenario.replays().tobytes()).hexdigest() if scenario.replay else "",
        scenario.canonical_programs(),
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


_LATER = {gap.stock_plans}
"""Tables that a warm-up only reads and that a scenario sharing it may differ in."""


def _kept_tables(simulation: Simulation) -> Iterator[Array]:
    """The tables of a market that its warm-up has written, in declared order."""
    for memory in simulation.blocks:
        for spec, accessor in zip(memory.block, memory.block.accessors):
            if not spec.recorded and accessor not in _LATER:
                yield memory[accessor]


def _fork_file(scenario: Scenario, seed: int) -> Path:
    return cache_root() / "markets" / f"{warm_digest(scenario, seed)[:32]}.market"


def _load_fork(simulation: Simulation, file: Path) -> bool:
    """Put a kept state into a market that was just built; False where there is none, or none that can be read."""
    try:
        kept = file.read_bytes()
        state = zlib.decompress(kept[32:])
    except (OSError, zlib.error):
        return False
    tables = list(_kept_tables(simulation))
    if hashlib.sha256(state).digest() != kept[:32] or len(state) != sum(table.nbytes for table in tables):
        return False
    at = 0
    for table in tables:
        table[:] = np.frombuffer(state, dtype=table.dtype, count=len(table), offset=at)
        at += table.nbytes
    with contextlib.suppress(OSError):
        os.utime(file)
    return True


def _keep_fork(simulation: Simulation, file: Path) -> None:
    """Keep the state of a market; a cache that cannot be written is no reason to fail."""
    state = b"".join(table.tobytes() for table in _kept_tables(simulation))
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        partial.write_bytes(hashlib.sha256(state).digest() + zlib.compress(state, 1))
        partial.replace(file)
        others = sorted(file.parent.glob("*.market"), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in others[FORKS_KEPT:]:
            old.unlink()


# Advancing -----------------------------------------------------------------------------------------------------------


class Watch:
    """Whether the run is to end: Ctrl-C was pressed, or another thread said so.

    The first press ends the run cleanly; the second is an ordinary KeyboardInterrupt.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()

    @property
    def pressed(self) -> bool:
        """Whether to end."""
        return self.stop.is_set()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.stop.set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watch]:
        """Answer Ctrl-C for a while; only the main thread hears it."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = signal.signal(signal.SIGINT, self)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)


class Eye(Protocol):
    """Somebody who looks at a market while it is measured, at instants of his own, and changes nothing of it."""

    def begin(self, simulation: Simulation) -> None:
        """The measured time begins."""

    def next_us(self, now_us: int) -> int:
        """When to look next."""

    def look(self, simulation: Simulation) -> None:
        """Such an instant was reached, or the end of a leg before it."""


def _advance(simulation: Simulation, until_us: int, watch: Watch, progress: Progress | None, doing: str, eye: Eye | None = None) -> bool:  # fmt: skip
    """Bring a market to an instant; False where it was interrupted on the way."""
    from_us = simulation.now_us
    while True:
        leg_us = min(until_us, simulation.now_us + TIME_A_CALL_US)
        if eye is not None:
            leg_us = min(leg_us, eye.next_us(simulation.now_us))
        try:
            status = simulation.call(leg_us, WORK_A_CALL)
        except AssertionError as error:
            raise MarketFull(_what_broke(simulation, str(error))) from error
        except PolicyError as error:
            raise MarketFull(f"{error}; asked on {format_new_york(simulation.now_us)}") from error
        if progress is not None:
            now = simulation.memory[clock.clock][0]
            progress(Stage(doing, simulation.now_us, from_us, until_us, int(now["events"])))
        if eye is not None and status == "ended":
            eye.look(simulation)
        if status == "ended" and leg_us == until_us:
            return True
        if watch.pressed:
            return False
        assert status in ("ended", "budget spent", "log nearly full", "asking"), status


def _what_broke(simulation: Simulation, message: str) -> str:
    """One sentence about an assertion that failed behind the wall: which table was full, or what else."""
    at = f"the market stopped on {format_new_york(simulation.now_us)}"
    names = {accessor: name for name, accessor in RECORDED.items()}
    pool, slots = simulation.memory[orders.pools][0], len(simulation.memory[orders.orders])
    if "pool" in message or (int(pool["fresh"]) >= slots and int(pool["free"]) == 0):
        return f"{at}: the table of resting orders ran full ({slots - 1:,} orders)"
    if "overflow" in message:
        counters = simulation.memory[clock.logs]
        full = [names[LOGGED[log]] for log in LOGGED if counters["count"][log] >= counters["room"][log]]
        return f"{at}: the table of {' or '.join(full) or 'records'} ran full between two drains"
    return (
        f"{at}: a law of the market was broken ({message or 'an assertion failed'}); this is a mistake of the program"
    )


# Measuring -----------------------------------------------------------------------------------------------------------


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
        if not _warm_up(simulation, scenario, seed, watch, progress, cached) or watch.pressed:
            return None
        simulation.tape = Tape()
        simulation.memory[clock.clock]["log_trades"] = int(log_trades)
        if not liquidations:
            simulation.memory[liquidation.liquidation_rules]["active"] = 0
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
            finished = finished and _advance(simulation, at_us, watch, seen, "running", eye)
            if finished and what == "book" and handed is not None:
                hand_in(simulation, [group.name for group in scenario.groups], handed)
            elif finished and what == "news":
                before_news = ledger(simulation.memory)
        finished = finished and _advance(simulation, scenario.end_us, watch, seen, "running", eye)
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
        Schedule.of(memory[margin.tiers].copy(), scenario.rules[margin.margin_rules], scenario.rules[book.book_rules]),
        no_maker_us,
        simulation.conservation_error(),
        [f"{b.law} ({b.room}): {b.finding}" for b in simulation.audit()],
        not finished,
        time.perf_counter() - began,
    )


def _warm_up(simulation: Simulation, scenario: Scenario, seed: int, watch: Watch, progress: Progress | None, cached: bool) -> bool:  # fmt: skip
    """Trade until just before the first measured instant, or take that state from the cache; False if interrupted."""
    last_us = scenario.measure_from_us - 1
    if last_us <= scenario.start_us:
        return True
    file = _fork_file(scenario, seed)
    if cached and _load_fork(simulation, file):
        return True
    simulation.tape = Tape(keep=False)
    if not _advance(simulation, last_us, watch, progress, "warming up"):
        return False
    if cached:
        _keep_fork(simulation, file)
    return True


def _no_maker(simulation: Simulation) -> bool:
    """Whether every maker has stopped at his loss limit."""
    from offhours.agents import maker

    rows = simulation.blocks[1][maker.makers]
    paused = rows["paused_until_us"] > simulation.now_us
    return bool(paused.all()) and bool((rows["pauses"] > 0).any())


# A run ---------------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One run, finished or interrupted, just made or opened again."""

    scenario: Scenario
    seed: int
    summary: dict[str, Any]
    instruments: Instruments
    folder: Path | None = None
    controls: dict[str, Run] = field(default_factory=dict)
    _exact: dict[str, Array] | None = field(default=None, repr=False)
    _made: dict[str, Any] | None = field(default=None, repr=False)
    _frames: dict[str, Any] = field(default_factory=dict, repr=False)
    stopped: str = ""
    """What is missing where Ctrl-C came after the run itself was whole."""

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Read a folder that a run has left."""
        from offhours.experiments.provenance import read_provenance, scenario_of

        folder = Path(folder)
        record = read_provenance(folder)
        try:
            summary = json.loads((folder / "summary.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise Mistake(str(folder), "", "", "holds no summary.json that can be read") from None
        scenario = scenario_of(record)
        return cls(scenario, int(record["seed"]), summary, Instruments.of(scenario.rules), folder)

    def tables(self, exact: bool = False) -> dict[str, pd.DataFrame]:
        """All tables by name: in a person's units, or (exact) as ticks, lots and micro-dollars."""
        if exact:
            return {name: frame_of(rows) for name, rows in self.exact_rows().items()}
        for name in table_names():
            if name not in self._frames:
                self._frames[name] = self._frame(name)
        return {name: frame for name, frame in self._frames.items() if frame is not None}

    def _frame(self, name: str) -> pd.DataFrame | None:
        if self._exact is not None and name in self._exact:
            return shown(name, self._exact[name], self.instruments)
        if self._made is not None and name in self._made:
            import pandas as pd

            return pd.DataFrame(self._made[name])
        file = self.folder / f"{name}.parquet" if self.folder is not None else None
        return read_parquet(file) if file is not None and file.exists() else None

    def exact_rows(self) -> dict[str, Array]:
        """The recorded tables as structured arrays of exact integers."""
        if self._exact is None:
            own = {name: self._frame(name) for name in RECORDED}
            self._exact = {name: exact(name, f, self.instruments) for name, f in own.items() if f is not None}
        return self._exact

    def control(self, name: str) -> Run | None:
        """A control of this run, on the same luck; None where it was not run."""
        if name not in self.controls and self.folder is not None:
            folder = self.folder / "controls" / name
            if (folder / "summary.json").exists():
                self.controls[name] = Run.open(folder)
        return self.controls.get(name)

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its end."""
        return bool(self.summary["interrupted"])

    @property
    def plot(self) -> Plots:
        """Figures by name: ``run.plot.price()``."""
        return Plots(self)

    def save(self, out: str | Path | None = None, name: str | None = None, *, command: str = "", report: bool = True) -> Path:  # fmt: skip
        """Write the run's folder below `out` (default ``runs``), whole or not at all, and return it."""
        from offhours.experiments.provenance import save

        return save(self, out, name, command, report)

    def _repr_html_(self) -> str:
        from offhours.experiments.summary_text import lines

        rows = "".join(f"<tr><th style='text-align:left'>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in lines(self.summary))  # fmt: skip
        place = f"<p><code>{html.escape(str(self.folder))}</code></p>" if self.folder else ""
        return f"<h4>{html.escape(self.scenario.name)}, seed {self.seed}</h4><table>{rows}</table>{place}"


class Plots:
    """The figures of a run, by the names people look for; each returns Axes."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __dir__(self) -> list[str]:
        from offhours.experiments.figures import FIGURES

        return sorted(FIGURES)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from offhours.experiments.figures import FIGURES

        if name not in FIGURES:
            raise AttributeError(f"there is no figure '{name}'; there are {', '.join(sorted(FIGURES))}")

        def draw(*arguments: Any, **options: Any) -> Any:
            return FIGURES[name](self._run, *arguments, **options)

        return draw


def run(
    scenario: Scenario,
    seed: int = 7,
    out: str | Path | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    save: bool = False,
    *,
    controls: bool = False,
    report: bool = True,
    command: str = "",
    log_trades: bool = True,
    cached: bool = True,
    names: bool = False,
) -> Run:
    """Run a scenario with a seed. With `save` (or `out`, or `name`) it leaves a folder, with a report or without.

    Ctrl-C ends it early: the result then says at what instant, or what it is without. `controls` runs the scenario's controls on the same luck,
    too, and, where anybody was liquidated, the market without liquidations; `names` writes the account names of a handed-in
    book. Raises :class:`KeyboardInterrupt` where nothing was measured yet, and :class:`MarketFull`.
    """
    from offhours.experiments.provenance import save as write
    from offhours.experiments.provenance import target_of

    saved = save or out is not None or name is not None
    if saved:
        target_of(scenario, seed, out, name)
    with Watch().watching() as watch:
        made = run_one(scenario, seed, progress, log_trades=log_trades, cached=cached, stop=watch.stop)
        if made.interrupted:
            # What there is is written; pressed once more, without a report.
            watch.stop.clear()
        if names and scenario.positions is not None and made._made is not None:
            made._made["accounts"]["name"] = name_accounts(made._made["accounts"]["group"], scenario.positions)
        if controls and not made.interrupted:
            _run_controls(made, progress, cached, watch)
        if saved:
            write(made, out, name, command, report, watch.stop)
    return made


def _run_controls(made: Run, progress: Progress | None, cached: bool, watch: Watch) -> None:
    """Run the scenario's controls on the run's luck, and, where anybody was liquidated, the market without liquidations.

    Each is a market of its own: as many run at a time as there are processors.
    """
    names = [*made.scenario.controls, *([CALM] if made.summary["liquidations"]["count"] else [])]
    waiting = list(names)

    def one(name: str) -> Run | Measured | None:
        described = _describing(progress, name, lambda: waiting[:1] == [name])
        if name == CALM:
            return measure(made.scenario, made.seed, described, log_trades=False, cached=cached, liquidations=False, stop=watch.stop)  # fmt: skip
        return run_one(made.scenario.control(name), made.seed, described, log_trades=False, cached=cached, stop=watch.stop)  # fmt: skip

    missing = []
    with ThreadPoolExecutor(max_workers=max(1, min(len(names), os.cpu_count() or 1))) as pool:
        futures = {name: pool.submit(one, name) for name in names}
        for name, future in futures.items():
            own: Run | Measured | None = None
            try:
                own = future.result()
            except MarketFull as error:
                made.summary["controls"][name] = {"outcome": str(error)}
                continue
            except KeyboardInterrupt:
                # Nothing of it was measured yet; a second press is none of its business and goes on up.
                if not future.done():
                    raise
            finally:
                waiting.remove(name)
            if own is None or own.interrupted:
                missing.append(name)
            elif isinstance(own, Run):
                made.controls[name] = own
                made.summary["controls"][name] = headline_numbers(own.summary)
            else:
                _beside_calm(made, own)
    if missing:
        made.stopped = f"without the control{'s' * (len(missing) > 1)} {', '.join(missing)}"
        watch.stop.clear()


def _beside_calm(made: Run, calm: Measured) -> None:
    """Keep the prices of the same luck without liquidations as the table `calm`, and say what liquidations did beside it."""
    from offhours.experiments.cascade_summary import beside_calm, calm_table

    assert made._made is not None
    made._made["calm"] = calm_table(calm)
    made._frames.pop("calm", None)
    made.summary |= beside_calm(made.summary, made.exact_rows(), calm)


def _describing(progress: Progress | None, control: str, speaks: Callable[[], bool]) -> Progress | None:
    """The progress of a control, told while it is the one that all wait for."""
    if progress is None:
        return None

    def tell(stage: Stage) -> None:
        if speaks():
            progress(Stage(f"{stage.doing}, control {control}", stage.now_us, stage.from_us, stage.to_us, stage.events))

    return tell


def headline_numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What of a control's summary stands in the run's own."""
    keys = ("outcome", "digest", "tape_sha256", "funding", "gap", "liquidations", "shortfall_usd", "paid_by_usd", "bad_debt_usd", "adl")  # fmt: skip
    return {key: summary[key] for key in keys}


def run_one(
    scenario: Scenario,
    seed: int,
    progress: Progress | None = None,
    *,
    log_trades: bool = True,
    cached: bool = True,
    stop: threading.Event | None = None,
) -> Run:
    """One run, without its controls, kept nowhere. `stop` ends it from another thread."""
    from offhours.experiments.summary import accounts_table, groups_table, summarise

    if not 0 <= seed < 1 << 62:
        raise Mistake("--seed", "", "", f"a seed is a whole number from 0 to 2^62, not {seed}")
    measured = measure(scenario, seed, progress, log_trades=log_trades, cached=cached, stop=stop)
    if measured is None:
        raise KeyboardInterrupt
    made = {"groups": groups_table(measured), "accounts": accounts_table(measured)}
    instruments = Instruments.of(scenario.rules)
    return Run(scenario, seed, summarise(measured), instruments, None, {}, measured.tables, made)
