"""A run: a scenario brought to life with one seed, measured, and kept as a folder that can re-create itself.

>>> run = scenario("weekend-gap").run(seed=7)          # or: open one that was made before
>>> run = Run.open("runs/weekend-gap_seed-7_3fa9c1")
>>> run.summary["bad_debt_usd"], run.tables()["bars"], run.plot.price()
"""

from __future__ import annotations

import html
import json
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.advance import MarketFull, Progress, Stage, Watch
from offhours.experiments.measure import Measured, measure
from offhours.experiments.positions import name_accounts
from offhours.experiments.scenario import Scenario
from offhours.experiments.tables import RECORDED, Instruments, exact, frame_of, read_parquet, shown
from offhours.experiments.tables import names as table_names
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]
CALM = "without liquidations"
"""The control that every run with liquidations has: the same luck, and nobody is liquidated."""


@dataclass
class Run:
    """One run, finished or interrupted, just made or opened again."""

    scenario: Scenario
    seed: int
    summary: dict[str, Any]
    instruments: Instruments
    folder: Path | None = None
    controls: dict[str, Run] = field(default_factory=dict)
    _exact: dict[str, Array] | None = field(default=None, repr=False)
    _made: dict[str, Any] | None = field(default=None, repr=False)
    _frames: dict[str, Any] = field(default_factory=dict, repr=False)
    stopped: str = ""
    """What is missing where Ctrl-C came after the run itself was whole."""

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Read a folder that a run has left."""
        from offhours.experiments.provenance import read_provenance, scenario_of

        folder = Path(folder)
        record = read_provenance(folder)
        try:
            summary = json.loads((folder / "summary.json").read_text("utf-8"))
        except (OSError, ValueError):
            raise Mistake(str(folder), "", "", "holds no summary.json that can be read") from None
        scenario = scenario_of(record)
        return cls(scenario, int(record["seed"]), summary, Instruments.of(scenario.rules), folder)

    def tables(self, exact: bool = False) -> dict[str, pd.DataFrame]:
        """All tables by name: in a person's units, or (exact) as ticks, lots and micro-dollars."""
        if exact:
            return {name: frame_of(rows) for name, rows in self.exact_rows().items()}
        for name in table_names():
            if name not in self._frames:
                self._frames[name] = self._frame(name)
        return {name: frame for name, frame in self._frames.items() if frame is not None}

    def _frame(self, name: str) -> pd.DataFrame | None:
        if self._exact is not None and name in self._exact:
            return shown(name, self._exact[name], self.instruments)
        if self._made is not None and name in self._made:
            import pandas as pd

            return pd.DataFrame(self._made[name])
        file = self.folder / f"{name}.parquet" if self.folder is not None else None
        return read_parquet(file) if file is not None and file.exists() else None

    def exact_rows(self) -> dict[str, Array]:
        """The recorded tables as structured arrays of exact integers."""
        if self._exact is None:
            own = {name: self._frame(name) for name in RECORDED}
            self._exact = {name: exact(name, f, self.instruments) for name, f in own.items() if f is not None}
        return self._exact

    def control(self, name: str) -> Run | None:
        """A control of this run, on the same luck; None where it was not run."""
        if name not in self.controls and self.folder is not None:
            folder = self.folder / "controls" / name
            if (folder / "summary.json").exists():
                self.controls[name] = Run.open(folder)
        return self.controls.get(name)

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its end."""
        return bool(self.summary["interrupted"])

    @property
    def plot(self) -> Plots:
        """Figures by name: ``run.plot.price()``."""
        return Plots(self)

    def save(self, out: str | Path | None = None, name: str | None = None, *, command: str = "", report: bool = True) -> Path:  # fmt: skip
        """Write the run's folder below `out` (default ``runs``), whole or not at all, and return it."""
        from offhours.experiments.provenance import save

        return save(self, out, name, command, report)

    def _repr_html_(self) -> str:
        from offhours.experiments.summary_text import lines

        rows = "".join(f"<tr><th style='text-align:left'>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in lines(self.summary))  # fmt: skip
        place = f"<p><code>{html.escape(str(self.folder))}</code></p>" if self.folder else ""
        return f"<h4>{html.escape(self.scenario.name)}, seed {self.seed}</h4><table>{rows}</table>{place}"


class Plots:
    """The figures of a run, by the names people look for; each returns Axes."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __dir__(self) -> list[str]:
        from offhours.experiments.figures import FIGURES

        return sorted(FIGURES)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from offhours.experiments.figures import FIGURES

        if name not in FIGURES:
            raise AttributeError(f"there is no figure '{name}'; there are {', '.join(sorted(FIGURES))}")

        def draw(*arguments: Any, **options: Any) -> Any:
            return FIGURES[name](self._run, *arguments, **options)

        return draw


def run(
    scenario: Scenario,
    seed: int = 7,
    out: str | Path | None = None,
    name: str | None = None,
    progress: Progress | None = None,
    save: bool = False,
    *,
    controls: bool = False,
    report: bool = True,
    command: str = "",
    log_trades: bool = True,
    cached: bool = True,
    names: bool = False,
) -> Run:
    """Run a scenario with a seed. With `save` (or `out`, or `name`) it leaves a folder, with a report or without.

    Ctrl-C ends it early: the result then says at what instant, or what it is without. `controls` runs the scenario's controls on the same luck,
    too, and, where anybody was liquidated, the market without liquidations; `names` writes the account names of a handed-in
    book. Raises :class:`KeyboardInterrupt` where nothing was measured yet, and :class:`MarketFull`.
    """
    from offhours.experiments.provenance import save as write
    from offhours.experiments.provenance import target_of

    saved = save or out is not None or name is not None
    if saved:
        target_of(scenario, seed, out, name)
    with Watch().watching() as watch:
        made = run_one(scenario, seed, progress, log_trades=log_trades, cached=cached, stop=watch.stop)
        if made.interrupted:
            # What there is is written; pressed once more, without a report.
            watch.stop.clear()
        if names and scenario.positions is not None and made._made is not None:
            made._made["accounts"]["name"] = name_accounts(made._made["accounts"]["group"], scenario.positions)
        if controls and not made.interrupted:
            _run_controls(made, progress, cached, watch)
        if saved:
            write(made, out, name, command, report, watch.stop)
    return made


def run_one(
    scenario: Scenario,
    seed: int,
    progress: Progress | None = None,
    *,
    log_trades: bool = True,
    cached: bool = True,
    stop: threading.Event | None = None,
) -> Run:
    """One run, without its controls, kept nowhere. `stop` ends it from another thread."""
    from offhours.experiments.summary import accounts_table, groups_table, summarise

    if not 0 <= seed < 1 << 62:
        raise Mistake("--seed", "", "", f"a seed is a whole number from 0 to 2^62, not {seed}")
    measured = measure(scenario, seed, progress, log_trades=log_trades, cached=cached, stop=stop)
    if measured is None:
        raise KeyboardInterrupt
    made = {"groups": groups_table(measured), "accounts": accounts_table(measured)}
    instruments = Instruments.of(scenario.rules)
    return Run(scenario, seed, summarise(measured), instruments, None, {}, measured.tables, made)


def _run_controls(made: Run, progress: Progress | None, cached: bool, watch: Watch) -> None:
    """Run the scenario's controls on the run's luck, and, where anybody was liquidated, the market without liquidations.

    Each is a market of its own: as many run at a time as there are processors.
    """
    names = [*made.scenario.controls, *([CALM] if made.summary["liquidations"]["count"] else [])]
    waiting = list(names)

    def one(name: str) -> Run | Measured | None:
        described = _describing(progress, name, lambda: waiting[:1] == [name])
        if name == CALM:
            return measure(made.scenario, made.seed, described, log_trades=False, cached=cached, liquidations=False, stop=watch.stop)  # fmt: skip
        return run_one(made.scenario.control(name), made.seed, described, log_trades=False, cached=cached, stop=watch.stop)  # fmt: skip

    missing = []
    with ThreadPoolExecutor(max_workers=max(1, min(len(names), os.cpu_count() or 1))) as pool:
        futures = {name: pool.submit(one, name) for name in names}
        for name, future in futures.items():
            own: Run | Measured | None = None
            try:
                own = future.result()
            except MarketFull as error:
                made.summary["controls"][name] = {"outcome": str(error)}
                continue
            except KeyboardInterrupt:
                # Nothing of it was measured yet; a second press is none of its business and goes on up.
                if not future.done():
                    raise
            finally:
                waiting.remove(name)
            if own is None or own.interrupted:
                missing.append(name)
            elif isinstance(own, Run):
                made.controls[name] = own
                made.summary["controls"][name] = headline_numbers(own.summary)
            else:
                _beside_calm(made, own)
    if missing:
        made.stopped = f"without the control{'s' * (len(missing) > 1)} {', '.join(missing)}"
        watch.stop.clear()


def _beside_calm(made: Run, calm: Measured) -> None:
    """Keep the prices of the same luck without liquidations as the table `calm`, and say what liquidations did beside it."""
    from offhours.experiments.cascade_summary import beside_calm, calm_table

    assert made._made is not None
    made._made["calm"] = calm_table(calm)
    made._frames.pop("calm", None)
    made.summary |= beside_calm(made.summary, made.exact_rows(), calm)


def _describing(progress: Progress | None, control: str, speaks: Callable[[], bool]) -> Progress | None:
    """The progress of a control, told while it is the one that all wait for."""
    if progress is None:
        return None

    def tell(stage: Stage) -> None:
        if speaks():
            progress(Stage(f"{stage.doing}, control {control}", stage.now_us, stage.from_us, stage.to_us, stage.events))

    return tell


def headline_numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What of a control's summary stands in the run's own."""
    keys = ("outcome", "digest", "tape_sha256", "funding", "gap", "liquidations", "shortfall_usd", "paid_by_usd", "bad_debt_usd", "adl")  # fmt: skip
    return {key: summary[key] for key in keys}
