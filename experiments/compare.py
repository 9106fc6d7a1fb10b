"""Two markets on the same luck: what differs in what went in, what in what came out, and who gained and lost by it.

Runs are paired by seed, so that what both share cancels. A difference over several pairs carries Student's 95 % interval of
its mean; over a single pair it carries none, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments.intervals import CONFIDENCE, interval_of_mean
from offhours.experiments.scenario import Scenario
from offhours.sim import units
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from offhours.experiments.run import Run


ROWS: tuple[tuple[str, str, str], ...] = (
    ("funding.mean_bp", "bp/h", "funding, mean"),
    ("funding.std_bp", "bp/h", "funding, standard deviation"),
    ("funding.variance_bp2", "(bp/h)²", "funding, variance"),
    ("funding.share_at_cap", "share", "funding at its cap"),
    ("funding.carry.longs_net_usd", "USD", "funding that longs paid, net"),
    ("gap.stock_pct", "%", "stock, close to open"),
    ("gap.perp_open_gap_pct", "%", "perp at the bell"),
    ("gap.mark_from_close_pct", "%", "mark furthest from the close until the bell"),
    ("first_price.pct", "%", "first price, from the close before"),
    ("gap.open_miss_pct", "%", "the bell beside the perp a minute before"),
    ("gap.minutes_apart", "min", "mark wrong for, after the first price"),
    ("liquidations.accounts", "count", "accounts liquidated"),
    ("liquidations.notional_usd", "USD", "liquidated"),
    ("liquidations.by_stage.partial step.notional_usd", "USD", "  by partial steps"),
    ("liquidations.by_stage.full at zero equity.notional_usd", "USD", "  at the zero-equity price"),
    ("liquidations.by_stage.assignment.notional_usd", "USD", "  assigned to providers"),
    ("liquidations.by_stage.covered.notional_usd", "USD", "  covered by the pool"),
    ("liquidations.by_stage.backstop vault.notional_usd", "USD", "  by the backstop"),
    ("liquidations.by_stage.insurance fund.notional_usd", "USD", "  by the insurance fund"),
    ("liquidations.by_stage.auto-deleverage.notional_usd", "USD", "  by auto-deleveraging"),
    ("shortfall_usd", "USD", "shortfall"),
    ("paid_by_usd.backstop", "USD", "  paid by the backstop"),
    ("paid_by_usd.pool", "USD", "  paid by the pool"),
    ("paid_by_usd.insurance fund", "USD", "  paid by the insurance fund"),
    ("paid_by_usd.auto-deleverage", "USD", "  paid by those who were deleveraged"),
    ("paid_by_usd.socialised", "USD", "  socialised"),
    ("bad_debt_usd", "USD", "bad debt"),
    ("gap_risk.shortfall_over_interest", "share", "shortfall over open interest"),
    ("gap_risk.fund_drawdown_usd", "USD", "drawdown of the fund"),
    ("adl.notional_usd", "USD", "closed by ADL"),
    ("cascade.waves", "count", "waves of liquidations"),
    ("takeover_pnl_usd", "USD", "backstop's result after takeovers"),
    ("trades", "count", "trades"),
)
"""What is compared: place in the summary, unit, label."""


# Pairs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One number of two markets: means over the pairs, the mean difference, and its interval."""

    label: str
    unit: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Input:
    """One thing that differs in what went in."""

    what: str
    a: str
    b: str


@dataclass
class Comparison:
    """Two markets side by side."""

    a: str
    b: str
    inputs: list[Input]
    rows: list[Difference]
    groups: list[Difference]
    seeds: tuple[int, ...]
    notes: list[str] = field(default_factory=list)
    risk: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Each market's tail over the seeds, see :func:`tails`."""

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "a": self.a,
            "b": self.b,
            "seeds": list(self.seeds),
            "confidence": CONFIDENCE,
            "inputs": [vars(row) for row in self.inputs],
            "rows": [vars(row) for row in self.rows],
            "pnl_usd": [vars(row) for row in self.groups],
            "notes": self.notes,
            "risk": {"a": dict(self.risk["a"]), "b": dict(self.risk["b"])} if self.risk else None,
        }


def paired(label: str, unit: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    """Means and mean difference of pairs, with Student's interval where there are at least two."""
    n = len(pairs)
    differences = [b - a for a, b in pairs]
    mean = sum(differences) / n
    low, high = interval_of_mean(differences) or (None, None)
    return Difference(label, unit, sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n, mean, low, high, n)


def _at(summary: Mapping[str, Any], place: str) -> float | None:
    value: Any = summary
    while place and value is not None:
        found = next((k for k in sorted(value, key=len, reverse=True) if place == k or place.startswith(f"{k}.")), None)
        if found is None:
            return None
        value, place = value[found], place[len(found) + 1 :]
    return None if value is None else float(value)


def compare(label_a: str, runs_a: Sequence[Run], label_b: str, runs_b: Sequence[Run]) -> Comparison:
    """Compare two markets over the seeds that both have run; over the only run of each where seeds differ."""
    by_seed = {run.seed: run for run in runs_b}
    pairs = [(run, by_seed[run.seed]) for run in runs_a if run.seed in by_seed]
    notes = []
    if not pairs and len(runs_a) == len(runs_b) == 1:
        pairs = [(runs_a[0], runs_b[0])]
        notes.append(f"seeds {runs_a[0].seed} and {runs_b[0].seed} differ, so luck differs, too")
    if not pairs:
        raise Mistake("compare", "", "", f"'{label_a}' and '{label_b}' have no seed in common")
    if len(pairs) == 1:
        notes.append("one pair of runs: a difference without an interval; --vary with --seeds gives one")
    for run in (run for pair in pairs for run in pair):
        if run.summary["outcome"] != "complete":
            notes.append(f"{run.scenario.name}, seed {run.seed}: {run.summary['outcome']}")
    rows = []
    for place, unit, label in ROWS:
        values = [(_at(a.summary, place), _at(b.summary, place)) for a, b in pairs]
        known = [(a, b) for a, b in values if a is not None and b is not None]
        if known:
            rows.append(paired(label, unit, known))
    own = [name for name in pairs[0][0].summary["pnl_usd"] if all(name in b.summary["pnl_usd"] for _, b in pairs)]
    groups = [
        paired(name, "USD", [(float(a.summary["pnl_usd"][name]), float(b.summary["pnl_usd"][name])) for a, b in pairs])
        for name in own
    ]
    first_a, first_b = pairs[0]
    return Comparison(
        label_a,
        label_b,
        inputs(first_a.scenario, first_b.scenario),
        rows,
        sorted(groups, key=lambda row: row.difference),
        tuple(run.seed for run, _ in pairs),
        notes,
        {"a": tails([run for run, _ in pairs]), "b": tails([run for _, run in pairs])},
    )


RISK_LEVEL = 0.95
"""Of the shortfall's tail over seeds."""


def tails(runs: Sequence[Run]) -> dict[str, Any]:
    """What only many seeds can say of one market: the tail of its shortfall over open interest, and how far an open can miss.

    `half_width_pct` around the perp before the bell covers 95 % of opens; None with fewer than 19. The opens of one seed's
    tickers come together, so only the headline's counts.
    """
    import numpy as np

    from offhours.experiments.metrics import gaps

    losses = [_at(run.summary, "gap_risk.shortfall_over_interest") for run in runs]
    misses = [_at(run.summary, "gap.open_miss_pct") for run in runs]
    return {
        "shortfall_over_interest": gaps.tail(np.array([loss for loss in losses if loss is not None]), RISK_LEVEL),
        "half_width_pct": gaps.half_width_pct(np.array([miss for miss in misses if miss is not None])),
    }


# What went in --------------------------------------------------------------------------------------------------------


def inputs(a: Scenario, b: Scenario) -> list[Input]:
    """What differs between two scenarios: fields, rules, given moves, groups."""
    return [
        Input(what, one, other)
        for what, one, other in (*_fields(a, b), *_rules(a, b), *_gaps(a, b), *_groups(a, b))
        if one != other
    ]


def _fields(a: Scenario, b: Scenario) -> Iterator[tuple[str, str, str]]:
    for name in ("name", "headline", "regime", "calendar"):
        yield name, getattr(a, name), getattr(b, name)
    yield "tickers", ", ".join(a.tickers), ", ".join(b.tickers)
    yield "venue", a.rules.title, b.rules.title
    yield "always_open", units.write(a.always_open, "flag"), units.write(b.always_open, "flag")
    for name in ("start_us", "measure_from_us", "end_us"):
        yield (
            name.removesuffix("_us"),
            units.write(getattr(a, name), "instant"),
            units.write(getattr(b, name), "instant"),
        )


def _rules(a: Scenario, b: Scenario) -> Iterator[tuple[str, str, str]]:
    shared = [ticker for ticker in a.tickers if ticker in b.tickers]
    for name in dict.fromkeys(name for _, name in a.rules.settings):
        texts = {t: (a.rules.setting(name, t).text, b.rules.setting(name, t).text) for t in shared}
        if len(set(texts.values())) == 1:
            yield name, *next(iter(texts.values()))
        else:
            for ticker, (one, other) in texts.items():
                yield f"{ticker}.{name}", one, other


def _gaps(a: Scenario, b: Scenario) -> Iterator[tuple[str, str, str]]:
    def written(of: Scenario) -> dict[str, str]:
        return {
            f"gap {g.ticker} {units.write(g.from_us, 'instant')}": f"{units.write(g.change_ppb, 'ppb')}, "
            f"{units.write(g.surprise_ppb, 'ppb')} of it a surprise"
            for g in of.gaps
        } | {
            f"move {m.ticker} {units.write(m.from_us, 'instant')}": f"{units.write(m.change_ppb, 'ppb')} until "
            f"{units.write(m.to_us, 'instant')}"
            for m in of.moves
        }

    one, other = written(a), written(b)
    for name in {**one, **other}:
        yield name, one.get(name, "none"), other.get(name, "none")


def _groups(a: Scenario, b: Scenario) -> Iterator[tuple[str, str, str]]:
    one, other = ({g.name: g for g in of.groups} for of in (a, b))
    for name in {**one, **other}:
        mine, theirs = one.get(name), other.get(name)
        if mine is None or theirs is None:
            there, here = ("none" if g is None else f"{g.count:,} {g.population}" for g in (mine, theirs))
            yield f"group.{name}", there, here
            continue
        yield f"group.{name}.population", mine.population, theirs.population
        yield f"group.{name}.count", f"{mine.count:,}", f"{theirs.count:,}"
        for key in {**mine.texts, **theirs.texts}:
            if key != "count":
                yield f"group.{name}.{key}", str(mine.texts.get(key, "default")), str(theirs.texts.get(key, "default"))


# Values of a knob -----------------------------------------------------------------------------------------------------------


def variants(scenario: Scenario, vary: str) -> dict[str, Scenario]:
    """The scenarios of ``knob=a,b,c`` by label; values that hold commas themselves are separated by ``;``.

    ``control=none,always-open`` sets the scenario as it is written beside its controls.
    """
    knob, equals, text = vary.partition("=")
    values = [value.strip() for value in text.split(";" if ";" in text else ",")]
    if not equals or len(values) < 2 or not all(values):
        raise Mistake("--vary", "", vary, f"'{vary}' is not written like perp.margin.leverage_max=20,10,5")
    if len(set(values)) < len(values):
        raise Mistake("--vary", "", vary, "each value is named once")
    if knob == "control":
        return {f"control={value}": scenario if value == "none" else scenario.control(value) for value in values}
    try:
        return {f"{knob.rpartition('.')[2]}={value}": scenario.with_changes({knob: value}) for value in values}
    except Mistake as mistake:
        file = "--vary" if mistake.file == "--set" else mistake.file
        raise Mistake(file, mistake.knob, mistake.given, mistake.allowed, mistake.meaning) from None


# In words and pictures -----------------------------------------------------------------------------------------------


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "USD":
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 2) + 0.0:,.2f}"
    if unit == "count":
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:.4g}"


def lines(comparison: Comparison) -> list[str]:
    """A comparison for reading."""
    text = [f"A: {comparison.a}", f"B: {comparison.b}", ""]
    text += ["what differs in what went in"]
    text += [f"  {row.what}: {row.a} | {row.b}" for row in comparison.inputs] or ["  nothing"]
    # Crumbs below half a cent are nobody's gain.
    groups = [row for row in comparison.groups if max(abs(row.a), abs(row.b)) >= 0.005]
    for title, rows in (("what came out", comparison.rows), ("who gained and lost, dollars", groups)):
        cells = [
            ["", "unit", "A", "B", "B-A", f"{CONFIDENCE:.0%} interval of B-A" if len(comparison.seeds) > 1 else ""]
        ]
        for row in rows:
            interval = f"{_number(row.low, row.unit)} .. {_number(row.high, row.unit)}" if row.low is not None else ""
            values = [_number(v, row.unit) for v in (row.a, row.b, row.difference)]
            cells.append([row.label, row.unit, *values, interval + (" *" if row.clear else "")])
        widths = [max(len(line[column]) for line in cells) for column in range(6)]
        text += ["", title]
        for line in cells:
            left = f"  {line[0]:<{widths[0]}}  {line[1]:<{widths[1]}}"
            text.append(left + "".join(f"  {line[c]:>{widths[c]}}" for c in range(2, 6)))
    if len(comparison.seeds) > 1:
        text.append(f"  over {len(comparison.seeds)} seeds; * the interval leaves zero out")
    return text + _tail_lines(comparison) + [f"note: {note}" for note in comparison.notes]


def _tail_lines(comparison: Comparison) -> list[str]:
    """The tails over the seeds, or how many seeds they would need."""
    if not comparison.risk:
        return []
    text = ["", f"tails over seeds (level {RISK_LEVEL:.0%})"]
    for name, of in (("A", comparison.risk["a"]), ("B", comparison.risk["b"])):
        tail, width = of["shortfall_over_interest"], of["half_width_pct"]
        beyond = tail["expected_shortfall"]
        least = round(1 / (1 - RISK_LEVEL))
        shortfall = f"needs at least {least} seeds, there are {tail['n']}" if beyond is None else f"{100 * beyond:.4g} % of open interest ({tail['method']}, {tail['n']} seeds)"  # fmt: skip
        covered = "needs at least 19" if width is None else f"±{width:.2f} % around the perp before the bell"
        text.append(f"  {name}: expected shortfall {shortfall}; covering 95 % of opens {covered}")
    return text


def write_paths(runs: Mapping[str, Run], file: Path) -> Path:
    """Draw the paths of several runs on one axis into a file."""
    from matplotlib.figure import Figure

    from offhours.experiments.figures.beside import compare_paths

    figure = Figure(figsize=(10, 5), layout="constrained")
    compare_paths(list(runs.values()), figure.subplots(), list(runs))
    figure.savefig(file, dpi=150)
    return file
