"""Many runs: scenarios by label, each with the same seeds, a processor each.

What is done is kept below a folder, a small file a run, under a digest of all that the run came from: the scenario's numbers, the
seed, the sources that make and measure it, a person's own policies. The same command goes on where it was ended; another one
takes what is the same and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments.scenario import Scenario
from offhours.sim.compile import source_digest
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from offhours.experiments.run import Run

FORMAT = 1
LISTENS_S = 0.2
"""How often Ctrl-C is looked for."""


@dataclass(frozen=True)
class Failure:
    """A run that did not come to its end, and why; the others go on."""

    label: str
    seed: int | None
    """None where it could not even begin, with any seed."""
    sentence: str


@dataclass(frozen=True)
class Step:
    """A run has been done: which, how many of those that were to be made, and how many were there before."""

    label: str
    seed: int
    done: int
    total: int
    kept: int


@dataclass
class Many:
    """What came of all runs."""

    runs: dict[str, list[Run]]
    """Whole runs by label, in the order of their seeds; without tables, but for the seeds that were asked for with them."""
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False
    kept: int = 0
    """How many were there before."""


def run_all(
    scenarios: Mapping[str, Scenario],
    seeds: Sequence[int],
    done: Callable[[Step], None] | None = None,
    folder: Path | None = None,
    with_tables: Collection[int] = (),
) -> Many:
    """Run every scenario with every seed. A run that fails loses only itself; Ctrl-C ends it with what there is.

    Finished runs are kept in `folder` and taken from there. Seeds in `with_tables` are always made anew, and come with tables.
    """
    many = Many({label: [] for label in scenarios})
    shelf = Shelf(folder) if folder is not None else None
    jobs = []
    for seed in seeds:
        for label, own in scenarios.items():
            known = shelf.find(own, seed) if shelf is not None and seed not in with_tables else None
            if known is None:
                jobs.append((label, seed))
            else:
                many.runs[label].append(known)
                many.kept += 1
    for number, (label, seed, made) in enumerate(_made(scenarios, jobs, many), 1):
        if not isinstance(made, str) and made.interrupted:
            continue
        if isinstance(made, str):
            many.failures.append(Failure(label, seed, made))
        else:
            if shelf is not None:
                shelf.keep(made)
            many.runs[label].append(made if seed in with_tables else _bare(made))
        if done is not None:
            done(Step(label, seed, number, len(jobs), many.kept))
    for runs in many.runs.values():
        runs.sort(key=lambda run: run.seed)
    return many


def _made(scenarios: Mapping[str, Scenario], jobs: Sequence[tuple[str, int]], many: Many) -> Iterator[tuple[str, int, Run | str]]:  # fmt: skip
    """Label, seed, and the run or why there is none, as they come. Ctrl-C ends it and is noted; pressed again, it is raised."""
    from offhours.experiments.advance import Watch
    from offhours.experiments.run import run_one

    with Watch().watching() as watch, ThreadPoolExecutor(max(1, min(len(jobs), os.cpu_count() or 1))) as pool:
        waiting: dict[Future[Run], tuple[str, int]] = {}

        def submit(some: Sequence[tuple[str, int]]) -> None:
            for label, seed in some:
                # Trades are recorded, since only they tell a hedge that was evened out; they go with the other tables.
                waiting[pool.submit(run_one, scenarios[label], seed, log_trades=True, stop=watch.stop)] = label, seed

        try:
            # The first run compiles alone; the others find everything compiled.
            submit(jobs[:1])
            rest = jobs[1:]
            while waiting and not watch.pressed:
                finished, _ = wait(waiting, LISTENS_S, FIRST_COMPLETED)
                for future in finished:
                    yield *waiting.pop(future), _outcome(future)
                if finished:
                    submit(rest)
                    rest = ()
            many.interrupted = watch.pressed
            pool.shutdown(wait=True, cancel_futures=True)
            for future, job in waiting.items():
                # Whole by the time that all had stopped.
                if not future.cancelled() and future.exception() is None and not future.result().interrupted:
                    yield *job, future.result()
        finally:
            watch.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Run]) -> Run | str:
    """A finished run, or a sentence."""
    from offhours.experiments.advance import MarketFull

    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, (MarketFull, Mistake)):
        return str(error)
    if isinstance(error, MemoryError):
        return "there was not memory enough"
    if not isinstance(error, Exception):
        raise error
    return f"a mistake of the program ({type(error).__name__}: {' '.join(str(error).split())})"


def _bare(run: Run) -> Run:
    """The run without its tables."""
    from offhours.experiments.run import Run

    return Run(run.scenario, run.seed, run.summary, run.instruments)


# What is kept --------------------------------------------------------------------------------------------------------


MEASURED_BY = ("scenario", "groups", "positions", "run", "measure", "advance", "warm_up", "summary", "cascade_summary", "summary_text", "occasion", "targets", "intervals", "tables")  # fmt: skip
"""Files that make a run's numbers of a market, beside those of metrics/."""


@functools.cache
def _measured_by() -> str:
    """A digest of the sources that measure a run and sum it up."""
    whole = hashlib.sha256()
    here = importlib.resources.files("offhours.experiments")
    files = [here.joinpath(f"{name}.py") for name in MEASURED_BY]
    files += sorted((f for f in here.joinpath("metrics").iterdir() if f.name.endswith(".py")), key=lambda f: f.name)
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()


def key_of_run(scenario: Scenario, seed: int) -> str:
    """Names a run by all that it comes from."""
    parts = [FORMAT, source_digest(), _measured_by(), scenario.name, scenario.headline, scenario.full_digest, seed]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


class Shelf:
    """A folder of finished runs: their summaries, by what they come from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def _file(self, scenario: Scenario, seed: int) -> Path:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{scenario.name}_{scenario.rules.venue.name}")[:80]
        return self.folder / f"{name}_seed-{seed}_{key_of_run(scenario, seed)[:16]}.json"

    def find(self, scenario: Scenario, seed: int) -> Run | None:
        """The run as it was kept, without tables; None where it was not, or cannot be read."""
        from offhours.experiments.run import Run
        from offhours.experiments.tables import Instruments

        try:
            record: Any = json.loads(self._file(scenario, seed).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or record.get("key") != key_of_run(scenario, seed):
            return None
        return Run(scenario, seed, record["summary"], Instruments.of(scenario.rules))

    def keep(self, run: Run) -> None:
        """Keep a whole run, under its own name only when all of it is written."""
        if run.interrupted:
            return
        file = self._file(run.scenario, run.seed)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        record = {"key": key_of_run(run.scenario, run.seed), "summary": run.summary}
        try:
            partial.write_text(json.dumps(record), encoding="utf-8")
            partial.replace(file)
        except OSError as error:
            raise _unwritable(self.folder, error) from None


def _unwritable(folder: Path, error: OSError) -> Mistake:
    return Mistake(str(folder), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}")
