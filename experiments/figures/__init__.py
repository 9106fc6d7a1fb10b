"""Figures of a run: functions that return Axes, by the names people look for. Each title is a finding computed from the run.

    >>> run.plot.strip()
    >>> figure = render(run, "who_paid")       # a matplotlib Figure that no window knows of

A figure reads ``run.tables()``, ``run.summary`` and ``run.scenario`` and nothing else. Axes are New York time; hours without a
stock price are grey, hours before and after the session lighter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments.figures.axes import SIZES
from offhours.experiments.figures.beside import controls
from offhours.experiments.figures.cascades import CASCADES, MATERIAL
from offhours.experiments.figures.liquidations import leverage, liquidation_map, waterfall
from offhours.experiments.figures.payments import flows, who_paid
from offhours.experiments.figures.prices import basis, depth, funding, price, spread
from offhours.experiments.figures.week_end import strip, strip_axes
from offhours.sim.mistake import Mistake, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from offhours.experiments.run import Run

FIGURES: Mapping[str, Callable[..., Any]] = {
    "strip": strip,
    "who_paid": who_paid,
    "price": price,
    "depth": depth,
    "spread": spread,
    "funding": funding,
    "basis": basis,
    "leverage": leverage,
    "liquidation_map": liquidation_map,
    "waterfall": waterfall,
    "flows": flows,
    "controls": controls,
    **CASCADES,
}
"""Every figure of one run by name."""


def available(run: Run) -> list[str]:
    """The figures that a run has the material for."""
    have = run.tables()
    found = [name for name in FIGURES if name != "controls" or run.summary.get("controls")]
    found = [name for name in found if name not in MATERIAL or MATERIAL[name](run)]
    if "bars" not in have or have["bars"].empty:
        found = [name for name in found if name in ("who_paid", "waterfall", "flows", "controls")]
    return [name for name in found if name != "flows" or "groups" in have]


def chosen(run: Run, only: str | Sequence[str] | None = None) -> list[str]:
    """The names asked for (with commas, or a list), or all that the run has; :class:`Mistake` for a name there is not."""
    if only is None:
        return available(run)
    names = [word.strip() for word in only.split(",")] if isinstance(only, str) else list(only)
    for name in names:
        if name not in FIGURES:
            raise Mistake("--only", "", "", f"there is no figure '{name}'; there are {', '.join(FIGURES)}{nearest(name, FIGURES)}")  # fmt: skip
    return names


def render(run: Run, name: str) -> Figure:
    """A figure that belongs to no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZES.get(name, (10, 3.6)), layout="constrained")
    FIGURES[name](run, strip_axes(figure) if name == "strip" else figure.subplots())
    return figure


FORMATS = ("png", "svg", "pdf")
DPI = 150


def write_figures(
    run: Run,
    folder: str | Path,
    only: str | Sequence[str] | None = None,
    formats: str | Sequence[str] = ("png",),
) -> list[Path]:
    """Draw figures into ``folder/figures`` and return the files."""
    from matplotlib import rc_context

    kinds = [word.strip().lower() for word in formats.split(",")] if isinstance(formats, str) else list(formats)
    for kind in kinds:
        if kind not in FORMATS:
            raise Mistake("--format", "", "", f"a figure is written as {', '.join(FORMATS)}, not as '{kind}'")
    names = chosen(run, only)
    place = Path(folder) / "figures"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        for kind in kinds:
            file = place / f"{name}.{kind}"
            # Drawn anew for each: a layout remembers the resolution that it was made for before.
            with rc_context({"svg.hashsalt": name}):
                render(run, name).savefig(file, dpi=DPI, metadata=_UNDATED[kind])
            written.append(file)
    return written


_UNDATED: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
"""No date in a file: the same run gives the same bytes."""
