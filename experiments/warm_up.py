"""The warm-up of a market, kept for the next run that shares it.

The state when the measurement begins lies in the user's cache under a digest of all that shaped it, so that a second run, a change
of the given gap, or another question about the same market starts from it; the result is the same, bit for bit, as without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.advance import Progress, Watch, advance
from offhours.experiments.scenario import Scenario
from offhours.sim.compile import cache_root, source_digest
from offhours.sim.market import gap
from offhours.sim.tape import Tape

if TYPE_CHECKING:
    from offhours.sim.simulation import Simulation


Array = np.ndarray[Any, Any]
FORKS_KEPT = 24


def warm_up(simulation: Simulation, scenario: Scenario, seed: int, watch: Watch, progress: Progress | None, cached: bool) -> bool:  # fmt: skip
    """Trade until just before the first measured instant, or take that state from the cache; False if interrupted."""
    last_us = scenario.measure_from_us - 1
    if last_us <= scenario.start_us:
        return True
    file = _fork_file(scenario, seed)
    if cached and _load_fork(simulation, file):
        return True
    simulation.tape = Tape(keep=False)
    if not advance(simulation, last_us, watch, progress, "warming up"):
        return False
    if cached:
        _keep_fork(simulation, file)
    return True


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
