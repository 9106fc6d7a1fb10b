"""The same market gives the same tape: compiled or not, in another process, in a thread, forked, saved and restored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.sim.compile import COMPILED
from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, stock
from offhours.sim.market.world import RECORDED
from offhours.sim.simulation import Simulation
from plain import asked_run, forms_run
from plain.peopled import MINUTE, TUESDAY, people, scenario
from plain.peopled_run import GROUPS, run

PLAIN = Path(__file__).resolve().parent.parent / "plain"
LENGTH = 60


def elsewhere(script: str, *words: object, **environment: str) -> Any:
    """What a script of tests/plain prints in a process of its own."""
    command = [sys.executable, str(PLAIN / script), *map(str, words)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """The run in this process."""
    return run(LENGTH)


def same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether everything but the time it took and the machinery is the same."""
    return all(found[name] == expected[name] for name in expected if name not in ("seconds", "compiled"))


def test_something_happens_in_the_run(here: dict[str, Any]) -> None:
    """Otherwise the rest of this file would be about an empty market."""
    assert here["trades"] > 30
    assert here["messages"] > 300
    assert here["liquidations"] > 0
    assert here["breaches"] == []


@pytest.mark.skipif(not COMPILED, reason="this process runs uncompiled itself")
def test_uncompiled_it_is_the_same(here: dict[str, Any]) -> None:
    """The kernels are plain Python that happens to compile: the same bits in every table and every record."""
    found = elsewhere("peopled_run.py", LENGTH, OFFHOURS_COMPILE="0")
    assert found["compiled"] is False
    assert same(found, here)


@pytest.mark.skipif(not COMPILED, reason="this process runs uncompiled itself")
def test_every_form_of_a_rule_is_the_same_uncompiled() -> None:
    """Index, mark, funding and payment of all venues, halts and interest."""
    found = forms_run.run()
    assert elsewhere("forms_run.py", OFFHOURS_COMPILE="0") == found and len(set(found)) == len(found)


@pytest.mark.skipif(not COMPILED, reason="this process runs uncompiled itself")
def test_what_is_asked_of_python_is_the_same_uncompiled() -> None:
    """ADL-8, ADL-10: every policy of ours, candidates as they are shown and lots as they are taken."""
    found = asked_run.run()
    assert elsewhere("asked_run.py", OFFHOURS_COMPILE="0") == found and len(set(found)) > len(found) // 2


def test_in_a_second_process_it_is_the_same(here: dict[str, Any]) -> None:
    """Also where strings hash differently."""
    assert same(elsewhere("peopled_run.py", LENGTH, PYTHONHASHSEED="12345"), here)


def test_in_a_thread_beside_another_it_is_the_same(here: dict[str, Any]) -> None:
    """Two at once, which hold no interpreter lock while they run."""
    found: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: found.append(run(LENGTH))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert all(same(f, here) for f in found)


def half() -> Simulation:
    """The market halfway, where the stock has just fallen."""
    sim = people(scenario(TUESDAY, GROUPS), seed=7, log_rows=1 << 12)
    sim.advance(sim.setup.start_us + LENGTH * MINUTE // 2)
    sim.memory[stock.stocks]["log_usd"] -= 0.125
    return sim


def to_the_end(sim: Simulation) -> tuple[str, str]:
    """The digests at the end of the run."""
    sim.advance(sim.setup.start_us + LENGTH * MINUTE)
    return sim.tape.digest(), sim.digest()


def test_a_fork_goes_on_as_its_origin_does(here: dict[str, Any]) -> None:
    """Whichever of the two goes first, and however often it was forked."""
    sim = half()
    fork = sim.fork()
    of_fork = fork.fork()
    expected = here["tape"], here["state"]
    assert to_the_end(of_fork) == expected
    assert to_the_end(sim) == expected
    assert to_the_end(fork) == expected


def test_a_fork_with_new_luck_does_not(here: dict[str, Any]) -> None:
    """New draws from here on; what was before is the same."""
    sim = half()
    other = sim.fork(seed=8)
    assert to_the_end(other)[0] != here["tape"]
    assert to_the_end(sim) == (here["tape"], here["state"])


def test_saved_and_restored_it_goes_on_as_before(here: dict[str, Any]) -> None:
    """Into a market that had gone elsewhere; the bytes hold no address."""
    sim = half()
    saved = sim.save()
    tape = sim.tape.copy()
    sim.advance(sim.setup.start_us + 40 * MINUTE)
    other = people(scenario(TUESDAY, GROUPS), seed=7, log_rows=1 << 12)
    for market in (sim, other):
        market.restore(saved)
        market.tape = tape.copy()
        assert market.save() == saved
        assert to_the_end(market) == (here["tape"], here["state"])


WHO = ("buyer", "seller", "account", "for_account", "taker")
"""Columns that hold an account, or -1 for nobody."""


def named(sim: Simulation, rows: Any) -> list[tuple[Any, ...]]:
    """Rows of a table in which an account is the name of its group and its number there."""
    table = sim.memory[accounts.accounts]
    names = [*accounts.HOUSE_NAMES, *(str(key) for key in sim.setup.group_keys)]
    found = []
    for row in rows:
        values = dict(zip(rows.dtype.names, row.tolist(), strict=True))
        for column in WHO:
            if values.get(column, -1) < 0:
                continue
            account = table[values[column]]
            values[column] = (names[account["group"]], int(account["member"]), int(account["parent"]) >= 0)
        found.append(tuple(values.values()))
    return found


INERT = """
[[group]]
name = "ghosts"
population = "noise"
count = 7
latency = "80 ms"
mean_sleep = "1 min"
endowment = { usd = "$0" }
"""


def test_an_inert_agent_changes_nothing() -> None:
    """Seven who own nothing and look often, put before all, between the others and behind them: every record is the same."""
    first, second, third = (f"[[group]]{part}" for part in GROUPS.split("[[group]]")[1:4])
    rest = "[[group]]" + "[[group]]".join(GROUPS.split("[[group]]")[4:])
    parts = {
        "without": (first, second, third, rest),
        "before": (INERT, first, second, third, rest),
        "between": (first, second, INERT, third, rest),
        "behind": (first, second, third, rest, INERT),
    }
    tapes = {}
    for name, groups in parts.items():
        sim = people(scenario(TUESDAY, *groups), seed=7, log_rows=1 << 12)
        sim.advance(sim.setup.start_us + 30 * MINUTE)
        sim.memory[stock.stocks]["log_usd"] -= 0.125
        sim.advance(sim.setup.start_us + 60 * MINUTE)
        sim.tape.drain(sim.memory)
        tapes[name] = {spec_of(accessor).name: named(sim, sim.tape.rows(accessor)) for accessor in RECORDED.values()}
    assert len(tapes["without"]["Trade"]) > 30
    for name in ("before", "between", "behind"):
        for table, rows in tapes["without"].items():
            assert tapes[name][table] == rows, (name, table)


def test_another_seed_is_another_market(here: dict[str, Any]) -> None:
    """Digests would be of little use otherwise."""
    sim = people(scenario(TUESDAY, GROUPS), seed=8, log_rows=1 << 12)
    sim.advance(sim.setup.start_us + 10 * MINUTE)
    same_seed = people(replace(scenario(TUESDAY, GROUPS)), seed=7, log_rows=1 << 12)
    same_seed.advance(sim.setup.start_us + 10 * MINUTE)
    assert sim.tape.digest() != same_seed.tape.digest()
    assert not np.array_equal(sim.memory.arena, same_seed.memory.arena)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_every_kernel_is_compiled_once(here: dict[str, Any]) -> None:
    """A literal, a truth value or a narrow column must not make numba compile a copy of a kernel for itself.

    In a process of its own, so that it is about the loop and the doors of a run and not about what other tests called.
    """
    count = (
        "import sys; sys.path.insert(0, sys.argv[1]); from plain.peopled_run import run; run(2);"
        "from offhours.sim.compile import KERNELS;"
        "twice = [k.__name__ for k in KERNELS if len(k.overloads) > 1 or len(k.door.overloads) > 1];"
        "print(len(KERNELS), sum(len(k.door.overloads) for k in KERNELS), *twice)"
    )
    done = subprocess.run([sys.executable, "-c", count, str(PLAIN.parent)], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    kernels, doors, *twice = done.stdout.split()
    assert twice == []
    assert int(kernels) > 300
    assert 0 < int(doors) < 60


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_with_bounds_checks_on_it_is_the_same(here: dict[str, Any]) -> None:
    """No kernel reads or writes beside its table in an hour of this market; and beside a table the check does see it."""
    assert same(elsewhere("peopled_run.py", LENGTH, NUMBA_BOUNDSCHECK="1"), here)
    outside = (
        "import sys; sys.path.insert(0, sys.argv[1]); from plain.market import market; from offhours.sim.market import orders;"
        "sim = market(); orders.handle(sim.world, 512); print('inside'); orders.handle(sim.world, 513)"
    )
    command = [sys.executable, "-c", outside, str(PLAIN.parent)]
    done = subprocess.run(
        command, env={**os.environ, "NUMBA_BOUNDSCHECK": "1"}, capture_output=True, text=True, timeout=500
    )
    assert done.stdout.split() == ["inside"]
    assert "IndexError" in done.stderr
