"""The report: one HTML file that needs no network, written from a run's summary, tables and scenario.

It goes from the question to the answer, the two pictures, the numbers with what they mean, the controls on the same luck,
and last the rules, what they rest on, and how to make the run again.
"""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhours.experiments import cascade_report, news, targets
from offhours.experiments.figures import DPI, available, render, write_figures
from offhours.experiments.figures.beside import Paired, paired
from offhours.experiments.figures.payments import house_names, who_paid_title
from offhours.experiments.occasion import close_name, shock_of, sleep_of, soon_after
from offhours.experiments.scenario import scenarios
from offhours.experiments.summary_text import dollars
from offhours.experiments.words import counted, percent, share_of
from offhours.sim.given import plain_text
from offhours.sim.hours import format_new_york
from offhours.sim.knobs import knobs

if TYPE_CHECKING:
    from offhours.experiments.run import Run

Cells = Sequence[object]

FIRST = ("strip", "who_paid")
"""The pictures at the top; all others follow in the order of the registry."""

PLACED = {
    "spread": ("dominoes", "cascade", "contagion", "deleveraging"),
    "gap": ("awakening",),
    "steadiness": ("funding", "steadiness", "basis"),
}
"""The pictures that stand beside the numbers of a section."""

CAPTIONS = {
    "strip": "Above: prices, the stock's line broken while nobody can see one (asleep, or halted). Middle: positions the venue closed by force, "
    "each minute, by stage. Below: open interest by the leverage of the accounts that are long.",
    "who_paid": "Houses belong to no trader. The stock market is where makers hedge while New York trades ('broker' in the tables); "
    "the backstop is the venue's account of last resort; nobody holds what no one could pay.",
    "price": "Stock (broken while nobody can see it), index, mark and perp.",
    "depth": "Dollars that rest within 50 basis points of the mark, to buy (bids) and to sell (asks).",
    "spread": "Distance between best bid and best ask, in basis points of their middle.",
    "funding": "What longs pay shorts an hour, in basis points of the position, with the venue's cap.",
    "basis": "Perp and token beside the stock while it has a price, and the perp beside the index at all times.",
    "leverage": "Open interest by the leverage of the accounts that hold it.",
    "liquidation_map": "At which prices positions were taken from their owners.",
    "waterfall": "What was missing when positions left their owners, and who paid it.",
    "flows": "Dollars received and paid at the venue, by group and kind of flow.",
    "controls": "The same luck with one thing changed.",
    "dominoes": "The mark around the news, and thin the same luck with nobody liquidated. What lies between is "
    "the work of liquidations.",
    "cascade": "A case is an account's liquidation. It counts as forced by others where their forced trades of the same ticker "
    "and side came before it in its wave, the mark had moved on since, and the market without liquidations did not get there "
    "within the hour.",
    "contagion": "On the diagonal an account's heaviest position was closed; beside it, others of its positions.",
    "deleveraging": "Each position that was reduced to cover somebody else's loss, as it stood before.",
    "steadiness": "How much one funding rate says about a later one.",
    "awakening": "From the stock's first price on; asleep, there is nothing to be beside.",
}

WORDS = (
    ("perp", "a future that never expires; funding keeps it near its index"),
    ("index", "the price the venue takes for the stock: here the middle of the token book"),
    ("mark", "the price that profit, margin and liquidation are reckoned at"),
    ("funding", "what longs pay shorts, or the reverse, each hour"),
    ("maintenance margin", "what an account must be worth to keep its positions"),
    ("liquidation", "the venue sells or buys back the position of an account below its maintenance margin"),
    ("zero-equity price", "the price at which nothing of an account is left"),
    ("backstop", "the account that takes over what the book did not, and pays what is missing while it has money"),
    ("shortfall", "negative worth of an account when its last position left, before anybody paid"),
    ("bad debt", "the part of the shortfall that nobody paid"),
)

STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;color:#1a1a1a;background:#fff;
max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .6rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
p{margin:.5rem 0}.small{color:#555;font-size:.9rem}.note{border-left:4px solid #d55e00;padding:.4rem .8rem;background:#fdf3ec}
img{width:100%;height:auto;display:block;margin:.8rem 0 .2rem}
.wide{overflow-x:auto}@media screen and (max-width:44rem){.wide img{width:44rem}}
h1,h2,p,code{overflow-wrap:anywhere}details{margin:.5rem 0}summary{cursor:pointer}table{border-collapse:collapse;font-size:.92rem;margin:.4rem 0;min-width:50%}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{background:#f2f2f2;padding:.1rem .3rem}
tr.more td{color:#555;font-size:.95em}tr.more td:first-child{padding-left:1rem}
@media print{body{max-width:none;padding:0;font-size:10.5pt}h2{break-after:avoid}img,tr{break-inside:avoid}.wide{overflow:visible}}
"""


def write_report(run: Run, folder: str | Path) -> Path:
    """Write ``report.html`` and the figures into a run's folder; returns the file."""
    place = Path(folder)
    drawn = {file.stem: file.read_bytes() for file in write_figures(run, place)}
    file = place / "report.html"
    file.write_text(page(run, drawn), encoding="utf-8", newline="\n")
    return file


def page(run: Run, drawn: Mapping[str, bytes] | None = None) -> str:
    """The whole report as text; `drawn` are pictures that exist already, as PNG by name."""
    have = available(run)
    pictures = {name: (drawn or {}).get(name) or _png(run, name) for name in have}
    elsewhere = {*FIRST, *(name for names in PLACED.values() for name in names)}

    def placed(section: str) -> str:
        return "".join(_picture(name, pictures[name]) for name in PLACED[section] if name in have)

    parts = [
        f'<p class="small">{escape(run.scenario.name)}, seed {run.seed}; times are New York, money is US dollars</p>',
        f"<h1>{escape(run.scenario.question)}</h1>",
        *_notices(run),
        *(f"<p>{escape(sentence)}</p>" for sentence in answer(run)),
        *(_picture(name, pictures[name]) for name in FIRST if name in have),
        _section("The numbers", _numbers(run)),
        *(targets.page_part(of, {run.scenario.rules.venue.name: [run.summary]}) for of in [run.scenario.targets] if of),
        _section("How large this market was", _regime(run)),
        _section("Who was liquidated", _liquidations(run)),
        _section("How liquidations spread", _told(cascade_report.spread(run)) + placed("spread")),
        _section("What the gap left to be known", _told(cascade_report.gap(run)) + placed("gap")),
        _section("How steady funding and basis were", _told(cascade_report.steadiness(run)) + placed("steadiness")),
        *(_section("The same luck, one thing changed", _controls(run)) for _ in [1] if run.summary.get("controls")),
        _section("More pictures", "".join(_picture(name, pictures[name]) for name in have if name not in elsewhere)),
        _section("What differs from the venue's own rules", _differences(run)),
        _section("What the numbers rest on", _basis(run)),
        _section("Ten words", _table((), WORDS)),
        _section("Make it again", _provenance(run)),
    ]
    title = escape(f"{run.scenario.name}, seed {run.seed}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def answer(run: Run) -> list[str]:
    """The run in a few sentences, computed from its summary and tables."""
    s = run.summary
    own, first, sleep, move = s["liquidations"], s["first_price"], sleep_of(run), news.given_move(run)
    if move is not None:
        what = news.sentence(run, move)
    elif first is not None and sleep is not None and sleep.change_pct is not None and s["gap"]["stock_pct"] is not None:
        what = (
            f"{s['headline']}'s stock had no price for {sleep.hours:.0f} hours; its first one, ${sleep.price_usd:,.2f}, was "
            f"{percent(sleep.change_pct)} from {sleep.close_name}, and at the opening bell it stood "
            f"{percent(s['gap']['stock_pct'])} from {sleep.close_name}, the perp {percent(s['gap']['perp_open_gap_pct'])}."
        )
    else:
        what = f"{s['headline']} traded through the measured time without a closed week-end."
    soon = s["liquidated_within_90_s_of_first_price"]
    who = (
        f"{counted(own['accounts'], 'account')} {'was' if own['accounts'] == 1 else 'were'} liquidated in "
        f"{counted(own['count'], 'forced trade or takeover').replace('trade or takeovers', 'trades or takeovers')}, "
        f"{dollars(own['notional_usd'])} in all"
    )
    if own["count"] == 0:
        who = "Nobody was liquidated"
    elif soon is not None and sleep is not None and move is None:
        number, total = soon_after(run, sleep.until_us)
        within = "within 90 seconds of the stock's first price"
        who += f"; {share_of(number, total)} of their number and {100 * soon:.0f} % of the dollars {within}"
    who += "."
    paid = [f"{PAYERS.get(name, (name, ''))[0]} {dollars(value)}" for name, value in s["paid_by_usd"].items() if value]
    missing = s["shortfall_usd"]
    if missing == 0:
        whole = "Nothing was missing: every position left its owner with money to spare"
    else:
        whole = f"{dollars(missing)} was missing; paid by {', '.join(paid) or 'nobody'}, unpaid {dollars(s['bad_debt_usd'])}"
    moved = who_paid_title(s["pnl_usd"], house_names(run))
    cut = news.reduced(run)
    return [what, who, *([cut] if cut else []), f"{whole}; in all, {moved[:1].lower()}{moved[1:]}."]


def _notices(run: Run) -> Iterable[str]:
    s = run.summary
    if s["hypothetical"]:
        yield f'<p class="note">{escape(s["hypothetical"][:1].upper() + s["hypothetical"][1:])}.</p>'
    if s["outcome"] != "complete":
        yield f'<p class="note">Outcome: {escape(str(s["outcome"]))}.</p>'
    if s["audit"] or s["conservation_error"]:
        broken = "; ".join(s["audit"]) or f"{s['conservation_error']} micro-units were made or lost"
        yield f'<p class="note">A law of the ledger is broken: {escape(broken)}.</p>'


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}" if body else ""


def _table(head: Cells, rows: Iterable[Cells], numeric: Iterable[int] = ()) -> str:
    """A table; the columns named in `numeric` stand to the right."""
    right = set(numeric)

    def row(cells: Cells, tag: str) -> str:
        marked = (f"<{tag}{' class=n' if i in right else ''}>{escape(str(c))}</{tag}>" for i, c in enumerate(cells))
        # Two blanks before a row's name: it says more of the row above.
        return f"<tr{' class=more' if str(cells[0]).startswith('  ') else ''}>{''.join(marked)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="wide"><table>{row(head, "th") if head else ""}{body}</table></div>' if body else ""


def _told(told: cascade_report.Told) -> str:
    """Sentences and tables; numbers stand to the right."""
    body = "".join(f"<p>{escape(sentence)}</p>" for sentence in told.sentences)
    for head, rows in told.tables:
        last = 1 if not head else len(head) - 1
        body += _table(head, rows, numeric=range(1, last + 1))
    return body


def _png(run: Run, name: str) -> bytes:
    buffer = io.BytesIO()
    render(run, name).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _picture(name: str, png: bytes) -> str:
    """A figure inside the file; a narrow screen scrolls it sideways."""
    code = base64.b64encode(png).decode()
    caption = f'<p class="small">{escape(CAPTIONS[name])}</p>' if name in CAPTIONS else ""
    image = f'<img alt="{escape(name.replace("_", " "))}" src="data:image/png;base64,{code}">'
    return f'<div class="wide">{image}</div>{caption}'


def _deleveraged(adl: dict[str, Any] | None) -> tuple[str, str, str]:
    """The row of auto-deleveraging."""
    what = "winners reduced to cover losers"
    if adl is None:
        return ("auto-deleverage", "none", f"{what}: this venue does not")
    if adl["count"] == 0:
        return ("auto-deleverage", "$0", f"{what}, at {adl['price']}: it did not come to that")
    return (
        "auto-deleverage",
        dollars(adl["notional_usd"]),
        f"{what}, at {adl['price']}: {adl['count']:,} cuts of {adl['accounts']:,} accounts",
    )


def _bp(value: float | None) -> str:
    return "none" if value is None else f"{value:+.3f} bp an hour".replace("-", "−")


def _numbers(run: Run) -> str:
    from offhours.experiments.measure import news_of

    s = run.summary
    rates, alone, own, sleep = s["funding"], s["gap_alone"], s["liquidations"], sleep_of(run)
    rows: list[Cells] = []
    if sleep is not None and sleep.change_pct is not None:
        when = format_new_york(sleep.until_us)
        rows += [
            ("time without a stock price", f"{sleep.hours:.0f} h", f"until {when[:20]} New York"),
            ("first stock price", f"${sleep.price_usd:,.2f}", f"{percent(sleep.change_pct)} from {sleep.close_name}"),
        ]
    if s["gap"]["stock_pct"] is not None:
        rows += [
            ("stock, close to open", percent(s["gap"]["stock_pct"], 2), f"{s['headline']}, to the opening bell"),
            ("perp, close to open", percent(s["gap"]["perp_open_gap_pct"], 2), "what it had priced in at that bell"),
        ]
    people = sum(group.count for group in run.scenario.groups)
    rows += [
        (
            "accounts liquidated",
            f"{own['accounts']:,} of {people:,}",
            "traders of whom the venue closed something by force",
        ),
        ("liquidated", dollars(own["notional_usd"]), f"value of {own['count']:,} forced trades and takeovers"),
        ("shortfall", dollars(s["shortfall_usd"]), "missing when positions left their owners, before anybody paid"),
        *(
            (f"paid by {name}", dollars(value), PAYERS[name][1])
            for name, value in s["paid_by_usd"].items()
            if value is not None
        ),
        ("bad debt", dollars(s["bad_debt_usd"]), "what nobody paid: the shortfall less what was paid, exactly"),
        ("takeover result", dollars(s["takeover_pnl_usd"]), "what the backstop made or lost on positions it took over"),
        _deleveraged(s["adl"]),
        (
            "funding, mean",
            _bp(rates["mean_bp"]),
            f"{s['headline']}, over {rates['intervals']} intervals; plus: longs paid",
        ),
    ]
    if rates["mean_bp"] is not None:
        rows += [
            ("funding, spread", f"{rates['std_bp']:.3f} bp an hour", "standard deviation"),
            ("funding, a year", percent(rates["annual_pct"]), "the mean, kept up for a year"),
            (
                "funding at its cap",
                f"{round(rates['share_at_cap'] * rates['intervals'])} of {rates['intervals']} intervals",
                "as high or low as the venue lets it go",
            ),
        ]
    if alone is not None:
        news, shock = news_of(run.scenario), shock_of(run)
        close = "the close" if news is None else close_name(news[0])
        why = f"open positions at {close}, moved by the gap without any impact of their own"
        if shock is not None:
            why = (
                "open positions before the given move, moved at once to where it ended, without any impact of their own"
            )
        what = "gap" if shock is None else "move"
        rows += [
            (f"the {what} alone would liquidate", dollars(alone["liquidated_usd"]), why),
            (f"the {what} alone would bankrupt", dollars(alone["bankrupt_usd"]), "the same"),
        ]
    rows.append(("money made or lost", f"{s['conservation_error']} micro-units", "over all accounts and assets: 0"))
    return _table(("", "", "what it means"), rows, numeric=(1,))


def _regime(run: Run) -> str:
    rows = []
    for row in run.summary["regime"]["rows"]:
        stated = (
            "" if row["low"] is None else f"{_amount(row['what'], row['low'])} to {_amount(row['what'], row['high'])}"
        )
        verdict = {True: "inside", False: "outside", None: ""}[row["inside"]]
        rows.append((row["meaning"], _amount(row["what"], row["own"]), stated, verdict))
    name = run.summary["regime"]["name"]
    return _table(("", "this run", f"regime '{name}'", ""), rows, numeric=(1, 2))


def _amount(what: str, value: float | None) -> str:
    if value is None:
        return "none"
    if what.endswith("_usd"):
        return dollars(value)
    if what.endswith("_bp"):
        return f"{value:.1f} bp"
    if what.endswith("_share"):
        return f"{100 * value:.1f} %"
    if what.endswith("_minutes"):
        return f"{value:,.0f} min"
    return f"{value:,.1f}"


def _liquidations(run: Run) -> str:
    s = run.summary["liquidations"]
    stages = [
        (name, f"{of['count']:,}", dollars(of["notional_usd"])) for name, of in s["by_stage"].items() if of["count"]
    ]
    by_stage = _table(("stage", "trades", "dollars"), stages, numeric=(1, 2))
    frame = run.tables().get("liquidations")
    if frame is None or frame.empty:
        return by_stage
    people = run.tables()["accounts"]
    group_of = dict(zip(people["account"], people["group"]))
    acts = frame[frame["value_usd"].abs() > 0]
    largest = acts.reindex(acts["value_usd"].abs().sort_values(ascending=False).index).head(10)
    rows = [
        (
            _clock(row["time_utc"]),
            group_of.get(row["account"], ""),
            row["ticker"],
            row["stage"],
            row["side"],
            f"{row['size_shares']:,.2f}",
            dollars(abs(row["value_usd"])),
            f"${row['price_usd']:,.2f}",
            f"${row['mark_usd']:,.2f}",
        )
        for row in largest.to_dict("records")
    ]
    head = ("when", "group", "ticker", "stage", "side", "shares", "dollars", "price", "mark")
    title = '<p class="small">The ten largest trades of the engine:</p>'
    return by_stage + title + _table(head, rows, numeric=(5, 6, 7, 8))


def _clock(when: Any) -> str:
    return format_new_york(int(when.value // 1000) if hasattr(when, "value") else int(when))[:23]


def _controls(run: Run) -> str:
    names = ",".join(("none", *run.summary["controls"]))
    body = (
        "<p>One seed gives differences without an interval: they do not say how far luck alone would carry them. "
        f"<code>offhours compare {escape(_called(run))} --vary control={escape(names)} --seeds 8</code> gives intervals.</p>"
    )
    columns: dict[str, dict[str, Paired]] = {}
    for control, own in run.summary["controls"].items():
        if own["outcome"] != "complete":
            body += f'<p class="note">{escape(control)}: {escape(str(own["outcome"]))}.</p>'
        if "funding" in own:
            columns[control] = {p.name: p for p in paired(run.summary, control)}
    names_of = list(dict.fromkeys(name for rows in columns.values() for name in rows))
    table: list[Cells] = []
    for name in names_of:
        known = {control: rows[name] for control, rows in columns.items() if name in rows}
        first = next(iter(known.values()))
        values = [known[control].text(known[control].other) if control in known else "none" for control in columns]
        apart = [_difference(known[control]) if control in known else "" for control in columns]
        table += [(name, first.text(first.own), *values), ("  this run less the control", "", *apart)]
    head = ("", "this run", *columns)
    return body + _table(head, table, numeric=range(1, len(head)))


def _difference(row: Paired) -> str:
    """This run's number less the control's; percentages differ by points."""
    apart = row.own - row.other
    text = row.text(apart).replace(" %", " points")
    return "the same" if row.own == row.other else text if apart <= 0 or text.startswith("+") else f"+{text}"


def _called(run: Run) -> str:
    """How a command names the run's scenario."""
    name = run.scenario.name
    return name if name in scenarios() else f"{name}.toml"


def _differences(run: Run) -> str:
    rows = [(d.name, d.ticker or "all", d.venue_text, d.text) for d in run.scenario.differences()]
    if not rows:
        return "<p>Nothing.</p>"
    return _table(("knob", "ticker", "the venue's", "here"), rows)


PAYERS = {
    "backstop": ("the backstop", "out of its own capital"),
    "pool": ("the pool", "out of its own capital"),
    "insurance fund": ("the insurance fund", "out of its own capital"),
    "auto-deleverage": ("winners by ADL", "those whose positions were closed at a price worse than the mark"),
    "socialised": ("all in profit", "what no candidate of ADL could take, shared among those with a profit"),
}
"""Whoever pays a shortfall: in a sentence, and where the money comes from."""

KINDS = {
    "rule": "from a document of the venue",
    "measured": "measured on data",
    "literature": "from the literature",
    "chosen": "chosen with a reason",
    "assumed": "assumed for want of a document",
    "scenario": "set by the scenario or for this run",
}
"""What a setting can rest on, as it is said of a number of them."""


def _kind(layer: str, source: str, assumed: bool) -> str:
    if assumed:
        return "assumed"
    if layer in ("scenario", "set"):
        return "scenario"
    word = source.partition(":")[0]
    return word if word in KINDS else "rule"


def _basis(run: Run) -> str:
    """How many of the headline's settings rest on what; those that rest on a judgement, one by one."""
    rules, headline, known = run.scenario.rules, run.scenario.headline, knobs()
    counts, judged = dict.fromkeys(KINDS, 0), []
    for (ticker, name), setting in rules.settings.items():
        if ticker != headline:
            continue
        source = setting.origin.source or (known[name].knob.basis if name in known else "")
        kind = _kind(setting.origin.layer, source, setting.origin.assumed)
        counts[kind] += 1
        if kind in ("chosen", "assumed"):
            judged.append((name, setting.text, source.removeprefix(f"{kind}:").strip()))
    counts_in_words = ", ".join(f"{count} {KINDS[kind]}" for kind, count in counts.items() if count)
    rows = _table(("knob", "value", "why"), judged)
    return (
        f"<p>Rulebook: {escape(rules.title)}, of {rules.venue.effective}. Of {sum(counts.values())} settings of {escape(headline)}'s "
        f"market, {escape(counts_in_words)}. <code>offhours scenarios {escape(_called(run))} --basis</code> prints the source of "
        f"each, the traders' included.</p><details><summary>The {len(judged)} that rest on a judgement</summary>{rows}</details>"
    )


def _provenance(run: Run) -> str:
    s = run.summary
    changes = "".join(f" --set {shlex.quote(f'{name}={plain_text(value)}')}" for name, value in run.scenario.changes)
    rows = [
        ("command", f"offhours run {shlex.quote(_called(run))} --seed {run.seed}{changes}"),
        ("scenario digest", s["digest"]),
        ("tape, SHA-256", s["tape_sha256"]),
        ("version", s["version"]),
    ]
    return _table((), rows) + (
        "<p>The folder of this report holds all that is needed: <code>offhours reproduce FOLDER</code> makes the run again from "
        "its <code>provenance.json</code> and says whether it is identical.</p>"
    )
