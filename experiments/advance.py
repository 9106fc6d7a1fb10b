"""Bringing a market to an instant: told on the way, stopped by Ctrl-C, looked at; what stops it by itself is one sentence."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from offhours.experiments.tables import RECORDED
from offhours.sim.hours import format_new_york
from offhours.sim.market import clock, orders
from offhours.sim.market.world import RECORDED as LOGGED
from offhours.sim.policies import PolicyError

if TYPE_CHECKING:
    from offhours.sim.simulation import Simulation


Progress = Callable[["Stage"], None]
WORK_A_CALL, TIME_A_CALL_US = 20_000, 6 * clock.HOUR_US
"""Wakes and market time in one crossing into the kernels: some hundredths of a second, so that Ctrl-C is answered."""


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


def advance(simulation: Simulation, until_us: int, watch: Watch, progress: Progress | None, doing: str, eye: Eye | None = None) -> bool:  # fmt: skip
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
