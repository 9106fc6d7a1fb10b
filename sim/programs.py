"""Somebody else's function of a Python file: read, allowed, run within a time limit, and held to what its answer must be.

An allocation of auto-deleveraging has as many numbers as candidates, none below zero, none beyond its room, in sum the budget (or
all there is, where that is less; or all that caps leave); a rate is a finite number. A function that raises, hangs or answers
nonsense is one sentence, a :class:`~offhours.sim.policies.PolicyError`.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from offhours.sim.given import read_text
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import own_program
from offhours.sim.policies import Candidates, Floats, Interval, PolicyError

TIME_LIMIT_S = 2.0
"""How long one decision of a person's own policy may take: its own time on a processor, where a system can tell that."""

PATIENCE = 5
"""Times as long by the clock, for a function that sleeps, or that shares its processor with other runs."""


@dataclass(frozen=True)
class Program:
    """A person's own policy or rule: a function of a Python file, as it was read."""

    name: str
    """As it was written: my_policy.py:fair."""
    source: str
    """The file's text. All of it: it may import what is installed, and nothing beside it."""

    @property
    def file(self) -> str:
        """The file, as it was written."""
        return self.name.rpartition(":")[0]

    @property
    def function_name(self) -> str:
        """Which of its functions."""
        return self.name.rpartition(":")[2]

    @property
    def sha256(self) -> str:
        """Of the file's text."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def function(self) -> Callable[..., Any]:
        """Run the file and return the function; :class:`PolicyError` where it raises or hangs, :class:`Mistake` without one."""
        module = ModuleType(f"offhours_policy_{next(_loaded)}")
        # Dataclasses look their module up by name.
        sys.modules[module.__name__] = module

        def execute() -> None:
            exec(compile(self.source, self.file, "exec"), vars(module))

        _within(self.file, execute, TIME_LIMIT_S)
        found = getattr(module, self.function_name, None)
        if not callable(found):
            names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
            allowed = f"has no function '{self.function_name}'{nearest(self.function_name, names)}"
            raise Mistake(self.file, "", self.function_name, allowed)
        return found  # type: ignore[no-any-return]


def read_program(text: str, folder: Path | str = ".", knob: str = "policy", by: str = "policy") -> Program:
    """The program that "my_policy.py:fair" names, its file taken from `folder`; nothing of it runs yet.

    `by` is whose mistake it is where there is no such file, `knob` what it stands for.
    """
    file, _ = own_program(text, knob, by)
    path = Path(folder) / file
    if not path.is_file():
        raise Mistake(by, knob, text, f"there is no file {path}")
    return Program(text, read_text(str(path)))


def load(text: str, folder: Path | str = ".", *, allowed: bool = False, flag: str = "--allow-python") -> Callable[..., Any]:  # fmt: skip
    """The function that "my_policy.py:fair" names, the file taken from `folder`; :class:`Mistake` where it cannot be had.

    Running somebody's file is running his program, so it must be allowed.
    """
    own_program(text, "policy", "policy")
    if not allowed:
        raise Mistake("policy", "", text, must_be_allowed(text, flag))
    return read_program(text, folder).function()


def must_be_allowed(text: str, flag: str) -> str:
    """The sentence where somebody's program is named and its running was not allowed."""
    return f"'{text}' is a program; say {flag} to run it"


_loaded = itertools.count()


def _within(name: str, call: Callable[[], Any], seconds: float) -> Any:
    """What a call returns; :class:`PolicyError` where it raises or takes longer than allowed.

    It runs in a thread of its own, so that it can be left behind where it hangs, whichever thread asks.
    """
    outcome: dict[str, Any] = {}

    def run() -> None:
        if hasattr(time, "pthread_getcpuclockid"):
            outcome["clock"] = time.pthread_getcpuclockid(threading.get_ident())
        try:
            outcome["value"] = call()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is theirs, and is told in one sentence
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True, name=f"policy {name}")
    thread.start()
    began, used = time.monotonic(), 0.0
    while thread.is_alive() and used < seconds:
        thread.join(max(0.01, seconds - used))
        used = _time_of(outcome, time.monotonic() - began)
    if thread.is_alive():
        # Ends a loop of Python, so that it does not go on beside whatever runs next; a call that sleeps is left behind.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
        raise PolicyError(name, f"took longer than {seconds:g} s")
    if "error" in outcome:
        error = outcome["error"]
        said = " ".join(str(error).split())
        raise PolicyError(name, f"raised {type(error).__name__}{f': {said}' if said else ''}") from error
    return outcome["value"]


def _time_of(outcome: dict[str, Any], by_clock_s: float) -> float:
    """How long a thread has run: on a processor, or a share of the time by the clock where that is more."""
    try:
        return max(time.clock_gettime(outcome["clock"]), by_clock_s / PATIENCE)
    except (KeyError, OSError):
        # It has ended, or the system does not tell.
        return by_clock_s


def checked(
    chosen: Callable[..., Any],
    candidates: Candidates,
    budget: float,
    *,
    name: str = "",
    whole: bool = False,
    seconds: float | None = None,
) -> Floats:
    """What a policy takes from each, held to what an allocation must be; :class:`PolicyError` otherwise.

    `whole` asks for whole lots; `seconds` limits the time of somebody else's (None: one's own, called straight).
    """
    called = name or getattr(chosen, "__name__", "policy").replace("_", "-")
    if seconds is None:
        given = chosen(candidates, budget)
    else:
        own = candidates.frozen()
        given = _within(called, lambda: chosen(own, budget), seconds)
    try:
        if given is None or np.iscomplexobj(given):
            raise TypeError
        found = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise PolicyError(
            called, f"returned {'nothing' if given is None else type(given).__name__}, not a number for each candidate"
        ) from None
    count = len(candidates)
    if found.shape != (count,):
        shape = "one number" if found.ndim == 0 else f"{len(found)} numbers" if found.ndim == 1 else "a table"
        raise PolicyError(called, f"returned {shape} for {count} candidates")
    if not np.isfinite(found).all():
        raise PolicyError(
            called, f"returned {found[~np.isfinite(found)][0]} for candidate {int(np.argmin(np.isfinite(found)))}"
        )
    slack = 1e-9 * max(1.0, float(budget))
    for wrong, what in (
        (found < -slack, "less than nothing from"),
        (found > candidates.room + slack, "more than he has from"),
    ):
        if wrong.any():
            first = int(np.argmax(wrong))
            raise PolicyError(called, f"takes {what} candidate {first}: {found[first]:g} of {candidates.room[first]:g}")
    wanted, total = min(float(budget), float(candidates.room.sum())), float(found.sum())
    slack = 1e-9 * max(1.0, wanted) * max(1, count)
    # Who keeps to the caps may have to leave something.
    if not min(wanted, float(candidates.most.sum())) - slack <= total <= wanted + slack:
        raise PolicyError(called, f"takes {total:.10g} in all, and {wanted:.10g} is to be taken")
    if whole and (found != np.round(found)).any():
        raise PolicyError(called, f"takes {found[found != np.round(found)][0]:g} lots of somebody, which is not whole")
    return np.clip(found, 0.0, candidates.room)


def checked_rate(
    chosen: Callable[..., Any],
    premiums: Any,
    interval: Interval | None = None,
    *,
    name: str = "",
    most: float = 1.0,
    seconds: float | None = TIME_LIMIT_S,
) -> float:
    """The rate that somebody's funding rule makes of an interval's premiums; :class:`PolicyError` where it is none.

    A rule is ``(premiums, interval) -> rate``, or ``(premiums) -> rate`` where no interval is given; premiums and rate are shares
    of one. A rate beyond `most` either way is a mistake, not a rate.
    """
    called = name or getattr(chosen, "__name__", "funding rule").replace("_", "-")
    own = np.array(premiums, dtype=np.float64)
    own.flags.writeable = False
    shown = (own,) if interval is None else (own, interval)
    given = chosen(*shown) if seconds is None else _within(called, lambda: chosen(*shown), seconds)
    try:
        rate = float(given)
    except (TypeError, ValueError):
        raise PolicyError(called, f"returned {type(given).__name__}, not a rate") from None
    if not np.isfinite(rate) or abs(rate) > most:
        raise PolicyError(called, f"returned {rate:g}, which is no rate between {-most:g} and {most:g}")
    return rate
