"""Targets: what a scenario says its runs should come to, with the source of each, and whether they do.

    [[target]]
    metric = "adl.over_liquidated"      # a number of the summary, one of METRICS
    low = "25 %"
    high = "50 %"
    source = "..."

A target is a statement about many runs: the median over seeds is set beside it, with the interval of that median that needs
no law of the values (order statistics, 95 % at least). It belongs to the rulebook that its scenario names; other rulebooks
on the same luck have the same numbers without a verdict. Targets make no market: they are no part of a scenario's digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from offhours.experiments.document import Document
from offhours.experiments.intervals import interval_of_median
from offhours.sim import units
from offhours.sim.given import plain_text
from offhours.sim.mistake import Mistake, nearest

if TYPE_CHECKING:
    from offhours.experiments.run import Run
    from offhours.experiments.scenario import Scenario

METRICS: Mapping[str, tuple[str, str]] = {
    "adl.over_liquidated": ("closed by auto-deleveraging beside liquidated, dollars", "ppb"),
    "cascade.first_adl_after_s": ("from the first liquidation to the first auto-deleveraging", "us"),
    "cascade.deleveraging.gini": ("concentration of it over the accounts reduced (Gini)", "real"),
    "cascade.deleveraging.median_leverage": ("median leverage of the accounts reduced", "leverage"),
    "cascade.deleveraging.in_profit": ("of the accounts reduced, in profit", "ppb"),
    "cascade.contagion_share": ("liquidated in another ticker than the account's heaviest", "ppb"),
}
"""What may be aimed at: place in the summary -> what it is, and the unit that its bounds are written in."""

_SCALE = {"ppb": 1e-9, "us": 1e-6, "leverage": 1e-3, "real": 1.0}
"""From whole numbers of a unit to the summary's number."""


@dataclass(frozen=True)
class Target:
    """One range that a number should lie in."""

    metric: str
    low: float | None
    """As in the summary; None where there is no bound."""
    high: float | None
    source: str

    @property
    def label(self) -> str:
        """What is measured, in words."""
        return METRICS[self.metric][0]

    @property
    def wanted(self) -> str:
        """The range, in words."""
        low, high = (None if v is None else shown(self.metric, v) for v in (self.low, self.high))
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"above {low}" if low is not None else f"below {high}"

    def holds(self, value: float) -> bool:
        """Whether a value lies inside; the bounds do."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def read_targets(document: Document, original: Mapping[str, Any]) -> tuple[Target, ...]:
    """The targets, which are of the rulebook that the file names: at another one there are none."""
    found = tuple(_read_target(document, row) for row in document.rows("target"))
    same = plain_text(document.content.get("venue", "")) == plain_text(original.get("venue", ""))
    return found if same else ()


def _read_target(document: Document, row: dict[str, Any]) -> Target:
    document.check_row(row, "target", {"metric", "source"}, {"low", "high"})
    metric = plain_text(row["metric"])
    if metric not in METRICS:
        allowed = f"there is no metric '{metric}'; there are {', '.join(METRICS)}{nearest(metric, METRICS)}"
        raise Mistake(document.where("metric", row), "target.metric", metric, allowed)
    bounds: dict[str, float | None] = {"low": None, "high": None}
    for key in bounds.keys() & row.keys():
        try:
            bounds[key] = read_bound(metric, plain_text(row[key]))
        except units.UnitError as error:
            raise Mistake(document.where(key, row), f"target.{key}", plain_text(row[key]), str(error)) from None
    low, high = bounds["low"], bounds["high"]
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        raise Mistake(
            document.where("metric", row), "target.metric", metric, "has a low, a high, or both, in this order"
        )
    return Target(metric, low, high, plain_text(row["source"]))


@dataclass(frozen=True)
class Verdict:
    """What a target's number came to over some runs."""

    target: Target
    values: tuple[float, ...]
    """One a run that has it, in the order of the runs."""
    runs: int

    @property
    def median(self) -> float | None:
        """Median over the runs that have the number; None where none has."""
        return median(self.values) if self.values else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Interval of the median; None with fewer than six values."""
        return interval_of_median(self.values)

    @property
    def hit(self) -> bool:
        """Whether the median lies inside. A number that fewer than half of the runs have misses."""
        found = self.median
        return found is not None and 2 * len(self.values) >= self.runs and self.target.holds(found)


def read_bound(metric: str, text: str) -> float:
    """A bound as it is written ("25 %", "20 s", "0.9", "1x") as the summary's number. Raises :class:`units.UnitError`."""
    unit = METRICS[metric][1]
    return float(units.read(text, unit)) * _SCALE[unit]


def shown(metric: str, value: float) -> str:
    """A value of a metric for reading."""
    unit = METRICS[metric][1]
    if unit == "ppb":
        return f"{100 * value:.3g} %"
    return f"{value:.3g}{' s' if unit == 'us' else 'x' if unit == 'leverage' else ''}"


def value_of(summary: Mapping[str, Any], metric: str) -> float | None:
    """A metric of a summary; None where the run has none."""
    value: Any = summary
    for key in metric.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None


def judge(targets: Sequence[Target], summaries: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Each target beside the runs with these summaries."""
    found = []
    for target in targets:
        values = [value_of(summary, target.metric) for summary in summaries]
        found.append(Verdict(target, tuple(value for value in values if value is not None), len(values)))
    return found


Table = tuple[Sequence[Target], Mapping[str, Sequence[Mapping[str, Any]]]]
"""Targets, and the summaries of the runs by label: first those that the targets are of."""


class Arm(Protocol):
    """One of several markets on the same luck, with its runs."""

    label: str
    scenario: Scenario
    runs: list[Run]


def side_by_side(arms: Sequence[Arm]) -> Table | None:
    """The targets of the first market that has any, with the runs of all; None where there are no targets, or no runs of it."""
    own = next((arm for arm in arms if arm.scenario.targets and arm.runs), None)
    if own is None:
        return None
    ordered = [own, *(arm for arm in arms if arm is not own)]
    return own.scenario.targets, {arm.label: [run.summary for run in arm.runs] for arm in ordered}


# In words -------------------------------------------------------------------------------------------------------------


def came_to(verdict: Verdict) -> str:
    """The median with its interval, and how many runs have the number where not all do."""
    found, around = verdict.median, verdict.interval
    if found is None:
        return "none"
    text = shown(verdict.target.metric, found)
    if around is not None:
        text += " ({} to {})".format(*(shown(verdict.target.metric, end) for end in around))
    return text if len(verdict.values) == verdict.runs else f"{text}, in {len(verdict.values)} of {verdict.runs}"


def table(targets: Sequence[Target], by_venue: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    """Rows of cells, a head first: what, the target, the verdict of the first venue, and what it came to at each."""
    venues = {name: judge(targets, summaries) for name, summaries in by_venue.items()}
    own, *_ = venues
    rows = [["", "target", "", *venues]]
    for number, target in enumerate(targets):
        verdict = "hit" if venues[own][number].hit else "MISS"
        rows.append([target.label, target.wanted, verdict, *(came_to(of[number]) for of in venues.values())])
    return rows


def note(by_venue: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """How the table is to be read."""
    own, *others = by_venue
    runs = len(by_venue[own])
    text = f"median over {runs} run{'s' * (runs != 1)} (95 % interval of it); targets are of {own}"
    return f"{text}, beside it without a target: {', '.join(others)}" if others else text


def lines(targets: Sequence[Target], by_venue: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The table for a terminal."""
    rows = table(targets, by_venue)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
    return ["targets", *(f"  {line}" for line in text), f"  {note(by_venue)}"]


def page_part(targets: Sequence[Target], by_venue: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The table for a page, with the sources below it."""
    head, *rows = table(targets, by_venue)
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head[1:])
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    sources = "".join(f"<li>{escape(f'{t.label}: {t.source}')}</li>" for t in targets)
    return (
        f"<h2>Targets</h2><table><thead><tr><th scope=row></th>{cells}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{escape(note(by_venue))}.</p><ul>{sources}</ul>"
    )


def to_json(targets: Sequence[Target], summaries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As a summary and ``--json`` have it."""
    return [
        {
            "metric": verdict.target.metric,
            "low": verdict.target.low,
            "high": verdict.target.high,
            "source": verdict.target.source,
            "values": list(verdict.values),
            "runs": verdict.runs,
            "median": verdict.median,
            "interval": verdict.interval,
            "hit": verdict.hit,
        }
        for verdict in judge(targets, summaries)
    ]
