"""How fast it is: prints a table and writes bench.json.

    make bench                                     # everything, about five minutes
    .venv/bin/python tests/benchmarks/run.py book  # the groups of rows named: book week ten marks scale start ...

A row is {name, value, unit, reference, ratio, bound, ok, note}. `reference` is another program's figure for the same work,
measured in the same run and interleaved, and `ratio` is value over reference; where there is one, `bound` holds the ratio,
else the value. A row without a bound only informs. A row that cannot be measured here says why, and its `ok` is null.

    book     one million messages through the book alone, thin and deep (workload.py), beside the same book in C++ (book.cpp,
             g++ -O3 -march=native); fills and every byte of the tables must agree, and fills with a plain Python book's
    week     one ticker, 168 hours, 10,000 retail and 20 makers at kernel-prototype message rates (week.py)
    ten      ten tickers, 168 hours, 10,000 retail with cross margin at the prototype's rates; the state; 100,000 retail
    crash    46 % of all accounts bankrupt at once, through Kraken's stages into auto-deleveraging (crash.py)
    rules    the week beside the same week by kernels cut down to the forms its venue uses (one_form.py)
    marks    a second of ten marks in the risk rooms, 10,000 accounts with three positions each (marks.py)
    scale    the time of 100,000 agents beside that of 1,000, 20 makers throughout
    start    from the command to the first event, with an empty compile cache and with a full one; functions compiled
    report   `offhours run weekend-gap`: what it takes beyond its simulation, its folder, the memory of its largest process (with
             an empty cache helpers compile beside it); the size of the install
    fork     copying a market of 10,000 accounts and one ticker
    agent    a crossing into a kernel and back; a Python trader's wake with two orders

Times are CPU times of this process, medians of repeats; those of commands are wall times. The exit code is 1 where a bound
does not hold.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# By the name that the tests know them by: cached kernels remember their module's.
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from benchmarks import crash, marks, week, workload  # noqa: E402

from offhours.sim.market.accounts import HOUSES  # noqa: E402
from offhours.sim.simulation import Simulation  # noqa: E402

MEGABYTE = 1e6


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    bound: float | None = None
    ok: bool | None = None
    note: str = ""


def row(name: str, value: float, unit: str, bound: float | None = None, reference: float | None = None, note: str = "") -> Row:  # fmt: skip
    """A figure; the bound holds its ratio to the reference where there is one."""
    ratio = None if reference is None else value / reference
    held = value if ratio is None else ratio
    return Row(name, value, unit, reference, ratio, bound, None if bound is None else held <= bound, note)


def fact(name: str, holds: bool, note: str) -> Row:
    """A yes or no."""
    return Row(name, float(holds), "yes", bound=1.0, ok=holds, note=note)


def unmeasured(name: str, unit: str, why: str) -> Row:
    """A figure that cannot be had here."""
    return Row(name, None, unit, note=why)


# The book alone ------------------------------------------------------------------------------------------------------


def book() -> Iterator[Row]:
    """One million messages, thin and deep, beside C++ and a plain book."""
    with tempfile.TemporaryDirectory() as folder:
        native = workload.build_native(Path(folder))
        for name, live, width_ticks in (("thin", 1_500, 15.0), ("deep", 100_000, 150.0)):
            work = workload.prepare(name, live, width_ticks)
            ours = workload.Compiled(work)
            theirs = None if native is None else workload.Native(work, native)
            ns: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(11):
                ours.again()
                taken, fills = workload.cpu_ns(ours.run)
                ns["ours"].append(taken / workload.MESSAGES)
                if theirs is not None:
                    theirs.again()
                    taken, native_fills = workload.cpu_ns(theirs.run)
                    ns["theirs"].append(taken / workload.MESSAGES)
            value = statistics.median(ns["ours"])
            alive = f"{work.live_before:,} orders alive before, {work.live_after:,} after"
            if theirs is None:
                yield row(f"book.{name}", value, "ns/message", note=f"no C++ compiler here; {alive}")
            else:
                ratios = [a / b for a, b in zip(ns["ours"], ns["theirs"])]
                reference = statistics.median(ns["theirs"])
                ratio = statistics.median(ratios)
                yield Row(f"book.{name}", value, "ns/message", reference, ratio, 1.6, ratio <= 1.6, f"median of 11 pairs; {alive}")  # fmt: skip
                same = fills == native_fills and ours.memory.digest() == theirs.memory.digest()
                yield fact(
                    f"book.{name}.same_as_cpp", same, f"{theirs.fills.value:,} fills and every byte of the tables"
                )
            yield fact(f"book.{name}.same_as_plain", fills == workload.plain_replay(work), "checksum of all fills")


# Whole markets -------------------------------------------------------------------------------------------------------


def advance(
    retail: int, sleep_s: float, hours: float, warm_hours: float = 1.2, tickers: Sequence[str] = ("TSLAx",)
) -> tuple[float, dict[str, int]]:
    """CPU seconds of a busy market from an hour after its start, when everybody has woken once, and what happened in it."""
    return advance_market(week.open_market_of(week.busy_week(retail, sleep_s, tickers=tickers)), hours, warm_hours)


def advance_market(market: Simulation, hours: float, warm_hours: float = 1.2) -> tuple[float, dict[str, int]]:
    """The same for a market at its start."""
    begin_us = market.setup.start_us + int(warm_hours * week.HOUR_US)
    market.advance(begin_us)
    before, begin = week.counts(market), time.process_time()
    market.advance(min(begin_us + int(hours * week.HOUR_US), market.setup.end_us))
    taken = time.process_time() - begin
    return taken, {name: count - before[name] for name, count in week.counts(market).items()}


def whole_week() -> Iterator[Row]:
    """One ticker, one week, 10,000 retail, twenty makers, at the prototype's rates."""
    taken, happened = advance(10_000, week.SLEEP_S, week.WEEK_HOURS - 1.2)
    scaled = week.WEEK_HOURS / (week.WEEK_HOURS - 1.2)
    yield row(
        "week.10k", taken * scaled, "s", bound=10.0, note="one ticker, 168 h, 10,000 retail, 20 makers, 50 arbitrageurs"
    )
    for name, count in happened.items():
        yield row(f"week.10k.{name}", count * scaled / 1e6, "million", note="in that week")
    yield row("week.10k.wake", taken / happened["wakes"] * 1e9, "ns/wake", note="everything included")
    yield row("week.10k.message", taken / happened["messages"] * 1e9, "ns/message", note="everything included")


def ten() -> Iterator[Row]:
    """Ten tickers, one week, 10,000 retail, twenty makers in all of them, at the prototype's rates; ten times the retail."""
    market = week.open_market_of(week.busy_week(tickers=week.TEN))
    megabytes = sum(memory.arena.nbytes for memory in market.blocks) / MEGABYTE
    yield row("ten.10k.state", megabytes, "MB", bound=60.0, note="all tables but the logs, 10,000 retail, ten tickers")
    taken, happened = advance_market(market, week.WEEK_HOURS - 1.2)
    scaled = week.WEEK_HOURS / (week.WEEK_HOURS - 1.2)
    yield row("ten.10k", taken * scaled, "s", bound=60.0, note="ten tickers, 168 h, 10,000 retail, 20 makers, 50 arbitrageurs")  # fmt: skip
    for name, count in happened.items():
        yield row(f"ten.10k.{name}", count * scaled / 1e6, "million", note="in that week")
    yield row("ten.10k.message", taken / happened["messages"] * 1e9, "ns/message", note="everything included")
    many = week.open_market_of(week.busy_week(100_000, tickers=week.TEN))
    megabytes = sum(memory.arena.nbytes for memory in many.blocks) / MEGABYTE
    yield row("ten.100k.state", megabytes, "MB", note="the same with 100,000 retail")
    taken, _ = advance_market(many, 6.0)
    yield row("ten.100k", taken * week.WEEK_HOURS / 6.0, "s", bound=250.0, note="100,000 retail, scaled from 6 h")


def crashes() -> Iterator[Row]:
    """A crash that bankrupts 46,000 of 100,000 accounts and closes 30,000 others against them; beside a tenth of it."""
    crash.crash(crash.crowded(1_000))
    taken: dict[int, float] = {}
    for people in (10_000, 100_000):
        runs = [crash.crash(crash.crowded(people)) for _ in range(5)]
        taken[people] = statistics.median(run.risk_s for run in runs)
        last = runs[-1]
        note = f"{last.liquidated:,} liquidated, {last.cuts:,} closed by ADL, in {last.steps} steps; the book's own time {last.book_s:.3f} s"  # fmt: skip
        bound = 0.1 if people == 100_000 else None
        yield row(f"crash.{people // 1000}k", taken[people], "s", bound=bound, note=note)
    note = "ten times the accounts"
    yield row("crash.scale", taken[100_000], "s", bound=14.0, reference=taken[10_000], note=note)


def rule_forms() -> Iterator[Row]:
    """Rules chosen at run time beside rules that are known at compile time: hours of the week, the shortest of five each."""
    here = str(HERE / "one_form.py")
    with tempfile.TemporaryDirectory() as folder:
        _, _, replaced, _ = command(here, "write", folder)
        hours: dict[str, list[list[float]]] = {"": [], folder: []}
        digests = set()
        for _ in range(5):
            for path, found in hours.items():
                _, _, printed, code = command(
                    here, "run", "24", cache=f"{folder}/{'cut' if path else 'whole'}", path=path
                )
                if code != 0:
                    yield unmeasured("week.rules", "s", f"one_form.py failed with exit code {code}")
                    return
                told = json.loads(printed)
                found.append(told["hours_s"])
                digests.add(told["digest"])
    whole, cut = (sum(min(hour) for hour in zip(*found)) for found in hours.values())
    note = f"24 h of the week; the reference reads {replaced.strip()} choices at compile time"
    yield row("week.rules", whole, "s", bound=1.02, reference=cut, note=note)
    yield fact("week.rules.same", len(digests) == 1, "both programs end in the same state, byte for byte")


def mark_moves() -> Iterator[Row]:
    """A second in which ten marks move, for 10,000 accounts; beside the exact scan of all of them."""
    market = marks.crowded(10_000)
    counts = np.zeros(3, np.int64)
    counts[2] = HOUSES + len(market.setup.people)
    marks.drive(market.world, *marks.path(market, 10, 0.6, 1), counts)
    marks.scan(market.world, marks.ANN, marks.ANN + 10)
    scans = [workload.cpu_ns(lambda: marks.scan(market.world, marks.ANN, marks.ANN + 10_000))[0] for _ in range(15)]
    for name, volatility, seconds, bound in (("calm", 0.6, 5_000, 20.0), ("crash", 20.0, 300, 50.0)):
        taken = []
        for seed in range(5):
            twin = market.fork()
            work = partial(marks.drive, twin.world, *marks.path(twin, seconds, volatility, seed), counts)
            counts[:2] = 0
            taken.append(workload.cpu_ns(work)[0] / seconds / 1e3)
        note = f"volatility {volatility:.0%} a year; {counts[0] / seconds:.0f} looks a second, {counts[1]:,} below maintenance"
        yield row(f"marks.{name}", statistics.median(taken), "us/second", bound=bound, note=note)
    yield row("marks.scan", statistics.median(scans) / 1e3, "us", note="the exact scan of all accounts that this saves")


def scale() -> Iterator[Row]:
    """A hundred times the agents take at most a hundred times as long."""
    few, _ = advance(1_000, week.SLEEP_S, 6.0)
    many, happened = advance(100_000, week.SLEEP_S, 6.0)
    note = f"6 h with 20 makers throughout; {happened['wakes']:,} wakes of 100,000"
    yield row("scale.100k_beside_1k", many, "s", bound=100.0, reference=few, note=note)
    yield row("scale.100k.week", many * week.WEEK_HOURS / 6.0, "s", note="scaled from 6 h")


# Commands ------------------------------------------------------------------------------------------------------------


def command(*arguments: str, cache: str = "", path: str = "") -> tuple[float, float, str, int]:
    """Run Python with these arguments: wall seconds, resident megabytes of its largest process, what it printed, exit code."""
    environment = dict(os.environ) | ({"OFFHOURS_CACHE": cache} if cache else {})
    if path:
        environment["PYTHONPATH"] = os.pathsep.join((path, os.environ.get("PYTHONPATH", "")))
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        taken = time.perf_counter() - begin
        out.seek(0)
        printed = out.read().decode()
    return taken, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), printed, child.returncode


def start() -> Iterator[Row]:
    """From the command to the first event."""
    script = str(HERE / "first_event.py")
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as out:
        cold, _, printed, code = command(script, out, cache=cache)
        if code != 0:
            yield unmeasured("start.cold", "s", f"first_event.py failed with exit code {code}")
            return
        compiled = json.loads(printed.splitlines()[-1])["functions"]
        warm = statistics.median(command(script, out, cache=cache)[0] for _ in range(5))
    yield row(
        "start.cold", cold, "s", bound=30.0, note="from `offhours run weekend-gap` to its first event, empty cache"
    )
    yield row("start.warm", warm, "s", bound=1.5, note="the same with a full cache, median of 5")
    yield row("start.compile", cold - warm, "s", bound=30.0, note="compilation from nothing: the difference")
    yield row("start.functions", compiled, "functions", note="kernels declared by the market and its populations")


def report() -> Iterator[Row]:
    """The scenario of `make run`, from the command to the finished report: with empty caches, then with compiled kernels."""
    with tempfile.TemporaryDirectory() as cache:
        first, again = reported(cache), reported(cache)
    if first is None or again is None:
        for name, unit in (("make_run", "s"), ("beyond_simulation", "s"), ("folder", "MB"), ("resident", "MB")):
            yield unmeasured(f"report.{name}", unit, "`offhours run weekend-gap` does not finish here")
    else:
        yield row(
            "report.make_run", first["wall_s"], "s", bound=90.0, note="nothing cached: compilation and warm-up included"
        )
        simulated = f"wall time; its simulations took {again['simulated_s']:.1f} s more"
        yield row("report.beyond_simulation", again["wall_s"] - again["simulated_s"], "s", bound=25.0, note=simulated)
        yield row("report.folder", again["folder_mb"], "MB", bound=200.0)
        yield row(
            "report.resident",
            max(first["resident_mb"], again["resident_mb"]),
            "MB",
            bound=1000.0,
            note="its largest process; helpers that compile have less",
        )
    names, size = core_install()
    note = f"{len(names)} distributions that offhours needs, as they lie in this environment"
    yield row("install.core", size / MEGABYTE, "MB", bound=600.0, note=note)


def reported(cache: str) -> dict[str, float] | None:
    """Run the command into an empty folder; what it took, or None where it fails."""
    with tempfile.TemporaryDirectory() as out:
        arguments = ("-m", "offhours.experiments.cli", "run", "weekend-gap", "--out", out, "--json")
        wall_s, resident_mb, _, code = command(*arguments, cache=cache)
        if code != 0:
            return None
        summaries = [json.loads(file.read_text("utf-8")) for file in Path(out).rglob("summary.json")]
        return {
            "wall_s": wall_s,
            "resident_mb": resident_mb,
            "simulated_s": sum(summary["wall_s"] for summary in summaries),
            "folder_mb": sum(file.stat().st_size for file in Path(out).rglob("*") if file.is_file()) / MEGABYTE,
        }


def core_install() -> tuple[set[str], int]:
    """The distributions that the core of offhours needs, and the bytes of their files in this environment."""
    from packaging.requirements import Requirement

    waiting = [Requirement(text) for text in core_requirements()]
    names: set[str] = set()
    size = 0
    while waiting:
        needed = waiting.pop()
        name = needed.name.lower().replace("_", "-")
        if name in names or (needed.marker is not None and not needed.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        distribution = metadata.distribution(name)
        waiting += [Requirement(text) for text in distribution.requires or []]
        for file in distribution.files or []:
            path = Path(str(distribution.locate_file(file)))
            size += path.stat().st_size if path.is_file() else 0
    return names, size


def core_requirements() -> list[str]:
    """What pyproject.toml says the core needs."""
    import tomllib

    return list(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"])


# Forks, crossings, Python traders ------------------------------------------------------------------------------------


def fork() -> Iterator[Row]:
    """A copy of a market with 10,000 accounts and one ticker."""
    market = week.open_market_of(week.busy_week(10_000))
    market.advance(market.setup.start_us + week.HOUR_US)
    taken = []
    for _ in range(15):
        begin = time.perf_counter()
        market.fork()
        taken.append(time.perf_counter() - begin)
    megabytes = sum(memory.arena.nbytes for memory in market.blocks) / MEGABYTE
    yield row("fork.10k", statistics.median(taken) * 1e3, "ms", bound=5.0, note=f"{megabytes:.1f} MB, wall time")


def agent() -> Iterator[Row]:
    """A crossing, and the wake of a trader written in Python."""
    from offhours.agents import desk, wake
    from offhours.sim.market import step
    from offhours.sim.market.clock import AGENT_DUE
    from offhours.sim.market.oracle import oracles

    traders, wakes = 1000, 50_000
    market = week.open_python_market(traders, traders + wakes)
    mark = int(market.memory[oracles]["mark_ticks"][0])
    world, crowd = (memory.handle for memory in market.blocks)
    due = market.blocks[1][wake.alarms]["due"].data

    def crossings() -> None:
        look: Callable[[Any], int] = step.due_us
        for _ in range(100_000):
            look(world)

    def trade(first: int, last: int) -> None:
        run, order, sleep = wake.run, desk.order, wake.reschedule
        end_us, begin_us = market.setup.end_us, market.setup.start_us + 2 * week.HOUR_US
        for n in range(first, last):
            assert run(world, crowd, end_us, 1 << 40) == AGENT_DUE
            trader, away = due[0], n % 500
            order(world, crowd, trader, 0, desk.PERP, desk.BUY, mark - 1 - away, 1, desk.LIMIT, 0)
            order(world, crowd, trader, 0, desk.PERP, desk.SELL, mark + 1 + away, 1, desk.LIMIT, 0)
            sleep(crowd, begin_us + week.PYTHON_GAP_US * (n + traders))

    crossings()
    crossed = statistics.median(workload.cpu_ns(crossings)[0] for _ in range(5))
    yield row(
        "agent.crossing", crossed / 100_000 / 1e3, "us", note="one int64 in, one int64 out, the Python loop included"
    )
    trade(0, traders)
    before = week.counts(market)["messages"]
    taken, _ = workload.cpu_ns(lambda: trade(traders, traders + wakes))
    sent = week.counts(market)["messages"] - before
    yield row(
        "agent.wake", taken / wakes / 1e3, "us", bound=3.0, note=f"two resting orders each; {sent:,} orders arrived"
    )


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "book": book,
    "week": whole_week,
    "ten": ten,
    "rules": rule_forms,
    "marks": mark_moves,
    "crash": crashes,
    "scale": scale,
    "start": start,
    "report": report,
    "fork": fork,
    "agent": agent,
}


def show(found: Row) -> str:
    """A row as a line of text."""

    def number(of: float | None) -> str:
        return "-" if of is None else f"{of:,.3g}" if abs(of) < 1000 else f"{of:,.0f}"

    state = {True: "ok", False: "FAILS", None: ""}[found.ok]
    figures = "".join(f"{number(of):>10}" for of in (found.value, found.reference, found.ratio, found.bound))
    return f"{found.name:<26}{figures}  {found.unit:<11}{state:<6}{found.note}"


def main(names: list[str]) -> int:
    """Measure the groups named, or all; print and write."""
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        print(f"there is no group of rows '{unknown[0]}'; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    print(f"{'name':<26}{'value':>10}{'reference':>10}{'ratio':>10}{'bound':>10}  unit       ok    note")
    rows: list[Row] = []
    for name in names or GROUPS:
        for found in GROUPS[name]():
            rows.append(found)
            print(show(found), flush=True)
    Path("bench.json").write_text(json.dumps([asdict(found) for found in rows], indent=1) + "\n")
    return 1 if any(found.ok is False for found in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
