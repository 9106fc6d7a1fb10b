"""Who pays: the same question, on the same luck, under several rulebooks or policies of auto-deleveraging, side by side.

    >>> found = side_by_side(scenario("weekend-gap"), ["kraken", "bitmex"], seeds=range(7, 27))
    >>> write_page(found, Path("runs"))                  # of who_pays_page.py

Each venue's rulebook stands as it is: what the scenario itself says of perp, token and margin classes is left out, so that
rules meet rules. People keep their money and their wishes; who wants more leverage than a venue lends gets what it lends.

The bill of a run is in dollars per $1M of open interest at the close, or the beginning of the move, that the run is about. It begins with what liquidated accounts
lost of their own margin between the day their case was opened and its end, and goes on with the shortfall, by whoever paid it.
Providers and a vault pay nothing of it by rule: they take positions, with what the rules give them of the margin, and may lose on them
later. What they lost beyond what they were given is part of the bill, too, and apart from the shortfall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments.intervals import CONFIDENCE, interval_of_mean, share_interval
from offhours.experiments.many import Failure, Step, run_all
from offhours.experiments.scenario import Scenario
from offhours.sim.market import waterfall
from offhours.sim.mistake import Mistake
from offhours.sim.names import POLICY
from offhours.sim.rulebook import evidence, read_venue, runs

if TYPE_CHECKING:
    from offhours.experiments.run import Run

OWN, PROVIDERS, VAULT_LATER, NOBODY = "own margin", "providers, on what they took", "vault, on what it took", "nobody (bad debt)"  # fmt: skip
PAYERS = {
    "backstop": "vault",
    "pool": "liquidity pool",
    "insurance fund": "insurance fund",
    "auto-deleverage": "winners by ADL",
    "socialised": "socialised",
}
"""What a payer of the summary is called on the page."""
ORDER = (OWN, PROVIDERS, VAULT_LATER, *PAYERS.values(), NOBODY)
LATER = (PROVIDERS, VAULT_LATER)
"""Parts of a bill that are no part of the shortfall."""
WORST = 0.01
PER_USD = 1e6
CENT = 0.005


# A bill --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bill:
    """One run's bill, dollars per $1M of open interest, by payer; a payer that the venue does not have is left out."""

    seed: int
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.parts.values())

    @property
    def others(self) -> float:
        """What others than the liquidated accounts bear: the shortfall, and what takers lost on what they took."""
        return sum(value for name, value in self.parts.items() if name != OWN)

    @property
    def shortfall(self) -> float:
        """What was missing in liquidated accounts: paid by others, or by nobody."""
        return sum(value for name, value in self.parts.items() if name != OWN and name not in LATER)


def providers_usd(run: Run) -> float | None:
    """What liquidity providers gained or lost; None where the venue assigns nothing, or the scenario has none."""
    own = [group.name for group in run.scenario.groups if group.population == "liquidator"]
    assigns = waterfall.STAGES[waterfall.ASSIGNED] in run.summary["liquidations"]["by_stage"]
    return sum(float(run.summary["pnl_usd"][name]) for name in own) if own and assigns else None


def vault_usd(run: Run) -> float | None:
    """What the vault gained or lost by taking positions, the margin that came with them included; None where there is none.

    What it paid of shortfalls is no part of it: that has a row of its own.
    """
    has = waterfall.STAGES[waterfall.VAULT] in run.summary["liquidations"]["by_stage"]
    return float(run.summary["pnl_usd"]["backstop"]) + float(run.summary["paid_by_usd"]["backstop"]) if has else None


def bill(run: Run) -> Bill | None:
    """The bill of a run; None where there was no open interest then."""
    s = run.summary
    interest = s["gap_risk"]["open_interest_usd"]
    if not interest:
        return None
    parts: dict[str, float] = {OWN: s["liquidations"]["own_margin_usd"]}
    for name, result in ((PROVIDERS, providers_usd(run)), (VAULT_LATER, vault_usd(run))):
        if result is not None:
            parts[name] = max(0.0, -result)
    parts |= {PAYERS[name]: value for name, value in s["paid_by_usd"].items() if value is not None}
    parts[NOBODY] = s["bad_debt_usd"]
    return Bill(run.seed, {name: value * PER_USD / interest for name, value in parts.items()})


# Rulebooks -----------------------------------------------------------------------------------------------------------


@dataclass
class Rulebook:
    """One venue in the comparison, or one policy, or one of both."""

    label: str
    title: str
    scenario: Scenario
    sourced: int
    assumed: int
    runs: list[Run] = field(default_factory=list)

    @property
    def bills(self) -> list[Bill]:
        """The bills of its runs."""
        return [own for own in map(bill, self.runs) if own is not None]

    @property
    def payers(self) -> tuple[str, ...]:
        """Whoever can appear on its bill."""
        return tuple(name for name in ORDER if any(name in own.parts for own in self.bills))

    @property
    def hit(self) -> str:
        """In how many runs something was missing, in words."""
        bills = self.bills
        return counted(sum(b.shortfall >= CENT for b in bills), len(bills)) if bills else "no run came to its end"

    def mean(self, of: Callable[[Bill], float]) -> float:
        """A mean over its bills, of which there is at least one."""
        bills = self.bills
        return sum(map(of, bills)) / len(bills)


@dataclass
class SideBySide:
    """Several rulebooks on the same luck."""

    question: str
    books: list[Rulebook]
    seeds: tuple[int, ...]
    failures: list[Failure]
    interrupted: bool
    left_out: tuple[str, ...]
    """Rules of the scenario that were left out so that the venues' own stand."""
    policies: bool = False
    """Whether policies of auto-deleveraging were varied."""
    kept: int = 0
    """Runs that were there from before."""


def deleverages(scenario: Scenario) -> bool:
    """Whether the scenario's venue has auto-deleveraging."""
    return bool((scenario.rules[waterfall.places]["stage"] == waterfall.DELEVERAGED).any())


def arms(
    scenario: Scenario, venues: Sequence[str] = (), policies: Sequence[str] = ()
) -> tuple[dict[str, Scenario], list[Failure]]:
    """The scenario under each rulebook and policy, by label, and those that cannot hold it.

    A name that there is not is a :class:`Mistake`; so are fewer than two to compare, a doubled one, and policies where nobody
    is deleveraged. A venue that exists and cannot hold the scenario is a failure: the others are compared without it.
    """
    for option, names, example in (("--venues", venues, "kraken,bitmex"), ("--policies", policies, "queue,pro rata")):
        if len(set(names)) < len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise Mistake(option, "", twice, f"'{twice}' is named twice; each is named once, like {example}")
    if max(1, len(venues)) * max(1, len(policies)) < 2:
        option = "--venues" if venues else "--policies"
        given = next(iter((*venues, *policies)), "")
        raise Mistake(option, "", given, f"takes two or more to compare, not only '{given}'")
    for venue in venues:
        if not runs(read_venue(venue)):
            scenario.at_venue(venue)
    stems = [Path(venue).stem for venue in venues]
    found: dict[str, Scenario] = {}
    failures: list[Failure] = []
    for venue, stem in zip(venues or ("",), stems or ("",)):
        name = venue if stems.count(stem) > 1 else stem
        try:
            at = scenario.at_venue(venue) if venue else scenario
        except Mistake as mistake:
            failures.append(Failure(name, None, str(mistake)))
            continue
        if not policies:
            found[name] = at
        elif not deleverages(at):
            failures.append(Failure(name or at.rules.venue.name, None, "this rulebook has no auto-deleveraging, so no policy of it can be set"))  # fmt: skip
        else:
            for policy in policies:
                found[f"{name}, {policy}" if name else policy] = _with_policy(at, policy)
    if len(found) < 2:
        why = "; ".join(f"{failure.label}: {failure.sentence}" for failure in failures)
        raise Mistake("compare", "", "", f"fewer than two are left to compare: {why}")
    return found, failures


def _with_policy(scenario: Scenario, policy: str) -> Scenario:
    try:
        own = scenario.with_changes({POLICY: policy})
        if own.programs and not own.allow_policies:
            # Says that it must be allowed.
            own.deciders()
        return own
    except Mistake as mistake:
        file = "--policies" if mistake.file == "--set" else mistake.file
        raise Mistake(file, mistake.knob, mistake.given, mistake.allowed, mistake.meaning) from None


def side_by_side(
    scenario: Scenario,
    venues: Sequence[str] = (),
    seeds: Sequence[int] = range(7, 15),
    done: Callable[[Step], None] | None = None,
    policies: Sequence[str] = (),
    folder: Path | None = None,
) -> SideBySide:
    """Run a scenario under several rulebooks or policies, each with the same seeds. A run that fails loses only itself.

    Runs are kept in `folder`, and those that are there already are not made again.
    """
    chosen, failures = arms(scenario, venues, policies)
    many = run_all(chosen, seeds, done, folder)
    books = [
        Rulebook(label, own.rules.venue.title, own, *evidence(own.rules.venue), many.runs[label])
        for label, own in chosen.items()
    ]
    return SideBySide(
        scenario.question,
        books,
        tuple(seeds),
        failures + many.failures,
        many.interrupted,
        scenario.own_rules() if venues else (),
        bool(policies),
        many.kept,
    )


# Numbers -------------------------------------------------------------------------------------------------------------


def counted(count: int, n: int) -> str:
    """A count among runs with what it leaves open: "0 of 20 (below 17 %, 95 %)"."""
    low, high = share_interval(count, n)
    if count == 0:
        return f"0 of {n} (below {100 * high:.0f} %, 95 %)"
    if count == n:
        return f"{n} of {n} (above {100 * low:.0f} %, 95 %)"
    return f"{count} of {n} ({100 * low:.0f} to {100 * high:.0f} %, 95 %)"


def worst(values: Sequence[float]) -> tuple[float, int]:
    """The mean of the worst 1 % of runs, and how many those are: at least one."""
    ordered = sorted(values, reverse=True)
    many = max(1, ceil(WORST * len(ordered) - 1e-9))
    return sum(ordered[:many]) / many, many


def worst_bills(bills: Sequence[Bill]) -> list[Bill]:
    """The bills of the worst 1 % of runs by what others bear; among equals, by all that was lost."""
    ordered = sorted(bills, key=lambda b: (b.others, b.total), reverse=True)
    return ordered[: worst([b.others for b in bills])[1]]


def worst_of(n: int) -> str:
    """The worst runs that there are, in words: "worst 1 of 20 runs", "worst 1 % of runs"."""
    return "worst 1 % of runs" if n >= 1 / WORST else f"worst 1 of {n} runs"


def _deep(summary: Mapping[str, Any], *path: str) -> float | None:
    value: Any = summary
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None


def _per_million(run: Run, value: float | None) -> float | None:
    interest = run.summary["gap_risk"]["open_interest_usd"]
    return None if value is None or not interest else value * PER_USD / interest


def funding_paid_usd(run: Run) -> float | None:
    """Dollars that longs and shorts paid as funding, in all tickers: each side while the rate was against it."""
    carries = [_deep(of, "funding", "carry", side) for of in run.summary["by_ticker"].values() for side in ("longs_usd", "shorts_usd")]  # fmt: skip
    known = [value for value in carries if value is not None]
    return sum(known) if known else None


def _of_headline(run: Run, *path: str) -> float | None:
    return _deep(run.summary, "by_ticker", run.scenario.headline, *path)


@dataclass(frozen=True)
class Measure:
    """Something that is set beside the bill."""

    label: str
    unit: str
    read: Callable[[Run], float | None]
    """None where a venue, or a run, does not have it."""
    event: bool = False
    """Whether it is told in how many runs it is above nothing."""
    policies: bool = False
    """Whether it is shown only where policies are varied."""


MEASURES = (
    Measure("shortfall per $1M", "USD", lambda run: own.shortfall if (own := bill(run)) is not None else None, event=True),
    Measure("closed by ADL per $1M", "USD", lambda run: _per_million(run, _deep(run.summary, "adl", "notional_usd")), event=True),
    Measure("hedges broken", "count", lambda run: _deep(run.summary, "cascade", "hedges_broken"), event=True),
    Measure("accounts reduced by ADL", "count", lambda run: _deep(run.summary, "adl", "accounts"), policies=True),
    Measure("largest cut, of a position", "share", lambda run: _deep(run.summary, "cascade", "deleveraging", "largest_cut"), policies=True),
    Measure("Gini of the cuts", "number", lambda run: _deep(run.summary, "cascade", "deleveraging", "gini"), policies=True),
    Measure("liquidated per $1M", "USD", lambda run: _per_million(run, run.summary["liquidations"]["notional_usd"])),
    Measure("how long the mark is wrong", "min", lambda run: _of_headline(run, "gap", "mark_wrong_minutes")),
    Measure("how far it is wrong at most", "%", lambda run: _of_headline(run, "gap", "mark_furthest_pct")),
    Measure("funding paid per $1M", "USD", lambda run: _per_million(run, funding_paid_usd(run))),
    Measure("funding, standard deviation", "bp/h", lambda run: _deep(run.summary, "funding", "std_bp")),
    Measure("providers' result per $1M", "USD", lambda run: _per_million(run, providers_usd(run))),
    Measure("vault's result on what it took, per $1M", "USD", lambda run: _per_million(run, vault_usd(run))),
    Measure("open interest that the bill is per", "USD", lambda run: _deep(run.summary, "gap_risk", "open_interest_usd")),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A measure at each venue, and its paired differences from the first one."""

    label: str
    unit: str
    means: tuple[float | None, ...]
    differences: tuple[tuple[float, float, float] | None, ...]
    """Of each venue but the first: mean difference and its simultaneous interval; None where there are no two pairs."""
    counts: tuple[str, ...] = ()
    """In how many runs it is above nothing, in words, where that is told."""


def rows(found: SideBySide) -> list[Row]:
    """All measures. The intervals hold together with 95 %: each has 1 - 5 % / (their number) (Bonferroni)."""
    values = {
        measure: [
            {run.seed: value for run in book.runs if (value := measure.read(run)) is not None} for book in found.books
        ]
        for measure in MEASURES
        if found.policies or not measure.policies
    }
    values = {measure: of for measure, of in values.items() if any(of)}
    level = 1 - (1 - CONFIDENCE) / max(1, sum(_pairs(of[0], other) > 1 for of in values.values() for other in of[1:]))
    made = []
    for measure, of in values.items():
        differences: list[tuple[float, float, float] | None] = []
        for other in of[1:]:
            pairs = [other[seed] - of[0][seed] for seed in sorted(of[0].keys() & other.keys())]
            around = interval_of_mean(pairs, level)
            differences.append(None if around is None else (sum(pairs) / len(pairs), *around))
        means = tuple(sum(own.values()) / len(own) if own else None for own in of)
        counts = tuple(
            counted(sum(value >= CENT for value in own.values()), len(own)) if measure.event and own else ""
            for own in of
        )
        made.append(Row(measure.label, measure.unit, means, tuple(differences), counts if any(counts) else ()))
    return made


def _pairs(one: Mapping[int, float], other: Mapping[int, float]) -> int:
    return len(one.keys() & other.keys())
