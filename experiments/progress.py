"""How far runs are, told on stderr: one run by a line that moves, many by a line each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from offhours.experiments.advance import Stage
    from offhours.experiments.many import Step


class Line:
    """How far a run is, on stderr: a live line on a terminal, now and then a plain one elsewhere."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._live: Any = None
        self._task: Any = None
        self._doing = ""
        self._began = self._said = time.monotonic()
        self._events_began = 0

    def __enter__(self) -> Line:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._live = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:3.0f} %"),
                TextColumn("{task.fields[reached]}"),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, stage: Stage) -> None:
        from offhours.sim.hours import format_new_york

        now = time.monotonic()
        if stage.doing != self._doing:
            self._doing, self._began, self._events_began = stage.doing, now, stage.events
            if self._live is not None:
                if self._task is not None:
                    self._live.remove_task(self._task)
                self._task = self._live.add_task(stage.doing, total=stage.to_us - stage.from_us, reached="", speed="")
        speed = (stage.events - self._events_began) / max(now - self._began, 1e-3)
        reached = format_new_york(stage.now_us - stage.now_us % 1_000_000)[:-7]
        if self._live is not None:
            self._live.update(
                self._task,
                completed=stage.now_us - stage.from_us,
                reached=f"{reached} New York",
                speed=f"{speed / 1e6:.2f}M events/s",
            )
        elif now - self._said >= self.EVERY_S:
            self._said = now
            share = (stage.now_us - stage.from_us) / max(1, stage.to_us - stage.from_us)
            text = f"{stage.doing}: {reached} New York, {100 * share:.0f} %"
            if share >= 0.02:
                left = (now - self._began) * (1 - share) / share
                text += f", {speed / 1e6:.2f}M events/s, about {left:.0f} s left"
            typer.echo(text, err=True)


def say_compiling() -> None:
    """Say why the first run takes longer."""
    from offhours.sim.compile import CACHE_FOLDER

    if CACHE_FOLDER is not None and not any(CACHE_FOLDER.rglob("*.nbi")):
        typer.echo("compiling the market, once after each installation: up to half a minute ...", err=True)


def counting() -> Callable[[Step], None]:
    """A line a finished run: how many of all, and about how long the others take.

    The first one runs alone and may have had to compile, so it says nothing of the others.
    """
    first_s = 0.0

    def done(step: Step) -> None:
        nonlocal first_s
        before = f" ({step.kept} more were there from before)" if step.kept else ""
        text = f"{step.done} of {step.total} runs{before}: {step.label}, seed {step.seed}"
        if step.done == 1:
            first_s = time.monotonic()
        elif step.done < step.total:
            text += f"; {about((time.monotonic() - first_s) / (step.done - 1) * (step.total - step.done))} left"
        typer.echo(text, err=True)

    return done


def about(seconds: float) -> str:
    """ "about 40 s", "about 12 min", "about 2.5 h"."""
    if seconds < 120:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 7200 else f"about {seconds / 3600:.1f} h"
