"""Kernels compiled several at once, in processes that end when they are done.

Compiling a whole market is half a minute of one processor, nearly all of it typing and lowering some hundred kernels in Python,
which holds the interpreter lock and leaves behind hundreds of megabytes. So when a door with many parts is entered for the first
time, its parts are handed to a few helpers, a part as soon as all it calls is there; they keep what they compile in the cache
folder, the door last, and the process that asked reads it from there.

Nothing depends on helpers: where there is one processor, no interpreter to start, a cache that nobody else can read, or where a
helper fails, kernels are compiled in the process that enters them. A helper ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import dis
import heapq
import json
import os
import subprocess
import sys
import tempfile
import threading
import types as python_types
import warnings
from collections.abc import Iterator
from typing import IO, Any

from numba.core import types

from offhours.sim import compile as compiled

LEAST_PARTS = 40
"""Fewer are compiled before a helper has started."""

HELPERS_MOST = 4
_LISTENS_S = 0.2
_KINDS = {"int": types.int64, "World": types.int64, "float": types.float64}
_helps = False
"""Whether this process is a helper."""


def compile_ahead(door: Any, arguments: tuple[Any, ...]) -> bool:
    """Have a door compiled by helpers, with all its parts. False where the door is still to be compiled here."""
    helpers = min(_processors(), HELPERS_MOST)
    if _helps or helpers < 2 or not sys.executable or compiled.PARTS_FOLDER is None or _kinds(door) != arguments:
        return False
    if len(_missing(door)) < LEAST_PARTS:
        return False
    with _alone():
        # Whoever was before us may have compiled them.
        missing = _missing(door)
        return not missing or _Board(door, missing).work_off(helpers)


def _processors() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One process at a time has helpers; where files cannot be locked several do the same work, which harms nobody."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(compiled.PARTS_FOLDER / ".lock", "w") as file:  # type: ignore[operator]
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# What is to be compiled ----------------------------------------------------------------------------------------------


def _name(part: Any) -> str:
    """How a helper finds a kernel: module:name."""
    return f"{part.py_func.__module__}:{part.py_func.__qualname__}"


def _kinds(part: Any) -> tuple[Any, ...] | None:
    """The types of a kernel's arguments as its annotations tell them; None where they do not."""
    code, told = part.py_func.__code__, part.py_func.__annotations__
    kinds = tuple(_KINDS.get(told.get(name, "")) for name in code.co_varnames[: code.co_argcount])
    return None if None in kinds else kinds


def _called(function: Any) -> Iterator[Any]:
    """The kernels that a function calls by a global name, or by a name in a module."""
    held: Any = None
    for step in dis.get_instructions(function):
        if step.opname == "LOAD_GLOBAL":
            held = function.__globals__.get(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(held, python_types.ModuleType):
            held = getattr(held, step.argval, None)
        else:
            held = None
        if isinstance(held, compiled.Kernel):
            yield held


def _missing(door: Any) -> dict[str, tuple[Any, list[str]]]:
    """The parts below a door that nobody has kept: each kernel, and the names of those among them that it calls.

    There are none below a door of other sources than those that the cache is named by: it is compiled where it is entered.
    """
    found: dict[str, tuple[Any, list[str]]] = {}
    waiting = [door]
    while waiting:
        part = waiting.pop()
        name, kinds = _name(part), _kinds(part)
        if name in found or kinds is None or not compiled.is_kept(part.py_func):
            continue
        if part is not door and part.is_kept_for(kinds):
            continue
        calls = {_name(each): each for each in _called(part.py_func)}
        found[name] = part, list(calls)
        waiting += calls.values()
    found.pop(_name(door), None)
    return {name: (part, [each for each in calls if each in found]) for name, (part, calls) in found.items()}


class _Board:
    """What is to be done and what may be begun; the longest way to the door goes first."""

    def __init__(self, door: Any, missing: dict[str, tuple[Any, list[str]]]) -> None:
        self._door = _name(door)
        self._left = {name: len(calls) for name, (_, calls) in missing.items()}
        self._callers: dict[str, list[str]] = {name: [] for name in missing}
        for name, (_, calls) in missing.items():
            for each in calls:
                self._callers[each].append(name)
        self._sizes = {name: len(part.py_func.__code__.co_code) for name, (part, _) in missing.items()}
        self._ways: dict[str, int] = {}
        self._ready = [(-self._way(name), name) for name, left in self._left.items() if left == 0]
        heapq.heapify(self._ready)
        self._undone = len(missing)
        self._changed = threading.Condition()
        self._failures: list[str] = []
        self._taken = self.done = False

    def _way(self, name: str) -> int:
        """Bytes of code from the start of a kernel up to the door."""
        if name not in self._ways:
            self._ways[name] = self._sizes[name] + max(map(self._way, self._callers[name]), default=0)
        return self._ways[name]

    def jobs(self) -> Iterator[str]:
        """Jobs for one helper, as they become possible."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or not self._undone or self._failures)
                if self._failures or (not self._undone and self._taken):
                    return
                if self._undone:
                    name = heapq.heappop(self._ready)[1]
                else:
                    self._taken, name = True, ""
            yield f"part {name}" if name else f"door {self._door}"
            with self._changed:
                if name:
                    self._undone -= 1
                    for caller in self._callers[name]:
                        self._left[caller] -= 1
                        if self._left[caller] == 0:
                            heapq.heappush(self._ready, (-self._way(caller), caller))
                else:
                    self.done = True
                self._changed.notify_all()

    def fail(self, why: str) -> None:
        """Nothing more is begun."""
        with self._changed:
            self._failures.append(why)
            self._changed.notify_all()

    def work_off(self, count: int) -> bool:
        """Have it done by so many helpers; False, and a warning, where one fails."""
        helpers: list[_Helper] = []
        try:
            try:
                for _ in range(count):
                    helpers.append(_Helper(self))
            except OSError as error:
                self.fail(f"no process can be started: {error}")
            for helper in helpers:
                while helper.thread.is_alive():
                    helper.thread.join(_LISTENS_S)
        finally:
            for helper in helpers:
                helper.end()
        if self._failures:
            warnings.warn(
                f"kernels are compiled one after the other: {self._failures[0]}", RuntimeWarning, stacklevel=2
            )
        return self.done


class _Helper:
    """A process that compiles what it is told, and the thread that tells it."""

    def __init__(self, board: _Board) -> None:
        self._board = board
        self._said: IO[bytes] = tempfile.TemporaryFile()
        start = "import sys, json; sys.path[:] = json.loads(sys.stdin.readline()); from offhours.sim.ahead import help_out; help_out()"
        # Ctrl-C is the asking process's affair: it ends its helpers, or lets them finish.
        try:
            self._process = subprocess.Popen(
                [sys.executable, *["-O"] * sys.flags.optimize, "-c", start],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError:
            self._said.close()
            raise
        self.thread = threading.Thread(target=self._tell, daemon=True)
        self.thread.start()

    def _tell(self) -> None:
        try:
            self._ask(json.dumps(sys.path))
            self._ask(json.dumps([str(compiled.CACHE_FOLDER), *_modules()]))
            for job in self._board.jobs():
                self._ask(job)
                if self._process.stdout.readline() != "done\n":  # type: ignore[union-attr]
                    self._board.fail(f"{job}: {self._last_words()}")
        except OSError:
            self._board.fail(self._last_words())

    def _ask(self, line: str) -> None:
        self._process.stdin.write(line + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]

    def _last_words(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        return f"a process that was to help ended with exit code {code}" + (f" ({said[-1]})" if said else "")

    def end(self) -> None:
        """End the process, if it lives."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                file.close()  # type: ignore[union-attr]
        self.thread.join()
        self._said.close()


def _modules() -> list[str]:
    """The modules of this process that declare tables and kernels: a table's place is known when all blocks are."""
    return sorted(name for name in sys.modules if name.startswith(compiled.ROOMS))


# In the helper -------------------------------------------------------------------------------------------------------


def help_out() -> None:
    """Compile what is asked for on the standard input, a line a job, until it ends."""
    global _helps
    import importlib

    _helps = True
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    folder, *modules = json.loads(sys.stdin.readline())
    if str(compiled.CACHE_FOLDER) != folder:
        sys.exit(f"kernels of other sources: {compiled.CACHE_FOLDER} in place of {folder}")
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        what, name = line.split()
        module, _, function = name.partition(":")
        part = getattr(sys.modules[module], function)
        (part if what == "part" else part.door).compile(_kinds(part))
        print("done", file=replies, flush=True)
