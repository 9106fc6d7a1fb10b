"""A market small enough for every test: one ticker, sixty retail traders, three makers, a week-end with a gap."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from offhours.experiments.run import Run, run_one
from offhours.experiments.scenario import Scenario, scenario

FILE = Path(__file__).with_name("tiny.toml")


def tiny(**changes: Any) -> Scenario:
    """The scenario; double underscores in names stand for dots."""
    return scenario(FILE, {name.replace("__", "."): value for name, value in changes.items()})


@functools.cache
def tiny_run(seed: int = 7) -> Run:
    """A run of it, shared by tests that only read."""
    return run_one(tiny(), seed)
