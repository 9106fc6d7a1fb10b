"""Who pays: the same question, on the same luck, under several rulebooks, and one page that sets them side by side.

    >>> found = side_by_side(scenario("weekend-gap"), ["kraken", "bitmex"], seeds=range(7, 27))
    >>> write_page(found, Path("runs"))

Each venue's rulebook stands as it is: what the scenario itself says of perp, token and margin classes is left out, so that
rules meet rules. People keep their money and their wishes; who wants more leverage than a venue lends gets what it lends.

The bill of a run is in dollars per $1M of open interest at the close the run is about. It begins with what liquidated accounts
lost of their own margin between the day their case was opened and its end, and goes on with the shortfall, by whoever paid it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.experiments.compare import CONFIDENCE, Failure, run_all
from offhours.experiments.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, dollars, tick_dollars
from offhours.experiments.scenario import Scenario
from offhours.sim.rules import Mistake, read_layer, tickers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from offhours.experiments.run import Run

OWN, NOBODY = "own margin", "nobody (bad debt)"
COLOURS = {
    OWN: "#D0D0D0",
    "providers": SKY,
    "pool": GREEN,
    "backstop": BLUE,
    "vault": BLUE,
    "fund": ORANGE,
    "insurance": ORANGE,
    "adl": VERMILLION,
    "winners": VERMILLION,
    "socialised": PURPLE,
    NOBODY: BLACK,
}
"""Colour of a payer, by a word in its name."""
WORST = 0.01
PER_USD = 1e6


@dataclass(frozen=True)
class Bill:
    """One run's bill, dollars per $1M of open interest, by payer."""

    seed: int
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.parts.values())

    @property
    def shortfall(self) -> float:
        """What others than the liquidated accounts paid, and what nobody did."""
        return self.total - self.parts[OWN]


def own_margin_usd(cases: Any) -> float:
    """What liquidated accounts lost of their own equity from the opening to the end of each case, dollars.

    `cases` are exact rows of the table of cases (event 1 opens, 2 and 3 end). Equity below zero is somebody else's loss.
    """
    lost, opened = 0, {}
    for row in cases:
        account, worth = int(row["account"]), max(0, int(row["equity_uusd"]))
        if int(row["event"]) == 1:
            opened[account] = worth
        elif account in opened:
            lost += max(0, opened.pop(account) - worth)
    return lost / 1e6


def bill(run: Run) -> Bill | None:
    """The bill of a run; None where there was no open interest at the close."""
    interest = run.summary["gap_risk"]["open_interest_usd"]
    if not interest:
        return None
    scale = PER_USD / interest
    paid = {name: value for name, value in run.summary["paid_by_usd"].items() if value is not None}
    own = own_margin_usd(run.exact_rows()["cases"])
    parts = {OWN: own, **paid, NOBODY: run.summary["bad_debt_usd"]}
    return Bill(run.seed, {name: value * scale for name, value in parts.items()})


@dataclass
class Rulebook:
    """One venue in the comparison."""

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
    def hit(self) -> str:
        """In how many runs somebody else paid, in words."""
        bills = self.bills
        return counted(sum(b.shortfall >= 0.005 for b in bills), len(bills)) if bills else "no run came to its end"


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


def evidence(scenario: Scenario) -> tuple[int, int]:
    """How many values of a venue's file name a source, and how many are assumed."""
    venue = scenario.rules.venue
    said = read_layer(venue.document, "venue", venue.file, tickers()).values()
    assumed = sum(given.origin.assumed for given in said)
    return len(said) - assumed, assumed


def at_venues(scenario: Scenario, venues: Sequence[str]) -> dict[str, Scenario]:
    """The scenario under each rulebook, by name. Raises :class:`Mistake` for fewer than two, or a doubled one."""
    if len(venues) < 2 or len(set(venues)) < len(venues):
        raise Mistake("--venues", "", ",".join(venues), "is two or more rulebooks, each named once, like kraken,bitmex")
    return {Path(venue).stem: scenario.at_venue(venue) for venue in venues}


def side_by_side(
    scenario: Scenario, venues: Sequence[str], seeds: Sequence[int], done: Callable[[str, int], None] | None = None
) -> SideBySide:
    """Run a scenario under several rulebooks, each with the same seeds. A run that fails loses only itself."""
    chosen = at_venues(scenario, venues)
    found, failures, interrupted = run_all(chosen, seeds, done)
    books = [Rulebook(label, own.rules.venue.title, own, *evidence(own), found[label]) for label, own in chosen.items()]
    return SideBySide(scenario.question, books, tuple(seeds), failures, interrupted, scenario.own_rules())


# Numbers -------------------------------------------------------------------------------------------------------------


def interval_of_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Student's interval of a mean; None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    from scipy.special import stdtrit

    mean = sum(values) / n
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return mean - half, mean + half


def share_interval(count: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) of a probability after `count` of `n`, two-sided."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


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


def worst_of(n: int) -> str:
    """The worst runs that there are, in words: "worst 1 of 20 runs", "worst 1 % of runs"."""
    return "worst 1 % of runs" if n >= 1 / WORST else f"worst 1 of {n} runs"


def _deep(summary: Mapping[str, Any], *path: str) -> float | None:
    value: Any = summary
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None


def funding_paid_usd(run: Run) -> float:
    """Dollars that changed hands as funding: half of the sum of what every account paid or received."""
    frame = run.tables()["groups"]
    return float(frame["funding_usd"].abs().sum()) / 2 if "funding_usd" in frame else 0.0


MEASURES: tuple[tuple[str, str, Callable[[Run], float | None]], ...] = (
    ("shortfall per $1M", "USD", lambda run: own.shortfall if (own := bill(run)) is not None else None),
    ("mark wrong for, after the first price", "min", lambda run: _deep(run.summary, "by_ticker", run.scenario.headline, "gap", "minutes_apart")),
    ("mark furthest from the stock, while one can see it", "%", lambda run: mark_error_pct(run)),
    ("funding, standard deviation", "bp/h", lambda run: _deep(run.summary, "funding", "std_bp")),
    ("hedges broken", "count", lambda run: _deep(run.summary, "cascade", "hedges_broken")),
    ("ADL", "USD", lambda run: _deep(run.summary, "adl", "notional_usd")),
)  # fmt: skip
"""What is set beside the bill: label, unit, and how to read it off a run (None where a venue does not have it)."""


def mark_error_pct(run: Run) -> float | None:
    """Furthest distance of the mark from the stock at full minutes at which the stock has a quote, percent of the stock."""
    bars = run.exact_rows()["bars"]
    number = run.scenario.tickers.index(run.scenario.headline)
    seen = bars[
        (bars["ticker"] == number) & (bars["stock_visible"] == 1) & (bars["time_us"] >= run.scenario.measure_from_us)
    ]
    if len(seen) == 0:
        return None
    tick_usd = run.scenario.rules.instrument(run.scenario.headline).tick_uusd / 1e6
    return float(np.abs(seen["mark_ticks"] * tick_usd / seen["stock_usd"] - 1).max() * 100)


@dataclass(frozen=True)
class Row:
    """A measure at each venue, and its paired differences from the first one."""

    label: str
    unit: str
    means: tuple[float | None, ...]
    differences: tuple[tuple[float, float, float] | None, ...]
    """Of each venue but the first: mean difference and its simultaneous interval; None where there are no two pairs."""


def rows(found: SideBySide) -> list[Row]:
    """All measures. The intervals hold together with 95 %: each has 1 - 5 % / (their number) (Bonferroni)."""
    values = [
        [{run.seed: value for run in book.runs if (value := read(run)) is not None} for book in found.books]
        for _, _, read in MEASURES
    ]
    many = max(1, sum(bool(of[0].keys() & other.keys()) for of in values for other in of[1:]))
    level = 1 - (1 - CONFIDENCE) / many
    made = []
    for (label, unit, _), of in zip(MEASURES, values):
        differences: list[tuple[float, float, float] | None] = []
        for other in of[1:]:
            pairs = [other[seed] - of[0][seed] for seed in sorted(of[0].keys() & other.keys())]
            around = interval_of_mean(pairs, level)
            differences.append(None if around is None else (sum(pairs) / len(pairs), *around))
        means = tuple(sum(own.values()) / len(own) if own else None for own in of)
        made.append(Row(label, unit, means, tuple(differences)))
    return made


# The figure ----------------------------------------------------------------------------------------------------------


def colour_of(payer: str) -> str:
    """The colour of a payer."""
    return next((colour for word, colour in COLOURS.items() if word in payer.lower()), "#8C8C8C")


def title(found: SideBySide) -> str:
    """The finding: where others than the liquidated accounts paid least and most."""
    cost = {book.label: sum(b.shortfall for b in book.bills) / len(book.bills) for book in found.books if book.bills}
    if len(cost) < 2:
        return "Who pays: fewer than two rulebooks have a run"
    least, most = min(cost, key=lambda k: cost[k]), max(cost, key=lambda k: cost[k])
    if cost[most] < 0.5:
        return f"Under {len(cost)} rulebooks the margin of the liquidated accounts pays all"
    return (
        f"Beyond own margin, {most} costs others {dollars(cost[most])} per $1M of open interest, "
        f"{least} {dollars(cost[least])}"
    )


def picture_of(found: SideBySide, empty: bool = False) -> Figure:
    """The figure, drawn (or its axes only)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.6 + 0.95 * len(found.books)), layout="constrained")
    ax = figure.subplots()
    if not empty:
        draw(found, ax)
    return figure


def draw(found: SideBySide, ax: Axes | None = None) -> Axes:
    """One bar a rulebook: mean bill by payer, whisker on the total; a thin bar below for the worst 1 % of runs."""
    ax = picture_of(found, empty=True).axes[0] if ax is None else ax
    payers = list(dict.fromkeys(name for book in found.books for b in book.bills for name in b.parts))
    payers = [p for p in payers if p != NOBODY] + [NOBODY]
    labelled: set[str] = set()
    for place, book in enumerate(found.books):
        bills = book.bills
        if not bills:
            ax.text(0, place, " no run came to its end", va="center", fontsize=9)
            continue
        ordered = sorted(bills, key=lambda b: b.shortfall, reverse=True)
        chosen = ordered[: worst([b.shortfall for b in bills])[1]]
        for of, centre, height in ((bills, place, 0.42), (chosen, place + 0.34, 0.12)):
            left = 0.0
            for payer in payers:
                width = sum(b.parts.get(payer, 0.0) for b in of) / len(of)
                if width > 0:
                    name = payer if payer not in labelled else None
                    labelled.add(payer)
                    ax.barh(
                        centre,
                        width,
                        height,
                        left=left,
                        color=colour_of(payer),
                        edgecolor="white",
                        linewidth=0.6,
                        label=name,
                    )
                    left += width
        around = interval_of_mean([b.total for b in bills])
        if around is not None:
            ax.plot(around, (place, place), color=BLACK, linewidth=1.2, solid_capstyle="butt")
            for end in around:
                ax.plot((end, end), (place - 0.1, place + 0.1), color=BLACK, linewidth=1.2)
        ax.annotate(
            f"{book.sourced} / {book.assumed}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
    ax.annotate("sourced /\nassumed", (1.01, 1.0), xycoords="axes fraction", va="bottom", fontsize=8, color="#555555")
    ax.set_yticks(range(len(found.books)), [book.label for book in found.books])
    ax.set_ylim(len(found.books) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel(
        f"USD per $1M of open interest at the close; mean of {len(found.seeds)} seed{'s' * (len(found.seeds) > 1)}, "
        f"whisker: 95 % of the mean; thin bar: {worst_of(len(found.seeds))}"
    )
    ax.xaxis.set_major_formatter(lambda value, _: tick_dollars(value))
    ax.set_title(title(found), loc="left", fontsize=11, parse_math=False)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if labelled:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, frameon=False, fontsize=9)
    return ax


# The page ------------------------------------------------------------------------------------------------------------


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "none"
    return dollars(value) if unit == "USD" else f"{value:,.3g} {unit}" if unit not in ("count",) else f"{value:,.3g}"


def lines(found: SideBySide) -> list[str]:
    """The comparison for a terminal."""
    text = [found.question, ""]
    for book in found.books:
        mean = sum(b.shortfall for b in book.bills) / max(1, len(book.bills))
        text.append(
            f"{book.label}: {dollars(mean)} per $1M beyond own margin; others paid in {book.hit}; {book.sourced} sourced, {book.assumed} assumed"
        )
        parts = {
            name: sum(b.parts.get(name, 0.0) for b in book.bills) / max(1, len(book.bills))
            for b in book.bills
            for name in b.parts
        }
        text += [f"    {name:<28} {dollars(value)}" for name, value in parts.items()]
    for row in rows(found):
        text.append(
            f"{row.label}: " + "; ".join(f"{b.label} {_value(m, row.unit)}" for b, m in zip(found.books, row.means))
        )
        for book, found_difference in zip(found.books[1:], row.differences):
            if found_difference is not None:
                mean, low, high = found_difference
                star = " *" if not low <= 0 <= high else ""
                text.append(
                    f"    {book.label} less {found.books[0].label}: {mean:,.3g} ({low:,.3g} .. {high:,.3g}){star}"
                )
    text.append("* the interval leaves zero out; all intervals hold together with 95 %")
    text += [f"note: {note}" for note in notes(found)]
    return text


def notes(found: SideBySide) -> list[str]:
    """What a reader must know."""
    said = []
    if found.left_out:
        said.append(f"left out of the scenario, so that each venue's own rule stands: {', '.join(found.left_out)}")
    if len(found.seeds) == 1:
        said.append("one seed: no interval can be given")
    said += [f"{f.label}, seed {f.seed}: {f.sentence}" for f in found.failures]
    said += [
        f"{book.label}, seed {run.seed}: {run.summary['outcome']}"
        for book in found.books
        for run in book.runs
        if run.summary["outcome"] != "complete"
    ]
    said += [f"{book.label}: {book.scenario.hypothetical}" for book in found.books if book.scenario.hypothetical]
    return said


def to_json(found: SideBySide) -> dict[str, Any]:
    """As ``--json`` prints it."""
    return {
        "question": found.question,
        "seeds": list(found.seeds),
        "confidence": CONFIDENCE,
        "venues": [
            {
                "label": book.label,
                "title": book.title,
                "sourced": book.sourced,
                "assumed": book.assumed,
                "usd_per_million": [{"seed": b.seed, **b.parts} for b in book.bills],
                "shortfall_runs": book.hit,
            }
            for book in found.books
        ],
        "rows": [vars(row) for row in rows(found)],
        "notes": notes(found),
    }


def page(found: SideBySide) -> str:
    """One HTML page that needs no network."""
    drawn = io.BytesIO()
    picture_of(found).savefig(drawn, format="png", dpi=150)
    picture = base64.b64encode(drawn.getvalue()).decode()
    head = "".join(f"<th>{escape(book.label)}</th>" for book in found.books)
    body = ""
    for row in rows(found):
        cells = "".join(f"<td>{escape(_value(mean, row.unit))}</td>" for mean in row.means)
        body += f"<tr><th scope=row>{escape(row.label)}</th>{cells}</tr>"
        for book, difference in zip(found.books[1:], row.differences):
            if difference is not None:
                mean, low, high = difference
                clear = "" if low <= 0 <= high else " *"
                said = f"{mean:,.3g} ({low:,.3g} to {high:,.3g}){clear}"
                label = f"{book.label} less {found.books[0].label}"
                body += (
                    f"<tr class=less><td>{escape(label)}</td><td colspan={len(found.books)}>{escape(said)}</td></tr>"
                )
    shortfalls = "".join(
        f"<tr><th scope=row>{escape(book.label)}</th><td>{escape(book.hit)}</td>"
        f"<td>{book.sourced} sourced, {book.assumed} assumed</td></tr>"
        for book in found.books
    )
    remarks = "".join(f"<li>{escape(note)}</li>" for note in notes(found))
    return f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Who pays: {escape(", ".join(book.label for book in found.books))}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}}
img{{max-width:100%}}table{{border-collapse:collapse;margin:1rem 0}}th,td{{padding:.2rem .8rem .2rem 0;text-align:right}}
th[scope=row],td:first-child{{text-align:left;font-weight:normal}}.less td{{color:#555;font-size:.9em}}thead th{{border-bottom:1px solid #999}}</style>
<h1>{escape(title(found))}</h1><p>{escape(found.question)} The same luck under {len(found.books)} rulebooks, {len(found.seeds)} seed{"s" * (len(found.seeds) > 1)} each.</p>
<img alt="{escape(title(found))}" src="data:image/png;base64,{picture}">
<h2>Runs in which others paid</h2><table>{shortfalls}</table>
<h2>Beside the bill</h2><table><thead><tr><th scope=row></th>{head}</tr></thead><tbody>{body}</tbody></table>
<p>Means over the runs. Differences are paired by seed; all intervals hold together with 95 % (Bonferroni); * leaves zero out.</p>
<h2>Notes</h2><ul>{remarks or "<li>none</li>"}</ul></html>
"""


def write_page(found: SideBySide, folder: Path, name: str = "who-pays") -> Path:
    """Write page and picture into a folder; the page's path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture_of(found).savefig(folder / f"{name}.png", dpi=150)
        target = folder / f"{name}.html"
        target.write_text(page(found), "utf-8")
    except OSError as error:
        raise Mistake(str(folder), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}") from None
    return target
