"""The page and the figure "Who pays": what :mod:`who_pays` found, for reading."""

from __future__ import annotations

import base64
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments import targets
from offhours.experiments.figures.axes import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, draw_title
from offhours.experiments.intervals import CONFIDENCE, interval_of_mean
from offhours.experiments.metrics.gaps import AGREE_PCT
from offhours.experiments.who_pays import (
    CENT,
    LATER,
    NOBODY,
    ORDER,
    OWN,
    PROVIDERS,
    VAULT_LATER,
    Bill,
    Row,
    Rulebook,
    SideBySide,
    rows,
    worst_bills,
    worst_of,
)
from offhours.experiments.who_pays import counted as runs_counted
from offhours.experiments.words import counted, dollars, listed, tick_dollars
from offhours.sim.hours import format_new_york, new_york_date
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    OWN: "#D0D0D0",
    PROVIDERS: SKY,
    VAULT_LATER: BLUE,
    "vault": BLUE,
    "liquidity pool": GREEN,
    "insurance fund": ORANGE,
    "winners by ADL": VERMILLION,
    "socialised": PURPLE,
    NOBODY: BLACK,
}
"""Colour of a payer."""


# Words ---------------------------------------------------------------------------------------------------------------


def _mean(book: Rulebook, name: str) -> float:
    return book.mean(lambda own: own.parts.get(name, 0.0))


def _shared(books: Sequence[Rulebook]) -> list[Rulebook]:
    """The same with those seeds alone that all have; as they are, where they share none."""
    seeds = set.intersection(*({own.seed for own in book.bills} for book in books))
    return (
        [replace(book, runs=[run for run in book.runs if run.seed in seeds]) for book in books]
        if seeds
        else list(books)
    )


def title(found: SideBySide) -> str:
    """The finding: where others than the liquidated accounts bear most and least, and who bears most of the most.

    Where runs were lost it is told from the seeds that all have.
    """
    known = [book for book in found.books if book.bills]
    if len(known) < 2:
        return "Who pays: fewer than two have a run, so nothing can be compared"
    known = _shared(known)
    cost = {book.label: book.mean(lambda own: own.others) for book in known}
    most, least = max(known, key=lambda b: cost[b.label]), min(known, key=lambda b: cost[b.label])
    what = "policies" if found.policies else "rulebooks"
    if cost[most.label] < CENT:
        return f"Under {len(cost)} {what} the margin of the liquidated accounts pays all: others pay and lose nothing"
    payer = max((name for name in most.payers if name != OWN), key=lambda name: _mean(most, name))
    share = _mean(most, payer) / cost[most.label]
    whom = f"{'all' if share > 0.995 else f'{100 * share:.0f} %'} of it {_BORNE.get(payer, f'paid by the {payer}')}"
    if cost[most.label] - cost[least.label] < CENT:
        return f"Under {len(cost)} {what} others bear the same, {dollars(cost[most.label])} per $1M of open interest, {whom}"
    rest = "nothing" if cost[least.label] < CENT else dollars(cost[least.label])
    return f"{most.label} costs others {dollars(cost[most.label])} per $1M of open interest, {whom}; {least.label} {rest}{_within_chance(most, least)}"


_BORNE = {
    PROVIDERS: "lost by providers on what they took",
    VAULT_LATER: "lost by the vault on what it took",
    "winners by ADL": "paid by winners by ADL",
    "socialised": "shared among all in profit",
    NOBODY: "paid by nobody",
}
"""How a payer bears his part, where that is not `paid by the ...`."""


def _within_chance(most: Rulebook, least: Rulebook) -> str:
    """A remark where the runs do not tell the two apart."""
    one, other = ({own.seed: own.others for own in book.bills} for book in (most, least))
    around = interval_of_mean([one[seed] - other[seed] for seed in one.keys() & other.keys()])
    if around is None:
        return " (one seed)"
    return " (too few seeds to tell them apart)" if around[0] <= 0 <= around[1] else ""


def _value(value: float | None, unit: str) -> str:
    """A number for reading, with its unit."""
    if value is None:
        return "none"
    if unit == "USD":
        return dollars(value)
    if unit == "share":
        return f"{100 * value:.1f} %".replace("-", "−")
    texts = {"min": f"{value:,.0f} min", "%": f"{value:,.2f} %", "bp/h": f"{value:,.3f} bp/h", "number": f"{value:.2f}"}
    return texts.get(unit, f"{value:,.1f}".removesuffix(".0")).replace("-", "−")


def _difference(row: Row, place: int) -> str:
    """A difference with its interval: "−$3.00 (−$5.00 to −$1.00) *"."""
    found = row.differences[place]
    if found is None:
        return ""
    if found == (0.0, 0.0, 0.0):
        return "the same in every run"
    mean, low, high = (_value(value, row.unit) for value in found)
    nothing = not any(digit in "123456789" for digit in mean)
    mean = mean.removeprefix("−") if nothing else mean
    sign = "+" if found[0] > 0 and not nothing else ""
    star = " *" if not found[1] <= 0 <= found[2] else ""
    bare = row.unit not in ("USD", "share")
    unit = f" {row.unit}" if bare and row.unit not in ("count", "number") else ""
    if unit:
        mean, low, high = (text.removesuffix(unit) for text in (mean, low, high))
    return f"{sign}{mean} ({low} to {high}){unit}{star}"


def _per(found: SideBySide) -> str:
    """What a bill is per, and of which instant: "USD per $1M of open interest at the close, Fri 2026-03-06 16:00 New York"."""
    from offhours.experiments.measure import news_of, window_of

    own = found.books[0].scenario
    news, window = news_of(own), window_of(own)
    when = "at the close" if news is not None and news == window else "as the move begins" if news else "at first"
    at_us = news[0] if news else own.measure_from_us
    return f"USD per $1M of open interest {when}, {format_new_york(at_us)[:20]} New York"


def _named(found: SideBySide, book: Rulebook) -> str:
    """A rulebook's label, with how many seeds it has where others have more."""
    have = len(book.runs)
    return (
        book.label
        if have == max(len(other.runs) for other in found.books)
        else f"{book.label} ({have} of {len(found.seeds)})"
    )


def _ran(found: SideBySide) -> str:
    """How many runs there are, where they are not all that were asked for."""
    have = [len(book.runs) for book in found.books]
    return f"{min(have)} to {max(have)} of {len(found.seeds)}" if min(have) < max(have) else f"{max(have)} of {len(found.seeds)}"  # fmt: skip


def notes(found: SideBySide) -> list[str]:
    """What a reader must know."""
    said = []
    if found.interrupted:
        said.append(f"interrupted: {_ran(found)} seeds were done; the same command goes on from there")
    if found.left_out:
        said.append(f"left out of the scenario, so that each venue's own rule stands: {', '.join(found.left_out)}")
    if len(found.seeds) == 1:
        said.append("one seed: no interval can be given")
    said += _failed(found)
    if found.policies and not any(run.summary["adl"] and run.summary["adl"]["count"] for book in found.books for run in book.runs):  # fmt: skip
        said.append("nobody was reduced by ADL in any run, so the policies could not differ")
    outcomes: dict[tuple[str, str], int] = {}
    for book in found.books:
        for run in book.runs:
            if run.summary["outcome"] != "complete":
                key = book.label, str(run.summary["outcome"]).partition(" at ")[0]
                outcomes[key] = outcomes.get(key, 0) + 1
    said += [f"{label}: {outcome} in {counted(count, 'run')}" for (label, outcome), count in outcomes.items()]
    later = {book.title: book.scenario.rules.venue.effective for book in found.books if book.scenario.hypothetical}
    if later:
        dated = listed([f"{title} of {effective}" for title, effective in later.items()])
        said.append(f"hypothetical: the scenario begins to be measured on {_day(found)}, and these rulebooks are of other days: {dated}")  # fmt: skip
    return said


def _day(found: SideBySide) -> str:
    return new_york_date(found.books[0].scenario.measure_from_us).isoformat()


def _failed(found: SideBySide) -> list[str]:
    """Runs that were lost, those of one reason in one sentence."""
    together: dict[tuple[str, str], list[int | None]] = {}
    for failure in found.failures:
        together.setdefault((failure.label, failure.sentence), []).append(failure.seed)
    said = []
    for (label, sentence), seeds in together.items():
        if None in seeds:
            said.append(f"{label} is left out: {sentence}")
        else:
            which = listed([str(seed) for seed in sorted(seed for seed in seeds if seed is not None)])
            said.append(f"{label}: {counted(len(seeds), 'run')} of {len(found.seeds)} lost (seed{'s' * (len(seeds) > 1)} {which}): {sentence}")  # fmt: skip
    return said


def lines(found: SideBySide) -> list[str]:
    """The comparison for a terminal."""
    text = [found.question, title(found), ""]
    for book in found.books:
        bills = book.bills
        said = f"{_named(found, book)}: sourced {book.sourced}, assumed {book.assumed}; a shortfall in {book.hit}"
        text.append(said)
        if bills:
            shown = [(name, _mean(book, name)) for name in book.payers]
            text += [f"    {name:<28} {dollars(value):>10}" for name, value in shown if name in (OWN, NOBODY) or value >= CENT]  # fmt: skip
    text += ["", f"above: mean over the runs, {_per(found)}", ""]
    for row in rows(found):
        means = "; ".join(f"{b.label} {_value(m, row.unit)}" for b, m in zip(found.books, row.means))
        text.append(f"{row.label}: {means}")
        for place, book in enumerate(found.books[1:]):
            difference = _difference(row, place)
            if difference:
                text.append(f"    {book.label} less {found.books[0].label}: {difference}")
    text.append(_SIMULTANEOUS)
    aimed = targets.side_by_side(found.books)
    if aimed is not None:
        text += ["", *targets.lines(*aimed), ""]
    return text + [f"note: {note}" for note in notes(found)]


_SIMULTANEOUS = f"Differences are paired by seed; all intervals hold together with {100 * CONFIDENCE:.0f} % (Bonferroni); * leaves zero out."


def to_json(found: SideBySide) -> dict[str, Any]:
    """As ``--json`` prints it."""
    aimed = targets.side_by_side(found.books)
    return {
        "question": found.question,
        "finding": title(found),
        "seeds": list(found.seeds),
        "interrupted": found.interrupted,
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
        "targets": None
        if aimed is None
        else {label: targets.to_json(aimed[0], own) for label, own in aimed[1].items()},
        "notes": notes(found),
    }


# The figure ----------------------------------------------------------------------------------------------------------


def picture_of(found: SideBySide, narrow: bool = False) -> Figure:
    """The figure, drawn; `narrow` for a telephone, below a heading of its own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 2.4 + 0.9 * len(found.books)) if narrow else (10, 2.0 + 0.95 * len(found.books)), layout="constrained")  # fmt: skip
    draw(found, figure.subplots(), narrow)
    return figure


def draw(found: SideBySide, ax: Axes, narrow: bool = False) -> Axes:
    """One bar a rulebook: mean bill by payer, whisker on the total; a thin bar below for the worst 1 % of runs."""
    labelled: list[str] = []
    reach = 0.0
    for place, book in enumerate(found.books):
        bills = book.bills
        if not bills:
            ax.text(0, place, " no run came to its end", va="center", fontsize=9)
            continue
        around = interval_of_mean([b.total for b in bills])
        whole = book.mean(lambda own: own.total)
        end = whole if around is None else around[1]
        _bar(ax, book, bills, place, 0.42, labelled)
        if around is not None:
            ax.plot((max(0.0, around[0]), end), (place, place), color=BLACK, linewidth=1.2, solid_capstyle="butt")
            for edge in (max(0.0, around[0]), end):
                ax.plot((edge, edge), (place - 0.1, place + 0.1), color=BLACK, linewidth=1.2)
        _total(ax, end, place, whole, 9)
        if len(bills) > 1:
            bad = worst_bills(bills)
            far = sum(b.total for b in bad) / len(bad)
            _bar(ax, book, bad, place + 0.34, 0.12, labelled)
            _total(ax, far, place + 0.34, far, 7.5)
            end = max(end, far)
        reach = max(reach, end)
    for place, book in enumerate(found.books):
        ax.annotate(f"{book.sourced} / {book.assumed}", (1.0, place), xycoords=("axes fraction", "data"), ha="right", va="center", fontsize=9)  # fmt: skip
    ax.annotate("sourced /\nassumed", (1.0, -0.62), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color="#555555")  # fmt: skip
    ax.set_yticks(
        range(len(found.books)), [textwrap.fill(_named(found, book), 11 if narrow else 22) for book in found.books]
    )
    ax.set_ylim(len(found.books) - 0.4, -0.75)
    # Room for a total behind the longest bar, and for the column of evidence.
    wide = (1.65 if narrow else 1.28) * (reach or 1.0)
    ax.set_xlim(0, wide)
    ax.set_xlabel(
        "\n".join(textwrap.fill(line, 52 if narrow else 130) for line in _axis_label(found)), parse_math=False
    )
    ax.locator_params(axis="x", nbins=4 if narrow else 8)
    ax.xaxis.set_major_formatter(lambda value, _: tick_dollars(value, wide))
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.label.set_fontsize(9)
    figure: Any = ax.figure
    if labelled:
        handles, labels = ax.get_legend_handles_labels()
        ordered = sorted(zip(handles, labels), key=lambda of: ORDER.index(of[1]))
        figure.legend([h for h, _ in ordered], [text for _, text in ordered], loc="outside lower left", ncols=2 if narrow else 4, frameon=False, fontsize=8.5)  # fmt: skip
    if not narrow:
        draw_title(ax, title(found), left=1.4)
    return ax


def _bar(ax: Axes, book: Rulebook, bills: Sequence[Bill], centre: float, height: float, labelled: list[str]) -> None:
    """A stack of payers, the mean of some bills."""
    left = 0.0
    for payer in book.payers:
        width = sum(b.parts.get(payer, 0.0) for b in bills) / len(bills)
        if width <= 0:
            continue
        name = None if payer in labelled else payer
        if name is not None:
            labelled.append(payer)
        hatch = "////" if payer in LATER else None
        ax.barh(centre, width, height, left=left, color=COLOURS[payer], hatch=hatch, edgecolor="white", linewidth=0.4, label=name)  # fmt: skip
        left += width


def _total(ax: Axes, end: float, place: float, value: float, size: float) -> None:
    ax.annotate(dollars(value), (end, place), (4, 0), textcoords="offset points", va="center", fontsize=size, parse_math=False)  # fmt: skip


def _axis_label(found: SideBySide) -> list[str]:
    have = max((len(book.bills) for book in found.books), default=0)
    if have < 2:
        return [_per(found), "one seed, so no whisker"]
    return [
        _per(found),
        f"bar: mean of {have} seeds; whisker: 95 % interval of its total; thin bar: {worst_of(have)} for others",
    ]


# The page ------------------------------------------------------------------------------------------------------------

STYLE = """body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;max-width:66rem;margin:0 auto;
padding:1.5rem 1rem 4rem;color:#1a1a1a;background:#fff}:root{color-scheme:light}
h1{font-size:1.5rem;line-height:1.3}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}img{width:100%;height:auto}.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;margin:.4rem 0}th,td{padding:.25rem .9rem .25rem 0;text-align:right;
vertical-align:top;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums;white-space:nowrap}
th[scope=row]{text-align:left;font-weight:normal;white-space:normal;position:sticky;left:0;background:#fff;min-width:9rem}thead th{border-bottom:1px solid #777}
small,.less th,.less td{color:#555;font-size:.85rem}.less th{padding-left:1rem!important}p{margin:.5rem 0}
@media (max-width:40rem){h1{font-size:1.25rem}th[scope=row]{min-width:6rem}}"""


def _row(name: str, cells: Sequence[str], less: bool = False) -> str:
    """A row of a table; cells are HTML."""
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f"<tr{' class=less' if less else ''}><th scope=row>{escape(name)}</th>{body}</tr>"


def _table(found: SideBySide, body: str) -> str:
    head = "".join(f"<th>{escape(_named(found, book))}</th>" for book in found.books)
    return f'<div class="wide"><table><thead><tr><th scope=row></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'  # fmt: skip


def _bill_table(found: SideBySide) -> str:
    """Each payer's part, in how many runs he paid, the total with its interval, the worst runs."""
    present = [name for name in ORDER if any(name in book.payers for book in found.books)]
    body = ""
    for name in present:
        cells = []
        for book in found.books:
            if not book.bills:
                cells.append("no run")
            elif name not in book.payers:
                cells.append("<small>not part of it</small>")
            else:
                paid = [own.parts.get(name, 0.0) for own in book.bills]
                times = "" if name == OWN else f"<br><small>{escape(runs_counted(sum(value >= CENT for value in paid), len(paid)))}</small>"  # fmt: skip
                cells.append(f"{dollars(sum(paid) / len(paid))}{times}")
        body += _row(name, cells)
    body += _row("in all", [_with_interval([own.total for own in book.bills]) for book in found.books])
    body += _row("of it shortfall", [_with_interval([own.shortfall for own in book.bills]) for book in found.books])
    body += _row("borne by others", [_with_interval([own.others for own in book.bills]) for book in found.books])
    if len(found.seeds) > 1:
        text = [f"{dollars(sum(own.others for own in bad) / len(bad))}" if (bad := worst_bills(book.bills) if book.bills else []) else "no run" for book in found.books]  # fmt: skip
        many = max((len(book.bills) for book in found.books), default=0)
        body += _row(f"borne by others, {worst_of(many)}", text)
    body += _row("runs with a shortfall", [escape(book.hit) for book in found.books])
    body += _row("values of the rulebook", [f"{book.sourced} sourced, {book.assumed} assumed" for book in found.books])
    return _table(found, body)


def _with_interval(values: Sequence[float]) -> str:
    if not values:
        return "no run"
    around = interval_of_mean(values)
    mean = dollars(sum(values) / len(values))
    if around is None or around[0] == around[1]:
        return mean
    # No bill is below nothing, whatever the form of an interval says.
    return f"{mean}<br><small>{dollars(max(0.0, around[0]))} to {dollars(around[1])}</small>"


def _measure_table(found: SideBySide) -> str:
    body = ""
    for row in rows(found):
        cells = [
            escape(_value(mean, row.unit)) + (f"<br><small>in {escape(count)}</small>" if count else "")
            for mean, count in zip(row.means, row.counts or [""] * len(row.means))
        ]
        body += _row(row.label, cells)
        differences = [_difference(row, place) for place in range(len(found.books) - 1)]
        if any(differences):
            body += _row(f"less {found.books[0].label}", ["", *map(escape, differences)], less=True)
    return _table(found, body)


def _encoded(figure: Figure) -> str:
    """A figure as a page holds it."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    return f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()}"


def page(found: SideBySide) -> str:
    """One HTML page that needs no network."""
    picture, narrow = (_encoded(picture_of(found, narrow)) for narrow in (False, True))
    remarks = "".join(f"<li>{escape(note)}</li>" for note in notes(found))
    what = "policies of auto-deleveraging" if found.policies else "rulebooks"
    seeds = "one seed" if len(found.seeds) == 1 else f"{len(found.seeds)} seeds each"
    headline = found.books[0].scenario.headline
    aimed = targets.side_by_side(found.books)
    return f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>Who pays: {escape(", ".join(book.label for book in found.books))}</title>
<style>{STYLE}</style>
<h1>{escape(title(found))}</h1><p>{escape(found.question)} The same luck under {len(found.books)} {what}, {seeds}.</p>
<picture><source media="(max-width:40rem)" srcset="{narrow}"><img alt="{escape(title(found))}" src="{picture}"></picture>
<h2>The bill, {escape(_per(found))}</h2>{_bill_table(found)}
<p><small>Means over the runs, with 95 % intervals of the mean, and in how many runs it came to that, with the 95 % interval of the probability
(Clopper and Pearson 1934). Own margin: what liquidated accounts lost from the opening to the end of their case. Shortfall: what was then missing, by
whoever paid it, or nobody. Providers and a vault pay no shortfall on what they take: what they later lost on it, beyond the margin that came with it, stands apart
(runs in which they gained count as nothing here; their result is below). Winners whose positions are closed by ADL pay where the price is worse for them than the mark; they can be
closed and pay nothing.</small></p>
<h2>Beside the bill</h2>{_measure_table(found)}
<p><small>{escape(_SIMULTANEOUS)} The mark of {escape(headline)} is wrong while it is more than {AGREE_PCT:g} % from a stock that one can see,
at full minutes. A run without a value is left out of a mean{": no Gini where nobody was cut" if found.policies else ""}.</small></p>
{targets.page_part(*aimed) if aimed is not None else ""}
<h2>Notes</h2><ul>{remarks or "<li>none</li>"}</ul></html>
"""


def file_name(scenario: str, found: SideBySide) -> str:
    """A name for the page that says what was compared."""
    labels = "-".join(book.label for book in found.books)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"who-pays_{scenario}_{labels}")[:120]


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
