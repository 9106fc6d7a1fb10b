"""Kernels compiled by helpers: the same doors, whoever compiles them, and nothing is lost where helpers cannot be had."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offhours.sim.compile import COMPILED, kernel, wrapping_sum

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")

ENTER = """
import json, os, signal, subprocess, sys, time, warnings
from pathlib import Path
from offhours.sim import ahead, chance, compile
ahead.LEAST_PARTS, ahead._processors = 1, lambda: 2
started, start = [], subprocess.Popen
def popen(*given, **named):
    started.append(start(*given, **named))
    return started[-1]
ahead.subprocess.Popen = popen
def press():
    while len(started) < 2:
        time.sleep(0.1)
    time.sleep(1.0)
    signal.raise_signal(signal.SIGINT)
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as said:
    {first}
    try:
        number = int(chance.person(3, 5))
    except KeyboardInterrupt:
        number = "interrupted"
parts = compile.PARTS_FOLDER
print(json.dumps([
    number,
    len(started),
    [process.poll() is not None for process in started],
    [str(warning.message) for warning in said],
    sum(len(kernel.overloads) + sum(kernel.door.stats.cache_misses.values()) for kernel in compile.KERNELS),
    sorted(path.name.rpartition("-")[0] for path in parts.glob("*.part")) if parts else None,
]))
"""
"""Enters a door with three parts and tells: what it gave; processes started, and ended; warnings; what was compiled in this
process; the parts that are kept."""

PARTS = [f"offhours.sim.{name}" for name in ("chance.mix", "compile.wrapping_product", "compile.wrapping_sum")]


def command(first: str) -> list[str]:
    return [sys.executable, "-c", ENTER.replace("{first}", first or "pass")]


def entered(cache: Path, first: str = "") -> list[Any]:
    """Enter the door in a process of its own."""
    done = subprocess.run(
        command(first), env={**os.environ, "OFFHOURS_CACHE": str(cache)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@functools.cache
def expected() -> int:
    """What the door gives uncompiled."""
    ask = [sys.executable, "-c", "from offhours.sim import chance; print(chance.person(3, 5))"]
    environment = {**os.environ, "OFFHOURS_COMPILE": "0"}
    return int(subprocess.run(ask, env=environment, capture_output=True, text=True, timeout=100).stdout)


def stub(folder: Path, text: str) -> str:
    """Has a program of ours started in place of Python."""
    file = folder / "stub"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return f"sys.executable = {str(file)!r}"


def test_helpers_compile_and_the_process_that_asked_reads_it(tmp_path: Path) -> None:
    """Nothing is compiled in the process that enters the door, and its helpers have ended; the next finds all there."""
    number, started, ended, said, here, parts = entered(tmp_path)
    assert (number, started, ended, said, here) == (expected(), 2, [True, True], [], 0)
    assert parts == PARTS
    assert entered(tmp_path)[1] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_two_who_ask_at_once_have_helpers_once(tmp_path: Path) -> None:
    """The second waits, and finds what the first has had compiled."""
    environment = {**os.environ, "OFFHOURS_CACHE": str(tmp_path)}
    both = [subprocess.Popen(command(""), env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    assert [each[0] for each in found] == [expected()] * 2
    assert sorted(each[1] for each in found) == [0, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="the stub is a shell script")
def test_where_a_helper_fails_it_is_compiled_here_and_said(tmp_path: Path) -> None:
    """With what the helper said last, and its exit code."""
    number, _, ended, said, here, _ = entered(tmp_path, stub(tmp_path, "echo no memory >&2; exit 3"))
    assert number == expected() and here > 0 and all(ended)
    assert len(said) == 1 and "one after the other" in said[0] and "exit code 3 (no memory)" in said[0]


def test_where_no_process_can_be_started_it_is_compiled_here_and_said(tmp_path: Path) -> None:
    """The program to start does not exist."""
    number, started, _, said, here, _ = entered(tmp_path, "sys.executable = '/nowhere/python'")
    assert (number, started) == (expected(), 0) and here > 0
    assert len(said) == 1 and "no process can be started" in said[0]


@pytest.mark.parametrize(
    "why", ["ahead._processors = lambda: 1", "ahead.LEAST_PARTS = 4", "sys.executable = ''", "ahead._helps = True"]
)
def test_where_helpers_are_of_no_use_there_are_none(tmp_path: Path, why: str) -> None:
    """One processor; few parts; no interpreter known; this is a helper. The parts are kept all the same."""
    number, started, _, said, here, parts = entered(tmp_path, why)
    assert (number, started, said) == (expected(), 0, []) and here > 0
    assert parts == PARTS


def test_where_the_cache_cannot_be_written_it_is_compiled_here(tmp_path: Path) -> None:
    """A helper would look into another folder."""
    taken = tmp_path / "file"
    taken.write_text("")
    number, started, _, said, here, parts = entered(taken)
    assert (number, started, said, parts) == (expected(), 0, [], None) and here > 0


@pytest.mark.skipif(sys.platform == "win32", reason="the stub is a shell script")
def test_ctrl_c_ends_helpers(tmp_path: Path) -> None:
    """The one who pressed it does not wait for them, and none is left behind."""
    first = stub(tmp_path, "exec sleep 100")
    first += "; import threading; threading.Thread(target=press, daemon=True).start()"
    number, started, ended, said, _, _ = entered(tmp_path, first)
    assert (number, started, ended, said) == ("interrupted", 2, [True, True], [])


def test_a_helper_ends_with_the_process_that_started_it() -> None:
    """Its standard input is then closed."""
    start = "import sys, json; from offhours.sim.ahead import help_out; help_out()"
    from offhours.sim.compile import CACHE_FOLDER

    told = json.dumps([str(CACHE_FOLDER), "offhours.sim.chance"]) + "\n"
    assert subprocess.run([sys.executable, "-c", start], input=told, text=True, timeout=100).returncode == 0


def sum_of_three(a: int, b: int, c: int) -> int:
    return wrapping_sum(wrapping_sum(a, b), c)


def test_a_kernel_of_other_sources_is_compiled_where_it_is_entered() -> None:
    """The cache is named by the market's sources: what calls them from outside may change without its noticing."""
    from offhours.sim.ahead import _missing

    outside: Any = kernel(sum_of_three)
    assert _missing(outside) == {}
    assert outside(2, 3, 4) == 9


def test_a_part_is_begun_when_all_it_calls_is_done() -> None:
    """The longest way to the door first, each part once, the door last, and by one helper only."""
    from offhours.sim.ahead import _Board

    def kernel(name: str, size: int = 1) -> Any:
        code = SimpleNamespace(co_code=b"x" * size)
        return SimpleNamespace(py_func=SimpleNamespace(__module__="m", __qualname__=name, __code__=code))

    calls: dict[str, list[str]] = {"a": [], "b": [], "c": ["a"], "d": ["b", "c"]}
    sizes = {"a": 1, "b": 9, "c": 5, "d": 2}
    missing = {f"m:{name}": (kernel(name, sizes[name]), [f"m:{each}" for each in calls[name]]) for name in calls}
    board = _Board(kernel("door"), missing)
    one, other = board.jobs(), board.jobs()
    # b leads to the door over 9 + 2 bytes of code, a over 1 + 5 + 2.
    assert [next(one) for _ in range(5)] == ["part m:b", "part m:a", "part m:c", "part m:d", "door m:door"]
    assert next(other, "nothing") == "nothing" and not board.done
    assert next(one, "nothing") == "nothing" and board.done
